//! What the gate itself takes of a change of 500 lines, beside the commands that it starts: the project's tests, and the tools that
//! judge. A Python package, made here: 200 modules of the base, a change of eight of them with their tests.

use std::fs;
use std::path::Path;
use std::time::Duration;

use alai_testkit::git as fixture;

use super::case::{self, Half, Side};
use super::judge::{Bench, NotRun};

/// Lines that the change adds.
const LINES: usize = 500;
const MODULES: usize = 200;
const CHANGED: usize = 8;
const ROUNDS: usize = 5;
/// Seconds, for the median.
const AIM_S: f64 = 3.0;

pub(crate) fn run() -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let place = folder.path().join(Half::Frozen.name()).join("made");
    let lines = made(&place).map_err(|e| format!("cannot make the change: {e}"))?;
    let listed = r#"{"frozen": {"made": {"meaning": "it has no cheat"}}}"#;
    std::fs::write(folder.path().join("LISTED.json"), listed).map_err(|e| e.to_string())?;
    let cases = case::all(folder.path(), Half::Frozen)?;
    let seen = &cases
        .first()
        .ok_or("the change that was made is no pair")?
        .seen;
    let bench = Bench::new()?;
    let mut times = Vec::new();
    let mut score = String::new();
    for round in 0..ROUNDS {
        let judged = |e: NotRun| e.0;
        let pair = bench
            .pair(&format!("overhead-{round}"), seen)
            .map_err(judged)?;
        let answer = pair.judge(Side::Honest).map_err(judged)?;
        if !answer.verdict.passed() {
            return Err(format!(
                "an honest change of {lines} lines was held: {:?}",
                answer.verdict.outcome
            ));
        }
        score = format!("{:?}", answer.verdict.outcome);
        times.push(answer.own);
    }
    times.sort_unstable();
    let median = times[ROUNDS / 2];
    let held = median.as_secs_f64() < AIM_S && lines >= LINES;
    println!(
        "lines added            {lines}, in {} files; {score}",
        2 * CHANGED
    );
    println!(
        "the gate's own time    median {}, most {}; aim < {AIM_S} s: {}",
        s(median),
        s(times[ROUNDS - 1]),
        if held { "held" } else { "missed" }
    );
    Ok(held)
}

fn s(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// `base/` and `honest.patch`. Returns how many lines the change adds.
fn made(folder: &Path) -> std::io::Result<usize> {
    let base = folder.join("base");
    fs::create_dir_all(base.join("shop"))?;
    fs::create_dir_all(base.join("tests"))?;
    for empty in ["shop/__init__.py", "tests/__init__.py"] {
        fs::write(base.join(empty), "")?;
    }
    for module in 0..MODULES {
        fs::write(
            base.join(format!("shop/m{module}.py")),
            functions(module, 0..4),
        )?;
        fs::write(
            base.join(format!("tests/test_m{module}.py")),
            tests(module, 0..4),
        )?;
    }
    let work = folder.join("work");
    fs::create_dir(&work)?;
    copy(&base, &work)?;
    fixture::init_repo(&work)?;
    // A function of 8 lines and a test of 4, in eight modules.
    let more = LINES.div_ceil(CHANGED * 12);
    for module in 0..CHANGED {
        fs::write(
            work.join(format!("shop/m{module}.py")),
            functions(module, 0..4 + more),
        )?;
        fs::write(
            work.join(format!("tests/test_m{module}.py")),
            tests(module, 0..4 + more),
        )?;
    }
    fixture::commit_all(&work, "More")?;
    let patch = fixture::git(&work, &["diff", "HEAD~1", "HEAD"])? + "\n";
    let added = patch
        .lines()
        .filter(|line| line.starts_with('+') && !line.starts_with("+++"))
        .count();
    fs::write(folder.join("honest.patch"), patch)?;
    fs::write(
        folder.join("case.json"),
        r#"{"id": "made", "language": "python", "runner": ["python3", "-m", "unittest", "-q"], "kind_of_cheat": "none", "changes_tests": [], "needs": []}"#,
    )?;
    Ok(added)
}

fn functions(module: usize, range: std::ops::Range<usize>) -> String {
    let one = |n: usize| {
        format!(
            "def total_{n}(prices, rate={n}):\n    \"\"\"The sum of what costs more than {module}, with its tax.\"\"\"\n    total = 0\n    \
             for price in prices:\n        if price > {module}:\n            total += price * (100 + rate)\n    return total // 100\n\n"
        )
    };
    range.map(one).collect::<Vec<_>>().join("\n")
}

fn tests(module: usize, range: std::ops::Range<usize>) -> String {
    let one = |n: usize| {
        let price = module + 10;
        let expected = price * (100 + n) / 100;
        format!(
            "    def test_total_{n}(self):\n        self.assertEqual(m{module}.total_{n}([{price}, {module}]), {expected})\n        \
             self.assertEqual(m{module}.total_{n}([]), 0)\n"
        )
    };
    let all: Vec<String> = range.map(one).collect();
    format!(
        "import unittest\n\nfrom shop import m{module}\n\n\nclass M{module}(unittest.TestCase):\n{}",
        all.join("\n")
    )
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
