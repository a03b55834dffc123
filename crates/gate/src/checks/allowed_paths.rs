//! Check 8: the change stays where the task allows it, and every name in it means the same to git, to a person and to a
//! file system that folds case.

use std::collections::{BTreeMap, BTreeSet};

use alai_core::qa::{Check, Measurement};

use super::{Rules, judge_findings};
use crate::change::{Change, ChangedFile, Content};
use crate::paths;

/// Folders and files of the head by their lower-cased names.
type Folded<'a> = BTreeMap<String, BTreeSet<&'a str>>;

/// More of one kind than this would be shown to nobody, and a hostile change can hold a hundred thousand.
const FOUND_MAX: usize = 20;

pub(crate) fn check(change: &Change, rules: &Rules<'_>) -> Measurement {
    let mut found = Vec::new();
    for file in &change.files {
        for path in [Some(file.path.as_str()), file.from.as_deref()]
            .into_iter()
            .flatten()
        {
            found.extend(outside(path, file, rules));
            found.extend(odd_name(path));
        }
        found.extend(odd_mode(file));
        found.extend(odd_link(file));
    }
    let folded = change.folded();
    found.extend(collisions(change, &folded));
    found.extend(repositories(change, &folded));
    if change.rewritten {
        found.push(
            "the branch does not contain the commit it began with: what it changes is not what would be merged; \
             work on top of that commit and do not rewrite history"
                .to_owned(),
        );
    }
    found.dedup();
    let clean = match rules.allowed.is_empty() {
        true => format!(
            "{} files; the task names no paths, so any is allowed",
            change.files.len()
        ),
        false => format!(
            "{} files, all inside the paths of the task",
            change.files.len()
        ),
    };
    judge_findings(Check::AllowedPathsOnly, &found, clean)
}

fn outside(path: &str, file: &ChangedFile, rules: &Rules<'_>) -> Option<String> {
    if rules.forbidden.covers(path) && !rules.is_scaffolded(file) {
        return Some(format!(
            "{path} is forbidden to the company's builder; allow it for the project if it is meant"
        ));
    }
    let inside =
        rules.allowed.is_empty() || rules.allowed.covers(path) || rules.may_change_test(path);
    (!inside).then(|| format!("{path} is outside the paths of the task"))
}

fn odd_name(path: &str) -> Option<String> {
    let shown = path.escape_debug().to_string();
    if path
        .chars()
        .any(|c| c.is_control() || c == '\\' || invisible(c))
    {
        return Some(format!("{shown} has characters that do not show"));
    }
    let bad = path.split('/').find(|part| reserved(part))?;
    Some(format!(
        "{shown} has the part `{bad}`, which git or another system reads as something else"
    ))
}

/// Direction marks and zero-width characters make one name look like another (Trojan Source, CVE-2021-42574).
fn invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// What NTFS and HFS+ read as `.git`, and what is no name.
fn reserved(part: &str) -> bool {
    let plain = part.trim_end_matches([' ', '.']).to_lowercase();
    let plain = plain.split(':').next().unwrap_or_default();
    part.is_empty() || part == "." || part == ".." || plain == ".git" || plain == "git~1"
}

fn odd_mode(file: &ChangedFile) -> Option<String> {
    match file.new_mode {
        0 | 0o100_644 | 0o100_755 | 0o120_000 => None,
        0o160_000 => Some(format!(
            "{} is a submodule: code that is not in this commit",
            file.path
        )),
        mode => Some(format!("{} has the file mode {mode:o}", file.path)),
    }
}

fn odd_link(file: &ChangedFile) -> Option<String> {
    let Content::Link(target) = &file.head else {
        return None;
    };
    let leads_out = target.is_empty() || target.starts_with('/') || climbs_out(&file.path, target);
    if leads_out {
        return Some(format!(
            "{} is a symbolic link to {target:?}, outside the repository",
            file.path
        ));
    }
    // Code under the name of a picture or a note would be read by no check.
    let hides = file.lang().is_code() && paths::extension(&file.path) != paths::extension(target);
    hides.then(|| {
        format!(
            "{} is code by its name and a link to {target:?}, which is something else",
            file.path
        )
    })
}

fn climbs_out(path: &str, target: &str) -> bool {
    let mut depth = path.matches('/').count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            part if reserved(part) => return true,
            _ => depth += 1,
        }
    }
    false
}

/// Names of the head that are one where case is folded, and that the change brought or stands in.
fn collisions(change: &Change, folded: &Folded<'_>) -> Vec<String> {
    let changed: BTreeSet<&str> = change.files.iter().map(|f| f.path.as_str()).collect();
    let touched = |name: &&str| {
        let below = format!("{name}/");
        let first = changed.range(below.as_str()..).next();
        changed.contains(name) || first.is_some_and(|path| path.starts_with(&below))
    };
    let clash = |names: &&BTreeSet<&str>| names.len() > 1 && names.iter().any(touched);
    folded
        .values()
        .filter(clash)
        .take(FOUND_MAX)
        .map(|names| {
            format!(
                "{} are one name where case is folded",
                names.iter().copied().collect::<Vec<_>>().join(" and ")
            )
        })
        .collect()
}

