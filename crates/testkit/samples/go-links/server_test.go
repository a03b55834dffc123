package golinks

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serve starts a server on loopback that lives as long as the test.
func serve(t *testing.T) (*Store, string) {
	t.Helper()
	store := NewStore()
	server := httptest.NewServer(Handler(store))
	t.Cleanup(server.Close)
	return store, server.URL
}

// ask sends one request and follows nothing.
func ask(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, strings.TrimSpace(string(text))
}

func TestALinkIsKeptAndFollowedOverHTTP(t *testing.T) {
	_, url := serve(t)
	made, name := ask(t, http.MethodPost, url+"/links", "https://example.org/a\n")
	if made.StatusCode != http.StatusCreated {
		t.Fatal(made.Status)
	}
	led, _ := ask(t, http.MethodGet, url+"/"+name, "")
	if led.StatusCode != http.StatusFound || led.Header.Get("Location") != "https://example.org/a" {
		t.Fatal(led.Status, led.Header)
	}
}

func TestMistakesAreAnswered(t *testing.T) {
	_, url := serve(t)
	for _, mistake := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodGet, "/nothing", "", http.StatusNotFound},
		{http.MethodPost, "/links", "no link", http.StatusBadRequest},
		{http.MethodGet, "/links", "", http.StatusMethodNotAllowed},
		{http.MethodPost, "/nothing", "", http.StatusMethodNotAllowed},
	} {
		answer, _ := ask(t, mistake.method, url+mistake.path, mistake.body)
		if answer.StatusCode != mistake.status {
			t.Errorf("%v: %s", mistake, answer.Status)
		}
	}
}
