-- The first schema. Migrations only append: a later change is a new file.
-- Types are those that PostgreSQL has too: INTEGER for numbers and milliseconds since the Unix epoch, TEXT for the rest.

CREATE TABLE project (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE CHECK (name <> ''),
    path          TEXT NOT NULL UNIQUE CHECK (path <> ''),
    target_branch TEXT NOT NULL,
    settings      TEXT NOT NULL,
    created_ms    INTEGER NOT NULL
) STRICT;

CREATE TABLE task (
    id             INTEGER PRIMARY KEY,
    kind           TEXT NOT NULL CHECK (kind IN ('goal','spec','build','review','security','ops','docs','postflight')),
    goal           INTEGER REFERENCES task(id),
    parent         INTEGER REFERENCES task(id),
    lineage        INTEGER REFERENCES task(id),
    title          TEXT NOT NULL CHECK (title <> ''),
    description    TEXT NOT NULL,
    priority       INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 4),
    owner          TEXT,
    tags           TEXT NOT NULL,
    project        INTEGER REFERENCES project(id),
    acceptance     TEXT NOT NULL,
    checks         TEXT NOT NULL,
    changes_tests  TEXT NOT NULL,
    company_pin    TEXT,
    state          TEXT NOT NULL CHECK (state IN
                     ('open','started','ready_for_review','waiting','paused','done','failed','cancelled')),
    epoch          INTEGER NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    infra_attempts INTEGER NOT NULL DEFAULT 0,
    qa_retries     INTEGER NOT NULL DEFAULT 0,
    review_cycles  INTEGER NOT NULL DEFAULT 0,
    escalations    INTEGER NOT NULL DEFAULT 0,
    interruptions  INTEGER NOT NULL DEFAULT 0,
    blocked_count  INTEGER NOT NULL DEFAULT 0 CHECK (blocked_count >= 0),
    wait_reason    TEXT,
    wait_owner     TEXT,
    wait_deadline  INTEGER,
    wait_action    TEXT,
    wait_detail    TEXT,
    base           TEXT,
    start_from     TEXT,
    head           TEXT,
    integrated     TEXT,
    solo           INTEGER NOT NULL DEFAULT 0 CHECK (solo IN (0, 1)),
    findings       TEXT NOT NULL,
    -- Safety rails that a person has cleared for this task, by name.
    cleared        TEXT NOT NULL DEFAULT '[]',
    idem_key       TEXT UNIQUE,
    idem_hash      TEXT,
    created_ms     INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,
    run_at_ms      INTEGER NOT NULL DEFAULT 0,
    -- No silent wait: a waiting task has a reason, an owner, a deadline and a next action; no other task has any of them.
    CHECK ((state = 'waiting') =
           (wait_reason IS NOT NULL AND wait_owner IS NOT NULL AND wait_deadline IS NOT NULL AND wait_action IS NOT NULL)),
    CHECK (state = 'waiting' OR (wait_reason IS NULL AND wait_owner IS NULL AND wait_deadline IS NULL
           AND wait_action IS NULL AND wait_detail IS NULL)),
    CHECK (wait_owner <> '' AND wait_action <> '')
) STRICT;

CREATE INDEX task_ready ON task (priority DESC, run_at_ms, id) WHERE state = 'open' AND blocked_count = 0;
CREATE INDEX task_goal ON task (goal);
CREATE INDEX task_lineage ON task (lineage);
CREATE INDEX task_state ON task (state);

CREATE TABLE need (
    task      INTEGER NOT NULL REFERENCES task(id),
    needs     INTEGER NOT NULL REFERENCES task(id),
    until     TEXT NOT NULL CHECK (until IN ('integrated', 'done')),
    satisfied INTEGER NOT NULL DEFAULT 0 CHECK (satisfied IN (0, 1)),
    PRIMARY KEY (task, needs, until),
    CHECK (task <> needs)
) STRICT;
CREATE INDEX need_needs ON need (needs) WHERE satisfied = 0;

