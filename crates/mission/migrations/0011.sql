-- How often each of the four transition gates was asked, held something back, and was gone around by a person.
CREATE TABLE passage (
    gate    TEXT NOT NULL CHECK (gate IN ('spawn', 'execute', 'claim', 'close')),
    word    TEXT NOT NULL CHECK (word IN ('fired', 'blocked', 'bypassed')),
    count   INTEGER NOT NULL CHECK (count > 0),
    last_ms INTEGER NOT NULL,
    PRIMARY KEY (gate, word)
) STRICT, WITHOUT ROWID;
