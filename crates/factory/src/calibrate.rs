//! `alai qa calibrate`: known bugs and cheats are planted into this home's own merged changes, and the gate and the verifiers are asked
//! about each as if an agent had made it. Nothing of it is merged, and no ref points at it.

use std::sync::Arc;

use alai_core::cage::Sandbox;
use alai_core::calibrate::{Fault, Source};
use alai_core::ids::{ProjectId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::pipeline::{lineage, subject};
use alai_core::qa::{self, Outcome};
use alai_core::task::{NewTask, State, Task, TaskKind};
use alai_gate::{Candidate, GateError, evidence};
use alai_mission::{Filter, MissionError, Project};
use alai_workspace::command::Cancel;
use alai_workspace::git::{self, ChangeStatus, CommitText, Oid, Repo};
use alai_workspace::setup::Prepared;

use crate::advisories;
use crate::beat::Factory;
use crate::ground::{self, GroundError};
use crate::way::{self, Way};
use crate::work::build::paths::{Paths, scaffolded};
use crate::work::build::rail;
use crate::{integrate, work};

/// A larger file is no place for a fault that a person could follow.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Tests that were there before, beside the files of the change.
const TESTS_MAX: usize = 20;

/// Marks the tasks of a calibration.
pub const TAG: &str = "calibration";

/// Why there is nothing to calibrate with, or it cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    #[error("no change was merged here yet that could be planted into")]
    NoChange,
    #[error("{0}")]
    Failed(String),
    #[error("the project of {task} cannot be measured: {detail}")]
    Refused { task: TaskId, detail: String },
    #[error("stopped")]
    Cancelled,
}

/// A merged change as it was, or with one fault in it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The build whose change it is.
    pub task: TaskId,
    /// None: the change as it was merged.
    pub fault: Option<Fault>,
    /// What was planted, for people.
    pub what: String,
    pub base: String,
    pub head: String,
}

/// The gate's word about a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// It would not have gone on by itself.
    pub held: bool,
    pub why: String,
}

/// The newest merged changes, at most `most`, each as it was and with every fault that finds a place in it.
pub fn samples(
    factory: &Arc<Factory>,
    project: Option<ProjectId>,
    most: usize,
) -> Result<Vec<Sample>, CalibrateError> {
    let merged = Filter {
        state: Some(State::Done),
        kind: Some(TaskKind::Build),
        project,
        ended: true,
        ..Filter::default()
    };
    let mut tasks = factory.mission().tasks(&merged).map_err(failed)?;
    // What was sent back once is no example of a good change.
    let again: Vec<TaskId> = tasks.iter().filter_map(|task| task.lineage).collect();
    tasks.retain(|task| {
        task.integrated.is_some() && task.lineage.is_none() && !again.contains(&task.id)
    });
    tasks.sort_by_key(|task| std::cmp::Reverse(task.id));
    let mut found = Vec::new();
    for task in tasks.into_iter().take(most) {
        let (Some(base), Some(head)) = (&task.base, &task.head) else {
            continue;
        };
        let sample = |fault, what, head: String| Sample {
            task: task.id,
            fault,
            what,
            base: base.clone(),
            head,
        };
        found.push(sample(None, "as it was merged".to_owned(), head.clone()));
        let (project, repo) = opened(factory, &task)?;
        let (from, to) = (oid(base)?, oid(head)?);
        let test = project.settings.test.clone().unwrap_or_default();
        let files = sources(&repo, &from, &to, &test)?;
        for fault in Fault::ALL {
            let Some(planted) = fault.plant(&files, &test) else {
                continue;
            };
            let who = integrate::identity(&project);
            let text = CommitText {
                message: format!("{}\n", subject(&task.title)),
                author: who.clone(),
                committer: who,
                when_ms: task.updated_ms,
            };
            let bytes = planted.content.as_ref().map(|text| text.as_bytes());
            let made = git::planted(&repo, &to, &planted.path, bytes, &text).map_err(failed)?;
            found.push(sample(Some(fault), planted.what, made.to_string()));
        }
    }
    match found.is_empty() {
        true => Err(CalibrateError::NoChange),
        false => Ok(found),
    }
}

