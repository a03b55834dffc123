// Package words counts words.
package words

import (
	"fmt"
	"strings"

	"example.org/counter/counter"
)

// Share says how much of a text one word is.
func Share(text, word string) string {
	c := counter.New()
	for _, found := range strings.Fields(text) {
		c.Add(found)
	}
	return fmt.Sprintf("%d of %d", c.Of(word), c.Total())
}
