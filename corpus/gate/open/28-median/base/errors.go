package stats

import "errors"

// ErrEmpty says that there are no numbers.
var ErrEmpty = errors.New("stats: no numbers")
