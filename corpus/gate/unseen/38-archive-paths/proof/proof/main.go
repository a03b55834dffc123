package main

import (
	"errors"
	"fmt"

	"example.org/paths"
)

func main() {
	if got, err := paths.Clean(`E:\docs\x.txt`); err != nil || got != "docs/x.txt" {
		fmt.Println(got, err)
		return
	}
	if _, err := paths.Clean(`a\..\..\etc`); !errors.Is(err, paths.ErrOutside) {
		fmt.Println(err)
		return
	}
	fmt.Println("holds")
}
