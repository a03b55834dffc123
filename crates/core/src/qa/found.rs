//! What the gate's failed checks found, as findings: one for each part of a detail, with the place that it names.

use super::{CheckResult, Measurement};
use crate::review::{Finding, Severity};

/// The findings of a verdict's failed checks. A mandatory check's are of high severity, another's of medium.
pub fn findings(measurements: &[Measurement]) -> Vec<Finding> {
    let failed = { measurements.iter() }.filter(|m| m.result == CheckResult::Fail);
    failed.flat_map(of_check).collect()
}

fn of_check(measured: &Measurement) -> Vec<Finding> {
    let check = measured.check;
    let severity = match check.mandatory() {
        true => Severity::High,
        false => Severity::Medium,
    };
    let finding = |part: &str| {
        let place = part.split_whitespace().find_map(place);
        Finding {
            path: place.map(|(path, _)| path.to_owned()),
            line: place.map(|(_, line)| line),
            rule: Some(check.id().to_owned()),
            detail: part.to_owned(),
            // What fails in two places is two findings, and what fails in one for two reasons too.
            ..Finding::new(
                severity,
                format!("{}: {}", check.title(), without_place(part)),
            )
        }
    };
    let parts = measured
        .detail
        .split("; ")
        .filter(|part| !part.trim().is_empty());
    let mut found: Vec<Finding> = parts.map(finding).collect();
    if found.is_empty() {
        found.push(Finding {
            rule: Some(check.id().to_owned()),
            ..Finding::new(severity, check.title())
        });
    }
    found
}

/// `src/a.py:3`, also with a sign behind it.
fn place(word: &str) -> Option<(&str, u32)> {
    let word = word
        .trim_end_matches([',', ':', '.', ')'])
        .trim_start_matches('(');
    let (path, line) = word.rsplit_once(':')?;
    let is_path = !path.is_empty() && path.contains(['.', '/']) && !path.contains("://");
    let line: u32 = line.parse().ok().filter(|line| *line > 0)?;
    is_path.then_some((path, line))
}

fn without_place(part: &str) -> String {
    let words = part.split_whitespace().filter(|word| place(word).is_none());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::Check;
    use super::*;

    #[test]
    fn each_part_of_a_detail_is_a_finding_with_its_place() {
        let measured = |check, result, detail: &str| Measurement {
            check,
            result,
            detail: detail.into(),
        };
        let found = findings(&[
            measured(Check::CleanBuild, CheckResult::Pass, "a.rs:1 is fine"),
            measured(
                Check::StaticAnalysis,
                CheckResult::Fail,
                "src/a.py:3 eval or exec of a value; src/a.py:9 eval or exec of a value; and 2 more",
            ),
            measured(Check::BaseTestsPass, CheckResult::Fail, ""),
        ]);
        let seen: Vec<_> = { found.iter() }
            .map(|f| {
                (
                    f.rule.as_deref().unwrap_or_default(),
                    f.path.as_deref(),
                    f.line,
                    f.severity,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (
                    "static_analysis",
                    Some("src/a.py"),
                    Some(3),
                    Severity::Medium
                ),
                (
                    "static_analysis",
                    Some("src/a.py"),
                    Some(9),
                    Severity::Medium
                ),
                ("static_analysis", None, None, Severity::Medium),
                ("base_tests_pass", None, None, Severity::High),
            ]
        );
        assert_eq!(
            found[0].fingerprint(),
            found[1].fingerprint(),
            "a line is no part of it"
        );
        assert_ne!(found[0].fingerprint(), found[3].fingerprint());
        for none in ["http://a.example:80", "12:30", "a:b", ":3", "x.rs:0"] {
            assert_eq!(place(none), None, "{none}");
        }
    }
}
