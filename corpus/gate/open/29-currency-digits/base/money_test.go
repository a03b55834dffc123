package money

import "testing"

func check(t *testing.T, amount int64, code, want string) {
	t.Helper()
	if got, err := Format(amount, code); err != nil || got != want {
		t.Errorf("Format(%d, %s) = %q, %v; want %q", amount, code, got, err, want)
	}
}

func TestFormat(t *testing.T) {
	check(t, 123456, "EUR", "1234.56 EUR")
	check(t, -5, "USD", "-0.05 USD")
}

func TestDigits(t *testing.T) {
	check(t, 1234, "JPY", "1234 JPY")
	check(t, 1234, "KWD", "1.234 KWD")
}

func TestUnknown(t *testing.T) {
	if got, err := Format(1, "XXX"); err == nil {
		t.Errorf("Format = %q, want an error", got)
	}
}

func TestName(t *testing.T) {
	if got := Name("JPY"); got != "yen" {
		t.Errorf("Name = %q, want yen", got)
	}
}
