-- What a task gives the blueprint that it is pinned to, as JSON: names to texts. None: nothing.
ALTER TABLE task ADD COLUMN inputs TEXT CHECK (inputs IS NULL OR (json_valid(inputs) AND blueprint IS NOT NULL));
