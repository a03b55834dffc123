// Package store keeps texts under names.
package store

import "errors"

var (
	// ErrTaken says that something has this name already.
	ErrTaken = errors.New("store: name is taken")
	// ErrMissing says that nothing has this name.
	ErrMissing = errors.New("store: no such name")
)

// Store keeps texts under names.
type Store struct {
	texts map[string]string
}

// New returns an empty store.
func New() *Store { return &Store{texts: map[string]string{}} }

// Put keeps text under name.
func (s *Store) Put(name, text string) { s.texts[name] = text }

// Get returns what is kept under name.
func (s *Store) Get(name string) (string, bool) {
	text, ok := s.texts[name]
	return text, ok
}

// Rename moves what is kept under one name to another.
func (s *Store) Rename(from, to string) error {
	s.texts[to] = s.texts[from]
	delete(s.texts, from)
	return nil
}
