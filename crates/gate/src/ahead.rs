//! What a run is shown of its gate before it ends: the same clones, the same census and the same rule of what a test is, so that
//! nothing holds here that the gate would see otherwise.

use std::collections::BTreeSet;

use alai_core::ahead::{Reproduced, TestsTouched};
use alai_core::record::Captured;
use alai_workspace::command::Cancel;

use crate::census::{self, Census, TestStatus};
use crate::change::{Change, ChangedFile};
use crate::checks::Rules;
use crate::error::GateError;
use crate::load;
use crate::measure::{Candidate, Gate, Lists, head_set_up, stage_of};
use crate::runs;
use crate::source::Lang;
use crate::testfns;

/// Whether a test of the change fails on the code of the base, with every program that was started.
///
/// A test that the base has too counts where the task may change it, and else not: the gate takes such a change back.
///
/// # Errors
/// As [`crate::measure`].
pub fn reproduced(
    candidate: &Candidate<'_>,
    cancel: &Cancel,
) -> Result<(Reproduced, Vec<Captured>), GateError> {
    let lists = Lists::of(candidate)?;
    let stage = stage_of(candidate, cancel);
    let as_is = stage.room("the head", candidate.head, head_set_up(candidate))?;
    let change = load::load(candidate.repo, candidate.base, candidate.head, &as_is.repo)?;
    let rules = lists.rules(candidate);
    let mut gate = Gate {
        candidate,
        stage,
        change: &change,
        rules: &rules,
        commands: Vec::new(),
        behind: crate::measure::Behind::new(),
        tests_ms: None,
    };
    let (brought, on_base) = gate.tests_on_base()?;
    let base = candidate.base_census;
    let counts = |id: &str| !base.ids.contains_key(id) || gate.may_be_lost(id);
    let seen = match on_the_base(base, &on_base, &brought, &counts) {
        Some(seen) => seen,
        None => {
            let (ran, here) = gate.tests(&as_is)?;
            if let Some(why) = runs::cut_off(candidate.test_command, ran.record.exit) {
                return Ok((Reproduced::Unable { why }, gate.commands));
            }
            let brings = |file: &ChangedFile| !file.is_deleted() && rules.is_test(&file.path);
            let brings = change.files.iter().any(brings);
            on_the_head(base, &on_base, &here, brings)
        }
    };
    Ok((seen, gate.commands))
}

/// What the base's code with the head's tests says by itself.
fn on_the_base(
    base: &Census,
    on_base: &Census,
    captured: &Captured,
    counts: &dyn Fn(&str) -> bool,
) -> Option<Reproduced> {
    if let Some(unable) = runs::unable(captured, on_base) {
        let why = format!("{}: {}", unable.why, runs::tail(captured));
        return Some(Reproduced::Unable { why });
    }
    if !comparable(base, on_base) {
        // By its exit alone, which says something where the base was green.
        let red = base.exit.success() && !on_base.exit.success();
        return red.then(|| Reproduced::Red { tests: Vec::new() });
    }
    let was: BTreeSet<&str> = base.red().into_iter().collect();
    let red: Vec<String> = { on_base.red().into_iter() }
        .filter(|id| !was.contains(id) && counts(id) && runs::is_a_test(id))
        .map(str::to_owned)
        .collect();
    (!red.is_empty()).then_some(Reproduced::Red { tests: red })
}

/// The same with what the head says as it is, where nothing was red on the base.
fn on_the_head(base: &Census, on_base: &Census, here: &Census, brings: bool) -> Reproduced {
    if !comparable(base, here) || !comparable(base, on_base) {
        let (tests, red) = (Vec::new(), !here.exit.success());
        // With no file of tests in the change, what tests there are stand elsewhere, and the runner does not tell of them. With one,
        // what is red here and green there is red by the code that came along.
        return match brings {
            true => Reproduced::Green { tests },
            false => Reproduced::Mingled { tests, red },
        };
    }
    let difference = census::compare(base, here);
    if !difference.fixed.is_empty() {
        let tests = difference.fixed;
        return Reproduced::Mended { tests };
    }
    let counts =
        |id: &&String| runs::is_a_test(id) && here.ids.get(*id) != Some(&TestStatus::Ignored);
    let added: Vec<String> = difference.added.iter().filter(counts).cloned().collect();
    let is_apart = |id: &String| !on_base.ids.contains_key(id);
    let (apart, brought): (Vec<String>, Vec<String>) = added.into_iter().partition(is_apart);
    match (apart.is_empty(), brought.is_empty(), base.red()) {
        (false, _, _) => {
            let red = |id: &String| here.ids.get(id) == Some(&TestStatus::Failed);
            let red = apart.iter().any(red);
            Reproduced::Mingled { tests: apart, red }
        }
        (true, true, red) if !red.is_empty() => Reproduced::RedBefore {
            tests: red.into_iter().map(str::to_owned).collect(),
        },
        (true, _, _) => Reproduced::Green { tests: brought },
    }
}

