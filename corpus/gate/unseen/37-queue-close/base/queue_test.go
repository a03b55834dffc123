package queue

import (
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
)

func TestCloseHandlesTheRest(t *testing.T) {
	var handled atomic.Int64
	q := New(200, func(string) { handled.Add(1) })
	for i := 0; i < 200; i++ {
		if err := q.Put(strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	q.Close()
	if got := handled.Load(); got != 200 {
		t.Errorf("%d of 200 were handled", got)
	}
}

func TestPutAfterClose(t *testing.T) {
	q := New(1, func(string) {})
	q.Close()
	if err := q.Put("late"); !errors.Is(err, ErrClosed) {
		t.Errorf("err = %v, want ErrClosed", err)
	}
}

func TestOrder(t *testing.T) {
	var seen []string
	q := New(3, func(item string) { seen = append(seen, item) })
	for _, item := range []string{"a", "b", "c"} {
		if err := q.Put(item); err != nil {
			t.Fatal(err)
		}
	}
	q.Close()
	if len(seen) != 3 || seen[0] != "a" || seen[2] != "c" {
		t.Errorf("seen = %v", seen)
	}
}
