-- Expand: the new column stands beside the old one, and a trigger keeps them equal whoever writes. Old and new code run at once.
-- No lock is waited for longer than three seconds: behind a waiting ALTER TABLE every query of the table waits too. On
-- `lock timeout` run it again.
\set ON_ERROR_STOP on
SET lock_timeout = '3s';
SET statement_timeout = '30s';

BEGIN;
-- Nullable and without a volatile default: PostgreSQL 11 and later write no row for it.
ALTER TABLE ${{ vars.table }} ADD COLUMN ${{ vars.new }} ${{ vars.new_type }};

CREATE FUNCTION ${{ vars.table }}_${{ vars.new }}_sync() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- Who writes both is believed; who writes one writes the other.
        IF NEW.${{ vars.new }} IS NULL THEN
            NEW.${{ vars.new }} := (SELECT ${{ vars.convert }} FROM (SELECT NEW.${{ vars.old }} AS ${{ vars.old }}) AS row);
        ELSIF NEW.${{ vars.old }} IS NULL THEN
            NEW.${{ vars.old }} := (SELECT ${{ vars.revert }} FROM (SELECT NEW.${{ vars.new }} AS ${{ vars.new }}) AS row);
        END IF;
    ELSIF NEW.${{ vars.old }} IS DISTINCT FROM OLD.${{ vars.old }} AND NEW.${{ vars.new }} IS NOT DISTINCT FROM OLD.${{ vars.new }} THEN
        NEW.${{ vars.new }} := (SELECT ${{ vars.convert }} FROM (SELECT NEW.${{ vars.old }} AS ${{ vars.old }}) AS row);
    ELSIF NEW.${{ vars.new }} IS DISTINCT FROM OLD.${{ vars.new }} AND NEW.${{ vars.old }} IS NOT DISTINCT FROM OLD.${{ vars.old }} THEN
        NEW.${{ vars.old }} := (SELECT ${{ vars.revert }} FROM (SELECT NEW.${{ vars.new }} AS ${{ vars.new }}) AS row);
    END IF;
    RETURN NEW;
END $sync$;
CREATE TRIGGER ${{ vars.table }}_${{ vars.new }}_sync BEFORE INSERT OR UPDATE ON ${{ vars.table }}
    FOR EACH ROW EXECUTE FUNCTION ${{ vars.table }}_${{ vars.new }}_sync();
COMMIT;

-- An index is built beside the traffic, outside of a transaction. One that broke off is left invalid and is built anew.
SET statement_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS ${{ vars.table }}_${{ vars.new }}_idx;
CREATE INDEX CONCURRENTLY ${{ vars.table }}_${{ vars.new }}_idx ON ${{ vars.table }} (${{ vars.new }});
