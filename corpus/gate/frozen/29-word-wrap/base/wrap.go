// Package wordwrap breaks texts into lines.
package wordwrap

import "strings"

// Wrap breaks text into lines of at most width letters.
func Wrap(text string, width int) string {
	var lines []string
	for len(text) > width {
		lines = append(lines, text[:width])
		text = text[width:]
	}
	return strings.Join(append(lines, text), "\n")
}
