//! The short table of a DOCS task: six checks, all of which must pass.
//!
//! A DOCS change is prose, so nothing is scored: it stays in the documentation, it is there, it is finished, it carries no
//! secret, it touches nothing that judges, and what is built from it builds.

use std::path::Path;

use alai_core::qa::{Check, CheckResult, Measurement};
use alai_core::record::Captured;
use alai_core::services::Surroundings;
use alai_core::task::TaskKind;
use alai_workspace::command::Cancel;
use alai_workspace::git::{Oid, Repo};
use alai_workspace::setup::Prepared;
use alai_workspace::toolchains::Toolchains;

use crate::change::{Change, ChangedFile};
use crate::checks::{self, Rules, allowed_paths, gate_config, placeholders, proportion, secrets};
use crate::error::GateError;
use crate::load;
use crate::measure::Behind;
use crate::paths::Globs;
use crate::runs;
use crate::stage::Stage;

/// Where documentation lies when the task names nothing.
pub const DOCS_PATHS: [&str; 12] = [
    "docs",
    "doc",
    "wiki",
    "**/*.md",
    "**/*.mdx",
    "**/*.rst",
    "**/*.adoc",
    "README*",
    "CHANGELOG*",
    "CONTRIBUTING*",
    "LICENSE*",
    "mkdocs.yml",
];

/// A commit of a DOCS task.
#[derive(Debug, Clone, Copy)]
pub struct DocsCandidate<'a> {
    pub repo: &'a Repo,
    pub base: &'a Oid,
    pub head: &'a Oid,
    pub prepared: &'a Prepared,
    pub toolchains: &'a Toolchains,
    pub around: &'a Surroundings,
    /// Builds or lints the documentation; without one its Markdown is read by us.
    pub build_command: Option<&'a str>,
    /// Globs; none means [`DOCS_PATHS`].
    pub allowed_paths: &'a [String],
    /// Globs that win over the allowed ones.
    pub forbidden_paths: &'a [String],
    /// The task's own: each must exit 0.
    pub checks: &'a [String],
    pub scratch: &'a Path,
    /// Seconds that one command may take.
    pub command_s: u64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct DocsMeasured {
    /// One each for check 1 (builds or lints), 5, 8, 9, 11, 15 and 18. The caller adds check 16.
    pub measurements: Vec<Measurement>,
    pub commands: Vec<Captured>,
    /// Which of the commands a check rests on.
    pub behind: Behind,
}

/// The checks of the table.
pub const DOCS_CHECKS: [Check; 8] = [
    Check::CleanBuild,
    Check::AcceptanceChecks,
    Check::AllowedPathsOnly,
    Check::GateConfigUntouched,
    Check::NoSecrets,
    Check::NoPlaceholders,
    Check::EvidenceComplete,
    Check::DiffMinimal,
];

/// Measures a commit of a DOCS task.
///
/// # Errors
/// As [`crate::measure`].
pub fn measure_docs(
    candidate: &DocsCandidate<'_>,
    cancel: &Cancel,
) -> Result<DocsMeasured, GateError> {
    let default: Vec<String> = DOCS_PATHS.iter().map(|p| (*p).to_owned()).collect();
    let allowed = if candidate.allowed_paths.is_empty() {
        &default
    } else {
        candidate.allowed_paths
    };
    let (allowed, none) = (Globs::new(allowed)?, Globs::new(&[])?);
    let forbidden = Globs::new(candidate.forbidden_paths)?;
    let stage = Stage::new(
        candidate.repo,
        candidate.toolchains,
        candidate.around,
        candidate.scratch,
        candidate.command_s,
        cancel,
    );
    let room = stage.room("the documentation", candidate.head, candidate.prepared)?;
    let change = load::load(candidate.repo, candidate.base, candidate.head, &room.repo)?;
    let scaffolded = alai_core::blueprint::Scaffolded::default();
    let rules = Rules {
        scaffolded: &scaffolded,
        allowed: &allowed,
        forbidden: &forbidden,
        changes_tests: &none,
        test_command: "",
        kind: TaskKind::Docs,
        allow_dependency_changes: false,
        advisories: None,
        base_census: None,
    };
    let mut commands = Vec::new();
    let built = match candidate.build_command {
        Some(command) => {
            let captured = stage.run(&room, command)?;
            commands.push(captured.clone());
            runs::clean_build(Some(&captured), &captured, &crate::census::read(&captured))
        }
        None => readable(&change),
    };
    let mut behind = Behind::from([(Check::CleanBuild, (0..commands.len()).collect())]);
    let mut own = Vec::new();
    for command in candidate.checks {
        let room = stage.room("a check of the task", candidate.head, candidate.prepared)?;
        let captured = stage.run(&room, command)?;
        commands.push(captured.clone());
        own.push(runs::OwnCheck {
            command: command.clone(),
            head: captured,
            // A page may well have said before what it has to say still.
            base: None,
        });
    }
    let of_task = commands.len() - own.len()..commands.len();
    behind.insert(Check::AcceptanceChecks, of_task.collect());
    let measurements = vec![
        built,
        runs::acceptance(&own),
        allowed_paths::check(&change, &rules),
        gate_config::check(&change, &rules),
        secrets::check(&change),
        placeholders::check(&change, &rules),
        proportion::check(&change),
    ];
    Ok(DocsMeasured {
        measurements,
        commands,
        behind,
    })
}

