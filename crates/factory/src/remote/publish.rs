//! A delivery that goes to a remote: queued in the transaction that ends its row, pushed and proposed by what the outbox asks for.

use std::sync::Arc;

use alai_core::ids::TaskId;
use alai_core::pipeline::HUMAN_WAIT_MS;
use alai_core::pull;
use alai_core::task::{State, WaitReason, Waiting};
use alai_mission::{
    MergeRow, MissionError, NewPublished, OutboxRow, PULL, PUSH, Project, Published,
    PublishedState, Way,
};
use alai_workspace::command::Cancel;
use alai_workspace::crash;
use alai_workspace::gh::Proposal;
use alai_workspace::git::{self, Repo, Towards};

use super::{Looked, Trouble, gh_of, remote_of, words};
use crate::beat::Factory;
use crate::integrate::{self, IntegrateError};

/// Hands a delivery to the outbox, or says why it cannot be delivered. Exactly the asked commit goes there.
pub(crate) fn publish(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    row: &MergeRow,
    way: Way,
    cancel: &Cancel,
) -> Result<(), IntegrateError> {
    let mission = factory.mission();
    if let Some(why) = integrate::unfit(factory, repo, project, row, cancel)? {
        let waiting = integrate::approval(factory, row.task, project, Some(&why));
        let now_ms = factory.now_ms();
        return Ok(mission.end_delivery(row.id, row.task, Some(waiting), &why, now_ms)?);
    }
    let task = mission.published_for(row.task)?;
    let found = mission.task(task)?;
    let known = mission.published(task)?;
    let branch = match known {
        Some(known) => known.branch,
        None => pull::branch_for(task, found.kind, &found.title),
    };
    let new = NewPublished {
        task,
        project: project.id,
        way,
        remote: project.settings.remote().to_owned(),
        branch,
        target: project.target_branch.clone(),
        head: row.head.clone(),
    };
    match mission.publish(row, new, factory.now_ms())? {
        true => Ok(()),
        false => Err(IntegrateError::Withdrawn),
    }
}

/// Carries one row of the outbox out. What fails is tried again later, and said.
pub(super) fn send(
    factory: &Arc<Factory>,
    project: &Project,
    row: &OutboxRow,
    looked: &mut Looked,
) -> Result<(), MissionError> {
    let mission = factory.mission();
    let task = row.payload.parse().map(TaskId);
    let of = match task {
        Ok(task) => mission.published(task)?,
        Err(_) => None,
    };
    let asked =
        |of: &Published| format!("{}-{}-{}", row.sink, of.task.0, of.head) == row.effect_key;
    let Some(of) = of.filter(|of| of.state == PublishedState::Pushing && asked(of)) else {
        return mission.not_needed(row, factory.now_ms());
    };
    if mission.task(of.task)?.state == State::Cancelled {
        return mission.not_needed(row, factory.now_ms());
    }
    let sent = match row.sink.as_str() {
        PUSH => push(factory, project, row, &of),
        PULL => propose(factory, project, row, &of),
        other => Ok(Err(format!("there is no sink `{other}` in this build"))),
    };
    match sent? {
        Ok(said) => looked.said.push(said),
        Err(why) => {
            tracing::warn!("{}: {why}", project.name);
            let waiting = not_there(factory, &of, &why);
            mission.not_published(row, &of, &why, waiting, factory.now_ms())?;
            looked.failed.push(why);
        }
    }
    Ok(())
}

