//! What a judge answers of each acceptance criterion, and what of it counts: a criterion is met by a file and a line of the commit, or
//! it is not.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ReviewVerdict;
use crate::task::TaskKind;

/// One criterion, by its number in the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriterionAnswer {
    /// From 1, in the order of the task's criteria.
    pub n: u32,
    pub met: bool,
    /// Where the commit shows it. Checked like a finding's.
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub line: Option<u32>,
}

/// What an answer about one criterion comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criterion {
    pub n: u32,
    /// The file and line that show it, or why it does not count as met.
    pub met: Result<(String, u32), String>,
}

impl std::fmt::Display for Criterion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.met {
            Ok((path, line)) => write!(f, "criterion {} is met: {path}:{line}", self.n),
            Err(why) => write!(f, "criterion {} is not met: {why}", self.n),
        }
    }
}

/// The criteria that a judge of this kind answers. An audit asks something else of the same commit.
pub fn asked(kind: TaskKind, acceptance: &[String]) -> &[String] {
    match kind {
        TaskKind::Review | TaskKind::Verify => acceptance,
        TaskKind::Goal
        | TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Security
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => &[],
    }
}

/// Each of the task's criteria with what was answered of it. Whether the commit has what is cited is not known here.
pub fn criteria(count: usize, answers: &[CriterionAnswer]) -> Vec<Criterion> {
    let numbers = 1..=u32::try_from(count).unwrap_or(u32::MAX);
    numbers
        .map(|n| Criterion {
            n,
            met: met(n, answers),
        })
        .collect()
}

fn met(n: u32, answers: &[CriterionAnswer]) -> Result<(String, u32), String> {
    let mut of_it = answers.iter().filter(|answer| answer.n == n);
    let answer = match (of_it.next(), of_it.next()) {
        (Some(answer), None) => answer,
        (None, _) => return Err("it was not answered".into()),
        (Some(_), Some(_)) => return Err("it was answered more than once".into()),
    };
    match (answer.met, &answer.path, answer.line) {
        (true, Some(path), Some(line)) => Ok((path.clone(), line)),
        (true, _, _) => Err("no file and line show it".into()),
        (false, Some(path), Some(line)) => Err(format!("so its judge says, at {path}:{line}")),
        (false, _, _) => Err("so its judge says".into()),
    }
}

/// What keeps a pass from counting: every criterion has to be met. A reject stands whatever was answered.
pub fn unmet(verdict: ReviewVerdict, answered: &[Criterion]) -> Vec<String> {
    if verdict == ReviewVerdict::Reject {
        return Vec::new();
    }
    let unmet = answered.iter().filter(|criterion| criterion.met.is_err());
    unmet
        .map(|criterion| format!("it passes, and {criterion}"))
        .collect()
}

/// Adds the criteria to an answer's schema: flat, without lengths.
pub(crate) fn demand(schema: &mut serde_json::Value) {
    schema["properties"]["criteria"] = json!({"type": "array", "items": {
        "type": "object",
        "additionalProperties": false,
        "required": ["n", "met", "path", "line"],
        "properties": {
            "n": {"type": "integer"},
            "met": {"type": "boolean"},
            "path": {"type": ["string", "null"]},
            "line": {"type": ["integer", "null"]}
        }
    }});
    if let Some(required) = schema["required"].as_array_mut() {
        required.push("criteria".into());
    }
}

/// What a judge is told of it, where the task has criteria.
pub const ASKED: &str = "`criteria`: for each acceptance criterion {\"n\": its number, \"met\": true | false, \"path\", \"line\": where the \
commit shows it}; a pass needs all of them met.";

#[cfg(test)]
mod tests {
    use super::super::Review;
    use super::*;

    fn answer(n: u32, met: bool, place: Option<(&str, u32)>) -> CriterionAnswer {
        CriterionAnswer {
            n,
            met,
            path: place.map(|(path, _)| path.to_owned()),
            line: place.map(|(_, line)| line),
        }
    }

    #[test]
    fn each_criterion_is_met_by_a_place_or_it_is_not() {
        let here = Some(("a.rs", 3));
        let twice = [answer(1, true, here), answer(1, true, here)];
        let cases: [(&[CriterionAnswer], &str); 6] = [
            (&[answer(1, true, here)], "criterion 1 is met: a.rs:3"),
            (&[], "criterion 1 is not met: it was not answered"),
            (
                &[answer(0, true, here)],
                "criterion 1 is not met: it was not answered",
            ),
            (
                &[answer(1, true, None)],
                "criterion 1 is not met: no file and line show it",
            ),
            (
                &[answer(1, false, here)],
                "criterion 1 is not met: so its judge says, at a.rs:3",
            ),
            (
                &twice,
                "criterion 1 is not met: it was answered more than once",
            ),
        ];
        for (answers, want) in cases {
            let held = criteria(1, answers);
            assert_eq!(held.len(), 1);
            assert_eq!(held[0].to_string(), want);
        }
        assert!(criteria(0, &twice).is_empty());
    }

    #[test]
    fn a_pass_answers_every_criterion_and_a_reject_none() {
        let one = vec![answer(1, true, Some(("a.rs", 3)))];
        assert!(unmet(ReviewVerdict::Pass, &criteria(1, &one)).is_empty());
        let short = unmet(ReviewVerdict::PassWithFindings, &criteria(2, &one));
        assert_eq!(
            short,
            ["it passes, and criterion 2 is not met: it was not answered"]
        );
        assert!(unmet(ReviewVerdict::Reject, &criteria(2, &[])).is_empty());
    }

    #[test]
    fn an_audit_is_asked_for_no_criterion_and_answers_of_old_have_none() {
        let all = ["it is tested".to_owned()];
        assert_eq!(asked(TaskKind::Review, &all).len(), 1);
        assert_eq!(asked(TaskKind::Verify, &all).len(), 1);
        assert!(asked(TaskKind::Security, &all).is_empty());
        let old = Review::parse(r#"{"verdict":"pass","summary":"fine","findings":[]}"#);
        assert!(old.expect("readable").criteria.is_empty());
        let schema = |count| {
            Review::schema(count)["properties"]
                .get("criteria")
                .is_some()
        };
        assert_eq!((schema(0), schema(1)), (false, true));
    }
}
