package frame

import (
	"errors"
	"testing"
)

func TestThereAndBack(t *testing.T) {
	for _, text := range []string{"", "a", "hello"} {
		if body, err := Decode(Encode([]byte(text))); err != nil || string(body) != text {
			t.Errorf("Decode(Encode(%q)) = %q, %v", text, body, err)
		}
	}
}

func TestUnknownVersion(t *testing.T) {
	for _, version := range []byte{0, 1, 3} {
		if _, err := Decode([]byte{version, 0, 0}); !errors.Is(err, ErrVersion) {
			t.Errorf("version %d: err = %v, want %v", version, err, ErrVersion)
		}
	}
}
