package token

// Session is who is logged in.
type Session struct {
	User  string
	Token string
}

// Open starts a session.
func Open(user string) (Session, error) {
	text, err := New()
	if err != nil {
		return Session{}, err
	}
	return Session{User: user, Token: text}, nil
}
