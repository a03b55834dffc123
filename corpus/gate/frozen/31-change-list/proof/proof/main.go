package main

import (
	"fmt"
	"os"

	"example.org/changes"
)

func main() {
	got := changes.Render("2", []changes.Entry{{Kind: "fix", Text: "x"}, {Kind: "fix", Text: "y"}})
	if got != "## 2\n\n### Fixed\n\n- x\n- y\n" {
		fmt.Printf("%q\n", got)
		os.Exit(1)
	}
	fmt.Println("holds")
}
