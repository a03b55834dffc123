-- Backfill: old rows by the thousand, each thousand a transaction of its own, so that no lock is held long and the run can be
-- stopped and started again. Rows that somebody writes at the same time are the trigger's. It walks the key and reads no row twice.
\set ON_ERROR_STOP on
SET lock_timeout = '3s';

CREATE PROCEDURE pg_temp.backfill() LANGUAGE plpgsql AS $backfill$
DECLARE
    last ${{ vars.table }}.${{ vars.key }}%TYPE;
    batch ${{ vars.table }}.${{ vars.key }}%TYPE;
BEGIN
    LOOP
        SELECT max(k) INTO batch FROM (
            SELECT ${{ vars.key }} AS k FROM ${{ vars.table }}
             WHERE last IS NULL OR ${{ vars.key }} > last ORDER BY ${{ vars.key }} LIMIT 1000) AS next;
        EXIT WHEN batch IS NULL;
        UPDATE ${{ vars.table }} SET ${{ vars.new }} = ${{ vars.convert }}
         WHERE (last IS NULL OR ${{ vars.key }} > last) AND ${{ vars.key }} <= batch
           AND ${{ vars.new }} IS NULL AND ${{ vars.old }} IS NOT NULL;
        COMMIT;
        last := batch;
    END LOOP;
END $backfill$;
CALL pg_temp.backfill();

-- Ends with an error while rows differ: do not contract then.
DO $same$
DECLARE differ bigint;
BEGIN
    SELECT count(*) INTO differ FROM ${{ vars.table }} WHERE ${{ vars.new }} IS DISTINCT FROM ${{ vars.convert }};
    IF differ > 0 THEN RAISE EXCEPTION '% rows differ between ${{ vars.old }} and ${{ vars.new }}', differ; END IF;
END $same$;
