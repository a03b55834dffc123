-- Two tenants who try everything on each other. Each `refused` names the error that must come; anything else ends the test.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;

CREATE FUNCTION pg_temp.refused(statement text, state text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE <> state THEN
            RAISE EXCEPTION 'refused for another reason: % % (wanted %): %', SQLSTATE, SQLERRM, state, statement;
        END IF;
        RETURN;
    END;
    RAISE EXCEPTION 'not refused: %', statement;
END $$;
-- What a statement counts or changes, in rows.
CREATE FUNCTION pg_temp.rows(statement text, wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE got bigint;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS got = ROW_COUNT;
    IF got <> wanted THEN RAISE EXCEPTION '% rows and not %: %', got, wanted, statement; END IF;
END $$;

INSERT INTO tenancy.tenant VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'Ada'), ('bbbbbbbb-0000-4000-8000-000000000002', 'Bo');

SET ROLE tenant_app;
BEGIN;
SELECT tenancy.enter('aaaaaaaa-0000-4000-8000-000000000001');
INSERT INTO tenancy.project (id, name) VALUES ('11111111-0000-4000-8000-000000000001', 'Secret');
INSERT INTO tenancy.document (project_id, body) VALUES ('11111111-0000-4000-8000-000000000001', 'only for Ada');
SELECT pg_temp.rows('SELECT * FROM tenancy.document', 1);
COMMIT;

-- The same connection, the next transaction: nobody.
SELECT pg_temp.rows('SELECT * FROM tenancy.project', 0);
SELECT pg_temp.rows('SELECT * FROM tenancy.tenant', 0);
SELECT pg_temp.rows('DELETE FROM tenancy.document', 0);
SELECT pg_temp.refused($$INSERT INTO tenancy.project (name) VALUES ('x')$$, '42501');

BEGIN;
SELECT tenancy.enter('bbbbbbbb-0000-4000-8000-000000000002');
-- Reading, through tables, a view, an aggregate and an error.
SELECT pg_temp.rows('SELECT * FROM tenancy.project', 0);
SELECT pg_temp.rows('SELECT * FROM tenancy.document', 0);
SELECT pg_temp.rows('SELECT * FROM tenancy.project_size', 0);
SELECT pg_temp.rows('SELECT * FROM tenancy.tenant', 1);
SELECT pg_temp.rows($$SELECT * FROM tenancy.project WHERE id = '11111111-0000-4000-8000-000000000001'$$, 0);
SELECT pg_temp.rows($$SELECT 1 / (length(body) - 12) FROM tenancy.document$$, 0);
-- Writing into another's, giving away, taking, changing, deleting.
SELECT pg_temp.refused($$INSERT INTO tenancy.project (tenant_id, name) VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'x')$$, '42501');
SELECT pg_temp.rows('UPDATE tenancy.document SET body = ''mine''', 0);
SELECT pg_temp.rows('DELETE FROM tenancy.project', 0);
INSERT INTO tenancy.project (id, name) VALUES ('22222222-0000-4000-8000-000000000002', 'Mine');
SELECT pg_temp.refused($$UPDATE tenancy.project SET tenant_id = 'aaaaaaaa-0000-4000-8000-000000000001'$$, '42501');
-- A key that points at another's row is refused as if the row were not there.
SELECT pg_temp.refused($$INSERT INTO tenancy.document (project_id, body) VALUES ('11111111-0000-4000-8000-000000000001', 'x')$$, '23503');
-- The same name as another's is no collision, and tells nothing.
INSERT INTO tenancy.project (name) VALUES ('Secret');
-- Out of the cage: switching policies off, another role, making tables.
SELECT pg_temp.refused('ALTER TABLE tenancy.document DISABLE ROW LEVEL SECURITY', '42501');
SELECT pg_temp.refused('DROP POLICY tenant_alone ON tenancy.document', '42501');
SELECT pg_temp.refused('CREATE TABLE tenancy.loot AS SELECT 1', '42501');
SELECT pg_temp.refused('TRUNCATE tenancy.document', '42501');
SELECT pg_temp.refused($$SELECT tenancy.protect('tenancy.document')$$, '42501');
-- With `row_security = off` a query that would be narrowed is an error, not a way round.
SET LOCAL row_security = off;
SELECT pg_temp.refused('SELECT * FROM tenancy.document', '42501');
COMMIT;

-- A tenant that is no uuid is an error, not everything.
BEGIN;
SET LOCAL app.tenant = 'x'' OR true --';
SELECT pg_temp.refused('SELECT * FROM tenancy.project', '22P02');
ROLLBACK;

-- What Ada has is as it was.
BEGIN;
SELECT tenancy.enter('aaaaaaaa-0000-4000-8000-000000000001');
SELECT pg_temp.rows($$SELECT * FROM tenancy.document WHERE body = 'only for Ada'$$, 1);
SELECT pg_temp.rows('SELECT * FROM tenancy.project', 1);
COMMIT;

RESET ROLE;
DO $$
DECLARE hole record;
BEGIN
    FOR hole IN SELECT * FROM tenancy.hole LOOP RAISE EXCEPTION 'a hole: %: %', hole.relation, hole.why; END LOOP;
END $$;

-- The watch sees what it is for.
BEGIN;
CREATE TABLE tenancy.forgotten (tenant_id uuid, id uuid);
SELECT pg_temp.rows($$SELECT FROM tenancy.hole WHERE relation = 'tenancy.forgotten'$$, 3);
ALTER TABLE tenancy.forgotten ALTER tenant_id SET NOT NULL;
SELECT tenancy.protect('tenancy.forgotten');
SELECT pg_temp.rows($$SELECT FROM tenancy.hole$$, 0);
CREATE POLICY wide ON tenancy.forgotten USING (true);
CREATE VIEW tenancy.wide AS SELECT * FROM tenancy.document;
ALTER TABLE tenancy.forgotten ADD UNIQUE (id);
CREATE TABLE tenancy.loose (id uuid REFERENCES tenancy.forgotten (id));
SELECT pg_temp.rows($$SELECT FROM tenancy.hole$$, 3);
ROLLBACK;
