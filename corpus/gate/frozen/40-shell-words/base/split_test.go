package shellwords

import (
	"reflect"
	"testing"
)

var cases = []struct {
	text string
	want []string
}{
	{"a b c", []string{"a", "b", "c"}},
	{"say \"hello world\" twice", []string{"say", "hello world", "twice"}},
	{"a \"\" b", []string{"a", "", "b"}},
	{"one\\ two three", []string{"one two", "three"}},
	{"a\"b c\"d", []string{"ab cd"}},
}

func TestSplit(t *testing.T) {
	for _, c := range cases {
		got, err := Split(c.text)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("Split(%q) = %q, %v; want %q", c.text, got, err, c.want)
		}
	}
}

func TestOpenQuote(t *testing.T) {
	if got, err := Split("ls ~/x"); err != nil || len(got) != 2 {
		t.Errorf("Split = %q, %v", got, err)
	}
}
