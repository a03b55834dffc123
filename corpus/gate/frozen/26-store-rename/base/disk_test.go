package store

import (
	"path/filepath"
	"testing"
)

func TestAgainstDisk(t *testing.T) {
	if err := New().Dump(filepath.Join(t.TempDir(), "dump.json")); err != nil {
		t.Fatal(err)
	}
}