/// Whether two lists can be compared by name. A base without any test has an empty one.
fn comparable(base: &Census, now: &Census) -> bool {
    now.known && (base.known || base.runners.is_empty() && base.exit.success())
}

/// How the change touches the tests of the base. Nothing of it is run.
///
/// # Errors
/// As [`crate::measure`].
pub fn tests_touched(
    candidate: &Candidate<'_>,
    cancel: &Cancel,
) -> Result<TestsTouched, GateError> {
    let lists = Lists::of(candidate)?;
    let stage = stage_of(candidate, cancel);
    let as_is = stage.room("the head", candidate.head, candidate.prepared)?;
    let change = load::load(candidate.repo, candidate.base, candidate.head, &as_is.repo)?;
    Ok(touched(&change, &lists.rules(candidate)))
}

fn touched(change: &Change, rules: &Rules<'_>) -> TestsTouched {
    let mut touched = TestsTouched::default();
    for file in &change.files {
        let path = || file.path.clone();
        if !file.is_new() && rules.is_test(file.base_path()) {
            if !rules.is_fixed_test(file.base_path()) {
                // A person or the plan lets the task change it.
                continue;
            }
            let moved = file.from.is_some() || file.is_deleted();
            match (moved, is_longer(file)) {
                (true, _) => touched.gone.push(file.base_path().to_owned()),
                (false, true) => touched.longer.push(path()),
                (false, false) => touched.changed.push(path()),
            }
        } else if rules.is_test(&file.path) && rules.is_fixed_test(&file.path) {
            touched.new.push(path());
        }
    }
    (touched.units_gone, touched.units_new) = units(change, rules);
    touched
}

/// More lines, and none of the old ones gone.
fn is_longer(file: &ChangedFile) -> bool {
    let texts = file.base.text().is_some() && file.head.text().is_some();
    texts && file.old_mode == file.new_mode && file.removed.is_empty() && !file.added.is_empty()
}

/// Rust's unit tests stand beside the code. Code may move and take them along: what counts is that each name is there as often as
/// before, and as awake.
fn units(change: &Change, rules: &Rules<'_>) -> (Vec<String>, Vec<String>) {
    let (mut before, mut now) = (Vec::new(), Vec::new());
    for file in &change.files {
        let beside = |path: &str| !rules.is_test(path) && !rules.changes_tests.names(path);
        if file.lang() != Lang::Rust {
            continue;
        }
        if let Some(text) = file.base.text().filter(|_| beside(file.base_path())) {
            before.extend(units_of(text));
        }
        if let Some(text) = file.head.text().filter(|_| beside(&file.path)) {
            now.extend(units_of(text));
        }
    }
    before.retain(|one| match now.iter().position(|other| other == one) {
        Some(at) => {
            now.swap_remove(at);
            false
        }
        None => true,
    });
    let names = |all: Vec<(String, bool, bool)>| {
        let mut names: Vec<String> = all.into_iter().map(|(name, ..)| name).collect();
        names.sort_unstable();
        names
    };
    (names(before), names(now))
}

