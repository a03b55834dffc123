package invoice

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestRenderShort(t *testing.T) {
	i := Invoice{Number: "7", Lines: []Line{{"tea", 1, 250}}}
	golden(t, "testdata/short.golden", i.Render())
}

func TestRenderFull(t *testing.T) {
	i := Invoice{Number: "2024-003", Lines: []Line{{"chair", 4, 4995}, {"table", 1, 12999}, {"delivery", 1, 2500}}}
	golden(t, "testdata/full.golden", i.Render())
}
