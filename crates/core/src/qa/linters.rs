//! What linters, type checkers and compilers print, read into findings, so that what is new can be told from what was there before:
//! SARIF, JSON of cargo, ruff, eslint and `go vet`, and the lines that people read. What none of the forms takes is kept as lines, so that
//! one tool that is read hides nothing of another in the same output. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scanners;
use crate::review::{Finding, Severity};
use crate::sarif::{self, RESULTS_MAX};

/// What a linter printed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Printed {
    pub findings: Vec<Finding>,
    /// Lines that no form took, without counts, times and the lines by which tools frame what they say.
    pub rest: Vec<String>,
}

/// What is on the head and not on the base.
#[derive(Debug, Clone, PartialEq)]
pub struct New {
    pub findings: Vec<Finding>,
    pub lines: Vec<String>,
}

impl New {
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.lines.is_empty()
    }
}

impl Printed {
    /// Whether a form that is known is in it: words that nobody reads are none.
    pub fn is_read(&self) -> bool {
        !self.findings.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.rest.is_empty()
    }

    /// What `before` has not, or not as often, wherever it stands.
    pub fn since(&self, before: &Printed) -> New {
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        for line in &before.rest {
            *known.entry(line).or_default() += 1;
        }
        let is_new = |line: &&String| match known.get_mut(line.as_str()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            Some(_) | None => true,
        };
        New {
            findings: scanners::added(&before.findings, &self.findings, &|_| false),
            lines: self.rest.iter().filter(is_new).cloned().collect(),
        }
    }
}

/// Reads every form that is in an output.
pub fn read(text: &str) -> Printed {
    let mut findings = Vec::new();
    let mut rest = Vec::new();
    // Documents that say nothing is wrong: beside findings of another tool they are read, alone they contradict a tool that failed.
    let mut empty = Vec::new();
    let mut words = String::new();
    let mut left = text;
    while !left.is_empty() {
        let end = left.find('\n').map_or(left.len(), |at| at + 1);
        let Some((value, length)) = document(left) else {
            words.push_str(&left[..end]);
            left = &left[end..];
            continue;
        };
        let (raw, after) = left.split_at(length);
        match of(raw, &value) {
            Some(found) if found.is_empty() => empty.extend(framed(raw)),
            Some(found) => findings.extend(found),
            None => rest.extend(framed(raw)),
        }
        left = after;
    }
    let (found, lines) = lines(&words);
    findings.extend(found);
    rest.extend(lines.iter().flat_map(|line| framed(line)));
    if findings.is_empty() {
        rest.extend(empty);
    }
    if findings.len() > RESULTS_MAX {
        // A tool that says so much has found the project: it is held to its lines.
        return Printed {
            findings: Vec::new(),
            rest: text.lines().flat_map(framed).collect(),
        };
    }
    Printed { findings, rest }
}

/// A document of JSON that begins this line and ends one, and how long it is.
fn document(text: &str) -> Option<(Value, usize)> {
    text.trim_start_matches([' ', '\t'])
        .starts_with(['{', '['])
        .then_some(())?;
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    let length = values.byte_offset();
    let after = &text[length..];
    let end = after.find('\n').map_or(after.len(), |at| at + 1);
    after[..end]
        .trim()
        .is_empty()
        .then_some((value, length + end))
}

/// The findings of a document in a form that is known; `None` where it is none, or where only a part of it can be read.
fn of(raw: &str, value: &Value) -> Option<Vec<Finding>> {
    if value.get("runs").is_some() {
        return sarif::read(raw).ok();
    }
    if value["reason"].is_string() {
        return cargo(value);
    }
    match value.as_array() {
        Some(list) => array(list),
        None => go_vet(value),
    }
}

/// Lines for a comparison: without blank ones and those that only frame what is said, and with counts and times taken out.
fn framed(text: &str) -> Vec<String> {
    /// How cargo and rustc begin lines that tell what they do and where more is told.
    const FRAMES: [&str; 9] = [
        "    Blocking ",
        "    Checking ",
        "    Finished ",
        "   Compiling ",
        "For more information about this error, try `rustc --explain",
        "Some errors have detailed explanations: ",
        "warning: build failed, waiting for other jobs",
        "error: aborting due to ",
        "error: could not compile `",
    ];
    let said = |line: &&str| {
        !line.trim().is_empty() && !FRAMES.iter().any(|frame| line.starts_with(frame))
    };
    text.lines().filter(said).map(uncounted).collect()
}