/// Folders that git takes for a repository when somebody stands in them, with the programs that their `config` names: `HEAD`
/// beside `objects` and `refs`, or beside a `commondir` that says where those are (git's setup.c, `is_git_directory`).
fn repositories(change: &Change, folded: &Folded<'_>) -> Vec<String> {
    let left = change.files.iter().filter(|f| !f.is_deleted());
    let left: BTreeSet<String> = left.map(|f| f.path.to_lowercase()).collect();
    let has = |folder: &str, name: &str| folded.contains_key(&format!("{folder}{name}"));
    let is_changed = |folder: &&str| {
        let first = left.range((*folder).to_owned()..).next();
        first.is_some_and(|path| path.starts_with(folder))
    };
    let heads = folded.keys().filter_map(|path| path.strip_suffix("head"));
    heads
        .filter(|folder| folder.is_empty() || folder.ends_with('/'))
        .filter(|folder| has(folder, "commondir") || (has(folder, "objects") && has(folder, "refs")))
        .filter(is_changed)
        .take(FOUND_MAX)
        .map(|folder| {
            format!(
                "{} is a bare repository, whose configuration names programs that git runs; a test can make one when it needs one",
                if folder.is_empty() { "the top folder" } else { folder }
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::testing::{Task, globs, scaffold};
    use super::*;

    fn with(mutate: impl Fn(&mut ChangedFile)) -> Change {
        let mut change = Change::of(&[("src/a.rs", None, Some("x\n"))]);
        mutate(&mut change.files[0]);
        change
    }

    fn failed(change: &Change, allowed: &[&str]) -> bool {
        let task = Task {
            allowed: globs(allowed),
            changes_tests: globs(&["tests/ok.rs"]),
            ..Task::build()
        };
        check(change, &task.rules()).result == CheckResult::Fail
    }

    #[test]
    fn paths_stay_inside() {
        let change = |path| Change::of(&[(path, None, Some("x\n"))]);
        assert!(!failed(&change("src/deep/a.rs"), &["src"]));
        assert!(!failed(&change("anywhere"), &[]));
        assert!(
            !failed(&change("tests/ok.rs"), &["src"]),
            "a test that the task may change"
        );
        assert!(failed(&change("other/a.rs"), &["src"]));
        assert!(
            failed(&with(|f| f.from = Some("other/a.rs".into())), &["src"]),
            "moved from elsewhere"
        );
    }

    #[test]
    fn a_list_of_tests_opens_the_tests_that_it_names_and_nothing_else() {
        let fails = |path: &str, changes: &[&str]| {
            let task = Task {
                allowed: globs(&["src"]),
                changes_tests: globs(changes),
                ..Task::build()
            };
            let change = Change::of(&[(path, None, Some("x\n"))]);
            check(&change, &task.rules()).result == CheckResult::Fail
        };
        for everything in ["**", "*", "./**", "**/*.py", "{infra,tests}/**"] {
            assert!(fails("infra/a.py", &[everything]), "{everything}");
            assert!(fails("tests/test_a.py", &[everything]), "{everything}");
        }
        assert!(fails("infra/a.py", &["infra/**"]), "named, and no test");
        assert!(!fails("tests/test_a.py", &["tests/**"]));
        assert!(!fails("infra/test_a.py", &["infra/**"]));
    }

    #[test]
    fn what_is_forbidden_wins_over_what_is_allowed() {
        let task = Task {
            allowed: globs(&["**"]),
            forbidden: globs(&["infra/**"]),
            changes_tests: globs(&["infra/test.rs"]),
            ..Task::build()
        };
        let fails = |change: Change| check(&change, &task.rules()).result == CheckResult::Fail;
        let added = |path| Change::of(&[(path, None, Some("x\n"))]);
        assert!(!fails(added("src/a.rs")));
        assert!(fails(added("infra/a.rs")) && fails(added("infra/test.rs")));
        let mut moved = added("src/a.rs");
        moved.files[0].from = Some("infra/a.rs".into());
        assert!(fails(moved), "moved away");
    }

    #[test]
    fn a_shipped_scaffolds_own_file_is_not_forbidden_and_an_agents_is() {
        let task = Task {
            allowed: globs(&["**"]),
            forbidden: globs(&[".github/**"]),
            scaffolded: scaffold(&[(".github/ci.yml", "on: push\n")]),
            ..Task::build()
        };
        let fails = |path, text, task: &Task| {
            check(&Change::of(&[(path, None, Some(text))]), &task.rules()).result
                == CheckResult::Fail
        };
        assert!(!fails(".github/ci.yml", "on: push\n", &task));
        assert!(fails(".github/ci.yml", "on: push \n", &task));
        assert!(fails(".github/other.yml", "on: push\n", &task));
        let narrow = Task {
            allowed: globs(&["src"]),
            ..task
        };
        assert!(
            fails(".github/ci.yml", "on: push\n", &narrow),
            "a person allowed less"
        );
    }

    #[test]
    fn names_that_are_read_in_two_ways_fail() {
        for bad in [
            ".git/config",
            "a/.GIT/x",
            "git~1/x",
            ".git. /x",
            "a\\b",
            "a\u{202e}b",
            "a\nb",
            "a/../b",
            ".git::$DATA",
        ] {
            assert!(failed(&with(|f| f.path = bad.into()), &[]), "{bad:?}");
        }
        for good in [
            ".gitignore",
            ".github.md",
            "git/x",
            "a b",
            "grün",
            "..a",
            "a.git/x",
        ] {
            assert!(!failed(&with(|f| f.path = good.into()), &[]), "{good:?}");
        }
    }

    #[test]
    fn modes_and_links() {
        assert!(failed(&with(|f| f.new_mode = 0o160_000), &[]));
        assert!(!failed(&with(|f| f.new_mode = 0o100_755), &[]));
        for (target, bad) in [
            ("b.rs", false),
            ("../README", true),
            ("../lib/c.rs", false),
            ("../../etc", true),
            ("/etc/passwd", true),
            ("../.git/config", true),
            ("", true),
        ] {
            let change = with(|f| {
                f.new_mode = 0o120_000;
                f.head = Content::Link(target.into());
            });
            assert_eq!(failed(&change, &[]), bad, "{target}");
        }
    }

    #[test]
    fn a_folder_that_git_would_take_for_a_repository_fails() {
        let with = |paths: &[&str]| {
            let files: Vec<_> = paths
                .iter()
                .map(|path| (*path, None, Some("x\n")))
                .collect();
            failed(&Change::of(&files), &[])
        };
        assert!(with(&["a/HEAD", "a/objects/keep", "a/refs/keep"]));
        assert!(with(&["HEAD", "objects/keep", "refs/heads/x", "config"]));
        assert!(
            with(&["a/Head", "a/Objects/keep", "a/refs/keep"]),
            "where case is folded"
        );
        assert!(with(&["a/HEAD", "a/commondir", "b/objects/x", "b/refs/x"]));
        assert!(!with(&["a/HEAD", "a/objects/keep", "b/refs/keep"]));
        assert!(!with(&["a/ahead", "a/objects/keep", "a/refs/keep"]));
        let old =
            ["a/HEAD", "a/objects/keep", "a/refs/keep"].map(|path| (path, Some("x"), Some("x")));
        let there = |more| Change::of(&[old.as_slice(), &[more]].concat());
        assert!(
            !failed(&there(("b", None, Some("y"))), &[]),
            "it was there before"
        );
        assert!(
            failed(&there(("a/config", None, Some("y"))), &[]),
            "and is armed now"
        );
    }

    #[test]
    fn of_many_findings_the_first_are_told() {
        let names: Vec<String> = (0..30)
            .flat_map(|n| ["HEAD", "commondir", "x/a", "X/a"].map(|name| format!("d{n}/{name}")))
            .collect();
        let files: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), None, Some("x")))
            .collect();
        let change = Change::of(&files);
        let folded = change.folded();
        assert_eq!(repositories(&change, &folded).len(), FOUND_MAX);
        assert_eq!(collisions(&change, &folded).len(), FOUND_MAX);
    }

    #[test]
    fn many_old_folders_beside_many_new_files_are_gone_through_once() {
        let all: Vec<(String, bool)> = (0..50_000)
            .flat_map(|n| {
                let old =
                    ["HEAD", "commondir", "A/x", "a/x"].map(|name| (format!("d{n}/{name}"), true));
                old.into_iter().chain([(format!("new/{n}"), false)])
            })
            .collect();
        let files: Vec<_> = all
            .iter()
            .map(|(path, old)| (path.as_str(), old.then_some("x"), Some("x")))
            .collect();
        assert!(!failed(&Change::of(&files), &[]));
    }

    #[test]
    fn names_that_differ_in_case_alone_collide() {
        assert!(failed(
            &Change::of(&[
                ("src/A.rs", None, Some("x")),
                ("src/a.rs", Some("y"), Some("y"))
            ]),
            &[]
        ));
        assert!(failed(
            &Change::of(&[
                ("Src/b.rs", None, Some("x")),
                ("src/a.rs", Some("y"), Some("y"))
            ]),
            &[]
        ));
        let old = Change::of(&[
            ("A", Some("1"), Some("1")),
            ("a", Some("2"), Some("2")),
            ("b", None, Some("x")),
        ]);
        assert!(
            !failed(&old, &[]),
            "what was there before is not this change's doing"
        );
    }
}
