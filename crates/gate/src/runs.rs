//! Decides the checks that start programs, from what the programs left behind.

use std::collections::BTreeSet;

use alai_core::qa::{Check, CheckResult, GREEN_BEFORE, Measurement, UNPROVEN, linters};
use alai_core::record::{Captured, Exit};
use alai_core::review::Finding;
use alai_workspace::clone::INSIDE_HOME;
use alai_workspace::services;

use crate::census::{self, Census, Tally, TestStatus};
use crate::checks::{fail, not_applicable, pass, some};
use crate::optional::Optional;

/// Why a test command could not even begin, and what a person can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unable {
    pub(crate) why: String,
    pub(crate) remedy: &'static str,
}

/// What tools print when they never came to run a test.
const UNABLE: [(&str, &str, &str); 17] = [
    (
        services::SAYS,
        "a service that it needs did not come up",
        "mend its command, or take it away: `alai project set NAME --service NAME=`",
    ),
    (
        "error: could not compile",
        "it does not build",
        "make the base build first",
    ),
    (
        "error: failed to parse manifest",
        "its Cargo.toml cannot be read",
        "repair the manifest of the base first",
    ),
    (
        "error: no matching package",
        "a package is not in the set-up",
        "run the set-up again, with the lockfile committed",
    ),
    (
        "attempting to make an HTTP request, but --offline",
        "a package is not in the set-up",
        "run the set-up again, with the lockfile committed",
    ),
    (
        "could not find `Cargo.toml`",
        "there is no Cargo.toml where it runs",
        "correct the project's test command",
    ),
    (
        ": No module named ",
        "a module that it runs is not in the set-up",
        "add it to what the set-up installs, or correct the project's test command",
    ),
    (
        "Missing script:",
        "package.json has no such script",
        "correct the project's test command",
    ),
    (
        "missing script:",
        "package.json has no such script",
        "correct the project's test command",
    ),
    (
        "Cannot find module",
        "a module is not in the set-up",
        "correct the project's set-up command",
    ),
    (
        "ERR_MODULE_NOT_FOUND",
        "a module is not in the set-up",
        "correct the project's set-up command",
    ),
    (
        "No rule to make target",
        "the Makefile has no such target",
        "correct the project's test command",
    ),
    (
        "go: cannot find main module",
        "there is no go.mod where it runs",
        "correct the project's test command",
    ),
    (
        "missing go.sum entry",
        "a module is not in the set-up",
        "run the set-up again, with go.sum committed",
    ),
    (
        "module lookup disabled by GOPROXY=off",
        "a module is not in the set-up",
        "run the set-up again, with go.sum committed",
    ),
    (
        "ModuleNotFoundError",
        "a module is not in the set-up",
        "correct the project's set-up command",
    ),
    (
        ": command not found",
        "a program that it calls is not installed",
        "install it, or correct the project's test command",
    ),
];

/// Tells a run that could not begin from one whose tests are red.
pub(crate) fn unable(captured: &Captured, census: &Census) -> Option<Unable> {
    let unable = |why: &str, remedy| {
        Some(Unable {
            why: why.to_owned(),
            remedy,
        })
    };
    match captured.record.exit {
        Exit::Code { code: 0 } => return None,
        Exit::Code { code: 127 } => {
            return unable(
                "a program was not found",
                "install it, or correct the project's test command",
            );
        }
        Exit::Code { code: 126 } => {
            return unable(
                "a program may not be executed",
                "correct its permissions, or the project's test command",
            );
        }
        Exit::Code { .. } => {}
        ended @ (Exit::TimedOut { .. }
        | Exit::TooMuchOutput { .. }
        | Exit::OverLimit { .. }
        | Exit::Signal { .. }
        | Exit::Cancelled) => {
            return Some(Unable {
                why: ended.to_string(),
                remedy: "give the project a test command that ends by itself, or a longer limit",
            });
        }
    }
    if census.ids.keys().any(|id| is_a_test(id))
        || census.tally.is_some_and(|t| t.passed + t.ignored > 0)
    {
        return None;
    }
    if !census.ids.is_empty() {
        return unable(
            "no test could be loaded",
            "see what they import, and correct the project's set-up command",
        );
    }
    let text = captured.combined();
    let known = UNABLE.iter().find(|(words, ..)| text.contains(words));
    if known.is_none() && text.lines().any(refuses_the_home) {
        return unable(
            "a place below its home folder cannot be written",
            "have the set-up leave what it makes there writable for its owner, or give the tool a cache elsewhere by a variable of the project",
        );
    }
    let (_, why, remedy) = known?;
    unable(why, remedy)
}

