package main

import (
	"fmt"
	"os"

	"example.org/records"
)

func main() {
	if _, err := records.Parse([]byte("\x03ab")); err == nil {
		os.Exit(1)
	}
	all, err := records.Import([]byte("\x00\x01b"), func(record []byte) (any, error) { return record[0], nil })
	if err != nil || len(all) != 2 || all[0].Err == nil || all[1].Err != nil {
		os.Exit(1)
	}
	fmt.Println("holds")
}
