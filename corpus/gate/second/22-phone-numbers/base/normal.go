package contacts

import "strings"

// Normal returns the number in the form in which numbers are compared.
func Normal(number, country string) string {
	return strings.TrimSpace(number)
}
