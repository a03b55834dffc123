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

    /// Where each phase that was meant is now, by host; those whose models are not there come behind the others. A phase of which all has begun is over: what
    /// is at work there is with the model, and so is what was meant to follow on the same model before any other came.
    fn phases_now(
        &self,
        problem: &Problem<'_>,
        schedule: &mut Schedule,
    ) -> Vec<Vec<Option<usize>>> {
        let has_work = self.has_work(problem);
        let mut now = Vec::new();
        for (host, models) in self.phases.iter().enumerate() {
            let mut is_taken = vec![false; problem.fixed[host].len()];
            let mut is_over = Vec::new();
            let row = &mut schedule.phases[host];
            let places = models.iter().zip(&has_work[host]).map(|(model, has_work)| {
                let place = problem.outlook.number(HostId(host), *model)?;
                let fixed = problem.fixed_of(place).map(|(_, at)| at);
                let fixed = fixed.filter(|at| !problem.is_closed(host, *at));
                if !has_work {
                    is_over.extend(fixed);
                    return None;
                }
                for at in is_over.drain(..) {
                    is_taken[at] |= Some(at) != fixed;
                }
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

    /// By host: which of the phases that were meant have a task left to begin.
    fn has_work(&self, problem: &Problem<'_>) -> Vec<Vec<bool>> {
        let none = self.phases.iter().map(|models| vec![false; models.len()]);
        let mut has_work: Vec<Vec<bool>> = none.collect();
        for task in &problem.outlook.tasks {
            let meant = self.jobs.get(&task.id);
            let row = meant.and_then(|(host, phase)| has_work.get_mut(*host)?.get_mut(*phase));
            if let Some(has_work) = row {
                *has_work = true;
            }
        }
        has_work
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

#[cfg(test)]
mod tests {
    use super::super::super::attempt::Attempt;
    use super::super::super::outlook::Outlook;
    use super::super::super::plan::View;
    use super::super::super::{Choice, Effect, Fleet, Host, Job, Model, Place, Rules};
    use super::*;

    const HOST: HostId = HostId(0);
    const SMALL: ModelId = ModelId(0);
    const LARGE: ModelId = ModelId(1);

    fn job(id: u64, model: ModelId) -> Job {
        let expected_ms = 60_000;
        let choices = vec![Choice {
            host: HOST,
            model,
            expected_ms,
        }];
        Job {
            id: JobId(id),
            rank_ms: expected_ms,
            path_ms: expected_ms,
            arrived_ms: 0,
            local_only: false,
            sticky: None,
            choices,
        }
    }

    /// A host with room for one of two models, the small one there, and one call of it at work.
    fn at_work(waiting: &[(u64, ModelId)]) -> State {
        let model = |name: &str| Model {
            name: name.to_owned(),
            bytes: 40,
            keep_alive_ms: 0,
        };
        let place = Some(Place {
            slots: 1,
            load_ms: 30_000,
            pinned: false,
        });
        let fleet = Fleet {
            hosts: vec![Host {
                name: "forge".to_owned(),
                slots: 1,
                memory: 50,
                local: true,
            }],
            models: vec![model("small"), model("large")],
            places: vec![vec![place; 2]],
            slots: None,
        };
        let mut state = State::new(fleet, Rules::default());
        state.loaded(HOST, SMALL, 0);
        assert!(state.add(job(0, SMALL)));
        let start = Effect::Start {
            job: JobId(0),
            host: HOST,
            model: SMALL,
        };
        state.apply(start, 0).expect("it has room");
        for (id, model) in waiting {
            assert!(state.add(job(*id, *model)));
        }
        state
    }

    /// Where the jobs are when the same is meant a second later, in the order of their numbers.
    fn again(state: &State, phases: &[ModelId], jobs: &[(u64, usize)]) -> Vec<(ModelId, usize)> {
        let intent = Intent {
            phases: vec![phases.to_vec()],
            jobs: jobs
                .iter()
                .map(|(id, phase)| (JobId(*id), (0, *phase)))
                .collect(),
            ..Intent::default()
        };
        let view = View::of(state, 1_000);
        let attempt = Attempt::best(state, 1_000);
        let outlook = Outlook::of(&view, attempt.order());
        let problem = Problem::of(&outlook, &view);
        let rules = problem.of_rules(&view, &attempt, 1.0).expect("it ends");
        let schedule = intent.again(&problem, &rules).expect("something was meant");
        let mut tasks: Vec<usize> = (0..outlook.tasks.len()).collect();
        tasks.sort_by_key(|task| outlook.tasks[*task].id);
        let place = |task: usize| {
            let (host, phase) = schedule.runs_in[task];
            (
                ModelId(outlook.places[schedule.phases[host][phase]].model),
                phase,
            )
        };
        tasks.into_iter().map(place).collect()
    }

    #[test]
    fn what_follows_on_a_model_whose_first_calls_have_begun_is_not_put_behind_them() {
        let state = at_work(&[(1, SMALL), (2, SMALL), (3, LARGE)]);
        let phases = [SMALL, SMALL, LARGE];
        let found = again(&state, &phases, &[(1, 1), (2, 1), (3, 2)]);
        assert_eq!(found, [(SMALL, 0), (SMALL, 0), (LARGE, 1)]);
    }

    #[test]
    fn what_was_meant_behind_another_model_stays_behind_it() {
        let state = at_work(&[(1, LARGE), (2, SMALL)]);
        let found = again(&state, &[SMALL, LARGE, SMALL], &[(1, 1), (2, 2)]);
        assert_eq!(found, [(LARGE, 1), (SMALL, 2)]);
    }

    #[test]
    fn a_phase_that_has_work_left_is_not_mixed_with_the_next_of_its_model() {
        let state = at_work(&[(1, SMALL), (2, SMALL)]);
        let found = again(&state, &[SMALL, SMALL], &[(1, 0), (2, 1)]);
        assert_eq!(found, [(SMALL, 0), (SMALL, 1)]);
    }
}
