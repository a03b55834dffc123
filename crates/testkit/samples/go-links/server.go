package golinks

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A longer link is a mistake.
const linkBytesMax = 4096

// Handler serves a store: POST /links keeps a link, GET /NAME leads to it.
func Handler(store *Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/links", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.Error(w, "only POST", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, linkBytesMax))
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		name, err := store.Add(strings.TrimSpace(string(body)))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintln(w, name)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if r.Method != http.MethodGet {
			http.Error(w, "only GET", http.StatusMethodNotAllowed)
			return
		}
		link, known := store.Get(name)
		if !known {
			http.NotFound(w, r)
			return
		}
		http.Redirect(w, r, link, http.StatusFound)
	})
	return mux
}
