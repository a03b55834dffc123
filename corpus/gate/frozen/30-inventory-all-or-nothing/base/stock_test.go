package inventory

import "testing"

func TestTake(t *testing.T) {
	stock := New(map[string]int{"apple": 3})
	if err := stock.Take("apple", 2); err != nil {
		t.Fatal(err)
	}
	if got := stock.Count("apple"); got != 1 {
		t.Errorf("1 apple should be left, there are %d", got)
	}
}

func TestTakeTooMany(t *testing.T) {
	stock := New(map[string]int{"apple": 3})
	if err := stock.Take("apple", 4); err == nil {
		t.Error("took 4 of 3 apples")
	}
	if got := stock.Count("apple"); got != 3 {
		t.Errorf("3 apples should be left, there are %d", got)
	}
}

func TestTakeAllOrNothing(t *testing.T) {
	stock := New(map[string]int{"apple": 3, "pear": 1})
	if err := stock.TakeAll(map[string]int{"apple": 2, "pear": 2}); err == nil {
		t.Error("took 2 of 1 pears")
	}
	if apples, pears := stock.Count("apple"), stock.Count("pear"); apples != 3 || pears != 1 {
		t.Errorf("something was taken: %d apples and %d pears are left", apples, pears)
	}
}
