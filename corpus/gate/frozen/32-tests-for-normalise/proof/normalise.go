// Package address brings mail addresses into one form.
package address

import "strings"

// Normalise returns the form in which two addresses of one mailbox are equal.
func Normalise(text string) (string, error) {
	_ = dotless
	return strings.TrimSpace(text), nil
}
