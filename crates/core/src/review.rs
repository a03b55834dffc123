//! What a reviewer or auditor may answer: a schema, a parse that trusts nothing, and three verdicts.

use serde::{Deserialize, Serialize};
use serde_json::json;

pub mod criteria;

pub use criteria::{Criterion, CriterionAnswer};

/// A review that lists more is not a review; the model has lost the thread.
pub const FINDINGS_MAX: usize = 50;

/// A reviewer's answer about one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    pub verdict: ReviewVerdict,
    /// One paragraph for people.
    pub summary: String,
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// One answer for each acceptance criterion of the task. Answers of old have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<CriterionAnswer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewVerdict {
    Pass,
    /// Good enough to go on; the findings become follow-up work.
    PassWithFindings,
    /// The change goes back to a builder with the findings.
    Reject,
}

impl std::fmt::Display for ReviewVerdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ReviewVerdict::Pass => "pass",
            ReviewVerdict::PassWithFindings => "pass with findings",
            ReviewVerdict::Reject => "reject",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    pub severity: Severity,
    pub title: String,
    /// A path in the reviewed commit. Checked: a finding about a file that does not exist makes the review fail.
    #[serde(default)]
    pub path: Option<String>,
    /// A line of that file, from 1. Checked likewise.
    #[serde(default)]
    pub line: Option<u32>,
    #[serde(default)]
    pub detail: String,
    /// What it goes against, in a word of its finder: a tool's rule, a check's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What would mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The probe whose record shows it, where a verifier asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
}

impl Finding {
    pub fn new(severity: Severity, title: impl Into<String>) -> Finding {
        Finding {
            severity,
            title: title.into(),
            path: None,
            line: None,
            detail: String::new(),
            rule: None,
            fix: None,
            probe: None,
        }
    }

    /// The words and numbers of its title, in lower case: findings that differ in one of them are not the same.
    pub fn words(&self) -> String {
        let words = self.title.split(|c: char| !c.is_alphanumeric());
        let words: Vec<String> = words
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        words.join(" ")
    }

    /// What stays the same when a finding is told again: its file and the words of its title, in whatever case, without numbers and signs.
    /// Lines move, and details are said anew each time. 16 hex digits of FNV-1a.
    pub fn fingerprint(&self) -> String {
        let words = self.title.split(|c: char| !c.is_alphanumeric());
        let words = words.filter(|word| !word.is_empty() && !word.chars().all(char::is_numeric));
        let mut text = self.path.clone().unwrap_or_default();
        let path = text.len();
        for word in words {
            text.push('\0');
            text.push_str(&word.to_lowercase());
        }
        if text.len() == path {
            text.push('\0');
            text.push_str(self.rule.as_deref().unwrap_or_default());
        }
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Low,
    Medium,
    High,
}

/// Why an answer is not a review.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    #[error("the review is not the JSON object that was asked for: {0}")]
    Json(String),
    #[error("the review rejects but names no finding; a builder could not act on it")]
    RejectWithoutFinding,
    #[error("the review says pass but lists a finding of high severity: {0}")]
    PassWithHigh(String),
    #[error("the review says plain pass but lists {0} findings; it must say pass_with_findings")]
    PassWithFindings(usize),
    #[error("the review lists {0} findings; at most {FINDINGS_MAX} are read")]
    TooMany(usize),
    #[error("the review has no summary")]
    NoSummary,
}

impl Review {
    /// Reads a reviewer's answer and refuses what contradicts itself.
    pub fn parse(text: &str) -> Result<Review, ReviewError> {
        let review: Review =
            serde_json::from_str(text.trim()).map_err(|e| ReviewError::Json(e.to_string()))?;
        review.check()?;
        Ok(review)
    }

