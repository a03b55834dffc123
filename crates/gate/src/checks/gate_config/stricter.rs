//! A script whose runner is only told to look harder: the same line with flags that leave no test out and forgive none.

use std::collections::BTreeSet;

use crate::change::ChangedFile;
use crate::source::Lang;

/// A runner's words at the beginning of a line, and the flags that may be added to it. Order, cache, races, warnings: tests go red by
/// them, and none goes green.
const STRICTER: [(&str, &[&str]); 5] = [
    (
        "go test",
        &["-count=1", "-shuffle=on", "-race", "-v", "-vet=all"],
    ),
    (
        "pytest",
        &[
            "-v",
            "-vv",
            "--strict-markers",
            "--strict-config",
            "-ra",
            "-rA",
        ],
    ),
    (
        "python3 -m pytest",
        &[
            "-v",
            "-vv",
            "--strict-markers",
            "--strict-config",
            "-ra",
            "-rA",
        ],
    ),
    ("python3 -m unittest", &["-v"]),
    (
        "cargo test",
        &[
            "--locked",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--no-fail-fast",
        ],
    ),
];

/// Whether each line that the change removes from a script stands there again, with such flags as its only new words.
pub(crate) fn runs_stricter(file: &ChangedFile) -> bool {
    if file.lang() != Lang::Hash
        || file.is_new()
        || file.is_deleted()
        || file.old_mode != file.new_mode
    {
        return false;
    }
    let (Some(base), Some(head)) = (file.base.text(), file.head.text()) else {
        return false;
    };
    let lines = |text: &'_ str, at: &[usize]| -> Vec<String> {
        let all: Vec<&str> = text.lines().collect();
        at.iter()
            .filter_map(|at| all.get(*at))
            .map(|line| (*line).to_owned())
            .collect()
    };
    let (before, after) = (lines(base, &file.removed), lines(head, &file.added));
    before.len() == after.len()
        && !before.is_empty()
        && before
            .iter()
            .zip(&after)
            .all(|(old, new)| adds_flags(old, new))
}

fn adds_flags(old: &str, new: &str) -> bool {
    let plain =
        |line: &str| !line.contains(['|', ';', '&', '#', '`', '$', '\\', '<', '>', '(', '"', '\'']);
    if !plain(old) || !plain(new) {
        return false;
    }
    let begins = |(runner, _): &&(&str, &[&str])| {
        let rest = old.trim_start().strip_prefix(runner);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let Some((runner, flags)) = STRICTER.iter().find(begins) else {
        return false;
    };
    let flags: BTreeSet<&str> = flags.iter().copied().collect();
    let mut old = old.split_whitespace().peekable();
    let mut of_runner = runner.split(' ').count();
    for word in new.split_whitespace() {
        match old.peek() {
            Some(next) if *next == word => {
                old.next();
                of_runner = of_runner.saturating_sub(1);
            }
            // A word that is no flag of the runner, or a flag before its name.
            _ if of_runner > 0 || !flags.contains(word) => return false,
            _ => {}
        }
    }
    old.peek().is_none()
}

#[cfg(test)]
mod tests {
    use super::adds_flags;

    #[test]
    fn only_flags_that_look_harder_are_added() {
        for (old, new, expected) in [
            ("go test ./...", "go test -count=1 -shuffle=on ./...", true),
            (
                "  pytest -q tests",
                "  pytest -q --strict-markers tests",
                true,
            ),
            ("go test ./...", "go test -run=One ./...", false),
            ("go test ./...", "go test -short ./...", false),
            ("go test ./...", "go test -count=1 ./a", false),
            ("go test ./...", "go test -race ./... || true", false),
            ("go vet ./...", "go vet -race ./...", false),
            ("go test -race ./...", "go test ./...", false),
            ("go test ./...", "-v go test ./...", false),
            ("cargo test", "cargo test --locked", true),
            ("cargo test", "cargo test --lib", false),
        ] {
            assert_eq!(adds_flags(old, new), expected, "{new}");
        }
    }
}
