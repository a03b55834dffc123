package invoice

import (
	"fmt"
	"strings"
)

// Render writes the invoice for print.
func (i Invoice) Render() string {
	var out strings.Builder
	fmt.Fprintf(&out, "Invoice %s\n\n", i.Number)
	for _, line := range i.Lines {
		row(&out, fmt.Sprintf("%d x %s", line.Count, line.Name), line.Count*line.Cents)
	}
	row(&out, "sum", i.Sum())
	row(&out, "total", i.Total())
	return out.String()
}

func row(out *strings.Builder, text string, cents int) {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	fmt.Fprintf(out, "%-24s%10s\n", text, fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100))
}
