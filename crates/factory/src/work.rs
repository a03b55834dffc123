//! The work of one claimed task: BUILD, OPS and DOCS end in a measured commit, REVIEW and SECURITY in a judgement.

pub(crate) mod asked;
pub(crate) mod build;
mod cage;
mod calls;
mod judging;
pub(crate) mod keep;
pub(crate) mod lead;
mod program;
pub(crate) mod question;
mod review;
mod rules;
pub(crate) mod servers;
pub(crate) mod session;
pub(crate) mod uncaged;
mod verify;

use std::sync::{Arc, Mutex, PoisonError};

use alai_core::blueprint::Blueprint;
use alai_core::brief::{Brief, Recalled, Role};
use alai_core::company::{self, Company, Walk};
use alai_core::ids::RunId;
use alai_core::mode::Mode;
use alai_core::money::Tariff;
use alai_core::pipeline::{Ended, Failure, Limit};
use alai_core::routing;
use alai_core::task::{Task, TaskKind};
use alai_core::transition::Transition;
use alai_core::verify as verifier;
use alai_fleet::Provider;
use alai_hivemind::recall as recalling;
use alai_minion::{ExitStatus, RunReport};
use alai_mission::{Claim, Fence, MindQuery, Project};
use alai_workspace::command::Cancel;
use alai_workspace::git::Repo;

use self::rules::rules;
use crate::beat::Factory;
use crate::models::{Asked, Chosen, Reach};
use crate::packs::{Given, Packs};
use crate::run::RunError;
use crate::way::{self, Pins, Way};
use crate::{integrate, money, pipelines, plan, postflight, unasked, wish};

pub(crate) use calls::{Bounds, Calls};
#[cfg(test)]
pub(crate) use verify::others_than;

/// The folder of a run's clone, and of its private home, below the run's own folder.
pub(crate) const CLONE: &str = "clone";
pub(crate) const HOME: &str = "home";
/// The journal's key for the commit that a clone starts from.
pub(crate) const START: &str = "start";

/// Whether the model that a task's company wants for it is there, or none is needed.
pub(crate) fn can_be_served(factory: &Factory, task: &Task) -> bool {
    chosen_for(factory, task).is_some() || unasked::of(factory, task)
}

/// The model that a task's company wants for it, where it is there.
pub(crate) fn chosen_for(factory: &Factory, task: &Task) -> Option<Chosen> {
    let (reach, now) = (reach(factory, task), factory.now_ms());
    let candidates = candidates_for(factory, task, reach, now);
    candidates.into_iter().next()
}

/// The models that may do a task, the best first. One that may not be paid for now is left out where another one is there.
pub(crate) fn candidates_for(
    factory: &Factory,
    task: &Task,
    reach: Reach,
    now_ms: i64,
) -> Vec<Chosen> {
    let wish = wish::of(&factory.packs(), task);
    let Ok(wish) = wish else {
        return Vec::new();
    };
    let Some(choice) = wish.want.model() else {
        return Vec::new();
    };
    let pays = |chosen: &Chosen| money::could_pay(factory, task.id, chosen);
    let (models, escalations) = (factory.models(), task.counters.escalations);
    let asked = Asked {
        kind: task.kind,
        choice,
        escalations,
        reach,
        now_ms,
    };
    match task.kind == TaskKind::Verify {
        true => verify::candidates(factory, task, asked, &pays),
        false => models.candidates_of(asked, &pays),
    }
}

/// How far the code of a task's project may go. Where that cannot be read it stays here.
pub(crate) fn reach(factory: &Factory, task: &Task) -> Reach {
    match task.project.map(|id| factory.mission().project(id)) {
        None => Reach::Anywhere,
        Some(Ok(project)) if !project.settings.local_only => Reach::Anywhere,
        Some(_) => Reach::Near,
    }
}

