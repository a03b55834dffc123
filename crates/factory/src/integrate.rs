//! The merge queue: passed lineages come into the integration branch one at a time, each tested again on the merged result;
//! the target branch follows by policy or by a person's word.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use alai_core::ids::TaskId;
use alai_core::pipeline::{self, HUMAN_WAIT_MS, MERGE_ATTEMPTS_MAX, MergeEnd};
use alai_core::task::{Task, WaitReason, Waiting};
use alai_mission::{Filter, MergeKind, MergeRow, MissionError, Project};
use alai_workspace::command::Cancel;
use alai_workspace::git::{self, CommitText, GitError, Identity, Merged, Oid, Repo};

use crate::batch::{self, BATCH_MAX};
use crate::beat::Factory;
use crate::ground;
use crate::landed;
use crate::remote;
use crate::sides;
use crate::sync::{self, Ground};

/// Where merged work is gathered. A branch of the user's repository that the factory alone moves.
pub(crate) const INTEGRATION: &str = "refs/heads/alai/integration";
pub(crate) const INTEGRATION_BRANCH: &str = "alai/integration";

/// Findings of a red merge in a rework's brief.
const RED_TESTS_SHOWN: usize = 20;

/// Until a merge looks again whether both sides are joined. A look is one merge without a work tree.
const JOINING_PAUSE_MS: i64 = 5_000;

/// Why a merge could not be tried. Nothing was moved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntegrateError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Mission(#[from] MissionError),
    #[error("the branch `{branch}` of {project} does not exist any more")]
    NoTarget { branch: String, project: String },
    #[error("the factory itself failed; its log says where")]
    Bug,
    #[error("it was withdrawn while it was tested")]
    Withdrawn,
    #[error("`{0}` is not a commit")]
    NotAnOid(String),
    #[error(
        "{branch} and alai/integration both changed {paths}; merge {branch} into alai/integration by hand and resolve it"
    )]
    PeopleConflict { branch: String, paths: String },
    #[error(
        "{branch} and alai/integration both changed {paths}; {task} joins them, and other merges wait for it"
    )]
    Joining {
        branch: String,
        paths: String,
        task: TaskId,
        /// It was made just now, and that is noted already.
        made: bool,
    },
    #[error("tests are red when {branch} is merged into alai/integration: {red}; mend {branch}")]
    PeopleRed { branch: String, red: String },
    #[error(
        "{path} is not the repository that was registered: its root is {root}; `alai project add` it anew"
    )]
    OtherRepository { path: String, root: String },
    #[error(
        "the branch alai/integration is gone, with merged work that the target does not have; set it again"
    )]
    NoIntegration,
    #[error("cannot test the merged result: {0}")]
    Test(String),
}

/// Opens the registered repository, and never one around it: a folder whose `.git` is gone may lie in another repository.
pub(crate) fn open(project: &Project) -> Result<Repo, IntegrateError> {
    let repo = git::open(&project.path)?;
    if repo.root() != project.path {
        return Err(IntegrateError::OtherRepository {
            path: project.path.display().to_string(),
            root: repo.root().display().to_string(),
        });
    }
    Ok(match std::env::var_os("HOME") {
        Some(home) => repo.signed_as_in(std::path::Path::new(&home)),
        None => repo,
    })
}

/// The target's tip, and the integration branch's where there is one.
pub(crate) fn tips(project: &Project) -> Result<(Oid, Option<Oid>), IntegrateError> {
    let repo = open(project)?;
    tips_of(&repo, project)
}

/// Both, by the repository's files alone.
pub(crate) fn glance(project: &Project) -> Option<[Option<Oid>; 2]> {
    git::glance(&project.path, [&target_ref(project), INTEGRATION])
}

pub(crate) fn tips_of(
    repo: &Repo,
    project: &Project,
) -> Result<(Oid, Option<Oid>), IntegrateError> {
    let [target, integration] = git::tips(repo, [&target_ref(project), INTEGRATION])?;
    let target = target.ok_or_else(|| IntegrateError::NoTarget {
        branch: project.target_branch.clone(),
        project: project.name.clone(),
    })?;
    Ok((target, integration))
}

