//! Several passed lineages at once: merged one after another, tested once. Where they are red together the one that made them so is
//! found by halves and sent back alone; the branch never stands at a commit whose tests were not seen green.

use std::sync::Arc;

use alai_core::pipeline::MergeEnd;
use alai_mission::{MergeRow, Project};
use alai_workspace::command::Cancel;
use alai_workspace::git::{self, Merged, Oid, Repo};

use crate::beat::Factory;
use crate::integrate::{self, INTEGRATION, INTEGRATION_BRANCH, IntegrateError};
use crate::sync::{self, Ground};

/// Lineages that are tested together. One bad one among them costs four more tests, and sixteen good ones save fifteen.
pub(crate) const BATCH_MAX: usize = 16;

/// A lineage, merged upon those before it.
struct Link<'a> {
    row: &'a MergeRow,
    commit: Oid,
}

/// What of a batch stands up.
struct Judged {
    /// So many from the first on are green together.
    green: usize,
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
    let (links, conflicts) = chained(factory, &repo, &project, &ours, rows)?;
    let judged = judged(factory, &repo, &project, &ours, &links, cancel)?;
    let (good, rest) = links.split_at(judged.green);
    if let Some(last) = good.last() {
        for link in good {
            integrate::intend(factory, link.row, &last.commit)?;
        }
        match &at {
            Some(tip) => drop(git::move_branch(
                &repo,
                INTEGRATION_BRANCH,
                &last.commit,
                tip,
            )?),
            None => git::update_ref(&repo, INTEGRATION, &last.commit, None)?,
        }
    }
    let end = |row: &MergeRow, end: &MergeEnd| -> Result<(), IntegrateError> {
        let task = factory.mission().newest_of_lineage(row.task)?;
        integrate::end_integration(factory, &project, row, &task, end)
    };
    for link in good {
        let commit = link.commit.to_string();
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
    rows: &'a [MergeRow],
) -> Result<(Vec<Link<'a>>, Vec<Conflict<'a>>), IntegrateError> {
    let (mut links, mut conflicts) = (Vec::new(), Vec::new());
    let mut tip = ours.clone();
    for row in rows {
        let head = integrate::oid(&row.head)?;
        let text = integrate::merge_text(factory, project, row)?;
        match git::merge(repo, &tip, &head, &text)? {
            Merged::AlreadyMerged(commit)
            | Merged::FastForward(commit)
            | Merged::Commit(commit) => {
                tip = commit.clone();
                links.push(Link { row, commit });
            }
            Merged::Conflict(_) => {
                if let Merged::Conflict(paths) = git::merge(repo, ours, &head, &text)? {
                    conflicts.push((row, paths));
                }
            }
        }
    }
    Ok((links, conflicts))
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
    let red = |upto: usize| match upto.checked_sub(1).and_then(|last| links.get(last)) {
        Some(link) => integrate::red_tests(factory, repo, project, ours, &link.commit, cancel),
        None => Ok(Vec::new()),
    };
    let mut found = red(links.len())?;
    if found.is_empty() {
        return Ok(Judged {
            green: links.len(),
            red: None,
        });
    }
    let (mut green, mut bad) = (0, links.len());
    while bad - green > 1 {
        let middle = green.midpoint(bad);
        let there = red(middle)?;
        if there.is_empty() {
            green = middle;
        } else {
            (bad, found) = (middle, there);
        }
    }
    Ok(Judged {
        green,
        red: Some(found),
    })
}
