package main

import (
	"errors"
	"fmt"
	"os"

	"example.org/frame"
)

func main() {
	whole := frame.Encode([]byte{1, 2, 3})
	_, long := frame.Decode(append(append([]byte{}, whole...), 9))
	_, short := frame.Decode(whole[:5])
	whole[len(whole)-1]++
	_, wrong := frame.Decode(whole)
	if !errors.Is(long, frame.ErrTrailing) || !errors.Is(short, frame.ErrShort) || !errors.Is(wrong, frame.ErrChecksum) {
		fmt.Println(long, short, wrong)
		os.Exit(1)
	}
	fmt.Println("holds")
}