fn target_ref(project: &Project) -> String {
    format!("refs/heads/{}", project.target_branch)
}

/// Where a goal's merged work stands.
pub(crate) enum Standing {
    /// The target has all of it.
    Delivered,
    /// The integration branch has more than the target.
    Ahead(Oid),
}

/// Whether the target already has everything that was merged for a goal.
pub(crate) fn standing(
    factory: &Factory,
    goal: &Task,
    project: &Project,
) -> Result<Standing, IntegrateError> {
    let repo = open(project)?;
    let (target, tip) = tips_of(&repo, project)?;
    let family = Filter {
        goal: Some(goal.id),
        ended: true,
        ..Filter::default()
    };
    let mut there = true;
    for task in factory.mission().tasks(&family)? {
        if let Some(commit) = &task.integrated {
            there &= git::is_ancestor(&repo, &oid(commit)?, &target)?;
        }
    }
    match tip {
        _ if there => Ok(Standing::Delivered),
        Some(tip) => Ok(Standing::Ahead(tip)),
        None => Err(IntegrateError::NoIntegration),
    }
}

/// The commit that new work starts from: the integration branch, or the target where that is ahead of it.
pub(crate) fn base_for(repo: &Repo, project: &Project) -> Result<Oid, IntegrateError> {
    let (target, integration) = tips_of(repo, project)?;
    match integration {
        Some(tip) if !git::is_ancestor(repo, &tip, &target)? => Ok(tip),
        Some(_) | None => Ok(target),
    }
}

/// Author of the factory's commits in a repository: what the user has configured there.
pub(crate) fn author_of(repo: &Repo) -> Option<String> {
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    git::configured_identity(repo, home.as_deref())
        .ok()
        .flatten()
        .map(|i| i.to_string())
}

/// The identity commits are made with.
pub(crate) fn identity(project: &Project) -> Identity {
    let configured = project.settings.author.as_deref().and_then(|text| {
        let (name, email) = text.strip_suffix('>')?.split_once(" <")?;
        Identity::new(name, email).ok()
    });
    configured.unwrap_or_else(own_identity)
}

/// The identity of who has none configured.
pub(crate) fn own_identity() -> Identity {
    Identity::new("alai", "alai@localhost").expect("two plain words make an identity")
}

/// Works on the oldest row whose turn has come. An attempt that fails for reasons of the machine is tried again later; after
/// a few a person is asked, so that no row waits in silence.
pub(crate) fn step(factory: &Arc<Factory>, cancel: &Cancel) -> Result<(), IntegrateError> {
    let Some(row) = factory
        .mission()
        .next_merge(factory.only(), factory.now_ms())?
    else {
        return Ok(());
    };
    match factory.mission().project(row.project) {
        Ok(project) => remote::before(factory, &project),
        Err(e) => tracing::warn!("a merge begins without what people pushed: {e}"),
    }
    let _moving = factory
        .moving()
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let attempt = || match row.kind {
        MergeKind::Integrate => integrate_with_others(factory, &row, cancel),
        MergeKind::Deliver => deliver(factory, &row, cancel),
    };
    // A bug is an attempt that failed: it counts, on this row, and is not tried for ever.
    let tried = catch_unwind(AssertUnwindSafe(attempt)).unwrap_or(Err(IntegrateError::Bug));
    match tried {
        Err(_) if cancel.is_cancelled() => Ok(()),
        Err(e @ IntegrateError::Joining { task, .. }) => {
            let until_ms = factory.now_ms() + JOINING_PAUSE_MS;
            let mission = factory.mission();
            Ok(mission.merges_wait(row.project, task, &e.to_string(), until_ms)?)
        }
        Err(e) if row.attempts + 1 < MERGE_ATTEMPTS_MAX => {
            Ok(factory
                .mission()
                .merge_failed(&row, &e.to_string(), factory.now_ms())?)
        }
        Err(e) => give_up(factory, &row, &e.to_string()),
        Ok(()) => Ok(()),
    }
}

