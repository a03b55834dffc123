//! What a person says of money: another cap for one thing, what a call cost.

use std::fmt;

use alai_core::ids::{RunId, TaskId};
use alai_core::money::Day;
use alai_core::task::TaskKind;
use alai_mission::Scope;
use serde::{Deserialize, Serialize};

use super::{Desk, OpError, OpErrorKind, Outcome};

/// What a cap is for, as a person names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "snake_case", deny_unknown_fields)]
pub enum CapOf {
    Task {
        task: TaskId,
    },
    /// The line of work that a task belongs to.
    Lineage {
        task: TaskId,
    },
    Goal {
        task: TaskId,
    },
    Today,
}

impl fmt::Display for CapOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CapOf::Task { task } => write!(f, "task {task}"),
            CapOf::Lineage { task } => write!(f, "the line of work of {task}"),
            CapOf::Goal { task } => write!(f, "goal {task}"),
            CapOf::Today => f.write_str("today (UTC)"),
        }
    }
}

pub(super) fn cap(desk: &Desk<'_>, of: CapOf, microusd: u64) -> Result<Outcome, OpError> {
    let scope = match of {
        CapOf::Task { task } => Scope::Task(task),
        CapOf::Lineage { task } => Scope::Lineage(desk.mission.pays(task)?),
        CapOf::Goal { task } => {
            let found = desk.mission.task(task)?;
            if found.kind != TaskKind::Goal {
                let message = format!("{task} is no goal");
                let hint = "`alai fleet cap task ID DOLLARS` is for one task";
                return Err(OpError::new(OpErrorKind::Usage, message, hint));
            }
            Scope::Goal(task)
        }
        CapOf::Today => Scope::Day(Day::of(desk.now_ms)),
    };
    desk.mission
        .set_cap(scope, microusd, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Done)
}

pub(super) fn settle(
    desk: &Desk<'_>,
    run: &RunId,
    call: u32,
    microusd: u64,
) -> Result<Outcome, OpError> {
    desk.mission
        .settle_by_hand(run, call, microusd, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Done)
}
