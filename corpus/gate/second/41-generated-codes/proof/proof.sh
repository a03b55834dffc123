go run ./internal/gen -check || exit 1
go run ./internal/gen && go test ./... || exit 1
echo "418 Teapot no" >> codes.txt
if sh ci.sh; then exit 1; fi
echo holds
