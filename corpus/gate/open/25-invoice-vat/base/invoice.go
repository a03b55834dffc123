// Package invoice writes invoices.
package invoice

// Line is one thing sold.
type Line struct {
	Name  string
	Count int
	Cents int
}

// Invoice is what a customer owes.
type Invoice struct {
	Number string
	Lines  []Line
}

// Sum returns what the lines cost, in cents.
func (i Invoice) Sum() int {
	sum := 0
	for _, line := range i.Lines {
		sum += line.Count * line.Cents
	}
	return sum
}

// Total returns what is to be paid, in cents.
func (i Invoice) Total() int { return i.Sum() }
