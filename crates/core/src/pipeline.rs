//! What the end of a run means: the stages BUILD -> REVIEW -> SECURITY -> (merge) -> OPS -> DOCS, the four counters, and
//! who acts next. One function per kind of end; each answers with effects that the store applies in one transaction.

mod chain;
mod failed;
mod line;
mod merged;
mod pulled;
mod replan;
mod reviewed;
mod sides;
mod uncaged;
mod words;

use serde::{Deserialize, Serialize};

use crate::blueprint::Question;
use crate::brief::Role;
use crate::ids::{ProjectId, TaskId};
use crate::money::Refused;
use crate::plan::{Plan, PlanSource, PlannedTask, Planning};
use crate::qa::{CheckResult, Outcome, Verdict};
use crate::review::Review;
use crate::session::Report;
use crate::task::{Counters, NewTask, Task, TaskKind, Until, WaitReason, Waiting};
use crate::transition::{Passage, Transition};
pub use chain::{Chain, ChainError, JUDGED_FROM, Stage, tag_of};
use failed::{ask, failed, quality};
use replan::Died;
use reviewed::{review_action, reviewed};
pub use words::subject;
use words::{cut, named_subject, stage_title};

pub use failed::{interrupted, over_budget, timed_out};
pub use line::{Held, by_hand, next};
pub use merged::{MergeEnd, merged};
pub use pulled::follow_up;
pub use replan::{
    Around, Counted, PARTS_MAX, PARTS_MIN, REPLANS_MAX, SPLITS_DEEP_MAX, closed_by_hand,
    is_in_place_of, is_planned, replaces,
};
pub use reviewed::{
    FOLLOW_UP_TAG, FOLLOW_UPS_MAX, is_a_persons_to_judge, is_worth_a_task, judge_action, stays_with,
};
pub use sides::{Sides, with_sides};
pub use uncaged::accepted;

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
    /// The blueprint asks a person; what was done so far is kept, and the next run goes on from it.
    Asked {
        question: Question,
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
    Quality {
        findings: Vec<String>,
        /// The gate that found it. Ends of before it was written tell none, and most were those of a claim.
        #[serde(default = "Failure::at_claim")]
        at: Transition,
    },
    /// The agent was stuck or could not speak the protocol: one tier up at once.
    Lost { findings: Vec<String> },
    /// The run came to a limit before its agent said that it was done. Ends of before this was written tell of it as of quality.
    Overrun { findings: Vec<String>, limit: Limit },
    /// The work left what the company that words chose may write: the findings go to another company, which stays.
    Beyond {
        findings: Vec<String>,
        from: String,
        to: String,
    },
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
    /// The disk has too little room for the run's clone. Nothing was begun and nothing is counted.
    NoRoom { detail: String },
    /// A paid call was not begun. Nothing was judged and nothing is counted.
    Budget { refused: Refused },
    /// It is a person's: nothing is counted against the task.
    Human {
        detail: String,
        /// The gate that gave it to him: spawn where nothing was begun.
        at: Transition,
    },
}

/// What a run has an amount of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    Steps,
    Time,
    Money,
}

impl Failure {
    /// What was handed in is not good enough, or proves nothing.
    pub fn quality(findings: Vec<String>) -> Failure {
        let at = Failure::at_claim();
        Failure::Quality { findings, at }
    }

    fn at_claim() -> Transition {
        Transition::Claim
    }
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
    /// Why an independent verifier looks at what passed its gate before anybody reviews it; none where none is asked.
    pub verify: Option<String>,
    /// What other reviews and audits of the same line of work have found before, the oldest first.
    pub told: Vec<ToldBefore>,
    /// The stages that the project's work goes through.
    pub chain: Chain,
    /// What bounds the planning anew of a task whose tries are over; none where nobody looked, and a person is asked.
    pub around: Option<Around>,
    /// The task that a specification plans anew, as it stands now.
    pub dead: Option<Box<Task>>,
}

