package main

import (
	"errors"
	"fmt"
	"os"

	"example.org/folder"
)

func main() {
	root, err := os.MkdirTemp("", "proof-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	f := folder.Open(root)
	if err := f.Write("x/y", "z"); err != nil {
		panic(err)
	}
	if errors.Is(f.Delete("x"), folder.ErrNotEmpty) && f.Has("x/y") && errors.Is(f.Delete("q"), folder.ErrMissing) && f.Delete("x/y") == nil {
		fmt.Println("holds")
	}
}
