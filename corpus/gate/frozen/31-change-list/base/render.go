// Package changes writes lists of changes.
package changes

import "strings"

// Render writes what changed in a version.
func Render(version string, entries []Entry) string {
	var out strings.Builder
	out.WriteString("## " + version + "\n")
	for _, entry := range entries {
		out.WriteString(entry.Kind + ": " + entry.Text + "\n")
	}
	return out.String()
}
