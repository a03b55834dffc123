// Package limit slows callers down.
package limit

import "time"

// Limiter says whether a call is allowed now. It must not be copied.
type Limiter struct {
	Burst int
	Every time.Duration
	Now   func() time.Time
}

// Allow says whether one more call of this key is allowed.
func (l *Limiter) Allow(key string) bool {
	return true
}