/// What keeps a DOCS commit from passing; nothing when it passes. Every check of [`DOCS_CHECKS`] must be there, once; only the
/// task's own checks may not apply.
pub fn judge_docs(measurements: &[Measurement]) -> Vec<String> {
    let mut reasons = Vec::new();
    for check in DOCS_CHECKS {
        let found: Vec<&Measurement> = measurements.iter().filter(|m| m.check == check).collect();
        let reason = match found.as_slice() {
            [one] => match one.result {
                CheckResult::Pass => continue,
                CheckResult::NotApplicable if check == Check::AcceptanceChecks => continue,
                CheckResult::NotApplicable | CheckResult::Fail => one.detail.clone(),
            },
            [] => "was not measured".to_owned(),
            _ => "was measured twice".to_owned(),
        };
        reasons.push(format!("{} {}: {reason}", check.number(), check.title()));
    }
    reasons
}

/// Reads the changed Markdown: code fences are closed, links inside the repository lead somewhere, pages are not empty.
fn readable(change: &Change) -> Measurement {
    let pages = change.files.iter().filter(|f| {
        !f.is_deleted() && ["md", "mdx"].contains(&crate::paths::extension(&f.path).as_str())
    });
    let mut found = Vec::new();
    let mut read = 0u32;
    for page in pages {
        read += 1;
        found.extend(page_faults(page, change));
    }
    let clean = format!(
        "no build command is set; {read} Markdown pages read: fences closed, links inside the repository lead somewhere"
    );
    checks::judge_findings(Check::CleanBuild, &found, clean)
}

fn page_faults(page: &ChangedFile, change: &Change) -> Vec<String> {
    let Some(text) = page.head.text() else {
        return vec![format!("{} is no readable text", page.path)];
    };
    let mut found = Vec::new();
    if text.trim().is_empty() {
        found.push(format!("{} is empty", page.path));
    }
    let mut fence: Option<(usize, &str)> = None;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start();
        match fence {
            Some((_, mark)) if line.starts_with(mark) => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => fence = Some((at, "```")),
            None if line.starts_with("~~~") => fence = Some((at, "~~~")),
            None if page.added.contains(&at) => {
                let broken = links(line)
                    .into_iter()
                    .filter(|link| !leads_somewhere(link, &page.path, change));
                found
                    .extend(broken.map(|link| {
                        format!("{} links to {link}, which is not there", page.at(at))
                    }));
            }
            None => {}
        }
    }
    if let Some((at, _)) = fence {
        found.push(format!(
            "{} opens a code block that is never closed",
            page.at(at)
        ));
    }
    found
}

/// Targets of inline links and images of one line.
fn links(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("](") {
        rest = &rest[at + 2..];
        let end = rest.find([')', ' ']).unwrap_or(rest.len());
        found.push(rest[..end].trim_matches(['<', '>']));
    }
    found
}

fn leads_somewhere(link: &str, page: &str, change: &Change) -> bool {
    let target = link.split(['#', '?']).next().unwrap_or_default();
    let elsewhere = target.contains(':')
        || target.starts_with('/')
        || target.starts_with("//")
        || target.contains(['{', '$', '%']);
    if target.is_empty() || elsewhere {
        return true;
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    let folder = format!("{path}/");
    let page_like = [".md", ".mdx", "/index.md"]
        .iter()
        .any(|end| change.head_paths.contains_key(&format!("{path}{end}")));
    path.is_empty()
        || change.head_paths.contains_key(&path)
        || page_like
        || change.head_paths.keys().any(|p| p.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read() {
        let faults = |text: &str| {
            let change = Change::of(&[
                ("docs/a.md", None, Some(text)),
                ("docs/b.md", Some("b"), Some("b")),
                ("src/x.rs", Some("x"), Some("x")),
            ]);
            readable(&change).result
        };
        assert_eq!(
            faults(
                "# A\n\nSee [b](b.md#part), [x](../src/x.rs), [src](../src), [w](https://w.org/a), [c](#here).\n```\n[no](nowhere)\n```\n"
            ),
            CheckResult::Pass
        );
        assert_eq!(faults("See [gone](gone.md)\n"), CheckResult::Fail);
        assert_eq!(faults("```sh\nls\n"), CheckResult::Fail);
        assert_eq!(faults(" \n"), CheckResult::Fail);
    }

    #[test]
    fn each_check_of_the_table_vetoes() {
        let all = |result| -> Vec<Measurement> {
            DOCS_CHECKS
                .iter()
                .map(|check| Measurement {
                    check: *check,
                    result,
                    detail: "d".into(),
                })
                .collect()
        };
        assert!(judge_docs(&all(CheckResult::Pass)).is_empty());
        for at in 0..DOCS_CHECKS.len() {
            let mut list = all(CheckResult::Pass);
            list[at].result = CheckResult::Fail;
            assert_eq!(judge_docs(&list).len(), 1);
            list[at].result = CheckResult::NotApplicable;
            assert_eq!(
                judge_docs(&list).is_empty(),
                DOCS_CHECKS[at] == Check::AcceptanceChecks
            );
            list.remove(at);
            assert_eq!(judge_docs(&list).len(), 1, "what was not measured fails");
        }
    }
}
