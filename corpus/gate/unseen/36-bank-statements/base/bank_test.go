package bank

import (
	"os"
	"testing"
)

func TestPlain(t *testing.T) {
	bookings, err := Read([]byte("date;text;cents\n2024-01-02;rent;-90000\n"))
	if err != nil || len(bookings) != 1 || bookings[0] != (Booking{"2024-01-02", "rent", -90000}) {
		t.Errorf("Read = %v, %v", bookings, err)
	}
}

func TestUnknownHeader(t *testing.T) {
	if _, err := Read([]byte("when;what\n")); err == nil {
		t.Error("no error")
	}
}

func TestWrongLine(t *testing.T) {
	for _, line := range []string{"2024-01-02;rent", "2024-01-02;rent;much"} {
		if _, err := Read([]byte("date;text;cents\n" + line + "\n")); err == nil {
			t.Errorf("%q: no error", line)
		}
	}
}

func TestAsItCame(t *testing.T) {
	data, err := os.ReadFile("testdata/bank.csv")
	if err != nil {
		t.Fatal(err)
	}
	bookings, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(bookings) != 3 || bookings[0].Date != "2024-03-01" || bookings[2].Cents != 1250 {
		t.Errorf("bookings = %v", bookings)
	}
	var sum int64
	for _, booking := range bookings {
		sum += booking.Cents
	}
	if sum != -7249 {
		t.Errorf("sum = %d", sum)
	}
}
