-- Money: a ledger row from a call's reservation to its settlement, running sums of them, caps that a person has raised for one
-- thing, what was refused, and the marks that a day's bill has passed.

CREATE TABLE ledger_6 (
    id            INTEGER PRIMARY KEY,
    run           TEXT NOT NULL REFERENCES run(id),
    task          INTEGER NOT NULL REFERENCES task(id),
    call          INTEGER NOT NULL,
    model         TEXT NOT NULL,
    company       TEXT,
    mode          TEXT NOT NULL CHECK (mode IN ('real', 'simulated')),
    -- unknown: its run ended, or its connection, before anybody could say what it cost.
    state         TEXT NOT NULL CHECK (state IN ('reserved', 'settled', 'released', 'unknown')),
    -- What it is booked on, fixed when it is begun; the day is counted in UTC from the Unix epoch.
    lineage       INTEGER NOT NULL REFERENCES task(id),
    goal          INTEGER REFERENCES task(id),
    day           INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens  INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    -- The worst case, kept when it is settled: a settlement above it is shown.
    reserved_microusd INTEGER NOT NULL CHECK (reserved_microusd >= 0),
    cost_microusd INTEGER NOT NULL CHECK (cost_microusd >= 0),
    -- How the cost is known. A list equivalent is spent by nobody.
    word          TEXT NOT NULL CHECK (word IN ('measured', 'estimated', 'list_equivalent')),
    -- Whose word settled it, when it was not the provider's.
    settled_by    TEXT,
    at_ms         INTEGER NOT NULL,
    settled_ms    INTEGER,
    UNIQUE (run, call),
    CHECK ((state = 'reserved') = (settled_ms IS NULL)),
    CHECK (state = 'settled' OR cost_microusd = 0)
) STRICT;
INSERT INTO ledger_6 (id, run, task, call, model, company, mode, state, lineage, goal, day, prompt_tokens, output_tokens,
        reserved_microusd, cost_microusd, word, at_ms, settled_ms)
    SELECT l.id, l.run, l.task, l.call, l.model, r.company, l.mode, 'settled', ifnull(t.lineage, t.id),
        CASE t.kind WHEN 'goal' THEN t.id ELSE t.goal END, l.at_ms / 86400000, l.prompt_tokens, l.output_tokens,
        l.cost_microusd, l.cost_microusd, 'measured', l.at_ms, l.at_ms
    FROM ledger l JOIN task t ON t.id = l.task JOIN run r ON r.id = l.run;
DROP TABLE ledger;
ALTER TABLE ledger_6 RENAME TO ledger;
CREATE INDEX ledger_day ON ledger (day);
CREATE INDEX ledger_open ON ledger (run) WHERE state = 'reserved';
CREATE INDEX ledger_unknown ON ledger (id) WHERE state = 'unknown' AND reserved_microusd > 0;

