-- Who holds a run and until when, what it was made with; steps as intent and receipt; requests that are answered once; effects
-- that are given up; schedules; alarms. Tables whose checks change are made anew and take the old one's name.

CREATE TABLE run_3 (
    id          TEXT PRIMARY KEY,
    task        INTEGER NOT NULL REFERENCES task(id),
    epoch       INTEGER NOT NULL CHECK (epoch > 0),
    state       TEXT NOT NULL CHECK (state IN ('live','succeeded','failed','lost','timed_out','cancelled')),
    -- A person's run is his word that he works on it: no process of ours is behind it.
    holder      TEXT NOT NULL CHECK (holder IN ('factory', 'person')),
    worker      TEXT NOT NULL,
    project     INTEGER REFERENCES project(id),
    resumes     TEXT REFERENCES run(id),
    lease_until INTEGER,
    started_ms  INTEGER NOT NULL,
    beat_ms     INTEGER NOT NULL,
    -- When it last did anything, and when it last reached a step.
    output_ms   INTEGER NOT NULL,
    progress_ms INTEGER NOT NULL,
    -- It must have ended by then.
    close_by_ms INTEGER,
    ended_ms    INTEGER,
    outcome     TEXT,
    mode        TEXT CHECK (mode IN ('real', 'simulated')),
    company     TEXT,
    model       TEXT,
    -- Blueprint, company and prompts that it works by, as hashes.
    pins        TEXT,
    step        TEXT,
    UNIQUE (task, epoch),
    -- A live run has a lease; one that ended has none, and says when and how.
    CHECK ((state = 'live') = (lease_until IS NOT NULL)),
    CHECK ((state = 'live') = (ended_ms IS NULL)),
    CHECK ((state = 'live') = (outcome IS NULL))
) STRICT;
INSERT INTO run_3 (id, task, epoch, state, holder, worker, project, resumes, lease_until, started_ms, beat_ms, output_ms,
        progress_ms, ended_ms, outcome, mode, company, model, step)
    SELECT r.id, r.task, r.epoch, r.state, 'factory', r.worker, t.project, r.resumes, r.lease_until, r.started_ms, r.beat_ms,
        r.beat_ms, r.beat_ms, r.ended_ms, r.outcome, r.mode, r.company, r.model, r.step
    FROM run r JOIN task t ON t.id = r.task;
DROP TABLE run;
ALTER TABLE run_3 RENAME TO run;
CREATE UNIQUE INDEX run_live ON run (task) WHERE state = 'live';
CREATE INDEX run_busy ON run (project) WHERE state = 'live' AND holder = 'factory';
-- What a run has reached. An intent is written before what cannot be taken back, its receipt after it; the first receipt wins.
CREATE TABLE step_3 (
    run      TEXT NOT NULL REFERENCES run(id),
    key      TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('started', 'done', 'failed', 'unknown')),
    intent   TEXT,
    value    TEXT,
    -- What it may cost at most, in millionths of a dollar: kept for what is unknown.
    reserve_microusd INTEGER NOT NULL DEFAULT 0 CHECK (reserve_microusd >= 0),
    at_ms    INTEGER NOT NULL,
    ended_ms INTEGER,
    PRIMARY KEY (run, key),
    CHECK ((state = 'started') = (ended_ms IS NULL)),
    CHECK (state <> 'done' OR value IS NOT NULL),
    CHECK (state NOT IN ('started', 'unknown') OR (intent IS NOT NULL AND value IS NULL))
) STRICT;
INSERT INTO step_3 (run, key, state, value, at_ms, ended_ms) SELECT run, key, 'done', value, at_ms, at_ms FROM step;
DROP TABLE step;
ALTER TABLE step_3 RENAME TO step;
CREATE INDEX step_open ON step (run) WHERE state = 'started';
CREATE INDEX step_unknown ON step (run) WHERE state = 'unknown';

CREATE TABLE outbox_3 (
    id           INTEGER PRIMARY KEY,
    effect_key   TEXT NOT NULL UNIQUE,
    sink         TEXT NOT NULL,
    payload      TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    next_ms      INTEGER NOT NULL,
    last_error   TEXT,
    at_ms        INTEGER NOT NULL,
    delivered_ms INTEGER,
    CHECK ((state = 'delivered') = (delivered_ms IS NOT NULL)),
    CHECK (state <> 'dead' OR last_error IS NOT NULL)
) STRICT;
INSERT INTO outbox_3 SELECT id, effect_key, sink, payload, state, attempts, next_ms, last_error, at_ms, delivered_ms FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_3 RENAME TO outbox;
CREATE INDEX outbox_due ON outbox (next_ms) WHERE state = 'pending';
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 'dead';

-- Requests that were carried out, with the answer that was given: sent again they are answered again and not done again.
CREATE TABLE inbox (
    key    TEXT PRIMARY KEY CHECK (key <> ''),
    hash   TEXT NOT NULL,
    answer TEXT NOT NULL,
    at_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX inbox_age ON inbox (at_ms);

CREATE TABLE schedule (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE CHECK (name <> ''),
    cron       TEXT NOT NULL,
    catch_up   TEXT NOT NULL CHECK (catch_up IN ('skip', 'one', 'all')),
    -- What is asked for at each firing.
    request    TEXT NOT NULL,
    actor      TEXT NOT NULL,
    paused     INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    next_ms    INTEGER NOT NULL,
    missed     INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE firing (
    schedule INTEGER NOT NULL REFERENCES schedule(id),
    fire_ms  INTEGER NOT NULL,
    task     INTEGER REFERENCES task(id),
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (schedule, fire_ms)
) STRICT;

CREATE INDEX task_parent ON task (parent) WHERE parent IS NOT NULL;
-- The commit of a person that no gate has judged yet.
ALTER TABLE task ADD COLUMN handed TEXT;
-- Since when the alarm of its present state stands; a task that moves has none.
ALTER TABLE task ADD COLUMN alarm_ms INTEGER;
CREATE INDEX task_handed ON task (id) WHERE state = 'ready_for_review' AND handed IS NOT NULL;
CREATE INDEX task_overdue ON task (wait_deadline) WHERE state = 'waiting' AND alarm_ms IS NULL;
CREATE INDEX task_idle ON task (updated_ms) WHERE state = 'open' AND blocked_count = 0 AND alarm_ms IS NULL;

CREATE TRIGGER slot_given_back AFTER UPDATE OF state ON run WHEN new.state <> 'live' BEGIN
    DELETE FROM slot WHERE run = new.id;
    -- What was begun and has no receipt when its run ends: nobody can say whether it happened.
    UPDATE step SET state = 'unknown', ended_ms = new.ended_ms WHERE run = new.id AND state = 'started';
END;
