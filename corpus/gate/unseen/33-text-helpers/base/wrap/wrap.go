// Package wrap breaks text into lines.
package wrap

import "strings"

// Lines breaks text into lines of at most width characters. A longer word has a line of its own.
func Lines(text string, width int) string {
	var out strings.Builder
	used := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case used+1+len(word) > width:
			out.WriteByte('\n')
			used = 0
		default:
			out.WriteByte(' ')
			used++
		}
		out.WriteString(word)
		used += len(word)
	}
	return out.String()
}