-- What is booked under each cap, summed as it is written: a reservation reads four rows, however many calls there ever were.
-- Made from the ledger alone by the triggers below; the store's check compares the two.
CREATE TABLE purse (
    scope           TEXT NOT NULL CHECK (scope IN ('task', 'lineage', 'goal', 'day')),
    key             INTEGER NOT NULL,
    spent           INTEGER NOT NULL DEFAULT 0,
    reserved        INTEGER NOT NULL DEFAULT 0,
    unknown         INTEGER NOT NULL DEFAULT 0,
    list_equivalent INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE VIEW booked AS SELECT id, task, lineage, goal, day,
    CASE WHEN state = 'settled' AND word <> 'list_equivalent' THEN cost_microusd ELSE 0 END AS spent,
    CASE state WHEN 'reserved' THEN reserved_microusd ELSE 0 END AS reserved,
    CASE state WHEN 'unknown' THEN reserved_microusd ELSE 0 END AS unknown,
    CASE word WHEN 'list_equivalent' THEN cost_microusd ELSE 0 END AS list_equivalent
    FROM ledger;
CREATE VIEW booked_by AS
    SELECT 'task' AS scope, task AS key, * FROM booked UNION ALL SELECT 'lineage', lineage, * FROM booked
    UNION ALL SELECT 'goal', goal, * FROM booked WHERE goal IS NOT NULL UNION ALL SELECT 'day', day, * FROM booked;

INSERT INTO purse (scope, key, spent, reserved, unknown, list_equivalent)
    SELECT scope, key, sum(spent), sum(reserved), sum(unknown), sum(list_equivalent) FROM booked_by GROUP BY scope, key
    HAVING sum(spent) + sum(reserved) + sum(unknown) + sum(list_equivalent) > 0;

CREATE TRIGGER booked_in AFTER INSERT ON ledger WHEN new.reserved_microusd + new.cost_microusd > 0 BEGIN
    INSERT INTO purse (scope, key, spent, reserved, unknown, list_equivalent)
        SELECT scope, key, spent, reserved, unknown, list_equivalent FROM booked_by WHERE id = new.id
        ON CONFLICT (scope, key) DO UPDATE SET spent = spent + excluded.spent, reserved = reserved + excluded.reserved,
            unknown = unknown + excluded.unknown, list_equivalent = list_equivalent + excluded.list_equivalent;
END;
-- Twice, because what a row was before is gone when it has changed.
CREATE TRIGGER booked_out BEFORE UPDATE ON ledger WHEN old.reserved_microusd + old.cost_microusd > 0 BEGIN
    UPDATE purse SET spent = purse.spent - b.spent, reserved = purse.reserved - b.reserved, unknown = purse.unknown - b.unknown,
            list_equivalent = purse.list_equivalent - b.list_equivalent
        FROM booked_by b WHERE b.id = old.id AND purse.scope = b.scope AND purse.key = b.key;
END;
CREATE TRIGGER booked_anew AFTER UPDATE ON ledger WHEN new.reserved_microusd + new.cost_microusd > 0 BEGIN
    INSERT INTO purse (scope, key, spent, reserved, unknown, list_equivalent)
        SELECT scope, key, spent, reserved, unknown, list_equivalent FROM booked_by WHERE id = new.id
        ON CONFLICT (scope, key) DO UPDATE SET spent = spent + excluded.spent, reserved = reserved + excluded.reserved,
            unknown = unknown + excluded.unknown, list_equivalent = list_equivalent + excluded.list_equivalent;
END;

-- A call whose run ended before its answer: it may have been paid, so its worst case counts until somebody says otherwise.
CREATE TRIGGER call_unknown AFTER UPDATE OF state ON run WHEN new.state <> 'live' BEGIN
    UPDATE ledger SET state = 'unknown', settled_ms = new.ended_ms WHERE run = new.id AND state = 'reserved';
END;

-- A person's word for one task, line of work, goal or day, instead of the settings'.
CREATE TABLE cap (
    scope    TEXT NOT NULL CHECK (scope IN ('task', 'lineage', 'goal', 'day')),
    key      INTEGER NOT NULL,
    microusd INTEGER NOT NULL CHECK (microusd >= 0),
    actor    TEXT NOT NULL CHECK (actor <> ''),
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

-- The last call that a task was refused: it is taken up again when that one could be begun.
CREATE TABLE refused (
    task  INTEGER PRIMARY KEY REFERENCES task(id),
    rule  TEXT NOT NULL CHECK (rule IN ('price', 'call', 'task', 'lineage', 'goal', 'day')),
    model TEXT NOT NULL,
    -- None: its price was not known.
    worst_microusd INTEGER CHECK (worst_microusd > 0),
    at_ms INTEGER NOT NULL,
    CHECK ((worst_microusd IS NULL) = (rule = 'price'))
) STRICT;

-- Each mark of a day once.
CREATE TABLE mark (
    day   INTEGER NOT NULL,
    kind  TEXT NOT NULL CHECK (kind IN ('warn', 'block', 'kill')),
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (day, kind)
) STRICT, WITHOUT ROWID;
