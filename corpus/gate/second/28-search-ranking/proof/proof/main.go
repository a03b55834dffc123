package main

import (
	"fmt"

	"library"
)

func main() {
	for round := 0; round < 20; round++ {
		index := library.Index{}
		for _, title := range []string{"e", "b", "d", "a", "c"} {
			index.Add(library.Document{Title: title, Year: 2000, Text: "x"})
		}
		index.Add(library.Document{Title: "f", Year: 2001, Text: "x"})
		index.Add(library.Document{Title: "g", Year: 1900, Text: "x y"})
		order := ""
		for _, document := range index.Search("x y x x") {
			order += document.Title
		}
		if order != "gfabcde" {
			panic(order)
		}
	}
	fmt.Println("holds")
}