/// Whether Cargo built all but tests of the project, which call what is not there yet. It names each target that failed (cargo 1.95:
/// "could not compile `a` (test \"b\") due to 1 previous error", "(lib test)", "(bin \"c\" test)"). A linker that fails is the machine's.
pub(crate) fn only_tests_unbuilt(captured: &Captured) -> bool {
    const FAILED: &str = "error: could not compile `";
    let text = captured.combined();
    let mut failed = text.lines().filter(|line| line.trim().starts_with(FAILED));
    let is_test = |line: &str| line.contains(" (test \"") || line.contains(" test) ");
    let first = failed.next().is_some_and(is_test);
    first && failed.all(is_test) && !text.contains("error: linking with")
}

/// Whether a line says that a tool was kept from its own cache. A home is made for each run and can be written; what a set-up left in it
/// has the modes that the set-up gave it.
fn refuses_the_home(line: &str) -> bool {
    let refused = [
        "EACCES",
        "ermission denied",
        "EROFS",
        "ead-only file system",
    ];
    line.contains(INSIDE_HOME) && refused.iter().any(|words| line.contains(words))
}

/// Why a run says nothing either way: it was ended from outside. In words that name the command and its limit.
pub(crate) fn cut_off(command: &str, exit: Exit) -> Option<String> {
    match exit {
        Exit::TimedOut { .. }
        | Exit::TooMuchOutput { .. }
        | Exit::OverLimit { .. }
        | Exit::Cancelled => Some(format!("`{command}` {exit}")),
        Exit::Code { .. } | Exit::Signal { .. } => None,
    }
}

/// Whether a census names a test by this id, and not what could not be loaded.
pub(crate) fn is_a_test(id: &str) -> bool {
    !id.starts_with("(collection error") && !id.ends_with(" (package)")
}

/// The last lines of an output, for a reason.
pub(crate) fn tail(captured: &Captured) -> String {
    /// A compiler's last error and its place.
    const LINES: usize = 6;
    let text = captured.combined();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(LINES)..].join(" | ")
}

/// Check 1.
pub(crate) fn clean_build(
    build: Option<&Captured>,
    tests: &Captured,
    restored: &Census,
) -> Measurement {
    let check = Check::CleanBuild;
    if let Some(build) = build {
        return match build.record.exit {
            exit if exit.success() => pass(check, "fresh clone, build command: exit 0"),
            exit => fail(
                check,
                format!("the build in a fresh clone: {exit}: {}", tail(build)),
            ),
        };
    }
    match unable(tests, restored) {
        Some(unable) => fail(
            check,
            format!("in a fresh clone {}: {}", unable.why, tail(tests)),
        ),
        None => pass(
            check,
            "fresh clone; no build command is set, the test command got past building",
        ),
    }
}

/// How the tests of the base went on the head, and what may excuse a red one.
pub(crate) struct BaseTests<'a> {
    pub(crate) base: &'a Census,
    /// The head with the base's test files.
    pub(crate) restored: &'a Census,
    /// Whether a test may be missing: the task may change the file it stands in.
    pub(crate) may_be_lost: &'a dyn Fn(&str) -> bool,
    /// Whether the task brings checks of its own and they passed.
    pub(crate) covered: bool,
    pub(crate) output: &'a Captured,
    pub(crate) command: &'a str,
    /// How many tests are gone from files that the task may change.
    pub(crate) given_up: u64,
}

