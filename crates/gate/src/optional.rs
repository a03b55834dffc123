//! Check 3, measured: tests that a hook of the change leaves out unless an option of the command line is given. They are run with it:
//! what passes there is not lost, and what does not is hidden.

use std::collections::BTreeSet;

use crate::census::{Census, TestStatus};
use crate::checks::{marked, some};
use crate::error::GateError;
use crate::measure::{Gate, head_set_up};
use crate::runs;
use crate::stage::With;

/// What the change's own options leave out of an ordinary run.
#[derive(Debug, Default)]
pub(crate) struct Optional {
    /// They do not run without such an option, and pass with it.
    pub(crate) shown: BTreeSet<String>,
    /// Why what is left out shows nothing.
    pub(crate) hidden: Option<String>,
}

impl Gate<'_> {
    /// Runs the head's tests once more with the options that its hooks ask for, where they may leave out what ran before. `as_is` is the
    /// head's own run.
    pub(crate) fn optional(&mut self, as_is: &Census) -> Result<Optional, GateError> {
        let mut options = BTreeSet::new();
        let mut named = true;
        for file in &self.change.files {
            let own = marked::of(file).options;
            // As with a runner's configuration, a folder or a glob names none.
            named &= own.is_empty() || self.rules.changes_tests.has(&file.path);
            options.extend(own);
        }
        if options.is_empty() {
            return Ok(Optional::default());
        }
        let options: Vec<String> = options.into_iter().collect();
        let options = options.join(" ");
        let candidate = self.candidate;
        let base = candidate.base_census;
        if !as_is.known {
            let hidden = format!(
                "a hook leaves tests out without {options}, and which ones cannot be told: {}",
                as_is.summary()
            );
            return Ok(hides(hidden));
        }
        let asleep = |id: &&str| base.ids.get(*id) != Some(&TestStatus::Ignored);
        if !as_is.with(TestStatus::Ignored).iter().any(asleep) {
            return Ok(Optional::default());
        }
        let room = self.stage.room(
            "the options of hooks",
            candidate.head,
            head_set_up(candidate),
        )?;
        let with = With {
            env: vec![("PYTEST_ADDOPTS", options.clone())],
            ..With::default()
        };
        let ran = self
            .stage
            .tests_with(&room, candidate.test_command, &with)?;
        let (ran, with) = self.ran(ran);
        let why = runs::cut_off(candidate.test_command, ran.record.exit);
        let why = why.or_else(|| (!with.known).then(|| with.summary()));
        Ok(match why {
            Some(why) => hides(format!("with {options}: {why}")),
            None => {
                let mut told = told(base, as_is, &with, &options);
                told.shown.retain(|id| named || !base.ids.contains_key(id));
                told
            }
        })
    }
}

fn hides(why: String) -> Optional {
    Optional {
        shown: BTreeSet::new(),
        hidden: Some(why),
    }
}

/// What the two runs of the head say. With the options everything that ran without them goes alike.
fn told(base: &Census, as_is: &Census, with: &Census, options: &str) -> Optional {
    let (mut shown, mut other) = (BTreeSet::new(), Vec::new());
    for (id, now) in &as_is.ids {
        match (now, with.ids.get(id)) {
            (TestStatus::Ignored, Some(TestStatus::Passed)) => {
                shown.insert(id.clone());
            }
            // Left out by something else, and check 3 has its rule for that.
            (TestStatus::Ignored, Some(TestStatus::Ignored)) => {}
            (now, Some(then)) if now == then => {}
            (_, then) => other.push(format!("{id} {}", word(then))),
        }
    }
    let added = with.ids.keys().filter(|id| !as_is.ids.contains_key(*id));
    other.extend(added.map(|id| format!("{id} runs only there")));
    if !other.is_empty() {
        let other = some(&other);
        return hides(format!(
            "a hook leaves tests out, and with {options} {other}"
        ));
    }
    // A hook for some tests; one for most of them takes the project's test command away.
    let old = shown.iter().filter(|id| base.ids.contains_key(*id)).count();
    let left = as_is.with(TestStatus::Passed).len();
    if old >= left.max(1) {
        return hides(format!(
            "without {options} {old} tests of the base do not run, and {left} do"
        ));
    }
    Optional {
        shown,
        hidden: None,
    }
}

fn word(status: Option<&TestStatus>) -> &'static str {
    match status {
        Some(TestStatus::Passed) => "passes",
        Some(TestStatus::Failed) => "fails",
        Some(TestStatus::Ignored) => "is skipped",
        None => "does not run",
    }
}

#[cfg(test)]
mod tests {
    use alai_core::record::Exit;

    use super::*;

    fn census(passed: &[&str], failed: &[&str], ignored: &[&str]) -> Census {
        let of = |ids: &[&str], status| -> Vec<(String, TestStatus)> {
            ids.iter().map(|id| ((*id).to_owned(), status)).collect()
        };
        let all = [
            of(passed, TestStatus::Passed),
            of(failed, TestStatus::Failed),
            of(ignored, TestStatus::Ignored),
        ];
        Census {
            ids: all.concat().into_iter().collect(),
            known: true,
            tally: None,
            runners: vec!["pytest".into()],
            note: String::new(),
            read: Vec::new(),
            exit: Exit::Code {
                code: i32::from(!failed.is_empty()),
            },
        }
    }

    #[test]
    fn what_passes_with_the_option_is_shown_and_the_rest_is_hidden() {
        let base = census(&["a", "b", "slow"], &["red"], &["elsewhere"]);
        let as_is = census(&["a", "b", "red"], &[], &["slow", "new", "elsewhere"]);
        let with = |passed: &[&str], failed: &[&str], ignored: &[&str]| {
            told(&base, &as_is, &census(passed, failed, ignored), "--slow")
        };
        let all = with(&["a", "b", "red", "slow", "new"], &[], &["elsewhere"]);
        assert_eq!(all.hidden, None);
        let shown: Vec<&str> = all.shown.iter().map(String::as_str).collect();
        assert_eq!(shown, ["new", "slow"]);
        for (passed, failed, ignored, says) in [
            (
                &["a", "b", "red", "new"][..],
                &["slow"][..],
                &["elsewhere"][..],
                "slow fails",
            ),
            (
                &["a", "b", "red", "slow"],
                &["new"],
                &["elsewhere"],
                "new fails",
            ),
            (
                &["a", "b", "red", "slow"],
                &[],
                &["elsewhere"],
                "new does not run",
            ),
            (
                &["a", "red", "slow", "new"],
                &["b"],
                &["elsewhere"],
                "b fails",
            ),
            (
                &["a", "b", "slow", "new"],
                &[],
                &["elsewhere", "red"],
                "red is skipped",
            ),
            (
                &["a", "b", "red", "slow", "new", "more"],
                &[],
                &["elsewhere"],
                "more runs only there",
            ),
        ] {
            let judged = with(passed, failed, ignored);
            assert!(judged.shown.is_empty());
            let hidden = judged.hidden.expect("it shows nothing");
            assert!(hidden.contains(says), "{hidden}");
        }
    }

    #[test]
    fn most_tests_of_the_base_do_not_wait_for_an_option() {
        let base = census(&["a", "b", "c"], &[], &[]);
        let as_is = census(&["a"], &[], &["b", "c"]);
        let judged = told(&base, &as_is, &base, "--slow");
        assert!(judged.hidden.is_some_and(|why| why.contains("2 tests")));
    }
}