fn give_up(factory: &Arc<Factory>, row: &MergeRow, why: &str) -> Result<(), IntegrateError> {
    let project = factory.mission().project(row.project)?;
    match row.kind {
        MergeKind::Integrate => {
            let task = factory.mission().newest_of_lineage(row.task)?;
            end_integration(
                factory,
                &project,
                row,
                &task,
                &MergeEnd::Failed {
                    detail: why.to_owned(),
                },
            )
        }
        MergeKind::Deliver => {
            let waiting = approval(factory, row.task, &project, Some(why));
            let now_ms = factory.now_ms();
            Ok(factory
                .mission()
                .end_delivery(row.id, row.task, Some(waiting), why, now_ms)?)
        }
    }
}

/// A row and those that wait behind it for the same branch; alone where something keeps them from going together, so that it is known
/// whose fault it is.
fn integrate_with_others(
    factory: &Arc<Factory>,
    row: &MergeRow,
    cancel: &Cancel,
) -> Result<(), IntegrateError> {
    let due = match factory.only() {
        Some(_) => Vec::new(),
        None => {
            let now_ms = factory.now_ms();
            factory
                .mission()
                .due_integrations(row.project, BATCH_MAX, now_ms)?
        }
    };
    if due.len() > 1 {
        match batch::bring_in(factory, &due, cancel) {
            Err(e) if cancel.is_cancelled() => return Err(e),
            Err(e) => tracing::debug!("{} merges together: {e}", due.len()),
            Ok(()) => return Ok(()),
        }
    }
    integrate(factory, row, cancel)
}

fn integrate(
    factory: &Arc<Factory>,
    row: &MergeRow,
    cancel: &Cancel,
) -> Result<(), IntegrateError> {
    let project = factory.mission().project(row.project)?;
    let repo = open(&project)?;
    let task = factory.mission().newest_of_lineage(row.task)?;
    let end = match bring_in(factory, &repo, &project, row, cancel)? {
        Brought::In(commit) => MergeEnd::Merged {
            commit: commit.to_string(),
        },
        Brought::Conflict(paths) => MergeEnd::Conflict { paths },
        Brought::Red(findings) => MergeEnd::Red { findings },
    };
    end_integration(factory, &project, row, &task, &end)
}

pub(crate) fn end_integration(
    factory: &Arc<Factory>,
    project: &Project,
    row: &MergeRow,
    task: &Task,
    end: &MergeEnd,
) -> Result<(), IntegrateError> {
    let mut context = factory.context(project, task);
    context.auto_delivery &= sync::delivers(factory, project, row.task)?;
    let effects = pipeline::merged(task, end, &context);
    let effects = match sides::of(project, row, end)? {
        Some(sides) => pipeline::with_sides(effects, &sides),
        None => effects,
    };
    let (merged, outcome) = match end {
        MergeEnd::Merged { commit } => (true, commit.clone()),
        MergeEnd::Conflict { paths } => (false, format!("conflict in {}", paths.join(", "))),
        MergeEnd::Red { findings } => (
            false,
            format!("red after the merge: {}", findings.join("; ")),
        ),
        MergeEnd::Failed { detail } => (false, detail.clone()),
    };
    let now_ms = factory.now_ms();
    factory
        .mission()
        .end_integration(row.id, task.id, merged, &outcome, effects, now_ms)?;
    Ok(())
}

enum Brought {
    In(Oid),
    Conflict(Vec<String>),
    Red(Vec<String>),
}

