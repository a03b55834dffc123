//! Tests that a change brings or edits, and that have no force: what fails in them is caught, logged, declared expected, or never
//! reached. Also in tests that the task may change: that says that their expectations may move, not that they may expect nothing.

use std::sync::LazyLock;

use regex::Regex;

use crate::change::ChangedFile;
use crate::functions::{Function, functions};
use crate::source::{self, Lang, Source};
use crate::testfns::{self, TestFn};

type Hit = (usize, &'static str);

pub(super) fn found(file: &ChangedFile, source: &Source) -> Vec<Hit> {
    let lang = file.lang();
    let text = file.head.text().unwrap_or_default();
    let tests: Vec<TestFn> = testfns::find(text, lang).into_values().flatten().collect();
    let touched = |lines: &std::ops::Range<usize>| file.added.iter().any(|at| lines.contains(at));
    let mut hits = logs_a_difference(file, source);
    for test in tests.iter().filter(|test| touched(&test.lines)) {
        hits.extend(declared_to_panic(source, lang, test));
        hits.extend(cannot_fail(source, lang, &test.lines));
        hits.extend(nobody_waits(source, lang, test));
    }
    if lang == Lang::Go {
        let helpers = functions(source, lang).into_iter().filter(takes_a_test);
        let judged = helpers.filter(|helper| touched(&helper.lines) && compares(source, helper));
        for helper in judged {
            hits.extend(cannot_fail(source, lang, &helper.lines));
        }
    }
    hits
}

fn takes_a_test(function: &Function) -> bool {
    function.params.contains("testing.T")
}

static GO_SKIPS: LazyLock<Regex> = LazyLock::new(|| fixed(r"\.Skip(?:f|Now)?\("));
static GO_LATER: LazyLock<Regex> = LazyLock::new(|| fixed(r"\bdefer\b|\.Cleanup\("));
static NO_ERROR: LazyLock<Regex> = LazyLock::new(|| fixed(r"\b\w*[eE]rr\w*\s*!=\s*nil\b"));

/// A helper of Go that is there to compare: it gives nothing back, skips nothing, and tells of a difference. Others prepare.
fn compares(source: &Source, helper: &Function) -> bool {
    let mut lines = helper.lines.clone();
    let skips = { helper.lines.clone() }.any(|at| GO_SKIPS.is_match(&source.code[at]));
    helper.result.is_empty() && !skips && lines.any(|at| tells(source, Lang::Go, at))
}

/// A function of Go that runs when the test is over has nothing to judge.
fn cleans_up(source: &Source, lang: Lang, line: usize) -> bool {
    /// Lines that such a function has at most.
    const LINES: usize = 30;
    let holds = |at: usize| {
        let code = &source.code[at];
        let Some(seen) = GO_LATER.find(code) else {
            return false;
        };
        let brace = code[seen.end()..].find('{').map(|brace| seen.end() + brace);
        let end = brace.map_or(at, |brace| inside(source, at, chars_before(code, brace)).1);
        (at..=end).contains(&line)
    };
    lang == Lang::Go && (line.saturating_sub(LINES)..=line).any(holds)
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

static ASSERTS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"\bassert\w*\b|\bexpect\s*\(|\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(|\bfail\(")
});
/// A catch that passes the failure on.
static PASSES_ON: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(?:throw|raise|reject|panic!?|done|next)\b|\bassert\w*|\bexpect\s*\(|\bfail\w*\s*\(|\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(",
    )
});
/// A catch that keeps the failure for later.
static KEEPS: LazyLock<Regex> = LazyLock::new(|| fixed(r"\w\s*=[^=]|\.(?:append|push)\("));
/// What catches a failed assertion of Python: a narrower exception does not.
static BROAD: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"^\s*except\s*(?::|.*\b(?:Exception|BaseException|AssertionError)\b.*:)")
});
static SUPPRESS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\bsuppress\(.*\b(?:AssertionError|Exception|BaseException)\b"));
static TRY: LazyLock<Regex> = LazyLock::new(|| fixed(r"^(\s*)try\s*:"));
static CATCH: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\bcatch\s*(?:\(\s*\w*\s*(?::\s*\w+\s*)?\))?\s*\{"));
static DROPPED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"\blet\s+_\w*\s*=.*\bcatch_unwind\b|\bcatch_unwind\b.*\.(?:ok\(\)|is_ok\(\)|unwrap_or)")
});
static RECOVERED: LazyLock<Regex> = LazyLock::new(|| fixed(r"\brecover\(\)"));

const CAUGHT: &str = "catches a failed assertion and forgets it";

