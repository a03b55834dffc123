// Package bank reads statements of account.
package bank

import (
	"fmt"
	"strconv"
	"strings"
)

// Booking is one line of a statement.
type Booking struct {
	Date  string
	Text  string
	Cents int64
}

// Read reads a statement: a header, then lines of date;text;cents.
func Read(data []byte) ([]Booking, error) {
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if lines[0] != "date;text;cents" {
		return nil, fmt.Errorf("bank: unknown header %q", lines[0])
	}
	var bookings []Booking
	for i, line := range lines[1:] {
		fields := strings.Split(line, ";")
		if len(fields) != 3 {
			return nil, fmt.Errorf("bank: line %d has %d fields", i+2, len(fields))
		}
		cents, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("bank: line %d: %w", i+2, err)
		}
		bookings = append(bookings, Booking{fields[0], fields[1], cents})
	}
	return bookings, nil
}
