//! All known work, in the form in which its courses are simulated: jobs by where they can run, and what waits for what.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::course;
use super::fleet::{Fleet, HostId, ModelId};
use super::job::{Job, JobId};
use super::plan::{Placed, Planned, View};

/// Ready jobs beyond so many are simulated in bundles of one kind: a decision over a thousand jobs stays at a few milliseconds.
pub(super) const JOBS_MAX: usize = 128;
/// Jobs that are not ready are simulated up to so many; what comes behind the others is in the ranks of those before them.
const COMING_MAX: usize = 256;
/// A future is simulated with so many draws of the jobs' lengths; with fewer of them where there are many jobs, which even out by themselves.
const DRAWS: u64 = 4;
const DRAWS_OF_MANY: u64 = 2;
/// Beyond so many jobs that are planned, bundles are larger, one draw must do, and only the likeliest loads are looked at.
const CROWD: usize = 256;
const BUNDLES_OF_A_CROWD: usize = 48;

/// A model on a host that has it.
pub(super) struct Place {
    pub(super) host: usize,
    pub(super) model: usize,
    /// Calls at once, the host's own limit included.
    pub(super) slots: u32,
    pub(super) load_ms: i64,
    pub(super) bytes: u64,
    pub(super) pinned: bool,
}

/// A job, or a bundle of them.
pub(super) struct Task {
    pub(super) id: JobId,
    pub(super) class: usize,
    pub(super) rank_ms: i64,
    pub(super) path_ms: i64,
    /// Of its path what is not its own.
    pub(super) behind_ms: i64,
    /// By the places of its class.
    pub(super) lengths_ms: Vec<i64>,
    pub(super) shortest_ms: i64,
    /// What waits for it, and for how many it waits itself.
    pub(super) next: Vec<usize>,
    pub(super) needs: u32,
}

/// A call that is at work now.
pub(super) struct AtWork {
    pub(super) end_ms: i64,
    pub(super) place: usize,
    pub(super) next: Vec<usize>,
}

/// What is the same in every future of one moment.
pub(super) struct Outlook {
    pub(super) now_ms: i64,
    pub(super) places: Vec<Place>,
    /// By host: its places, its slots and its memory.
    pub(super) on_host: Vec<Vec<usize>>,
    pub(super) host_slots: Vec<u32>,
    pub(super) memory: Vec<u64>,
    pub(super) fleet_slots: u32,
    /// Jobs of a class can run on the same places.
    pub(super) classes: Vec<Vec<usize>>,
    /// By place: each class that can run there, and which of its places this is.
    pub(super) users: Vec<Vec<(usize, usize)>>,
    pub(super) tasks: Vec<Task>,
    pub(super) ready: Vec<usize>,
    pub(super) at_work: Vec<AtWork>,
    draws: u64,
    /// Position of a place, by host and model.
    numbers: Vec<Vec<Option<usize>>>,
    by_places: HashMap<Vec<usize>, usize>,
    /// Which task a job is, or is part of.
    tasks_of: HashMap<JobId, usize>,
    /// Tasks that begin at once, with their places and milliseconds.
    pub(super) begun: Vec<(usize, usize, i64)>,
}

