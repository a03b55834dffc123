// Package paths makes paths plain.
package paths

import "strings"

// Clean returns the shortest path to the same file, with slashes.
func Clean(path string) string {
	drive, path := splitDrive(path)
	root := ""
	if strings.HasPrefix(path, "/") {
		root = "/"
	}
	var names []string
	for _, name := range strings.Split(path, "/") {
		if name == "" || name == "." {
			continue
		}
		names = append(names, name)
	}
	if clean := drive + root + strings.Join(names, "/"); clean != "" {
		return clean
	}
	return "."
}
