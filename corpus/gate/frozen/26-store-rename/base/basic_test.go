package store

import "testing"

func TestPutAndGet(t *testing.T) {
	s := New()
	s.Put("a", "one")
	if text, ok := s.Get("a"); !ok || text != "one" {
		t.Fatalf("Get = %q, %v", text, ok)
	}
}
