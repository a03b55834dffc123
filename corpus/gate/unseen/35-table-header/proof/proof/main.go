package main

import (
	"fmt"

	"example.org/table"
)

func main() {
	if table.Render([]string{"x", "n"}, [][]string{{"äöü", "1"}, {"abcd", "2"}}) == "x     n\n----  -\näöü   1\nabcd  2\n" {
		fmt.Println("holds")
	}
}
