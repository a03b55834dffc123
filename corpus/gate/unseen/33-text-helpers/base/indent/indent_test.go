package indent

import "testing"

func equal(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIndent1(t *testing.T) {
	equal(t, By("a\nb", "  "), "  a\n  b")
}

func TestIndent2(t *testing.T) {
	equal(t, By("a\n\nb\n", "> "), "> a\n\n> b\n")
}
