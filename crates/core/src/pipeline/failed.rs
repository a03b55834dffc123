//! A run that ended without a result: whose fault it was, how often that may happen, and who acts next.

use super::replan::{self, Died};
use super::reviewed::{judge_action, review_action};
use super::words::bounded;
use super::{
    BACKOFF_MS, Context, ESCALATIONS_MAX, Effect, Ended, Failure, INFRA_ATTEMPTS_MAX,
    INTERRUPTIONS_MAX, Limit, QA_RETRIES_MAX, advance, waiting,
};
use crate::cage::Sandbox;
use crate::money::Refused;
use crate::task::{Task, WaitReason};

pub(super) fn failed(task: &Task, failure: &Failure, context: &Context) -> Vec<Effect> {
    match failure {
        Failure::Quality { findings, .. } => quality(task, findings, context, Died::Quality),
        Failure::Lost { findings } => quality(task, findings, context, Died::Lost),
        Failure::Overrun { findings, limit } => {
            quality(task, findings, context, Died::Overrun(*limit))
        }
        Failure::Beyond { findings, from, to } => beyond(task, findings, from, to, context),
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
            let action = "start a host that `alai fleet status` shows as down, or give one a model (`ollama pull MODEL`); `alai up` then goes on by itself";
            vec![ask(
                task,
                WaitReason::NoModel,
                detail.clone(),
                action.into(),
                context,
            )]
        }
        Failure::NoRoom { detail } => {
            let action = "free some space there (`alai minion list` names kept clones), or lower `limits.free_mb` in alai.toml; `alai up` then goes on with it";
            vec![ask(
                task,
                WaitReason::NoRoom,
                detail.clone(),
                action.into(),
                context,
            )]
        }
        Failure::Budget { refused } => vec![over_budget(task, refused, context)],
        Failure::Human { detail, .. } => {
            let action = human_action(task);
            vec![ask(
                task,
                WaitReason::Human,
                detail.clone(),
                action,
                context,
            )]
        }
    }
}

/// What a person does with work that is his own: what he commits is measured like an agent's, what he judges is his word.
fn human_action(task: &Task) -> String {
    let id = task.id.0;
    if task.kind.judges() {
        return judge_action(task);
    }
    match task.kind.changes_code() {
        true => format!(
            "do it in the project's repository, then `alai mc ready {id} --head COMMIT`, and its gate measures that; or `alai mc cancel {id}`"
        ),
        false => review_action(task),
    }
}

/// What a person does where the tries are over: what judges a commit he may also judge himself.
fn worn_action(task: &Task) -> String {
    match task.kind.judges() {
        true => format!(
            "{}; or another try: `alai mc answer {} \"what to do\"`",
            judge_action(task),
            task.id.0
        ),
        false => review_action(task),
    }
}

/// No attempt is counted: nobody did anything wrong. A day's cap ends with its day, the others when a person says so.
pub fn over_budget(task: &Task, refused: &Refused, context: &Context) -> Effect {
    let (text, fix) = (refused.text.clone(), refused.fix.clone());
    let mut waiting = waiting(WaitReason::Budget, text, fix, context);
    waiting.deadline_ms = refused.until_ms.unwrap_or(waiting.deadline_ms);
    Effect::Ask {
        waiting,
        counters: task.counters,
        findings: Vec::new(),
    }
}

/// First the findings go back at the same tier, then one tier up; then it is planned anew where that may be, or it is a person's. Who was lost
/// skips the same tier.
pub(super) fn quality(
    task: &Task,
    findings: &[String],
    context: &Context,
    died: Died,
) -> Vec<Effect> {
    let mut counters = task.counters;
    counters.qa_retries += 1;
    // A person asked for one run without a cage, and not for the next one.
    if counters.qa_retries > QA_RETRIES_MAX || task.sandbox == Sandbox::Off {
        let bound = match replan::instead(task, bounded(findings), died, context) {
            Ok(effects) => return effects,
            Err(bound) => bound,
        };
        let bound = bound.map_or(String::new(), |why| {
            format!(" and is not planned anew: {why}")
        });
        let detail = format!(
            "failed {} times{bound}; last: {}",
            counters.qa_retries,
            findings.join("; ")
        );
        let action = worn_action(task);
        let waiting = waiting(WaitReason::QaRetries, detail, action, context);
        return vec![Effect::Ask {
            waiting,
            counters: task.counters,
            findings: bounded(findings),
        }];
    }
    if counters.qa_retries + u32::from(died == Died::Lost) >= QA_RETRIES_MAX {
        counters.escalations = (counters.escalations + 1).min(ESCALATIONS_MAX);
    }
    vec![Effect::Retry {
        why: findings.join("; "),
        findings: bounded(findings),
        counters,
        run_at_ms: context.now_ms,
    }]
}

/// Who may not write what is asked for fails the same way each time. A task that was moved is pinned, so that it moves once.
fn beyond(
    task: &Task,
    findings: &[String],
    from: &str,
    to: &str,
    context: &Context,
) -> Vec<Effect> {
    let mut effects = quality(task, findings, context, Died::Quality);
    if matches!(effects.as_slice(), [Effect::Retry { .. }]) {
        let why = format!(
            "{from} may not write what this needs, and had it by its words: {to} goes on, the default of the stage"
        );
        let company = to.to_owned();
        effects.insert(0, Effect::Move { company, why });
    }
    effects
}

pub(super) fn infrastructure(task: &Task, detail: &str, context: &Context) -> Vec<Effect> {
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

/// A run of the factory took too long, or reached nothing for too long, and was ended from outside. Its machine or its agent was at fault,
/// and nobody can tell which: it counts as infrastructure as long as that is tried, and after that it is too large, as what comes to
/// the end of its own time is.
pub fn timed_out(task: &Task, detail: &str, context: &Context) -> Vec<Effect> {
    let failure = Failure::Infrastructure {
        detail: detail.to_owned(),
    };
    let mut tried = advance(task, &Ended::Failed { failure }, context);
    let Some(Effect::Ask { waiting, .. }) = tried.first_mut() else {
        return tried;
    };
    let findings = bounded(&[detail.to_owned()]);
    match replan::instead(task, findings, Died::Overrun(Limit::Time), context) {
        Ok(effects) => return effects,
        Err(None) => {}
        Err(Some(bound)) => {
            let more = format!("; it is not planned anew: {bound}");
            waiting.detail.push_str(&more);
        }
    }
    tried
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

pub(super) fn ask(
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
