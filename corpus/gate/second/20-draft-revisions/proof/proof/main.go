package main

import (
	"fmt"

	"drafts"
)

func main() {
	store := drafts.NewStore()
	ada, bob := drafts.NewEditor(store), drafts.NewEditor(store)
	for _, err := range []error{ada.Append("d", "a1"), bob.Append("d", "b1"), ada.Append("d", "a2")} {
		if err != nil {
			panic(err)
		}
	}
	if text := store.Get("d").Text; text != "a1\nb1\na2\n" {
		panic(text)
	}
	fmt.Println("holds")
}
