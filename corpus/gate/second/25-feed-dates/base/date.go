// Package feed reads the feeds of podcasts.
package feed

import (
	"fmt"
	"strings"
	"time"
)

// zones that feeds name and time.Parse does not know; in hours from UTC.
var zones = map[string]int{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "CET": 1, "CEST": 2}

var layouts = []string{
	"Mon, 2 Jan 2006 15:04:05 -0700",
	"Mon, 2 Jan 2006 15:04:05 MST",
	time.RFC3339,
}

// Date reads a date in one of the forms that feeds have and returns it in UTC.
func Date(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, layout := range layouts {
		if date, err := time.Parse(layout, text); err == nil {
			return shifted(date).UTC(), nil
		}
	}
	var day, year int
	var month string
	if _, err := fmt.Sscanf(text, "%3s %d, %d", &month, &day, &year); err == nil {
		if first, err := time.Parse("Jan", month); err == nil {
			return time.Date(year, first.Month(), day, 0, 0, 0, 0, time.UTC), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date in a form that we know", text)
}

// shifted corrects what time.Parse makes of a zone by its name alone: a zone of that name at UTC.
func shifted(date time.Time) time.Time {
	name, offset := date.Zone()
	if hours, known := zones[name]; known && offset == 0 {
		return date.Add(-time.Duration(hours) * time.Hour)
	}
	return date
}
