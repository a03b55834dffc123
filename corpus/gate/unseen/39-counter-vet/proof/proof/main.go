package main

import (
	"fmt"

	"example.org/counter/counter"
	"example.org/counter/words"
)

func main() {
	c := counter.New()
	c.Add("x")
	c.Add("y")
	if c.Total() == 2 && words.Share("a b a", "a") == "2 of 3" {
		fmt.Println("holds")
	}
}
