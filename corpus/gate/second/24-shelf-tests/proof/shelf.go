// Package shelf counts what lies on a shelf. RULES.md says how.
package shelf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What can go wrong.
var (
	ErrFull    = errors.New("the shelf is full")
	ErrMissing = errors.New("there are not as many")
	ErrLine    = errors.New("the line is no count and name")
)

// Shelf holds articles.
type Shelf struct {
	capacity int
	counts   map[string]int
}

// New makes an empty shelf for so many pieces.
func New(capacity int) *Shelf {
	return &Shelf{capacity: capacity, counts: map[string]int{}}
}

// Add puts pieces on the shelf.
func (s *Shelf) Add(name string, count int) error {
	s.counts[name] += count
	if s.counts[name] > s.capacity {
		s.counts[name] = s.capacity
		return ErrFull
	}
	return nil
}

// Take takes pieces away.
func (s *Shelf) Take(name string, count int) error {
	s.counts[name] -= count
	if s.counts[name] < 0 {
		s.counts[name] = 0
		return ErrMissing
	}
	return nil
}

// Report says what there is.
func (s *Shelf) Report() string {
	text := ""
	for name, count := range s.counts {
		text += fmt.Sprintf("%d: %s\n", count, name)
	}
	return text
}

// Import adds what a list says.
func (s *Shelf) Import(list string) error {
	for _, line := range strings.Split(list, "\n") {
		number, name, _ := strings.Cut(line, " ")
		count, _ := strconv.Atoi(number)
		if err := s.Add(name, count); err != nil {
			return err
		}
	}
	return nil
}
