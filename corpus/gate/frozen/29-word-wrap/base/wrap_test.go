package wordwrap

import (
	"strings"
	"testing"
)

func TestShort(t *testing.T) {
	if got := Wrap("a b c", 10); got != "a b c" {
		t.Errorf("Wrap = %q", got)
	}
}

func TestWraps(t *testing.T) {
	want := "the quick\nbrown fox\njumps"
	if got := Wrap("the quick brown fox jumps", 10); got != want {
		t.Errorf("Wrap = %q, want %q", got, want)
	}
}

func TestCountsLettersNotBytes(t *testing.T) {
	want := "äöü ßé\nñ"
	if got := Wrap("äöü ßé ñ", 6); got != want {
		t.Errorf("Wrap = %q, want %q", got, want)
	}
}

func TestLongWordStandsAlone(t *testing.T) {
	want := "a\nlonglonglong\nb"
	if got := Wrap("a longlonglong b", 4); got != want {
		t.Errorf("Wrap = %q, want %q", got, want)
	}
}

func TestWholeBook(t *testing.T) {
	book := strings.Repeat("lorem ipsum dolor ", 20_000)
	for _, line := range strings.Split(Wrap(book, 40), "\n") {
		if len(line) > 40 {
			t.Fatalf("the line %q is too long", line)
		}
	}
}
