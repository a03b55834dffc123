package inventory

import "sort"

// TakeAll takes everything in the order.
func (s *Stock) TakeAll(order map[string]int) error {
	names := make([]string, 0, len(order))
	for name := range order {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := s.Take(name, order[name]); err != nil {
			return err
		}
	}
	return nil
}
