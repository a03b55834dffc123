//! A lead at work: it reads the project, writes its company's scratch, and hands out tasks as proposals. What becomes of them is decided
//! here when its run is over, by what the rows say then, and carried out where every plan is: in the transaction that ends the run.
//!
//! Invariants, stated as absences: no proposal starts anything while the lead works; no part of a company's pack is in the lead's cage,
//! so that no lead changes the policy that it works by; no word of a lead marks anything done.

use std::cell::Cell;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alai_core::delegation::{Delegations, Frame, Handed, Known, LEADS_DEEP_MAX, PLANNED_MAX};
use alai_core::ids::ProjectId;
use alai_core::pipeline::{Ended, Failure, is_a_part};
use alai_core::plan::{Plan, PlanSource};
use alai_core::qa::{self, Check, CheckResult, Measurement};
use alai_minion::RunReport;
use alai_mission::{Claim, MissionError, Scope};
use alai_workspace::command::Cancel;
use alai_workspace::{cage, files};

use super::cage::{Place, Writes};
use super::question::{self, About, trajectory};
use super::{Desk, failure_of};
use crate::beat::Factory;
use crate::evidence::{self, Said};
use crate::home::Home;
use crate::run::RunError;
use crate::{room, way};

/// A company's own notes: what its lead writes beside its private home.
pub(crate) const SCRATCH: [&str; 2] = ["state", "logs"];
/// What they may hold when a lead begins. More is no scratch; a person clears it.
const SCRATCH_BYTES_MAX: u64 = 64 << 20;
const SCRATCH_FILES_MAX: u64 = 10_000;

