// Command golinks serves links on an address.
package main

import (
	"log"
	"net/http"
	"os"

	"example.org/golinks"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: golinks ADDRESS")
	}
	log.Fatal(http.ListenAndServe(os.Args[1], golinks.Handler(golinks.NewStore())))
}
