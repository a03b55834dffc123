package address

// dotless says whether a domain ignores dots in the local part.
func dotless(domain string) bool {
	return domain == "gmail.com" || domain == "googlemail.com"
}
