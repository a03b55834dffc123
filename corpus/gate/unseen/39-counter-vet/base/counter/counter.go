// Package counter counts by name.
package counter

import "sync"

// Counter counts by name and in all. It may be used by several goroutines.
type Counter struct {
	mutex  sync.Mutex
	counts map[string]int
	total  int
}

// New returns a counter at zero.
func New() Counter {
	return Counter{counts: map[string]int{}}
}

// Add counts one more.
func (c Counter) Add(name string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.counts[name]++
	c.total++
}

// Of returns how often a name was counted.
func (c Counter) Of(name string) int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.counts[name]
}

// Total returns how often anything was counted.
func (c Counter) Total() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.total
}
