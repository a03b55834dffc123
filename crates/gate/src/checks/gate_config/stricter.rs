//! A script whose runner is only told to look harder: the same line with flags that leave no test out and forgive none.

use crate::change::ChangedFile;
use crate::source::Lang;

/// A runner's words at the beginning of a line, and the flags that may follow them. Order, cache, names: tests go red by them, none
/// goes green, and none is another program than before.
const STRICTER: [(&str, &[&str]); 5] = [
    ("go test", &["-count=1", "-shuffle=on", "-v"]),
    ("pytest", &["-v", "--strict-markers", "--strict-config"]),
    (
        "python3 -m pytest",
        &["-v", "--strict-markers", "--strict-config"],
    ),
    ("python3 -m unittest", &["-v"]),
    ("cargo test", &["--locked", "--no-fail-fast"]),
];

/// Whether the script is what it was, line by line, but for such flags right behind a runner's words.
pub(crate) fn runs_stricter(file: &ChangedFile) -> bool {
    if file.lang() != Lang::Hash
        || file.is_new()
        || file.is_deleted()
        || file.from.is_some()
        || file.old_mode != file.new_mode
    {
        return false;
    }
    let (Some(base), Some(head)) = (file.base.text(), file.head.text()) else {
        return false;
    };
    base != head
        && base.lines().count() == head.lines().count()
        && base
            .lines()
            .zip(head.lines())
            .all(|(old, new)| old == new || adds_flags(old, new))
}

fn adds_flags(old: &str, new: &str) -> bool {
    let plain =
        |line: &str| !line.contains(['|', ';', '&', '#', '`', '$', '\\', '<', '>', '(', '"', '\'']);
    if !plain(old) || !plain(new) {
        return false;
    }
    STRICTER.iter().any(|(runner, flags)| {
        let Some(rest) = old.trim_start().strip_prefix(runner) else {
            return false;
        };
        let Some(with) = new.strip_suffix(rest) else {
            return false;
        };
        let indent = old.len() - old.trim_start().len();
        let Some(added) = with.strip_prefix(&old[..indent + runner.len()]) else {
            return false;
        };
        let words: Vec<&str> = added.split_whitespace().collect();
        // The last of two of one name is in force: nothing is taken back by being said again.
        let name = |word: &str| word.split('=').next().unwrap_or(word).to_owned();
        let again = |word: &&str| rest.split_whitespace().any(|old| name(old) == name(word));
        added.starts_with(' ')
            && (rest.is_empty() || rest.starts_with(' '))
            && !words.is_empty()
            && words
                .iter()
                .all(|word| flags.contains(word) && !again(word))
    })
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
                "  pytest --strict-markers -q tests",
                true,
            ),
            ("go test ./...", "go test -run=One ./...", false),
            ("go test ./...", "go test -short ./...", false),
            ("go test ./...", "go test -count=1 ./a", false),
            ("go test ./...", "go test -race ./...", false),
            ("go test ./...", "go test -v ./... || true", false),
            (
                "go test -count=100 ./...",
                "go test -count=1 -count=100 ./...",
                false,
            ),
            ("go test -run A ./...", "go test -run -v A ./...", false),
            ("pytest", "pytest -rA", false),
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
