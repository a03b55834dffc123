//! A question of the factory that an agent's own program answers: in the cage that it has for work, on a checkout that it can only read.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use alai_core::blueprint::Blueprint;
use alai_core::brief::{Caps, ProjectBrief};
use alai_core::company::leads;
use alai_core::pipeline::Failure;
use alai_fleet::{ChatRequest, Message};
use alai_minion::RunReport;
use alai_minion::engine::Question;
use alai_mission::{Claim, Project};
use alai_workspace::cage;
use alai_workspace::command::Cancel;
use alai_workspace::git::{Oid, Repo};
use alai_workspace::{clone, files};

use super::cage::{Place, Writes};
use super::lead::Notes;
use super::{CLONE, Desk, HOME, lead};
use crate::beat::Factory;
use crate::run::RunError;
use crate::{integrate, room};

/// What an agent is asked about.
pub(crate) struct About<'a> {
    pub(crate) project: &'a Project,
    pub(crate) repo: &'a Repo,
    pub(crate) base: &'a Oid,
}

/// What who reads a company's notes is told of them.
const NOTES_WORDS: &str = "\n\n/company/state and /company/logs are your company's own notes on this project, to read; they prove nothing.";

/// Where a run's trajectory is written.
pub(crate) fn trajectory(factory: &Factory, claim: &Claim) -> PathBuf {
    factory.home().trajectory(&claim.fence.run)
}

/// The checkout that a run only reads, and its agent's private folder: in that order, both the agent's.
pub(super) fn seat(
    factory: &Factory,
    claim: &Claim,
    about: &About<'_>,
) -> Result<(PathBuf, PathBuf), RunError> {
    let dir = factory.home().run(&claim.fence.run);
    files::private_dir_all(&dir).map_err(RunError::infra)?;
    let (tree, home) = (dir.join(CLONE), dir.join(HOME));
    let owner = cage::agent_ids();
    clone::checkout_fresh(about.repo, about.base, &tree, owner).map_err(RunError::infra)?;
    files::private_dir(&home).map_err(RunError::infra)?;
    files::give_to(&home, owner).map_err(RunError::infra)?;
    Ok((tree, home))
}

/// What a run that hands in no commit is told of the project: nothing that it may change.
pub(super) fn shown(about: &About<'_>) -> Result<ProjectBrief, RunError> {
    let About {
        project,
        repo,
        base,
    } = about;
    Ok(ProjectBrief {
        name: project.name.clone(),
        base: base.to_string(),
        measured_from: base.to_string(),
        head: None,
        diff: String::new(),
        test_command: project.settings.test.clone().unwrap_or_default(),
        allowed_paths: Vec::new(),
        forbidden_paths: Vec::new(),
        changes_tests: Vec::new(),
        scaffolded: Vec::new(),
        red_on_base: Vec::new(),
        author: integrate::identity(project).to_string(),
        rules: super::rules(repo, base).map_err(RunError::infra)?,
    })
}

/// Asks the desk's agent what `request` would ask a model, as often as one is asked. The inner error is the task's.
pub(crate) fn ask(
    factory: &Arc<Factory>,
    claim: &Claim,
    desk: &Desk,
    about: &About<'_>,
    (request, sittings_max): (&ChatRequest, u32),
    usable: &dyn Fn(&str) -> Result<(), String>,
    cancel: &Cancel,
) -> Result<Result<RunReport, Failure>, RunError> {
    let About { project, repo, .. } = about;
    if let Some(failure) = room::missing(factory, &claim.task, project, repo)? {
        return Ok(Err(failure));
    }
    let (tree, home) = seat(factory, claim, about)?;
    // It walks none: the question stands in its place.
    let blueprint = Blueprint {
        name: request.purpose.step.clone(),
        description: String::new(),
        steps: Vec::new(),
        inputs: BTreeMap::new(),
        limits: Caps::default(),
        example: BTreeMap::new(),
        asks_for: Vec::new(),
    };
    let brief = super::brief(factory, claim, desk, blueprint, shown(about)?)?;
    let notes = match read_notes(factory, claim, desk, project)? {
        Ok(notes) => notes,
        Err(failure) => return Ok(Err(failure)),
    };
    let trajectory = trajectory(factory, claim);
    let place = Place {
        project,
        clone: &tree,
        home: &home,
        writes: notes.as_ref().map_or(Writes::Nothing, Writes::Reads),
        trajectory: &trajectory,
        passes: &|_, _| false,
        settled: &|| {},
        uncaged: None,
        delegates: None,
        ahead: None,
        standing: Cell::default(),
    };
    let (system, mut text) = spoken(request);
    if notes.is_some() {
        text.push_str(NOTES_WORDS);
    }
    let schema = request.format.clone().unwrap_or_default();
    let question = Question {
        step: &request.purpose.step,
        system: &system,
        text: &text,
        schema: &schema,
        sittings_max,
        usable,
    };
    super::cage::led(factory, desk, &brief, &place, cancel, Some(&question)).map(Ok)
}

/// A lead at work has its company's notes; where one would work, who is asked in its place reads them. The inner error is the task's.
fn read_notes(
    factory: &Factory,
    claim: &Claim,
    desk: &Desk,
    project: &Project,
) -> Result<Result<Option<Notes>, Failure>, RunError> {
    if leads(&claim.task, &desk.company).is_none() {
        return Ok(Ok(None));
    }
    let found = lead::notes(factory.home(), &desk.company.name, project.id);
    Ok(found.map_err(RunError::infra)?.map(Some))
}

/// A request that nobody has answered yet, as a program takes it.
fn spoken(request: &ChatRequest) -> (String, String) {
    let (mut system, mut text) = (Vec::new(), Vec::new());
    for message in &request.messages {
        match message {
            Message::System { text } => system.push(text.as_str()),
            Message::User { text: said }
            | Message::Assistant { text: said, .. }
            | Message::Tool { text: said, .. } => text.push(said.as_str()),
        }
    }
    (system.join("\n\n"), text.join("\n\n"))
}