/// An assertion whose failure is caught and forgotten.
pub(super) fn swallowed(path: &str, source: &Source, lines: &[usize]) -> Vec<Hit> {
    let lang = source::lang(path);
    let is_caught = |line: &usize| match lang {
        Lang::Python => caught_in_python(source, *line),
        Lang::JavaScript => caught_in_javascript(source, *line),
        Lang::Rust => DROPPED.is_match(&source.code[*line]),
        Lang::Go => recovered(source, *line),
        Lang::CLike | Lang::Hash | Lang::Plain => false,
    };
    let lines = lines.iter().filter(|line| is_caught(line));
    lines.map(|line| (*line, CAUGHT)).collect()
}

fn depth(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines of a block of Python below its head, without blank ones.
fn block(source: &Source, head: usize) -> Vec<&str> {
    let outer = depth(&source.code[head]);
    let lines = source.code[head + 1..].iter().map(String::as_str);
    let lines = lines.filter(|line| !line.trim().is_empty());
    lines.take_while(|line| depth(line) > outer).collect()
}

fn caught_in_python(source: &Source, line: usize) -> bool {
    let code = &source.code[line];
    if SUPPRESS.is_match(code) {
        return block(source, line)
            .iter()
            .any(|code| ASSERTS.is_match(code));
    }
    if !BROAD.is_match(code) {
        return false;
    }
    let begins = (0..line).rev().find(|at| {
        let seen = TRY.captures(&source.code[*at]);
        seen.is_some_and(|seen| seen[1].len() == depth(code))
    });
    let tries = begins.map(|at| block(source, at)).unwrap_or_default();
    let caught = block(source, line);
    let beside = code.split_once(':').map_or("", |(_, beside)| beside);
    let passes_on = caught
        .iter()
        .chain([&beside])
        .any(|code| PASSES_ON.is_match(code));
    let keeps = caught.iter().any(|code| KEEPS.is_match(code));
    let after = &source.code[(line + 1 + caught.len()).min(source.code.len())..];
    let later = |passes_on: &Regex| {
        { after.iter() }
            .take_while(|code| code.trim().is_empty() || depth(code) > 0)
            .take_while(|code| !code.trim_start().starts_with("def "))
            .any(|code| passes_on.is_match(code))
    };
    // Tried again and again, left by a success, and failed in the end.
    let again = begins.is_some_and(|at| is_in_a_loop(source, at))
        && tries.iter().any(|code| LEAVES.is_match(code))
        && later(&GIVES_UP);
    let passed_on = passes_on || again || (keeps && later(&PASSES_ON));
    tries.iter().any(|code| ASSERTS.is_match(code)) && !passed_on
}

static LOOP: LazyLock<Regex> = LazyLock::new(|| fixed(r"^\s*(?:async\s+)?(?:for|while)\b"));
static LEAVES: LazyLock<Regex> = LazyLock::new(|| fixed(r"^\s*(?:break|return)\b"));
/// A failure that needs no second look at the answer.
static GIVES_UP: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^\s*(?:raise|throw)\b|\bfail\w*\s*\(|^\s*assert\s+False\b"));

/// The block that holds a line is a loop.
fn is_in_a_loop(source: &Source, line: usize) -> bool {
    let inner = depth(&source.code[line]);
    let head = { source.code[..line].iter().rev() }
        .find(|code| !code.trim().is_empty() && depth(code) < inner);
    head.is_some_and(|code| LOOP.is_match(code))
}

/// The code between two brackets of a file, from the line and column of the opening one; with the line where it closes.
fn inside(source: &Source, line: usize, column: usize) -> (String, usize) {
    let mut depth = 0_usize;
    let mut text = String::new();
    for (at, code) in source.code.iter().enumerate().skip(line) {
        for c in code.chars().skip(if at == line { column } else { 0 }) {
            match c {
                '(' | '{' | '[' => depth += 1,
                ')' | '}' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            text.push(c);
            if depth == 0 {
                return (text, at);
            }
        }
        text.push('\n');
    }
    (text, source.code.len().saturating_sub(1))
}

fn chars_before(code: &str, byte: usize) -> usize {
    code[..byte].chars().count()
}

fn caught_in_javascript(source: &Source, line: usize) -> bool {
    let code = &source.code[line];
    let Some(seen) = CATCH.find(code) else {
        return false;
    };
    let brace = chars_before(code, seen.end()) - 1;
    let (caught, end) = inside(source, line, brace);
    let tries = tried(source, line, chars_before(code, seen.start()));
    let later = |passes_on: &Regex| {
        { source.code[(end + 1).min(source.code.len())..].iter() }
            .take_while(|code| !code.starts_with('}'))
            .take_while(|code| !TEST_HEAD.is_match(code))
            .any(|code| passes_on.is_match(code))
    };
    let begins = line.saturating_sub(tries.matches('\n').count());
    let again = is_in_a_loop(source, begins)
        && tries.lines().any(|code| LEAVES.is_match(code))
        && later(&GIVES_UP);
    let keeps = KEEPS.is_match(&caught);
    let passed_on = PASSES_ON.is_match(&caught) || again || (keeps && later(&PASSES_ON));
    ASSERTS.is_match(&tries) && !passed_on
}

static TEST_HEAD: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^\s*(?:it|test|describe|suite|context)\b"));

/// The block that ends right before a `catch`, read backwards.
fn tried(source: &Source, line: usize, column: usize) -> String {
    let mut depth = 0_usize;
    let mut text = String::new();
    for at in (0..=line).rev() {
        let chars: Vec<char> = source.code[at].chars().collect();
        let end = if at == line {
            column.min(chars.len())
        } else {
            chars.len()
        };
        for c in chars[..end].iter().rev() {
            match c {
                '}' => depth += 1,
                '{' => depth = depth.saturating_sub(1),
                _ => {}
            }
            text.push(*c);
            if depth == 0 && *c == '{' {
                return text.chars().rev().collect();
            }
        }
        text.push('\n');
    }
    text.chars().rev().collect()
}

/// A test of Go that ends well when the code under test panics. One that wants the panic says so with a failure.
fn recovered(source: &Source, line: usize) -> bool {
    /// A deferred function of some lines.
    const LINES: usize = 6;
    let code = &source.code[line];
    if !RECOVERED.is_match(code) {
        return false;
    }
    let near = &source.code[line..(line + LINES).min(source.code.len())];
    let mut deferred = near.iter().take_while(|code| code.trim() != "}()");
    let used =
        |code: &String| PASSES_ON.is_match(code) || (KEEPS.is_match(code) && !code.contains("_ ="));
    !deferred.any(used)
}

static SHOULD_PANIC: LazyLock<Regex> = LazyLock::new(|| fixed(r"#\s*\[\s*should_panic\b"));
static RUST_ASSERTS: LazyLock<Regex> = LazyLock::new(|| fixed(r"\bassert(?:_eq|_ne)?!"));

/// It passes when its own assertion fails.
fn declared_to_panic(source: &Source, lang: Lang, test: &TestFn) -> Option<Hit> {
    let mut lines = test.lines.clone();
    let declared = lines.find(|at| {
        let code = &source.code[*at];
        SHOULD_PANIC.is_match(code) && !code.contains("expected")
    });
    let asserts = test
        .lines
        .clone()
        .any(|at| RUST_ASSERTS.is_match(&source.code[at]));
    let at = declared.filter(|_| lang == Lang::Rust && asserts)?;
    Some((
        at,
        "is declared to panic, and passes when its own assertion fails",
    ))
}

static LOOKS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"[=!]==?|\bDeepEqual\b|\.Log(?:f|ln)?\(|\bprint(?:ln!?|f)?\s*\(|\be?println!|\bconsole\.|\blog(?:ger|ging)?\.|\bwarn",
    )
});
static GO_FAILS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\b|\bpanic\(|\b(?:assert|require|is|qt|check|must)\w*[.(]|[(,]\s*(?:t|tb|b|f)\s*[,)]",
    )
});
static FAILS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)assert|expect|\braises?\b|\bpytest\.(?:warns|deprecated_call)\b|\bwith\s+(?:warns|deprecated_call)\b|\bthrows?\b|\bfail|panic!|unwrap|\?\s*;|\?\s*$|unreachable!|should|verify|check|\bmust|ensure|\b(?:t|ctx|context)\.\w+\(|\breject|\bdone\b",
    )
});

