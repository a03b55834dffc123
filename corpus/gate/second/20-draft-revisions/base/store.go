// Package drafts keeps texts that several people write.
package drafts

import (
	"errors"
	"sync"
)

// ErrStale says that the text was changed since it was read.
var ErrStale = errors.New("the draft was changed meanwhile")

// Draft is a text and how often it was written.
type Draft struct {
	Text     string
	Revision int
}

// Store holds drafts by their name. It may be used by many goroutines.
type Store struct {
	mu     sync.Mutex
	drafts map[string]Draft
}

// NewStore makes an empty one.
func NewStore() *Store {
	return &Store{drafts: map[string]Draft{}}
}

// Get returns the draft, or an empty one of revision 0.
func (s *Store) Get(name string) Draft {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drafts[name]
}

// Put writes the text if the draft still has the revision.
func (s *Store) Put(name, text string, revision int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drafts[name].Revision != revision {
		return ErrStale
	}
	s.drafts[name] = Draft{Text: text, Revision: revision + 1}
	return nil
}
