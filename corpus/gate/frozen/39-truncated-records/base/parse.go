// Package records reads files of records: one byte of length, then so many bytes.
package records

// Parse splits a file into its records.
func Parse(file []byte) ([][]byte, error) {
	var records [][]byte
	for at := 0; at < len(file); {
		length := int(file[at])
		records = append(records, file[at+1:at+1+length])
		at += 1 + length
	}
	return records, nil
}
