//! What the end of a run means: the stages BUILD -> REVIEW -> SECURITY -> (merge) -> OPS -> DOCS, the four counters, and
//! who acts next. One function per kind of end; each answers with effects that the store applies in one transaction.

use serde::{Deserialize, Serialize};

use crate::ids::{ProjectId, TaskId};
use crate::plan::{Plan, PlanSource};
use crate::qa::{Outcome, Verdict};
use crate::review::{Finding, Review, ReviewVerdict, Severity};
use crate::task::{Counters, NewTask, Task, TaskKind, Until, WaitReason, Waiting};

/// Infrastructure attempts of one task (the original system: "max 3 attempts per task").
pub const INFRA_ATTEMPTS_MAX: u32 = 3;
/// Gate failures of one task that go back to a builder (the original system: "Retry (max 2x)").
pub const QA_RETRIES_MAX: u32 = 2;
/// Rejects along one lineage, REVIEW and SECURITY together (the original system: "max 2 cycles").
pub const REVIEW_CYCLES_MAX: u32 = 2;
/// Steps up the tiers per task (the original system: "max 1 escalation").
pub const ESCALATIONS_MAX: u32 = 1;
/// A task that was running each of this many times when the factory died is suspected of killing it.
pub const INTERRUPTIONS_MAX: u32 = 25;
/// Attempts at a merge that fail for reasons of the machine before a person is asked.
pub const MERGE_ATTEMPTS_MAX: u32 = 5;
/// Three working days: a person who has not answered by then has not seen it.
pub const HUMAN_WAIT_MS: i64 = 3 * 24 * 3_600_000;
/// First wait after an infrastructure failure; doubles per attempt, with full jitter.
pub const BACKOFF_MS: i64 = 5_000;
/// A gate's or reviewer's text in a new task; more does not fit a small model's context beside the code.
const FINDING_BYTES_MAX: usize = 4_000;

/// How a run ended, as the factory measured it. Nothing in here is an agent's own claim about success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ended {
    Planned {
        plan: Plan,
        source: PlanSource,
    },
    /// A commit was measured (BUILD, OPS, DOCS).
    Gated {
        verdict: Verdict,
        base: String,
        head: String,
    },
    /// A reviewer's answer that the gate accepted as a review.
    Reviewed {
        review: Review,
    },
    /// The goal was summed up (POSTFLIGHT).
    Summed {
        summary: String,
    },
    /// There was nothing to judge.
    Failed {
        failure: Failure,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Failure {
    /// The work is not good enough: the findings go back at the same tier, then one tier up.
    Quality { findings: Vec<String> },
    /// The agent was stuck or could not speak the protocol: one tier up at once.
    Lost { findings: Vec<String> },
    /// A host, a disk, a lease: counted apart, never escalates.
    Infrastructure { detail: String },
    /// The project cannot be set up or its tests cannot start on the untouched base. No token was spent.
    BoxRefused { detail: String, remedy: String },
    /// A safety rail matched what would be done.
    Rail { rule: String, detail: String },
    /// A goal's own check is red on all that was merged for it.
    GoalUnmet { detail: String },
    /// No model is reachable.
    NoModel { detail: String },
}

/// What the decision may know beside the task.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    pub now_ms: i64,
    /// Who owns what a person must do.
    pub operator: String,
    /// From 0 to 1, drawn by the caller: full jitter of the back-off.
    pub jitter: f64,
    /// A documentation stage follows the merge: asked for by plan, tag or project.
    pub wants_docs: bool,
    /// An operations stage follows the merge.
    pub wants_ops: bool,
    /// The factory moves the target branch itself. A goal is delivered as a whole, a task of its own when it is merged.
    pub auto_delivery: bool,
}

/// What the store is to do, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// The task is done. A measured commit is remembered with it.
    Complete {
        base: Option<String>,
        head: Option<String>,
        note: String,
    },
    /// Another run, not before `run_at_ms`, with what was found.
    Retry {
        /// For the history; what the next run must know is in the findings.
        why: String,
        findings: Vec<String>,
        counters: Counters,
        run_at_ms: i64,
    },
    Ask {
        waiting: Waiting,
        counters: Counters,
        findings: Vec<String>,
    },
    Spawn {
        tasks: Vec<Spawn>,
    },
    /// The lineage's commit joins the merge queue.
    Enqueue {
        lineage: TaskId,
        project: ProjectId,
        base: String,
        head: String,
    },
    /// The merged commit is to be moved to the target branch, by the project's policy.
    Deliver {
        task: TaskId,
        project: ProjectId,
        head: String,
    },
    /// The lineage is merged as `commit`.
    Integrated {
        lineage: TaskId,
        commit: String,
    },
    /// The factory remembers this; goes to HiveMind's rows now and to its projections through the outbox.
    Remember {
        entry_kind: String,
        text: String,
    },
}