/// What of a company a lead may write, on the machine.
pub(super) struct Notes {
    /// The folders, by their names inside.
    pub(super) folders: Vec<(&'static str, PathBuf)>,
    /// Held while the lead works: no import copies what it may be swapping.
    _lock: std::fs::File,
}

/// What a lead's run came to: a plan to be written down, or an end without one.
pub(crate) enum Led {
    Plan(Plan),
    Ended(Ended),
}

/// Lets the lead work, and seals what came of it.
pub(crate) fn work(
    factory: &Arc<Factory>,
    claim: &Claim,
    desk: &Desk,
    about: &About<'_>,
    cancel: &Cancel,
) -> Result<Led, RunError> {
    let failed = |failure| Ok(Led::Ended(Ended::Failed { failure }));
    if let Some(failure) = room::missing(factory, &claim.task, about.project, about.repo)? {
        return failed(failure);
    }
    let (home, company) = (factory.home(), &desk.company.name);
    let notes = match notes(home, company, about.project.id).map_err(RunError::infra)? {
        Ok(notes) => notes,
        Err(failure) => return failed(failure),
    };
    let report = match run(factory, claim, desk, about, &notes, cancel)? {
        Ok(report) => report,
        Err(failure) => return failed(failure),
    };
    let again = Delegations::judged(frame(factory, claim, desk)?, &report.proposals);
    let handed = again.handed(&report.summary);
    let led = led(&report, handed)?;
    seal(factory, claim, desk, about, &report, &led)?;
    Ok(led)
}

/// What the end of a lead means. A safety rule is for a person before anything else is, whatever the run came to.
fn led(report: &RunReport, handed: Handed) -> Result<Led, RunError> {
    let failure = match failure_of(report) {
        None => None,
        Some(failure) => Some(failure?),
    };
    let failed = |failure| Ok(Led::Ended(Ended::Failed { failure }));
    match (failure, handed) {
        (_, Handed::Railed { rule, detail }) => failed(Failure::Rail { rule, detail }),
        (Some(failure), Handed::Plan(_)) => failed(failure),
        (Some(failure), Handed::Refused(reasons)) => failed(with(failure, reasons)),
        (None, Handed::Refused(findings)) => failed(Failure::quality(findings)),
        (None, Handed::Plan(plan)) => Ok(Led::Plan(plan)),
    }
}

/// Why nothing was handed out stands beside why the run ended.
fn with(failure: Failure, reasons: Vec<String>) -> Failure {
    match failure {
        Failure::Quality { mut findings, at } => {
            findings.extend(reasons);
            Failure::Quality { findings, at }
        }
        Failure::Lost { mut findings } => {
            findings.extend(reasons);
            Failure::Lost { findings }
        }
        Failure::Overrun {
            mut findings,
            limit,
        } => {
            findings.extend(reasons);
            Failure::Overrun { findings, limit }
        }
        other @ (Failure::Beyond { .. }
        | Failure::Infrastructure { .. }
        | Failure::BoxRefused { .. }
        | Failure::Rail { .. }
        | Failure::GoalUnmet { .. }
        | Failure::NoModel { .. }
        | Failure::NoRoom { .. }
        | Failure::Budget { .. }
        | Failure::Human { .. }) => other,
    }
}

/// What the lead's proposals are judged by, as the rows have it now.
fn frame(factory: &Arc<Factory>, claim: &Claim, desk: &Desk) -> Result<Frame, MissionError> {
    let (mission, task) = (factory.mission(), &claim.task);
    let mut depth = 1;
    let mut at = task.clone();
    while depth < LEADS_DEEP_MAX && is_a_part(&at) {
        depth += 1;
        let Some(parent) = at.parent else { break };
        at = mission.task(parent)?;
    }
    let (mut left, mut spent) = (PLANNED_MAX, None);
    if let Some(goal) = task.goal {
        left = mission.left_to_plan(goal)?;
        let cap = factory.config().money.caps.goal;
        let sum = mission.sum_of(Scope::Goal(goal))?;
        spent = cap
            .filter(|cap| sum.held() > 0 && sum.held() >= *cap)
            .map(|cap| {
                let cap = alai_core::money::dollars(cap);
                format!("the goal's {cap} are spent, and nothing more is begun for it")
            });
    }
    Ok(Frame {
        companies: Known::all(&desk.packs.registry),
        depth,
        left,
        spent,
        cleared: task.cleared.clone(),
    })
}

/// The run of a lead: a checkout that it reads, in a cage.
fn run(
    factory: &Arc<Factory>,
    claim: &Claim,
    desk: &Desk,
    about: &About<'_>,
    notes: &Notes,
    cancel: &Cancel,
) -> Result<Result<RunReport, Failure>, RunError> {
    let shown = question::shown(about)?;
    let given = way::given(&claim.task, Some(&shown.test_command));
    let blueprint = match super::blueprint(desk, &given) {
        Ok(blueprint) => blueprint,
        Err(failure) => return Ok(Err(failure)),
    };
    let (tree, home) = question::seat(factory, claim, about)?;
    let brief = super::brief(factory, claim, desk, blueprint, shown)?;
    let trajectory = trajectory(factory, claim);
    let place = Place {
        project: about.project,
        clone: &tree,
        home: &home,
        writes: Writes::Notes(notes),
        trajectory: &trajectory,
        passes: &|_, _| false,
        settled: &|| {},
        uncaged: None,
        delegates: Some(frame(factory, claim, desk)?),
        ahead: None,
        standing: Cell::default(),
    };
    super::cage::agent(factory, desk, &brief, &place, cancel).map(Ok)
}

/// The folders of a company that its lead writes, made where they are missing: of this one project, so that no model that works for
/// another is shown what was noted of its code. The inner error is the task's.
pub(super) fn notes(
    home: &Home,
    company: &str,
    project: ProjectId,
) -> std::io::Result<Result<Notes, Failure>> {
    let own = home.companies().join(company);
    let mut used = Used::default();
    let mut folders = Vec::new();
    let io = std::io::Error::other::<files::FileError>;
    files::private_dir_all(&own).map_err(io)?;
    let lock = held(&own)?;
    for name in SCRATCH {
        let all = own.join(name);
        let folder = all.join(project.0.to_string());
        let remedy = |what: &str| Failure::BoxRefused {
            detail: format!("{} {what}", folder.display()),
            remedy: format!("clear {}, then `alai mc retry {{id}}`", folder.display()),
        };
        // Their parents are the factory's alone: what stands here was put here by a person, or by us.
        for place in [&all, &folder] {
            match std::fs::symlink_metadata(place) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => {
                    return Ok(Err(remedy(
                        "is no folder, and a lead writes no other place",
                    )));
                }
                Err(_) => files::private_dir(place).map_err(io)?,
            }
        }
        if used.add(&folder).is_err() {
            return Ok(Err(remedy(&format!(
                "cannot be looked through, or holds more than {} MiB or {SCRATCH_FILES_MAX} files",
                SCRATCH_BYTES_MAX >> 20
            ))));
        }
        // The folder alone, whose parent is ours. Below it another lead of the company may be at work, who could put a link in the place of
        // a folder while we walk, and have us give away what it leads to.
        if let Some((uid, gid)) = cage::agent_ids() {
            std::os::unix::fs::lchown(&folder, Some(uid), Some(gid))?;
        }
        folders.push((name, folder));
    }
    Ok(Ok(Notes {
        folders,
        _lock: lock,
    }))
}

