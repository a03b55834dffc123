package counter

import "testing"

func TestOf(t *testing.T) {
	c := New()
	c.Add("a")
	c.Add("b")
	c.Add("a")
	if c.Of("a") != 2 || c.Of("b") != 1 || c.Of("c") != 0 {
		t.Errorf("a %d, b %d, c %d", c.Of("a"), c.Of("b"), c.Of("c"))
	}
}