/// A task to make, with its ties to tasks that have no number yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spawn {
    pub task: NewTask,
    /// Positions in the same list, smaller than its own.
    pub needs_new: Vec<(usize, Until)>,
    /// The goal's postflight waits for this one too.
    pub holds_postflight: bool,
}

impl Spawn {
    fn alone(task: NewTask) -> Effect {
        Effect::Spawn {
            tasks: vec![Spawn {
                task,
                needs_new: Vec::new(),
                holds_postflight: false,
            }],
        }
    }

    fn holding(task: NewTask) -> Effect {
        Effect::Spawn {
            tasks: vec![Spawn {
                task,
                needs_new: Vec::new(),
                holds_postflight: true,
            }],
        }
    }
}

/// What follows from a run's end.
pub fn advance(task: &Task, ended: &Ended, context: &Context) -> Vec<Effect> {
    match ended {
        Ended::Planned { plan, source } => planned(task, plan, *source, context),
        Ended::Gated {
            verdict,
            base,
            head,
        } => gated(task, verdict, base, head, context),
        Ended::Reviewed { review } => reviewed(task, review, context),
        Ended::Summed { summary } => vec![
            Effect::Complete {
                base: None,
                head: None,
                note: summary.clone(),
            },
            Effect::Remember {
                entry_kind: "briefing".into(),
                text: summary.clone(),
            },
        ],
        Ended::Failed { failure } => failed(task, failure, context),
    }
}

fn planned(task: &Task, plan: &Plan, source: PlanSource, context: &Context) -> Vec<Effect> {
    let source = match source {
        PlanSource::Model => "by the model",
        PlanSource::Template => "from the template",
    };
    let note = format!("planned {source}: {} build task(s)", plan.tasks.len());
    vec![
        Effect::Complete {
            base: None,
            head: None,
            note,
        },
        Effect::Spawn {
            tasks: plan_spawns(task, plan, context),
        },
    ]
}

fn plan_spawns(spec: &Task, plan: &Plan, context: &Context) -> Vec<Spawn> {
    let ordered = plan.ordered().unwrap_or_default();
    let position = |key: &str| ordered.iter().position(|t| t.key == key);
    let mut spawns: Vec<Spawn> = ordered
        .iter()
        .map(|planned| {
            let mut task = child(spec, TaskKind::Build, planned.title.clone());
            task.parent = spec.goal;
            task.checks = Vec::new();
            task.description = planned.description.clone();
            task.acceptance = planned.acceptance.clone();
            task.changes_tests = planned.changes_tests.clone();
            if planned.docs && !task.tags.iter().any(|t| t == "docs") {
                task.tags.push("docs".into());
            }
            stop_at_rail(&mut task, context);
            let needs_new = planned
                .needs
                .iter()
                .filter_map(|n| position(n))
                .map(|p| (p, Until::Integrated))
                .collect();
            Spawn {
                task,
                needs_new,
                holds_postflight: false,
            }
        })
        .collect();
    // A goal's own checks judge the last build, which therefore needs all the others; the postflight runs them once more on
    // all that was merged.
    if let Some((last, others)) = spawns.split_last_mut() {
        last.task.checks = spec.checks.clone();
        last.task.acceptance.extend(spec.acceptance.iter().cloned());
        if !spec.checks.is_empty() {
            last.needs_new = (0..others.len()).map(|p| (p, Until::Integrated)).collect();
        }
    }
    let mut postflight = child(
        spec,
        TaskKind::Postflight,
        format!("Postflight: {}", goal_title(spec)),
    );
    postflight.parent = spec.goal;
    let all = (0..spawns.len()).map(|p| (p, Until::Integrated)).collect();
    spawns.push(Spawn {
        task: postflight,
        needs_new: all,
        holds_postflight: false,
    });
    spawns
}

fn goal_title(spec: &Task) -> &str {
    spec.title.strip_prefix("Spec: ").unwrap_or(&spec.title)
}