/// Merges the row's commit into the integration branch, which first takes over what people did on the target meanwhile. What an agent
/// committed on its way may be red, so the branch never moves to it: it moves to a merge of it.
fn bring_in(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    row: &MergeRow,
    cancel: &Cancel,
) -> Result<Brought, IntegrateError> {
    let head = oid(&row.head)?;
    let (target, integration) = tips_of(repo, project)?;
    if let Some(tip) = &integration
        && git::is_ancestor(repo, &head, tip)?
    {
        // Moved before a crash; only the store did not know yet.
        let own = landed::merge_of(repo, row, tip)?;
        return Ok(Brought::In(own.unwrap_or_else(|| tip.clone())));
    }
    // What people did is no fault of the lineage whose turn it is.
    let Ground {
        ours,
        at: integration,
    } = match sync::take_over(factory, repo, project, cancel) {
        // This is the work that joins both sides: it goes first, and what people did since is taken over after it.
        Err(IntegrateError::Joining { task, .. }) if task == row.task => Ground {
            ours: integration.clone().unwrap_or(target),
            at: integration,
        },
        taken => taken?,
    };
    let text = merge_text(factory, project, row)?;
    let merged = match git::merge_apart(repo, &ours, &head, &text)? {
        Merged::AlreadyMerged(oid) | Merged::FastForward(oid) | Merged::Commit(oid) => oid,
        Merged::Conflict(paths) => return Ok(Brought::Conflict(paths)),
    };
    let red = red_tests(factory, repo, project, &ours, &merged, cancel)?;
    if !red.is_empty() {
        return Ok(Brought::Red(red));
    }
    intend(factory, row, &merged)?;
    match &integration {
        // A person may have checked the branch out to try it: their files follow, or the move is refused.
        Some(tip) => drop(git::move_branch(repo, INTEGRATION_BRANCH, &merged, tip)?),
        None => git::update_ref(repo, INTEGRATION, &merged, None)?,
    }
    Ok(Brought::In(merged))
}

/// Tests that are red on the merged result and were not red on what it was merged into.
pub(crate) fn red_tests(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    before: &Oid,
    merged: &Oid,
    cancel: &Cancel,
) -> Result<Vec<String>, IntegrateError> {
    let fail = |e: ground::GroundError| IntegrateError::Test(e.to_string());
    let after = match ground::proven(factory, repo, project, merged, Some(before), cancel) {
        Ok(ground) => ground,
        // A merged result on which the tests cannot even start is red, not a fault of the machine.
        Err(ground::GroundError::Refused { detail, .. }) => return Ok(vec![detail]),
        Err(e) => return Err(fail(e)),
    };
    if after.green() {
        return Ok(Vec::new());
    }
    let was = ground::proven(factory, repo, project, before, None, cancel).map_err(fail)?;
    let mut red = after.worse_than(&was);
    red.truncate(RED_TESTS_SHOWN);
    Ok(red)
}

pub(crate) fn merge_text(
    factory: &Arc<Factory>,
    project: &Project,
    row: &MergeRow,
) -> Result<CommitText, IntegrateError> {
    let task = factory.mission().task(row.task)?;
    let who = identity(project);
    Ok(CommitText {
        message: format!(
            "Merge {}: {}\n\n{}",
            task.id,
            task.title,
            trailers(factory, row)?
        ),
        author: who.clone(),
        committer: who,
        when_ms: row.at_ms,
    })
}

/// Whose work a merge is: the task, and the run whose commit was measured, which its evidence names too.
fn trailers(factory: &Arc<Factory>, row: &MergeRow) -> Result<String, IntegrateError> {
    let newest = factory.mission().newest_of_lineage(row.task)?;
    let runs = factory.mission().runs_of(newest.id)?;
    let run = runs.last().map(|run| format!("Run: {}\n", run.id));
    Ok(format!("Task: {}\n{}", row.task, run.unwrap_or_default()))
}

