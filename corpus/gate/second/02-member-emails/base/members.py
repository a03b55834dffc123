"""Who may borrow."""


def join(db, login):
    return db.execute("INSERT INTO members (login) VALUES (?)", (login,)).lastrowid


def by_login(db, login):
    return db.execute("SELECT id FROM members WHERE login = ?", (login,)).fetchone()
