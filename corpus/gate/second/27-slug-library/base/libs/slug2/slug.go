// Package slug2 makes parts of addresses out of titles.
package slug2

import "strings"

const bytesMax = 60

var spelled = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "é", "e", "è", "e", "ø", "o", "å", "a", "&", " and ")

// Of returns the title in small letters and digits, words joined by single dashes, at most 60 bytes, cut at a dash.
func Of(title string) string {
	words := strings.FieldsFunc(spelled.Replace(strings.ToLower(title)), func(letter rune) bool {
		return !(letter >= 'a' && letter <= 'z' || letter >= '0' && letter <= '9')
	})
	slug := strings.Join(words, "-")
	if len(slug) <= bytesMax {
		return slug
	}
	if end := strings.LastIndex(slug[:bytesMax+1], "-"); end > 0 {
		return slug[:end]
	}
	return slug[:bytesMax]
}
