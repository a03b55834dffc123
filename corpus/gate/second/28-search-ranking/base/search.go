// Package library finds documents by their words.
package library

import "strings"

// Document is something that can be found.
type Document struct {
	Title string
	Year  int
	Text  string
}

// Index knows which document has which word.
type Index struct {
	words map[string]map[int]bool
	all   []Document
}

// Add takes a document in.
func (i *Index) Add(document Document) {
	if i.words == nil {
		i.words = map[string]map[int]bool{}
	}
	number := len(i.all)
	i.all = append(i.all, document)
	for _, word := range strings.Fields(strings.ToLower(document.Title + " " + document.Text)) {
		if i.words[word] == nil {
			i.words[word] = map[int]bool{}
		}
		i.words[word][number] = true
	}
}

// Search returns the documents that have any word of the query.
func (i *Index) Search(query string) []Document {
	scores := map[int]int{}
	for _, word := range strings.Fields(strings.ToLower(query)) {
		for number := range i.words[word] {
			scores[number]++
		}
	}
	var found []Document
	for number := range scores {
		found = append(found, i.all[number])
	}
	return found
}