/// The same line whatever it counts: words of digits alone, with a unit of time or not, and the number of what they count.
fn uncounted(line: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_matches(|c: char| "()[]:;,.".contains(c));
        let number = bare
            .strip_suffix("ms")
            .or(bare.strip_suffix('s'))
            .unwrap_or(bare);
        let is_count = number.contains(|c: char| c.is_ascii_digit())
            && number
                .chars()
                .all(|c| c.is_ascii_digit() || c == '.' || c == ':');
        let counted = ["errors", "warnings", "problems", "files", "issues"];
        match bare {
            _ if is_count => word.replace(bare, "#"),
            _ if counted.contains(&bare) => word.replace(bare, &bare[..bare.len() - 1]),
            _ => word.to_owned(),
        }
    };
    let words: Vec<String> = line.split_whitespace().map(word).collect();
    words.join(" ")
}

fn finding(path: &str, line: Option<u64>, rule: Option<&str>, message: &str) -> Finding {
    Finding {
        path: Some(bare(path)),
        line: line.and_then(|line| u32::try_from(line).ok()),
        rule: rule.map(str::to_owned),
        ..Finding::new(Severity::Medium, message.trim())
    }
}

fn bare(path: &str) -> String {
    path.strip_prefix("./").unwrap_or(path).to_owned()
}

