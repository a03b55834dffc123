package site

import "testing"

func TestAddress(t *testing.T) {
	for _, row := range []struct {
		page Page
		want string
	}{
		{Page{"News", "Hello"}, "/news/hello"},
		{Page{"News", "Grün & gut!"}, "/news/gr-n---gut"},
		{Page{"Über uns", "Team"}, "/ber-uns/team"},
	} {
		if got := row.page.Address(); got != row.want {
			t.Errorf("%v: got %s, want %s", row.page, got, row.want)
		}
	}
}
