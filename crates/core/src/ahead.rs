//! What the trusted side sees of a run's work while the run goes on, and what it means for a step: whether a test of the change
//! fails on the code as it was, and whether a change of shape left the tests alone. An agent's word counts for neither.

use serde::{Deserialize, Serialize};

/// Names in one line for an agent; with more of them it would read no further.
const NAMES_MAX: usize = 10;

/// What the tests of a change say on the code of the base. Measured in fresh clones outside of the run's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reproduced {
    /// They fail there. No names where the runner names none.
    Red { tests: Vec<String> },
    /// Tests of the base that are red there and pass on the change.
    Mended { tests: Vec<String> },
    /// The change brings no test, and these of the base are red, there and here.
    RedBefore { tests: Vec<String> },
    /// The tests that were brought pass there too; none where none were brought.
    Green { tests: Vec<String> },
    /// They could not be run there.
    Unable { why: String },
    /// They stand beside code that the change touches, where nothing tells the two apart. `red` on the change as it is.
    Mingled { tests: Vec<String>, red: bool },
}

/// How one look came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub holds: bool,
    pub said: String,
}

fn holds(said: String) -> Seen {
    Seen { holds: true, said }
}

fn fails(said: String) -> Seen {
    Seen { holds: false, said }
}

impl Reproduced {
    /// What is seen means for the step. `before` is what held earlier in the same run; `goes_on` says that the clone began with
    /// earlier work of the task.
    ///
    /// Before the mend a test that cannot be run shows nothing. Behind it, tests of what the mend made cannot be run on the base;
    /// that excuses them as it does in check 4 of the gate, because the one that shows the bug was seen red.
    pub fn judge(&self, before: Option<&Reproduced>, goes_on: bool) -> Seen {
        match self {
            Reproduced::Red { tests } if tests.is_empty() => holds(
                "with the tests of the change the test command fails on the code as it was".into(),
            ),
            Reproduced::Red { tests } => {
                holds(format!("red on the code as it was: {}", names(tests)))
            }
            Reproduced::Mended { tests } => holds(format!(
                "red before the task and green now: {}",
                names(tests)
            )),
            Reproduced::RedBefore { tests } => match before {
                None => holds(format!(
                    "no test was added; red before the task are {}",
                    names(tests)
                )),
                Some(_) => fails(format!(
                    "The tests that were red before the task are red still: {}. Mend the cause of one, or add a test that shows it.",
                    names(tests)
                )),
            },
            Reproduced::Green { tests } => fails(match (before, tests.as_slice()) {
                (Some(_), _) => {
                    "The tests are green without the mend as well: the test that was red was changed or is gone. Put it back."
                        .into()
                }
                (None, []) => {
                    "The tests are green on the code as it was: no test of yours shows the bug.".into()
                }
                (None, tests) => format!(
                    "The tests are green on the code as it was: no test of yours shows the bug. Green there are {}.",
                    names(tests)
                ),
            }),
            Reproduced::Unable { why } if before.is_some() || goes_on => holds(format!(
                "the tests of the change do not even run on the code as it was: {why}"
            )),
            Reproduced::Unable { why } => fails(format!(
                "On the code as it was the tests cannot be run, and that is not red: {why}"
            )),
            Reproduced::Mingled { tests, red } => match before {
                None if !red && !goes_on => {
                    fails("No test fails: no test of yours shows the bug.".into())
                }
                None | Some(Reproduced::Mingled { .. }) => holds(
                    format!(
                        "not measured, because the new tests stand beside the code, where nothing tells the two apart; {}",
                        names(tests)
                    )
                    .trim_end_matches([';', ' '])
                    .to_owned(),
                ),
                Some(_) => fails(
                    "The test that was red has left the project's tests. Put it back where it was.".into(),
                ),
            },
        }
    }
}

/// How a change touched the tests of the base. Names and paths, each list sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestsTouched {
    /// Test files that are gone, moved, or of another kind.
    pub gone: Vec<String>,
    /// Test files of which a line is gone or another one.
    pub changed: Vec<String>,
    /// Test files that have more lines and no other ones.
    pub longer: Vec<String>,
    pub new: Vec<String>,
    /// Unit tests beside code that are gone or put to sleep.
    pub units_gone: Vec<String>,
    pub units_new: Vec<String>,
}

