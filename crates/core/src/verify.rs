//! The independent verifier: who needs one, what it may answer, and what an answer counts for. A stage with a lease like any other,
//! never a chat: it sees task, code and change, asks for probes that the factory runs, and passes nothing by its word alone.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::review::{CriterionAnswer, Finding, Review, ReviewVerdict, Severity, criteria};
use crate::task::{Priority, Task};

mod policy;
mod same;

pub use policy::{Policy, foreseen, needed};
pub use same::is_one_model;

/// Probes of one thread: what a person would try by hand before he believes a change.
pub const PROBES_MAX: usize = 8;
/// Answers of one thread, those that were refused counted in: two with probes, one that decides, one that is put right.
pub const ROUNDS_MAX: u32 = 4;
/// A command is one line that a person can read.
pub const COMMAND_BYTES_MAX: usize = 2_000;
/// A scratch file is one test.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024;

/// One thing that the verifier wants to see tried. Run in fresh clones of base and head, in a cage without a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// By which its record is cited.
    pub id: String,
    /// What it would show.
    pub why: String,
    /// A line for `sh -c` at the top of the tree.
    pub command: String,
    /// A file that is written before the command runs, in the clone alone.
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub content: Option<String>,
    /// What the verifier says beforehand that will happen when the change is right.
    pub expect: Expect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// The command exits 0.
    Succeeds,
    /// It exits with another code, by itself.
    Fails,
}

/// How a probe ended on one commit, as the factory captured it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    Succeeded,
    Failed,
    /// It was ended, or could not begin: nothing is known.
    Unknown,
}

/// A probe and what came of it. Made by the factory alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub probe: Probe,
    pub base: Seen,
    pub head: Seen,
    /// Of the head: how it ended and the end of what it wrote.
    pub output: String,
}

impl Record {
    /// Whether the head did what was said beforehand.
    pub fn as_expected(&self) -> bool {
        match self.probe.expect {
            Expect::Succeeds => self.head == Seen::Succeeded,
            Expect::Fails => self.head == Seen::Failed,
        }
    }

    /// Whether the change makes a difference to it: what ends the same without the change says nothing of the change.
    pub fn tells_apart(&self) -> bool {
        let known = self.head != Seen::Unknown && self.base != Seen::Unknown;
        known && self.base != self.head
    }
}

/// How much an accepted answer rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// No probe was run.
    None,
    /// Probes ran, and none of them tells the change from what was there before.
    Weak,
    /// At least one does.
    Strong,
}

impl Quality {
    pub fn of(records: &[Record]) -> Quality {
        let ran = records.iter().any(|r| r.head != Seen::Unknown);
        // One that went otherwise than it should tells of a fault, and nothing for the change.
        let shows = |record: &Record| record.as_expected() && record.tells_apart();
        match (ran, records.iter().any(shows)) {
            (_, true) => Quality::Strong,
            (true, false) => Quality::Weak,
            (false, false) => Quality::None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Quality::None => "none",
            Quality::Weak => "weak",
            Quality::Strong => "strong",
        }
    }
}

/// One answer of the verifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub verdict: Word,
    pub summary: String,
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// Probes that a pass rests on.
    #[serde(default)]
    pub rests_on: Vec<String>,
    #[serde(default)]
    /// Each with the file and line, or the probe, that shows it.
    pub findings: Vec<Finding>,
    /// One for each acceptance criterion, where it decides.
    #[serde(default)]
    pub criteria: Vec<CriterionAnswer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It wants to see its probes first.
    Probe,
    Pass,
    Reject,
}

/// What follows from an answer that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Run(Vec<Probe>),
    /// Held to the records; what it cites in files is the gate's to check.
    Decided(Review),
}

