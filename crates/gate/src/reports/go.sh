#!/bin/sh
# `go test` with its events in a file, and their words on the output. What it starts finds the real one.
PATH=$(printf ':%s:' "$PATH" | sed -e 's#:@BIN@:#:#g' -e 's#^:*##' -e 's#:*$##')
export PATH
case " $* " in
  ' test '*) ;;
  *) exec go "$@" ;;
esac
case " $* " in
  *' -json '* | *' -json='* | *' -c '* | *' -list '* | *' -list='* | *' -h '* | *' -help '*) exec go "$@" ;;
esac
shift
events=$(mktemp '@PREFIX@go-XXXXXXXXXX') || exec go test "$@"
go test -json "$@" > "$events"
code=$?
tab=$(printf '\t')
sed -e '/^{/!b' -e '/"Output":"/!d' -e 's/,"OutputType":"[a-z-]*"}$/}/' -e 's/^.*"Output":"\(.*\)"}$/\1/' -e 's/\\n$//' \
  -e "s/\\\\t/$tab/g" -e 's/\\"/"/g' -e 's/\\u003c/</g' -e 's/\\u003e/>/g' -e 's/\\u0026/\&/g' -e 's/\\\\/\\/g' "$events"
exit "$code"
