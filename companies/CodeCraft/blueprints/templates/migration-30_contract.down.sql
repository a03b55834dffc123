-- Back to the state behind the backfill: both columns, kept equal. The old one is counted out of the new one, in one transaction
-- that rewrites the column and holds the table for that long: for a large table, take the steps of expand and backfill the other
-- way round instead.
\set ON_ERROR_STOP on
SET lock_timeout = '3s';
BEGIN;
ALTER TABLE ${{ vars.table }} ADD COLUMN ${{ vars.old }} ${{ vars.old_type }};
UPDATE ${{ vars.table }} SET ${{ vars.old }} = ${{ vars.revert }};
ALTER TABLE ${{ vars.table }} ALTER COLUMN ${{ vars.old }} SET NOT NULL;
ALTER TABLE ${{ vars.table }} ALTER COLUMN ${{ vars.new }} DROP NOT NULL;

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
