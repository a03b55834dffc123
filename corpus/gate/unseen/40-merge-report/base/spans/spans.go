// Package spans works on spans of numbers.
package spans

// Span goes from From up to, and without, To.
type Span struct{ From, To int }

// Merge returns the same numbers in as few spans as possible, in order.
func Merge(spans []Span) []Span {
	var merged []Span
	for _, span := range spans {
		if last := len(merged) - 1; last >= 0 && span.From < merged[last].To {
			merged[last].To = span.To
			continue
		}
		merged = append(merged, span)
	}
	return merged
}