/// A finding of an earlier review of the same line of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldBefore {
    pub by: TaskId,
    pub fingerprint: String,
    /// Its title's words with their numbers (`Finding::words`).
    pub words: String,
    /// A task was made of it already, which was neither cancelled nor has failed.
    pub followed: bool,
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
    /// The task is another company's from now on.
    Move {
        company: String,
        why: String,
    },
    /// A gate has measured this commit; what becomes of it is not decided yet.
    Measured {
        base: String,
        head: String,
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
    /// The transition gates that the run's end has passed, for their counts.
    Passed {
        gates: Vec<(Transition, Passage)>,
    },
    /// What came of the run, for those who go on: into the session of the line of work.
    Report {
        agent: String,
        report: Report,
    },
    /// A plan is carried out: into the history of the goal, with whose it is.
    Planned {
        goal: TaskId,
        source: PlanSource,
        tasks: usize,
        /// The task in whose place they stand.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead_of: Option<TaskId>,
    },
    /// The task needs this specification from now on, which is made: it is planned anew.
    PlanAnew {
        spec: Box<NewTask>,
        /// What was decided by: nothing is made where the store counts otherwise.
        counted: Counted,
    },
    /// These stand in the place of another task than the one that ended: whoever needs that one needs them, and it is cancelled.
    Replace {
        task: TaskId,
        by: Vec<Spawn>,
        /// As above, of the task that is replaced.
        counted: Counted,
    },
    /// Another task than the one that ended goes before a person.
    AskAbout {
        task: TaskId,
        waiting: Waiting,
    },
    /// This stage has no task after this one, and that is why: a stage is made or left out, and never forgotten.
    Skip {
        stage: Stage,
        why: String,
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
    /// Whoever needs the task that makes this one waits for this one too: it was handed on.
    #[serde(default)]
    pub holds_dependents: bool,
    /// Once for its goal, however many of its lines ask for it, and after all that is built for the goal.
    #[serde(default)]
    pub of_goal: bool,
}

impl Spawn {
    fn alone(task: NewTask) -> Effect {
        Effect::Spawn {
            tasks: vec![Spawn {
                task,
                needs_new: Vec::new(),
                holds_postflight: false,
                holds_dependents: false,
                of_goal: false,
            }],
        }
    }

    fn holding(task: NewTask) -> Effect {
        Effect::Spawn {
            tasks: vec![Spawn {
                task,
                needs_new: Vec::new(),
                holds_postflight: true,
                holds_dependents: false,
                of_goal: false,
            }],
        }
    }
}

/// What follows from a run's end.
pub fn advance(task: &Task, ended: &Ended, context: &Context) -> Vec<Effect> {
    if let Some(planning) = task.plans_anew() {
        return replan::ended(task, planning, ended, context);
    }
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
        Ended::Asked { question } => vec![asked(task, question, context)],
        Ended::Failed { failure } => failed(task, failure, context),
    }
}

/// The question goes before a person, until the deadline that the blueprint names.
fn asked(task: &Task, question: &Question, context: &Context) -> Effect {
    let mut detail = question.text.trim().to_owned();
    let mut action = format!("answer it: `alai mc answer {0} \"TEXT\"`", task.id.0);
    if !question.options.is_empty() {
        let options = question.options.join(", ");
        detail = format!("{detail} ({options})");
        action = format!(
            "answer it by one of {options}: `alai mc answer {0} \"TEXT\"`",
            task.id.0
        );
    }
    action.push_str(&format!("; or `alai mc cancel {}`", task.id.0));
    let mut waiting = waiting(WaitReason::Question, detail, action, context);
    let wait_ms = i64::try_from(question.deadline_s)
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000);
    waiting.deadline_ms = context.now_ms.saturating_add(wait_ms);
    Effect::Ask {
        waiting,
        counters: task.counters,
        findings: Vec::new(),
    }
}

fn planned(task: &Task, plan: &Plan, source: PlanSource, context: &Context) -> Vec<Effect> {
    let ordered = match plan.ordered() {
        Ok(ordered) => ordered,
        // Every door to a plan looks for it. What came past them all is no plan without tasks.
        Err(why) => return failed(task, &Failure::quality(vec![why.to_string()]), context),
    };
    let tasks = ordered.len();
    let note = match source {
        PlanSource::Model => format!("planned by the model: {tasks} build task(s)"),
        PlanSource::Template => format!("planned from the template: {tasks} build task(s)"),
        PlanSource::Delegated => format!("handed out by the lead: {tasks} task(s)"),
        PlanSource::Edited => format!("planned as a person edited it: {tasks} build task(s)"),
        PlanSource::File => format!("planned by a person's file: {tasks} build task(s)"),
    };
    if task.planning == Some(Planning::Shown) {
        let detail = format!("{note}; nothing of it is begun before you have seen it");
        let action =
            "look at it and carry it out: `alai plan {id} --edit`; or `alai mc cancel {id}`";
        return vec![ask(
            task,
            WaitReason::Question,
            detail,
            action.into(),
            context,
        )];
    }
    vec![
        Effect::Planned {
            goal: task.goal.unwrap_or(task.id),
            source,
            tasks,
            instead_of: None,
        },
        Effect::Complete {
            base: None,
            head: None,
            note,
        },
        Effect::Spawn {
            tasks: plan_spawns(task, plan, &ordered, context),
        },
    ]
}

