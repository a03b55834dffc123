// Package slug makes parts of addresses out of titles. It is frozen: addresses depend on it.
package slug

import "strings"

// Of returns the title in small letters, with a dash for whatever is no ASCII letter or digit.
func Of(title string) string {
	return strings.Trim(strings.Map(func(letter rune) rune {
		if letter >= 'a' && letter <= 'z' || letter >= '0' && letter <= '9' {
			return letter
		}
		return '-'
	}, strings.ToLower(title)), "-")
}