/// Pushing what is there already is no harm: a crash between the push and its note pushes again.
fn push(
    factory: &Arc<Factory>,
    project: &Project,
    row: &OutboxRow,
    of: &Published,
) -> Result<Result<String, Trouble>, MissionError> {
    let pushed = || -> Result<(), Trouble> {
        let repo = integrate::open(project).map_err(|e| e.to_string())?;
        let head = integrate::oid(&of.head).map_err(|e| e.to_string())?;
        // Settings may have changed since: what was asked for is in the row.
        let there = Project {
            settings: alai_mission::ProjectSettings {
                remote: Some(of.remote.clone()),
                ..project.settings.clone()
            },
            ..project.clone()
        };
        if of.branch == of.target {
            return Err(format!(
                "`{}` is people's branch, which is never pushed",
                of.branch
            ));
        }
        let remote = remote_of(&repo, &there, Towards::Push).map_err(|e| e.to_string())?;
        git::push(&repo, &remote, &head, &of.branch).map_err(|e| e.to_string())
    };
    if let Err(why) = pushed() {
        return Ok(Err(why));
    }
    crash::point("push.unsaid");
    let waiting = { of.pull.as_ref() }.map(|(number, url)| open(factory, of, *number, url));
    let mission = factory.mission();
    mission.pushed(row, of, waiting, factory.now_ms())?;
    crash::point("push.said");
    Ok(Ok(format!(
        "{} is pushed to {} as {}",
        of.head, of.remote, of.branch
    )))
}

/// One pull request, however often this is tried: before it is opened it is looked for.
fn propose(
    factory: &Arc<Factory>,
    project: &Project,
    row: &OutboxRow,
    of: &Published,
) -> Result<Result<String, Trouble>, MissionError> {
    let task = factory.mission().task(of.task)?;
    let title = pull::one_line(&task.title, words::TITLE_BYTES_MAX);
    let body = match words::body(factory, &task, of)? {
        Ok(body) => body,
        Err(why) => return Ok(Err(why)),
    };
    let proposed = gh_of(factory, project).and_then(|gh| {
        let proposal = Proposal {
            base: &of.target,
            head: &of.branch,
            title: &title,
            body: &body,
        };
        gh.propose(&proposal).map_err(|e| e.to_string())
    });
    let pull = match proposed {
        Ok(pull) => pull,
        Err(why) => return Ok(Err(why)),
    };
    crash::point("pull.unsaid");
    let url = pull::one_line(&pull.url, 300);
    let said = format!("pull request {} is open: {url}", pull.number);
    let waiting = open(factory, of, pull.number, &url);
    let mission = factory.mission();
    mission.proposed(row, of, (pull.number, url), waiting, factory.now_ms())?;
    crash::point("pull.said");
    Ok(Ok(said))
}

fn waits(factory: &Factory, detail: String, next_action: String) -> Waiting {
    Waiting {
        reason: WaitReason::Approval,
        owner: factory.config().operator.clone(),
        deadline_ms: factory.now_ms() + HUMAN_WAIT_MS,
        next_action,
        detail,
    }
}

/// What a person reads while a pull request is open.
fn open(factory: &Factory, of: &Published, number: u64, url: &str) -> Waiting {
    let id = of.task.0;
    waits(
        factory,
        format!("pull request {number} is open: {url}"),
        format!("review and merge it there; `alai mc reject {id} \"WHAT IS WRONG\"` sends it back"),
    )
}

/// What a person reads when it was closed without a merge; also that the newest commit never was in it.
pub(super) fn closed(factory: &Factory, of: &Published, has_ours: bool) -> Waiting {
    let id = of.task.0;
    let (number, url) = of.pull.clone().unwrap_or_default();
    waits(
        factory,
        match has_ours {
            true => format!("pull request {number} was closed without a merge: {url}"),
            false => format!(
                "pull request {number} was closed without a merge before {} came to it: {url}",
                of.head
            ),
        },
        format!(
            "`alai mc approve {id}` proposes it anew, `alai mc reject {id} \"WHAT IS WRONG\"` sends it back"
        ),
    )
}

fn not_there(factory: &Factory, of: &Published, why: &str) -> Waiting {
    waits(
        factory,
        format!("it is not delivered yet: {why}"),
        format!(
            "mend that; it is tried again by itself, and at once by `alai mc approve {}`",
            of.task.0
        ),
    )
}
