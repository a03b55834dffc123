// Package inventory counts what is in store.
package inventory

import "fmt"

// Stock is what is there.
type Stock struct {
	counts map[string]int
}

// New returns a stock with these counts.
func New(counts map[string]int) *Stock { return &Stock{counts: counts} }

// Count returns how many there are.
func (s *Stock) Count(name string) int { return s.counts[name] }

// Take takes count things, or none and says why.
func (s *Stock) Take(name string, count int) error {
	if s.counts[name] < count {
		return fmt.Errorf("inventory: only %d %s there, not %d", s.counts[name], name, count)
	}
	s.counts[name] -= count
	return nil
}
