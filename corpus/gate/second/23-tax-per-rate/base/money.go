// Package till writes receipts.
package till

import "fmt"

// Money is an amount in cents.
type Money int64

// String writes the amount with two decimals.
func (m Money) String() string {
	return fmt.Sprintf("%d.%02d", int64(m)/100, int64(m)%100)
}
