package frame

import (
	"errors"
	"testing"
)

func TestTooShort(t *testing.T) {
	whole := Encode([]byte("hello"))
	for length := range whole {
		if _, err := Decode(whole[:length]); !errors.Is(err, ErrShort) {
			t.Errorf("%d bytes: err = %v, want %v", length, err, ErrShort)
		}
	}
}

func TestLeftOver(t *testing.T) {
	if _, err := Decode(append(Encode([]byte("hello")), 0)); !errors.Is(err, ErrTrailing) {
		t.Errorf("err = %v, want %v", err, ErrTrailing)
	}
}

func TestChecksum(t *testing.T) {
	whole := Encode([]byte("hello"))
	whole[3]++
	if _, err := Decode(whole); !errors.Is(err, ErrChecksum) {
		t.Errorf("err = %v, want %v", err, ErrChecksum)
	}
}
