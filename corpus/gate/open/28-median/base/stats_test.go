package stats

import (
	"errors"
	"testing"
)

func check(t *testing.T, name string, got float64, err error, want float64) {
	t.Helper()
	if err != nil || got != want {
		t.Errorf("%s = %v, %v; want %v", name, got, err, want)
	}
}

func TestMean(t *testing.T) {
	got, err := Mean([]float64{1, 2, 6})
	check(t, "Mean", got, err, 3)
}

func TestMedianOfAnOddCount(t *testing.T) {
	got, err := Median([]float64{9, 1, 5})
	check(t, "Median", got, err, 5)
}

func TestMedianOfAnEvenCount(t *testing.T) {
	got, err := Median([]float64{9, 1, 5, 2})
	check(t, "Median", got, err, 3.5)
}

func TestMedianLeavesTheOrder(t *testing.T) {
	numbers := []float64{3, 1, 2}
	got, err := Median(numbers)
	check(t, "Median", got, err, 2)
	if numbers[0] != 3 || numbers[1] != 1 || numbers[2] != 2 {
		t.Errorf("the numbers are %v now", numbers)
	}
}

func TestNoNumbers(t *testing.T) {
	if _, err := Mean(nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("Mean: err = %v, want %v", err, ErrEmpty)
	}
	if _, err := Median(nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("Median: err = %v, want %v", err, ErrEmpty)
	}
}