/// Check 2.
pub(crate) fn base_tests(tests: &BaseTests<'_>) -> Measurement {
    let check = Check::BaseTestsPass;
    let BaseTests { base, restored, .. } = tests;
    // The tests that it did not come to are not lost by the change's will.
    if let Some(why) = cut_off(tests.command, restored.exit) {
        return fail(check, format!("{why}: {}", tail(tests.output)));
    }
    if !base.known || !restored.known {
        return unnamed_tests(tests);
    }
    let difference = census::compare(base, restored);
    let lost: Vec<&String> = difference
        .lost
        .iter()
        .filter(|id| !(tests.may_be_lost)(id))
        .collect();
    if !lost.is_empty() {
        return fail(
            check,
            format!(
                "tests of the base did not run on the change: {}",
                some(&lost)
            ),
        );
    }
    let red: BTreeSet<&str> = base.red().into_iter().collect();
    let newly: Vec<&str> = restored
        .red()
        .into_iter()
        .filter(|id| !red.contains(id) && !(tests.may_be_lost)(id))
        .collect();
    if !newly.is_empty() {
        return fail(
            check,
            format!(
                "tests that did not fail on the base fail now: {}",
                some(&newly)
            ),
        );
    }
    let still = restored.red().len();
    if !restored.exit.success() && still == 0 {
        return fail(
            check,
            format!(
                "no test failed, yet the test command ended with {}: {}",
                restored.exit,
                tail(tests.output)
            ),
        );
    }
    if restored.exit.success() && still > 0 {
        return fail(
            check,
            "the runner names failed tests and ends with exit 0: its result cannot be trusted",
        );
    }
    pass(
        check,
        format!(
            "{}; {still} red as on the base, {} fixed",
            restored.summary(),
            difference.fixed.len()
        ),
    )
}

fn unnamed_tests(tests: &BaseTests<'_>) -> Measurement {
    let check = Check::BaseTestsPass;
    let (base, restored) = (tests.base, tests.restored);
    if base.known && !restored.known {
        return fail(
            check,
            format!(
                "the tests cannot be told apart any more: {}; {}",
                restored.summary(),
                tail(tests.output)
            ),
        );
    }
    if restored.exit.success() {
        return match fewer(base.tally, restored.tally, tests.given_up) {
            Some(why) => fail(check, why),
            None => pass(
                check,
                format!("exit 0 with the base's test files; {}", restored.note),
            ),
        };
    }
    if base.exit == restored.exit && tests.covered {
        return not_applicable(
            check,
            format!(
                "the base was red in the same way ({}) and names no tests; the task's own checks passed",
                base.exit
            ),
        );
    }
    fail(
        check,
        format!(
            "the test command ended with {}: {}",
            restored.exit,
            tail(tests.output)
        ),
    )
}

/// Whether a runner that names no tests counts fewer than the tests that the task may give up explain.
fn fewer(base: Option<Tally>, now: Option<Tally>, given_up: u64) -> Option<String> {
    let (base, now) = (base?, now.unwrap_or_default());
    if now.total().saturating_add(given_up) < base.total() {
        return Some(format!(
            "{} tests ran, {} on the base",
            now.total(),
            base.total()
        ));
    }
    (now.ignored > base.ignored).then(|| {
        format!(
            "{} tests are skipped, {} on the base",
            now.ignored, base.ignored
        )
    })
}

/// Test files of the base and what became of them, for runners that name no tests.
pub(crate) struct TestFiles {
    pub(crate) base: usize,
    pub(crate) lost: Vec<String>,
    /// How many tests are gone from files that the task may change.
    pub(crate) given_up: u64,
    /// The change brings a condition by which tests leave themselves out.
    pub(crate) conditions: bool,
}

/// Tests that are skipped now and may not be. That a task may change a test does not say that it may leave it out: only one that
/// was red anyway, beside more that the change turns green, or one that was shown to pass with the option that it waits for now.
fn left_out<'a>(
    base: &Census,
    difference: &'a census::Difference,
    may_be_lost: &dyn Fn(&str) -> bool,
    conditions: bool,
    shown: &BTreeSet<String>,
) -> Vec<&'a String> {
    // A condition that leaves out here what ran here is none of the machine's.
    let few = !conditions && difference.newly_skipped.len() < difference.fixed.len();
    let red = |id: &str| base.ids.get(id) == Some(&TestStatus::Failed);
    let out = difference.newly_skipped.iter();
    out.filter(|id| !(may_be_lost(id) && (few && red(id) || shown.contains(*id))))
        .collect()
}

