-- Where merged work stands on a remote: a branch of the factory's own, and the pull request that was opened for it.
CREATE TABLE published (
    -- A goal, or a task of its own.
    task     INTEGER PRIMARY KEY REFERENCES task(id),
    project  INTEGER NOT NULL REFERENCES project(id),
    way      TEXT NOT NULL CHECK (way IN ('branch', 'pull_request')),
    remote   TEXT NOT NULL CHECK (remote <> ''),
    branch   TEXT NOT NULL CHECK (branch <> ''),
    target   TEXT NOT NULL CHECK (target <> ''),
    -- The commit that is to be there, and the one that was pushed last.
    head     TEXT NOT NULL,
    pushed   TEXT,
    -- The `deliver` row that asked for it.
    merge    INTEGER NOT NULL REFERENCES merge(id),
    state    TEXT NOT NULL CHECK (state IN ('pushing', 'pushed', 'open', 'merged', 'closed', 'withdrawn')),
    number   INTEGER,
    url      TEXT,
    -- Attempts that failed since one did not, and the last one's reason.
    failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
    error    TEXT,
    -- Looks at the pull request since there was something new, and when it is looked at next.
    quiet    INTEGER NOT NULL DEFAULT 0 CHECK (quiet >= 0),
    next_ms  INTEGER NOT NULL DEFAULT 0,
    at_ms    INTEGER NOT NULL,
    CHECK ((number IS NULL) = (url IS NULL)),
    CHECK (state NOT IN ('open', 'merged', 'closed') OR number IS NOT NULL),
    CHECK (state IN ('pushing', 'withdrawn') OR pushed IS NOT NULL)
) STRICT;
CREATE INDEX published_open ON published (next_ms) WHERE state = 'open';

-- What came back of a pull request, once each, and the task that it made.
CREATE TABLE remark (
    task   INTEGER NOT NULL REFERENCES published(task),
    key    TEXT NOT NULL CHECK (key <> ''),
    author TEXT NOT NULL,
    text   TEXT NOT NULL,
    made   INTEGER REFERENCES task(id),
    at_ms  INTEGER NOT NULL,
    PRIMARY KEY (task, key)
) STRICT;
CREATE INDEX remark_made ON remark (made) WHERE made IS NOT NULL;
