//! One claimed task from its claim to its effects. What was reached is journaled before the next step, so that the run that
//! resumes this one goes on from there.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use alai_core::ids::TaskId;
use alai_core::money::Refused;
use alai_core::pipeline::{self, Chain, Effect, Ended, Failure, Stage, ToldBefore, lineage};
use alai_core::plan::PlanSource;
use alai_core::review::ReviewVerdict;
use alai_core::task::Task;
use alai_core::transition;
use alai_mission::{Claim, ENDED, MissionError, Reader};
use alai_workspace::cage;
use alai_workspace::command::Cancel;

use crate::beat::Factory;
use crate::{again, recover, room, verifier, work};

/// Why a run ended without a result of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The lease is lost, or a person took the task: nothing more may be written.
    #[error("the run was taken away")]
    Lost,
    /// The process goes down; the task goes back as it was.
    #[error("the factory is stopping")]
    Stopping,
    /// The model that it wants now, or its host's health, is another one than when it was given its place: the task goes back as it was, and is
    /// given another.
    #[error("it is to be done at another place")]
    Displaced,
    /// A host, a disk, a program: counted as an infrastructure attempt.
    #[error("{0}")]
    Infrastructure(String),
    /// A paid call was not begun.
    #[error("cost_limit: {}", .0.text)]
    Budget(Box<Refused>),
    /// Whoever works gives no more for now, or does not know us any more: no attempt is counted.
    #[error("no model: {0}")]
    NoModel(String),
}

impl From<MissionError> for RunError {
    fn from(error: MissionError) -> RunError {
        match error.is_stale() {
            true => RunError::Lost,
            false => RunError::Infrastructure(error.to_string()),
        }
    }
}

impl RunError {
    /// Somebody cancelled: the process goes down, or the task was taken away.
    pub(crate) fn cancelled(factory: &Factory) -> RunError {
        match factory.stopping() {
            true => RunError::Stopping,
            false => RunError::Lost,
        }
    }

    /// Anything that is not the agent's fault.
    pub(crate) fn infra(error: impl std::fmt::Display) -> RunError {
        RunError::Infrastructure(error.to_string())
    }
}

/// A bug of ours: the panic's own words are on standard error.
const PANICKED: &str = "the factory itself failed in this run; its log says where";

/// Why a task goes back as it was.
const STOPPING: &str = "handed back: the factory is stopping";
const DISPLACED: &str = "handed back: its model, or a healthy host of it, is at another place now";

/// Milliseconds until a task that was displaced is given out again: what moved is at rest by then, and nobody sets it up again and again.
const DISPLACED_MS: i64 = 5_000;

/// Runs one claim to its end. Never panics the process: a run that fails is one failed run.
pub(crate) fn run(factory: &Arc<Factory>, claim: &Claim, cancel: &Cancel) {
    let worked = catch_unwind(AssertUnwindSafe(|| end_of(factory, claim, cancel)));
    let worked = worked.unwrap_or_else(|_| Err(RunError::infra(PANICKED)));
    conclude(factory, claim, worked);
}

/// What follows from how a run ended, in the rows and in its folder.
pub(crate) fn conclude(factory: &Arc<Factory>, claim: &Claim, worked: Result<Ended, RunError>) {
    let ended = match worked {
        Ok(ended) => ended,
        Err(RunError::Lost) => {
            let proven = keep_work(factory, claim);
            work::clear(factory, &claim.fence.run, proven);
            return;
        }
        Err(RunError::Stopping) => return hand_back(factory, claim, STOPPING, 0),
        Err(RunError::Displaced) => {
            let run_at_ms = factory.now_ms() + DISPLACED_MS;
            return hand_back(factory, claim, DISPLACED, run_at_ms);
        }
        Err(RunError::Infrastructure(detail)) if factory.stopping() => {
            tracing::info!("run {} stopped: {detail}", claim.fence.run);
            return hand_back(factory, claim, STOPPING, 0);
        }
        Err(RunError::Infrastructure(detail)) => Ended::Failed {
            failure: Failure::Infrastructure { detail },
        },
        Err(RunError::Budget(refused)) => Ended::Failed {
            failure: Failure::Budget { refused: *refused },
        },
        Err(RunError::NoModel(detail)) => Ended::Failed {
            failure: Failure::NoModel { detail },
        },
    };
    let ended = or_no_cage(room::judged(factory, claim, ended));
    // What an agent did comes home before its clone goes, whatever became of the run.
    let proven = keep_work(factory, claim);
    if let Err(e) = apply(factory, claim, &ended) {
        tracing::warn!("run {} of {}: {e}", claim.fence.run, claim.fence.task);
    }
    work::clear(factory, &claim.fence.run, proven);
}

