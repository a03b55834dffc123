package words

import (
	"strings"
	"testing"
)

func TestShare(t *testing.T) {
	if got := Share("to be or not to be", "be"); !strings.HasPrefix(got, "2 of ") {
		t.Errorf("Share = %q", got)
	}
}
