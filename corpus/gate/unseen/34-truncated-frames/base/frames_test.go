package frames

import (
	"bytes"
	"log"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	texts := []string{"one", "", "three"}
	got, err := Decode(Encode(texts))
	if err != nil || !reflect.DeepEqual(got, texts) {
		t.Errorf("Decode = %q, %v", got, err)
	}
}

func TestTruncatedFramesDoNotPanic(t *testing.T) {
	whole := Encode([]string{"one", "two"})
	for end := range whole {
		texts, _ := Decode(whole[:end])
		if len(texts) > 1 {
			t.Errorf("%d bytes: two texts out of a part", end)
		}
	}
}

func TestGuard(t *testing.T) {
	var lines bytes.Buffer
	handler := Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			panic("out of paper")
		}
	}), log.New(&lines, "", 0))
	for path, want := range map[string]int{"/": 200, "/bad": 500} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if !strings.Contains(lines.String(), "out of paper") {
		t.Errorf("log: %q", lines.String())
	}
}