/// `cargo clippy --message-format=json`: an object a line. What stands nowhere, such as an error of the linker, is a finding too.
fn cargo(value: &Value) -> Option<Vec<Finding>> {
    let message = &value["message"];
    if !matches!(message["level"].as_str(), Some("error" | "warning")) {
        return Some(Vec::new());
    }
    let text = message["message"].as_str()?;
    let rule = message["code"]["code"].as_str();
    let spans = message["spans"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let main = spans.iter().find(|span| span["is_primary"] == true);
    let is_a_sum = text.starts_with("aborting due to ")
        || text.ends_with(" warning emitted")
        || text.ends_with(" warnings emitted");
    Some(match main {
        Some(main) => {
            let line = main["line_start"].as_u64();
            vec![finding(main["file_name"].as_str()?, line, rule, text)]
        }
        None if is_a_sum => Vec::new(),
        None => vec![Finding {
            path: None,
            ..finding("", None, rule, text)
        }],
    })
}

/// `ruff check --output-format=json` and `eslint -f json`: one list.
fn array(list: &[Value]) -> Option<Vec<Finding>> {
    let mut found = Vec::new();
    for one in list {
        if let (Some(path), Some(messages)) = (one["filePath"].as_str(), one["messages"].as_array())
        {
            for m in messages {
                let (line, rule) = (m["line"].as_u64(), m["ruleId"].as_str());
                found.push(finding(path, line, rule, m["message"].as_str()?));
            }
        } else {
            let (path, text) = (one["filename"].as_str()?, one["message"].as_str()?);
            let line = one["location"]["row"].as_u64();
            found.push(finding(path, line, one["code"].as_str(), text));
        }
    }
    Some(found)
}

/// `go vet -json`: an object of packages, each an object of analyzers.
fn go_vet(value: &Value) -> Option<Vec<Finding>> {
    let mut found = Vec::new();
    for package in value.as_object()?.values() {
        for (analyzer, list) in package.as_object()? {
            for one in list.as_array()? {
                let mut parts = one["posn"].as_str()?.rsplitn(3, ':');
                let (_, line, path) = (parts.next()?, parts.next()?, parts.next()?);
                let text = one["message"].as_str()?;
                found.push(finding(path, line.parse().ok(), Some(analyzer), text));
            }
        }
    }
    Some(found)
}

/// What people read: `path:line:column: message`, `path(line,column): message`, eslint's lines below the name of their file, and the
/// arrow of rustc and ruff below its message; and the lines that are none of these.
fn lines(text: &str) -> (Vec<Finding>, Vec<&str>) {
    let mut found = Vec::new();
    let mut rest = Vec::new();
    let mut file = None;
    let mut message = "";
    for line in text.lines() {
        let trimmed = line.trim();
        let arrow = trimmed.strip_prefix("--> ").and_then(|place| {
            let mut parts = place.rsplitn(3, ':');
            let (_, at, path) = (parts.next()?, parts.next()?, parts.next()?);
            Some((path, at.parse().ok()?))
        });
        let below = file.and_then(|path| Some((path, below(line)?)));
        if let Some((path, at)) = arrow {
            found.push(finding(path, Some(at), None, message));
            if rest
                .last()
                .is_some_and(|last: &&str| last.trim() == message)
            {
                rest.pop();
            }
        } else if let Some((path, at, text)) = placed(trimmed) {
            found.push(finding(path, Some(at), None, text));
        } else if let Some((path, (at, text))) = below {
            found.push(finding(path, Some(at), None, text));
            if rest.last() == Some(&path) {
                rest.pop();
            }
        } else if !(trimmed.is_empty() || is_excerpt(trimmed)) {
            rest.push(line);
        }
        let is_file = trimmed == line && trimmed.contains('.') && !trimmed.contains([' ', ':']);
        match (is_file, trimmed.is_empty()) {
            (true, _) => file = Some(trimmed),
            (false, true) => file = None,
            (false, false) => message = trimmed,
        }
    }
    (found, rest)
}

/// The lines of source that rustc and ruff show below an arrow: `3 |     let a = 1;`.
fn is_excerpt(line: &str) -> bool {
    let after = line
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .trim_start();
    after.starts_with('|') || line == "..."
}

fn placed(line: &str) -> Option<(&str, u64, &str)> {
    let line = line.strip_prefix("vet: ").unwrap_or(line);
    let is_path =
        |path: &str| !path.is_empty() && path.contains('.') && !path.contains([' ', '"', '`']);
    // `a.ts(3,5): error TS2322: ...`
    if let Some((path, rest)) = line.split_once('(')
        && is_path(path)
        && let Some((at, text)) = rest.split_once("): ")
    {
        return Some((path, at.split(',').next()?.parse().ok()?, text));
    }
    let (path, rest) = line.split_once(':')?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let at = rest[..digits].parse().ok().filter(|_| is_path(path))?;
    let text = rest[digits..].strip_prefix(':')?;
    let column = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let text = text[column..].trim_start_matches(':').trim();
    (!text.is_empty()).then_some((path, at, text))
}

/// `  3:5  error  message  rule`
fn below(line: &str) -> Option<(u64, &str)> {
    let text = line.trim();
    let (at, rest) = text
        .split_once(char::is_whitespace)
        .filter(|_| text != line)?;
    let (at, column) = at.split_once(':')?;
    column.parse::<u64>().ok()?;
    Some((at.parse().ok()?, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let found = read(text).findings.into_iter();
        let one = |f: Finding| {
            let (path, line) = (f.path.unwrap_or_default(), f.line.unwrap_or_default());
            format!("{path}:{line} {} {}", f.rule.unwrap_or_default(), f.title)
        };
        found.map(one).collect()
    }

    #[test]
    fn each_tool_is_read_by_its_own_form() {
        let clippy = "{\"reason\":\"compiler-artifact\"}\n{\"reason\":\"compiler-message\",\"message\":{\"level\":\"warning\",\
             \"message\":\"this `if` is useless\",\"code\":{\"code\":\"clippy::needless_if\"},\
             \"spans\":[{\"is_primary\":true,\"file_name\":\"src/a.rs\",\"line_start\":7}]}}\n{\"reason\":\"build-finished\"}\n";
        assert_eq!(
            shown(clippy),
            ["src/a.rs:7 clippy::needless_if this `if` is useless"]
        );
        let ruff = "[\n  {\"code\": \"F401\", \"filename\": \"a.py\", \"location\": {\"row\": 3, \"column\": 1}, \"message\": \"unused\"}\n]\nFound 1";
        assert_eq!(shown(ruff), ["a.py:3 F401 unused"]);
        let eslint = "[{\"filePath\":\"a.js\",\"messages\":[{\"ruleId\":\"no-eval\",\"line\":2,\"message\":\"eval\"}]},{\"filePath\":\"b.js\",\"messages\":[]}]";
        assert_eq!(shown(eslint), ["a.js:2 no-eval eval"]);
        let vet = "# example.com/a\n{\n\"example.com/a\": {\"printf\": [{\"posn\": \"./a.go:5:2\", \"message\": \"wrong verb\"}]}\n}\n";
        assert_eq!(shown(vet), ["a.go:5 printf wrong verb"]);
    }

    #[test]
    fn the_lines_that_people_read_are_read_too() {
        let rustc = "error: unused variable: `a`\n  --> src/a.rs:3:9\n   |\n3  |     let a = 1;\n\nerror: could not compile `x` due to 1 previous error\n";
        assert_eq!(shown(rustc), ["src/a.rs:3  error: unused variable: `a`"]);
        assert_eq!(
            shown("a.py:3:1: F401 unused\nFound 1 error.\n"),
            ["a.py:3  F401 unused"]
        );
        assert_eq!(
            shown("a.py:3: error: no  [misc]\n"),
            ["a.py:3  error: no  [misc]"]
        );
        assert_eq!(
            shown("# x\n./a.go:5:2: wrong verb\nvet: ./b.go:1:1: odd\n"),
            ["a.go:5  wrong verb", "b.go:1  odd"]
        );
        assert_eq!(
            shown("a.ts(3,5): error TS2322: no\n"),
            ["a.ts:3  error TS2322: no"]
        );
        let stylish =
            "\n/repo/a.js\n  3:5  error  no eval  no-eval\n  9:1  warning  x  y\n\n2 problems\n";
        assert_eq!(
            shown(stylish),
            [
                "/repo/a.js:3  error  no eval  no-eval",
                "/repo/a.js:9  warning  x  y"
            ]
        );
        for none in [
            "",
            "it is bad",
            "3 errors at 10:30",
            "{}",
            "[]",
            "{",
            "[{}]",
            "see https://example.org:80/x",
        ] {
            assert!(!read(none).is_read(), "{none}");
        }
    }

    fn new(head: &str, base: &str) -> Vec<String> {
        let new = read(head).since(&read(base));
        let titles = new.findings.into_iter().map(|f| f.title);
        titles.chain(new.lines).collect()
    }

    #[test]
    fn one_form_hides_nothing_of_another() {
        let clippy = r#"{"reason":"compiler-message","message":{"level":"error","message":"useless","spans":[{"is_primary":true,"file_name":"a.rs","line_start":7}]}}"#;
        let ruff = r#"[{"code":"F401","filename":"a.py","location":{"row":3},"message":"unused"}]"#;
        let sarif = r#"{"version":"2.1.0","runs":[{"results":[{"ruleId":"E","message":{"text":"eval"}}]}]}"#;
        let tsc = "a.ts(3,5): error TS2322: no";
        let all = [clippy, ruff, sarif, tsc, "boom"];
        for (at, one) in all.iter().enumerate() {
            let others: Vec<&str> = { all.iter().enumerate() }
                .filter(|(other, _)| *other != at)
                .map(|(_, text)| *text)
                .collect();
            let (whole, base) = (all.join("\n"), others.join("\n"));
            assert_eq!(new(&whole, &base).len(), 1, "{one}");
            assert_eq!(new(&whole, &whole), [""; 0], "{one}");
        }
        let linker = clippy.replace("\"spans\":[", "\"spans\":[],\"x\":[");
        assert_eq!(new(&format!("{clippy}\n{linker}"), clippy), ["useless"]);
        let torn = format!("{{ first\n{sarif}\nlast }}\n");
        assert_eq!(new(&torn, sarif), ["{ first", "last }"]);
    }

    #[test]
    fn a_log_without_results_is_no_answer_of_a_tool_that_failed() {
        for empty in [r#"{"version":"2.1.0","runs":[]}"#, "[]"] {
            let alone = read(empty);
            assert!(!alone.is_read() && alone.rest.len() == 1, "{alone:?}");
            let beside = read(&format!("{empty}\na.py:3: no\n"));
            assert!(beside.is_read() && beside.rest.is_empty(), "{beside:?}");
        }
    }

    #[test]
    fn counts_times_and_frames_are_nothing_new() {
        let base = "    Checking x v0.1.0 (/x)\na.py:3: no\nFound 3 errors in 2 files (checked 4 source files)\nin 0.31s\n";
        let head = "a.py:9: no\nFound 1 error in 1 file (checked 5 source files)\nin 1.2s\n";
        assert_eq!(new(head, base), [""; 0]);
        let rustc = |line: u32| {
            format!(
                "error: odd\n --> a.rs:{line}:1\n  |\n{line} | let a = 1;\n  | ^^^\n\nerror: could not compile `x` (lib) due to 2 previous errors\n"
            )
        };
        assert_eq!(new(&rustc(7), &rustc(9)), [""; 0]);
        assert_eq!(new("2.go\n", "1.go\n"), ["2.go"]);
        assert_eq!(new("E502 bad", "E501 bad"), ["E502 bad"]);
    }
}
