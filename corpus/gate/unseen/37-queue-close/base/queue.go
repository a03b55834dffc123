// Package queue handles items one after the other in the background.
package queue

import "errors"

// ErrClosed says that the queue takes nothing more.
var ErrClosed = errors.New("queue: closed")

// Queue hands items to a function.
type Queue struct {
	items chan string
	stop  chan struct{}
}

// New starts a queue with room for size items.
func New(size int, handle func(string)) *Queue {
	q := &Queue{items: make(chan string, size), stop: make(chan struct{})}
	go func() {
		for {
			select {
			case item := <-q.items:
				handle(item)
			case <-q.stop:
				return
			}
		}
	}()
	return q
}

// Put adds an item.
func (q *Queue) Put(item string) error {
	q.items <- item
	return nil
}

// Close stops the queue.
func (q *Queue) Close() {
	close(q.stop)
}
