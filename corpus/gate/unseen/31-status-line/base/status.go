// Package status writes status lines.
package status

import "strconv"

// Text returns the text of a status code.
func Text(code int) string {
	return ""
}

// Line returns the first line of an answer.
func Line(code int) string {
	return "HTTP/1.1 " + strconv.Itoa(code) + " " + Text(code) + "\r\n"
}
