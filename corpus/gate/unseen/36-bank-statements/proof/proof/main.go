package main

import (
	"fmt"

	"example.org/bank"
)

func main() {
	bookings, err := bank.Read([]byte("\ufeffdate;text;cents\r\n2024-06-01;\"a;b\";7\r\n"))
	if err == nil && len(bookings) == 1 && bookings[0] == (bank.Booking{Date: "2024-06-01", Text: "a;b", Cents: 7}) {
		fmt.Println("holds")
	}
}
