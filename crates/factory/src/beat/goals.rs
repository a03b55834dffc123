//! Goals under which nothing is left.

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::task::{State, Task, TaskKind, Waiting};
use alai_mission::{Delivery, Filter, MissionError, Project};

use super::Factory;
use crate::integrate::{self, Standing};

impl Factory {
    /// Goals under which nothing is left: delivered by policy, put before a person, or closed.
    pub(super) fn settle_goals(&self, now: i64) -> Result<(), MissionError> {
        for goal in self.mission.settled_goals()? {
            let all = Filter {
                goal: Some(goal.id),
                ended: true,
                ..Filter::default()
            };
            let tasks = self.mission.tasks(&all)?;
            let merged = tasks.iter().any(|t| t.integrated.is_some());
            // What others stand in the place of is no loss: they are.
            let replaced = self.mission.replaced_in(goal.id)?;
            let lost = tasks
                .iter()
                .filter(|t| matches!(t.state, State::Failed | State::Cancelled))
                .filter(|t| !replaced.contains(&t.id))
                // The build that it was to plan anew is counted by itself.
                .filter(|t| t.plans_anew().is_none())
                .count();
            // What passed its judges and was refused by the machine is whole, and nobody does it again.
            let refused = self.mission.refused_in(goal.id)?;
            let summed = tasks
                .iter()
                .any(|t| t.kind == TaskKind::Postflight && t.state == State::Done);
            let project = goal.project.map(|p| self.mission.project(p)).transpose()?;
            match project {
                Some(project) if !refused.is_empty() => {
                    let waiting = self.unmerged(&goal, &project, &refused, merged);
                    self.mission.await_approval(goal.id, waiting, now)?
                }
                Some(project) if merged && (summed || lost > 0) => {
                    self.hand_on(&goal, &project, lost == 0, now)?
                }
                Some(_) | None if lost > 0 || !summed => {
                    let outcome =
                        format!("{lost} of its tasks failed or were cancelled; nothing was merged");
                    self.mission
                        .close_goal(goal.id, Event::Fail, &outcome, now)?;
                }
                Some(_) | None => {
                    self.mission
                        .close_goal(goal.id, Event::RollUp, "nothing to deliver", now)?
                }
            }
        }
        Ok(())
    }

    /// Neither whole nor lost: a person has the refused merges tried again, or goes on without them.
    fn unmerged(
        &self,
        goal: &Task,
        project: &Project,
        refused: &[(TaskId, String)],
        merged: bool,
    ) -> Waiting {
        let names: Vec<String> = { refused.iter() }
            .map(|(task, why)| format!("{task} ({why})"))
            .collect();
        let again: Vec<String> = { refused.iter() }
            .map(|(task, _)| format!("`alai mc retry {}`", task.0))
            .collect();
        let (names, again) = (names.join(", "), again.join(", "));
        let approve = format!("`alai mc approve {}`", goal.id.0);
        let without = match merged {
            true => format!("{approve} delivers what is merged"),
            false => format!("or `alai mc cancel {}`", goal.id.0),
        };
        Waiting {
            detail: format!("passed its reviews and could not be merged: {names}"),
            next_action: format!(
                "mend it, then {again}, and when that is merged {approve}; {without}"
            ),
            ..integrate::approval(self, goal.id, project, None)
        }
    }

    /// Settled and merged: delivered by policy when it is `whole`, else put before a person; or there already, when a person
    /// merged it by hand.
    fn hand_on(
        &self,
        goal: &Task,
        project: &Project,
        whole: bool,
        now: i64,
    ) -> Result<(), MissionError> {
        let tip = match integrate::standing(self, goal, project) {
            Ok(Standing::Ahead(tip)) => tip,
            Ok(Standing::Delivered) => {
                let outcome = format!("{} has all of it", project.target_branch);
                return self
                    .mission
                    .close_goal(goal.id, Event::RollUp, &outcome, now);
            }
            Err(e) => {
                let waiting = integrate::approval(self, goal.id, project, Some(&e.to_string()));
                return self.mission.await_approval(goal.id, waiting, now);
            }
        };
        match project.settings.delivery {
            // What lost a part is not what was asked for: the policy was given for the whole.
            Delivery::Auto | Delivery::PullRequest | Delivery::Branch if whole => self
                .mission
                .enqueue_delivery(goal.id, project.id, tip.as_str(), "factory", now)
                .map(|_head| ()),
            Delivery::Auto | Delivery::PullRequest | Delivery::Branch | Delivery::Approve => {
                let waiting = integrate::approval(self, goal.id, project, None);
                self.mission.await_approval(goal.id, waiting, now)
            }
        }
    }
}
