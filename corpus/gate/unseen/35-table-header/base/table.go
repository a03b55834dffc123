// Package table writes tables as plain text.
package table

import "strings"

// Render writes a header and rows. Every row has as many cells as the header.
func Render(header []string, rows [][]string) string {
	widths := make([]int, len(header))
	all := append([][]string{header}, rows...)
	for _, row := range all {
		for i, cell := range row {
			if len(cell) > widths[i] {
				widths[i] = len(cell)
			}
		}
	}
	var out strings.Builder
	for _, row := range all {
		line(&out, row, widths)
	}
	return out.String()
}

func line(out *strings.Builder, row []string, widths []int) {
	for i, cell := range row {
		if i > 0 {
			out.WriteString("  ")
		}
		out.WriteString(cell)
		if i < len(row)-1 {
			out.WriteString(strings.Repeat(" ", widths[i]-len(cell)))
		}
	}
	out.WriteByte('\n')
}
