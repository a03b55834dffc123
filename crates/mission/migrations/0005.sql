-- A run that a person started without a cage: what was asked of its task, and the user that its programs ran as.

ALTER TABLE task ADD COLUMN sandbox TEXT NOT NULL DEFAULT 'on' CHECK (sandbox IN ('on', 'off'));
-- Written before the first of them starts, so that whoever comes after a crash knows whom to end. None: in a cage.
ALTER TABLE run ADD COLUMN uid INTEGER CHECK (uid IS NULL OR uid > 0);
