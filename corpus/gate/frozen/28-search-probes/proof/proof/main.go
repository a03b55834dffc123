package main

import (
	"fmt"
	"os"

	"example.org/lookup"
)

type list struct{ looks int }

func (l *list) Len() int { return 4096 }
func (l *list) At(i int) string {
	l.looks++
	return fmt.Sprintf("%05d", i)
}

func main() {
	l := &list{}
	if lookup.Find(l, "04095") != 4095 || l.looks > 14 {
		os.Exit(1)
	}
	fmt.Println("holds")
}