/// The commit of several that come in together. Equal rows give the equal commit.
pub(crate) fn merge_text_of_all(
    factory: &Arc<Factory>,
    project: &Project,
    rows: &[&MergeRow],
) -> Result<CommitText, IntegrateError> {
    let who = identity(project);
    let tasks: Vec<String> = rows.iter().map(|row| row.task.to_string()).collect();
    let all = rows.iter().map(|row| trailers(factory, row));
    let trailers: String = all.collect::<Result<_, _>>()?;
    Ok(CommitText {
        message: format!("Merge {} together\n\n{trailers}", tasks.join(", ")),
        author: who.clone(),
        committer: who,
        when_ms: rows.iter().map(|row| row.at_ms).max().unwrap_or_default(),
    })
}

pub(crate) fn sync_text(project: &Project, when_ms: i64) -> CommitText {
    let who = identity(project);
    let message = format!("Merge {} into alai/integration\n", project.target_branch);
    CommitText {
        message,
        author: who.clone(),
        committer: who,
        when_ms,
    }
}

/// Moves the target branch to the integrated work.
fn deliver(factory: &Arc<Factory>, row: &MergeRow, cancel: &Cancel) -> Result<(), IntegrateError> {
    let project = factory.mission().project(row.project)?;
    let repo = open(&project)?;
    if let Some(way) = project.settings.delivery.way() {
        return remote::publish(factory, &repo, &project, row, way, cancel);
    }
    let handed = hand_over(factory, &repo, &project, row, cancel);
    let (moved, refused) = match handed {
        Ok(Handed::Over(commit)) => (Some(commit), None),
        Ok(Handed::Refused(why)) => (None, Some(why)),
        // A git is at work there, the person's own or one that outlived us: its turn comes again.
        Err(IntegrateError::Git(e @ GitError::Busy { .. })) => return Err(e.into()),
        Err(IntegrateError::Git(e)) => (None, Some(e.to_string())),
        Err(e) => return Err(e),
    };
    let now_ms = factory.now_ms();
    let outcome = match &refused {
        None => format!(
            "{} moved to {}",
            project.target_branch,
            moved.as_ref().map_or(row.head.as_str(), Oid::as_str)
        ),
        Some(why) => why.clone(),
    };
    let waiting = refused.map(|why| approval(factory, row.task, &project, Some(&why)));
    factory
        .mission()
        .end_delivery(row.id, row.task, waiting, &outcome, now_ms)?;
    Ok(())
}

/// What became of a delivery.
enum Handed {
    /// The commit that the target was moved to.
    Over(Oid),
    Refused(String),
}

/// Moves the target, or says why it cannot be. Exactly the asked commit is delivered, together with what people did: what
/// was merged since is not what was approved.
fn hand_over(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    row: &MergeRow,
    cancel: &Cancel,
) -> Result<Handed, IntegrateError> {
    let (target, _) = tips_of(repo, project)?;
    let head = oid(&row.head)?;
    if let Some(lost) = missing(factory, repo, row, &head, &target)? {
        return Ok(Handed::Refused(lost));
    }
    if git::is_ancestor(repo, &head, &target)? {
        return Ok(Handed::Over(target));
    }
    let to = match git::merge(repo, &head, &target, &sync_text(project, row.at_ms))? {
        Merged::AlreadyMerged(oid) | Merged::FastForward(oid) => {
            // One of several that were merged together was not tested without those behind it.
            let red = match was_tested(factory, &oid)? {
                true => Vec::new(),
                false => red_tests(factory, repo, project, &target, &oid, cancel)?,
            };
            if !red.is_empty() {
                return Ok(Handed::Refused(format!(
                    "red without what was merged together with it: {}",
                    red.join("; ")
                )));
            }
            oid
        }
        Merged::Conflict(paths) => {
            let paths = paths.join(", ");
            // All that is merged is joined with what people did, and this with it.
            let joined = match sync::take_over(factory, repo, project, cancel) {
                Ok(_) => "alai/integration has both; approve what was merged last".to_owned(),
                Err(IntegrateError::Joining { task, .. }) => {
                    format!(
                        "{task} joins both; `alai mc approve {}` moves them when it is merged",
                        task.0
                    )
                }
                Err(e) => e.to_string(),
            };
            return Ok(Handed::Refused(format!(
                "people changed the same lines meanwhile: {paths}; {joined}"
            )));
        }
        Merged::Commit(oid) => {
            let red = red_tests(factory, repo, project, &target, &oid, cancel)?;
            if !red.is_empty() {
                return Ok(Handed::Refused(format!(
                    "red together with what people did meanwhile: {}",
                    red.join("; ")
                )));
            }
            oid
        }
    };
    intend(factory, row, &to)?;
    git::move_branch(repo, &project.target_branch, &to, &target)?;
    Ok(Handed::Over(to))
}

