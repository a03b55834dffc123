-- The independent verifier is a stage of its own. Widening a CHECK changes nothing that is stored, so the text of the table is changed and
-- the table is not made anew (sqlite.org/lang_altertable.html, section 7). The CREATE below makes every connection read it again.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''security'',''ops''', '''security'',''verify'',''ops''')
    WHERE type = 'table' AND name = 'task';
PRAGMA writable_schema = RESET;

-- One thread with a verifier: a run of a `verify` task. What it cost is in the ledger.
CREATE TABLE verification (
    run        TEXT PRIMARY KEY REFERENCES run(id),
    task       INTEGER NOT NULL REFERENCES task(id),
    lineage    INTEGER NOT NULL REFERENCES task(id),
    head       TEXT NOT NULL,
    company    TEXT NOT NULL,
    model      TEXT NOT NULL,
    -- The models that built what it looks at, as JSON.
    built_by   TEXT NOT NULL CHECK (json_valid(built_by)),
    same_model INTEGER NOT NULL CHECK (same_model IN (0, 1)),
    end_state  TEXT CHECK (end_state IN ('pass', 'reject', 'for_person', 'refused', 'timed_out', 'over_budget', 'failed')),
    -- Answers that did not count.
    retries    INTEGER NOT NULL DEFAULT 0 CHECK (retries >= 0),
    probes     INTEGER NOT NULL DEFAULT 0 CHECK (probes >= 0),
    quality    TEXT CHECK (quality IN ('none', 'weak', 'strong')),
    began_ms   INTEGER NOT NULL,
    ended_ms   INTEGER,
    CHECK ((end_state IS NULL) = (ended_ms IS NULL))
) STRICT;
CREATE INDEX verification_lineage ON verification (lineage);
