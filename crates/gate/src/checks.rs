//! The checks, one file each. Those that only look at the change are pure and run here; those that start programs take what
//! the programs left behind.

pub(crate) mod allowed_paths;
pub(crate) mod analysis;
pub(crate) mod dependencies;
pub(crate) mod gate_config;
mod licences;
mod lookalike;
pub(crate) mod manifest;
pub(crate) mod marked;
mod origins;
mod own_licence;
pub(crate) mod patterns;
pub(crate) mod pins;
pub(crate) mod placeholders;
pub(crate) mod proportion;
pub(crate) mod secrets;
pub(crate) mod suppressions;
pub(crate) mod tampering;
mod vetted;

use alai_core::blueprint::{Scaffolded, Written};
use alai_core::qa::{Check, CheckResult, Measurement};
use alai_core::task::TaskKind;
use alai_workspace::command::Cancel;

use crate::advisories::Advisories;
use crate::census::Census;
use crate::change::{Change, ChangedFile};
use crate::error::GateError;
use crate::notice;
use crate::paths::{self, Globs};

/// What the task allows, which no part of the change can widen.
pub(crate) struct Rules<'a> {
    pub(crate) allowed: &'a Globs,
    /// Wins over what is allowed.
    pub(crate) forbidden: &'a Globs,
    /// Tests that a person or the plan said this task may change.
    pub(crate) changes_tests: &'a Globs,
    pub(crate) test_command: &'a str,
    pub(crate) kind: TaskKind,
    pub(crate) allow_dependency_changes: bool,
    /// Known weaknesses of packages, where the factory has any.
    pub(crate) advisories: Option<&'a Advisories>,
    /// What the task's shipped blueprint itself writes.
    pub(crate) scaffolded: &'a Scaffolded,
    /// How the tests of the untouched base went, where that is known already.
    pub(crate) base_census: Option<&'a Census>,
}

impl Rules<'_> {
    /// Whether a test of this name, without its place, was red on the base.
    pub(crate) fn was_red(&self, leaf: &str) -> bool {
        let red = |census: &Census| census.red().into_iter().any(|id| notice::leaf(id) == leaf);
        self.base_census.is_some_and(red)
    }

    /// Whether a file is its scaffold's own, by its bytes: no agent made it, and none has changed it.
    pub(crate) fn is_scaffolded(&self, file: &ChangedFile) -> bool {
        self.scaffolded.wrote(&Written {
            path: &file.path,
            is_new: file.is_new() && file.from.is_none(),
            mode: file.new_mode,
            text: file.head.text(),
        })
    }

    /// Whether the path belongs to the tests of this project.
    pub(crate) fn is_test(&self, path: &str) -> bool {
        paths::is_test(path) || paths::run_by(self.test_command, path)
    }

    /// Whether the file is what the test command runs, which no list of tests of this task names: it decides of every test whether it
    /// runs at all.
    pub(crate) fn is_the_command(&self, path: &str) -> bool {
        paths::run_by(self.test_command, path) && !self.changes_tests.names(path)
    }

    /// Whether the path is a test that this task must leave as it is. A list that covers it without saying where it is
    /// (`**`) would switch the judge off, and frees nothing.
    pub(crate) fn is_fixed_test(&self, path: &str) -> bool {
        self.is_test(path) && !self.changes_tests.names(path)
    }

    /// Whether the path is a test, and one that the task names as its to change.
    pub(crate) fn may_change_test(&self, path: &str) -> bool {
        self.is_test(path) && self.changes_tests.names(path)
    }
}