/// Why a merged commit cannot be delivered by itself, where it cannot: work that it lacks, or tests that are red without what was merged
/// together with it.
pub(crate) fn unfit(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    row: &MergeRow,
    cancel: &Cancel,
) -> Result<Option<String>, IntegrateError> {
    let (target, _) = tips_of(repo, project)?;
    let head = oid(&row.head)?;
    if let Some(lost) = missing(factory, repo, row, &head, &target)? {
        return Ok(Some(lost));
    }
    if was_tested(factory, &head)? {
        return Ok(None);
    }
    let red = red_tests(factory, repo, project, &target, &head, cancel)?;
    Ok((!red.is_empty()).then(|| {
        format!(
            "red without what was merged together with it: {}",
            red.join("; ")
        )
    }))
}

/// Whether the merge queue has seen this commit green: it moves a branch to no other.
fn was_tested(factory: &Arc<Factory>, commit: &Oid) -> Result<bool, IntegrateError> {
    let rows = factory.mission().merges()?;
    let mut intents = rows.iter().filter_map(|row| row.intent.as_deref());
    Ok(intents.any(|intent| intent == commit.as_str()))
}

/// Journals where a branch is about to be moved, unless a person has withdrawn the merge meanwhile.
pub(crate) fn intend(
    factory: &Arc<Factory>,
    row: &MergeRow,
    to: &Oid,
) -> Result<(), IntegrateError> {
    match factory.mission().merge_intent(row.id, to.as_str())? {
        true => Ok(()),
        false => Err(IntegrateError::Withdrawn),
    }
}

/// Merged work of the goal that neither the delivered commit nor the target holds: somebody has moved or deleted
/// `alai/integration`.
fn missing(
    factory: &Arc<Factory>,
    repo: &Repo,
    row: &MergeRow,
    head: &Oid,
    target: &Oid,
) -> Result<Option<String>, IntegrateError> {
    let family = Filter {
        goal: Some(row.task),
        ended: true,
        ..Filter::default()
    };
    for task in factory.mission().tasks(&family)? {
        let Some(commit) = &task.integrated else {
            continue;
        };
        let commit = oid(commit)?;
        if !git::is_ancestor(repo, &commit, head)? && !git::is_ancestor(repo, &commit, target)? {
            return Ok(Some(format!(
                "{commit}, the merge of {}, is not on alai/integration any more; set the branch to a commit that has it",
                task.id
            )));
        }
    }
    Ok(None)
}

/// What a person reads when merged work waits for the target branch.
pub(crate) fn approval(
    factory: &Factory,
    task: TaskId,
    project: &Project,
    refused: Option<&str>,
) -> Waiting {
    let detail = match refused {
        Some(why) => format!("{} could not be moved: {why}", project.target_branch),
        None => format!(
            "merged into alai/integration; {} is not moved yet",
            project.target_branch
        ),
    };
    Waiting {
        reason: WaitReason::Approval,
        owner: factory.config().operator.clone(),
        deadline_ms: factory.now_ms() + HUMAN_WAIT_MS,
        next_action: format!(
            "look with `alai diff {0}`, then `alai mc approve {0}`",
            task.0
        ),
        detail,
    }
}

pub(crate) fn oid(text: &str) -> Result<Oid, IntegrateError> {
    text.parse()
        .map_err(|_| IntegrateError::NotAnOid(text.to_owned()))
}
