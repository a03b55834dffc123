package roman

import "testing"

func TestFormat(t *testing.T) {
	for n, want := range map[int]string{1: "I", 3: "III", 7: "VII", 16: "XVI", 2023: "MMXXIII"} {
		if got, err := Format(n); err != nil || got != want {
			t.Errorf("Format(%d) = %q, %v; want %q", n, got, err, want)
		}
	}
}

func TestSubtractive(t *testing.T) {
	for n, want := range map[int]string{4: "IV", 9: "IX", 49: "XLIX", 400: "CD", 1994: "MCMXCIV", 3999: "MMMCMXCIX"} {
		if got, err := Format(n); err != nil || got != want {
			t.Errorf("Format(%d) = %q, %v; want %q", n, got, err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, n := range []int{-1, 0, 4000} {
		if got, err := Format(n); err == nil {
			t.Errorf("Format(%d) = %q, want an error", n, got)
		}
	}
}
