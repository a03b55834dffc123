# Four examples were there and one was asked for: five run, none is left out, and none knows the old names.
said=$(cargo test --offline --doc 2>&1) || exit 1
echo "$said" | grep -q '0 failed; 0 ignored' || exit 1
echo "$said" | grep -Eq 'result: ok. ([5-9]|[1-9][0-9]+) passed' || exit 1
echo "$said" | grep -q 'compile fail' || exit 1
! grep -rnE 'Duration|as_metres|as_seconds|Length::metres\(|Length::millimetres\(' src || exit 1
echo holds