fn gated(task: &Task, verdict: &Verdict, base: &str, head: &str, context: &Context) -> Vec<Effect> {
    match &verdict.outcome {
        Outcome::Passed => passed(task, verdict, base, head),
        Outcome::Failed { reasons } => quality(task, reasons, context, 0),
        Outcome::NeedsHuman { reason } => {
            vec![ask(
                task,
                WaitReason::GateUndecided,
                reason.clone(),
                review_action(task),
                context,
            )]
        }
    }
}

fn passed(task: &Task, verdict: &Verdict, base: &str, head: &str) -> Vec<Effect> {
    let note = format!(
        "gate passed: {}/{} applicable checks",
        verdict.passed, verdict.applicable
    );
    let complete = Effect::Complete {
        base: Some(base.into()),
        head: Some(head.into()),
        note: note.clone(),
    };
    let remember = Effect::Remember {
        entry_kind: "update".into(),
        text: format!("{} ({}) {note}: {}", task.title, task.kind, task.id),
    };
    let mut effects = vec![complete, remember];
    if task.solo {
        return effects;
    }
    match (task.kind, task.project) {
        (TaskKind::Build, _) => {
            effects.push(Spawn::alone(review_of(task, TaskKind::Review, base, head)))
        }
        (_, Some(project)) => effects.push(Effect::Enqueue {
            lineage: lineage(task),
            project,
            base: base.into(),
            head: head.into(),
        }),
        (_, None) => {}
    }
    effects
}

fn review_of(task: &Task, kind: TaskKind, base: &str, head: &str) -> NewTask {
    let (label, words) = match kind {
        TaskKind::Security => ("SECURITY", "Security audit"),
        TaskKind::Goal
        | TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Review
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => ("REVIEW", "Code review"),
    };
    let subject = subject(task);
    let mut next = child(
        task,
        kind,
        fit_title(&format!("[{}{label}] {words} of {subject}", prefix(task))),
    );
    next.description = format!("Judge the change of task {} ({subject}).", task.id);
    next.acceptance = task.acceptance.clone();
    next.lineage = Some(lineage(task));
    next.base = Some(base.into());
    next.head = Some(head.into());
    next.review_cycles = task.counters.review_cycles;
    next
}

fn reviewed(task: &Task, review: &Review, context: &Context) -> Vec<Effect> {
    let note = format!("{}: {}", verdict_word(review.verdict), review.summary);
    let complete = Effect::Complete {
        base: None,
        head: None,
        note,
    };
    let mut effects = vec![complete];
    effects.extend(review.findings.iter().map(|f| Effect::Remember {
        entry_kind: "knowledge".into(),
        text: format!("{} of {}: {}", task.kind, subject(task), finding_line(f)),
    }));
    if review.verdict == ReviewVerdict::Reject {
        effects.push(rework(task, review, context));
        return effects;
    }
    let (Some(base), Some(head)) = (&task.base, &task.head) else {
        return effects;
    };
    match (task.kind, task.project) {
        (TaskKind::Review, _) => effects.push(Spawn::alone(review_of(
            task,
            TaskKind::Security,
            base,
            head,
        ))),
        (_, Some(project)) => {
            effects.push(Effect::Enqueue {
                lineage: lineage(task),
                project,
                base: base.clone(),
                head: head.clone(),
            });
        }
        (_, None) => {}
    }
    effects.extend(follow_up(task, review, context));
    effects
}

