package paths

import (
	"errors"
	"testing"
)

func clean(t *testing.T, name, want string) {
	t.Helper()
	if got, err := Clean(name); err != nil || got != want {
		t.Errorf("Clean(%q) = %q, %v, want %q", name, got, err, want)
	}
}

func TestPlainNames(t *testing.T) {
	clean(t, "a/b.txt", "a/b.txt")
	clean(t, "/a//b/./c", "a/b/c")
	clean(t, "a/x/../b", "a/b")
}

func TestBackslashes(t *testing.T) {
	clean(t, `a\b.txt`, "a/b.txt")
	clean(t, `\a\.\b/c`, "a/b/c")
}

func TestDrives(t *testing.T) {
	clean(t, `C:\a\b`, "a/b")
	clean(t, "d:a/b", "a/b")
}

func TestOutside(t *testing.T) {
	for _, name := range []string{"..", "../a", "a/../../b", `..\a`, `C:\..\a`} {
		if got, err := Clean(name); !errors.Is(err, ErrOutside) {
			t.Errorf("Clean(%q) = %q, %v, want ErrOutside", name, got, err)
		}
	}
}

func TestSystemSeparator(t *testing.T) {
	if got := Local("a/b"); got != `a\b` && got != "a/b" {
		t.Errorf("Local = %q", got)
	}
}
