package paths

import (
	"runtime"
	"strings"
)

// splitDrive takes `C:` from the front of a path on Windows, and turns its slashes round.
func splitDrive(path string) (drive, rest string) {
	if runtime.GOOS != "windows" {
		return "", path
	}
	path = strings.ReplaceAll(path, `\`, "/")
	if len(path) >= 2 && path[1] == ':' {
		return strings.ToUpper(path[:2]), path[2:]
	}
	return "", path
}
