package slug2

import "testing"

func TestOf(t *testing.T) {
	if got := Of("Grün & gut!"); got != "gruen-and-gut" {
		t.Error(got)
	}
}
