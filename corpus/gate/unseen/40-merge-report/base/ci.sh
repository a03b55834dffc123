#!/bin/sh
# Runs the tests; cmd/report decides, and writes junit.xml.
set -eu
go test -count=1 -json ./spans > test.json || true
go run ./cmd/report test.json junit.xml
