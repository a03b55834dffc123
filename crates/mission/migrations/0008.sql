-- What the agents and people of one line of work tell each other.

-- A line of work whose session somebody has begun; its first task names it.
CREATE TABLE session (
    lineage INTEGER PRIMARY KEY REFERENCES task(id),
    actor   TEXT NOT NULL CHECK (actor <> ''),
    at_ms   INTEGER NOT NULL
) STRICT;

CREATE TABLE entry (
    id      INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES session(lineage),
    task    INTEGER NOT NULL REFERENCES task(id),
    -- The run that said it; none where a person did.
    run     TEXT REFERENCES run(id),
    -- A role, or a person's name.
    agent   TEXT NOT NULL CHECK (agent <> ''),
    company TEXT,
    -- The person who wrote it in the name of another.
    author  TEXT,
    kind    TEXT NOT NULL CHECK (kind IN ('note', 'decision', 'blocker', 'report')),
    text    TEXT NOT NULL CHECK (length(text) <= 8000),
    -- The fields of a report, as JSON.
    report  TEXT CHECK (report IS NULL OR json_valid(report)),
    at_ms   INTEGER NOT NULL,
    CHECK ((kind = 'report') = (report IS NOT NULL)),
    CHECK (run IS NULL OR author IS NULL)
) STRICT;
CREATE INDEX entry_session ON entry (session, id);
-- A run ends once, and is reported once.
CREATE UNIQUE INDEX entry_report ON entry (run) WHERE kind = 'report' AND run IS NOT NULL;
CREATE INDEX entry_run ON entry (run) WHERE run IS NOT NULL;
CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'what was said is never changed'); END;
CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'what was said is never deleted'); END;