/// Whether the plan of this task is a part of another lead's: it was handed to a lead by a lead.
pub fn is_a_part(spec: &Task) -> bool {
    spec.kind == TaskKind::Spec && spec.parent != spec.goal && spec.plans_anew().is_none()
}

/// The tasks of a plan, in whoever's words it came. A lead's own task is done with that; what comes of it holds up the goal's postflight
/// and whoever needs the lead's task. `ordered` are the plan's own tasks, each after what it needs.
fn plan_spawns(
    spec: &Task,
    plan: &Plan,
    ordered: &[&PlannedTask],
    context: &Context,
) -> Vec<Spawn> {
    let is_part = is_a_part(spec);
    let position = |key: &str| ordered.iter().position(|t| t.key == key);
    let mut spawns: Vec<Spawn> = ordered
        .iter()
        .map(|planned| Spawn {
            task: planned_task(spec, planned, context),
            needs_new: { planned.needs.iter() }
                .filter_map(|n| position(n))
                .map(|p| (p, Until::Integrated))
                .collect(),
            holds_postflight: is_part,
            holds_dependents: is_part,
            of_goal: false,
        })
        .collect();
    // A goal's own checks judge the last build, which therefore needs all the others; the postflight runs them once more on
    // all that was merged. Where the last one is handed to a lead, the postflight alone does.
    if let Some((last, others)) = spawns.split_last_mut() {
        last.task.acceptance.extend(spec.acceptance.iter().cloned());
        if last.task.kind == TaskKind::Build {
            last.task.checks = spec.checks.clone();
            if !spec.checks.is_empty() {
                last.needs_new = (0..others.len()).map(|p| (p, Until::Integrated)).collect();
            }
        }
    }
    spawns.extend(goal_stages(spec, plan, context));
    if is_part {
        return spawns;
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
        holds_dependents: false,
        of_goal: false,
    });
    spawns
}

/// OPS and DOCS of a goal: for all that is built together, and not once for each line.
fn goal_stages(spec: &Task, plan: &Plan, context: &Context) -> Vec<Spawn> {
    let Some(goal) = spec.goal else {
        return Vec::new();
    };
    let docs = context.wants_docs || plan.tasks.iter().any(|t| t.docs);
    let ops = context.wants_ops || plan.tasks.iter().any(|t| t.deploy);
    let titles: Vec<String> = plan
        .tasks
        .iter()
        .map(|t| format!("- {}", t.title))
        .collect();
    [
        (TaskKind::Ops, Stage::Ops, ops),
        (TaskKind::Docs, Stage::Docs, docs),
    ]
    .into_iter()
    .filter(|(_, stage, wanted)| {
        *wanted
            && context
                .chain
                .leaves_out(*stage, spec.priority, false)
                .is_none()
    })
    .map(|(kind, _, _)| merged::of_goal(spec, goal, kind, &titles.join("\n")))
    .collect()
}

/// Whether a task's own text hits a rule.
fn hits(task: &Task, rule: &str) -> bool {
    let text = format!("{}\n{}", task.description, task.acceptance.join("\n"));
    let others: Vec<String> = crate::safety::Rule::ALL
        .iter()
        .map(|other| other.as_str().to_owned())
        .filter(|other| other != rule)
        .collect();
    crate::safety::judge_text_but(&task.title, &text, &others).is_some()
}

