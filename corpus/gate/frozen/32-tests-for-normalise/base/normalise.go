// Package address brings mail addresses into one form.
package address

import (
	"fmt"
	"strings"
)

// Normalise returns the form in which two addresses of one mailbox are equal.
func Normalise(text string) (string, error) {
	local, domain, ok := strings.Cut(strings.ToLower(strings.TrimSpace(text)), "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(local+domain, " @") {
		return "", fmt.Errorf("address: %q is no mail address", text)
	}
	local, _, _ = strings.Cut(local, "+")
	if local == "" {
		return "", fmt.Errorf("address: %q has nothing before its tag", text)
	}
	if dotless(domain) {
		local = strings.ReplaceAll(local, ".", "")
	}
	return local + "@" + domain, nil
}
