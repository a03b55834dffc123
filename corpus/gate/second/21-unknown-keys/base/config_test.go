package serve

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	config, err := Read(strings.NewReader("# ours\nhost = example.org\nport=81\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	if config != (Config{Host: "example.org", Port: 81, Root: ".", Index: "index.html"}) {
		t.Errorf("got %+v", config)
	}
}

func TestWrongPort(t *testing.T) {
	if _, err := Read(strings.NewReader("\nport = 99999")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownKeysAreIgnored(t *testing.T) {
	config, err := Read(strings.NewReader("colour = red"))
	if err != nil || config != Default() {
		t.Errorf("got %+v, %v", config, err)
	}
}