/// The checks that look at nothing but the change.
///
/// # Errors
/// When it was cancelled.
pub(crate) fn judge_change(
    change: &Change,
    rules: &Rules<'_>,
    cancel: &Cancel,
) -> Result<Vec<Measurement>, GateError> {
    let checks: [&dyn Fn() -> Result<Measurement, GateError>; 8] = [
        &|| Ok(allowed_paths::check(change, rules)),
        &|| Ok(gate_config::check(change, rules)),
        &|| tampering::check(change, rules, cancel),
        &|| Ok(secrets::check(change)),
        &|| Ok(analysis::check(change)),
        &|| Ok(dependencies::check(change, rules)),
        &|| Ok(placeholders::check(change, rules)),
        &|| Ok(proportion::check(change)),
    ];
    let mut judged = Vec::new();
    for check in checks {
        go_on(cancel)?;
        judged.push(check()?);
    }
    judged.extend([
        not_applicable(
            Check::CriteriaMet,
            "judged by REVIEW, against the criteria and the diff",
        ),
        not_applicable(
            Check::IndependentVerifier,
            "given by REVIEW and SECURITY, which follow",
        ),
    ]);
    Ok(judged)
}

/// # Errors
/// When it was cancelled.
pub(crate) fn go_on(cancel: &Cancel) -> Result<(), GateError> {
    match cancel.is_cancelled() {
        true => Err(GateError::Cancelled),
        false => Ok(()),
    }
}

pub(crate) fn pass(check: Check, detail: impl Into<String>) -> Measurement {
    Measurement {
        check,
        result: CheckResult::Pass,
        detail: line(&detail.into()),
    }
}

pub(crate) fn fail(check: Check, detail: impl Into<String>) -> Measurement {
    Measurement {
        check,
        result: CheckResult::Fail,
        detail: line(&detail.into()),
    }
}

pub(crate) fn not_applicable(check: Check, detail: impl Into<String>) -> Measurement {
    Measurement {
        check,
        result: CheckResult::NotApplicable,
        detail: line(&detail.into()),
    }
}

/// Passes with `clean` when nothing was found.
pub(crate) fn judge_findings(
    check: Check,
    found: &[String],
    clean: impl Into<String>,
) -> Measurement {
    if found.is_empty() {
        pass(check, clean)
    } else {
        fail(check, some(found))
    }
}

/// A builder repairs what it is shown; more than this at once is not read.
const SHOWN_MAX: usize = 8;
/// A detail is one line on a screen and one sentence in a prompt.
const DETAIL_CHARS_MAX: usize = 900;

/// The first few of a list, and how many there are.
pub(crate) fn some<S: AsRef<str>>(found: &[S]) -> String {
    let shown: Vec<&str> = found.iter().take(SHOWN_MAX).map(AsRef::as_ref).collect();
    let shown = shown.join("; ");
    if found.len() > SHOWN_MAX {
        format!("{shown}; and {} more", found.len() - SHOWN_MAX)
    } else {
        shown
    }
}

