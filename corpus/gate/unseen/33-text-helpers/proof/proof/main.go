package main

import (
	"fmt"

	"example.org/text/indent"
	"example.org/text/wrap"
)

func main() {
	if wrap.Lines("äöü äöü x", 7) == "äöü äöü\nx" && indent.By("q", "-") == "-q" {
		fmt.Println("holds")
	}
}
