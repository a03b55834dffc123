-- Only adds, and runs twice without harm. What is taken away goes in a later migration, one release after the code that
-- needed it.
CREATE TABLE IF NOT EXISTS note (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
  body text NOT NULL DEFAULT '' CHECK (char_length(body) <= 10000),
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The list goes from the newest note to the oldest.
CREATE INDEX IF NOT EXISTS note_newest ON note (created_at DESC, id DESC);
