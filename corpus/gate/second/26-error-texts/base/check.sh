#!/bin/sh
set -e
go run ./internal/errlint known.txt .
go test ./...