/// Name, whether it is put to sleep, whether it wants a panic.
fn units_of(text: &str) -> Vec<(String, bool, bool)> {
    let found = testfns::find(text, Lang::Rust).into_iter();
    let all = found.flat_map(|(name, tests)| {
        tests.into_iter().map(move |test| {
            let sleeps = test.text.contains("#[ignore");
            (name.clone(), sleeps, test.text.contains("#[should_panic"))
        })
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use alai_core::qa::CheckResult;
    use alai_core::record::Exit;

    use super::*;

    fn census(passed: &[&str], failed: &[&str]) -> Census {
        let of = |names: &[&str], status| -> Vec<(String, TestStatus)> {
            { names.iter() }
                .map(|name| ((*name).to_owned(), status))
                .collect()
        };
        let all = [
            of(passed, TestStatus::Passed),
            of(failed, TestStatus::Failed),
        ];
        Census {
            ids: all.concat().into_iter().collect::<BTreeMap<_, _>>(),
            known: true,
            tally: None,
            runners: vec!["runner".into()],
            note: String::new(),
            read: Vec::new(),
            exit: Exit::Code {
                code: i32::from(!failed.is_empty()),
            },
        }
    }

    fn unnamed(code: i32) -> Census {
        Census {
            ids: BTreeMap::new(),
            known: false,
            runners: vec![],
            exit: Exit::Code { code },
            ..census(&[], &[])
        }
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// What the look says of a test that is red on the base by its name, check 4 says of the same runs.
    #[test]
    fn what_is_red_by_name_passes_check_4() {
        let (base, head) = (census(&["a"], &["old"]), census(&["a", "new"], &["old"]));
        for (on_base, red) in [
            (census(&["a"], &["old", "new"]), true),
            (census(&["a", "new"], &["old"]), false),
        ] {
            let captured = runs::tests::captured(on_base.exit, "");
            let seen = on_the_base(&base, &on_base, &captured, &|id| id == "new");
            let check = runs::new_tests_fail(&runs::new_tests(&base, &head), Some(&on_base), "t");
            match red {
                true => {
                    let tests = list(&["new"]);
                    assert_eq!(seen, Some(Reproduced::Red { tests }));
                    assert_eq!(check.result, CheckResult::Pass);
                }
                false => {
                    assert_eq!(seen, None);
                    assert_eq!(check.result, CheckResult::Fail);
                }
            }
        }
    }

    /// A test that the base has, and that the task may not change, shows nothing: the gate takes the change back.
    #[test]
    fn a_test_of_the_base_that_turned_red_does_not_count() {
        let (base, on_base) = (census(&["a"], &[]), census(&[], &["a"]));
        let captured = runs::tests::captured(on_base.exit, "");
        assert_eq!(on_the_base(&base, &on_base, &captured, &|_| false), None);
        let tests = list(&["a"]);
        assert_eq!(
            on_the_base(&base, &on_base, &captured, &|_| true),
            Some(Reproduced::Red { tests })
        );
    }

    #[test]
    fn what_is_not_red_on_the_base_is_told_by_the_head() {
        let base = census(&["a"], &[]);
        let red = census(&["a"], &["old"]);
        let named =
            |base: &Census, on_base: &Census, head: &Census| on_the_head(base, on_base, head, true);
        let tests = list(&["new"]);
        assert_eq!(
            named(
                &base,
                &census(&["a", "new"], &[]),
                &census(&["a", "new"], &[])
            ),
            Reproduced::Green {
                tests: tests.clone()
            }
        );
        assert_eq!(
            named(&base, &base, &census(&["a"], &["new"])),
            Reproduced::Mingled { tests, red: true },
            "it was not brought there"
        );
        let old = list(&["old"]);
        assert_eq!(
            named(&red, &red, &red),
            Reproduced::RedBefore { tests: old.clone() }
        );
        assert_eq!(
            named(&red, &red, &census(&["a", "old"], &[])),
            Reproduced::Mended { tests: old }
        );
        let none = Vec::new;
        for (here, brings, want) in [
            (0, true, Reproduced::Green { tests: none() }),
            (1, true, Reproduced::Green { tests: none() }),
            (
                0,
                false,
                Reproduced::Mingled {
                    tests: none(),
                    red: false,
                },
            ),
            (
                1,
                false,
                Reproduced::Mingled {
                    tests: none(),
                    red: true,
                },
            ),
        ] {
            let green = unnamed(0);
            assert_eq!(on_the_head(&green, &green, &unnamed(here), brings), want);
        }
    }
}
