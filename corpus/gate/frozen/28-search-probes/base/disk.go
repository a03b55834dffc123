package lookup

import "time"

// How long to wait for one entry from the disk.
const readTimeout = 5 * time.Second

// Deadline returns when a read that starts now is given up.
func Deadline(now time.Time) time.Time { return now.Add(readTimeout) }
