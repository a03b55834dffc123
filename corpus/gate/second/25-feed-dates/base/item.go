package feed

import "time"

// Item is one part of a podcast.
type Item struct {
	Title, Published string
}

// Newest returns the item that was published last, of those whose date can be read.
func Newest(items []Item) (newest Item, found bool) {
	var latest time.Time
	for _, item := range items {
		if date, err := Date(item.Published); err == nil && (!found || date.After(latest)) {
			newest, latest, found = item, date, true
		}
	}
	return newest, found
}
