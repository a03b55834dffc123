package main

import (
	"fmt"
	"os"

	"example.org/wordwrap"
)

func main() {
	if got := wordwrap.Wrap("éé éé éé one", 5); got != "éé éé\néé\none" {
		fmt.Printf("%q\n", got)
		os.Exit(1)
	}
	fmt.Println("holds")
}