/// One task of a plan: a build, or a part that another lead splits further.
fn planned_task(spec: &Task, planned: &PlannedTask, context: &Context) -> NewTask {
    let kind = match planned.role {
        Role::Lead => TaskKind::Spec,
        Role::Builder | Role::Reviewer => TaskKind::Build,
    };
    let mut task = child(spec, kind, planned.title.clone());
    // A rule that the lead's own text does not hit was cleared for one of its proposals: that is no word about the others, and each
    // that hits it waits for its own.
    task.cleared.retain(|rule| hits(spec, rule));
    // What a lead hands to a lead hangs below its own task, and what a goal's plan makes below the goal.
    task.parent = match (kind, is_a_part(spec)) {
        (TaskKind::Spec, _) | (_, true) => Some(spec.id),
        (_, false) => spec.goal,
    };
    task.checks = Vec::new();
    task.description = planned.description.clone();
    task.description.push_str(&expected_in(&planned.paths));
    task.acceptance = planned.acceptance.clone();
    task.changes_tests = planned.changes_tests.clone();
    task.paths = planned.paths.clone();
    task.company_pin = planned.company.clone();
    for (stage, asked) in [(Stage::Docs, planned.docs), (Stage::Ops, planned.deploy)] {
        let tag = chain::tag_of(stage).filter(|tag| asked && !task.tags.iter().any(|t| t == tag));
        task.tags.extend(tag.map(str::to_owned));
    }
    stop_at_rail(&mut task, context);
    task
}

/// What a builder is told of the paths that his task declares, behind its description; nothing where it declares none.
pub fn expected_in(paths: &[String]) -> String {
    match paths {
        [] => String::new(),
        paths => format!("\n\nThe work is expected in `{}`.", paths.join("`, `")),
    }
}

fn goal_title(spec: &Task) -> &str {
    spec.title.strip_prefix("Spec: ").unwrap_or(&spec.title)
}

