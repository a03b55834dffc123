-- Contract: the old column goes. Run it when no code reads or writes ${{ vars.old }} any more, at the earliest one release after
-- the backfill. What follows cannot be told from a mistake by PostgreSQL: dropping is for good, and `down` counts the old column
-- back out of the new one.
\set ON_ERROR_STOP on
SET lock_timeout = '3s';

DO $same$
DECLARE differ bigint;
BEGIN
    SELECT count(*) INTO differ FROM ${{ vars.table }} WHERE ${{ vars.new }} IS DISTINCT FROM ${{ vars.convert }};
    IF differ > 0 THEN RAISE EXCEPTION '% rows differ between ${{ vars.old }} and ${{ vars.new }}; run the backfill', differ; END IF;
END $same$;

-- NOT NULL in two steps: a check that is validated under a weak lock, and SET NOT NULL which believes it (PostgreSQL 12 and later)
-- and reads no row under its strong one.
ALTER TABLE ${{ vars.table }} DROP CONSTRAINT IF EXISTS ${{ vars.table }}_${{ vars.new }}_there;
ALTER TABLE ${{ vars.table }} ADD CONSTRAINT ${{ vars.table }}_${{ vars.new }}_there CHECK (${{ vars.new }} IS NOT NULL) NOT VALID;
ALTER TABLE ${{ vars.table }} VALIDATE CONSTRAINT ${{ vars.table }}_${{ vars.new }}_there;

SET statement_timeout = '30s';
BEGIN;
ALTER TABLE ${{ vars.table }} ALTER COLUMN ${{ vars.new }} SET NOT NULL;
ALTER TABLE ${{ vars.table }} DROP CONSTRAINT ${{ vars.table }}_${{ vars.new }}_there;
DROP TRIGGER ${{ vars.table }}_${{ vars.new }}_sync ON ${{ vars.table }};
DROP FUNCTION ${{ vars.table }}_${{ vars.new }}_sync();
ALTER TABLE ${{ vars.table }} DROP COLUMN ${{ vars.old }};
COMMIT;
