package library

import (
	"reflect"
	"testing"
)

func library() *Index {
	index := &Index{}
	for _, document := range []Document{
		{"Rivers", 1990, "water and stone"},
		{"Stone walls", 2004, "how to build with stone and water"},
		{"Bread", 2004, "flour and water"},
		{"Ovens", 1990, "stone and fire and bread"},
		{"Mills", 2011, "flour between stone and stone moved by water"},
		{"Silence", 1999, "nothing"},
	} {
		index.Add(document)
	}
	return index
}

func expect(t *testing.T, query string, titles ...string) {
	t.Helper()
	var got []string
	for _, document := range library().Search(query) {
		got = append(got, document.Title)
	}
	if !reflect.DeepEqual(got, titles) {
		t.Errorf("%q: got %v", query, got)
	}
}

func TestOneWord(t *testing.T) {
	expect(t, "water", "Mills", "Bread", "Stone walls", "Rivers")
}

func TestMoreWordsCountMore(t *testing.T) {
	expect(t, "flour water bread", "Bread", "Mills", "Stone walls", "Ovens", "Rivers")
}

func TestAWordTwice(t *testing.T) {
	expect(t, "flour FIRE fire", "Mills", "Bread", "Ovens")
}

func TestNothing(t *testing.T) {
	expect(t, "glass")
}
