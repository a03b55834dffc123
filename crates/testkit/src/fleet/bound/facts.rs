//! What is true of every schedule of a trace, whatever its end.

use super::super::trace::Trace;
use super::configs::{Config, Place, configs, places};
use super::courses::{Set, sets};

/// Milliseconds throughout.
pub(super) struct Facts {
    pub(super) places: Vec<Place>,
    /// By host.
    pub(super) configs: Vec<Vec<Config>>,
    /// By host.
    pub(super) sets: Vec<Vec<Set>>,
    pub(super) tasks: Vec<Task>,
    /// The longest path of needs, each at its shortest, from the first load on.
    pub(super) critical_ms: f64,
}

pub(super) struct Task {
    /// Before then it cannot begin.
    pub(super) ready_ms: f64,
    /// What comes behind it at least.
    pub(super) tail_ms: f64,
    pub(super) ways: Vec<Way>,
    /// Those that need it, and nothing that can be met later.
    pub(super) next: Vec<usize>,
    /// It needs nothing.
    pub(super) is_first: bool,
}

pub(super) struct Way {
    pub(super) place: usize,
    /// With everything saved that may be.
    pub(super) length_ms: f64,
    /// What the task carries of the place's first load.
    pub(super) load_share: f64,
}

impl Facts {
    pub(super) fn of(trace: &Trace) -> Facts {
        let places = places(trace);
        let count = trace.tasks.len();
        let mut tasks: Vec<Task> = Vec::with_capacity(count);
        let mut ended = vec![0.0_f64; count];
        for (at, about) in trace.tasks.iter().enumerate() {
            let ways = ways(trace, &places, at);
            let needs = about.needs.iter().map(|need| ended[*need]);
            let ready_ms = needs.fold(about.arrival_ms as f64, f64::max);
            let end = |way: &Way| ready_ms.max(places[way.place].load_ms) + way.length_ms;
            ended[at] = least(ways.iter().map(end));
            tasks.push(Task {
                ready_ms,
                tail_ms: 0.0,
                ways,
                next: Vec::new(),
                is_first: about.needs.is_empty(),
            });
        }
        for at in (0..count).rev() {
            let shortest = least(tasks[at].ways.iter().map(|way| way.length_ms));
            let behind = shortest + tasks[at].tail_ms;
            for need in &trace.tasks[at].needs {
                tasks[*need].tail_ms = tasks[*need].tail_ms.max(behind);
            }
        }
        for (at, about) in trace.tasks.iter().enumerate() {
            let needs = about.needs.iter();
            let last = needs.max_by(|one, other| ended[**one].total_cmp(&ended[**other]));
            if let Some(need) = last {
                tasks[*need].next.push(at);
            }
        }
        share_loads(&mut tasks, places.len());
        let ends = ended
            .iter()
            .zip(&tasks)
            .map(|(ended, task)| ended + task.tail_ms);
        let hosts = || trace.fleet.host_ids();
        Facts {
            critical_ms: ends.fold(0.0, f64::max),
            configs: hosts()
                .map(|host| configs(trace, &places, host.0))
                .collect(),
            sets: hosts().map(|host| sets(trace, &places, host.0)).collect(),
            tasks,
            places,
        }
    }

    /// The first moment at which a task may begin so: it is ready, and the model can be there.
    pub(super) fn first_ms(&self, task: &Task, way: &Way) -> f64 {
        task.ready_ms.max(self.places[way.place].load_ms)
    }
}

fn ways(trace: &Trace, places: &[Place], task: usize) -> Vec<Way> {
    let saves = trace.may_save(task);
    let way = |way: &super::super::Way| {
        let is_it = |place: &Place| (place.host, place.model) == (way.host.0, way.model.0);
        Some(Way {
            place: places.iter().position(is_it)?,
            length_ms: trace.true_ms(way, saves) as f64,
            load_share: 0.0,
        })
    };
    trace.ways(&trace.tasks[task]).filter_map(way).collect()
}

/// Equal shares of each place's load for all that may run there: together they are one.
fn share_loads(tasks: &mut [Task], places: usize) {
    let mut users = vec![0_u32; places];
    for task in tasks.iter() {
        let mut used: Vec<usize> = task.ways.iter().map(|way| way.place).collect();
        used.sort_unstable();
        used.dedup();
        for place in used {
            users[place] += 1;
        }
    }
    for way in tasks.iter_mut().flat_map(|task| &mut task.ways) {
        way.load_share = 1.0 / f64::from(users[way.place].max(1));
    }
}

fn least(times: impl Iterator<Item = f64>) -> f64 {
    times.reduce(f64::min).unwrap_or(0.0)
}
