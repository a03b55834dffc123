//! What a reviewer's answer makes of a change: the next stage, a rework, a follow-up.

use std::collections::BTreeSet;

use super::words::{bounded, finding_line, fix_title, named_subject, stage_title, subject};
use super::{
    Context, Effect, HUMAN_WAIT_MS, REVIEW_CYCLES_MAX, Spawn, ToldBefore, child, lineage, onwards,
    stop_at_rail, waiting,
};
use crate::ids::TaskId;
use crate::overlap;
use crate::review::{Finding, Review, ReviewVerdict, Severity};
use crate::task::{NewTask, Task, TaskKind, Until, WaitReason, Waiting};

pub(super) fn reviewed(task: &Task, review: &Review, context: &Context) -> Vec<Effect> {
    let note = format!("{}: {}", review.verdict, review.summary);
    let complete = Effect::Complete {
        base: None,
        head: None,
        note,
    };
    let mut effects = vec![complete];
    // A verdict that was asked for by itself: nothing follows it.
    if task.solo {
        return effects;
    }
    let fresh = { review.findings.iter() }
        .filter(|f| !context.told(f).any(|before| before.words == f.words()));
    effects.extend(fresh.map(|f| Effect::Remember {
        entry_kind: "knowledge".into(),
        text: format!(
            "{} of {}: {}",
            task.kind,
            subject(&task.title),
            finding_line(f)
        ),
    }));
    if review.verdict == ReviewVerdict::Reject {
        effects.push(rework(task, review, context));
        return effects;
    }
    let (Some(base), Some(head)) = (&task.base, &task.head) else {
        return effects;
    };
    effects.extend(onwards(task, base, head, None, &context.chain));
    effects.extend(follow_up(task, review, context));
    effects
}

/// A reject makes a new BUILD with the findings; when the cycles are used up it waits for a person from the start.
fn rework(task: &Task, review: &Review, context: &Context) -> Effect {
    let findings = distinct(&review.findings)
        .into_iter()
        .map(|f| line_of(f, context))
        .collect::<Vec<_>>();
    let mut next = rework_of(task, findings);
    next.start_from = task.head.clone();
    if task.counters.review_cycles >= REVIEW_CYCLES_MAX {
        next.waiting = Some(Waiting {
            reason: WaitReason::ReviewCycles,
            owner: context.operator.clone(),
            deadline_ms: context.now_ms + HUMAN_WAIT_MS,
            next_action: "read the findings with `alai mc show {id}`; then `alai mc answer {id} \"what to do\"` or \
                          `alai mc cancel {id}`"
                .into(),
            detail: format!("rejected {} times: {}", task.counters.review_cycles + 1, review.summary),
        });
    }
    Spawn::alone(next)
}

pub(super) fn rework_of(task: &Task, findings: Vec<String>) -> NewTask {
    let subject = subject(&task.title);
    let kind = match task.kind {
        TaskKind::Docs | TaskKind::Ops => task.kind,
        TaskKind::Goal
        | TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Verify
        | TaskKind::Postflight => TaskKind::Build,
    };
    let label = match kind {
        TaskKind::Docs => "DOCS",
        TaskKind::Ops => "OPS",
        TaskKind::Goal
        | TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Verify
        | TaskKind::Postflight => "BUILD",
    };
    let title = stage_title(task, label, "Rework", named_subject(task));
    let mut next = child(task, kind, title);
    next.description = format!("{subject}\n\nThe change was sent back by {}.", task.id);
    next.lineage = Some(lineage(task));
    next.acceptance = task.acceptance.clone();
    next.base = task.base.clone();
    next.review_cycles = task.counters.review_cycles + 1;
    next.findings = bounded(&findings);
    next
}

/// A rework is the same work: who built it goes on, in the same way, also where words had chosen him. Its own words would say that it
/// is a review. `company` is that of the build's last run.
pub fn stays_with(next: &mut NewTask, built: &Task, company: Option<String>) {
    next.company_pin = company.or_else(|| built.company_pin.clone());
    next.blueprint = built.blueprint.clone();
    next.inputs = built.inputs.clone();
    next.class = built.class.clone();
}

