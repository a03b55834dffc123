package address

import "testing"

func TestLowerCase(t *testing.T) {
	if got, err := Normalise("Jo@Example.org"); err != nil || got != "jo@example.org" {
		t.Errorf("Normalise = %q, %v", got, err)
	}
}
