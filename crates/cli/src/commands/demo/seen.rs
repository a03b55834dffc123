//! What the rows say was shown.

use std::path::PathBuf;

use alai_core::ids::TaskId;
use alai_core::mode::Mode;
use alai_core::pipeline::FOLLOW_UP_TAG;
use alai_core::task::{State, Task, TaskKind};
use alai_factory::{Home, newest_evidence};
use alai_gate::evidence;
use alai_mission::{Filter, Reader};

use super::table::Shows;
use crate::error::{CliError, Kind};
use crate::show;

/// How a demo ended.
pub(super) struct Seen {
    pub(super) lines: Vec<String>,
    /// A package of a build, and its task.
    pub(super) evidence: PathBuf,
    pub(super) evidenced: TaskId,
    /// The first thing that should have been shown and was not.
    pub(super) missing: Option<String>,
}

/// Reads all rows of the demo's home, and verifies each package.
pub(super) fn seen(
    home: &Home,
    reader: &Reader,
    asked: &[TaskId],
    wanted: &Shows,
) -> Result<Seen, CliError> {
    let all = reader.tasks(&Filter {
        ended: true,
        ..Filter::default()
    })?;
    let packages = packages(home, reader, &all)?;
    let merged = |t: &&Task| t.integrated.is_some();
    let of = |kind: TaskKind| all.iter().filter(move |t| t.kind == kind);
    let waiting: Vec<&Task> = all.iter().filter(|t| t.state == State::Waiting).collect();
    let shown = Shows {
        builds: of(TaskKind::Build)
            .filter(|t| t.state == State::Done)
            .count(),
        reworks: of(TaskKind::Build).filter(|t| t.lineage.is_some()).count(),
        follow_ups: of(TaskKind::Build)
            .filter(|t| t.tags.iter().any(|tag| tag == FOLLOW_UP_TAG))
            .count(),
        merged: all.iter().filter(merged).count(),
        ops: of(TaskKind::Ops).filter(merged).count(),
        docs: of(TaskKind::Docs).filter(merged).count(),
        packages: packages.verified,
        waiting: waiting.len(),
    };
    let unfinished = all
        .iter()
        .find(|t| !matches!(t.state, State::Done | State::Waiting));
    let missing = unfinished
        .map(|t| format!("{} is {}", t.id, t.state))
        .or(packages.wrong)
        .or_else(|| wanted.missing_in(&shown));
    let (evidenced, evidence) = packages
        .of_a_build
        .ok_or_else(|| CliError::new(Kind::Failed, "the demo left no evidence of a build"))?;
    let mut lines = Vec::new();
    for id in asked {
        let task = reader.task(*id)?;
        if task.kind == TaskKind::Goal {
            lines.push(format!("goal       {id} is {}", task.state));
        }
    }
    let mut builds = format!(
        "builds     {} (of them {} after a review sent one back",
        shown.builds, shown.reworks
    );
    if shown.follow_ups > 0 {
        builds.push_str(&format!(", {} for what one found", shown.follow_ups));
    }
    lines.push(format!("{builds})"));
    lines.push(format!(
        "judged     {} reviews, {} security audits",
        of(TaskKind::Review).count(),
        of(TaskKind::Security).count()
    ));
    let ops = match shown.ops {
        0 => String::new(),
        n => format!(", {n} deploy set-up"),
    };
    lines.push(format!(
        "merged     {} changes, {} of them documentation{ops}",
        shown.merged, shown.docs
    ));
    lines.extend(waiting.iter().map(|t| {
        let action = t.waiting.as_ref().map(|w| show::clean(&w.next_action));
        format!(
            "for you    {} {}: {}",
            t.id,
            show::clean(&t.title),
            action.unwrap_or_default()
        )
    }));
    lines.push(format!(
        "packages   {} signed and verified, every record says simulated",
        shown.packages
    ));
    Ok(Seen {
        lines,
        evidence,
        evidenced,
        missing,
    })
}

struct Packages {
    verified: usize,
    of_a_build: Option<(TaskId, PathBuf)>,
    wrong: Option<String>,
}

fn packages(home: &Home, reader: &Reader, all: &[Task]) -> Result<Packages, CliError> {
    let key = evidence::key::load_or_create(&home.gate_key())
        .map_err(|e| CliError::new(Kind::Failed, e))?
        .public();
    let mut packages = Packages {
        verified: 0,
        of_a_build: None,
        wrong: None,
    };
    for task in all {
        let runs = reader.runs_of(task.id)?;
        // Where no model is asked there is nothing to simulate: a postflight's run has no mode, and that of a scaffold is real.
        let simulated = runs.iter().all(|r| match (r.mode, r.pipeline.as_deref()) {
            (Some(mode), pipeline) => mode == Mode::Simulated || pipeline == Some("no-model"),
            (None, _) => task.kind == TaskKind::Postflight,
        });
        if !simulated {
            packages.wrong = Some(format!("a record of {} does not say simulated", task.id));
        }
        let Some(dir) = newest_evidence(home, &runs) else {
            continue;
        };
        if evidence::verify(&dir, &key).is_err() {
            packages.wrong = Some(format!("the evidence of {} does not verify", task.id));
            continue;
        }
        packages.verified += 1;
        if task.kind == TaskKind::Build {
            packages.of_a_build = Some((task.id, dir));
        }
    }
    Ok(packages)
}