    fn check(&self) -> Result<(), ReviewError> {
        if self.summary.trim().is_empty() {
            return Err(ReviewError::NoSummary);
        }
        if self.findings.len() > FINDINGS_MAX {
            return Err(ReviewError::TooMany(self.findings.len()));
        }
        match self.verdict {
            ReviewVerdict::Reject if self.findings.is_empty() => {
                Err(ReviewError::RejectWithoutFinding)
            }
            ReviewVerdict::Pass if !self.findings.is_empty() => {
                Err(ReviewError::PassWithFindings(self.findings.len()))
            }
            ReviewVerdict::PassWithFindings => {
                match self.findings.iter().find(|f| f.severity == Severity::High) {
                    Some(high) => Err(ReviewError::PassWithHigh(high.title.clone())),
                    None => Ok(()),
                }
            }
            ReviewVerdict::Pass | ReviewVerdict::Reject => Ok(()),
        }
    }

    /// The JSON schema a model is held to. Flat, no length limits: long repetitions break grammar compilers
    /// (llama.cpp: "number of repetitions exceeds sane defaults"). Where the task has no criteria none are asked for.
    pub fn schema(criteria: usize) -> serde_json::Value {
        let mut schema = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["verdict", "summary", "findings"],
            "properties": {
                "verdict": {"type": "string", "enum": ["pass", "pass_with_findings", "reject"]},
                "summary": {"type": "string"},
                "findings": {"type": "array", "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["severity", "title", "path", "line", "detail", "rule", "fix"],
                    "properties": {
                        "severity": {"type": "string", "enum": ["low", "medium", "high"]},
                        "title": {"type": "string"},
                        "path": {"type": ["string", "null"]},
                        "line": {"type": ["integer", "null"]},
                        "detail": {"type": "string"},
                        "rule": {"type": ["string", "null"]},
                        "fix": {"type": ["string", "null"]}
                    }
                }}
            }
        });
        if criteria > 0 {
            criteria::demand(&mut schema);
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: &str) -> String {
        format!(r#"{{"severity":"{severity}","title":"t","path":null,"line":null,"detail":""}}"#)
    }

    #[test]
    fn three_verdicts_are_read() {
        let pass = Review::parse(r#"{"verdict":"pass","summary":"fine","findings":[]}"#)
            .expect("a plain pass");
        assert_eq!(pass.verdict, ReviewVerdict::Pass);
        let low = finding("low");
        let with = Review::parse(&format!(
            r#"{{"verdict":"pass_with_findings","summary":"s","findings":[{low}]}}"#
        ));
        assert_eq!(with.expect("pass with findings").findings.len(), 1);
        let high = finding("high");
        let reject = Review::parse(&format!(
            r#"{{"verdict":"reject","summary":"s","findings":[{high}]}}"#
        ));
        assert_eq!(reject.expect("a reject").verdict, ReviewVerdict::Reject);
    }

    #[test]
    fn contradictions_are_refused() {
        let high = finding("high");
        let low = finding("low");
        let cases = [
            (
                r#"{"verdict":"reject","summary":"s","findings":[]}"#.to_owned(),
                ReviewError::RejectWithoutFinding,
            ),
            (
                format!(r#"{{"verdict":"pass_with_findings","summary":"s","findings":[{high}]}}"#),
                ReviewError::PassWithHigh("t".into()),
            ),
            (
                format!(r#"{{"verdict":"pass","summary":"s","findings":[{low}]}}"#),
                ReviewError::PassWithFindings(1),
            ),
            (
                r#"{"verdict":"pass","summary":" ","findings":[]}"#.to_owned(),
                ReviewError::NoSummary,
            ),
        ];
        for (text, want) in cases {
            assert_eq!(Review::parse(&text).expect_err(&text), want);
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in [
            "",
            "LGTM",
            "[]",
            r#"{"verdict":"approved","summary":"s"}"#,
            r#"{"verdict":"pass"}"#,
        ] {
            assert!(
                matches!(Review::parse(text), Err(ReviewError::Json(_))),
                "{text}"
            );
        }
    }
}