/// Reads an answer and holds it to what is on record.
///
/// # Errors
/// Everything that keeps it from counting, in words that its writer can act on.
pub fn judge(text: &str, records: &[Record], may_probe: bool) -> Result<Next, Vec<String>> {
    let answer: Answer = serde_json::from_str(text.trim())
        .map_err(|e| vec![format!("it is not the JSON object that was asked for: {e}")])?;
    let faults = match answer.verdict {
        Word::Probe => wrong_probes(&answer, records, may_probe),
        Word::Pass => wrong_pass(&answer, records),
        Word::Reject => wrong_reject(&answer, records),
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(match answer.verdict {
        Word::Probe => Next::Run(answer.probes),
        Word::Pass => Next::Decided(review(answer, ReviewVerdict::Pass)),
        Word::Reject => Next::Decided(review(answer, ReviewVerdict::Reject)),
    })
}

fn review(answer: Answer, verdict: ReviewVerdict) -> Review {
    let finding = |finding: Finding| {
        let by = { finding.probe.as_ref() }.map(|id| format!("shown by probe {id}"));
        let parts = [by, Some(finding.detail.clone()).filter(|d| !d.is_empty())];
        Finding {
            detail: parts.into_iter().flatten().collect::<Vec<_>>().join("; "),
            ..finding
        }
    };
    let findings: Vec<Finding> = answer.findings.into_iter().map(finding).collect();
    let verdict = match (verdict, findings.is_empty()) {
        (ReviewVerdict::Pass, false) => ReviewVerdict::PassWithFindings,
        (verdict, _) => verdict,
    };
    Review {
        verdict,
        summary: answer.summary,
        findings,
        criteria: answer.criteria,
    }
}

fn wrong_probes(answer: &Answer, records: &[Record], may_probe: bool) -> Vec<String> {
    let mut faults = Vec::new();
    if !may_probe {
        return vec!["no further probes are run: decide by the records that there are".into()];
    }
    if answer.probes.is_empty() {
        faults.push("it decides nothing and asks for no probe".into());
    }
    if answer.probes.len() + records.len() > PROBES_MAX {
        faults.push(format!("at most {PROBES_MAX} probes are run in all"));
    }
    for (at, probe) in answer.probes.iter().enumerate() {
        let known = records.iter().map(|r| &r.probe.id);
        let before = answer.probes.iter().take(at).map(|p| &p.id);
        if probe.id.trim().is_empty() || known.chain(before).any(|id| *id == probe.id) {
            faults.push(format!("the probe id `{}` is empty or taken", probe.id));
        }
        faults.extend(wrong_probe(probe));
    }
    faults
}

fn wrong_probe(probe: &Probe) -> Option<String> {
    let id = &probe.id;
    let line = probe.command.trim();
    if line.is_empty() || line.len() > COMMAND_BYTES_MAX || line.contains(['\n', '\r', '\0']) {
        return Some(format!(
            "probe {id}: its command must be one line of at most {COMMAND_BYTES_MAX} bytes"
        ));
    }
    match (&probe.path, &probe.content) {
        (None, None) => None,
        (Some(path), Some(content)) => {
            let odd = |part: &str| part.is_empty() || matches!(part, "." | ".." | ".git");
            let fine = !path.chars().any(char::is_control) && !path.split('/').any(odd);
            if !fine {
                return Some(format!("probe {id}: `{path}` is no path inside the tree"));
            }
            (content.len() > CONTENT_BYTES_MAX)
                .then(|| format!("probe {id}: its file has more than {CONTENT_BYTES_MAX} bytes"))
        }
        (Some(_), None) | (None, Some(_)) => {
            Some(format!("probe {id}: a file has a path and a content"))
        }
    }
}

/// A pass by word alone is none: it names probes that were run and that ended as it had said, and hides none that did not.
fn wrong_pass(answer: &Answer, records: &[Record]) -> Vec<String> {
    let mut faults = Vec::new();
    if answer.summary.trim().is_empty() {
        faults.push("it has no summary".into());
    }
    if answer.rests_on.is_empty() {
        faults.push("it passes by word alone: `rests_on` names no probe that was run".into());
    }
    for id in &answer.rests_on {
        match records.iter().find(|r| r.probe.id == *id) {
            None => faults.push(format!(
                "it rests on probe {id}, of which there is no record"
            )),
            Some(r) if !r.as_expected() => {
                faults.push(format!(
                    "it rests on probe {id}, which did not end as expected"
                ));
            }
            Some(_) => {}
        }
    }
    for record in records.iter().filter(|r| !r.as_expected()) {
        let explained = answer
            .findings
            .iter()
            .any(|f| f.probe.as_ref() == Some(&record.probe.id));
        if !explained {
            faults.push(format!(
                "probe {} did not end as expected, and no finding says what that means",
                record.probe.id
            ));
        }
    }
    if let Some(high) = answer
        .findings
        .iter()
        .find(|f| f.severity == Severity::High)
    {
        faults.push(format!(
            "it passes with a finding of high severity: {}",
            high.title
        ));
    }
    faults.extend(unshown(answer, records));
    faults
}

fn wrong_reject(answer: &Answer, records: &[Record]) -> Vec<String> {
    let mut faults = unshown(answer, records);
    if answer.findings.is_empty() {
        faults.push("it rejects and names no finding".into());
    }
    if answer.summary.trim().is_empty() {
        faults.push("it has no summary".into());
    }
    faults
}

/// A finding counts by a file with a line, or by the record of a probe.
fn unshown(answer: &Answer, records: &[Record]) -> Vec<String> {
    let ran = |id: &String| {
        let mut of = records.iter().filter(|r| r.probe.id == *id);
        of.any(|r| r.head != Seen::Unknown)
    };
    let shown = |f: &&Finding| match &f.probe {
        Some(id) if ran(id) => true,
        // Of a probe that was asked for and could not be run a place in the code may be told.
        Some(id) if !records.iter().any(|r| r.probe.id == *id) => false,
        Some(_) | None => f.path.is_some() && f.line.is_some(),
    };
    let nowhere = answer.findings.iter().filter(|f| !shown(f));
    nowhere
        .map(|f| {
            format!(
                "the finding \"{}\" names neither file and line nor a probe that ran",
                f.title
            )
        })
        .collect()
}

/// Whether an accepted pass goes on by itself. Where the verifier is the builder's own model, or its probes tell nothing apart, what
/// is of high priority or a blocker is a person's to approve.
pub fn is_for_a_person(task: &Task, same_model: bool, quality: Quality) -> bool {
    task.priority >= Priority::High && (same_model || quality < Quality::Strong)
}

/// The JSON schema that an answer is held to. Flat and without lengths, like that of a review, and like it without criteria where the
/// task has none.
pub fn schema(criteria: usize) -> serde_json::Value {
    let text = || json!({"type": "string"});
    let maybe = || json!({"type": ["string", "null"]});
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["verdict", "summary", "probes", "rests_on", "findings"],
        "properties": {
            "verdict": {"type": "string", "enum": ["probe", "pass", "reject"]},
            "summary": text(),
            "probes": {"type": "array", "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["id", "why", "command", "path", "content", "expect"],
                "properties": {
                    "id": text(), "why": text(), "command": text(), "path": maybe(), "content": maybe(),
                    "expect": {"type": "string", "enum": ["succeeds", "fails"]}
                }
            }},
            "rests_on": {"type": "array", "items": text()},
            "findings": {"type": "array", "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["severity", "title", "path", "line", "probe", "detail"],
                "properties": {
                    "severity": {"type": "string", "enum": ["low", "medium", "high"]},
                    "title": text(), "path": maybe(), "line": {"type": ["integer", "null"]},
                    "probe": maybe(), "detail": text()
                }
            }}
        }
    });
    if criteria > 0 {
        criteria::demand(&mut schema);
    }
    schema
}

#[cfg(test)]
mod tests;
