//! Names that a file system takes for one: where upper and lower case are the same, or a letter in one piece and in two (`é`). A
//! checkout there would lose one of them, and every commit from it would say that somebody deleted it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use crate::git::{self, GitError, Oid, Repo};

/// What tells whether letters in one piece and in two are the same: a name of ours in the one form, and in the other.
const COMPOSED: &str = "alai-\u{e9}";
const DECOMPOSED: &str = "alai-e\u{301}";

/// What a file system takes for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Folds {
    case: bool,
    forms: bool,
}

/// Refuses a commit with such names where the clone's file system takes them for one.
pub(super) fn judge(repo: &Repo, commit: &Oid, git_dir: &Path) -> Result<(), GitError> {
    let folds = looked_at(git_dir).map_err(GitError::io("look at the names of", git_dir))?;
    if !folds.case && !folds.forms {
        return Ok(());
    }
    let entries = git::tree(repo, commit)?;
    match twins(entries.iter().map(|entry| entry.path.as_str()), folds) {
        None => Ok(()),
        Some((one, other)) => Err(GitError::FoldsNames {
            names: format!("{one:?} and {other:?} of {commit}"),
            dir: git_dir.parent().unwrap_or(git_dir).to_path_buf(),
        }),
    }
}

/// The git directory tells: it has a file `HEAD`, and for a moment one of ours. Each folder may be set apart, but a file system that
/// folds hands that on to the folders that are made in one.
fn looked_at(git_dir: &Path) -> io::Result<Folds> {
    let ours = git_dir.join(COMPOSED);
    fs::write(&ours, "")?;
    let forms = fs::symlink_metadata(git_dir.join(DECOMPOSED)).is_ok();
    fs::remove_file(&ours)?;
    let case = fs::symlink_metadata(git_dir.join("head")).is_ok();
    Ok(Folds { case, forms })
}

/// The first two names, of files or of folders, that are one.
fn twins<'a>(paths: impl Iterator<Item = &'a str>, folds: Folds) -> Option<(String, String)> {
    let mut known: HashMap<String, &str> = HashMap::new();
    for path in paths {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        for name in folders.chain([path]) {
            let first = known.entry(folded(name, folds)).or_insert(name);
            if *first != name {
                return Some(((*first).to_owned(), name.to_owned()));
            }
        }
    }
    None
}

/// What two names have in common that are one. By way of upper case, so that `ß` is `ss`, and both kinds of `σ` are one.
fn folded(name: &str, folds: Folds) -> String {
    let name = match folds.case {
        true => name.to_uppercase().to_lowercase(),
        false => name.to_owned(),
    };
    match folds.forms {
        true => name.nfd().collect(),
        false => name,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CASE: Folds = Folds {
        case: true,
        forms: false,
    };
    const FORMS: Folds = Folds {
        case: false,
        forms: true,
    };
    const BOTH: Folds = Folds {
        case: true,
        forms: true,
    };

    fn found(paths: &[&str], folds: Folds) -> Option<(String, String)> {
        twins(paths.iter().copied(), folds)
    }

    fn pair(one: &str, other: &str) -> Option<(String, String)> {
        Some((one.to_owned(), other.to_owned()))
    }

    #[test]
    fn files_and_folders_that_differ_in_case_are_found() {
        assert_eq!(found(&["a", "b/a", "b/c", "B.txt", "É"], CASE), None);
        for (one, other) in [
            ("README.md", "readme.md"),
            ("x", "X"),
            ("é", "É"),
            ("straße", "STRASSE"),
            ("ς", "σ"),
        ] {
            assert_eq!(found(&[one, other], CASE), pair(one, other));
            assert_eq!(found(&[one, other], FORMS), None, "{one} {other}");
        }
        assert_eq!(found(&["src/a", "Src/b"], CASE), pair("src", "Src"));
        assert_eq!(found(&["x", "X/y"], CASE), pair("x", "X"));
    }

    #[test]
    fn names_that_differ_in_the_form_of_a_letter_are_found() {
        let (one, two) = ("caf\u{e9}.txt", "cafe\u{301}.txt");
        assert_eq!(found(&[one, two], FORMS), pair(one, two));
        assert_eq!(found(&[one, two], BOTH), pair(one, two));
        assert_eq!(found(&[one, two], CASE), None);
        let (one, two) = ("CAF\u{c9}/a", "cafe\u{301}/b");
        assert_eq!(found(&[one, two], BOTH), pair("CAF\u{c9}", "cafe\u{301}"));
        assert_eq!(found(&[one, two], FORMS), None);
        // Korean, and a letter with two marks in either order.
        assert_eq!(
            found(&["\u{ac00}", "\u{1100}\u{1161}"], FORMS),
            pair("\u{ac00}", "\u{1100}\u{1161}")
        );
        let (one, two) = ("a\u{323}\u{302}", "a\u{302}\u{323}");
        assert_eq!(found(&[one, two], FORMS), pair(one, two));
    }

    #[test]
    fn looking_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("HEAD"), "").unwrap();
        looked_at(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
