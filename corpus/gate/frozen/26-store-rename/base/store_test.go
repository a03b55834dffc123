package store

import (
	"errors"
	"testing"
)

func filled() *Store {
	s := New()
	s.Put("a", "one")
	s.Put("b", "two")
	return s
}

func expect(t *testing.T, s *Store, name, want string) {
	t.Helper()
	if text, _ := s.Get(name); text != want {
		t.Errorf("Get(%q) = %q, want %q", name, text, want)
	}
}

func TestRename(t *testing.T) {
	s := filled()
	if err := s.Rename("a", "c"); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "c", "one")
	expect(t, s, "a", "")
}

func TestRenameToTaken(t *testing.T) {
	s := filled()
	if err := s.Rename("a", "b"); !errors.Is(err, ErrTaken) {
		t.Errorf("err = %v, want ErrTaken", err)
	}
	expect(t, s, "a", "one")
	expect(t, s, "b", "two")
}

func TestRenameMissing(t *testing.T) {
	s := filled()
	if err := s.Rename("x", "y"); !errors.Is(err, ErrMissing) {
		t.Errorf("err = %v, want ErrMissing", err)
	}
	if _, ok := s.Get("y"); ok {
		t.Error("y is there")
	}
}

func TestRenameToItself(t *testing.T) {
	s := filled()
	if err := s.Rename("a", "a"); err != nil {
		t.Error(err)
	}
	expect(t, s, "a", "one")
}
