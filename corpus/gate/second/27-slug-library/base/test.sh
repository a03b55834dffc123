#!/bin/sh
set -e
for module in libs/slug libs/slug2 site; do
    (cd "$module" && go test ./...)
done
