package records

import "testing"

func TestParse(t *testing.T) {
	got, err := Parse([]byte("\x02ab\x00\x01c"))
	if err != nil || len(got) != 3 || string(got[0]) != "ab" || string(got[1]) != "" || string(got[2]) != "c" {
		t.Errorf("Parse = %q, %v", got, err)
	}
}

func TestTruncated(t *testing.T) {
	defer func() {
		if reason := recover(); reason != nil {
			t.Errorf("panic: %v", reason)
		}
	}()
	Parse([]byte("\x02ab\x05xy"))
}
