//! What linters, type checkers and compilers print, read into findings, so that what is new can be told from what was there before:
//! JSON of cargo, ruff, eslint and `go vet`, and the lines that people read. Pure.

use serde_json::Value;

use crate::review::{Finding, Severity};
use crate::sarif::{self, RESULTS_MAX};

/// The findings in what a linter printed; `None` where none of the known forms is in it.
pub fn read(text: &str) -> Option<Vec<Finding>> {
    let found = log(text)
        .or_else(|| cargo(text))
        .or_else(|| array(text))
        .or_else(|| go_vet(text))
        .or_else(|| lines(text))?;
    (found.len() <= RESULTS_MAX).then_some(found)
}

/// SARIF, also with lines of other programs around it. A log without a result is an answer too.
fn log(text: &str) -> Option<Vec<Finding>> {
    let (from, to) = (text.find('{')?, text.rfind('}')?);
    sarif::read(text.get(from..=to)?).ok()
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

fn some(found: Vec<Finding>) -> Option<Vec<Finding>> {
    (!found.is_empty()).then_some(found)
}

/// `cargo clippy --message-format=json`: an object a line.
fn cargo(text: &str) -> Option<Vec<Finding>> {
    let lines = text.lines().filter(|line| line.starts_with("{\"reason\":"));
    let values = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let one = |value: Value| {
        let message = &value["message"];
        let is_problem = matches!(message["level"].as_str(), Some("error" | "warning"));
        let spans = message["spans"].as_array()?;
        let main = spans.iter().find(|span| span["is_primary"] == true)?;
        is_problem.then_some(())?;
        Some(finding(
            main["file_name"].as_str()?,
            main["line_start"].as_u64(),
            message["code"]["code"].as_str(),
            message["message"].as_str()?,
        ))
    };
    some(values.filter_map(one).collect())
}

/// `ruff check --output-format=json` and `eslint -f json`: one list.
fn array(text: &str) -> Option<Vec<Finding>> {
    let (from, to) = (
        text.find("[{").or_else(|| text.find("[\n"))?,
        text.rfind(']')?,
    );
    let list: Vec<Value> = serde_json::from_str(text.get(from..=to)?).ok()?;
    let mut found = Vec::new();
    for one in &list {
        if let (Some(path), Some(messages)) = (one["filePath"].as_str(), one["messages"].as_array())
        {
            found.extend(messages.iter().filter_map(|m| {
                let text = m["message"].as_str()?;
                Some(finding(
                    path,
                    m["line"].as_u64(),
                    m["ruleId"].as_str(),
                    text,
                ))
            }));
        } else if let (Some(path), Some(text)) = (one["filename"].as_str(), one["message"].as_str())
        {
            let line = one["location"]["row"].as_u64();
            found.push(finding(path, line, one["code"].as_str(), text));
        }
    }
    some(found)
}

/// `go vet -json`: comments and an object of packages, each an object of analyzers.
fn go_vet(text: &str) -> Option<Vec<Finding>> {
    let json: String = { text.lines() }
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_str(&json).into_iter::<Value>() {
        for (analyzer, list) in value
            .ok()?
            .as_object()?
            .values()
            .filter_map(Value::as_object)
            .flatten()
        {
            for one in list.as_array().into_iter().flatten() {
                let mut parts = one["posn"].as_str()?.rsplitn(3, ':');
                let (_, line, path) = (parts.next()?, parts.next()?, parts.next()?);
                let text = one["message"].as_str()?;
                found.push(finding(path, line.parse().ok(), Some(analyzer), text));
            }
        }
    }
    some(found)
}

/// What people read: `path:line:column: message`, `path(line,column): message`, eslint's lines below the name of their file, and the
/// arrow of rustc and ruff below its message.
fn lines(text: &str) -> Option<Vec<Finding>> {
    let mut found = Vec::new();
    let mut file = None;
    let mut message = "";
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(place) = trimmed.strip_prefix("--> ") {
            let mut parts = place.rsplitn(3, ':');
            if let (Some(_), Some(at), Some(path)) = (parts.next(), parts.next(), parts.next())
                && let Ok(at) = at.parse()
            {
                found.push(finding(path, Some(at), None, message));
            }
        } else if let Some((path, at, text)) = placed(trimmed) {
            found.push(finding(path, Some(at), None, text));
        } else if let (Some(path), Some((at, text))) = (file, below(line)) {
            found.push(finding(path, Some(at), None, text));
        }
        let is_file = trimmed == line && trimmed.contains('.') && !trimmed.contains([' ', ':']);
        match (is_file, trimmed.is_empty()) {
            (true, _) => file = Some(trimmed),
            (false, true) => file = None,
            (false, false) => message = trimmed,
        }
    }
    some(found)
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
        let found = read(text).unwrap_or_default().into_iter();
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
            assert_eq!(read(none), None, "{none}");
        }
    }
}
