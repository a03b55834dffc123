//! Looks at open pull requests: whether they are merged or closed, and what was said of them since.

use std::sync::Arc;

use alai_core::pipeline;
use alai_core::pull::{self, PullState, Remark, Seen};
use alai_core::task::{Task, TaskKind};
use alai_mission::{MissionError, NewRemark, Project, Published};
use alai_workspace::crash;

use super::publish::closed;
use super::{Looked, Trouble, gh_of};
use crate::beat::Factory;

/// Between two looks while something happens: a person who reviews is not waited for by the second, and GitHub allows 5,000 requests an
/// hour.
const PAUSE_MS: i64 = 60_000;
/// It doubles after so many looks without news, so many times: a quarter of an hour at last.
const QUIET_LOOKS: u32 = 5;
const DOUBLED_MAX: u32 = 4;
/// And after each look that failed: half an hour at last.
const FAILED_DOUBLED_MAX: u32 = 5;

/// Looks at those that are due, or at all. Answers whether one was merged since.
pub(super) fn look(
    factory: &Arc<Factory>,
    project: &Project,
    asked: bool,
    looked: &mut Looked,
) -> Result<bool, MissionError> {
    let now_ms = factory.now_ms();
    let mut merged = false;
    for of in factory.mission().pulls_open(project.id)? {
        if factory.stopping() || !(asked || of.next_ms <= now_ms) {
            continue;
        }
        merged |= look_at(factory, project, &of, looked)?;
    }
    Ok(merged)
}

fn look_at(
    factory: &Arc<Factory>,
    project: &Project,
    of: &Published,
    looked: &mut Looked,
) -> Result<bool, MissionError> {
    let Some((number, url)) = &of.pull else {
        return Ok(false);
    };
    let mission = factory.mission();
    let seen = gh_of(factory, project).and_then(|gh| gh.look(*number).map_err(|e| e.to_string()));
    let now_ms = factory.now_ms();
    let seen = match seen {
        Ok(seen) => seen,
        Err(why) => return not_seen(factory, of, *number, why, looked),
    };
    crash::point("pull.looked");
    // What a person pushed on top of ours is no reason to propose ours again.
    let ours = of.pushed.as_deref().unwrap_or_default();
    let has_ours = match seen.state {
        PullState::Open => Ok(true),
        PullState::Merged | PullState::Closed if seen.head == ours => Ok(true),
        PullState::Merged | PullState::Closed => gh_of(factory, project)
            .and_then(|gh| gh.has_commit(*number, ours).map_err(|e| e.to_string())),
    };
    let has_ours = match has_ours {
        Ok(has_ours) => has_ours,
        Err(why) => return not_seen(factory, of, *number, why, looked),
    };
    match seen.state {
        PullState::Merged if !has_ours => {
            mission.pull_missed(of, now_ms)?;
            looked.said.push(format!(
                "pull request {number} was merged without {ours}, which is proposed as another one: {url}"
            ));
            Ok(true)
        }
        PullState::Merged => {
            mission.pull_over(of, None, now_ms)?;
            looked
                .said
                .push(format!("pull request {number} is merged: {url}"));
            Ok(true)
        }
        PullState::Closed => {
            mission.pull_over(of, Some(closed(factory, of, has_ours)), now_ms)?;
            looked.said.push(format!(
                "pull request {number} was closed without a merge: {url}"
            ));
            Ok(false)
        }
        PullState::Open => {
            let made = remarks(factory, of, *number, &seen)?;
            looked.said.extend(made);
            let unread = seen.unread.iter();
            let unread = unread.map(|why| format!("pull request {number}: {why}"));
            looked.said.extend(unread);
            Ok(false)
        }
    }
}

/// It is looked at again, later each time.
fn not_seen(
    factory: &Factory,
    of: &Published,
    number: u64,
    why: Trouble,
    looked: &mut Looked,
) -> Result<bool, MissionError> {
    tracing::warn!("{}: pull request {number}: {why}", of.task);
    let pause = PAUSE_MS << of.failures.min(FAILED_DOUBLED_MAX);
    let next_ms = factory.now_ms() + pause;
    factory.mission().not_looked(of, &why, next_ms)?;
    looked.failed.push(why);
    Ok(false)
}

/// What is new, in the store with the work that it makes, in one transaction: nothing of it is made twice, and nothing is lost.
fn remarks(
    factory: &Arc<Factory>,
    of: &Published,
    number: u64,
    seen: &Seen,
) -> Result<Vec<String>, MissionError> {
    let mission = factory.mission();
    let task = mission.task(of.task)?;
    let known = mission.remarks(of.task)?;
    let ours = of.pushed.as_deref().unwrap_or_default();
    let news = pull::news(seen, ours, &known);
    // A goal that a person has ended gets no more work.
    let over = task.kind == TaskKind::Goal && task.state.terminal();
    let mut earlier = mission.follow_ups(of.task, "")?;
    let mut new = Vec::new();
    for remark in news {
        let follow_up = match over {
            true => None,
            false => follow_up(factory, &task, number, &remark, earlier, ours)?,
        };
        earlier += usize::from(follow_up.is_some());
        new.push(NewRemark {
            key: remark.key,
            author: remark.author,
            text: remark.text,
            follow_up,
        });
    }
    let quiet = match new.is_empty() {
        true => of.quiet.saturating_add(1),
        false => 0,
    };
    let now_ms = factory.now_ms();
    let next_ms = now_ms + (PAUSE_MS << (quiet / QUIET_LOOKS).min(DOUBLED_MAX));
    let unread = (!seen.unread.is_empty()).then(|| seen.unread.join("; "));
    let made = mission.remarked(of, new, unread.as_deref(), next_ms, now_ms)?;
    crash::point("pull.remarked");
    let said = made
        .iter()
        .map(|made| format!("{made} mends what came back of pull request {number}"));
    Ok(said.collect())
}

fn follow_up(
    factory: &Factory,
    task: &Task,
    number: u64,
    remark: &Remark,
    earlier: usize,
    ours: &str,
) -> Result<Option<alai_core::task::NewTask>, MissionError> {
    // A check's key is its name's and the commit's.
    let of_check = match remark
        .key
        .strip_suffix(ours)
        .filter(|key| key.starts_with("check:"))
    {
        Some(begins) => factory.mission().follow_ups(task.id, begins)?,
        None => 0,
    };
    let context = factory.plain_context();
    Ok(pipeline::follow_up(
        task, number, remark, earlier, of_check, &context,
    ))
}
