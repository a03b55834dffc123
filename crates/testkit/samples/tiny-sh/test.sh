#!/bin/sh
# Prints TAP; exits 1 when a line is not ok.

cd "$(dirname "$0")" || exit 1
number=0
failed=0

is() {
  number=$((number + 1))
  if [ "$2" = "$3" ]; then
    echo "ok $number - $1"
  else
    echo "not ok $number - $1"
    echo "# expected: $3"
    echo "# got: $2"
    failed=1
  fi
}

is "a slug is lower case with dashes" "$(sh words.sh slug 'Hello World')" "hello-world"
is "a count splits at white space" "$(sh words.sh count 'one  two three')" "3"
is "nothing has no words" "$(sh words.sh count '')" "0"
is "an unknown command is refused" "$(sh words.sh frob x 2>/dev/null; echo $?)" "2"

for more in tests/*.sh; do
  # shellcheck source=/dev/null
  [ ! -f "$more" ] || . "./$more"
done

echo "1..$number"
exit $failed
