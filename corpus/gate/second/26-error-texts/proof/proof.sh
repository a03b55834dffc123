# A linter of its own, so that no list and no change to theirs has a say.
! grep -nE 'errors\.New\(fmt\.Sprintf|(errors\.New|fmt\.Errorf)\("([A-Z]|[^"]*\.")' store.go || exit 1
sh check.sh || exit 1
test "$(grep -vc '^#' known.txt)" = 0 || exit 1
echo holds
