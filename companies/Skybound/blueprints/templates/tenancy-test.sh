#!/bin/sh
# The tenants in a PostgreSQL of its own (15 or later): two of them try everything on each other.
set -eu
cd "$(dirname "$0")"
if [ -z "${TENANCY_INSIDE:-}" ]; then
  TENANCY_INSIDE=1 exec sh ./pg.sh sh ./test.sh
fi
psql -qX -v ON_ERROR_STOP=1 -f schema.sql >/dev/null
psql -qX -f test.sql >/dev/null
echo "no tenant reads or changes another's rows, and no table has a hole"
