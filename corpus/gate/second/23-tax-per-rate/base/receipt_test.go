package till

import "testing"

// From the tax adviser.
var baskets = []struct {
	name     string
	articles []Article
	tax      Money
}{
	{"three apples", []Article{{"Apple", 35, 7}, {"Apple", 35, 7}, {"Apple", 35, 7}}, 7},
	{"two rates", []Article{{"Pen", 113, 19}, {"Milk", 95, 7}, {"Pen", 113, 19}, {"Milk", 95, 7}}, 56},
	{"one article", []Article{{"Book", 1050, 7}}, 74},
}

func TestTax(t *testing.T) {
	for _, basket := range baskets {
		if got := Tax(basket.articles); got != basket.tax {
			t.Errorf("%s: got %s, want %s", basket.name, got, basket.tax)
		}
	}
}

func TestReceipt(t *testing.T) {
	want := "Book            10.50\nTax              0.74\nTo pay          11.24\n"
	if got := Receipt([]Article{{"Book", 1050, 7}}); got != want {
		t.Errorf("got:\n%s", got)
	}
}
