package till

import (
	"fmt"
	"strings"
)

// Rate is a rate of tax in percent.
type Rate int64

// Article is what somebody buys. Price is without tax.
type Article struct {
	Name  string
	Price Money
	Rate  Rate
}

// Tax returns what is due for the articles altogether.
func Tax(articles []Article) Money {
	var sum Money
	for _, article := range articles {
		sum += percent(article.Price, article.Rate)
	}
	return sum
}

// Receipt writes one line for each article, the tax, and what is to pay.
func Receipt(articles []Article) string {
	var text strings.Builder
	var net Money
	for _, article := range articles {
		net += article.Price
		fmt.Fprintf(&text, "%-12s %8s\n", article.Name, article.Price)
	}
	tax := Tax(articles)
	fmt.Fprintf(&text, "%-12s %8s\n%-12s %8s\n", "Tax", tax, "To pay", net+tax)
	return text.String()
}

func percent(amount Money, rate Rate) Money {
	return (amount*Money(rate) + 50) / 100
}
