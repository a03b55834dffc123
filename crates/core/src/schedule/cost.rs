//! How late a plan ends, models that are not loaded yet included: what two ways to go on are compared by.

use super::fleet::{HostId, ModelId};
use super::plan::{Placed, Planned, View};

/// The quadratic mean, in milliseconds from now, of the jobs' ends with what comes behind them: late ones count more, and no single one
/// for everything.
pub(super) fn late_ms(view: &View<'_>, order: &[Planned<'_>], placed: &[Option<Placed>]) -> f64 {
    let mut turns = Turns::of(view, placed);
    let mut sum = 0.0;
    for (planned, placed) in order.iter().zip(placed) {
        let ends = match placed {
            Some(placed) => Some((placed.end_ms, placed.end_ms - placed.start_ms)),
            None => turns.append(view, planned),
        };
        let Some((end_ms, length_ms)) = ends else {
            continue;
        };
        let behind_ms = (planned.job.rank_ms - length_ms).max(0);
        let late = (end_ms - view.now_ms).saturating_add(behind_ms) as f64;
        sum += late * late;
    }
    (sum / order.len().max(1) as f64).sqrt()
}

/// Models that will have their turn on a host, one after the other, when all that is planned there is done.
struct Turns {
    done_ms: Vec<i64>,
    queues: Vec<Vec<Turn>>,
}

struct Turn {
    model: ModelId,
    begins_ms: i64,
    work_ms: i64,
    slots: i64,
}

impl Turn {
    fn ends_ms(&self) -> i64 {
        self.begins_ms + self.work_ms / self.slots
    }
}

impl Turns {
    fn of(view: &View<'_>, placed: &[Option<Placed>]) -> Turns {
        let fleet = view.state.fleet();
        let quiet = |host: HostId| {
            let loaded = view.loader_ms(host).unwrap_or(view.now_ms);
            let quiet = fleet.model_ids().map(|model| view.quiet_ms(host, model));
            quiet.fold(loaded, i64::max)
        };
        let mut done_ms: Vec<i64> = fleet.host_ids().map(quiet).collect();
        for placed in placed.iter().flatten() {
            done_ms[placed.host.0] = done_ms[placed.host.0].max(placed.end_ms);
        }
        Turns {
            queues: fleet.host_ids().map(|_| Vec::new()).collect(),
            done_ms,
        }
    }

    /// When a job that runs nowhere now would end, and its length; `None` when no host that is up has its model.
    fn append(&mut self, view: &View<'_>, planned: &Planned<'_>) -> Option<(i64, i64)> {
        let fleet = view.state.fleet();
        let allowed = planned
            .job
            .choices
            .iter()
            .filter(|choice| view.allows(planned.job, choice.host));
        let ends = allowed.filter_map(|choice| {
            let place = fleet.place(choice.host, choice.model)?;
            let queue = &self.queues[choice.host.0];
            let begins = match queue.iter().find(|turn| turn.model == choice.model) {
                Some(turn) => turn.ends_ms(),
                None => {
                    let done = self.done_ms[choice.host.0];
                    queue.iter().map(Turn::ends_ms).fold(done, i64::max) + place.load_ms
                }
            };
            let length = planned.job.expected_ms(choice);
            let end = begins.max(planned.from_ms) + length;
            Some((end, choice.host, choice.model, length, place.slots))
        });
        let (end, host, model, length, slots) = ends.min()?;
        let queue = &mut self.queues[host.0];
        match queue.iter_mut().find(|turn| turn.model == model) {
            Some(turn) => turn.work_ms += length,
            None => queue.push(Turn {
                model,
                begins_ms: end - length,
                work_ms: length,
                slots: i64::from(slots.min(fleet.hosts[host.0].slots)).max(1),
            }),
        }
        Some((end, length))
    }
}
