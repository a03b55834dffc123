package changes

// Entry is one change.
type Entry struct {
	Kind string
	Text string
}