/// A reject makes a new BUILD with the findings; when the cycles are used up it waits for a person from the start.
fn rework(task: &Task, review: &Review, context: &Context) -> Effect {
    let findings = review.findings.iter().map(finding_line).collect::<Vec<_>>();
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

fn rework_of(task: &Task, findings: Vec<String>) -> NewTask {
    let subject = subject(task);
    let kind = match task.kind {
        TaskKind::Docs | TaskKind::Ops => task.kind,
        TaskKind::Goal
        | TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Postflight => TaskKind::Build,
    };
    let mut next = child(task, kind, fit_title(&format!("Rework: {subject}")));
    next.description = format!(
        "{subject}\n\nThe change was sent back by {} ({}).",
        task.id, task.kind
    );
    next.lineage = Some(lineage(task));
    next.acceptance = task.acceptance.clone();
    next.base = task.base.clone();
    next.review_cycles = task.counters.review_cycles + 1;
    next.findings = bounded(&findings);
    next
}

/// Findings that do not stop the change become one follow-up BUILD that needs its merge. What a follow-up leaves over is
/// remembered, not built again: two models could nod at each other's nits for ever.
fn follow_up(task: &Task, review: &Review, context: &Context) -> Option<Effect> {
    if review.verdict != ReviewVerdict::PassWithFindings
        || task.tags.iter().any(|t| t == FOLLOW_UP_TAG)
    {
        return None;
    }
    let worth: Vec<String> = review
        .findings
        .iter()
        .filter(|f| f.severity >= Severity::Medium)
        .map(finding_line)
        .collect();
    if worth.is_empty() {
        return None;
    }
    let mut next = child(
        task,
        TaskKind::Build,
        fit_title(&format!("Follow-up: {}", review.summary)),
    );
    next.description = format!(
        "Findings of {} that did not stop the change:\n- {}",
        task.id,
        worth.join("\n- ")
    );
    next.tags.push(FOLLOW_UP_TAG.into());
    next.tags.retain(|t| t != "docs" && t != "deploy");
    next.needs = vec![crate::task::Need {
        task: lineage(task),
        until: Until::Integrated,
    }];
    stop_at_rail(&mut next, context);
    Some(Spawn::holding(next))
}

/// Marks work that came of a review that passed.
pub const FOLLOW_UP_TAG: &str = "follow-up";

fn failed(task: &Task, failure: &Failure, context: &Context) -> Vec<Effect> {
    match failure {
        Failure::Quality { findings } => quality(task, findings, context, 0),
        Failure::Lost { findings } => quality(task, findings, context, 1),
        Failure::Infrastructure { detail } => infrastructure(task, detail, context),
        Failure::BoxRefused { detail, remedy } => {
            vec![ask(
                task,
                WaitReason::BoxRefused,
                detail.clone(),
                remedy.clone(),
                context,
            )]
        }
        Failure::Rail { rule, detail } => {
            let action = format!(
                "decide: `alai mc answer {} \"go ahead\"` or `alai mc cancel {}`",
                task.id.0, task.id.0
            );
            vec![ask(
                task,
                WaitReason::Safety,
                format!("{rule}: {detail}"),
                action,
                context,
            )]
        }
        Failure::GoalUnmet { detail } => {
            let action = "add what is missing with `alai mc add`, then `alai mc retry {id}`; or `alai mc cancel {id}`";
            vec![ask(
                task,
                WaitReason::GateUndecided,
                detail.clone(),
                action.into(),
                context,
            )]
        }
        Failure::NoModel { detail } => {
            let action = "start Ollama and pull a model, then `alai up` goes on by itself (`alai init` shows what it finds)";
            vec![ask(
                task,
                WaitReason::NoModel,
                detail.clone(),
                action.into(),
                context,
            )]
        }
    }
}

/// First the findings go back at the same tier, then one tier up, then to a person. `lost` skips the same tier.
fn quality(task: &Task, findings: &[String], context: &Context, lost: u32) -> Vec<Effect> {
    let mut counters = task.counters;
    counters.qa_retries += 1;
    if counters.qa_retries > QA_RETRIES_MAX {
        let detail = format!(
            "failed {} times; last: {}",
            counters.qa_retries,
            findings.join("; ")
        );
        let waiting = waiting(WaitReason::QaRetries, detail, review_action(task), context);
        return vec![Effect::Ask {
            waiting,
            counters: task.counters,
            findings: bounded(findings),
        }];
    }
    if counters.qa_retries + lost >= QA_RETRIES_MAX {
        counters.escalations = (counters.escalations + 1).min(ESCALATIONS_MAX);
    }
    vec![Effect::Retry {
        why: findings.join("; "),
        findings: bounded(findings),
        counters,
        run_at_ms: context.now_ms,
    }]
}

fn infrastructure(task: &Task, detail: &str, context: &Context) -> Vec<Effect> {
    let mut counters = task.counters;
    counters.infra_attempts += 1;
    if counters.infra_attempts >= INFRA_ATTEMPTS_MAX {
        let action = format!("mend it, then `alai mc retry {}`", task.id.0);
        let waiting = waiting(
            WaitReason::InfraAttempts,
            detail.to_owned(),
            action,
            context,
        );
        return vec![Effect::Ask {
            waiting,
            counters,
            findings: Vec::new(),
        }];
    }
    let ceiling = BACKOFF_MS << counters.infra_attempts.min(10);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most 5,120 s in milliseconds"
    )]
    let wait = (ceiling as f64 * context.jitter.clamp(0.0, 1.0)) as i64;
    vec![Effect::Retry {
        why: format!("infrastructure: {detail}"),
        findings: Vec::new(),
        counters,
        run_at_ms: context.now_ms + wait,
    }]
}

