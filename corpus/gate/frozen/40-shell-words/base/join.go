package shellwords

import "strings"

// Join makes a command line of words that need no quotes.
func Join(words []string) string { return strings.Join(words, " ") }
