//! Counts what silences a linter or a type checker: half of check 14, since a clean lint by `allow` is no clean lint.

use std::sync::LazyLock;

use super::patterns::{GO, JS, PYTHON, Pattern, RUST, SHELL, Table, View};
use crate::change::Change;

const PATTERNS: &[Pattern] = &[
    Pattern {
        what: "#[allow]",
        lang: RUST,
        view: View::Code,
        regex: r"#!?\s*\[\s*(?:cfg_attr\s*\([^,]*,\s*)?(?:allow|expect)\s*\(",
    },
    Pattern {
        what: "noqa",
        lang: PYTHON,
        view: View::Comments,
        regex: r"(?i)#\s*(?:noqa|nosec|type:\s*ignore|pyright:\s*ignore|mypy:\s*ignore|pylint:\s*disable|pragma:\s*no\s*cover|fmt:\s*(?:off|skip)|ruff:\s*noqa)",
    },
    Pattern {
        what: "eslint-disable",
        lang: JS,
        view: View::Comments,
        regex: r"eslint-disable|@ts-(?:ignore|nocheck|expect-error)|prettier-ignore|biome-ignore|istanbul ignore|c8 ignore|v8 ignore",
    },
    Pattern {
        what: "nolint",
        lang: GO,
        view: View::Comments,
        regex: r"//\s*nolint|#nosec",
    },
    Pattern {
        what: "shellcheck disable",
        lang: SHELL,
        view: View::Comments,
        regex: r"#\s*shellcheck\s+disable|#\s*hadolint\s+ignore",
    },
];

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::new(PATTERNS));

/// Suppressions that the change adds beyond those it removes, as `path:line what`.
pub(crate) fn added(change: &Change) -> Vec<String> {
    let found = |file: &crate::change::ChangedFile| -> Vec<String> {
        TABLE
            .on_added(file)
            .into_iter()
            .map(|(line, what)| format!("{} {what}", file.at(line)))
            .collect()
    };
    change.files.iter().flat_map(found).collect()
}

/// The lines of one file on which it adds some.
pub(crate) fn lines(file: &crate::change::ChangedFile) -> Vec<usize> {
    let found = TABLE.on_added(file).into_iter();
    found.map(|(line, _)| line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_suppressions_are_counted_and_moved_ones_are_not() {
        for (path, text) in [
            ("a.rs", "#[allow(dead_code)]\nfn a() {}"),
            ("a.rs", "#![allow(clippy::all)]"),
            ("a.py", "import x  # noqa: F401"),
            ("a.py", "x = y  # type: ignore"),
            ("a.ts", "// @ts-ignore"),
            ("a.js", "/* eslint-disable */"),
            ("a.go", "x() //nolint:errcheck"),
            ("a.sh", "# shellcheck disable=SC2086"),
        ] {
            assert_eq!(
                added(&Change::of(&[(path, None, Some(text))])).len(),
                1,
                "{path}: {text}"
            );
        }
        for (path, base, head) in [
            (
                "a.rs",
                None,
                "let s = \"#[allow(x)]\"; // allow(dead_code) is not needed",
            ),
            ("a.py", None, "'# noqa'"),
            (
                "a.rs",
                Some("#[allow(dead_code)]\nfn a() {}\n"),
                "fn a() {}\n#[allow(dead_code)]\nfn b() {}\n",
            ),
        ] {
            assert!(
                added(&Change::of(&[(path, base, Some(head))])).is_empty(),
                "{path}: {head}"
            );
        }
    }
}
