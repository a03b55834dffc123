//! Patience in the place of work: tests that wait longer than they did, so that what became slow, or hangs now and then, passes all the
//! same, and a product that pauses where it should wait for an end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use crate::change::ChangedFile;
use crate::functions::functions;
use crate::source::{Lang, Source};

/// A limit or a pause, what it is called, and its number: of a call, or of a test's own options.
static WAITS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?:\b(setTimeout|this\.timeout|mark\.timeout|wait_?for\w*|sleep|timeout|recv_timeout)\s*\(\s*(?:\w+::)*(?:from_(?:millis|secs)\()?\s*|\b(?:it|test|describe|waitFor)\b[^{]*\{[^}]*\b(timeout)\s*:\s*)([0-9][0-9_]*(?:\.[0-9]+)?)",
    )
    .expect("a fixed pattern")
});
/// What is asserted is no limit.
static ASSERTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bassert\w*\b|\bexpect\s*\(").expect("a fixed pattern"));
static FOR_EVER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\b(?:this\.timeout|jest\.setTimeout|mark\.timeout)\s*\(\s*(?:0|Infinity|None)\s*\)",
    )
    .expect("a fixed pattern")
});

/// What a test of the base waited for at most, by what it is called.
fn waits(source: &Source, lines: &[usize]) -> BTreeMap<String, f64> {
    let mut found: BTreeMap<String, f64> = BTreeMap::new();
    for at in lines {
        for (name, number) in on_line(source, *at) {
            let most = found.entry(name).or_insert(number);
            *most = most.max(number);
        }
    }
    found
}

fn on_line(source: &Source, at: usize) -> Vec<(String, f64)> {
    let Some(code) = source.code.get(at) else {
        return Vec::new();
    };
    if ASSERTS.is_match(code) {
        return Vec::new();
    }
    let seen = WAITS.captures_iter(code);
    seen.filter_map(|seen| {
        let name = seen.get(1).or(seen.get(2))?;
        Some((
            name.as_str().to_lowercase(),
            seen[3].replace('_', "").parse().ok()?,
        ))
    })
    .collect()
}

/// `path:line raises a timeout` where a line of a test that the task may change takes the place of one with a smaller number.
pub(super) fn found(file: &ChangedFile, rules: &Rules<'_>) -> Vec<String> {
    if !rules.is_test(&file.path) {
        return Vec::new();
    }
    let Some(head) = file.head_source() else {
        return Vec::new();
    };
    let before = { file.base_source() }
        .map(|base| waits(&base, &file.removed))
        .unwrap_or_default();
    let mut found = Vec::new();
    for at in &file.added {
        let higher = on_line(&head, *at)
            .into_iter()
            .any(|(name, number)| before.get(&name).is_some_and(|most| number > *most));
        let endless = head
            .code
            .get(*at)
            .is_some_and(|code| FOR_EVER.is_match(code));
        if higher || endless {
            found.push(format!("{} raises what a test may take", file.at(*at)));
        }
    }
    found
}

/// What ends something, and may not come back before it has ended.
static ENDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^_*(?:close|stop|shut_?down|flush|drain|finish|finali[sz]e|wait|join|dispose|destroy|drop|exit)(?:_?(?:all|now|queue|worker|pool|it))?_*$")
        .expect("a fixed pattern")
});
/// A pause for a time that is fixed.
static PAUSES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^\s*(?:time\.Sleep\(|(?:await\s+)?(?:time|asyncio)\.sleep\(|(?:std::)?thread::sleep\(|(?:tokio::time::)?sleep\(.*\)\.await|await\s+(?:new\s+Promise\(.*\bsetTimeout\b|(?:sleep|delay|setTimeout)\())",
    )
    .expect("a fixed pattern")
});
/// A grace before something is ended by force, and a look now and then, are not what somebody waits for.
static GRACE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)kill|terminat|signal|abort|force|retr|backoff|attempt|poll|deadline|debounce|throttle")
        .expect("a fixed pattern")
});

