//! Findings on the wire of tools: SARIF 2.1.0 (OASIS, errata 01), written and read by the same type that reviewers' findings have.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::review::{Finding, Severity};

/// The name under which our own fingerprints stand.
const FINGERPRINT: &str = "alaiFinding/v1";
/// Results that are read; a tool that says more has found the project, not the change.
pub const RESULTS_MAX: usize = 10_000;

/// One stage's findings, for the writer.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The name of what found them, such as `alai gate`.
    pub by: String,
    pub version: String,
    /// The task and the run, for people.
    pub task: String,
    pub run: String,
    /// The full id of the commit that was looked at.
    pub head: String,
    pub findings: Vec<Finding>,
}

/// The log of several stages, each a run of its own. A finding that an earlier stage has told already is `unchanged`, and another one `new`.
pub fn log(all: &[Told]) -> Value {
    let mut known = BTreeSet::new();
    let runs: Vec<Value> = all.iter().map(|told| run(told, &mut known)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": runs,
    })
}

fn run(told: &Told, known: &mut BTreeSet<String>) -> Value {
    let rules: BTreeSet<&str> = told.findings.iter().map(rule).collect();
    let rules: Vec<Value> = rules.into_iter().map(|id| json!({"id": id})).collect();
    let mut results = Vec::new();
    let mut here = BTreeSet::new();
    for finding in &told.findings {
        let fingerprint = finding.fingerprint();
        let before = known.contains(&fingerprint);
        if here.insert(fingerprint) {
            results.push(result(finding, before));
        }
    }
    known.extend(here);
    json!({
        "tool": {"driver": {"name": told.by, "semanticVersion": told.version, "rules": rules}},
        "automationDetails": {"id": format!("{}/{}", told.task, told.run)},
        "properties": {"commit": told.head},
        "columnKind": "utf16CodeUnits",
        "results": results,
    })
}

fn rule(finding: &Finding) -> &str {
    finding.rule.as_deref().unwrap_or("finding")
}

fn result(finding: &Finding, before: bool) -> Value {
    let level = match finding.severity {
        Severity::Low => "note",
        Severity::Medium => "warning",
        Severity::High => "error",
    };
    let parts = [
        Some(&finding.title),
        Some(&finding.detail),
        finding.fix.as_ref(),
    ];
    let text: Vec<&str> = { parts.into_iter().flatten() }
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
        .collect();
    let mut result = json!({
        "ruleId": rule(finding),
        "level": level,
        "message": {"text": text.join(": ")},
        "partialFingerprints": {FINGERPRINT: finding.fingerprint()},
        "baselineState": if before { "unchanged" } else { "new" },
    });
    if let Some(path) = &finding.path {
        let mut place = json!({"artifactLocation": {"uri": uri(path), "uriBaseId": "SRCROOT"}});
        if let Some(line) = finding.line.filter(|line| *line > 0) {
            place["region"] = json!({"startLine": line});
        }
        result["locations"] = json!([{"physicalLocation": place}]);
    }
    let evidence = finding.probe.as_ref().map(|probe| format!("probe {probe}"));
    let more = [("fix", finding.fix.clone()), ("evidence", evidence)];
    for (name, value) in more {
        if let Some(value) = value {
            result["properties"][name] = value.into();
        }
    }
    result
}

/// A path as a relative reference (RFC 3986): every byte that is not plain is written as its number.
fn uri(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    let mut text = String::new();
    for byte in path.bytes() {
        match plain(byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn path_of(uri: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), uri.strip_prefix("./").unwrap_or(uri).bytes());
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[derive(Deserialize)]
struct Log {
    version: String,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    #[serde(default)]
    results: Option<Vec<Found>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    #[serde(default)]
    rule_id: Option<String>,
    #[serde(default)]
    level: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    message: Message,
    #[serde(default)]
    locations: Vec<Location>,
    #[serde(default)]
    baseline_state: Option<String>,
    #[serde(default)]
    suppressions: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(default)]
    physical_location: Option<Physical>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    #[serde(default)]
    artifact_location: Option<Artifact>,
    #[serde(default)]
    region: Option<Region>,
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(default)]
    uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    #[serde(default)]
    start_line: Option<u32>,
}

/// The results of a log, without those that the tool itself says are of before, gone, or no problem.
///
/// A result that its tool calls suppressed is read all the same: what silences it stands in the change.
///
/// # Errors
/// In words, when it is no log of SARIF 2.1.0 or has too many results.
pub fn read(text: &str) -> Result<Vec<Finding>, String> {
    let log: Log = serde_json::from_str(text).map_err(|e| format!("it is no SARIF ({e})"))?;
    if log.version != "2.1.0" {
        return Err(format!("it is SARIF {}, and 2.1.0 is read", log.version));
    }
    let results = log
        .runs
        .into_iter()
        .flat_map(|run| run.results.unwrap_or_default());
    let is_new = |found: &Found| {
        let state = found.baseline_state.as_deref();
        let kind = found.kind.as_deref();
        !matches!(state, Some("unchanged" | "absent"))
            && matches!(kind, None | Some("fail" | "open" | "review"))
    };
    let findings: Vec<Finding> = results
        .filter(is_new)
        .map(finding)
        .take(RESULTS_MAX + 1)
        .collect();
    match findings.len() > RESULTS_MAX {
        true => Err(format!("it has more than {RESULTS_MAX} results")),
        false => Ok(findings),
    }
}