/// A test that compares or logs, and has nothing that would make it fail.
fn cannot_fail(source: &Source, lang: Lang, lines: &std::ops::Range<usize>) -> Option<Hit> {
    let fails = match lang {
        Lang::Go => &*GO_FAILS,
        Lang::Rust | Lang::Python | Lang::JavaScript => &*FAILS,
        Lang::CLike | Lang::Hash | Lang::Plain => return None,
    };
    // What stands on the first line is mostly its name; a one-line test is not judged.
    let body = || lines.clone().skip(1).filter_map(|at| source.code.get(at));
    let judges = |at: usize| LOOKS.is_match(&source.code[at]) && !cleans_up(source, lang, at);
    let looks = { lines.clone().skip(1) }
        .take_while(|at| *at < source.code.len())
        .any(judges);
    let named = ["Benchmark", "Example"];
    let benchmark = source.code.get(lines.start).is_some_and(|code| {
        named
            .iter()
            .any(|name| code.contains(&format!("func {name}")))
    });
    if !looks || benchmark || body().any(|code| fails.is_match(code)) {
        return None;
    }
    Some((lines.start, "compares or logs, and cannot fail"))
}

static LOGS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"^\s*(?:\w+\.Log(?:f|ln)?|fmt\.Print(?:f|ln)?|log\.Print(?:f|ln)?|print|logging\.\w+|logger\.\w+|warnings\.warn|console\.\w+|e?println!)\s*\(",
    )
});
static DIFFERS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(?:if|elif)\b.*(?:!==?|\bnot\b|!\w*\.?(?:DeepEqual|Equal)\b|!\s*(?:reflect|bytes|slices|maps|cmp)\.)",
    )
});

