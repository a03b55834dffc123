package main

import (
	"fmt"
	"time"

	"example.org/queue"
)

func main() {
	handled := 0
	q := queue.New(10, func(string) {
		time.Sleep(100 * time.Millisecond)
		handled++
	})
	for i := 0; i < 10; i++ {
		if err := q.Put("x"); err != nil {
			panic(err)
		}
	}
	q.Close()
	if handled == 10 {
		fmt.Println("holds")
	}
}
