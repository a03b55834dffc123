package frame

import (
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestDecodeV1(t *testing.T) {
	text, err := os.ReadFile("testdata/v1.hex")
	if err != nil {
		t.Fatal(err)
	}
	frame, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := DecodeV1(frame); err != nil || string(body) != "hello" {
		t.Errorf("DecodeV1 = %q, %v", body, err)
	}
	if _, err := DecodeV1(frame[:3]); !errors.Is(err, ErrShort) {
		t.Errorf("err = %v, want %v", err, ErrShort)
	}
}
