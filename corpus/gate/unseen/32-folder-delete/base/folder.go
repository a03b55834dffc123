// Package folder keeps files in one folder of the disk.
package folder

import (
	"errors"
	"os"
	"path/filepath"
)

var (
	// ErrMissing says that there is nothing of this name.
	ErrMissing = errors.New("folder: no such file")
	// ErrNotEmpty says that a folder has something in it.
	ErrNotEmpty = errors.New("folder: not empty")
)

// Folder is one folder of the disk.
type Folder struct{ root string }

// Open returns the folder at a place.
func Open(root string) Folder { return Folder{root} }

// Write puts text into a file, and makes the folders above it.
func (f Folder) Write(name, text string) error {
	path := filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// Has says whether there is something of this name.
func (f Folder) Has(name string) bool {
	_, err := os.Lstat(filepath.Join(f.root, name))
	return err == nil
}

// Delete removes a file or a folder.
func (f Folder) Delete(name string) error {
	return os.RemoveAll(filepath.Join(f.root, name))
}
