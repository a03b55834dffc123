package main

import (
	"errors"
	"fmt"

	"example.org/frames"
)

func main() {
	whole := frames.Encode([]string{"alpha", "beta"})
	for _, end := range []int{0, 1, 3, 6, len(whole) - 1} {
		if _, err := frames.Decode(whole[:end]); !errors.Is(err, frames.ErrTruncated) {
			fmt.Println(end, err)
			return
		}
	}
	fmt.Println("holds")
}
