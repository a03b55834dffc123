package main

import (
	"fmt"
	"os"

	"example.org/roman"
)

func main() {
	for n, want := range map[int]string{14: "XIV", 944: "CMXLIV", 90: "XC", 8: "VIII"} {
		if got, err := roman.Format(n); err != nil || got != want {
			fmt.Println(n, got, err)
			os.Exit(1)
		}
	}
	fmt.Println("holds")
}
