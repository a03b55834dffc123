package main

import (
	"fmt"
	"os"

	"example.org/status"
)

func main() {
	for code, want := range map[int]string{201: "Created", 303: "See Other", 403: "Forbidden", 429: "Too Many Requests", 502: "Bad Gateway"} {
		if status.Text(code) != want {
			fmt.Println(code, status.Text(code))
			os.Exit(1)
		}
	}
	fmt.Println("holds")
}