/// `if got != want { log(…) }`: the difference is seen, told, and the test passes.
fn logs_a_difference(file: &ChangedFile, source: &Source) -> Vec<Hit> {
    let lines = { file.added.iter() }.filter(|line| tells(source, file.lang(), **line));
    lines
        .map(|line| (*line, "logs a difference instead of failing by it"))
        .collect()
}

/// A line that logs, alone below a comparison. An error that is only told is no difference, nor is what cleaning up meets.
fn tells(source: &Source, lang: Lang, line: usize) -> bool {
    let code = &source.code[line];
    if !LOGS.is_match(code) {
        return false;
    }
    let is_code = |code: &&String| !code.trim().is_empty();
    let above = source.code[..line].iter().rev().find(is_code);
    let column = code.find('(').map_or(0, |at| chars_before(code, at));
    let (_, end) = inside(source, line, column);
    let below = source.code[end + 1..].iter().find(is_code);
    let below = below.map_or("", String::as_str);
    let alone = match lang {
        Lang::Python => depth(below) < depth(code),
        Lang::Rust | Lang::JavaScript | Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => {
            below.trim() == "}"
        }
    };
    let differs = |code: &String| DIFFERS.is_match(code) && !NO_ERROR.is_match(code);
    alone && above.is_some_and(differs) && !cleans_up(source, lang, line)
}

/// Callees that run a function later, by their names.
static LATER: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)\b(?:set(?:Timeout|Interval|Immediate)|queueMicrotask|nextTick|requestAnimationFrame|then|once|on|addEventListener|\w*(?:debounce|throttle|delay|later|schedule|defer|retry|poll|wait|after)\w*)\s*\(",
    )
});
static SUBSCRIBES: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^(?:on|once|addEventListener)\s*\($"));
static EMITS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\.(?:emit|dispatchEvent|dispatch|trigger|fire\w*|click)\s*\("));
static WAITS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\bawait\b|\breturn\b|\bdone\b|(?i:faketimers|mock\.timers|advancetimer|\btick\(|runall|\bclock\b|\.plan\(|expect\.(?:has)?assertions)",
    )
});

/// Assertions that all stand in functions which run later, in a test that does not wait for them.
fn nobody_waits(source: &Source, lang: Lang, test: &TestFn) -> Option<Hit> {
    if lang != Lang::JavaScript {
        return None;
    }
    let body: Vec<usize> = test.lines.clone().skip(1).collect();
    let code = |at: &usize| source.code[*at].as_str();
    if body.iter().any(|at| WAITS.is_match(code(at))) || WAITS.is_match(code(&test.lines.start)) {
        return None;
    }
    let mut later: Vec<std::ops::Range<usize>> = Vec::new();
    for at in &body {
        for seen in LATER.find_iter(code(at)) {
            let (text, end) = inside(source, *at, chars_before(code(at), seen.end()) - 1);
            // Who listens is called while the emitter emits.
            let emitted = || {
                let after = body.iter().skip_while(|line| **line <= end);
                SUBSCRIBES.is_match(seen.as_str()) && { after }
                    .any(|line| EMITS.is_match(code(line)))
            };
            if (text.contains("=>") || text.contains("function")) && !emitted() {
                later.push(*at..end + 1);
            }
        }
    }
    let asserts: Vec<&usize> = body
        .iter()
        .filter(|at| ASSERTS.is_match(code(at)))
        .collect();
    let all_later = asserts
        .iter()
        .all(|at| later.iter().any(|range| range.contains(at)));
    (!asserts.is_empty() && all_later).then_some((
        test.lines.start,
        "asserts only in functions that run later, and does not wait for them",
    ))
}
