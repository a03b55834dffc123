#!/bin/sh
# The ledger in a PostgreSQL of its own: its refusals, a transaction that commits unbalanced, and eight customers who spend one
# wallet at once.
set -eu
cd "$(dirname "$0")"
if [ -z "${LEDGER_INSIDE:-}" ]; then
  LEDGER_INSIDE=1 exec sh ./pg.sh sh ./test.sh
fi
psql -qX -v ON_ERROR_STOP=1 -f schema.sql
psql -qX -f test.sql >/dev/null

# At commit, by a client that knows only SQL.
if psql -qX -v ON_ERROR_STOP=1 2>commit.log <<'SQL'
SET ROLE ledger_app;
BEGIN;
INSERT INTO ledger.entry (request, fingerprint, description) VALUES ('by-hand-1', 'x', 'x') RETURNING id \gset
INSERT INTO ledger.posting SELECT :id, 1, id, 'NOK', 700 FROM ledger.account WHERE code = 'cash';
INSERT INTO ledger.posting SELECT :id, 2, id, 'NOK', -600 FROM ledger.account WHERE code = 'sales';
COMMIT;
SQL
then echo "an entry that does not balance was committed"; rm -f commit.log; exit 1; fi
grep -q 'does not balance' commit.log || { cat commit.log; rm -f commit.log; exit 1; }
rm -f commit.log

# 300 in the wallet, eight clients of 20 payments of 10: thirty go through, whoever is first.
psql -qXAt -v ON_ERROR_STOP=1 -c "SET ROLE ledger_app; SELECT ledger.book('topup-race', 'Paid in', '[{\"account\": \"cash\", \"amount_minor\": 300}, {\"account\": \"wallet\", \"amount_minor\": -300}]')" >/dev/null
clients=
for client in 1 2 3 4 5 6 7 8; do
  for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    echo "SELECT ledger.book('race-$client-$n-x', 'A coffee', '[{\"account\": \"wallet\", \"amount_minor\": 10}, {\"account\": \"sales\", \"amount_minor\": -10}]');"
  done | psql -qXAt >/dev/null 2>&1 &
  clients="$clients $!"
done
for client in $clients; do wait "$client"; done
state=$(psql -qXAt -c "SELECT (SELECT count(*) FROM ledger.entry WHERE request LIKE 'race-%'), (SELECT balance_minor FROM ledger.balance JOIN ledger.account ON id = account_id WHERE code = 'wallet'), (SELECT count(*) FROM ledger.fault)")
[ "$state" = "30|0|0" ] || { echo "payments, wallet and faults are $state and not 30|0|0"; exit 1; }
echo "the ledger holds: 5 entries by test.sql, 31 by the race, no fault"
