package feed

import (
	"testing"
	"time"
)

func TestDate(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"Thu, 5 Oct 2023 08:30:00 +0200", "2023-10-05T06:30:00Z"},
		{"2023-10-05T08:30:00+02:00", "2023-10-05T06:30:00Z"},
		{"Thu, 5 Oct 2023 08:30:00 GMT", "2023-10-05T08:30:00Z"},
		{"Oct 5, 2023", "2023-10-05T00:00:00Z"},
		{"Thu, 5 Oct 2023 08:30:00 EST", "2023-10-05T13:30:00Z"},
		{"Thu, 5 Oct 2023 08:30:00 CEST", "2023-10-05T06:30:00Z"},
		{"Feb 30, 2006", "2006-03-02T00:00:00Z"},
		{"2023-10-05T23:30:00-04:00", "2023-10-06T03:30:00Z"},
		{" 2023-10-05T08:30:00Z\n", "2023-10-05T08:30:00Z"},
		{"yesterday", ""},
		{"", ""},
	} {
		date, err := Date(row.text)
		got := ""
		if err == nil {
			got = date.Format(time.RFC3339)
		}
		if got != row.want {
			t.Errorf("%q: got %q, %v; want %q", row.text, got, err, row.want)
		}
	}
}

func TestNewest(t *testing.T) {
	newest, found := Newest([]Item{{"a", "Oct 5, 2023"}, {"b", "2023-10-06T00:00:00Z"}, {"c", "soon"}})
	if !found || newest.Title != "b" {
		t.Errorf("got %v", newest)
	}
}
