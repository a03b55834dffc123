-- Notifications: who is told of what, and which of them are told together.
CREATE TABLE notify_sink (
    name       TEXT PRIMARY KEY CHECK (name <> ''),
    -- The kinds that it is told of, as JSON. Where it is and its secrets are not in the store.
    kinds      TEXT NOT NULL CHECK (json_valid(kinds)),
    -- Attempts in a row that failed, the last one's reason, and not before when the next one is made.
    failures   INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
    last_error TEXT,
    wait_ms    INTEGER NOT NULL DEFAULT 0,
    told_ms    INTEGER
) STRICT;

-- A notification's goal; those of one `batch` are one message, which takes in no more after `close_ms`.
ALTER TABLE outbox ADD COLUMN goal INTEGER REFERENCES task(id);
ALTER TABLE outbox ADD COLUMN batch TEXT;
ALTER TABLE outbox ADD COLUMN close_ms INTEGER;
CREATE INDEX outbox_told ON outbox (sink, goal, at_ms) WHERE goal IS NOT NULL;