impl TestsTouched {
    /// Whether a change of shape left the tests alone, as far as `findings` do not ask for more. Heard are reviewers and people alone:
    /// what a gate or a run that ended badly has left there holds words and outputs of the agent itself.
    pub fn judge(&self, findings: &[String]) -> Seen {
        let heard: Vec<&str> = { findings.iter() }
            .map(String::as_str)
            .filter(|finding| is_of_a_judge(finding))
            .collect();
        let wants_tests = heard.iter().any(|finding| speaks_of_tests(finding));
        let named = |path: &String| heard.iter().any(|finding| names_path(finding, path));
        let left = |paths: &[String], free: bool| -> Vec<String> {
            let left = paths.iter().filter(|path| !free && !named(path));
            left.cloned().collect()
        };
        let unit = |names: &[String], free: bool| match free {
            true => Vec::new(),
            false => names.to_vec(),
        };
        let touched = [
            self.gone.clone(),
            left(&self.changed, false),
            left(&self.longer, wants_tests),
            left(&self.new, wants_tests),
        ]
        .concat();
        let units = [self.units_gone.clone(), unit(&self.units_new, wants_tests)].concat();
        if touched.is_empty() && units.is_empty() {
            let free =
                self.changed.len() + self.longer.len() + self.new.len() + self.units_new.len();
            return holds(match free {
                0 => "no test was touched".into(),
                free => format!("{free} tests or files of tests are as the findings ask"),
            });
        }
        let mut said = String::new();
        if !touched.is_empty() {
            said.push_str(&format!(
                "A refactoring leaves the tests alone. Put these back as they were: {}.",
                names(&touched)
            ));
        }
        if !units.is_empty() {
            said.push_str(&format!(
                " Unit tests were added or taken away: {}.",
                names(&units)
            ));
        }
        fails(said.trim().to_owned())
    }
}

/// Whether a reviewer or a person has said it, by the beginning that we have given it.
fn is_of_a_judge(finding: &str) -> bool {
    let reviewed = ["[low]", "[medium]", "[high]"];
    let by_a_person = [" says", " rejects"];
    let who = finding.split_once(": ").map_or("", |(who, _)| who);
    reviewed.iter().any(|mark| finding.starts_with(mark))
        || by_a_person.iter().any(|verb| who.ends_with(verb))
}

/// Whether a finding asks for tests: one of its words is about them.
fn speaks_of_tests(finding: &str) -> bool {
    const WORDS: [&str; 8] = [
        "test",
        "tests",
        "tested",
        "untested",
        "testing",
        "testcase",
        "coverage",
        "uncovered",
    ];
    // A path among tests, and a name of one, ask for nothing.
    let words = { finding.split_whitespace() }
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| word.chars().all(|c| c.is_alphabetic() || c == '-'));
    let mut parts = words.flat_map(|word| word.split('-'));
    parts.any(|part| WORDS.contains(&part.to_lowercase().as_str()))
}

/// Whether a path stands in a finding, whole: `tests/a.py` is not in `tests/a.pyx` or `more/tests/a.py`.
fn names_path(finding: &str, path: &str) -> bool {
    let is_of_a_path = |c: char| c.is_alphanumeric() || "/_-".contains(c);
    finding.match_indices(path).any(|(at, _)| {
        let before = finding[..at].chars().next_back();
        let mut behind = finding[at + path.len()..].chars();
        let next = behind.next();
        // A full stop ends a sentence, or goes on with a name.
        let goes_on = match next {
            Some('.') => behind.next().is_some_and(is_of_a_path),
            Some(c) => is_of_a_path(c),
            None => false,
        };
        !goes_on && !before.is_some_and(|c| is_of_a_path(c) || c == '.')
    })
}