/// Check 3, on the head as it is.
pub(crate) fn census_kept(
    base: &Census,
    now: &Census,
    may_be_lost: &dyn Fn(&str) -> bool,
    files: &TestFiles,
    optional: &Optional,
    command: &str,
) -> Measurement {
    let check = Check::CensusNotReduced;
    if let Some(why) = cut_off(command, now.exit) {
        return fail(check, why);
    }
    let both = base.known && now.known;
    if let Some(why) = optional.hidden.as_ref().filter(|_| !both) {
        return fail(check, why.as_str());
    }
    if base.known && !now.known {
        return fail(
            check,
            format!(
                "{} tests were named on the base, now: {}",
                base.ids.len(),
                now.summary()
            ),
        );
    }
    if both {
        let difference = census::compare(base, now);
        let bad = |ids: &[String]| -> Vec<String> {
            ids.iter().filter(|id| !may_be_lost(id)).cloned().collect()
        };
        let lost = bad(&difference.lost);
        let shown = &optional.shown;
        let skipped = left_out(base, &difference, may_be_lost, files.conditions, shown);
        if !difference.newly_failed.is_empty() {
            return fail(
                check,
                format!(
                    "tests fail on the change as it is: {}",
                    some(&difference.newly_failed)
                ),
            );
        }
        if !lost.is_empty() {
            return fail(check, format!("tests are gone: {}", some(&lost)));
        }
        if !skipped.is_empty() {
            return fail(check, format!("tests are skipped now: {}", some(&skipped)));
        }
        if let Some(why) = &optional.hidden {
            return fail(check, why.as_str());
        }
        let excused = difference.lost.len() + difference.newly_skipped.len();
        let excused = if excused == 0 {
            String::new()
        } else {
            format!(", {excused} changed as the task allows")
        };
        let read = match now.read.is_empty() {
            true => String::new(),
            false => format!("; {}", now.read.join(", ")),
        };
        return pass(
            check,
            format!(
                "{} tests, {} on the base, {} new{excused}{read}",
                now.ids.len(),
                base.ids.len(),
                difference.added.len()
            ),
        );
    }
    if base.exit.success() && !now.exit.success() {
        return fail(
            check,
            format!("the tests of the change as it is: {}", now.summary()),
        );
    }
    if let Some(why) = fewer(base.tally, now.tally, files.given_up) {
        return fail(check, why);
    }
    // A base whose tests ended the runner has no count of its own.
    let slept = base.tally.unwrap_or_default().ignored;
    let sleep = now.tally.unwrap_or_default().ignored;
    if files.conditions && sleep > slept {
        return fail(
            check,
            format!(
                "{sleep} tests leave themselves out here, {slept} on the base, by a condition that the change brings"
            ),
        );
    }
    if !files.lost.is_empty() {
        return fail(check, format!("test files are gone: {}", some(&files.lost)));
    }
    match (base.tally, now.tally) {
        (Some(base), Some(now)) => pass(
            check,
            format!(
                "{} tests by the runner's own count, {} on the base",
                now.total(),
                base.total()
            ),
        ),
        _ if files.base > 0 => pass(
            check,
            format!(
                "the runner names no tests; all {} test files of the base are there",
                files.base
            ),
        ),
        _ => not_applicable(check, "the base has no tests that could be counted"),
    }
}

/// Ids that the head has and the base has not, and that count for something.
pub(crate) fn new_tests(base: &Census, now: &Census) -> Vec<String> {
    if !now.known || !(base.known || base.runners.is_empty()) {
        return Vec::new();
    }
    let added = census::compare(base, now).added;
    added
        .into_iter()
        .filter(|id| now.ids.get(id) == Some(&TestStatus::Passed))
        .collect()
}

/// Check 4: `on_base` is the base's code with the head's tests.
pub(crate) fn new_tests_fail(
    added: &[String],
    on_base: Option<&Census>,
    command: &str,
) -> Measurement {
    let check = Check::NewTestsFailOnBase;
    let Some(on_base) = on_base.filter(|_| !added.is_empty()) else {
        return not_applicable(check, "the change brings no new test that the runner names");
    };
    // What was not reached is not red, and what was under way had no answer.
    if let Some(why) = cut_off(command, on_base.exit) {
        return fail(
            check,
            format!("on the base's code {why}, so nothing tells of the new tests"),
        );
    }
    let red: Vec<&String> = added
        .iter()
        .filter(|id| on_base.ids.get(*id) == Some(&TestStatus::Failed))
        .collect();
    let missing = added
        .iter()
        .filter(|id| !on_base.ids.contains_key(*id))
        .count();
    if !red.is_empty() {
        return pass(
            check,
            format!(
                "{} of {} new tests fail without the change: {}",
                red.len(),
                added.len(),
                some(&red)
            ),
        );
    }
    if missing == added.len() && !on_base.exit.success() {
        return pass(
            check,
            format!(
                "the {} new tests do not even load on the base's code",
                added.len()
            ),
        );
    }
    if missing == added.len() {
        return not_applicable(
            check,
            "the new tests could not be brought to the base's code",
        );
    }
    fail(
        check,
        format!(
            "all new tests also pass without the change: {}",
            some(added)
        ),
    )
}

