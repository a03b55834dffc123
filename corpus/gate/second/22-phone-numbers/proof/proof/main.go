package main

import (
	"fmt"

	"contacts"
)

func main() {
	for typed, want := range map[string]string{
		"0171 / 555-12": "+4317155512", "00 44 20 7946": "+44207946", "+44 (0)20.7946": "+44207946", "home": "home",
	} {
		if got := contacts.Normal(typed, "43"); got != want {
			panic(typed + ": " + got)
		}
	}
	fmt.Println("holds")
}
