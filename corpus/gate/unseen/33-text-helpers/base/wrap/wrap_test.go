package wrap

import "testing"

func equal(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShortText(t *testing.T) {
	equal(t, Lines("one two", 10), "one two")
}

func TestBreaks(t *testing.T) {
	equal(t, Lines("one two three", 7), "one two\nthree")
}

func TestLongWord(t *testing.T) {
	equal(t, Lines("a extraordinary b", 5), "a\nextraordinary\nb")
}

func TestUmlauts(t *testing.T) {
	equal(t, Lines("für über öl", 8), "für über\nöl")
	equal(t, Lines("ä ö ü ß", 7), "ä ö ü ß")
}
