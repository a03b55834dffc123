package codes

import "testing"

func TestNames(t *testing.T) {
	for code, want := range map[Code]string{400: "BadInput", 410: "Gone", 502: "Upstream", 299: "Code(299)"} {
		if got := code.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAgain(t *testing.T) {
	for code, want := range map[Code]bool{TooMany: true, Upstream: true, Gone: false, OurFault: false} {
		if got := code.Again(); got != want {
			t.Errorf("%s: got %v", code, got)
		}
	}
}
