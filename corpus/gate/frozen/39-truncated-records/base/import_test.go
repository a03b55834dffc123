package records

import "testing"

func TestImport(t *testing.T) {
	all, err := Import([]byte("\x01a\x01b"), func(record []byte) (any, error) { return string(record), nil })
	if err != nil || len(all) != 2 || all[1].Value != "b" {
		t.Errorf("Import = %v, %v", all, err)
	}
}
