//! Check 18: there is a change, it changes something, and its size is that of one task.

use alai_core::qa::{Check, Measurement};

use super::{fail, pass};
use crate::change::{Change, ChangedFile, Content};
use crate::paths;
use crate::source::Lang;

/// More files are no single task: a person reviews about 200 lines in one sitting, and the largest honest change of one
/// concern, a rename throughout, still fits.
pub(crate) const FILES_MAX: usize = 300;
/// More added lines are not written by one run: 80 turns at some hundred lines each.
pub(crate) const ADDED_LINES_MAX: usize = 10_000;
/// A project that loses this many hundredths of its files was wiped, not changed.
pub(crate) const DELETED_PERCENT_MAX: usize = 50;
/// Below this many files a share says nothing.
const DELETED_FILES_MIN: usize = 8;

pub(crate) fn check(change: &Change) -> Measurement {
    let check = Check::DiffMinimal;
    if change.files.is_empty() {
        return fail(check, "the diff is empty: nothing was changed");
    }
    if !change.files.iter().any(changes_something) {
        return fail(
            check,
            "only blanks and line ends differ: nothing was changed",
        );
    }
    let written: Vec<&ChangedFile> = change
        .files
        .iter()
        .filter(|f| !is_lockfile(&f.path))
        .collect();
    let added: usize = written.iter().map(|f| f.added.len()).sum();
    let removed: usize = written.iter().map(|f| f.removed.len()).sum();
    if written.len() > FILES_MAX {
        return fail(
            check,
            format!(
                "{} files are changed, more than {FILES_MAX}: split the task",
                written.len()
            ),
        );
    }
    if added > ADDED_LINES_MAX {
        return fail(
            check,
            format!("{added} lines are added, more than {ADDED_LINES_MAX}: split the task"),
        );
    }
    let deleted = change.files.iter().filter(|f| f.is_deleted()).count();
    if deleted >= DELETED_FILES_MIN && deleted * 100 > change.base_paths.len() * DELETED_PERCENT_MAX
    {
        return fail(
            check,
            format!("{deleted} of {} files are deleted", change.base_paths.len()),
        );
    }
    let closed = |f: &&&ChangedFile| {
        f.head == Content::Unread || (f.head == Content::Binary && f.lang().is_code())
    };
    if let Some(file) = written.iter().find(closed) {
        return fail(
            check,
            format!(
                "{} is too large to be read, or code that is no text; nobody can judge it",
                file.path
            ),
        );
    }
    pass(
        check,
        format!("{} files, +{added} -{removed} lines", change.files.len()),
    )
}

fn is_lockfile(path: &str) -> bool {
    super::manifest::LOCKFILES.contains(&paths::name(path))
}

fn changes_something(file: &ChangedFile) -> bool {
    // Where indentation has a meaning it counts.
    let braces = matches!(
        file.lang(),
        Lang::Rust | Lang::JavaScript | Lang::Go | Lang::CLike
    );
    let trim = |line: &str| {
        if braces {
            line.trim().to_owned()
        } else {
            line.trim_end().to_owned()
        }
    };
    let words = |side: &Content| -> Option<Vec<String>> {
        Some(
            side.text()?
                .lines()
                .map(trim)
                .filter(|line| !line.is_empty())
                .collect(),
        )
    };
    match (words(&file.base), words(&file.head)) {
        (Some(base), Some(head)) => {
            base != head || file.from.is_some() || file.old_mode != file.new_mode
        }
        (None, Some(head)) => {
            !head.is_empty() || file.is_new() && file.path.ends_with("__init__.py")
        }
        (Some(_) | None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::*;

    fn failed(change: &Change) -> bool {
        check(change).result == CheckResult::Fail
    }

    #[test]
    fn nothing_is_not_a_change() {
        assert!(failed(&Change::of(&[])));
        assert!(failed(&Change::of(&[("a", Some("x\n"), Some("x\n\n"))])));
        assert!(failed(&Change::of(&[(
            "a.rs",
            Some("x y\n"),
            Some("  x y \r\n")
        )])));
        assert!(failed(&Change::of(&[("new", None, Some("\n"))])));
        assert!(!failed(&Change::of(&[("a", Some("x\n"), Some("y\n"))])));
        assert!(!failed(&Change::of(&[(
            "a.py",
            Some("if a:\n    b\n"),
            Some("if a:\n        b\n")
        )])));
        assert!(!failed(&Change::of(&[(
            "a.rs",
            Some("\"a b\"\n"),
            Some("\"a  b\"\n")
        )])));
        assert!(!failed(&Change::of(&[("a", Some("x\n"), None)])));
    }

    #[test]
    fn sizes_out_of_proportion_fail() {
        let long = "x\n".repeat(ADDED_LINES_MAX + 1);
        assert!(failed(&Change::of(&[("a.rs", None, Some(&long))])));
        assert!(!failed(&Change::of(&[
            ("Cargo.lock", None, Some(&long)),
            ("a.rs", None, Some("x"))
        ])));
        let names: Vec<String> = (0..10).map(|n| format!("f{n}")).collect();
        let wiped: Vec<_> = names
            .iter()
            .map(|n| (n.as_str(), Some("x"), None))
            .collect();
        assert!(failed(&Change::of(&wiped)));
        let mut mostly_kept = wiped[..3].to_vec();
        mostly_kept.extend(
            names[3..]
                .iter()
                .map(|n| (n.as_str(), Some("x"), Some("x"))),
        );
        assert!(!failed(&Change::of(&mostly_kept)));
    }

    #[test]
    fn an_unreadable_file_fails() {
        let mut change = Change::of(&[("a.rs", None, Some("x"))]);
        for head in [Content::Unread, Content::Binary] {
            change.files[0].head = head;
            assert!(failed(&change));
        }
        let mut picture = Change::of(&[("a.png", None, Some("x"))]);
        picture.files[0].head = Content::Binary;
        assert!(!failed(&picture));
    }
}