/// Locks a company's folder for one of its leads, beside others. An import puts another folder in its place: that one is locked then.
fn held(own: &Path) -> std::io::Result<std::fs::File> {
    loop {
        let folder = std::fs::File::open(own)?;
        folder.lock_shared()?;
        let (locked, there) = (folder.metadata()?, std::fs::metadata(own)?);
        if (locked.dev(), locked.ino()) == (there.dev(), there.ino()) {
            return Ok(folder);
        }
    }
}

#[derive(Default)]
struct Used {
    bytes: u64,
    files: u64,
}

impl Used {
    /// Counts a folder that agents have written: no link is followed, and there is an end to it.
    fn add(&mut self, folder: &Path) -> std::io::Result<()> {
        let mut waiting = vec![folder.to_path_buf()];
        while let Some(folder) = waiting.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                let found = std::fs::symlink_metadata(&path)?;
                self.files += 1;
                self.bytes = self
                    .bytes
                    .saturating_add(found.blocks().saturating_mul(512));
                if self.bytes > SCRATCH_BYTES_MAX || self.files > SCRATCH_FILES_MAX {
                    return Err(std::io::Error::other("more than is scratch"));
                }
                if found.is_dir() {
                    waiting.push(path);
                }
            }
        }
        Ok(())
    }
}

fn seal(
    factory: &Arc<Factory>,
    claim: &Claim,
    desk: &Desk,
    about: &About<'_>,
    report: &RunReport,
    led: &Led,
) -> Result<(), RunError> {
    let (result, detail) = match led {
        Led::Plan(plan) => (
            CheckResult::Pass,
            format!(
                "the lead handed out {} task(s), each checked twice; {} proposal(s) in all",
                plan.tasks.len(),
                report.proposals.len()
            ),
        ),
        Led::Ended(ended) => (
            CheckResult::Fail,
            format!("nothing is handed out: {ended:?}"),
        ),
    };
    let said = Said {
        gotcha: report.gotcha.clone(),
        report: serde_json::to_value(report).map_err(RunError::infra)?,
        commands: report.commands.clone(),
        trajectory: Some(trajectory(factory, claim)).filter(|path| path.is_file()),
        ..Said::default()
    };
    let written = evidence::write(factory, claim, &said)?;
    let verdict = qa::judge_all(vec![Measurement {
        check: Check::CriteriaMet,
        result,
        detail: alai_minion::redact(&detail).into_owned(),
    }]);
    let commits = (about.base, about.base);
    evidence::seal(
        factory, claim, desk, about.repo, commits, &written, &verdict,
    )?;
    Ok(())
}

/// How a plan that was handed out ends its run.
pub(crate) fn planned(plan: Plan) -> Ended {
    Ended::Planned {
        plan,
        source: PlanSource::Delegated,
    }
}
