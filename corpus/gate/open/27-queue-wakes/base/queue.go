// Package queue hands entries from those who have them to those who wait for them.
package queue

import (
	"context"
	"sync"
	"time"
)

const lookEvery = 5 * time.Second

// Queue keeps entries in their order. It must not be copied.
type Queue struct {
	lock    sync.Mutex
	entries []string
}

// New returns an empty queue.
func New() *Queue { return &Queue{} }

// Put adds an entry.
func (q *Queue) Put(entry string) {
	q.lock.Lock()
	defer q.lock.Unlock()
	q.entries = append(q.entries, entry)
}

// Take returns the oldest entry, and waits for one until the context ends.
func (q *Queue) Take(ctx context.Context) (string, error) {
	for {
		if entry, ok := q.pop(); ok {
			return entry, nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

func (q *Queue) pop() (string, bool) {
	q.lock.Lock()
	defer q.lock.Unlock()
	if len(q.entries) == 0 {
		return "", false
	}
	entry := q.entries[0]
	q.entries = q.entries[1:]
	return entry, true
}
