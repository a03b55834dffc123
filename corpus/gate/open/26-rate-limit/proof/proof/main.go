package main

import (
	"fmt"
	"os"
	"time"

	"example.org/limit"
)

func main() {
	now := time.Unix(1_000_000, 0)
	l := &limit.Limiter{Burst: 4, Every: time.Minute, Now: func() time.Time { return now }}
	allowed := func() (count int) {
		for n := 0; n < 9; n++ {
			if l.Allow("x") {
				count++
			}
		}
		return count
	}
	first := allowed()
	now = now.Add(2*time.Minute + time.Second)
	second := allowed()
	if first != 4 || second != 2 {
		fmt.Println(first, second)
		os.Exit(1)
	}
	fmt.Println("holds")
}
