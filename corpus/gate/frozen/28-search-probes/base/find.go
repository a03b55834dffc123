// Package lookup searches sorted lists.
package lookup

// List is a sorted list that is slow to look at.
type List interface {
	Len() int
	At(i int) string
}

// Find returns where key is in the list, or -1.
func Find(list List, key string) int {
	for i := 0; i < list.Len(); i++ {
		if list.At(i) == key {
			return i
		}
	}
	return -1
}
