#!/bin/sh
# The migration in a PostgreSQL of its own (12 or later): up, old and new code side by side, the backfill twice, down again to the
# same schema, and a table that somebody holds.
set -eu
cd "$(dirname "$0")"
if [ -z "${MIGRATION_INSIDE:-}" ]; then
  MIGRATION_INSIDE=1 exec sh ./pg.sh sh ./test.sh
fi
run() { psql -qX -v ON_ERROR_STOP=1 -f "$1" >/dev/null 2>"$PGHOST/said" || { echo "$1:"; cat "$PGHOST/said"; return 1; }; }
ask() { psql -qXAt -v ON_ERROR_STOP=1 -c "$1"; }
# Expressions come on standard input: they may hold quotes.
asked() { psql -qXAt -v ON_ERROR_STOP=1 -f -; }
same() { [ "$2" = "$3" ] || { echo "$1: '$2' and not '$3'"; exit 1; }; }
# \restrict has a new word in each dump.
schema() { pg_dump --schema-only | grep -v -e '^\\' -e '^--' -e '^$'; }
differ() {
  asked <<'SQL'
SELECT count(*) FROM ${{ vars.table }} WHERE ${{ vars.new }} IS DISTINCT FROM ${{ vars.convert }};
SQL
}

run fixture.sql
rows=$(ask 'SELECT count(*) FROM ${{ vars.table }}')
before=$(schema)
content=$(ask 'SELECT md5(string_agg(${{ vars.key }}::text || ${{ vars.old }}::text, chr(10) ORDER BY ${{ vars.key }})) FROM ${{ vars.table }}')

# Somebody holds the table: the step gives up and has changed nothing.
mkfifo "$PGHOST/hold"
psql -qXAt <"$PGHOST/hold" >"$PGHOST/held" &
holder=$!
exec 9>"$PGHOST/hold"
echo "BEGIN; LOCK ${{ vars.table }} IN ACCESS SHARE MODE; SELECT 'held';" >&9
until grep -q held "$PGHOST/held"; do sleep 0.05; done
if run 10_expand.up.sql >"$PGHOST/tried"; then echo "the table was held, and the step did not give up"; exit 1; fi
grep -q 'lock timeout' "$PGHOST/tried" || { cat "$PGHOST/tried"; exit 1; }
exec 9>&-
wait "$holder"
same "the schema after a step that gave up" "$(schema)" "$before"

# Down is the way back, and up can be walked again.
run 10_expand.up.sql
run 10_expand.down.sql
same "the schema after expand and back" "$(schema)" "$before"
run 10_expand.up.sql
same "valid indexes" "$(ask "SELECT indisvalid FROM pg_index WHERE indexrelid = '${{ vars.table }}_${{ vars.new }}_idx'::regclass")" t

# Old code and new code write at once.
asked <<'SQL'
INSERT INTO ${{ vars.table }} (${{ vars.old }}) SELECT ${{ vars.sample }} FROM generate_series(7, 8) AS n;
SQL
asked <<'SQL'
INSERT INTO ${{ vars.table }} (${{ vars.new }}) SELECT ${{ vars.convert }} FROM (SELECT ${{ vars.sample }} AS ${{ vars.old }} FROM generate_series(9, 9) AS n) AS row;
SQL
asked <<'SQL'
UPDATE ${{ vars.table }} SET ${{ vars.old }} = (SELECT ${{ vars.sample }} FROM generate_series(78, 78) AS n) WHERE ${{ vars.key }} = (SELECT min(${{ vars.key }}) FROM ${{ vars.table }});
SQL
asked <<'SQL'
UPDATE ${{ vars.table }} SET ${{ vars.old }} = (SELECT ${{ vars.sample }} FROM generate_series(77, 77) AS n) WHERE ${{ vars.key }} = (SELECT min(${{ vars.key }}) FROM ${{ vars.table }});
SQL
same "rows that the trigger and the backfill have still to fill" "$(differ)" "$((rows - 1))"
if run 30_contract.up.sql >/dev/null; then echo "contracted before the backfill"; exit 1; fi
run 20_backfill.sql
same "rows that differ" "$(differ)" 0
state() { ask 'SELECT md5(string_agg(xmin::text, chr(10) ORDER BY ${{ vars.key }})) FROM ${{ vars.table }}'; }
once=$(state)
run 20_backfill.sql
same "rows that the second backfill wrote" "$(state)" "$once"
asked <<'SQL'
UPDATE ${{ vars.table }} SET ${{ vars.old }} = (SELECT ${{ vars.sample }} FROM generate_series(1, 1) AS n) WHERE ${{ vars.key }} = (SELECT min(${{ vars.key }}) FROM ${{ vars.table }});
SQL

both=$(schema)
run 30_contract.up.sql
same "the old column" "$(ask "SELECT count(*) FROM pg_attribute WHERE attrelid = '${{ vars.table }}'::regclass AND attname = '${{ vars.old }}'")" 0
asked <<'SQL'
INSERT INTO ${{ vars.table }} (${{ vars.new }}) SELECT ${{ vars.convert }} FROM (SELECT ${{ vars.sample }} AS ${{ vars.old }} FROM generate_series(10, 10) AS n) AS row;
SQL
run 30_contract.down.sql
same "rows that differ after contract and back" "$(differ)" 0
# A column that comes back stands last.
ordered() { tr -d , | sort; }
[ "$(schema | ordered)" = "$(printf '%s\n' "$both" | ordered)" ] || { echo "contract and back is another schema"; schema; exit 1; }
run 10_expand.down.sql
same "rows" "$(ask 'SELECT count(*) FROM ${{ vars.table }}')" "$((rows + 4))"
back=$(ask "SELECT md5(string_agg(${{ vars.key }}::text || ${{ vars.old }}::text, chr(10) ORDER BY ${{ vars.key }})) FROM ${{ vars.table }} WHERE ${{ vars.key }} <= (SELECT min(${{ vars.key }}) + $rows - 1 FROM ${{ vars.table }})")
same "the first rows, after all of it" "$back" "$content"
echo "up, both at once, backfilled twice, contracted, and back to where it began"