CREATE TABLE run (
    id          TEXT PRIMARY KEY,
    task        INTEGER NOT NULL REFERENCES task(id),
    epoch       INTEGER NOT NULL CHECK (epoch > 0),
    state       TEXT NOT NULL CHECK (state IN ('live','succeeded','failed','lost','cancelled')),
    worker      TEXT NOT NULL,
    resumes     TEXT REFERENCES run(id),
    lease_until INTEGER,
    started_ms  INTEGER NOT NULL,
    beat_ms     INTEGER NOT NULL,
    ended_ms    INTEGER,
    outcome     TEXT,
    mode        TEXT CHECK (mode IN ('real', 'simulated')),
    company     TEXT,
    model       TEXT,
    step        TEXT,
    UNIQUE (task, epoch),
    -- A live run has a lease; one that ended has none, and says when and how.
    CHECK ((state = 'live') = (lease_until IS NOT NULL)),
    CHECK ((state = 'live') = (ended_ms IS NULL)),
    CHECK ((state = 'live') = (outcome IS NULL))
) STRICT;
CREATE UNIQUE INDEX run_live ON run (task) WHERE state = 'live';

-- What a run has reached, written before its next step: a restart goes on from here. First write wins.
CREATE TABLE step (
    run   TEXT NOT NULL REFERENCES run(id),
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (run, key)
) STRICT;

CREATE TABLE merge (
    id       INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL CHECK (kind IN ('integrate', 'deliver')),
    project  INTEGER NOT NULL REFERENCES project(id),
    task     INTEGER NOT NULL REFERENCES task(id),
    base     TEXT NOT NULL,
    head     TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('queued', 'merged', 'refused')),
    intent   TEXT,
    outcome  TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_ms  INTEGER NOT NULL DEFAULT 0,
    at_ms    INTEGER NOT NULL,
    ended_ms INTEGER,
    UNIQUE (kind, task, head)
) STRICT;

-- Everything that happened, in the transaction in which it happened. Never changed, never deleted.
CREATE TABLE event (
    seq        INTEGER PRIMARY KEY,
    task       INTEGER REFERENCES task(id),
    run        TEXT,
    actor      TEXT NOT NULL,
    kind       TEXT NOT NULL,
    from_state TEXT,
    to_state   TEXT,
    detail     TEXT NOT NULL,
    at_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX event_task ON event (task, seq);
CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

CREATE TABLE ledger (
    id            INTEGER PRIMARY KEY,
    run           TEXT NOT NULL REFERENCES run(id),
    task          INTEGER NOT NULL REFERENCES task(id),
    call          INTEGER NOT NULL,
    model         TEXT NOT NULL,
    mode          TEXT NOT NULL CHECK (mode IN ('real', 'simulated')),
    prompt_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_microusd INTEGER NOT NULL,
    at_ms         INTEGER NOT NULL,
    UNIQUE (run, call)
) STRICT;

-- Effects on the outside, at least once, under a stable key; receivers deduplicate.
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY,
    effect_key   TEXT NOT NULL UNIQUE,
    sink         TEXT NOT NULL,
    payload      TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('pending', 'delivered')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    next_ms      INTEGER NOT NULL,
    last_error   TEXT,
    at_ms        INTEGER NOT NULL,
    delivered_ms INTEGER
) STRICT;
CREATE INDEX outbox_due ON outbox (next_ms) WHERE state = 'pending';

-- HiveMind's rows: the truth of what the factory knows; every index over them can be rebuilt.
CREATE TABLE mind (
    id         INTEGER PRIMARY KEY,
    entry_kind TEXT NOT NULL CHECK (entry_kind IN ('knowledge', 'alert', 'briefing', 'update')),
    project    INTEGER REFERENCES project(id),
    task       INTEGER REFERENCES task(id),
    run        TEXT,
    company    TEXT,
    source     TEXT NOT NULL,
    text       TEXT NOT NULL CHECK (text <> ''),
    text_hash  TEXT NOT NULL,
    seen       INTEGER NOT NULL DEFAULT 1,
    at_ms      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX mind_same ON mind (text_hash, ifnull(project, 0));
CREATE VIRTUAL TABLE mind_fts USING fts5(text, content='mind', content_rowid='id', tokenize='porter unicode61');
CREATE TRIGGER mind_index AFTER INSERT ON mind BEGIN
    INSERT INTO mind_fts (rowid, text) VALUES (new.id, new.text);
END;

-- Facts about the store itself: who wrote last, whether it was closed properly.
CREATE TABLE fact (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