fn names(all: &[String]) -> String {
    let shown = all[..all.len().min(NAMES_MAX)].join(", ");
    match all.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(all: &[&str]) -> Vec<String> {
        all.iter().map(|one| (*one).to_owned()).collect()
    }

    #[test]
    fn what_is_seen_on_the_base_means_another_thing_before_and_behind_the_mend() {
        let red = Reproduced::Red {
            tests: list(&["a"]),
        };
        let unnamed = Reproduced::Red { tests: vec![] };
        let mended = Reproduced::Mended {
            tests: list(&["a"]),
        };
        let red_before = Reproduced::RedBefore {
            tests: list(&["a"]),
        };
        let green = Reproduced::Green {
            tests: list(&["a"]),
        };
        let none = Reproduced::Green { tests: vec![] };
        let unable = Reproduced::Unable { why: "x".into() };
        let mingled = Reproduced::Mingled {
            tests: list(&["a"]),
            red: true,
        };
        let silent = Reproduced::Mingled {
            tests: vec![],
            red: false,
        };
        // As the first look, as the first look of a rework, behind a red one, behind one that could not tell.
        for (seen, first, rework, behind_red, behind_mingled) in [
            (&red, true, true, true, true),
            (&unnamed, true, true, true, true),
            (&mended, true, true, true, true),
            (&red_before, true, true, false, false),
            (&green, false, false, false, false),
            (&none, false, false, false, false),
            (&unable, false, true, true, true),
            (&mingled, true, true, false, true),
            (&silent, false, true, false, true),
        ] {
            let judged = |before, goes_on| seen.judge(before, goes_on).holds;
            assert_eq!(judged(None, false), first, "{seen:?} first");
            assert_eq!(judged(None, true), rework, "{seen:?} in a rework");
            assert_eq!(judged(Some(&red), false), behind_red, "{seen:?} behind red");
            assert_eq!(
                judged(Some(&mingled), false),
                behind_mingled,
                "{seen:?} behind what could not be told"
            );
        }
    }

    #[test]
    fn findings_free_what_they_ask_for_and_an_agents_own_words_nothing() {
        let judged = |touched: &TestsTouched, finding: &str| {
            let findings = match finding {
                "" => vec![],
                text => vec![text.to_owned()],
            };
            touched.judge(&findings).holds
        };
        let new = TestsTouched {
            new: list(&["tests/a.py"]),
            ..TestsTouched::default()
        };
        let longer = TestsTouched {
            longer: list(&["tests/a.py"]),
            ..TestsTouched::default()
        };
        let changed = TestsTouched {
            changed: list(&["tests/a.py"]),
            ..TestsTouched::default()
        };
        let gone = TestsTouched {
            gone: list(&["tests/a.py"]),
            ..TestsTouched::default()
        };
        let unit = TestsTouched {
            units_new: list(&["adds"]),
            ..TestsTouched::default()
        };
        let lost = TestsTouched {
            units_gone: list(&["adds"]),
            ..TestsTouched::default()
        };
        let asks = "[high] src/a.py:3: nothing is untested here? The empty list is not tested.";
        let names = "[high] tests/a.py:3: it asserts the order of a set.";
        let own = "the run ended as gate_failed: operator says: tests are needed in tests/a.py";
        let gate = "no test lost or skipped: tests are gone: x says: change tests/a.py";
        let person = "operator says: add a test of the empty list";
        for (touched, silent, by_asking, by_naming) in [
            (&new, false, true, true),
            (&longer, false, true, true),
            (&changed, false, false, true),
            (&gone, false, false, false),
            (&unit, false, true, false),
            (&lost, false, false, false),
            (&TestsTouched::default(), true, true, true),
        ] {
            assert_eq!(judged(touched, ""), silent, "{touched:?}");
            assert_eq!(
                judged(touched, "[low] the attested name"),
                silent,
                "{touched:?}"
            );
            assert_eq!(judged(touched, own), silent, "{touched:?} by its own words");
            assert_eq!(judged(touched, gate), silent, "{touched:?} by its output");
            assert_eq!(judged(touched, asks), by_asking, "{touched:?} asked for");
            assert_eq!(
                judged(touched, person),
                by_asking,
                "{touched:?} by a person"
            );
            assert_eq!(judged(touched, names), by_naming, "{touched:?} named");
        }
    }

    #[test]
    fn a_path_is_named_whole() {
        for (finding, named) in [
            ("tests/a.py", true),
            ("see tests/a.py.", true),
            ("`tests/a.py:3`: wrong", true),
            ("more/tests/a.py", false),
            ("tests/a.pyx", false),
            ("tests/a.py.bak", false),
        ] {
            assert_eq!(names_path(finding, "tests/a.py"), named, "{finding}");
        }
    }
}
