// Package frame packs bodies into frames: a version, the length of the body, the body, its checksum.
package frame

import "errors"

var (
	// ErrVersion says that the frame has a version that nobody knows.
	ErrVersion = errors.New("frame: unknown version")
	// ErrShort says that the frame ends too early.
	ErrShort = errors.New("frame: too short")
	// ErrTrailing says that there are bytes behind the frame.
	ErrTrailing = errors.New("frame: bytes left over")
	// ErrChecksum says that the checksum is not that of the body.
	ErrChecksum = errors.New("frame: wrong checksum")
)

const version = 2

// Encode packs a body of at most 255 bytes.
func Encode(body []byte) []byte {
	frame := append([]byte{version, byte(len(body))}, body...)
	return append(frame, checksum(body))
}

// Decode unpacks a body.
func Decode(frame []byte) ([]byte, error) {
	if len(frame) < 2 {
		return nil, ErrShort
	}
	if frame[0] != version {
		return nil, ErrVersion
	}
	end := 2 + int(frame[1])
	if end > len(frame) {
		end = len(frame)
	}
	return frame[2:end], nil
}

func checksum(body []byte) byte {
	var sum byte
	for _, b := range body {
		sum += b
	}
	return sum
}