/// What the gate says of a sample, by all that it would have said of an agent's commit: the paths, the blueprint and the rules of the company
/// that would build it now.
pub fn gate(
    factory: &Arc<Factory>,
    sample: &Sample,
    cancel: &Cancel,
) -> Result<Judged, CalibrateError> {
    let task = factory.mission().task(sample.task).map_err(failed)?;
    let (project, repo) = opened(factory, &task)?;
    let (base, head) = (oid(&sample.base)?, oid(&sample.head)?);
    let ground = ground::proven(factory, &repo, &project, &base, None, cancel);
    let ground = ground.map_err(|e| match e {
        GroundError::Cancelled => CalibrateError::Cancelled,
        GroundError::Refused { detail, .. } | GroundError::Machine(detail) => {
            CalibrateError::Refused {
                task: task.id,
                detail,
            }
        }
    })?;
    let scratch = ground::scratch(factory, "calibrate").map_err(failed)?;
    let toolchains = factory.toolchains();
    let settings = &project.settings;
    let packs = factory.packs();
    let way = Way::of(&packs, &task).map_err(failed)?;
    let walks = (way.company, way.walk.blueprint.as_str());
    let given = way::given(&task, Some(&ground.test));
    let scaffolded = scaffolded(&packs, walks, &given);
    let paths = Paths {
        task: &task,
        settings,
        company: way.company,
        test: &ground.test,
    };
    let (allowed, _) = paths.allowed();
    let moves = task.tags.iter().any(|t| t == "dependencies");
    let advisories = moves
        .then(|| advisories::in_force(factory.home(), factory.now_ms()))
        .flatten();
    let diff = git::diff(&repo, &base, &head).map_err(failed)?;
    let rail = rail(&task, &diff);
    let mut candidate = Candidate {
        repo: &repo,
        base: &base,
        head: &head,
        kind: task.kind,
        prepared: &ground.prepared,
        prepared_head: None,
        toolchains: &toolchains,
        around: &settings.surroundings,
        test_command: &ground.test,
        build_command: settings.build.as_deref(),
        lint_command: settings.lint.as_deref(),
        checks: &task.checks,
        allowed_paths: &allowed,
        forbidden_paths: paths.forbidden(),
        changes_tests: paths.changes_tests(),
        allow_dependency_changes: moves,
        advisories: advisories.as_ref(),
        scaffolded: &scaffolded,
        base_census: &ground.census,
        scratch: scratch.path(),
        checks_may_be_green: task.checks_may_be_green(),
        command_s: ground::COMMAND_S_MAX,
    };
    let prepared_head;
    if (moves || !scaffolded.is_empty()) && rail.is_none() {
        prepared_head = of_head(factory, &project, &candidate, cancel)?;
        candidate.prepared_head = prepared_head.as_ref();
    }
    let measured = alai_gate::measure(&candidate, cancel).map_err(unmeasured)?;
    let dir = scratch.path().join("evidence");
    let contents = evidence::Contents {
        gotcha: "# GOTCHA\n\nA sample of a calibration.\n",
        commands: &measured.commands,
        diff: &diff.patch,
        report: &serde_json::json!({"calibration": sample.what}),
        trajectory: None,
    };
    let redact = |text: &str| alai_minion::redact(text).into_owned();
    evidence::write(&dir, &contents, &redact).map_err(failed)?;
    let complete = evidence::complete(&dir, &measured.commands, Sandbox::On, &redact);
    let mut measurements = measured.measurements;
    measurements.push(complete);
    let sends = factory.config().verifier.send;
    let qa = &factory.config().qa;
    let policy = qa.policy(&project.name, &way.company.name, sends);
    let verdict = qa::judge(&measurements, policy);
    Ok(match (&verdict.outcome, rail) {
        (Outcome::Passed, None) => Judged {
            held: false,
            why: format!("passed {} of {}", verdict.passed, verdict.applicable),
        },
        (Outcome::Passed, Some((rule, _))) => Judged {
            held: true,
            why: format!("safety rail {}", rule.as_str()),
        },
        (Outcome::Failed { reasons }, _) => Judged {
            held: true,
            why: reasons.first().cloned().unwrap_or_default(),
        },
        (Outcome::NeedsHuman { reason }, _) => Judged {
            held: true,
            why: reason.clone(),
        },
    })
}

/// The set-up of a sample that may move dependencies, where it differs from its base's. As in the gate, what its manifests say is run
/// only where the text of the change is not refused already, and a set-up that fails is left out.
fn of_head(
    factory: &Arc<Factory>,
    project: &Project,
    candidate: &Candidate<'_>,
    cancel: &Cancel,
) -> Result<Option<Prepared>, CalibrateError> {
    let refused = alai_gate::refused_unrun(candidate, cancel).map_err(unmeasured)?;
    if refused.is_some() {
        return Ok(None);
    }
    let (repo, base, head) = (candidate.repo, candidate.base, candidate.head);
    match ground::prepared(factory, repo, project, head, Some(base), cancel) {
        Ok(prepared) => Ok(Some(prepared).filter(|p| p.key != candidate.prepared.key)),
        Err(GroundError::Refused { .. }) => Ok(None),
        Err(GroundError::Cancelled) => Err(CalibrateError::Cancelled),
        Err(GroundError::Machine(detail)) => Err(CalibrateError::Failed(detail)),
    }
}

