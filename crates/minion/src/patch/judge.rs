//! What holds of any patch of any file: it is read the same twice, within its bounds, and brings no line that nobody gave.

use std::collections::BTreeSet;

use alai_core::patch::CHANGES_MAX;

use super::*;

pub(crate) fn judge(file: &str, text: &str) {
    let read = parse(text);
    assert_eq!(read, parse(text));
    let Ok(changes) = read else { return };
    assert!((1..=CHANGES_MAX).contains(&changes.len()));
    assert!(
        changes
            .iter()
            .flat_map(Change::paths)
            .all(|path| !path.is_empty())
    );
    for change in &changes {
        let Change::Update { hunks, .. } = change else {
            continue;
        };
        let outcome = apply(file, hunks);
        assert_eq!(outcome, apply(file, hunks));
        if let Ok(result) = outcome {
            comes_from(file, hunks, &result);
        }
    }
}

/// No line of a result that was neither in the file nor in the patch.
fn comes_from(file: &str, hunks: &[Hunk], result: &str) {
    let bare = |line: &str| {
        let line = line.trim_start_matches('\u{feff}').trim();
        let numbered = line
            .split_once('|')
            .filter(|(n, _)| n.bytes().all(|b| b.is_ascii_digit()));
        numbered.map_or(line, |(_, rest)| rest.trim()).to_owned()
    };
    let given: BTreeSet<String> = file
        .lines()
        .chain(hunks.iter().flat_map(|hunk| hunk.new.lines()))
        .map(bare)
        .collect();
    // A deleted line whose indentation was copied wrong may leave blanks.
    for line in result.lines().map(bare).filter(|line| !line.is_empty()) {
        assert!(given.contains(&line), "{line:?} of {result:?}");
    }
}
