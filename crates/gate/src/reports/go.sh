#!/bin/sh
# `go test` with its events in a file, and their words on the output. What it starts finds the real one.
set -f
real=
before=$IFS
IFS=:
for one in $PATH; do
  [ -z "$one" ] || [ "$one" = '@BIN@' ] || real=${real:+$real:}$one
done
IFS=$before
PATH=$real
export PATH
# What this script itself is made of is the system's: scripts of npm and make put folders of the project before it.
tools=/usr/bin:/bin
case " $* " in
  ' test '* | ' -C '*' test '* | ' -C='*' test '* | ' --C '*' test '* | ' --C='*' test '*) ;;
  *) exec go "$@" ;;
esac
case " $* " in
  *' -json '* | *' -json='* | *' -c '* | *' -c='* | *' -list '* | *' -list='* | *' -h '* | *' -help '*) exec go "$@" ;;
  *' --json '* | *' --json='* | *' --c '* | *' --c='* | *' --list '* | *' --list='* | *' --h '* | *' --help '*) exec go "$@" ;;
esac
# A folder to go to stands before all other flags, on either side of the word.
in=
within() {
  case "$1" in
    -C | --C) in=$2 && taken=2 ;;
    -C=* | --C=*) in=${1#*=} && taken=1 ;;
    *) taken=0 ;;
  esac
}
(PATH=$tools && command -v awk) > /dev/null || exec go "$@"
if [ "$1" != test ]; then
  within "$@"
  [ "$#" -gt "$taken" ] || exec go "$@"
  word=$1
  [ "$taken" -eq 1 ] || word=$3
  [ "$taken" -eq 2 ] || word=$2
  [ "$word" = test ] || exec go "$@"
  shift "$taken"
fi
shift
if [ -z "$in" ] && [ "$#" -gt 0 ]; then
  within "$@"
  [ "$#" -ge "$taken" ] || exec go test "$@"
  shift "$taken"
fi
events=$(PATH=$tools && mktemp '@PREFIX@go-XXXXXXXXXX') || exec go test ${in:+"-C=$in"} "$@"
tab=$(printf '\t')
# Bytes that no event has bare: between a package and its words, and for a backslash while the others are undone.
mark=$(printf '\001')
slash=$(printf '\002')
# Where it can be had, a line leaves as soon as it is there: of a run that is ended from outside the last ones say most.
lines=
(PATH=$tools && command -v stdbuf) > /dev/null && lines='stdbuf -oL'
now=
[ -n "$(PATH=$tools && awk -W interactive 'BEGIN {}' 2>&1 < /dev/null)" ] || now='-W interactive'
# What is printed comes from the pipe and never from the file, which the tests can write. A benchmark is no test: since Go 1.20 it has
# an event that it began and none that it ended.
words() {
  PATH=$tools
  LC_ALL=C $lines sed -e '/^{/{' -e '/"Output":"/!{' -e '/"Test":"Benchmark/d' -e '}' -e '}' -e "w $events" -e '/^{/!b' \
    -e '/"Output":"/!{' -e '/"Test":"/d' -e '/"Action":"[pfs][ak][si][spl]*"/!d' \
    -e "s/^.*\"Package\":\"\\([^\"]*\\)\".*\$/\\1$mark$mark/" -e b -e '}' \
    -e 's/,"OutputType":"[^"]*"}$/}/' -e 's/,"FailedBuild":"[^"]*"}$/}/' -e "s/\\\\\\\\/$slash/g" \
    -e "s/^.*\"Package\":\"\\([^\"]*\\)\".*\"Output\":\"\\(.*\\)\"}\$/\\1$mark\\2/" -e 's/^{.*"Output":"\(.*\)"}$/\1/' -e 's/\\n$//' \
    -e "s/\\\\t/$tab/g" -e 's/\\"/"/g' -e 's/\\u003c/</g' -e 's/\\u003e/>/g' -e 's/\\u0026/\&/g' -e "s/$slash/\\\\/g"
}
# Events of packages that run side by side are mixed; without `-json` go prints one package after the other, and so do we.
apart() {
  PATH=$tools
  LC_ALL=C awk $now -F "$mark" '
    function put(p,  i) { for (i = 1; i <= n[p]; i++) { print held[p, i]; delete held[p, i] } delete n[p] }
    NF < 2 { if (own == "") print; else held["", ++n[""]] = $0 }
    NF == 2 { if (own == "") own = $1; if ($1 == own) print $2; else held[$1, ++n[$1]] = $2 }
    NF > 2 && $1 != own { ended[$1] = 1 }
    NF > 2 && ($1 == own || own == "") {
      own = ""
      put("")
      for (p in ended) { put(p); delete ended[p] }
      for (p in n) { own = p; break }
      if (own != "") put(own)
    }
    { fflush() }
    END { put(""); for (p in n) put(p) }'
}
exec 4>&1
code=$({ { go test ${in:+"-C=$in"} -json "$@" 3>&- 4>&-; echo "$?" >&3; } | words 3>&- 4>&- | apart 3>&- >&4 4>&-; } 3>&1)
exit "${code:-1}"
