-- What sort of task it is and whose word chose its model; how a run's model was called and which one answered; what was learned of
-- each model.

-- A class, as JSON: set by the task's first run, and never again.
ALTER TABLE task ADD COLUMN class TEXT CHECK (class IS NULL OR json_valid(class));
-- A person's word for one task: a tier, or HOST:MODEL.
ALTER TABLE task ADD COLUMN model_pin TEXT CHECK (model_pin IS NULL OR model_pin <> '');

-- Why this model, in words.
ALTER TABLE run ADD COLUMN choice TEXT;
-- How its tools are called, and what it fell back to.
ALTER TABLE run ADD COLUMN pipeline TEXT;
-- The model that answered last, as its server named it: what was asked for stands in `model`.
ALTER TABLE run ADD COLUMN answered TEXT;

CREATE TABLE learned (
    host  TEXT NOT NULL CHECK (host <> ''),
    model TEXT NOT NULL CHECK (model <> ''),
    -- Thousandths of a character a token; none where the server has counted nothing yet.
    milli_chars_per_token INTEGER CHECK (milli_chars_per_token > 0),
    -- Answers of agents' turns; of them those of which no call could be read, and those whose calls were dug out of text.
    turns     INTEGER NOT NULL DEFAULT 0 CHECK (turns >= 0),
    malformed INTEGER NOT NULL DEFAULT 0 CHECK (malformed >= 0),
    salvaged  INTEGER NOT NULL DEFAULT 0 CHECK (salvaged >= 0),
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (host, model)
) STRICT, WITHOUT ROWID;
