// Package stats sums numbers up.
package stats

import "sort"

// Mean returns the mean of the numbers.
func Mean(numbers []float64) (float64, error) {
	sum := 0.0
	for _, number := range numbers {
		sum += number
	}
	return sum / float64(len(numbers)), nil
}

// Median returns the number in the middle.
func Median(numbers []float64) (float64, error) {
	sort.Float64s(numbers)
	return numbers[len(numbers)/2], nil
}