/// Findings that do not stop the change become one follow-up BUILD that needs its merge. What a follow-up leaves over is
/// remembered, not built again: two models could nod at each other's nits for ever.
fn follow_up(task: &Task, review: &Review, context: &Context) -> Option<Effect> {
    if review.verdict != ReviewVerdict::PassWithFindings
        || task.tags.iter().any(|t| t == FOLLOW_UP_TAG)
    {
        return None;
    }
    let followed = |f: &Finding| {
        let words = f.words();
        context
            .told(f)
            .any(|before| before.followed && before.words == words)
    };
    let worth: Vec<&Finding> = distinct(&review.findings)
        .into_iter()
        .filter(|f| is_worth_a_task(f) && !followed(f))
        .collect();
    if worth.is_empty() {
        return None;
    }
    let words: Vec<String> = worth.iter().map(|f| line_of(f, context)).collect();
    let mut next = child(task, TaskKind::Build, fix_title(task, &review.summary));
    // It goes on with its line: how often that was sent back counts for it too. What a person let go on beyond that was his word.
    next.review_cycles = task.counters.review_cycles.min(REVIEW_CYCLES_MAX);
    next.description = format!(
        "Findings of {} that did not stop the change:\n- {}",
        task.id,
        words.join("\n- ")
    );
    let named: BTreeSet<String> = { worth.iter() }
        .filter_map(|f| f.path.as_deref().map(overlap::escaped))
        .collect();
    next.paths = named.into_iter().collect();
    next.tags.push(FOLLOW_UP_TAG.into());
    next.tags.retain(|t| t != "docs" && t != "deploy");
    next.needs = vec![crate::task::Need {
        task: lineage(task),
        until: Until::Integrated,
    }];
    let made = context.follow_ups();
    if made >= FOLLOW_UPS_MAX {
        let detail = format!(
            "{made} follow-ups of this line of work were made already: {}",
            review.summary
        );
        let action = "say whether it is worth it: `alai mc answer {id} \"go ahead\"` or `alai mc cancel {id}`";
        next.waiting = Some(waiting(
            WaitReason::ReviewCycles,
            detail,
            action.into(),
            context,
        ));
    }
    stop_at_rail(&mut next, context);
    Some(Spawn::holding(next))
}

/// Whether a finding of a review that passed becomes work.
pub fn is_worth_a_task(finding: &Finding) -> bool {
    finding.severity >= Severity::Medium
}

/// Each finding once, however often a review has it. The same words at another line are another place to mend.
fn distinct(findings: &[Finding]) -> Vec<&Finding> {
    let mut seen = BTreeSet::new();
    { findings.iter() }
        .filter(|f| seen.insert((f.fingerprint(), f.line, f.words())))
        .collect()
}

/// A finding that came back says so: what was done about it did not mend it, or nobody has.
fn line_of(finding: &Finding, context: &Context) -> String {
    match context.told_before(finding) {
        Some(by) => format!(
            "{} (came back: {by} has told it before)",
            finding_line(finding)
        ),
        None => finding_line(finding),
    }
}

impl Context {
    /// What the same line of work was told before that may be this finding, the oldest first.
    fn told(&self, finding: &Finding) -> impl Iterator<Item = &ToldBefore> {
        let told = finding.fingerprint();
        { self.told.iter() }.filter(move |before| before.fingerprint == told)
    }

    /// Tasks that were made of reviews of the same line of work that passed. A review makes one.
    fn follow_ups(&self) -> usize {
        let followed = self.told.iter().filter(|before| before.followed);
        followed
            .map(|before| before.by)
            .collect::<std::collections::BTreeSet<_>>()
            .len()
    }

    /// The review of the same line of work that has told a finding first.
    fn told_before(&self, finding: &Finding) -> Option<TaskId> {
        self.told(finding).next().map(|before| before.by)
    }
}

/// Follow-ups of one line of work that are begun without a person: one of each who judges it, the verification, the review and the audit.
/// A fourth means that it was sent back after one of them had passed it, and that something else is found each time.
pub const FOLLOW_UPS_MAX: usize = 3;

/// Marks work that came of a review that passed.
pub const FOLLOW_UP_TAG: &str = "follow-up";

/// Whether what waits is a person's to judge: he was asked for it, or no model gave a usable judgement as often as it may try.
pub fn is_a_persons_to_judge(task: &Task) -> bool {
    let reason = task.waiting.as_ref().map(|waiting| waiting.reason);
    task.kind.judges() && matches!(reason, Some(WaitReason::Human | WaitReason::QaRetries))
}

/// How a person judges what is his to judge.
pub fn judge_action(task: &Task) -> String {
    let commits = match (&task.base, &task.head) {
        (Some(base), Some(head)) => format!("`git diff {base} {head}`"),
        _ => format!("`alai mc show {}`", task.id.0),
    };
    format!(
        "read {commits}; then `alai mc approve {0} \"WHY\"` or `alai mc reject {0} \"WHY\" --finding \"PATH:LINE WHAT IS WRONG\"`; \
         or `alai mc cancel {0}`",
        task.id.0
    )
}

pub(super) fn review_action(task: &Task) -> String {
    format!(
        "read `alai mc show {0}` and `alai evidence show {0}`; then `alai mc answer {0} \"what to do\"` or `alai mc cancel {0}`",
        task.id.0
    )
}
