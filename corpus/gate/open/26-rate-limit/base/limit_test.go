package limit

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func limiter(burst int) (*Limiter, *clock) {
	c := &clock{time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
	return &Limiter{Burst: burst, Every: time.Second, Now: c.Now}, c
}

func allowed(l *Limiter, key string, calls int) (count int) {
	for n := 0; n < calls; n++ {
		if l.Allow(key) {
			count++
		}
	}
	return count
}

func TestBurst(t *testing.T) {
	l, _ := limiter(3)
	if got := allowed(l, "a", 10); got != 3 {
		t.Errorf("%d calls at once were allowed, want 3", got)
	}
}

func TestOneMoreForEvery(t *testing.T) {
	l, c := limiter(2)
	allowed(l, "a", 2)
	c.now = c.now.Add(900 * time.Millisecond)
	if l.Allow("a") {
		t.Error("allowed after 0.9 s")
	}
	c.now = c.now.Add(100 * time.Millisecond)
	if got := allowed(l, "a", 5); got != 1 {
		t.Errorf("%d calls were allowed after a second, want 1", got)
	}
	c.now = c.now.Add(time.Hour)
	if got := allowed(l, "a", 5); got != 2 {
		t.Errorf("%d calls were allowed after an hour, want 2", got)
	}
}

func TestKeysAreApart(t *testing.T) {
	l, _ := limiter(1)
	allowed(l, "a", 1)
	if !l.Allow("b") {
		t.Error("b was refused because of a")
	}
}

func TestManyCallers(t *testing.T) {
	l, _ := limiter(50)
	var count int64
	var wait sync.WaitGroup
	for n := 0; n < 20; n++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			atomic.AddInt64(&count, int64(allowed(l, "a", 10)))
		}()
	}
	wait.Wait()
	if count != 50 {
		t.Errorf("%d calls were allowed, want 50", count)
	}
}

func TestRealClock(t *testing.T) {
	l := &Limiter{Burst: 2, Every: time.Hour}
	if got := allowed(l, "a", 5); got != 2 {
		t.Errorf("%d calls were allowed, want 2", got)
	}
}
