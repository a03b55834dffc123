// Package money writes amounts.
package money

import "fmt"

//go:generate go run ./gen

type currency struct {
	name   string
	digits int
}

// Format writes an amount that is given in the smallest unit of its currency, which is named by its ISO 4217 code.
func Format(amount int64, code string) (string, error) {
	c, ok := currencies[code]
	if !ok {
		return "", fmt.Errorf("money: no currency has the code %q", code)
	}
	sign := ""
	if amount < 0 {
		sign, amount = "-", -amount
	}
	unit := int64(1)
	for n := 0; n < c.digits; n++ {
		unit *= 10
	}
	if c.digits == 0 {
		return fmt.Sprintf("%s%d %s", sign, amount, code), nil
	}
	return fmt.Sprintf("%s%d.%0*d %s", sign, amount/unit, c.digits, amount%unit, code), nil
}

// Name returns the English name of a currency, or its code when it is not known.
func Name(code string) string {
	if c, ok := currencies[code]; ok {
		return c.name
	}
	return code
}