/// The factory died while this task ran.
pub fn interrupted(task: &Task, context: &Context) -> Effect {
    let mut counters = task.counters;
    counters.interruptions += 1;
    if counters.interruptions > INTERRUPTIONS_MAX {
        let detail = format!(
            "the factory ended {} times while this task ran",
            counters.interruptions
        );
        let action = format!(
            "look at its last run with `alai mc show {0}`, then `alai mc retry {0}`",
            task.id.0
        );
        let waiting = waiting(WaitReason::Interruptions, detail, action, context);
        return Effect::Ask {
            waiting,
            counters,
            findings: Vec::new(),
        };
    }
    Effect::Retry {
        why: "the factory ended while it ran".into(),
        findings: Vec::new(),
        counters,
        run_at_ms: context.now_ms,
    }
}

/// What one attempt of the merge queue found out about a lineage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MergeEnd {
    Merged {
        commit: String,
    },
    Conflict {
        paths: Vec<String>,
    },
    /// It could not be tried, again and again: a disk, a repository that is gone.
    Failed {
        detail: String,
    },
    /// It merged cleanly, but the tests are red on the merged result.
    Red {
        findings: Vec<String>,
    },
}

/// What follows from a merge. `task` is the lineage's newest task that changed code.
pub fn merged(task: &Task, end: &MergeEnd, context: &Context) -> Vec<Effect> {
    let findings = match end {
        MergeEnd::Merged { commit } => return integrated(task, commit, context),
        MergeEnd::Conflict { paths } => vec![format!(
            "the change conflicts with what was merged meanwhile, in {}; do it again on the newer base",
            paths.join(", ")
        )],
        MergeEnd::Red { findings } => findings.clone(),
        // Nobody's work was at fault: the row waits for a person, who mends the machine and lets it be tried again.
        MergeEnd::Failed { .. } => return Vec::new(),
    };
    let mut next = rework_of(task, findings.clone());
    // On the newer base: neither the old base nor the rejected commit are a start any more.
    next.base = None;
    next.start_from = None;
    if task.counters.review_cycles >= REVIEW_CYCLES_MAX {
        let action =
            "look at both sides with `alai mc show {id}`, then `alai mc answer {id} \"what to do\"`"
                .to_owned();
        next.waiting = Some(waiting(
            WaitReason::MergeConflict,
            findings.join("; "),
            action,
            context,
        ));
    }
    vec![Spawn::alone(next)]
}

fn integrated(task: &Task, commit: &str, context: &Context) -> Vec<Effect> {
    let mut effects = vec![Effect::Integrated {
        lineage: lineage(task),
        commit: commit.to_owned(),
    }];
    if let (None, true, Some(project)) = (task.goal, context.auto_delivery, task.project) {
        effects.push(Effect::Deliver {
            task: lineage(task),
            project,
            head: commit.to_owned(),
        });
    }
    if task.kind != TaskKind::Build {
        return effects;
    }
    for (kind, label, words, wanted) in [
        (TaskKind::Ops, "OPS", "Deploy setup", context.wants_ops),
        (TaskKind::Docs, "DOCS", "Documentation", context.wants_docs),
    ] {
        if !wanted {
            continue;
        }
        let subject = subject(task);
        let mut next = child(
            task,
            kind,
            fit_title(&format!("[{}{label}] {words} for {subject}", prefix(task))),
        );
        next.description = format!(
            "What was built: {subject} ({}, merged as {commit}).",
            task.id
        );
        next.tags.retain(|t| t != "docs" && t != "deploy");
        effects.push(Spawn::holding(next));
    }
    effects
}

/// Text of a model or a repository has become a task: the rails read it like a person's.
fn stop_at_rail(task: &mut NewTask, context: &Context) {
    let text = format!("{}\n{}", task.description, task.acceptance.join("\n"));
    let Some(rail) = crate::safety::judge_text(&task.title, &text) else {
        return;
    };
    if !task.cleared.iter().any(|rule| rule == rail.rule.as_str()) {
        task.waiting = Some(railed(rail.rule.as_str(), &rail.why, "{id}", context));
    }
}