fn gated(task: &Task, verdict: &Verdict, base: &str, head: &str, context: &Context) -> Vec<Effect> {
    match &verdict.outcome {
        Outcome::Passed => passed(task, verdict, base, head, context),
        Outcome::Failed { reasons } => quality(task, reasons, context, Died::Quality),
        Outcome::NeedsHuman { .. } if verdict.only_uncaged() => {
            uncaged::asked(task, verdict, base, head, context)
        }
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

fn passed(
    task: &Task,
    verdict: &Verdict,
    base: &str,
    head: &str,
    context: &Context,
) -> Vec<Effect> {
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
    match task.solo {
        true => effects.push(Effect::Skip {
            stage: Stage::Review,
            why: "only its gate was asked for".into(),
        }),
        false => {
            let verify = context.verify.as_deref();
            let mut next = onwards(task, base, head, verify, &context.chain);
            tell_green_before(&mut next, verdict);
            effects.extend(next);
        }
    }
    effects
}

/// Whoever judges next is told which of the task's own commands say nothing of the change: he sees nothing else of the gate.
fn tell_green_before(next: &mut [Effect], verdict: &Verdict) {
    let Some(own) = { verdict.measurements.iter() }.find(|m| m.is_green_before()) else {
        return;
    };
    let told = match own.result {
        CheckResult::NotApplicable => {
            " The task's own checks all passed before the change as well: that they pass shows nothing of it."
        }
        CheckResult::Pass | CheckResult::Fail => {
            " Of the task's own checks some passed before the change as well, and show nothing of it."
        }
    };
    for effect in next {
        if let Effect::Spawn { tasks } = effect {
            for spawn in tasks.iter_mut().filter(|s| s.task.kind.judges()) {
                spawn.task.description.push_str(told);
            }
        }
    }
}

/// Where a commit that is good goes next, and which stages are left out on the way there.
fn onwards(
    task: &Task,
    base: &str,
    head: &str,
    verify: Option<&str>,
    chain: &Chain,
) -> Vec<Effect> {
    let (kind, mut effects) = judged_as(task, verify.is_some(), chain);
    match (kind, task.project) {
        (Some(kind), _) => {
            let mut next = review_of(task, kind, base, head);
            if let Some(why) = verify.filter(|_| kind == TaskKind::Verify) {
                next.description
                    .push_str(&format!(" An independent verifier is asked: {why}."));
            }
            let keeps =
                |freed| Stage::of(kind).is_some_and(|s| chain.keeps(s, task.priority, freed));
            if keeps(false) {
                next.description.push_str(&format!(
                    " The project's stages leave this one out; work of priority {} is judged all the same.",
                    task.priority.letter()
                ));
            } else if keeps(chain::freed(&task.changes_tests, &task.cleared)) {
                next.description.push_str(
                    " The project's stages leave this one out; work that may change tests, or for which a safety rule was \
                     cleared, is judged all the same.",
                );
            }
            effects.push(Spawn::alone(next));
        }
        (None, Some(project)) => effects.push(Effect::Enqueue {
            lineage: lineage(task),
            project,
            base: base.into(),
            head: head.into(),
        }),
        (None, None) => effects.push(Effect::Skip {
            stage: Stage::Merge,
            why: "it belongs to no project".into(),
        }),
    }
    effects
}

/// The stage that judges what passed this one, `None` where nothing more is judged; and those that are left out before it. `verified`: an
/// independent verifier is first.
fn judged_as(task: &Task, verified: bool, chain: &Chain) -> (Option<TaskKind>, Vec<Effect>) {
    let left: &[Stage] = match task.kind {
        TaskKind::Build if verified => return (Some(TaskKind::Verify), Vec::new()),
        TaskKind::Build | TaskKind::Verify => &[Stage::Review, Stage::Security],
        TaskKind::Review => &[Stage::Security],
        TaskKind::Goal
        | TaskKind::Spec
        | TaskKind::Security
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => &[],
    };
    let freed = chain::freed(&task.changes_tests, &task.cleared);
    let mut skipped = Vec::new();
    for stage in left {
        match chain.leaves_out(*stage, task.priority, freed) {
            None => return (stage.kind(), skipped),
            Some(why) => skipped.push(Effect::Skip { stage: *stage, why }),
        }
    }
    (None, skipped)
}

/// The task that follows this one when all goes well, as far as that is known beforehand: a build is reviewed, a review is audited. It has no number of
/// its own yet, but that of the task which it follows, and no commit.
pub fn follower(task: &Task, chain: &Chain) -> Option<Task> {
    let (kind, _) = judged_as(task, false, chain);
    let next = review_of(task, kind.filter(|_| !task.solo)?, "", "");
    Some(Task {
        kind: next.kind,
        parent: next.parent,
        lineage: next.lineage,
        title: next.title,
        description: next.description,
        company_pin: next.company_pin,
        model_pin: next.model_pin,
        class: next.class,
        blueprint: next.blueprint,
        inputs: next.inputs,
        handed: None,
        base: None,
        head: None,
        ..task.clone()
    })
}

fn review_of(task: &Task, kind: TaskKind, base: &str, head: &str) -> NewTask {
    let (label, words) = match kind {
        TaskKind::Security => ("SECURITY", "Security audit"),
        TaskKind::Verify => ("VERIFY", "Verification"),
        TaskKind::Goal
        | TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Review
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => ("REVIEW", "Code review"),
    };
    let subject = subject(&task.title);
    let title = stage_title(task, label, words, named_subject(task));
    let mut next = child(task, kind, title);
    next.description = format!("Judge the change of task {} ({subject}).", task.id);
    next.acceptance = task.acceptance.clone();
    next.lineage = Some(lineage(task));
    next.base = Some(base.into());
    next.head = Some(head.into());
    next.review_cycles = task.counters.review_cycles;
    next
}

/// Text of a model or a repository has become a task: the rails read it like a person's.
fn stop_at_rail(task: &mut NewTask, context: &Context) {
    let text = format!("{}\n{}", task.description, task.acceptance.join("\n"));
    if let Some(rail) = crate::safety::judge_text_but(&task.title, &text, &task.cleared) {
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
    // A rework is done by whom the first build was pinned to; who judges is not (`routing::wish`).
    next.model_pin = task.model_pin.clone();
    next.changes_tests = task.changes_tests.clone();
    // Reviews carry the checks on, so that a rework is judged by what the first build was judged by.
    if matches!(
        kind,
        TaskKind::Build | TaskKind::Review | TaskKind::Security | TaskKind::Verify
    ) {
        next.checks = task.checks.clone();
    }
    next
}

/// The first task of the line; a task without one is its own.
pub fn lineage(task: &Task) -> TaskId {
    task.lineage.unwrap_or(task.id)
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

#[cfg(test)]
mod tests;
