package store

import (
	"encoding/json"
	"os"
)

// Dump writes the store to a file.
func (s *Store) Dump(path string) error {
	bytes, err := json.Marshal(s.texts)
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes, 0o600)
}
