package main

import (
	"fmt"
	"os"

	"example.org/store"
)

func main() {
	s := store.New()
	s.Put("p", "1")
	s.Put("q", "2")
	if s.Rename("p", "q") == nil || s.Rename("nope", "r") == nil {
		os.Exit(1)
	}
	if text, _ := s.Get("q"); text != "2" {
		os.Exit(1)
	}
	fmt.Println("holds")
}
