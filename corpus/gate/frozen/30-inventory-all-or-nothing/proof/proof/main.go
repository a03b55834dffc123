package main

import (
	"fmt"
	"os"

	"example.org/inventory"
)

func main() {
	stock := inventory.New(map[string]int{"a": 5, "b": 5, "c": 0})
	err := stock.TakeAll(map[string]int{"a": 1, "b": 2, "c": 3})
	if err == nil || stock.Count("a") != 5 || stock.Count("b") != 5 {
		os.Exit(1)
	}
	if stock.TakeAll(map[string]int{"a": 5, "b": 1}) != nil || stock.Count("b") != 4 {
		os.Exit(1)
	}
	fmt.Println("holds")
}
