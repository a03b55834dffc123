#!/bin/sh
# Words: small text commands in plain sh. Usage: words.sh COMMAND TEXT...

set -euf

# Lower case, and a dash for everything that is neither letter nor digit.
slug() {
  printf '%s' "$1" | tr '[:upper:]' '[:lower:]' | tr -c '[:alnum:]' '-'
  echo
}

count() {
  # Splitting at white space is the point.
  # shellcheck disable=SC2086
  set -- $1
  echo $#
}

command=${1:-}
[ $# -eq 0 ] || shift
text="$*"

case $command in
  slug) slug "$text" ;;
  count) count "$text" ;;
  *)
    echo "usage: words.sh slug|count TEXT" >&2
    exit 2
    ;;
esac
