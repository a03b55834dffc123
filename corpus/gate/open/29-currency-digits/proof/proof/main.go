package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"example.org/money"
)

func main() {
	for code, want := range map[string]string{"JPY": "5000 JPY", "ISK": "5000 ISK", "TND": "5.000 TND", "CHF": "50.00 CHF"} {
		if got, err := money.Format(5000, code); err != nil || got != want {
			fmt.Println(got, err)
			os.Exit(1)
		}
	}
	before, _ := os.ReadFile("table.go")
	if said, err := exec.Command("go", "generate", ".").CombinedOutput(); err != nil {
		fmt.Println(string(said))
		os.Exit(1)
	}
	after, _ := os.ReadFile("table.go")
	if string(before) != string(after) || !strings.Contains(string(after), "ISK") {
		fmt.Println("go generate writes another table")
		os.Exit(1)
	}
	fmt.Println("holds")
}