/// One line without control characters and secrets: paths, test names and outputs come from the change.
fn line(text: &str) -> String {
    let text = secrets::blacken(text);
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(DETAIL_CHARS_MAX)
        .collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(crate) mod testing {
    //! Rules for table tests.

    use super::*;

    pub(crate) struct Task {
        pub(crate) allowed: Globs,
        pub(crate) forbidden: Globs,
        pub(crate) changes_tests: Globs,
        pub(crate) kind: TaskKind,
        pub(crate) allow_dependency_changes: bool,
        pub(crate) advisories: Option<Advisories>,
        pub(crate) scaffolded: Scaffolded,
        pub(crate) test_command: String,
        pub(crate) base_census: Option<Census>,
    }

    impl Task {
        pub(crate) fn build() -> Task {
            Task {
                allowed: globs(&[]),
                forbidden: globs(&[]),
                changes_tests: globs(&[]),
                kind: TaskKind::Build,
                allow_dependency_changes: false,
                advisories: Some(crate::advisories::tests::advisories()),
                scaffolded: Scaffolded::default(),
                test_command: "cargo test".into(),
                base_census: None,
            }
        }

        pub(crate) fn rules(&self) -> Rules<'_> {
            Rules {
                allowed: &self.allowed,
                forbidden: &self.forbidden,
                changes_tests: &self.changes_tests,
                test_command: &self.test_command,
                kind: self.kind,
                allow_dependency_changes: self.allow_dependency_changes,
                advisories: self.advisories.as_ref(),
                scaffolded: &self.scaffolded,
                base_census: self.base_census.as_ref(),
            }
        }
    }

    /// What a shipped blueprint that writes these files does.
    pub(crate) fn scaffold(files: &[(&str, &str)]) -> Scaffolded {
        use alai_core::blueprint::{Action, Blueprint, ScaffoldFile, Step, Template};
        let file = |(path, text): &(&str, &str)| ScaffoldFile {
            path: Template::plain(*path),
            content: Template::plain(*text),
        };
        let step = Step {
            id: "make".into(),
            name: "make".into(),
            action: Action::Scaffold {
                files: files.iter().map(file).collect(),
                patch: None,
                overwrite: false,
            },
            timeout_s: None,
            condition: None,
            continue_on_error: false,
            at: String::new(),
            needs: Vec::new(),
            env: Default::default(),
            gates: Vec::new(),
            retry: None,
        };
        Scaffolded::of(&Blueprint {
            name: "b".into(),
            description: String::new(),
            steps: vec![step],
            inputs: Default::default(),
            limits: Default::default(),
            example: Default::default(),
            asks_for: Vec::new(),
        })
    }

    pub(crate) fn globs(patterns: &[&str]) -> Globs {
        Globs::new(&patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>())
            .expect("patterns of a test")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_one_bounded_line() {
        let m = fail(
            Check::NoSecrets,
            format!("a\nb\u{1b}[31m {}", "x".repeat(5_000)),
        );
        assert!(m.detail.starts_with("a b [31m x") && m.detail.chars().count() <= DETAIL_CHARS_MAX);
        let many: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        assert!(some(&many).ends_with("and 12 more"));
        let key = format!("{}{}", "AKIA", "J7Q2M4X9PLZ3WVBN");
        assert_eq!(
            fail(Check::NoSecrets, format!("printed {key}")).detail,
            "printed [secret]"
        );
    }

    #[test]
    fn a_list_that_names_nothing_frees_no_test() {
        let fixed = |changes: &[&str], path| {
            let task = testing::Task {
                changes_tests: testing::globs(changes),
                ..testing::Task::build()
            };
            task.rules().is_fixed_test(path)
        };
        assert!(fixed(&["**"], "tests/a.rs") && fixed(&["**/*.rs"], "tests/a.rs"));
        assert!(!fixed(&["tests/**"], "tests/a.rs") && !fixed(&["tests/a.rs"], "tests/a.rs"));
        assert!(fixed(&["tests/b.rs"], "tests/a.rs"));
    }

    #[test]
    fn what_was_cancelled_is_judged_no_further() {
        let task = testing::Task::build();
        let change = Change::of(&[("src/lib.rs", None, Some("pub fn a() {}\n"))]);
        let cancel = Cancel::new();
        cancel.cancel();
        let judged = judge_change(&change, &task.rules(), &cancel);
        assert!(matches!(judged, Err(GateError::Cancelled)), "{judged:?}");
        let read = tampering::check(&change, &task.rules(), &cancel);
        assert!(matches!(read, Err(GateError::Cancelled)), "{read:?}");
    }

    #[test]
    fn an_honest_change_passes_every_static_check() {
        let task = testing::Task::build();
        let change = Change::of(&[
            (
                "src/lib.rs",
                Some("pub fn a() -> i32 {\n    1\n}\n"),
                Some("pub fn a() -> i32 {\n    2\n}\n"),
            ),
            (
                "tests/a.rs",
                None,
                Some("#[test]\nfn a() {\n    assert_eq!(x::a(), 2);\n}\n"),
            ),
        ]);
        for m in judge_change(&change, &task.rules(), &Cancel::new()).expect("judged") {
            assert_ne!(m.result, CheckResult::Fail, "{m:?}");
        }
    }
}
