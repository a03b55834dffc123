package status

import (
	"encoding/json"
	"os"
	"testing"
)

func TestText(t *testing.T) {
	bytes, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[int]string
	if err := json.Unmarshal(bytes, &cases); err != nil {
		t.Fatal(err)
	}
	for code, want := range cases {
		if got := Text(code); got != want {
			t.Errorf("Text(%d) = %q, want %q", code, got, want)
		}
	}
}

func TestUnknownCodes(t *testing.T) {
	for code, want := range map[int]string{
		199: "Unknown Informational", 299: "Unknown Success", 399: "Unknown Redirection",
		499: "Unknown Client Error", 599: "Unknown Server Error", 99: "Unknown", 600: "Unknown",
	} {
		if got := Text(code); got != want {
			t.Errorf("Text(%d) = %q, want %q", code, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	if got, want := Line(404), "HTTP/1.1 404 Not Found\r\n"; got != want {
		t.Errorf("Line(404) = %q, want %q", got, want)
	}
}