/// The safety rail stops a task before it is ever claimed.
pub fn railed(rule: &str, detail: &str, id: &str, context: &Context) -> Waiting {
    let action = format!("decide: `alai mc answer {id} \"go ahead\"` or `alai mc cancel {id}`");
    waiting(
        WaitReason::Safety,
        format!("{rule}: {detail}"),
        action,
        context,
    )
}

/// A new task in the same goal, project and line of work.
fn child(task: &Task, kind: TaskKind, title: String) -> NewTask {
    let mut next = NewTask::new(kind, title);
    next.goal = task.goal;
    next.parent = Some(task.id);
    next.priority = task.priority;
    next.project = task.project;
    next.tags = task.tags.clone();
    next.cleared = task.cleared.clone();
    next.changes_tests = task.changes_tests.clone();
    // Reviews carry the checks on, so that a rework is judged by what the first build was judged by.
    if matches!(
        kind,
        TaskKind::Build | TaskKind::Review | TaskKind::Security
    ) {
        next.checks = task.checks.clone();
    }
    next
}

/// The first task of the line; a task without one is its own.
pub fn lineage(task: &Task) -> TaskId {
    task.lineage.unwrap_or(task.id)
}

/// What the work is about, without the stage's own words around it.
fn subject(task: &Task) -> &str {
    let title = task
        .title
        .split_once("] ")
        .filter(|_| task.title.starts_with('['))
        .map_or(&*task.title, |(_, t)| t);
    ["Code review of ", "Security audit of ", "Rework: "]
        .iter()
        .find_map(|p| title.strip_prefix(p))
        .map_or(title, |rest| rest.strip_prefix("Rework: ").unwrap_or(rest))
}

/// `BENTO-` when the task's first tag is `bento` (`[BENTO-REVIEW]`, as the original system names stage tasks).
fn prefix(task: &Task) -> String {
    let own = |t: &&String| *t != "docs" && *t != "deploy" && *t != FOLLOW_UP_TAG;
    task.tags
        .iter()
        .find(own)
        .map(|t| format!("{}-", t.to_uppercase()))
        .unwrap_or_default()
}

fn fit_title(title: &str) -> String {
    let line = title.lines().next().unwrap_or(title);
    match line
        .char_indices()
        .find(|(at, c)| at + c.len_utf8() > crate::task::TITLE_BYTES_MAX - 4)
    {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or(line)),
        None => line.to_owned(),
    }
}

fn verdict_word(verdict: ReviewVerdict) -> &'static str {
    match verdict {
        ReviewVerdict::Pass => "pass",
        ReviewVerdict::PassWithFindings => "pass with findings",
        ReviewVerdict::Reject => "reject",
    }
}

fn finding_line(f: &Finding) -> String {
    let severity = match f.severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
    };
    let place = match (&f.path, f.line) {
        (Some(path), Some(line)) => format!(" {path}:{line}"),
        (Some(path), None) => format!(" {path}"),
        (None, _) => String::new(),
    };
    let detail = if f.detail.is_empty() {
        String::new()
    } else {
        format!(": {}", f.detail)
    };
    format!("[{severity}]{place} {}{detail}", f.title)
}

fn bounded(findings: &[String]) -> Vec<String> {
    findings.iter().map(|f| cut(f, FINDING_BYTES_MAX)).collect()
}

fn cut(text: &str, bytes_max: usize) -> String {
    match text
        .char_indices()
        .find(|(at, c)| at + c.len_utf8() > bytes_max)
    {
        Some((at, _)) => format!(
            "{} … [{} bytes left out]",
            text.get(..at).unwrap_or(text),
            text.len() - at
        ),
        None => text.to_owned(),
    }
}

fn ask(
    task: &Task,
    reason: WaitReason,
    detail: String,
    action: String,
    context: &Context,
) -> Effect {
    Effect::Ask {
        waiting: waiting(reason, detail, action, context),
        counters: task.counters,
        findings: Vec::new(),
    }
}

fn waiting(reason: WaitReason, detail: String, next_action: String, context: &Context) -> Waiting {
    Waiting {
        reason,
        owner: context.operator.clone(),
        deadline_ms: context.now_ms + HUMAN_WAIT_MS,
        next_action,
        detail: cut(&detail, FINDING_BYTES_MAX),
    }
}

fn review_action(task: &Task) -> String {
    format!(
        "read `alai mc show {0}` and `alai evidence show {0}`; then `alai mc answer {0} \"what to do\"` or `alai mc cancel {0}`",
        task.id.0
    )
}

#[cfg(test)]
mod tests;
