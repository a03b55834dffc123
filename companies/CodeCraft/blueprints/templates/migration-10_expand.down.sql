-- Takes the new column away again. What new code wrote stands in the old column too, by the trigger.
\set ON_ERROR_STOP on
SET lock_timeout = '3s';
DROP INDEX CONCURRENTLY IF EXISTS ${{ vars.table }}_${{ vars.new }}_idx;
SET statement_timeout = '30s';
BEGIN;
DROP TRIGGER ${{ vars.table }}_${{ vars.new }}_sync ON ${{ vars.table }};
DROP FUNCTION ${{ vars.table }}_${{ vars.new }}_sync();
ALTER TABLE ${{ vars.table }} DROP COLUMN ${{ vars.new }};
COMMIT;
