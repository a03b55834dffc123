//! Several passed lineages at once: merged one after another, tested once. Where they are red together the one that made them so is
//! found by halves and sent back alone; the branch never stands at a commit whose tests were not seen green. What comes in together comes in
//! as one merge, the tested one, so that none between two moves is on the branch's own line (`git log --first-parent`).

use std::sync::Arc;

use alai_core::pipeline::MergeEnd;
use alai_mission::{MergeRow, Project};
use alai_workspace::command::Cancel;
use alai_workspace::git::{self, Merged, Oid, Repo};

use crate::beat::Factory;
use crate::integrate::{self, INTEGRATION, INTEGRATION_BRANCH, IntegrateError};
use crate::landed;
use crate::sync::{self, Ground};

/// Lineages that are tested together. One bad one among them costs four more tests, and sixteen good ones save fifteen.
pub(crate) const BATCH_MAX: usize = 16;

/// A lineage, merged upon those before it.
struct Link<'a> {
    row: &'a MergeRow,
    commit: Oid,
    /// Before it; the same where that had all of it.
    upon: Oid,
}

/// What of a batch stands up.
struct Judged {
    /// So many from the first on are green together.
    green: usize,
    /// The very commit that was tested with these and no more. A signature holds its time: made again it may be another one.
    tested: Option<Oid>,
    /// The next one is red upon them, by these tests.
    red: Option<Vec<String>>,
}

/// Brings rows of one project in, as far as they go together. What is not decided stays queued, and its turn comes again.
///
/// # Errors
/// Nothing was moved: the caller tries the first row alone.
pub(crate) fn bring_in(
    factory: &Arc<Factory>,
    rows: &[MergeRow],
    cancel: &Cancel,
) -> Result<(), IntegrateError> {
    let Some(first) = rows.first() else {
        return Ok(());
    };
    let project = factory.mission().project(first.project)?;
    let repo = integrate::open(&project)?;
    let Ground { ours, at } = sync::take_over(factory, &repo, &project, cancel)?;
    let end = |row: &MergeRow, end: &MergeEnd| -> Result<(), IntegrateError> {
        let task = factory.mission().newest_of_lineage(row.task)?;
        integrate::end_integration(factory, &project, row, &task, end)
    };
    let mut waiting = Vec::new();
    for row in rows {
        match landed::merge_of(&repo, row, &ours)? {
            Some(commit) => {
                let commit = commit.to_string();
                end(row, &MergeEnd::Merged { commit })?;
            }
            None => waiting.push(row),
        }
    }
    let (links, conflicts) = chained(factory, &repo, &project, &ours, &waiting)?;
    let judged = judged(factory, &repo, &project, &ours, &links, cancel)?;
    let (good, rest) = links.split_at(judged.green);
    let all = judged.tested;
    if let Some(all) = &all {
        for link in good {
            integrate::intend(factory, link.row, all)?;
        }
        match &at {
            Some(tip) => drop(git::move_branch(&repo, INTEGRATION_BRANCH, all, tip)?),
            None => git::update_ref(&repo, INTEGRATION, all, None)?,
        }
    }
    // The last one's merge is the tree of all: it is delivered as what was tested.
    let mut commits: Vec<&Oid> = good.iter().map(|link| &link.commit).collect();
    if let (Some(last), Some(all)) = (commits.last_mut(), &all) {
        *last = all;
    }
    for (link, commit) in good.iter().zip(commits) {
        let commit = commit.to_string();
        end(link.row, &MergeEnd::Merged { commit })?;
    }
    if let (Some(findings), Some(link)) = (judged.red, rest.first()) {
        end(link.row, &MergeEnd::Red { findings })?;
    }
    for (row, paths) in conflicts {
        end(row, &MergeEnd::Conflict { paths })?;
    }
    Ok(())
}

/// A row with the files in which it conflicts with what is merged already.
type Conflict<'a> = (&'a MergeRow, Vec<String>);

/// Merges the rows upon each other. One that conflicts only with another of them waits: that one may be sent back yet.
fn chained<'a>(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    ours: &Oid,
    rows: &[&'a MergeRow],
) -> Result<(Vec<Link<'a>>, Vec<Conflict<'a>>), IntegrateError> {
    let (mut links, mut conflicts) = (Vec::new(), Vec::new());
    let mut tip = ours.clone();
    for &row in rows {
        let head = integrate::oid(&row.head)?;
        let text = integrate::merge_text(factory, project, row)?;
        match git::merge_apart(repo, &tip, &head, &text)? {
            Merged::AlreadyMerged(commit)
            | Merged::FastForward(commit)
            | Merged::Commit(commit) => {
                let upon = std::mem::replace(&mut tip, commit.clone());
                links.push(Link { row, commit, upon });
            }
            Merged::Conflict(_) => {
                if let Merged::Conflict(paths) = git::merge_apart(repo, ours, &head, &text)? {
                    conflicts.push((row, paths));
                }
            }
        }
    }
    Ok((links, conflicts))
}

/// The commit that brings these in: one of its own where they are several, and else the only one's merge. None of none.
fn together(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    ours: &Oid,
    links: &[Link<'_>],
) -> Result<Option<Oid>, IntegrateError> {
    let Some(last) = links.last() else {
        return Ok(None);
    };
    let new = links.iter().filter(|link| link.commit != link.upon);
    let rows: Vec<&MergeRow> = new.map(|link| link.row).collect();
    if rows.len() < 2 {
        return Ok(Some(last.commit.clone()));
    }
    let text = integrate::merge_text_of_all(factory, project, &rows)?;
    match git::merge_apart(repo, ours, &last.commit, &text)? {
        Merged::AlreadyMerged(oid) | Merged::FastForward(oid) | Merged::Commit(oid) => {
            Ok(Some(oid))
        }
        // The chain stands upon ours: its tree is the chain's.
        Merged::Conflict(_) => Err(IntegrateError::Bug),
    }
}

/// Tests all together; where they are red, halves of them, until the first is found that is red upon a green one.
fn judged(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    ours: &Oid,
    links: &[Link<'_>],
    cancel: &Cancel,
) -> Result<Judged, IntegrateError> {
    let tried = |upto: usize| -> Result<(Option<Oid>, Vec<String>), IntegrateError> {
        let some = links.get(..upto).unwrap_or(links);
        let all = together(factory, repo, project, ours, some)?;
        let red = match &all {
            Some(all) => integrate::red_tests(factory, repo, project, ours, all, cancel)?,
            None => Vec::new(),
        };
        Ok((all, red))
    };
    let (all, mut found) = tried(links.len())?;
    if found.is_empty() {
        return Ok(Judged {
            green: links.len(),
            tested: all,
            red: None,
        });
    }
    let (mut green, mut bad) = (0, links.len());
    let mut tested = None;
    while bad - green > 1 {
        let middle = green.midpoint(bad);
        let (all, there) = tried(middle)?;
        if there.is_empty() {
            (green, tested) = (middle, all);
        } else {
            (bad, found) = (middle, there);
        }
    }
    Ok(Judged {
        green,
        tested,
        red: Some(found),
    })
}
