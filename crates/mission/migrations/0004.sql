-- What people say to a run that goes on, and the blueprint that a person chose for a task.

CREATE TABLE word (
    -- The run it was said to.
    run      TEXT NOT NULL REFERENCES run(id),
    seq      INTEGER NOT NULL CHECK (seq > 0),
    actor    TEXT NOT NULL,
    text     TEXT NOT NULL CHECK (text <> ''),
    said_ms  INTEGER NOT NULL,
    taken_ms INTEGER,
    -- The run whose agent heard it last: itself, or one that resumed it.
    taken_by TEXT REFERENCES run(id),
    PRIMARY KEY (run, seq),
    CHECK ((taken_ms IS NULL) = (taken_by IS NULL))
) STRICT;

ALTER TABLE task ADD COLUMN blueprint TEXT;