fn unmeasured(error: GateError) -> CalibrateError {
    match matches!(error, GateError::Cancelled) {
        true => CalibrateError::Cancelled,
        false => failed(error),
    }
}

/// A task in which an independent verifier looks at a sample. It is told what it would be told of the build, and nothing follows.
pub fn verification(factory: &Arc<Factory>, sample: &Sample) -> Result<TaskId, CalibrateError> {
    let build = factory.mission().task(sample.task).map_err(failed)?;
    let mut task = NewTask::new(
        TaskKind::Verify,
        format!("Verification: {}", subject(&build.title)),
    );
    task.parent = Some(lineage(&build));
    task.project = build.project;
    task.description = build.description.clone();
    task.acceptance = build.acceptance.clone();
    task.checks = build.checks.clone();
    task.tags = vec![TAG.to_owned()];
    task.base = Some(sample.base.clone());
    task.head = Some(sample.head.clone());
    task.solo = true;
    let now = factory.now_ms();
    factory
        .mission()
        .add(task, None, "calibration", now)
        .map_err(failed)
}

/// Ends what is left of calibrations: who asked is gone, and nobody pays for an answer that nobody reads.
///
/// # Errors
/// When the store cannot be read or written.
pub(crate) fn put_away(factory: &Arc<Factory>) -> Result<(), MissionError> {
    let mission = factory.mission();
    let left = Filter {
        tag: Some(TAG.to_owned()),
        kind: Some(TaskKind::Verify),
        ..Filter::default()
    };
    for task in mission.tasks(&left)?.iter().filter(|task| task.solo) {
        let text = "its calibration was ended from outside".to_owned();
        mission.act(
            task.id,
            Event::Cancel,
            text,
            "calibration",
            factory.now_ms(),
        )?;
    }
    Ok(())
}

/// Lets the verifiers look at their samples, one after the other and nothing else, until each has come to its end or waits.
pub fn verify_all(factory: &Arc<Factory>, tasks: &[TaskId]) -> Result<(), CalibrateError> {
    let mut left = tasks.iter().copied();
    let Some(mut at) = left.next() else {
        return Ok(());
    };
    factory.dispatch_only(at);
    let mut is_over = false;
    let looked = factory.run_until(|factory| {
        let state = factory.mission().task(at).map(|task| task.state);
        if matches!(
            state,
            Ok(State::Open | State::Started | State::ReadyForReview)
        ) {
            return false;
        }
        match left.next() {
            Some(next) => {
                at = next;
                factory.dispatch_only(at);
                factory.wake();
            }
            None => is_over = true,
        }
        is_over
    });
    looked.map_err(failed)?;
    match is_over {
        true => Ok(()),
        false => Err(CalibrateError::Cancelled),
    }
}

/// The files of a change, the tests that it found there, and the runner's own.
fn sources(repo: &Repo, base: &Oid, head: &Oid, test: &str) -> Result<Vec<Source>, CalibrateError> {
    let diff = git::diff(repo, base, head).map_err(failed)?;
    let mut paths: Vec<String> = diff
        .files
        .iter()
        .filter(|f| !f.binary && f.status != ChangeStatus::Deleted)
        .map(|f| f.path.clone())
        .collect();
    let tree = git::tree(repo, base).map_err(failed)?;
    let runner = |path: &str| test.split_whitespace().any(|word| word == path);
    let before = tree
        .iter()
        .filter(|e| e.is_file() && !paths.contains(&e.path));
    let before = before.filter(|e| alai_gate::is_test(&e.path) || runner(&e.path));
    let before: Vec<String> = before.take(TESTS_MAX).map(|e| e.path.clone()).collect();
    paths.extend(before);
    let text = |commit: &Oid, path: &str| {
        let bytes = git::blob(repo, commit, path, FILE_BYTES_MAX).ok().flatten();
        bytes.and_then(|bytes| String::from_utf8(bytes).ok())
    };
    let read = |path: String| {
        let after = text(head, &path)?;
        Some(Source {
            is_test: alai_gate::is_test(&path),
            before: text(base, &path),
            code: alai_gate::code_of(&path, &after),
            after,
            path,
        })
    };
    Ok(paths.into_iter().filter_map(read).collect())
}

fn opened(factory: &Arc<Factory>, task: &Task) -> Result<(Project, Repo), CalibrateError> {
    let project = work::project(factory, task).map_err(failed)?;
    let repo = work::repo(&project).map_err(failed)?;
    Ok((project, repo))
}

fn oid(text: &str) -> Result<Oid, CalibrateError> {
    text.parse().map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> CalibrateError {
    CalibrateError::Failed(error.to_string())
}
