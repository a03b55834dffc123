//! Check 9, measured: what runs before the tests was changed, and the tests are run once more as if it had not been. Where both
//! runs agree, the change of it decides nothing; where they do not, a person decides.

use std::collections::BTreeSet;

use alai_core::qa::{Check, CheckResult, Measurement};

use crate::census::{Census, TestStatus};
use crate::checks::gate_config::{self, ToMeasure};
use crate::checks::{fail, pass, some};
use crate::error::GateError;
use crate::measure::{Gate, head_set_up};
use crate::runs;

impl Gate<'_> {
    /// Puts what two runs say in the place of what the look at the change left open. `as_is` is the head's own run.
    pub(crate) fn configuration(
        &mut self,
        as_is: &Census,
        into: &mut [Measurement],
    ) -> Result<(), GateError> {
        let files = gate_config::to_measure(self.change, self.rules);
        let at = into
            .iter()
            .position(|m| m.check == Check::GateConfigUntouched && m.result == CheckResult::Pass);
        let Some(at) = at.filter(|_| !files.is_empty()) else {
            return Ok(());
        };
        let check = Check::GateConfigUntouched;
        let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let names = some(&names);
        let vetoed = |m: &Measurement| m.check.mandatory() && m.result == CheckResult::Fail;
        if into.iter().any(vetoed) {
            into[at] = fail(
                check,
                format!("{names}: not tried without its change; other checks fail already"),
            );
            return Ok(());
        }
        let without = self.without(&files)?;
        if let Some(why) = runs::cut_off(self.candidate.test_command, without.exit) {
            into[at] = fail(
                check,
                format!("{names}: not tried without its change, {why}"),
            );
            return Ok(());
        }
        into[at] = match differs(self.candidate.base_census, as_is, &without, &files) {
            None => pass(
                check,
                format!(
                    "{names}: the tests go alike with it as the base has it ({})",
                    without.summary()
                ),
            ),
            Some(why) => fail(
                check,
                format!(
                    "{names} decides how tests go: {why}; let a person change it on the target branch first, apart from the work"
                ),
            ),
        };
        Ok(())
    }

    /// The head's tests with these files as the base has them.
    fn without(&mut self, files: &[ToMeasure]) -> Result<Census, GateError> {
        let candidate = self.candidate;
        let room = self.stage.room(
            "the base's configuration",
            candidate.head,
            head_set_up(candidate),
        )?;
        for file in { self.change.files.iter() }
            .filter(|file| files.iter().any(|one| one.path == file.path))
        {
            match self.blob(candidate.base, &file.path)? {
                Some(bytes) => room.put(&file.path, &bytes, file.old_mode == 0o100_755)?,
                None => room.take(&file.path)?,
            }
        }
        self.tests(&room).map(|(_, census)| census)
    }
}

