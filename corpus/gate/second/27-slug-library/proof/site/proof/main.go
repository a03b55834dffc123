package main

import (
	"fmt"

	"example.org/site"
)

func main() {
	page := site.Page{Section: "Öl", Title: "Preise  &  Größen"}
	if page.Address() != "/oel/preise-and-groessen" {
		panic(page.Address())
	}
	if got := site.Redirects([]site.Page{page})["/l/preise-----gr--en"]; got != page.Address() {
		panic(got)
	}
	fmt.Println("holds")
}
