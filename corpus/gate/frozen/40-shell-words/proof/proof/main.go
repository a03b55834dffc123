package main

import (
	"fmt"
	"os"
	"reflect"

	"example.org/shellwords"
)

func main() {
	got, err := shellwords.Split("x \"y  z\" \\\"q")
	if err != nil || !reflect.DeepEqual(got, []string{"x", "y  z", "\"q"}) {
		fmt.Printf("%q %v\n", got, err)
		os.Exit(1)
	}
	fmt.Println("holds")
}
