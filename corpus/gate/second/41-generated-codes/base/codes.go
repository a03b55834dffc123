// Package codes names what a server can answer.
package codes

import "fmt"

// Code is what a server answers.
type Code int

// String returns the name.
func (c Code) String() string {
	if name, known := names[c]; known {
		return name
	}
	return fmt.Sprintf("Code(%d)", int(c))
}

// Again says whether another try may help.
func (c Code) Again() bool {
	return again[c]
}
