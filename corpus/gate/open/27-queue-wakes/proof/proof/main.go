package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"example.org/queue"
)

func main() {
	q := queue.New()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	time.AfterFunc(200*time.Millisecond, func() {
		q.Put("x")
		q.Put("y")
	})
	taken := make(chan error)
	for n := 0; n < 2; n++ {
		go func() {
			_, err := q.Take(ctx)
			taken <- err
		}()
	}
	for n := 0; n < 2; n++ {
		if err := <-taken; err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Println("holds")
}
