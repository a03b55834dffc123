package main

import (
	"fmt"
	"strings"

	"serve"
)

func main() {
	for text, word := range map[string]string{
		"prot = 1": "port", "roott = 1": "root", "host = a\nhost = b": "host", "idex = x": "index", "zzz = 1": "zzz",
	} {
		if _, err := serve.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), word) {
			panic(fmt.Sprintf("%q: %v", text, err))
		}
	}
	if _, err := serve.Read(strings.NewReader("port = 1\nroot = 2")); err != nil {
		panic(err)
	}
	fmt.Println("holds")
}