/// The branch a run works on, in its clone.
pub(crate) fn branch(run: &RunId) -> String {
    format!("minion/{}", run.short())
}

/// Where a run's commits are kept in the user's repository.
pub(crate) fn work_ref(run: &RunId) -> String {
    format!("refs/alai/{}", run.0)
}

/// A clone whose work is home and that waits for its removal. Under a name of its own, so that one that a kill left half
/// removed is not taken for work that deleted half of the project.
pub(crate) const EMPTIED: &str = "emptied-clone";

/// Removes what a run needed only while it worked; the clone itself only when it is `proven` to hold nothing more. Its evidence
/// and trajectory stay.
pub(crate) fn clear(factory: &Factory, run: &RunId, proven: bool) {
    let dir = factory.home().run(run);
    if proven {
        // One that is not there, or cannot be renamed, is left to the next sweep.
        let _ = std::fs::rename(dir.join(CLONE), dir.join(EMPTIED));
    }
    let stamps = alai_workspace::clone::stamps_beside(&dir.join(CLONE));
    for folder in [dir.join(EMPTIED), dir.join(HOME), stamps] {
        factory.remover().remove(folder);
    }
}

/// Does the work of one claim.
pub(crate) fn work(
    factory: &Arc<Factory>,
    claim: &Claim,
    cancel: &Cancel,
) -> Result<Ended, RunError> {
    if let Some(failure) = way::held(&factory.packs(), &claim.task) {
        return Ok(Ended::Failed { failure });
    }
    match claim.task.kind {
        TaskKind::Spec => plan::work(factory, claim, cancel),
        TaskKind::Build | TaskKind::Ops | TaskKind::Docs => build::work(factory, claim, cancel),
        TaskKind::Review | TaskKind::Security => review::work(factory, claim, cancel),
        TaskKind::Verify => verify::work(factory, claim, cancel),
        TaskKind::Postflight => postflight::work(factory, claim, cancel),
        TaskKind::Goal => Err(RunError::infra("a goal is not run; its tasks are")),
    }
}

pub(crate) fn project(factory: &Arc<Factory>, task: &Task) -> Result<Project, RunError> {
    let id = task
        .project
        .ok_or_else(|| RunError::infra("the task has no project"))?;
    Ok(factory.mission().project(id)?)
}

pub(crate) fn repo(project: &Project) -> Result<Repo, RunError> {
    integrate::open(project).map_err(RunError::infra)
}

/// Who works, for whom, with which model.
#[derive(Debug)]
pub(crate) struct Desk {
    /// What the run works by to its end, however the home's packs change meanwhile.
    pub(crate) packs: Arc<Packs>,
    pub(crate) company: Company,
    pub(crate) role: Role,
    /// Who takes the task over when it proves to be beyond what the company may write; none where words did not choose it.
    instead: Option<String>,
    /// The blueprint that a run of this task walks, where it walks one.
    pub(crate) walk: Walk,
    /// Why it has its model and its company, and how its tools are called, as the record has it beside the blueprint.
    explained: (String, String),
    pub(crate) chosen: Chosen,
    /// How the model's host is paid.
    pub(crate) tariff: Tariff,
    fence: Fence,
    /// The blueprint that was asked for last, by its name and what it was given: it is read and resolved once, and asked for many times.
    resolved: Mutex<Option<(String, Given, Blueprint)>>,
}

