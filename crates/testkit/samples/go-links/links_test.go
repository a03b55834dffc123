package golinks

import (
	"errors"
	"testing"
)

func TestALinkHasOneName(t *testing.T) {
	store := NewStore()
	first, err := store.Add("https://example.org/a")
	if err != nil {
		t.Fatal(err)
	}
	again, _ := store.Add("https://example.org/a")
	other, _ := store.Add("https://example.org/b")
	if first != again || first == other || len(first) != 8 {
		t.Fatalf("names: %q, %q, %q", first, again, other)
	}
	if link, known := store.Get(first); !known || link != "https://example.org/a" {
		t.Fatalf("%q is %q", first, link)
	}
}

func TestWhatIsNoLinkIsRefused(t *testing.T) {
	for _, text := range []string{"", "example.org", "ftp://example.org/a", "https://", "http://\x7f"} {
		if _, err := NewStore().Add(text); !errors.Is(err, ErrNotALink) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
