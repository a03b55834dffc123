// Package golinks keeps links under short names that stay the same.
package golinks

import (
	"errors"
	"net/url"
	"sync"

	"github.com/google/uuid"
)

// ErrNotALink is given for what is no address of the web.
var ErrNotALink = errors.New("not a link of http or https")

// Store holds links by name. It may be used by many at once.
type Store struct {
	mu    sync.Mutex
	links map[string]string
}

// NewStore makes a store without links.
func NewStore() *Store {
	return &Store{links: map[string]string{}}
}

// Add keeps a link and gives its name: the same link always has the same one.
func (s *Store) Add(link string) (string, error) {
	parsed, err := url.Parse(link)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return "", ErrNotALink
	}
	name := uuid.NewSHA1(uuid.NameSpaceURL, []byte(link)).String()[:8]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[name] = link
	return name, nil
}

// Get gives the link of a name.
func (s *Store) Get(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	link, known := s.links[name]
	return link, known
}
