//! Who gets an independent verifier: `[verifier]` of the settings, and the decision at the end of a build's gate.

use alai_core::money::microusd;
use alai_core::pipeline::{Ended, Stage};
use alai_core::qa::{Untried, Verdict};
use alai_core::task::{Priority, Task};
use alai_core::verify::{self, Policy};
use alai_mission::{ENDED, EventRow, Mission, MissionError};
use alai_workspace::git::{self, ChangeStatus, Oid};
use serde::Deserialize;

use crate::beat::Factory;
use crate::config::{Config, ConfigError};
use crate::integrate;

/// A thread that takes longer is no stage of a line of work any more.
const SECONDS_MAX: u64 = 7_200;

/// Why one is sent where the project's own stages have it.
pub(crate) const IN_CHAIN: &str = "the project's stages have it";

/// `[verifier]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct VerifierFile {
    send: Option<bool>,
    priorities: Option<Vec<Priority>>,
    complexity: Option<u8>,
    paths: Option<Vec<String>>,
    dollars: Option<f64>,
    lineage_dollars: Option<f64>,
    seconds: Option<u64>,
}

impl VerifierFile {
    /// What cannot be meant is refused, and not only when it is needed.
    pub(crate) fn checked(self) -> Result<Policy, ConfigError> {
        let usual = Policy::default();
        let wrong = |key, value: String, want| ConfigError::Value { key, value, want };
        let amount = |key, given: Option<f64>, usual| match given {
            None => Ok(usual),
            Some(given) => microusd(given)
                .ok_or_else(|| wrong(key, given.to_string(), "dollars from 0 to 1000000")),
        };
        let policy = Policy {
            send: self.send.unwrap_or(usual.send),
            priorities: self.priorities.unwrap_or(usual.priorities),
            complexity: self.complexity.unwrap_or(usual.complexity),
            paths: self.paths.unwrap_or(usual.paths),
            microusd: amount("verifier.dollars", self.dollars, usual.microusd)?,
            lineage_microusd: amount(
                "verifier.lineage_dollars",
                self.lineage_dollars,
                usual.lineage_microusd,
            )?,
            seconds: self.seconds.unwrap_or(usual.seconds),
        };
        if !(1..=SECONDS_MAX).contains(&policy.seconds) {
            let want = "from 1 to 7200";
            return Err(wrong("verifier.seconds", policy.seconds.to_string(), want));
        }
        let odd = |word: &&String| word.is_empty() || !word.chars().all(char::is_alphanumeric);
        if let Some(word) = policy.paths.iter().find(odd) {
            let want = "single words, as they stand between the separators of a path";
            return Err(wrong("verifier.paths", word.clone(), want));
        }
        Ok(policy)
    }
}

/// Why a verifier is asked for what just passed its gate; none where none is needed, or where nobody has switched on that it is
/// sent: then it is noted who would have needed one.
pub(crate) fn asked_for(
    factory: &Factory,
    task: &Task,
    ended: &Ended,
) -> Result<Option<String>, MissionError> {
    let Ended::Gated {
        verdict,
        base,
        head,
    } = ended
    else {
        return Ok(None);
    };
    if !verdict.passed() {
        return Ok(None);
    }
    if let Some(untried) = untried(verdict).filter(|_| !task.solo) {
        return Ok(Some(untried));
    }
    sent(
        factory.mission(),
        factory.config(),
        task,
        (base, head),
        factory.now_ms(),
    )
}

/// What nothing has tried of a change, where the policy of its gate has that sent to a verifier.
fn untried(verdict: &Verdict) -> Option<String> {
    let policy = verdict.policy.as_deref()?;
    (policy.untried == Untried::Verifier).then_some(())?;
    let untried = verdict.measurements.iter().find(|m| m.is_unshown())?;
    Some(untried.detail.clone())
}

/// The same for what no run of the factory ends: what an agent made without a cage, once a person has approved it, and what a
/// person sends on. Its way is that of every build, whose gate's verdict stands in its run's journal.
pub(crate) fn asked_for_approved(
    mission: &Mission,
    config: &Config,
    task: &Task,
    now_ms: i64,
) -> Result<Option<String>, MissionError> {
    let (Some(base), Some(head)) = (&task.base, &task.head) else {
        return Ok(None);
    };
    if let Some(run) = mission.runs_of(task.id)?.last()
        && let Some(text) = mission.journaled(&run.id, ENDED)?
    {
        match serde_json::from_str(&text) {
            Ok(Ended::Gated { verdict, .. }) => {
                if let Some(untried) = untried(&verdict) {
                    return Ok(Some(untried));
                }
            }
            Ok(_) => {}
            Err(_) => {
                return Ok(Some("its gate's verdict cannot be read any more".into()));
            }
        }
    }
    if let Some(why) = sent(mission, config, task, (base, head), now_ms)? {
        return Ok(Some(why));
    }
    let Some(project) = task.project else {
        return Ok(None);
    };
    let asks = mission
        .project(project)?
        .settings
        .stages
        .asks(Stage::Verify);
    Ok(asks.then(|| IN_CHAIN.into()))
}

fn sent(
    mission: &Mission,
    config: &Config,
    task: &Task,
    (base, head): (&str, &str),
    now_ms: i64,
) -> Result<Option<String>, MissionError> {
    let policy = &config.verifier;
    let touched = touched(mission, policy, task, (base, head));
    let Some(why) = verify::needed(policy, task, &touched) else {
        return Ok(None);
    };
    if policy.send {
        return Ok(Some(why));
    }
    let text = format!(
        "an independent verifier is needed, because {why}; none is sent before `[verifier] send = true` stands in alai.toml"
    );
    let told = |event: &EventRow| event.kind == "note" && event.detail == text;
    if !mission.events(task.id)?.iter().any(told) {
        mission.note(task.id, text, "factory", now_ms)?;
    }
    Ok(None)
}

/// The paths of a change. Where it cannot be read, every word of the policy is taken for touched.
fn touched(
    mission: &Mission,
    policy: &Policy,
    task: &Task,
    (base, head): (&str, &str),
) -> Vec<String> {
    let read = || -> Option<Vec<String>> {
        let project = mission.project(task.project?).ok()?;
        let repo = integrate::open(&project).ok()?;
        let (base, head): (Oid, Oid) = (base.parse().ok()?, head.parse().ok()?);
        let diff = git::diff(&repo, &base, &head).ok()?;
        let mut paths = Vec::new();
        for file in diff.files {
            paths.push(file.path);
            if let ChangeStatus::Renamed { from } = file.status {
                paths.push(from);
            }
        }
        Some(paths)
    };
    read().unwrap_or_else(|| policy.paths.clone())
}
