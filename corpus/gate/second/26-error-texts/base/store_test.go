package notes

import "testing"

func TestErrors(t *testing.T) {
	store := Store{"a": "x", "b": "y"}
	for want, err := range map[string]error{
		"Name is missing.":                 store.Add("", "z"),
		"Note a exists":                    store.Add("a", "z"),
		`no note is called "c".`:           store.Rename("c", "d"),
		`Cannot rename "a": Note b exists`: store.Rename("a", "b"),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestRename(t *testing.T) {
	store := Store{"a": "x"}
	if err := store.Rename("a", "b"); err != nil || store["b"] != "x" || len(store) != 1 {
		t.Errorf("%v, %v", err, store)
	}
}
