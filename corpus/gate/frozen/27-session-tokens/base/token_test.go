package token

import "testing"

func TestDiffer(t *testing.T) {
	a, _ := Open("anna")
	b, _ := Open("anna")
	if a.Token == b.Token {
		t.Errorf("both sessions have the token %q", a.Token)
	}
}
