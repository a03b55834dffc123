-- Where a task is said to change things, as JSON: of its plan, or of the findings that it came of.
ALTER TABLE task ADD COLUMN paths TEXT CHECK (paths IS NULL OR json_valid(paths));

-- Lines of work that have begun and could go on now, found without a look at the rest of the queue.
CREATE INDEX task_goes_on ON task (project)
    WHERE state = 'open' AND blocked_count = 0 AND (lineage IS NOT NULL OR epoch > 0);
CREATE INDEX merge_queued ON merge (project) WHERE state = 'queued';
