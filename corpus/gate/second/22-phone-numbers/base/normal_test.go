package contacts_test

import (
	"testing"

	"contacts"
)

func TestNormal(t *testing.T) {
	for typed, want := range map[string]string{
		"+49301234567":       "+49301234567",
		"030 1234567":        "+49301234567",
		"0049 30/123-45.67":  "+49301234567",
		"+49 (0)30 1234567":  "+49301234567",
		"(030) 1234567":      "+49301234567",
		"+1 (212) 555-0100":  "+12125550100",
		"not known":          "not known",
		"":                   "",
		"ext. 12, ask Maria": "ext. 12, ask Maria",
	} {
		if got := contacts.Normal(typed, "49"); got != want {
			t.Errorf("%q: got %q, want %q", typed, got, want)
		}
	}
}

func TestNobodyTwice(t *testing.T) {
	book := contacts.Book{Country: "49"}
	if !book.Add("030 1234567", "Ada") || book.Add("+49 30 123 45 67", "Ada L.") {
		t.Error("Ada is in the book twice")
	}
	if got := book.Name("0049301234567"); got != "Ada" {
		t.Errorf("got %q", got)
	}
}