/// One of the task's own commands.
pub(crate) struct OwnCheck {
    pub(crate) command: String,
    pub(crate) head: Captured,
    /// On the untouched base; run where all of them passed on the head, and nothing else shows the change.
    pub(crate) base: Option<Captured>,
}

impl OwnCheck {
    /// One that exits 0 without the change was not made to by it. One that ran out of time there did not pass.
    fn is_green_before(&self) -> bool {
        self.base.as_ref().is_some_and(Captured::success)
    }
}

/// Check 5.
pub(crate) fn acceptance(runs: &[OwnCheck]) -> Measurement {
    let check = Check::AcceptanceChecks;
    if runs.is_empty() {
        return not_applicable(check, "the task brings no checks");
    }
    let bad = |own: &OwnCheck| {
        let exit = own.head.record.exit;
        format!("`{}`: {exit}: {}", own.command, tail(&own.head))
    };
    let failed: Vec<String> = { runs.iter() }
        .filter(|own| !own.head.success())
        .map(bad)
        .collect();
    if !failed.is_empty() {
        return fail(check, some(&failed));
    }
    let green: Vec<String> = { runs.iter() }
        .filter(|own| own.is_green_before())
        .map(|own| format!("`{}`", own.command))
        .collect();
    let count = runs.len();
    if green.len() == count {
        return not_applicable(
            check,
            format!(
                "{UNPROVEN}: {count} checks of the task: exit 0, and all {GREEN_BEFORE}, so they show that nothing broke and nothing more: {}",
                some(&green)
            ),
        );
    }
    let slow = |own: &OwnCheck| {
        let exit = own.base.as_ref()?.record.exit;
        let timed_out = matches!(exit, Exit::TimedOut { .. });
        timed_out.then(|| format!("; on the base `{}` {exit}", own.command))
    };
    let slow: String = runs.iter().filter_map(slow).collect();
    let green = match green.is_empty() {
        true => String::new(),
        false => format!(
            "; {} of them {GREEN_BEFORE} and scores nothing: {}",
            green.len(),
            some(&green)
        ),
    };
    pass(
        check,
        format!("{count} checks of the task: exit 0{green}{slow}"),
    )
}

/// One linter, formatter or parser on the head, and on the base where it failed.
pub(crate) struct Lint {
    pub(crate) name: String,
    /// Whether somebody set it, and it is no tool that the gate brings along where it happens to be there.
    pub(crate) set: bool,
    /// Whether it is held to the base's findings also where it exits with 0.
    pub(crate) compared: bool,
    pub(crate) head: Captured,
    pub(crate) base: Option<Captured>,
}

/// What one linter comes to.
enum Standing {
    Clean,
    /// A tool that the gate would bring along is not there.
    Absent,
    /// One that nobody set took too long: no fault of the change, and said.
    Slow(String),
    Unmeasured(String),
    AsOnBase,
    Worse(String),
}

impl Lint {
    /// That the base cannot be looked at either excuses nothing.
    fn standing(&self) -> Standing {
        const MISSING: Exit = Exit::Code { code: 127 };
        let exit = self.head.record.exit;
        let no_base = |base: &Captured| base.record.exit == MISSING;
        match exit {
            Exit::Code { code: 127 } if self.set => {
                Standing::Unmeasured("a program was not found".to_owned())
            }
            Exit::Code { code: 126 } if self.set => {
                Standing::Unmeasured("a program may not be executed".to_owned())
            }
            Exit::Code { code: 127 } if self.base.as_ref().is_none_or(no_base) => Standing::Absent,
            Exit::TimedOut { .. } if !self.set => Standing::Slow(exit.to_string()),
            Exit::Code { code: 0 } if !self.compared => Standing::Clean,
            Exit::Code { .. } => self.beside_base(),
            Exit::TimedOut { .. }
            | Exit::TooMuchOutput { .. }
            | Exit::OverLimit { .. }
            | Exit::Signal { .. }
            | Exit::Cancelled => Standing::Unmeasured(exit.to_string()),
        }
    }

