-- What a specification is given beside its goal's words: a person's plan, or the wish to see one before it is carried out.
ALTER TABLE task ADD COLUMN planning TEXT CHECK (planning IS NULL OR (json_valid(planning) AND kind = 'spec'));
