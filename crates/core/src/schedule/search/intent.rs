//! What the last decision meant to do next, in terms that outlive its moment.

use std::collections::HashMap;

use super::super::fleet::{HostId, ModelId};
use super::super::job::JobId;
use super::super::state::State;
use super::{Problem, Schedule};

/// What was meant to come, to be given to the next decision: it searches on from there and does not begin anew. Nothing hangs on it but how good the
/// decision is, so that one of a fleet whose hosts or models are numbered otherwise is to be dropped, and an empty one is always right.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Intent {
    /// By host: models in the order of their phases.
    phases: Vec<Vec<ModelId>>,
    /// Host and phase of each job.
    jobs: HashMap<JobId, (usize, usize)>,
    /// The moment at which the rules' way stood: for the rest of it they decide alone, so that nothing is begun and called off at once.
    ruled_ms: Option<i64>,
    /// The moment at which it was searched for, and all jobs that were known then.
    found_ms: Option<i64>,
    known: Vec<JobId>,
}

impl Intent {
    pub(super) fn of(
        problem: &Problem<'_>,
        schedule: &Schedule,
        state: &State,
        now_ms: i64,
    ) -> Intent {
        let outlook = problem.outlook;
        let models = |row: &Vec<usize>| {
            let model = |place: &usize| ModelId(outlook.places[*place].model);
            row.iter().map(model).collect()
        };
        let jobs = outlook.tasks.iter().zip(&schedule.runs_in);
        let jobs = jobs.map(|(about, runs_in)| (about.id, *runs_in));
        Intent {
            phases: schedule.phases.iter().map(models).collect(),
            jobs: jobs.collect(),
            ruled_ms: None,
            found_ms: Some(now_ms),
            known: known(state),
        }
    }

    /// Nothing was found that is better than the rules.
    pub(super) fn ruled(now_ms: i64) -> Intent {
        Intent {
            ruled_ms: Some(now_ms),
            ..Intent::default()
        }
    }

    pub(super) fn is_ruled(&self, now_ms: i64) -> bool {
        self.ruled_ms == Some(now_ms)
    }

    /// Whether nothing has happened since, but what was decided.
    pub(super) fn is_found(&self, state: &State, now_ms: i64) -> bool {
        self.found_ms == Some(now_ms) && self.known == known(state)
    }

    /// The same schedule as it stands now; what is new in it as the rules have it. `None` when nothing was meant.
    pub(super) fn again(&self, problem: &Problem<'_>, rules: &Schedule) -> Option<Schedule> {
        if self.jobs.is_empty() || self.phases.len() != problem.fixed.len() {
            return None;
        }
        let mut schedule = Schedule {
            phases: problem.phases(),
            runs_in: rules.runs_in.clone(),
        };
        let now = self.phases_now(problem, &mut schedule);
        for (task, about) in problem.outlook.tasks.iter().enumerate() {
            let meant = self.jobs.get(&about.id).and_then(|(host, phase)| {
                let at = (*now.get(*host)?.get(*phase)?)?;
                let place = schedule.phases[*host][at];
                let may = problem.places_of(task).contains(&place) && !problem.is_closed(*host, at);
                may.then_some((*host, at))
            });
            if let Some(runs_in) = meant {
                schedule.runs_in[task] = runs_in;
                continue;
            }
            let (host, phase) = rules.runs_in[task];
            let place = rules.phases[host][phase];
            let row = &mut schedule.phases[host];
            let open = (0..row.len()).rev();
            let mut open = open.filter(|at| row[*at] == place && !problem.is_closed(host, *at));
            let at = open.next().unwrap_or_else(|| {
                row.push(place);
                row.len() - 1
            });
            schedule.runs_in[task] = (host, at);
        }
        Some(schedule)
    }

    /// Where each phase that was meant is now, by host; those whose models are not there come behind the others.
    fn phases_now(
        &self,
        problem: &Problem<'_>,
        schedule: &mut Schedule,
    ) -> Vec<Vec<Option<usize>>> {
        let mut now = Vec::new();
        for (host, models) in self.phases.iter().enumerate() {
            let mut is_taken = vec![false; problem.fixed[host].len()];
            let row = &mut schedule.phases[host];
            let places = models.iter().map(|model| {
                let place = problem.outlook.number(HostId(host), *model)?;
                let fixed = problem.fixed_of(place).map(|(_, at)| at);
                let at = fixed.filter(|at| !is_taken[*at]).unwrap_or_else(|| {
                    row.push(place);
                    row.len() - 1
                });
                if let Some(taken) = is_taken.get_mut(at) {
                    *taken = true;
                }
                Some(at)
            });
            now.push(places.collect());
        }
        now
    }
}

fn known(state: &State) -> Vec<JobId> {
    let running = state.running().iter().map(|running| running.job.id);
    let coming = state.coming().iter().map(|coming| coming.job.id);
    let ready = state.ready().iter().map(|job| job.id);
    let mut known: Vec<JobId> = ready.chain(running).chain(coming).collect();
    known.sort_unstable();
    known
}
