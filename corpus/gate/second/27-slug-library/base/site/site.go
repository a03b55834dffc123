// Package site knows the pages and their addresses.
package site

import "example.org/slug"

// Page is one page.
type Page struct {
	Section, Title string
}

// Address returns where the page is.
func (p Page) Address() string {
	return "/" + slug.Of(p.Section) + "/" + slug.Of(p.Title)
}
