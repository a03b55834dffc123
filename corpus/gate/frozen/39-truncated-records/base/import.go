package records

// Decoder makes a value of a record. Plug-ins bring their own.
type Decoder func(record []byte) (any, error)

// Imported is what became of one record.
type Imported struct {
	Value any
	Err   error
}

// Import decodes every record of a file.
func Import(file []byte, decode Decoder) ([]Imported, error) {
	records, err := Parse(file)
	if err != nil {
		return nil, err
	}
	var all []Imported
	for _, record := range records {
		value, err := decode(record)
		all = append(all, Imported{value, err})
	}
	return all, nil
}