/// A machine on which no cage can be made any more fails every run alike: that is no attempt, and a person must mend it.
fn or_no_cage(ended: Ended) -> Ended {
    let Ended::Failed {
        failure: Failure::Infrastructure { detail },
    } = &ended
    else {
        return ended;
    };
    match cage::probe_anew() {
        Err(e) if e.lasts() => Ended::Failed {
            failure: Failure::BoxRefused {
                detail: format!("{e} ({detail})"),
                remedy: "do that, then `alai mc retry {id}`; `alai init` shows the layers that work here".into(),
            },
        },
        Ok(_) | Err(_) => ended,
    }
}

fn end_of(factory: &Arc<Factory>, claim: &Claim, cancel: &Cancel) -> Result<Ended, RunError> {
    if let Some(text) = factory.mission().journaled(&claim.fence.run, ENDED)? {
        return serde_json::from_str(&text).map_err(RunError::infra);
    }
    let ended = work::work(factory, claim, cancel);
    // Also what failed in the middle of a stop, an import that was ended for it: that is no machine's fault.
    if cancel.is_cancelled() {
        return Err(RunError::cancelled(factory));
    }
    let ended = ended?;
    if matches!(
        &ended,
        Ended::Asked { .. }
            | Ended::Failed {
                failure: Failure::Infrastructure { .. }
                    | Failure::NoModel { .. }
                    | Failure::NoRoom { .. }
                    | Failure::Budget { .. }
                    | Failure::Human { .. }
            }
    ) {
        // Nothing was judged: the run that resumes this one must not find an end. A question is in the journal already.
        return Ok(ended);
    }
    let text = without_secrets(&ended)?.to_string();
    let kept = factory
        .mission()
        .journal(&claim.fence, ENDED, text, factory.now_ms())?;
    serde_json::from_str(&kept).map_err(RunError::infra)
}

/// What models wrote into an end goes to the store, the wiki and the next brief: free of secrets from here on.
fn without_secrets(ended: &Ended) -> Result<serde_json::Value, RunError> {
    fn clean(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => *text = alai_minion::redact(text).into_owned(),
            serde_json::Value::Array(items) => items.iter_mut().for_each(clean),
            serde_json::Value::Object(fields) => fields.values_mut().for_each(clean),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
            }
        }
    }
    let mut value = serde_json::to_value(ended).map_err(RunError::infra)?;
    clean(&mut value);
    Ok(value)
}

fn apply(
    factory: &Arc<Factory>,
    claim: &Claim,
    ended: &Ended,
) -> Result<Vec<TaskId>, MissionError> {
    let task = factory.mission().task(claim.fence.task)?;
    let mut context = match task.project {
        Some(id) => factory.context(&factory.mission().project(id)?, &task),
        None => factory.plain_context(),
    };
    context.verify = verifier::asked_for(factory, &task, ended)?;
    if matches!(ended, Ended::Reviewed { .. }) {
        context.told = told_before(factory, &task)?;
    }
    if context.verify.is_none() && context.chain.asks(Stage::Verify) {
        // A person who gives a project this stage has switched it on for that project.
        context.verify = Some(verifier::IN_CHAIN.into());
    }
    context.chain = chain_of_line(factory.mission(), &task, context.chain)?;
    let outcome = outcome(ended);
    let report = work::session::report(factory, claim, ended, &outcome);
    // What bounds the planning anew is counted once more in the transaction. Another end that changed it has itself landed, and what it
    // took of the bounds never comes back: this comes to an end.
    loop {
        again::look(factory, &task, &mut context)?;
        let mut effects = pipeline::advance(&task, ended, &context);
        effects.extend(report.clone());
        effects.push(Effect::Passed {
            gates: transition::passed(ended),
        });
        alai_workspace::crash::point("end.before");
        let (mission, now_ms) = (factory.mission(), factory.now_ms());
        let applied = mission.apply(&claim.fence, &outcome, effects, now_ms);
        alai_workspace::crash::point("end.after");
        if !matches!(&applied, Err(e) if e.is_outrun()) {
            return applied;
        }
    }
}

/// The stages that are left for a line of work: no project's make the way of what had no cage a shorter one, at none of its steps
/// and in no later cycle.
pub(crate) fn chain_of_line(
    reader: &Reader,
    task: &Task,
    chain: Chain,
) -> Result<Chain, MissionError> {
    Ok(match reader.uncaged(lineage(task))? {
        true => Chain::default(),
        false => chain,
    })
}

