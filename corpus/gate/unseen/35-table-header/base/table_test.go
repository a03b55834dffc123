package table

import (
	"os"
	"path/filepath"
	"testing"
)

func golden(t *testing.T, name, got string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", name+".golden"))
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCities(t *testing.T) {
	golden(t, "cities", Render([]string{"city", "people"}, [][]string{{"Bern", "134000"}, {"Zürich", "421000"}, {"Genève", "203000"}}))
}

func TestNoRows(t *testing.T) {
	golden(t, "none", Render([]string{"a", "b"}, nil))
}
