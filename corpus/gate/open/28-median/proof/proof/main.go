package main

import (
	"errors"
	"fmt"
	"os"

	"example.org/stats"
)

func main() {
	numbers := []float64{10, 4, 6, 8}
	median, err := stats.Median(numbers)
	_, none := stats.Median(nil)
	if err != nil || median != 7 || numbers[0] != 10 || !errors.Is(none, stats.ErrEmpty) {
		fmt.Println(median, err, none)
		os.Exit(1)
	}
	fmt.Println("holds")
}
