package main

import (
	"fmt"
	"time"

	"feed"
)

func main() {
	for text, want := range map[string]string{
		"Fri, 6 Oct 2023 01:00:00 +0300": "2023-10-05T22:00:00Z",
		"Fri, 6 Oct 2023 01:00:00 PST":   "2023-10-06T09:00:00Z",
		"6 Oct 2023 01:00 CET":           "2023-10-06T00:00:00Z",
		"2023-10-06T01:00:00":            "2023-10-06T01:00:00Z",
	} {
		date, err := feed.Date(text)
		if err != nil || date.UTC().Format(time.RFC3339) != want {
			panic(fmt.Sprint(text, " ", date, err))
		}
	}
	if _, err := feed.Date("Apr 31, 2020"); err == nil {
		panic("31 April")
	}
	fmt.Println("holds")
}
