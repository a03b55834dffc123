//! Remotes: merged work is pushed there and proposed, what people pushed is fetched, and what came back of a pull request becomes work.
//! All of it at its own pace, beside the loop, each project by itself: a remote that is down holds nobody up.

mod fetch;
mod publish;
mod pulls;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use alai_core::ids::{ProjectId, TaskId};
use alai_core::pull::Slug;
use alai_mission::{MissionError, OutboxRow, Project};
use alai_workspace::access::Access;
use alai_workspace::gh::{self, Gh};
use alai_workspace::git::{self, Remote, RemoteError, Repo, Towards};

use crate::beat::Factory;
use crate::integrate;

pub(crate) use fetch::{Fetched, before};
pub(crate) use publish::publish;

/// Rows of the outbox that one look takes.
const ROWS_MAX: u32 = 50;

/// What the process knows of its projects' remotes. All that must not be lost is in the store.
#[derive(Debug, Default)]
pub(crate) struct Remotes {
    /// Projects at whose remote a thread is.
    busy: Mutex<BTreeSet<ProjectId>>,
    fetched: Mutex<BTreeMap<ProjectId, Fetched>>,
    /// The last event that was searched for a person's wish to look, and who is to be looked at for that.
    asked_seq: AtomicI64,
    asked: Mutex<BTreeSet<ProjectId>>,
}

impl Remotes {
    pub(crate) fn since(asked_seq: i64) -> Remotes {
        Remotes {
            asked_seq: AtomicI64::new(asked_seq),
            ..Remotes::default()
        }
    }

    /// Whether nobody is at a remote.
    pub(crate) fn idle(&self) -> bool {
        self.busy.lock().map_or(true, |busy| busy.is_empty())
    }
}

/// Why a remote did not do what was asked, in words with the remedy. They are scrubbed of what could be a credential where they arise.
pub(crate) type Trouble = String;

/// What a look at a remote brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    pub said: Vec<String>,
    pub failed: Vec<String>,
}

/// The projects at whose remotes something is due, each worked on by a thread of its own.
pub(crate) fn beat(factory: &Arc<Factory>, now_ms: i64) -> Result<(), MissionError> {
    let mut due = BTreeSet::new();
    let mission = factory.mission();
    for row in mission.remotes_due(now_ms, ROWS_MAX)? {
        if let Some(project) = project_of(factory, &row)? {
            due.insert(project);
        }
    }
    if factory.only().is_none() {
        due.extend(mission.pulls_due(now_ms)?);
        for project in mission.projects()? {
            if project.settings.fetches() && fetch::is_due(factory, &project, fetch::EVERY_MS) {
                due.insert(project.id);
            }
        }
        let (asked, last) =
            mission.syncs_asked(factory.remotes().asked_seq.load(Ordering::SeqCst))?;
        factory.remotes().asked_seq.store(last, Ordering::SeqCst);
        if let Ok(mut wanted) = factory.remotes().asked.lock() {
            wanted.extend(asked);
            due.extend(wanted.iter().copied());
        }
    }
    for project in due {
        begin(factory, project);
    }
    Ok(())
}

fn project_of(factory: &Factory, row: &OutboxRow) -> Result<Option<ProjectId>, MissionError> {
    let Ok(task) = row.payload.parse() else {
        return Ok(None);
    };
    let of = factory.mission().published(TaskId(task))?;
    Ok(of.map(|of| of.project))
}

/// A thread for one project, unless one is there. What a person asks for meanwhile is looked at by the next.
fn begin(factory: &Arc<Factory>, project: ProjectId) {
    let remotes = factory.remotes();
    if !{ remotes.busy.lock() }.is_ok_and(|mut busy| busy.insert(project)) {
        return;
    }
    let asked = { remotes.asked.lock() }.is_ok_and(|mut asked| asked.remove(&project));
    let at_work = Arc::clone(factory);
    let started = std::thread::Builder::new()
        .name("remote".into())
        .spawn(move || {
            let looked = catch_unwind(AssertUnwindSafe(|| look(&at_work, project, asked)));
            match looked {
                Ok(Ok(_)) => {}
                Ok(Err(e)) => tracing::error!("a remote: {e}"),
                Err(_) => tracing::error!("a look at a remote failed by a fault of the factory"),
            }
            free_again(&at_work, project);
            at_work.wake();
        });
    if started.is_err() {
        free_again(factory, project);
    }
}