fn finding(found: Found) -> Finding {
    let severity = match found.level.as_deref() {
        Some("error") => Severity::High,
        Some("note" | "none") => Severity::Low,
        // The standard's own word for what says nothing.
        Some(_) | None => Severity::Medium,
    };
    let silenced = found.suppressions.is_some_and(|all| !all.is_empty());
    let title = found.message.text.or(found.message.id).unwrap_or_default();
    let place = found
        .locations
        .into_iter()
        .find_map(|l| l.physical_location);
    let uri = place
        .as_ref()
        .and_then(|p| p.artifact_location.as_ref()?.uri.clone());
    Finding {
        path: uri.and_then(|uri| path_of(&uri)),
        line: place.and_then(|p| p.region?.start_line),
        rule: found.rule_id,
        detail: match silenced {
            true => "its tool calls it suppressed".to_owned(),
            false => String::new(),
        },
        ..Finding::new(severity, title)
    }
}

/// Of `now`, what is not in `before`: compared by fingerprints, so that a line that moved is none.
pub fn added(before: &[Finding], now: &[Finding]) -> Vec<Finding> {
    let known: BTreeSet<String> = before.iter().map(Finding::fingerprint).collect();
    let is_new = |finding: &&Finding| !known.contains(&finding.fingerprint());
    now.iter().filter(is_new).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(findings: Vec<Finding>) -> Told {
        Told {
            by: "alai gate".into(),
            version: "0.1.0".into(),
            task: "#3".into(),
            run: "r".into(),
            head: "c".repeat(40),
            findings,
        }
    }

    fn limit(line: u32) -> Finding {
        Finding {
            path: Some("src/a b.rs".into()),
            line: Some(line),
            rule: Some("limits".into()),
            fix: Some("add one".into()),
            ..Finding::new(Severity::High, "No limit on 10 tries")
        }
    }

    #[test]
    fn a_log_has_what_the_standard_requires_and_is_read_back() {
        let plain = Finding::new(Severity::Low, "Old words");
        let all = log(&[
            told(vec![limit(3), limit(9), plain.clone()]),
            told(vec![limit(5)]),
        ]);
        assert_eq!(all["version"], "2.1.0");
        for run in all["runs"].as_array().expect("runs") {
            assert!(run["tool"]["driver"]["name"].is_string(), "{run}");
            for result in run["results"].as_array().expect("results") {
                assert!(
                    result["message"]["text"]
                        .as_str()
                        .is_some_and(|t| !t.is_empty()),
                    "{result}"
                );
                assert!(
                    result["ruleId"].is_string() && result["level"].is_string(),
                    "{result}"
                );
                let print = &result["partialFingerprints"][FINGERPRINT];
                assert_eq!(print.as_str().map(str::len), Some(16), "{result}");
            }
        }
        let first = &all["runs"][0]["results"];
        assert_eq!(
            first.as_array().map(Vec::len),
            Some(2),
            "one of two that say the same"
        );
        let place = &first[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "src/a%20b.rs");
        assert_eq!(place["region"]["startLine"], 3);
        assert_eq!(first[0]["baselineState"], "new");
        assert_eq!(
            all["runs"][1]["results"][0]["baselineState"], "unchanged",
            "it came back"
        );
        let read = read(&all.to_string()).expect("our own");
        assert_eq!(read.len(), 2, "what is of before is left out");
        assert_eq!(
            (read[0].path.as_deref(), read[0].line),
            (Some("src/a b.rs"), Some(3))
        );
        assert_eq!(read[0].severity, Severity::High);
        assert_eq!(read[1].path, plain.path);
    }

    #[test]
    fn what_tools_write_is_read_and_what_is_no_log_is_refused() {
        let text = json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": [
            {"ruleId": "E1", "message": {"text": "bad"}, "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": "a.py"}, "region": {"startLine": 7}}}]},
            {"ruleId": "E2", "level": "error", "message": {"id": "m"}, "baselineState": "new",
                "suppressions": [{"kind": "inSource"}]},
            {"ruleId": "E3", "message": {"text": "old"}, "baselineState": "unchanged"},
            {"ruleId": "E4", "message": {"text": "fine"}, "kind": "pass"},
        ]}, {"tool": {"driver": {"name": "u"}}}]});
        let found = read(&text.to_string()).expect("a log");
        let rules: Vec<_> = found
            .iter()
            .map(|f| f.rule.as_deref().unwrap_or_default())
            .collect();
        assert_eq!(rules, ["E1", "E2"]);
        assert_eq!(
            (found[0].severity, found[0].line),
            (Severity::Medium, Some(7))
        );
        assert!(found[1].detail.contains("suppressed"));
        for none in [
            "",
            "[]",
            "{}",
            r#"{"version": "1.0.0", "runs": []}"#,
            r#"{"version": "2.1.0"}"#,
        ] {
            assert!(read(none).is_err(), "{none}");
        }
    }

    #[test]
    fn a_finding_is_the_same_where_its_line_moved_and_another_where_its_words_are() {
        let (old, moved) = (limit(3), limit(30));
        assert_eq!(added(std::slice::from_ref(&old), &[moved]), []);
        let other = Finding {
            title: "No limit on names".into(),
            ..limit(3)
        };
        let elsewhere = Finding {
            path: Some("src/b.rs".into()),
            ..limit(3)
        };
        assert_eq!(
            added(&[old], &[other.clone(), elsewhere.clone()]),
            [other, elsewhere]
        );
    }
}
