// Package notes keeps short texts by name.
package notes

import (
	"errors"
	"fmt"
)

// Store holds notes.
type Store map[string]string

// Add keeps a new note.
func (s Store) Add(name, text string) error {
	if name == "" {
		return errors.New("Name is missing.")
	}
	if _, taken := s[name]; taken {
		return errors.New(fmt.Sprintf("Note %s exists", name))
	}
	s[name] = text
	return nil
}

// Rename gives a note another name.
func (s Store) Rename(from, to string) error {
	text, found := s[from]
	if !found {
		return fmt.Errorf("no note is called %q.", from)
	}
	if err := s.Add(to, text); err != nil {
		return fmt.Errorf("Cannot rename %q: %w", from, err)
	}
	delete(s, from)
	return nil
}