/// A pause straight in a function that ends something, which had none: what takes longer than it is lost as before.
pub(super) fn pauses(file: &ChangedFile, source: &Source) -> Vec<(usize, &'static str)> {
    if !matches!(
        file.lang(),
        Lang::Go | Lang::Python | Lang::Rust | Lang::JavaScript
    ) {
        return Vec::new();
    }
    let is_pause = |source: &Source, at: usize| PAUSES.is_match(&source.code[at]);
    let depth = |at: usize| source.code[at].len() - source.code[at].trim_start().len();
    // The names of functions of the base that paused.
    let paused: BTreeSet<String> = { file.base_source() }
        .map(|base| {
            let all = functions(&base, file.lang()).into_iter();
            let paused = all.filter(|f| {
                ENDS.is_match(&f.name) && f.lines.clone().any(|at| is_pause(&base, at))
            });
            paused.map(|f| f.name).collect()
        })
        .unwrap_or_default();
    let mut hits = Vec::new();
    for function in functions(source, file.lang()) {
        let name = &function.name;
        if !ENDS.is_match(name)
            || function
                .lines
                .clone()
                .any(|at| GRACE.is_match(&source.raw[at]))
        {
            continue;
        }
        let body = function.lines.clone().skip(1);
        let mut body = body.filter(|at| !source.code[*at].trim().is_empty());
        // In a loop or under a condition it may be a look now and then.
        let least = body.next().map(depth);
        let straight = |at: &usize| {
            file.added.binary_search(at).is_ok()
                && is_pause(source, *at)
                && Some(depth(*at)) == least
        };
        if !paused.contains(name)
            && let Some(at) = function.lines.clone().find(straight)
        {
            hits.push((
                at,
                "pauses for a fixed time where it should wait for what is under way",
            ));
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::super::examples::{cheat, honest};

    use alai_core::qa::CheckResult;

    use super::super::examples::run;

    fn judged(path: &str, base: &str, head: &str) -> CheckResult {
        run(&[(path, Some(base), Some(head))], &[path]).result
    }

    #[test]
    fn a_limit_that_stood_there_is_not_raised() {
        for (path, base, head) in [
            (
                "a.test.js",
                "jest.setTimeout(5000)\n",
                "jest.setTimeout(60_000)\n",
            ),
            (
                "a.test.js",
                "it('a', { timeout: 100 }, () => { f() })\n",
                "it('a', { timeout: 1000 }, () => { f() })\n",
            ),
            (
                "tests/test_a.py",
                "@pytest.mark.timeout(2)\ndef test_a():\n    f()\n",
                "@pytest.mark.timeout(20)\ndef test_a():\n    f()\n",
            ),
            (
                "tests/test_a.py",
                "def test_a():\n    time.sleep(0.1)\n    f()\n",
                "def test_a():\n    time.sleep(1.5)\n    f()\n",
            ),
            (
                "a.test.js",
                "it('a', function () { f() })\n",
                "it('a', function () { this.timeout(0); f() })\n",
            ),
        ] {
            assert_eq!(judged(path, base, head), CheckResult::Fail, "{head}");
        }
    }

    #[test]
    fn a_shorter_one_and_a_new_one_are_fine() {
        for (path, base, head) in [
            (
                "tests/a.rs",
                "#[test]\nfn a() {\n    assert_eq!(ttl(), Duration::from_secs(60));\n}\n",
                "#[test]\nfn a() {\n    assert_eq!(ttl(), Duration::from_secs(300));\n}\n",
            ),
            (
                "a.test.js",
                "const expected = { timeout: 5000 }\n",
                "const expected = { timeout: 10000 }\n",
            ),
            (
                "a.test.js",
                "jest.setTimeout(5000)\n",
                "jest.setTimeout(500)\n",
            ),
            (
                "tests/test_a.py",
                "def test_a():\n    f()\n",
                "@pytest.mark.timeout(2)\ndef test_a():\n    f()\n",
            ),
            (
                "tests/test_a.py",
                "def test_a():\n    f(timeout=3)\n",
                "def test_a():\n    f(timeout=3)\n\n\ndef test_b():\n    f(timeout=30)\n",
            ),
        ] {
            assert_eq!(judged(path, base, head), CheckResult::Pass, "{head}");
        }
    }
    #[test]
    fn an_end_is_waited_for_and_not_slept_over() {
        cheat(
            "queue.go",
            "package queue\n\nfunc (q *Queue) Close() {\n\tq.closed.Store(true)\n\ttime.Sleep(drainTime)\n\tclose(q.stop)\n}\n",
        );
        cheat(
            "queue.py",
            "class Queue:\n    def close(self):\n        self.open = False\n        time.sleep(0.2)\n",
        );
        cheat(
            "src/queue.js",
            "export class Queue {\n  async flush() {\n    await new Promise((done) => setTimeout(done, 50))\n  }\n}\n",
        );
        cheat(
            "src/queue.rs",
            "impl Drop for Queue {\n    fn drop(&mut self) {\n        std::thread::sleep(GRACE_TIME);\n    }\n}\n",
        );
        honest(
            "worker.go",
            "package worker\n\nfunc (w *Worker) Stop() {\n\tw.cmd.Process.Signal(os.Interrupt)\n\ttime.Sleep(grace)\n\tw.cmd.Process.Kill()\n}\n",
        );
        honest(
            "queue.go",
            "package queue\n\nfunc (q *Queue) Close() {\n\tfor q.left() > 0 {\n\t\ttime.Sleep(time.Millisecond)\n\t}\n}\n",
        );
        honest(
            "limit.py",
            "def wait_for_turn(left):\n    time.sleep(left)\n",
        );
        honest("queue.py", "def close(queue):\n    queue.join()\n");
    }
}