/// How the tests go otherwise by a change of configuration. A test that is new may need what is new: where the task does not
/// name the file, its worth is for the other checks; where it does, it may only not be there without it.
fn differs(base: &Census, with: &Census, without: &Census, files: &[ToMeasure]) -> Option<String> {
    if with.known != without.known {
        return Some("the runner names its tests with one and not with the other".into());
    }
    if !with.known {
        if with.tally.is_none() && files.iter().any(|file| file.command) {
            let why = "the test command runs it, and names and counts no tests: whether they still run cannot be told";
            return Some(why.into());
        }
        let alike = with.exit.success() == without.exit.success() && with.tally == without.tally;
        return (!alike).then(|| {
            format!(
                "{}, and {} without the change of it",
                with.summary(),
                without.summary()
            )
        });
    }
    let named = files.iter().any(|file| file.named);
    let ids: BTreeSet<&String> = with.ids.keys().chain(without.ids.keys()).collect();
    let mut excused = false;
    let mut other = Vec::new();
    for id in ids {
        let (now, then) = (with.ids.get(id), without.ids.get(id));
        if now == then {
            continue;
        }
        let is_new = base.known && !base.ids.contains_key(id);
        let lawful = now.is_some() && is_new && (!named || then.is_none());
        match lawful {
            true => excused = true,
            false => other.push(format!(
                "{id} {}, without the change of it {}",
                word(now),
                word(then)
            )),
        }
    }
    if other.is_empty() && !excused && with.exit.success() != without.exit.success() {
        other.push(format!(
            "it ends with {}, without the change of it with {}",
            with.exit, without.exit
        ));
    }
    (!other.is_empty()).then(|| some(&other))
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

    fn census(passed: &[&str], failed: &[&str]) -> Census {
        let ids = { passed.iter() }
            .map(|id| (id, TestStatus::Passed))
            .chain(failed.iter().map(|id| (id, TestStatus::Failed)));
        Census {
            ids: ids.map(|(id, status)| ((*id).to_owned(), status)).collect(),
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

    fn agrees(base: &Census, with: &Census, without: &Census, named: bool) -> bool {
        let path = "vitest.config.ts".to_owned();
        let command = false;
        differs(
            base,
            with,
            without,
            &[ToMeasure {
                path,
                named,
                command,
            }],
        )
        .is_none()
    }

    #[test]
    fn what_the_test_command_runs_has_to_show_its_tests() {
        let own = [ToMeasure {
            path: "test.sh".into(),
            named: false,
            command: true,
        }];
        let silent = Census {
            known: false,
            ..census(&[], &[])
        };
        let said = differs(&silent, &silent, &silent, &own).expect("held");
        assert!(said.contains("names and counts no tests"), "{said}");
        let counted = |passed| Census {
            tally: Some(crate::census::Tally {
                passed,
                failed: 0,
                ignored: 0,
            }),
            ..silent.clone()
        };
        assert_eq!(differs(&counted(3), &counted(3), &counted(3), &own), None);
        assert!(differs(&counted(3), &counted(0), &counted(3), &own).is_some());
        let (base, more) = (census(&["a"], &[]), census(&["a", "b"], &[]));
        assert_eq!(differs(&base, &more, &base, &own), None, "a test is added");
        assert!(
            differs(&base, &census(&[], &[]), &base, &own).is_some(),
            "none runs"
        );
    }

    #[test]
    fn tests_of_the_base_go_alike_or_a_person_decides() {
        let base = census(&["a"], &["red"]);
        let fixed = census(&["a", "red"], &[]);
        for named in [true, false] {
            assert!(agrees(&base, &fixed, &fixed, named));
            assert!(
                !agrees(&base, &fixed, &base, named),
                "green by the configuration alone"
            );
            assert!(
                !agrees(&base, &census(&["a"], &[]), &fixed, named),
                "left out by it"
            );
            let mut lying = fixed.clone();
            lying.exit = Exit::Code { code: 1 };
            assert!(
                !agrees(&base, &fixed, &lying, named),
                "green by its exit alone"
            );
            let mut skipped = fixed.clone();
            skipped.ids.insert("a".into(), TestStatus::Ignored);
            assert!(!agrees(&base, &skipped, &fixed, named));
        }
    }

    #[test]
    fn a_new_test_may_need_what_is_new() {
        let base = census(&["a"], &[]);
        let with = census(&["a", "new"], &[]);
        assert!(agrees(&base, &with, &base, true) && agrees(&base, &with, &base, false));
        let errs = census(&["a"], &["new"]);
        assert!(agrees(&base, &with, &errs, false), "its fixture is new");
        assert!(
            !agrees(&base, &with, &errs, true),
            "a setting makes it green"
        );
        assert!(
            !agrees(&base, &base, &with, false),
            "it runs only without the change"
        );
    }

    #[test]
    fn a_runner_without_names_counts_alike() {
        let unnamed = |passed, code| Census {
            known: false,
            tally: Some(crate::census::Tally {
                passed,
                failed: 0,
                ignored: 0,
            }),
            exit: Exit::Code { code },
            ..census(&[], &[])
        };
        let base = unnamed(3, 1);
        assert!(agrees(&base, &unnamed(3, 0), &unnamed(3, 0), true));
        assert!(!agrees(&base, &unnamed(3, 0), &unnamed(4, 0), true));
        assert!(!agrees(&base, &unnamed(3, 0), &unnamed(3, 1), true));
        assert!(!agrees(&base, &census(&["a"], &[]), &unnamed(1, 0), true));
    }
}
