package main

import (
	"fmt"
	"os"

	"example.org/paths"
)

func main() {
	for path, want := range map[string]string{"x/../y": "y", "../x/..": "..", "/../..": "/", "x/y/../../z": "z"} {
		if got := paths.Clean(path); got != want {
			fmt.Println(path, got)
			os.Exit(1)
		}
	}
	fmt.Println("holds")
}
