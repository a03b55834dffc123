package slug

import "testing"

func TestOf(t *testing.T) {
	if got := Of("Grün & gut!"); got != "gr-n---gut" {
		t.Error(got)
	}
}
