// Package shelf counts what lies on a shelf. RULES.md says how.
package shelf

import (
	"errors"
	"fmt"
	"sort"
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
	held := 0
	for _, count := range s.counts {
		held += count
	}
	if held+count > s.capacity {
		return fmt.Errorf("%d of %s: %w", count, name, ErrFull)
	}
	s.counts[name] += count
	return nil
}

// Take takes pieces away.
func (s *Shelf) Take(name string, count int) error {
	if s.counts[name] < count {
		return fmt.Errorf("%d of %s: %w", count, name, ErrMissing)
	}
	s.counts[name] -= count
	if s.counts[name] == 0 {
		delete(s.counts, name)
	}
	return nil
}

// Report says what there is.
func (s *Shelf) Report() string {
	lines := make([]string, 0, len(s.counts))
	for name, count := range s.counts {
		lines = append(lines, fmt.Sprintf("%s: %d\n", name, count))
	}
	sort.Strings(lines)
	return strings.Join(lines, "")
}

// Import adds what a list says.
func (s *Shelf) Import(list string) error {
	next := &Shelf{capacity: s.capacity, counts: map[string]int{}}
	for name, count := range s.counts {
		next.counts[name] = count
	}
	for _, line := range strings.Split(strings.TrimSpace(list), "\n") {
		number, name, found := strings.Cut(line, " ")
		count, err := strconv.Atoi(number)
		if !found || err != nil || count <= 0 {
			return fmt.Errorf("%q: %w", line, ErrLine)
		}
		if err := next.Add(name, count); err != nil {
			return err
		}
	}
	s.counts = next.counts
	return nil
}
