package paths

import (
	"runtime"
	"testing"
)

func check(t *testing.T, path, want string) {
	t.Helper()
	if got := Clean(path); got != want {
		t.Errorf("Clean(%q) = %q, want %q", path, got, want)
	}
}

func TestPlain(t *testing.T) {
	check(t, "a/b", "a/b")
	check(t, "/a/b", "/a/b")
	check(t, "", ".")
	check(t, "/", "/")
}

func TestDots(t *testing.T) {
	check(t, "./a/./b/", "a/b")
	check(t, "a//b", "a/b")
	check(t, "./", ".")
}

func TestDrive(t *testing.T) {
	if runtime.GOOS != "windows" {
		t.Skip("drives are on Windows alone")
	}
	check(t, `c:\a\.\b`, "C:/a/b")
	check(t, "c:a", "C:a")
}

func TestUp(t *testing.T) {
	check(t, "a/b/../c", "a/c")
	check(t, "a/..", ".")
	check(t, "/a/b/../../c", "/c")
}

func TestUpAtTheStart(t *testing.T) {
	check(t, "..", "..")
	check(t, "../a", "../a")
	check(t, "a/../../b", "../b")
	check(t, "../../a/..", "../..")
}

func TestNothingIsAboveTheRoot(t *testing.T) {
	check(t, "/..", "/")
	check(t, "/../a", "/a")
	check(t, "/a/../../b", "/b")
}
