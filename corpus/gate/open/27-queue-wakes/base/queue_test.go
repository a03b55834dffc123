package queue

import (
	"context"
	"errors"
	"testing"
	"time"
)

const deadline = 1500 * time.Millisecond

func TestOrder(t *testing.T) {
	q := New()
	q.Put("a")
	q.Put("b")
	for _, want := range []string{"a", "b"} {
		if got, err := q.Take(context.Background()); err != nil || got != want {
			t.Errorf("Take = %q, %v; want %q", got, err, want)
		}
	}
}

func TestWakesAtOnce(t *testing.T) {
	q := New()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	time.AfterFunc(100*time.Millisecond, func() { q.Put("a") })
	if got, err := q.Take(ctx); err != nil || got != "a" {
		t.Errorf("Take = %q, %v; want a", got, err)
	}
}

func TestEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := New().Take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want %v", err, context.Canceled)
	}
}
