CREATE TABLE loans (
    member INTEGER NOT NULL REFERENCES members (id),
    title TEXT NOT NULL,
    due TEXT NOT NULL
);
