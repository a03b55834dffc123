package main

import (
	"fmt"
	"os"
	"strings"

	"example.org/invoice"
)

func main() {
	i := invoice.Invoice{Lines: []invoice.Line{{Name: "x", Count: 3, Cents: 1005}}, DiscountPercent: 50, VATPercent: 10}
	if i.Total() != 1658 || !strings.Contains(i.Render(), "VAT 10 %") {
		fmt.Println(i.Render())
		os.Exit(1)
	}
	fmt.Println("holds")
}