fn free_again(factory: &Factory, project: ProjectId) {
    if let Ok(mut busy) = factory.remotes().busy.lock() {
        busy.remove(&project);
    }
}

/// Does what is due at a project's remote, and all there is where a person asks for it.
pub(crate) fn look(
    factory: &Arc<Factory>,
    project: ProjectId,
    asked: bool,
) -> Result<Looked, MissionError> {
    let mission = factory.mission();
    let project = mission.project(project)?;
    let now_ms = factory.now_ms();
    let mut looked = Looked::default();
    let until_ms = if asked { i64::MAX } else { now_ms };
    // A push that is done may ask for its pull request; what failed is not tried twice.
    let mut tried = BTreeSet::new();
    for _ in 0..2 {
        for row in mission.remotes_due(until_ms, ROWS_MAX)? {
            if factory.stopping() {
                return Ok(looked);
            }
            if project_of(factory, &row)? == Some(project.id) && tried.insert(row.id) {
                publish::send(factory, &project, &row, &mut looked)?;
            }
        }
    }
    if factory.only().is_none() {
        let merged = pulls::look(factory, &project, asked, &mut looked)?;
        let due = asked || merged || fetch::is_due(factory, &project, fetch::EVERY_MS);
        if project.settings.fetches() && due {
            match fetch::fetch(factory, &project, fetch::LOOK_S) {
                Ok(said) => looked.said.extend(said),
                Err(why) => looked.failed.push(why),
            }
        }
    }
    if asked {
        mission.note_remote(project.id, &looked.failed.join("; "), factory.now_ms())?;
    }
    Ok(looked)
}

/// The remote of a project, by the person's way to it.
fn remote_of(repo: &Repo, project: &Project, towards: Towards) -> Result<Remote, RemoteError> {
    let access = Access::of_process(repo.root());
    git::remote(repo, project.settings.remote(), towards, &access)
}

/// The project's repository at GitHub: what was said, or what the remote's address says.
pub(crate) fn slug_of(repo: &Repo, project: &Project) -> Result<Slug, Trouble> {
    if let Some(slug) = &project.settings.github {
        return Ok(slug.clone());
    }
    let remote = remote_of(repo, project, Towards::Push).map_err(|e| e.to_string())?;
    Slug::of_address(remote.address()).ok_or_else(|| {
        format!(
            "the address of the remote `{}` names no repository at GitHub; say it with `alai project set {} --github OWNER/NAME`",
            project.settings.remote(),
            project.name
        )
    })
}

/// GitHub's program for a project.
fn gh_of(factory: &Factory, project: &Project) -> Result<Gh, Trouble> {
    let repo = integrate::open(project).map_err(|e| e.to_string())?;
    let slug = slug_of(&repo, project)?;
    let access = Access::of_process(repo.root());
    let program = factory.config().gh.as_deref();
    gh::open(program, repo.root(), &slug, &access).map_err(|e| e.to_string())
}

/// Whether the project's remote can be used for what its settings ask; what is missing and can come later is a note.
pub(crate) fn usable(
    project: &Project,
    program: Option<&std::path::Path>,
) -> Result<Vec<String>, Trouble> {
    let way = project.settings.delivery.way();
    if way.is_none() && !project.settings.fetches() {
        return Ok(Vec::new());
    }
    if way.is_some() && project.target_branch.starts_with(git::OWN) {
        return Err(format!(
            "`{}` is the factory's own name for a branch that it pushes; give people's with --target",
            project.target_branch
        ));
    }
    let repo = integrate::open(project).map_err(|e| e.to_string())?;
    remote_of(&repo, project, Towards::Push).map_err(|e| e.to_string())?;
    if way != Some(alai_mission::Way::PullRequest) {
        return Ok(Vec::new());
    }
    let slug = slug_of(&repo, project)?;
    let found = gh::open(
        program,
        repo.root(),
        &slug,
        &Access::of_process(repo.root()),
    );
    Ok(found.err().map(|e| e.to_string()).into_iter().collect())
}
