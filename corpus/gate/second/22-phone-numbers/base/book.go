// Package contacts keeps whom we know.
package contacts

// Book holds names by their phone number.
type Book struct {
	// Country is the code of the country whose national numbers are dialled without one, such as 49.
	Country string
	names   map[string]string
}

// Add returns false where the number is in the book already.
func (b *Book) Add(number, name string) bool {
	if b.names == nil {
		b.names = map[string]string{}
	}
	number = Normal(number, b.Country)
	if _, known := b.names[number]; known {
		return false
	}
	b.names[number] = name
	return true
}

// Name returns whose number it is.
func (b *Book) Name(number string) string {
	return b.names[Normal(number, b.Country)]
}