impl Outlook {
    pub(super) fn of(view: &View<'_>, order: &[Planned<'_>]) -> Outlook {
        let mut outlook = Outlook::empty(view.state.fleet(), view.now_ms);
        let mut numbers = HashMap::new();
        outlook.add_ready(view, order, &mut numbers);
        outlook.add_coming(view, &mut numbers);
        outlook.add_at_work(view);
        outlook.connect(view, &numbers);
        outlook.tasks_of = numbers;
        outlook.draws = match outlook.tasks.len() {
            _ if is_crowd(order) => 1,
            0..=JOBS_MAX => DRAWS,
            _ => DRAWS_OF_MANY,
        };
        outlook
    }

    /// How late all known work would end if the models were as the view has them: milliseconds from now, the mean of several draws, by the better of
    /// two manners to go on. `hold`: no load begins before something else has happened. Infinite when then nothing would happen any more.
    pub(super) fn late_ms(&self, view: &View<'_>, hold: bool) -> f64 {
        self.late_of(view, hold, 0..self.draws)
    }

    /// The same on these draws.
    pub(super) fn late_of(&self, view: &View<'_>, hold: bool, draws: Range<u64>) -> f64 {
        let count = (draws.end - draws.start) as f64;
        let mean = |beta: f64| {
            let draws = draws.clone();
            let late = draws.map(|draw| course::late_ms(self, view, beta, draw, hold));
            late.sum::<f64>() / count
        };
        mean(view.state.rules().beta).min(mean(f64::INFINITY))
    }

    /// The same when these jobs, none of them in a bundle, begin at once.
    pub(super) fn begun(mut self, starts: &[(JobId, Placed)]) -> Outlook {
        for (job, placed) in starts {
            let place = self.numbers[placed.host.0][placed.model.0];
            let (Some(task), Some(place)) = (self.tasks_of.get(job), place) else {
                continue;
            };
            self.ready.retain(|ready| ready != task);
            let length_ms = placed.end_ms - placed.start_ms;
            self.begun.push((*task, place, length_ms));
        }
        self
    }

    /// Milliseconds of a task in one draw; the first is what is expected.
    pub(super) fn drawn_ms(&self, task: usize, length_ms: i64, draw: u64) -> i64 {
        let drawn = length_ms as f64 * self.drawn_share(task, draw);
        (drawn as i64).max(1)
    }

    /// Of what is expected of it.
    pub(super) fn drawn_share(&self, task: usize, draw: u64) -> f64 {
        match draw {
            0 => 1.0,
            _ => {
                let unit = course::unit(self.tasks[task].id.0, draw);
                1.0 + course::SPREAD * (2.0 * unit - 1.0)
            }
        }
    }

    /// The position of a place.
    pub(super) fn number(&self, host: HostId, model: ModelId) -> Option<usize> {
        *self.numbers.get(host.0)?.get(model.0)?
    }

    /// Whether each task is one job.
    pub(super) fn is_plain(&self) -> bool {
        self.tasks_of.len() == self.tasks.len()
    }

    fn empty(fleet: &Fleet, now_ms: i64) -> Outlook {
        let mut places = Vec::new();
        let mut numbers = vec![vec![None; fleet.models.len()]; fleet.hosts.len()];
        for (host, machine) in fleet.hosts.iter().enumerate() {
            for (model, about) in fleet.models.iter().enumerate() {
                let Some(place) = fleet.place(HostId(host), ModelId(model)) else {
                    continue;
                };
                numbers[host][model] = Some(places.len());
                places.push(Place {
                    host,
                    model,
                    slots: place.slots.min(machine.slots),
                    load_ms: place.load_ms.max(1),
                    bytes: about.bytes,
                    pinned: place.pinned,
                });
            }
        }
        let on_host = |row: &Vec<Option<usize>>| row.iter().copied().flatten().collect();
        Outlook {
            now_ms,
            on_host: numbers.iter().map(on_host).collect(),
            host_slots: fleet.hosts.iter().map(|host| host.slots).collect(),
            memory: fleet.hosts.iter().map(|host| host.memory).collect(),
            fleet_slots: fleet.slots.unwrap_or(u32::MAX),
            classes: Vec::new(),
            users: vec![Vec::new(); places.len()],
            places,
            tasks: Vec::new(),
            ready: Vec::new(),
            at_work: Vec::new(),
            draws: DRAWS,
            numbers,
            by_places: HashMap::new(),
            tasks_of: HashMap::new(),
            begun: Vec::new(),
        }
    }

    fn add_ready(
        &mut self,
        view: &View<'_>,
        order: &[Planned<'_>],
        numbers: &mut HashMap<JobId, usize>,
    ) {
        let ready: HashSet<JobId> = view.state.ready().iter().map(|job| job.id).collect();
        let most = if is_crowd(order) {
            BUNDLES_OF_A_CROWD
        } else {
            JOBS_MAX
        };
        let bundle = ready.len().div_ceil(most);
        // By class: the bundle that is being filled, and how many are in it.
        let mut open: HashMap<usize, (usize, usize)> = HashMap::new();
        let jobs = order.iter().map(|planned| planned.job);
        for job in jobs.filter(|job| ready.contains(&job.id)) {
            let Some((class, lengths_ms)) = self.class(view, job) else {
                continue;
            };
            match open.get_mut(&class).filter(|(_, count)| *count < bundle) {
                Some((task, count)) => {
                    *count += 1;
                    numbers.insert(job.id, *task);
                    let task = &mut self.tasks[*task];
                    for (own, more) in task.lengths_ms.iter_mut().zip(&lengths_ms) {
                        *own = own.saturating_add(*more);
                    }
                    task.shortest_ms = shortest(&task.lengths_ms);
                }
                None => {
                    open.insert(class, (self.tasks.len(), 1));
                    self.ready.push(self.tasks.len());
                    self.add(job, class, lengths_ms, numbers);
                }
            }
        }
    }

    fn add_coming(&mut self, view: &View<'_>, numbers: &mut HashMap<JobId, usize>) {
        let coming = view.state.coming();
        let all: HashSet<JobId> = coming.iter().map(|coming| coming.job.id).collect();
        let many = coming.len() > COMING_MAX;
        let first = self.tasks.len();
        for coming in coming {
            let left_out = |need: &JobId| all.contains(need) && !numbers.contains_key(need);
            if many && (self.tasks.len() - first >= COMING_MAX || coming.needs.iter().any(left_out))
            {
                continue;
            }
            if let Some((class, lengths_ms)) = self.class(view, &coming.job) {
                self.add(&coming.job, class, lengths_ms, numbers);
            }
        }
    }

    fn add(
        &mut self,
        job: &Job,
        class: usize,
        lengths_ms: Vec<i64>,
        numbers: &mut HashMap<JobId, usize>,
    ) {
        numbers.insert(job.id, self.tasks.len());
        let shortest_ms = shortest(&lengths_ms);
        self.tasks.push(Task {
            id: job.id,
            class,
            rank_ms: job.rank_ms,
            path_ms: job.path_ms,
            behind_ms: job.path_ms.saturating_sub(shortest_ms).max(0),
            lengths_ms,
            shortest_ms,
            next: Vec::new(),
            needs: 0,
        });
    }

    fn add_at_work(&mut self, view: &View<'_>) {
        for running in view.state.running() {
            let row = self.numbers.get(running.host.0);
            let place = row.and_then(|row| *row.get(running.model.0)?);
            self.at_work.extend(place.map(|place| AtWork {
                end_ms: view.end_ms(running),
                place,
                next: Vec::new(),
            }));
        }
    }

    /// Who waits for whom. A need that is not known counts as ended.
    fn connect(&mut self, view: &View<'_>, numbers: &HashMap<JobId, usize>) {
        let running = view.state.running().iter().filter(|running| {
            let row = self.numbers.get(running.host.0);
            row.is_some_and(|row| row.get(running.model.0).is_some_and(Option::is_some))
        });
        let at_work: HashMap<JobId, usize> = running
            .enumerate()
            .map(|(at, running)| (running.job.id, at))
            .collect();
        for coming in view.state.coming() {
            let Some(task) = numbers.get(&coming.job.id).copied() else {
                continue;
            };
            for need in &coming.needs {
                if let Some(before) = numbers.get(need) {
                    self.tasks[*before].next.push(task);
                    self.tasks[task].needs += 1;
                } else if let Some(before) = at_work.get(need) {
                    self.at_work[*before].next.push(task);
                    self.tasks[task].needs += 1;
                }
            }
            if self.tasks[task].needs == 0 {
                self.ready.push(task);
            }
        }
    }

    /// The class of a job and its lengths there; `None` when no host that is up may run it.
    fn class(&mut self, view: &View<'_>, job: &Job) -> Option<(usize, Vec<i64>)> {
        let choices = job.choices.iter();
        let choices = choices.filter(|choice| view.allows(job, choice));
        let mut ways: Vec<(usize, i64)> = choices
            .filter_map(|choice| {
                let place = (*self.numbers.get(choice.host.0)?.get(choice.model.0)?)?;
                Some((place, job.expected_ms(choice)))
            })
            .collect();
        ways.sort_unstable();
        ways.dedup_by_key(|way| way.0);
        if ways.is_empty() {
            return None;
        }
        let (places, lengths_ms): (Vec<usize>, Vec<i64>) = ways.into_iter().unzip();
        if let Some(class) = self.by_places.get(&places) {
            return Some((*class, lengths_ms));
        }
        let class = self.classes.len();
        for (way, place) in places.iter().enumerate() {
            self.users[*place].push((class, way));
        }
        self.by_places.insert(places.clone(), class);
        self.classes.push(places);
        Some((class, lengths_ms))
    }
}

/// So many jobs that a decision has to do with a rougher look.
pub(super) fn is_crowd(order: &[Planned<'_>]) -> bool {
    order.len() > CROWD
}

fn shortest(lengths_ms: &[i64]) -> i64 {
    lengths_ms.iter().copied().min().unwrap_or(1)
}