impl Desk {
    /// Routes the task to a company, picks the model that the company wants at the task's tier, and writes both down. The
    /// inner error is the task's: no model, or none that may be paid for.
    pub(crate) fn open(
        factory: &Arc<Factory>,
        claim: &Claim,
    ) -> Result<Result<Desk, Failure>, RunError> {
        let task = &claim.task;
        let packs = factory.packs();
        let way = Way::of(&packs, task)?;
        // The class is known since, and packs may have changed: both can have brought it to a company that is closed.
        if let Some(failure) = way::held(&packs, task) {
            return Ok(Err(failure));
        }
        let (route, wish, walk) = (way.route, way.wish, way.walk);
        let company = way.company.clone();
        let choice = match wish::model(factory.config(), task, &wish) {
            Ok(choice) => choice,
            Err(failure) => return Ok(Err(failure)),
        };
        let (models, reach, now) = (factory.models(), reach(factory, task), factory.now_ms());
        let escalations = task.counters.escalations;
        let goes_on = way::walks(task.kind) || plan::given(task).is_some();
        let asks_nobody = goes_on && unasked::of(factory, task);
        let candidates = match wish::is_done_by_a_person(factory.config(), task, choice) {
            true => vec![Chosen::person()],
            false if asks_nobody => vec![Chosen::nobody()],
            false => candidates_for(factory, task, reach, now),
        };
        if candidates.is_empty() {
            let detail = models.why_none_of(Asked {
                kind: task.kind,
                choice,
                escalations,
                reach,
                now_ms: now,
            });
            return Ok(Err(Failure::NoModel { detail }));
        }
        let mut candidates = candidates.into_iter();
        // The place that its claim holds, or none: one that was found since is for the scheduler to give. What a person did is only
        // measured, whoever stands for it.
        let chosen = match factory.roster().seat(&claim.fence.run) {
            // One that asks no model any more needs the place no more that it was given.
            Some(_) if asks_nobody => candidates.next(),
            Some(Some(at)) => candidates.find(|chosen| at.is_of(chosen)),
            Some(None) if task.handed.is_none() => None,
            Some(None) | None => candidates.next(),
        };
        let Some(chosen) = chosen else {
            return Err(RunError::Displaced);
        };
        let chosen = chosen.recorded(task.kind);
        let mode = chosen.provider.mode();
        factory
            .mission()
            .describe_run(&claim.fence, mode, &company.name, &chosen.model)?;
        let instead = routing::instead(&route, &packs.registry).map(|other| other.name.clone());
        let route = route.said().join("; ");
        let wished = match asks_nobody {
            true => wish::NO_MODEL.to_owned(),
            false => wish::said(&wish, escalations),
        };
        let chose = format!("{wished}; {route}");
        let said = format!("{chose}{}", walks_said(task, &company, &chosen, &walk));
        let pipeline = pipelines::of(&chosen);
        factory
            .mission()
            .explain_run(&claim.fence, &said, &pipeline)?;
        let tariff = money::tariff(factory.config(), &chosen);
        if !chosen.is_nobody()
            && let Err(refused) = money::admit(factory, &claim.fence, &chosen, &tariff)?
        {
            return Ok(Err(Failure::Budget { refused }));
        }
        let pins = Pins::of(&packs, &company)?.text();
        let pins = pins.map_err(RunError::infra)?;
        if !factory
            .mission()
            .pin(&claim.fence, &pins, factory.now_ms())?
        {
            tracing::info!("run {}: begun anew, its pack has changed", claim.fence.run);
        }
        Ok(Ok(Desk {
            packs,
            company,
            role: wish.role,
            instead,
            walk,
            explained: (chose, pipeline),
            chosen,
            tariff,
            fence: claim.fence.clone(),
            resolved: Mutex::default(),
        }))
    }

    /// A desk for calls that are made for a task beside its own work, by another model than its own.
    pub(crate) fn beside(
        factory: &Arc<Factory>,
        claim: &Claim,
        company: Company,
        chosen: Chosen,
    ) -> Desk {
        Desk {
            packs: factory.packs(),
            walk: company::walk(&claim.task, &company),
            company,
            role: Role::Lead,
            instead: None,
            explained: (String::new(), String::new()),
            tariff: money::tariff(factory.config(), &chosen),
            chosen,
            fence: claim.fence.clone(),
            resolved: Mutex::default(),
        }
    }

