package main

import (
	"fmt"

	"till"
)

func main() {
	articles := []till.Article{{"A", 2, 19}, {"B", 2, 19}, {"C", 2, 19}, {"D", 14, 7}, {"E", 14, 7}}
	if tax := till.Tax(articles); tax != 3 {
		panic(tax)
	}
	if text := till.Money(-205).String(); text != "-2.05" {
		panic(text)
	}
	fmt.Println("holds")
}
