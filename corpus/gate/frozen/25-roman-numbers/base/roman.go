// Package roman reads and writes Roman numbers.
package roman

import "fmt"

// Format writes n, which must lie between 1 and 3999.
func Format(n int) (string, error) {
	if n < 1 || n > 3999 {
		return "", fmt.Errorf("roman: %d is not between 1 and 3999", n)
	}
	text := ""
	for _, step := range steps {
		for n >= step.value {
			text += step.letters
			n -= step.value
		}
	}
	return text, nil
}