    /// Walks the stage's own blueprint where the chosen one cannot be walked on this ground, and writes down why.
    pub(crate) fn walk_instead(
        &mut self,
        factory: &Arc<Factory>,
        kind: TaskKind,
        why: String,
    ) -> Result<(), RunError> {
        self.walk = company::walk_instead(kind, &self.company, &self.walk, why);
        let (chose, pipeline) = &self.explained;
        let said = format!("{chose}; {}", self.walk.said(&self.company));
        let mission = factory.mission();
        Ok(mission.explain_run(&self.fence, &said, pipeline)?)
    }

    pub(crate) fn fence(&self) -> &Fence {
        &self.fence
    }

    /// What an agent's failure means in this company: who was chosen by words and may not write what is asked for is not asked again.
    pub(crate) fn judged(&self, status: &ExitStatus, failure: Failure) -> Failure {
        match (status, &self.instead, failure) {
            (ExitStatus::ScopeViolation { .. }, Some(to), Failure::Quality { findings, .. }) => {
                Failure::Beyond {
                    findings,
                    from: self.company.name.clone(),
                    to: to.clone(),
                }
            }
            (_, _, failure) => failure,
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.chosen.provider.mode()
    }
}

/// Which blueprint a run walks, for its record; nothing where it walks none. An agent of others is asked for a plan, whatever a lead
/// at work would walk.
fn walks_said(task: &Task, company: &Company, chosen: &Chosen, walk: &Walk) -> String {
    if !way::is_walked(task, company) {
        return String::new();
    }
    match (task.kind, &chosen.provider) {
        (TaskKind::Spec, Provider::Agent(_)) => {
            "; an agent of others is asked for the plan: a model alone leads at work".to_owned()
        }
        _ => format!("; {}", walk.said(company)),
    }
}

/// The blueprint that a run walks. One that cannot be used is a mistake in a pack, which every attempt would find again.
pub(crate) fn blueprint(desk: &Desk, given: &Given) -> Result<Blueprint, Failure> {
    let (company, name) = (&desk.company, &desk.walk.blueprint);
    let mut given = given.clone();
    // What a person gave to the blueprint that cannot be walked is not meant for this one.
    if matches!(desk.walk.by, company::WalkBy::Instead { .. }) {
        given.task.clear();
    }
    let mut resolved = { desk.resolved.lock() }.unwrap_or_else(PoisonError::into_inner);
    if let Some((of, by, blueprint)) = &*resolved
        && (of, by) == (name, &given)
    {
        return Ok(blueprint.clone());
    }
    let found = desk.packs.blueprint(company, name, &given);
    if let Ok(blueprint) = &found {
        *resolved = Some((name.clone(), given, blueprint.clone()));
    }
    found.map_err(|e| Failure::BoxRefused {
        detail: format!("{} cannot work by `{name}`: {e}", company.name),
        remedy: format!(
            "mend it below `blueprints` or `companies/{}` of the home, then `alai mc retry {{id}}`",
            company.name
        ),
    })
}

/// What HiveMind knows about a task's words, for its brief. An empty answer counts as asked.
pub(crate) fn recall(factory: &Arc<Factory>, task: &Task) -> Result<Vec<Recalled>, RunError> {
    let query = MindQuery {
        words: recalling::words(&format!("{} {}", task.title, task.description)),
        project: task.project,
        limit: recalling::SEARCH_MAX,
    };
    let found = factory.mission().mind_search(&query)?;
    Ok(recalling::distinct(found, |e| &e.text)
        .iter()
        .map(|e| recalling::for_brief(e.id, &e.entry_kind, &e.text, &e.source))
        .collect())
}

/// The parts of a brief that are the same for builders and reviewers.
pub(crate) fn brief(
    factory: &Arc<Factory>,
    claim: &Claim,
    desk: &Desk,
    blueprint: Blueprint,
    project: alai_core::brief::ProjectBrief,
) -> Result<Brief, RunError> {
    let task = &claim.task;
    let limits = way::limits(factory.config(), &blueprint.limits);
    let mut description = task.description.clone();
    if verifier::needed(&factory.config().verifier, task, &[]).is_some() {
        description.push_str(verify::TOLD);
    }
    Ok(Brief {
        run: claim.fence.run.clone(),
        epoch: claim.fence.epoch,
        task: task.id,
        kind: task.kind,
        title: task.title.clone(),
        description,
        acceptance: task.acceptance.clone(),
        checks: task.checks.clone(),
        attempt: task.counters.qa_retries + task.counters.review_cycles,
        findings: task.findings.clone(),
        recalled: recall(factory, task)?,
        session: session::told(factory, task)?,
        company: desk.company.brief(desk.role),
        role: desk.role,
        blueprint,
        project,
        limits,
        answers: Vec::new(),
        progress: None,
    })
}

/// What an agent's end means when there is nothing to measure.
pub(crate) fn failure_of(report: &RunReport) -> Option<Result<Failure, RunError>> {
    let finding = || {
        let mut finding = format!("the run ended as {}", report.status);
        match &report.unread {
            // Whoever tries next, or is asked, must know what was wrong with the answer; the summary is of what came before it.
            Some(wrong) => finding.push_str(&format!(
                ": no answer in the asked form came, the last at {wrong}"
            )),
            // A run that ended before its agent said anything has no summary.
            None if report.summary.is_empty() => {}
            None => finding.push_str(&format!(": {}", report.summary)),
        }
        vec![finding]
    };
    let overrun = |limit| Failure::Overrun {
        findings: finding(),
        limit,
    };
    match &report.status {
        ExitStatus::Done => None,
        ExitStatus::GateFailed => Some(Ok(Failure::quality(finding()))),
        // It was ended at its work, and claimed nothing.
        ExitStatus::StepLimit => Some(Ok(overrun(Limit::Steps))),
        ExitStatus::TimeLimit => Some(Ok(overrun(Limit::Time))),
        ExitStatus::CostLimit => Some(Ok(overrun(Limit::Money))),
        ExitStatus::ScopeViolation { .. } => Some(Ok(Failure::Quality {
            findings: finding(),
            at: Transition::Execute,
        })),
        ExitStatus::Stuck { .. } | ExitStatus::Format | ExitStatus::ContextTruncated => {
            Some(Ok(Failure::Lost {
                findings: finding(),
            }))
        }
        ExitStatus::ProviderError {
            infrastructure: true,
            detail,
        } => Some(Ok(Failure::Infrastructure {
            detail: detail.clone(),
        })),
        ExitStatus::ProviderError {
            infrastructure: false,
            ..
        } => Some(Ok(Failure::Lost {
            findings: finding(),
        })),
        ExitStatus::Waiting { step } => Some(Ok(Failure::BoxRefused {
            detail: format!(
                "the blueprint asks a person at step `{step}`, which a judging run cannot do"
            ),
            remedy: "take that step out of the blueprint, then `alai mc retry {id}`".into(),
        })),
        ExitStatus::Blueprint { detail } => Some(Ok(Failure::BoxRefused {
            detail: format!("the blueprint cannot be walked: {detail}"),
            remedy: "mend the blueprint, then `alai mc retry {id}`".into(),
        })),
        ExitStatus::Killed { detail } => Some(Ok(Failure::Infrastructure {
            detail: format!("the agent's process ended: {detail}"),
        })),
        ExitStatus::Cancelled => Some(Err(RunError::Stopping)),
    }
}

/// Whether the agent came to an end of its own: false when the machine, the provider or a person ended it, so that there
/// is nothing to judge and the work is to be done anew.
pub(crate) fn is_an_end(report: &RunReport) -> bool {
    !matches!(
        failure_of(report),
        Some(Err(_) | Ok(Failure::Infrastructure { .. }))
    )
}
