// Package indent moves lines to the right.
package indent

import "strings"

// By puts a prefix before every line that is not empty.
func By(text, prefix string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = prefix + line
		}
	}
	return strings.Join(lines, "\n")
}
