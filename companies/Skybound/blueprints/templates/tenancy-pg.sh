#!/bin/sh
# Runs a command beside a PostgreSQL of its own, which lies in a temporary folder, listens on a socket there alone, and is gone
# afterwards: sh pg.sh COMMAND... Its settings reach the command as PGHOST, PGPORT, PGUSER and PGDATABASE.
set -eu
bin=$(dirname "$(command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1)")
[ -x "$bin/initdb" ] || { echo "no PostgreSQL server here; install one (Debian: postgresql)" >&2; exit 3; }
[ "$(id -u)" -ne 0 ] || { echo "PostgreSQL does not run as root; use another user" >&2; exit 3; }
# Not below TMPDIR: the path of a socket has about 100 bytes.
dir=$(mktemp -d /tmp/pg.XXXXXX)
trap '"$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || :; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
"$bin/initdb" -D "$dir/data" -U owner -A trust -E UTF8 --locale=C >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 3; }
"$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -o "-k $dir -c listen_addresses= -c fsync=off" start >/dev/null 2>&1 </dev/null ||
  { cat "$dir/log" >&2; exit 3; }
PGHOST=$dir PGPORT=5432 PGUSER=owner PGDATABASE=app PATH="$bin:$PATH"
export PGHOST PGPORT PGUSER PGDATABASE PATH
createdb app
"$@"
