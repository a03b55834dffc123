package frame

import "bytes"

// end closes a frame of version 1.
const end = 0x7e

// DecodeV1 unpacks a body of version 1, which ends with a mark.
func DecodeV1(frame []byte) ([]byte, error) {
	if len(frame) == 0 || frame[0] != 1 {
		return nil, ErrVersion
	}
	at := bytes.IndexByte(frame, end)
	if at < 0 {
		return nil, ErrShort
	}
	return frame[1:at], nil
}
