//! How every run that judges one commit begins: REVIEW, SECURITY and VERIFY.

use std::sync::Arc;

use alai_core::pipeline::Ended;
use alai_mission::{Claim, Project};
use alai_workspace::git::{Oid, Repo};

use super::Desk;
use super::review::{by_a_person, oid};
use crate::beat::Factory;
use crate::room;
use crate::run::RunError;

/// What is judged, and by whom.
pub(super) struct Judging {
    pub(super) project: Project,
    pub(super) repo: Repo,
    pub(super) base: Oid,
    pub(super) head: Oid,
    pub(super) desk: Desk,
}

/// Opens the run, or ends it: there is no room, nobody to judge, or a person has judged already.
pub(super) fn opened(
    factory: &Arc<Factory>,
    claim: &Claim,
) -> Result<Result<Judging, Ended>, RunError> {
    let task = &claim.task;
    let project = super::project(factory, task)?;
    let repo = super::repo(&project)?;
    if let Some(failure) = room::missing(factory, task, &project, &repo)? {
        return Ok(Err(Ended::Failed { failure }));
    }
    let (base, head) = match (&task.base, &task.head) {
        (Some(base), Some(head)) => (oid(base)?, oid(head)?),
        _ => return Err(RunError::infra("what is to be judged names no commit")),
    };
    let desk = match Desk::open(factory, claim)? {
        Ok(desk) => desk,
        Err(failure) => return Ok(Err(Ended::Failed { failure })),
    };
    if task.handed.is_some()
        && let Some(judged) = factory.mission().judged(task.id)?
    {
        return by_a_person(factory, claim, &desk, &repo, (&base, &head), &judged).map(Err);
    }
    Ok(Ok(Judging {
        project,
        repo,
        base,
        head,
        desk,
    }))
}
