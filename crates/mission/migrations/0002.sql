-- The queue: heads by project and priority, what runs hold, whose turn it is; tasks in full text.

ALTER TABLE project ADD COLUMN served_ms INTEGER NOT NULL DEFAULT 0;

DROP INDEX task_ready;
CREATE INDEX task_queue ON task (project, priority, id) WHERE state = 'open' AND blocked_count = 0 AND kind <> 'goal';

-- What a run holds while it lives, of which only so many may be held at once: a company, a model's host.
CREATE TABLE slot (
    run  TEXT NOT NULL REFERENCES run(id),
    key  TEXT NOT NULL CHECK (key <> ''),
    most INTEGER NOT NULL CHECK (most > 0),
    PRIMARY KEY (key, run)
) STRICT;
CREATE INDEX slot_run ON slot (run);
CREATE TRIGGER slot_given_back AFTER UPDATE OF state ON run WHEN new.state <> 'live' BEGIN
    DELETE FROM slot WHERE run = new.id;
END;
CREATE INDEX run_lease ON run (lease_until) WHERE state = 'live';

CREATE VIRTUAL TABLE task_fts USING fts5(title, description, findings, content='task', content_rowid='id',
    tokenize='porter unicode61');
INSERT INTO task_fts (task_fts) VALUES ('rebuild');
CREATE TRIGGER task_index AFTER INSERT ON task BEGIN
    INSERT INTO task_fts (rowid, title, description, findings) VALUES (new.id, new.title, new.description, new.findings);
END;
CREATE TRIGGER task_reindex AFTER UPDATE OF title, description, findings ON task BEGIN
    INSERT INTO task_fts (task_fts, rowid, title, description, findings)
        VALUES ('delete', old.id, old.title, old.description, old.findings);
    INSERT INTO task_fts (rowid, title, description, findings) VALUES (new.id, new.title, new.description, new.findings);
END;
