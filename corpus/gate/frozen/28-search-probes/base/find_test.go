package lookup

import (
	"fmt"
	"testing"
)

// looksMax is the base-2 logarithm of a million, rounded up.
const looksMax = 20

type numbers struct {
	count int
	looks int
}

func (n *numbers) Len() int { return n.count }

func (n *numbers) At(i int) string {
	n.looks++
	return fmt.Sprintf("%07d", i*2)
}

func TestFind(t *testing.T) {
	for key, want := range map[string]int{"0000000": 0, "0000004": 2, "0000018": 9, "0000005": -1, "0000020": -1, "": -1} {
		if got := Find(&numbers{count: 10}, key); got != want {
			t.Errorf("Find(%q) = %d, want %d", key, got, want)
		}
	}
	if got := Find(&numbers{}, "0000000"); got != -1 {
		t.Errorf("found at %d in an empty list", got)
	}
}

func TestFewLooks(t *testing.T) {
	list := &numbers{count: 1_000_000}
	for _, key := range []string{"0000000", "1999998", "0777777"} {
		list.looks = 0
		Find(list, key)
		if list.looks > looksMax+1 {
			t.Errorf("Find(%q) looked %d times, at most %d are allowed", key, list.looks, looksMax+1)
		}
	}
}
