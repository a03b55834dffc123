//! A person's verdict about a commit: held to what an agent's review is held to, and to not being his own work.

use alai_core::ids::TaskId;
use alai_core::pipeline;
use alai_core::review::{Review, ReviewVerdict};
use alai_core::task::Task;
use alai_mission::JudgedRow;
use alai_workspace::git::Oid;

use super::tasks::project_of;
use super::{Desk, OpError, OpErrorKind, Outcome};
use crate::integrate;

pub(super) fn judge(desk: &Desk<'_>, task: TaskId, review: &Review) -> Result<Outcome, OpError> {
    let found = desk.mission.task(task)?;
    let head = commit(&found)?;
    is_another(desk, &found)?;
    holds(desk, &found, &head, review)?;
    let text =
        serde_json::to_string(review).map_err(|e| OpError::new(OpErrorKind::Failed, e, ""))?;
    let judged = JudgedRow {
        by: desk.actor.to_owned(),
        head: head.to_string(),
        // It is a brief's text and a page's from here on.
        review: alai_minion::redact(&text).into_owned(),
    };
    let state = desk
        .mission
        .judge(task, judged, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Task { task, state })
}

/// The commit that a review is about.
fn commit(found: &Task) -> Result<Oid, OpError> {
    let is_review = found.kind.judges();
    let head = found.head.as_deref().filter(|_| is_review);
    let Some(head) = head else {
        let message = format!("{} is no review of a commit", found.id);
        let hint = format!("`alai why {}` says what it waits for", found.id.0);
        return Err(OpError::new(OpErrorKind::Usage, message, &hint));
    };
    head.parse()
        .map_err(|e| OpError::new(OpErrorKind::Failed, e, ""))
}

/// Nobody judges what he wrote himself.
fn is_another(desk: &Desk<'_>, found: &Task) -> Result<(), OpError> {
    let writers = desk.mission.writers_of(pipeline::lineage(found))?;
    if !writers.iter().any(|writer| writer == desk.actor) {
        return Ok(());
    }
    let message = format!(
        "{} handed in a part of this change, and nobody judges his own",
        desk.actor
    );
    let hint = "ask somebody else; or let a model judge: give `code_review` and `security_review` of the company's `tier_overrides` a tier, \
                then `alai mc answer ID \"a model judges it\"`";
    Err(OpError::new(OpErrorKind::Failed, message, hint))
}

/// What an agent's review is held to; and what a person sends back says where.
fn holds(desk: &Desk<'_>, found: &Task, head: &Oid, review: &Review) -> Result<(), OpError> {
    let fail = |e: &dyn std::fmt::Display| OpError::new(OpErrorKind::Failed, e.to_string(), "");
    let repo = integrate::open(&project_of(desk, found)?).map_err(|e| fail(&e))?;
    // A person has no tree of ours that he could have changed.
    let tree = head.to_string();
    let mut faults =
        alai_gate::check_review(&repo, head, review, &tree, &tree).map_err(|e| fail(&e))?;
    if review.verdict == ReviewVerdict::Reject {
        let nowhere = review.findings.iter();
        let nowhere = nowhere.filter(|f| f.path.is_none() || f.line.is_none());
        faults.extend(nowhere.map(|f| format!("the finding \"{}\" names no line", f.title)));
    }
    if faults.is_empty() {
        return Ok(());
    }
    let hint = "`--finding \"PATH:LINE WHAT IS WRONG\"`, once for each; `low `, `medium ` or `high ` before it says how grave it is";
    Err(OpError::new(OpErrorKind::Usage, faults.join("; "), hint))
}