/// What earlier reviews of the same line of work have found.
fn told_before(factory: &Factory, task: &Task) -> Result<Vec<ToldBefore>, MissionError> {
    let mission = factory.mission();
    let mut told = Vec::new();
    for (by, text) in mission.judged_in_lineage(lineage(task), task.id, ENDED)? {
        // One that cannot be read was written by another version, and tells nothing.
        let Ok(Ended::Reviewed { review }) = serde_json::from_str(&text) else {
            continue;
        };
        let follows = review.verdict == ReviewVerdict::PassWithFindings
            && mission.has_child(by, pipeline::FOLLOW_UP_TAG)?;
        told.extend(review.findings.iter().map(|finding| ToldBefore {
            by,
            fingerprint: finding.fingerprint(),
            words: finding.words(),
            followed: follows && pipeline::is_worth_a_task(finding),
        }));
    }
    Ok(told)
}

/// The task goes back to open with all its counters as they were: nobody failed.
fn hand_back(factory: &Arc<Factory>, claim: &Claim, why: &str, run_at_ms: i64) {
    // Work first, rows second: a crash in between finds the run live again and repeats this.
    let proven = keep_work(factory, claim);
    let back = Effect::Retry {
        why: "handed back".into(),
        findings: Vec::new(),
        counters: claim.task.counters,
        run_at_ms,
    };
    let lost = vec![(claim.fence.run.clone(), back)];
    if let Err(e) = factory.mission().recover(lost, why, factory.now_ms()) {
        tracing::warn!("run {}: cannot be handed back: {e}", claim.fence.run);
    }
    work::clear(factory, &claim.fence.run, proven);
}

/// What the agent did comes home before its clone is removed: work is never lost. Whether it is proven to be home.
fn keep_work(factory: &Arc<Factory>, claim: &Claim) -> bool {
    match factory.mission().run(&claim.fence.run) {
        Ok(Some(row)) => recover::rescue(factory, &row),
        Ok(None) => false,
        Err(e) => {
            tracing::warn!("run {}: its work is not taken home: {e}", claim.fence.run);
            false
        }
    }
}

fn outcome(ended: &Ended) -> String {
    match ended {
        Ended::Planned {
            source: PlanSource::Delegated,
            plan,
        } => format!("handed out {} task(s)", plan.tasks.len()),
        Ended::Planned { .. } => "planned".into(),
        Ended::Gated { verdict, .. } => {
            let word = if verdict.passed() {
                "gate passed"
            } else if verdict.only_uncaged() {
                "a person judges it, it ran without a cage"
            } else {
                "gate failed"
            };
            format!("{word}: {}/{}", verdict.passed, verdict.applicable)
        }
        Ended::Reviewed { review } => format!("reviewed: {:?}", review.verdict).to_lowercase(),
        Ended::Summed { .. } => "summed up".into(),
        Ended::Asked { question } => format!("asked: {}", question.text.trim()),
        Ended::Failed { failure } => match failure {
            Failure::Quality { findings, .. } => {
                format!("not good enough: {}", findings.join("; "))
            }
            Failure::Beyond { findings, .. } => format!("not good enough: {}", findings.join("; ")),
            Failure::Lost { findings } => format!("lost its way: {}", findings.join("; ")),
            Failure::Overrun { findings, .. } => {
                format!("came to a limit: {}", findings.join("; "))
            }
            Failure::Infrastructure { detail } => format!("infrastructure: {detail}"),
            Failure::BoxRefused { detail, .. } => format!("the box does not work: {detail}"),
            Failure::Rail { rule, detail } => format!("stopped by a safety rail: {rule}: {detail}"),
            Failure::GoalUnmet { detail } => format!("the goal is not reached: {detail}"),
            Failure::NoModel { detail } => format!("no model: {detail}"),
            Failure::NoRoom { detail } => format!("no room: {detail}"),
            Failure::Budget { refused } => format!("cost_limit: {}", refused.text),
            Failure::Human { detail, .. } => format!("given to a person: {detail}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use alai_core::review::{Finding, Review, ReviewVerdict, Severity};

    use super::*;

    #[test]
    fn a_models_words_lose_their_secrets_and_commits_stay() {
        let key = format!("AKIA{}", "Q7ZP2M4N8R5T6V3X");
        let finding = Finding::new(Severity::High, format!("the key {key} is committed"));
        let review = Review {
            criteria: Vec::new(),
            verdict: ReviewVerdict::Reject,
            summary: key.clone(),
            findings: vec![finding],
        };
        let cleaned = without_secrets(&Ended::Reviewed { review })
            .expect("JSON")
            .to_string();
        assert!(!cleaned.contains(&key), "{cleaned}");
        let head = "4ca3dd4857203cec149b91cebd86ec2fda7f5488";
        let verdict = alai_core::qa::judge_all(Vec::new());
        let gated = Ended::Gated {
            verdict,
            base: head.into(),
            head: head.into(),
        };
        let text = without_secrets(&gated).expect("JSON");
        assert_eq!(
            serde_json::from_value::<Ended>(text).expect("still an end"),
            gated
        );
    }
}
