//! Why something was decided, in words.

use super::decide::Effect;
use super::fleet::{Fleet, ModelId};
use super::job::JobId;

/// Why an effect was decided. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Of all places this is where the job is expected to end first.
    EndsFirst { expected_ms: i64 },
    /// So on the host that has its run's beginning in its cache.
    EndsFirstSticky { expected_ms: i64, saves_ms: i64 },
    /// So, and nobody of its model goes before it: it waited past the age.
    Aged { waited_ms: i64 },
    /// A job cannot run anywhere without the model, and there is memory for it.
    FreeMemory { job: JobId },
    /// The work that waits is worth the load.
    Backlog { backlog_ms: i64, load_ms: i64 },
    /// Nothing waits for what is there.
    NothingElse { job: JobId },
    /// By a way that was searched for, and that the rules of each single load and start do not see. 0: by less than chance makes of it.
    AllEndsSooner { saves_ms: i64 },
    /// So, and this job is the first that it is loaded for.
    LoadedFor { job: JobId, saves_ms: i64 },
    /// A job has waited past the age.
    Starved { job: JobId, waited_ms: i64 },
    /// It goes so that this one can come.
    MakesRoom { to: ModelId },
    /// Nothing waits any more for the model that it was to make room for.
    CalledOff { to: ModelId },
    /// What it was to make room for is there already.
    AlreadyThere { to: ModelId },
    /// What it was to make room for has room beside it, and is loaded.
    RoomWithout { to: ModelId },
    /// It would not make room for that model any more: something else holds memory there now.
    NoRoom { to: ModelId },
}

impl Reason {
    /// One sentence for people. `job` says what a job is to them, such as `job 7`.
    pub fn words(&self, effect: &Effect, fleet: &Fleet, job: &dyn Fn(JobId) -> String) -> String {
        let (host, model) = effect.place();
        let (host, model) = (fleet.host_name(host), fleet.model_name(model));
        let what = match effect {
            Effect::Start { job: id, .. } => format!("{} starts with {model} on {host}", job(*id)),
            Effect::Preload { .. } => format!("{model} is loaded on {host}"),
            Effect::Unload { .. } => format!("{model} is unloaded on {host}"),
            Effect::Drain { .. } => format!("{model} on {host} takes no more calls"),
            Effect::Keep { .. } => format!("{model} on {host} takes calls again"),
        };
        format!("{what}: {}", self.because(fleet, job))
    }

    fn because(&self, fleet: &Fleet, name: &dyn Fn(JobId) -> String) -> String {
        let s = |ms: i64| format!("{:.1} s", ms as f64 / 1000.0);
        match self {
            Reason::EndsFirst { expected_ms } => {
                format!(
                    "it is expected to end there first, after {}",
                    s(*expected_ms)
                )
            }
            Reason::EndsFirstSticky {
                expected_ms,
                saves_ms,
            } => format!(
                "it is expected to end there first, after {}; its run was there, which saves {}",
                s(*expected_ms),
                s(*saves_ms)
            ),
            Reason::Aged { waited_ms } => {
                format!(
                    "it has waited {}, and goes before all younger ones",
                    s(*waited_ms)
                )
            }
            Reason::FreeMemory { job } => {
                format!(
                    "{} runs nowhere without it, and there is memory",
                    name(*job)
                )
            }
            Reason::Backlog {
                backlog_ms,
                load_ms,
            } => format!(
                "{} of work that is ready would end sooner, and the load takes {}",
                s(*backlog_ms),
                s(*load_ms)
            ),
            Reason::AllEndsSooner { saves_ms } => sooner(*saves_ms),
            Reason::LoadedFor { job, saves_ms } => {
                format!("it is wanted by {}, and {}", name(*job), sooner(*saves_ms))
            }
            Reason::NothingElse { job } => format!(
                "{} needs it, and nothing waits for what is there",
                name(*job)
            ),
            Reason::Starved { job, waited_ms } => {
                format!("{} has waited {} for it", name(*job), s(*waited_ms))
            }
            Reason::MakesRoom { to } => format!("it makes room for {}", fleet.model_name(*to)),
            Reason::CalledOff { to } => {
                format!("nothing waits for {} there any more", fleet.model_name(*to))
            }
            Reason::AlreadyThere { to } => {
                format!("{} is there already", fleet.model_name(*to))
            }
            Reason::RoomWithout { to } => {
                format!("{} has room there beside it", fleet.model_name(*to))
            }
            Reason::NoRoom { to } => format!(
                "{} would have no room there without it either, beside what else holds memory now",
                fleet.model_name(*to)
            ),
        }
    }
}

fn sooner(saves_ms: i64) -> String {
    match saves_ms / 1000 {
        0 => "all known work is expected to end about as soon this way".to_owned(),
        saved => format!("all known work is expected to end {saved} s sooner this way"),
    }
}
