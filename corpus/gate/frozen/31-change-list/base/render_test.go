package changes

import (
	"os"
	"testing"
)

var entries = []Entry{
	{Kind: "fix", Text: "no more crash on empty files"},
	{Kind: "new", Text: "dark theme"},
	{Kind: "fix", Text: "faster start"},
}

func TestRender(t *testing.T) {
	want, err := os.ReadFile("testdata/render.golden")
	if err != nil {
		t.Fatal(err)
	}
	if got := Render("1.4", entries); got != string(want) {
		t.Errorf("Render gave\n%s\nwant\n%s", got, want)
	}
}

func TestNothingChanged(t *testing.T) {
	if got := Render("1.5", nil); got != "## 1.5\n" {
		t.Errorf("Render gave %q", got)
	}
}
