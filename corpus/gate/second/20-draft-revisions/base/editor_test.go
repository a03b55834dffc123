package drafts

import (
	"errors"
	"reflect"
	"testing"
)

func TestAppend(t *testing.T) {
	editor := NewEditor(NewStore())
	for _, line := range []string{"one", "two\n"} {
		if err := editor.Append("a", line); err != nil {
			t.Fatal(err)
		}
	}
	if got := editor.Lines("a"); !reflect.DeepEqual(got, []string{"one", "two"}) {
		t.Errorf("lines are %q", got)
	}
}

func TestPutRefusesStaleRevisions(t *testing.T) {
	store := NewStore()
	if err := store.Put("a", "x", 0); err != nil {
		t.Fatal(err)
	}
	if err := store.Put("a", "y", 0); !errors.Is(err, ErrStale) {
		t.Errorf("got %v", err)
	}
}
