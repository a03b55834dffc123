// Package shellwords splits command lines.
package shellwords

import "strings"

// Split returns the words of a command line.
func Split(text string) ([]string, error) {
	return strings.Fields(text), nil
}