    /// Of one that found something: a red base excuses what it says itself, word by word, and nothing else.
    fn beside_base(&self) -> Standing {
        let exit = self.head.record.exit;
        let now = linters::read(&self.head.combined());
        if self.head.success() && !now.is_read() {
            return Standing::Clean;
        }
        if now.is_empty() {
            return Standing::Worse("it failed and said nothing".to_owned());
        }
        let alone = || match now.is_read() {
            true => told(&now.findings),
            false => tail(&self.head),
        };
        let Some(base) = { self.base.as_ref() }.filter(|base| self.compared || !base.success())
        else {
            return Standing::Worse(alone());
        };
        if let Some(why) = cut_off(&self.name, base.record.exit) {
            return Standing::Worse(format!(
                "{}; on the base {why}, which excuses nothing",
                alone()
            ));
        }
        let before = linters::read(&base.combined());
        if !now.is_read() && before.is_read() {
            return Standing::Worse(format!(
                "it cannot be read as on the base: {}",
                tail(&self.head)
            ));
        }
        if !now.is_read() && exit != base.record.exit {
            let was = base.record.exit;
            return Standing::Worse(format!("on the base {was}: {}", tail(&self.head)));
        }
        let new = now.since(&before);
        match (new.is_empty(), new.findings.is_empty()) {
            (true, _) => Standing::AsOnBase,
            (false, false) => Standing::Worse(told(&new.findings)),
            (false, true) => Standing::Worse(format!(
                "it says what it does not say on the base: {}",
                some(&new.lines)
            )),
        }
    }
}

/// Check 14.
pub(crate) fn lint(runs: &[Lint], suppressions: &[String]) -> Measurement {
    let check = Check::LintFormatTypes;
    if !suppressions.is_empty() {
        return fail(
            check,
            format!("findings are silenced: {}", some(suppressions)),
        );
    }
    let (mut clean, mut red) = (Vec::new(), Vec::new());
    let (mut unmeasured, mut worse, mut slow) = (Vec::new(), Vec::new(), String::new());
    for lint in runs {
        let name = &lint.name;
        match lint.standing() {
            Standing::Clean => clean.push(name.as_str()),
            Standing::AsOnBase => red.push(name.as_str()),
            Standing::Absent => {}
            Standing::Slow(why) => {
                slow.push_str(&format!("; {name} did not come to its end: {why}"));
            }
            Standing::Unmeasured(why) => unmeasured.push(format!("{name}: {why}")),
            Standing::Worse(why) => {
                worse.push(format!("{name}: {}: {why}", lint.head.record.exit));
            }
        }
    }
    if !unmeasured.is_empty() {
        let why = format!("it could not be made: {}", some(&unmeasured));
        return fail(check, why);
    }
    if !worse.is_empty() {
        return fail(check, some(&worse));
    }
    match (clean.is_empty(), red.is_empty()) {
        (false, true) => pass(
            check,
            format!(
                "{}: nothing found; no suppression added{slow}",
                some(&clean)
            ),
        ),
        (false, false) => pass(
            check,
            format!(
                "{}: nothing found; {} says the same on the base{slow}",
                some(&clean),
                some(&red)
            ),
        ),
        (true, false) => not_applicable(
            check,
            format!(
                "{} says the same on the base, so it tells nothing{slow}",
                some(&red)
            ),
        ),
        (true, true) => not_applicable(
            check,
            format!("no linter is set and no built-in one looked at these files{slow}"),
        ),
    }
}

fn told(findings: &[Finding]) -> String {
    let one = |finding: &Finding| {
        let line = finding
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        let place = finding.path.as_ref().map(|path| format!("{path}{line} "));
        let rule = finding.rule.as_ref().map(|rule| format!(" ({rule})"));
        let parts = [place, Some(finding.title.clone()), rule];
        parts.into_iter().flatten().collect::<String>()
    };
    some(&findings.iter().map(one).collect::<Vec<_>>())
}

/// Whether a measurement passed.
pub(crate) fn passed(measurement: &Measurement) -> bool {
    measurement.result == CheckResult::Pass
}

#[cfg(test)]
pub(crate) mod tests;
