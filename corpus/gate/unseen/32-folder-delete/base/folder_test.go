package folder

import (
	"errors"
	"path/filepath"
	"testing"
)

func filled(t *testing.T) Folder {
	t.Helper()
	f := Open(filepath.Join(scratch, t.Name()))
	for _, name := range []string{"a", "sub/b"} {
		if err := f.Write(name, "text"); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func TestDeleteFile(t *testing.T) {
	f := filled(t)
	if err := f.Delete("a"); err != nil || f.Has("a") {
		t.Errorf("err = %v, has = %v", err, f.Has("a"))
	}
}

func TestDeleteFilledFolder(t *testing.T) {
	f := filled(t)
	if err := f.Delete("sub"); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("err = %v, want ErrNotEmpty", err)
	}
	if !f.Has("sub/b") {
		t.Error("sub/b is gone")
	}
}

func TestDeleteEmptyFolder(t *testing.T) {
	f := filled(t)
	if err := f.Delete("sub/b"); err != nil {
		t.Fatal(err)
	}
	if err := f.Delete("sub"); err != nil || f.Has("sub") {
		t.Errorf("err = %v, has = %v", err, f.Has("sub"))
	}
}

func TestDeleteMissing(t *testing.T) {
	if err := filled(t).Delete("c"); !errors.Is(err, ErrMissing) {
		t.Errorf("err = %v, want ErrMissing", err)
	}
}
