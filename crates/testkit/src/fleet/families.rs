//! Traces from seeds, in families that are hard in different ways.

use super::trace::{Task, Trace, Way};
use crate::fuzz::Dice;
use alai_core::schedule::{Fleet, Host, HostId, Model, ModelId, Place};

const GB: u64 = 1_000_000_000;
const SECOND: i64 = 1000;

/// A kind of trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Many short calls that hardly depend on each other: the slots are the limit.
    ManySmall,
    /// Chains whose links want other models in turn.
    DeepChains,
    /// A model that leaves no room for any other on the one host that can hold it.
    OneGiant,
    /// Two equal hosts that cannot hold all models; goals that fork and join.
    Twins,
    /// Hosts of very different speed, calls of very different length.
    Skew,
}

pub const FAMILIES: [Family; 5] = [
    Family::ManySmall,
    Family::DeepChains,
    Family::OneGiant,
    Family::Twins,
    Family::Skew,
];

impl Family {
    pub fn name(self) -> &'static str {
        match self {
            Family::ManySmall => "many small",
            Family::DeepChains => "deep chains",
            Family::OneGiant => "one giant model",
            Family::Twins => "two equal hosts",
            Family::Skew => "skew",
        }
    }

    /// The trace of a seed: 30 to 160 tasks.
    pub fn trace(self, seed: u64) -> Trace {
        let mut dice = Dice::new(seed.wrapping_mul(1009).wrapping_add(self as u64));
        let dice = &mut dice;
        match self {
            Family::ManySmall => many_small(dice),
            Family::DeepChains => deep_chains(dice),
            Family::OneGiant => one_giant(dice),
            Family::Twins => twins(dice),
            Family::Skew => skew(dice),
        }
    }
}

/// At most eight tasks on one or two hosts: few enough to know the best.
pub fn tiny(seed: u64) -> Trace {
    let mut dice = Dice::new(seed.wrapping_mul(7919));
    let dice = &mut dice;
    let mut plant = Plant::default();
    let sizes: Vec<u64> = (0..between(dice, 2, 3))
        .map(|_| u64_between(dice, 10, 40))
        .collect();
    for _ in 0..between(dice, 1, 2) {
        // Room for the largest, sometimes for more.
        let largest = sizes.iter().copied().max().unwrap_or(1);
        let memory = largest + u64_between(dice, 0, 30);
        let slots = between(dice, 1, 2);
        plant.host(dice, memory, slots, 100);
    }
    for size in sizes {
        plant.model(dice, size, 100);
    }
    plant.place_all(dice, 2);
    let mut work = Work::new(dice, plant);
    for task in 0..between(work.dice, 4, 8) {
        let mut needs = Vec::new();
        if task > 0 && work.dice.one_in(3) {
            needs.push(work.dice.below(us(task)));
        }
        let (model, length) = (work.any_model(), between(work.dice, 5, 60));
        let arrival = if work.dice.one_in(4) {
            between(work.dice, 1, 40)
        } else {
            0
        };
        work.task(arrival, needs, &[model], length, us(task));
    }
    work.trace()
}

fn many_small(dice: &mut Dice) -> Trace {
    let mut plant = Plant::default();
    for _ in 0..between(dice, 2, 4) {
        let memory = *dice.pick(&[48, 64, 96]);
        let (slots, speed) = (between(dice, 2, 4), between(dice, 80, 160));
        plant.host(dice, memory, slots, speed);
    }
    for _ in 0..between(dice, 3, 5) {
        let size = u64_between(dice, 8, 44);
        plant.model(dice, size, 100);
    }
    plant.place_all(dice, 4);
    let mut work = Work::new(dice, plant);
    for task in 0..between(work.dice, 90, 160) {
        let mut needs = Vec::new();
        if task > 0 && work.dice.one_in(6) {
            needs.push(work.dice.below(us(task)));
        }
        let models = work.models_of_a_tier(4);
        let (arrival, length) = (between(work.dice, 0, 60), between(work.dice, 15, 90));
        work.task(arrival, needs, &models, length, us(task));
    }
    work.trace()
}

fn deep_chains(dice: &mut Dice) -> Trace {
    let mut plant = Plant::default();
    for _ in 0..between(dice, 2, 3) {
        let memory = *dice.pick(&[48, 64, 96]);
        let (slots, speed) = (between(dice, 2, 3), between(dice, 90, 140));
        plant.host(dice, memory, slots, speed);
    }
    for _ in 0..3 {
        let size = u64_between(dice, 10, 40);
        plant.model(dice, size, 100);
    }
    plant.place_all(dice, 3);
    let mut work = Work::new(dice, plant);
    let mut run = 0;
    for _ in 0..between(work.dice, 4, 14) {
        let mut last = None;
        for link in 0..between(work.dice, 5, 12) {
            // A run makes a few calls of one model; then the next one's turn comes.
            if link % 2 == 0 {
                run += 1;
            }
            let model = ModelId(us(link / 2 % 3));
            let (arrival, length) = (between(work.dice, 0, 120), between(work.dice, 40, 240));
            last = Some(work.task(arrival, last.into_iter().collect(), &[model], length, run));
        }
    }
    work.trace()
}

fn one_giant(dice: &mut Dice) -> Trace {
    let mut plant = Plant::default();
    let slots = between(dice, 1, 2);
    plant.host(dice, 256, slots + 1, 150);
    for _ in 0..between(dice, 1, 2) {
        let memory = *dice.pick(&[32, 48, 64]);
        let (slots, speed) = (between(dice, 2, 3), between(dice, 80, 120));
        plant.host(dice, memory, slots, speed);
    }
    plant.model(dice, 240, 60);
    for _ in 0..between(dice, 2, 4) {
        let size = u64_between(dice, 17, 30);
        plant.model(dice, size, 100);
    }
    plant.place_all(dice, 3);
    let mut work = Work::new(dice, plant);
    let mut last = None;
    for task in 0..between(work.dice, 50, 100) {
        let giant = work.dice.one_in(7);
        let models = match giant {
            true => vec![ModelId(0)],
            false => vec![work.small_model()],
        };
        let mut needs = Vec::new();
        if task > 0 && work.dice.one_in(4) {
            needs.push(work.dice.below(us(task)));
        }
        if giant {
            needs.extend(last.filter(|_| work.dice.one_in(3)));
        }
        let (arrival, length) = (between(work.dice, 0, 300), between(work.dice, 30, 180));
        let number = work.task(arrival, needs, &models, length, us(task));
        if giant {
            last = Some(number);
        }
    }
    work.trace()
}

fn twins(dice: &mut Dice) -> Trace {
    let mut plant = Plant::default();
    let (memory, slots) = (*dice.pick(&[48, 64, 80]), between(dice, 2, 4));
    plant.host(dice, memory, slots, 100);
    plant.host(dice, memory, slots, 100);
    for _ in 0..between(dice, 3, 5) {
        let size = u64_between(dice, 14, 40);
        plant.model(dice, size, 100);
    }
    plant.place_all(dice, 4);
    let mut work = Work::new(dice, plant);
    let mut run = 0;
    for _ in 0..between(work.dice, 3, 8) {
        let arrival = between(work.dice, 0, 600);
        let length = between(work.dice, 30, 120);
        let planner = work.any_model();
        let plan = work.task(arrival, Vec::new(), &[planner], length, run);
        let (builder, reviewer) = (work.any_model(), work.any_model());
        let mut ends = Vec::new();
        for _ in 0..between(work.dice, 3, 7) {
            run += 1;
            let mut last = plan;
            for _ in 0..between(work.dice, 1, 3) {
                let length = between(work.dice, 40, 200);
                last = work.task(arrival, vec![last], &[builder], length, run);
            }
            let length = between(work.dice, 20, 90);
            ends.push(work.task(arrival, vec![last], &[reviewer], length, run + 1000));
        }
        run += 1;
        let length = between(work.dice, 20, 60);
        work.task(arrival, ends, &[planner], length, run);
    }
    work.trace()
}

fn skew(dice: &mut Dice) -> Trace {
    let mut plant = Plant::default();
    let hosts = us(between(dice, 2, 4));
    for (speed, memory) in [(300, 128), (100, 64), (70, 48), (50, 64)]
        .into_iter()
        .take(hosts)
    {
        let slots = between(dice, 1, 3);
        plant.host(dice, memory, slots, speed);
    }
    for _ in 0..between(dice, 4, 6) {
        let (size, speed) = (u64_between(dice, 8, 45), between(dice, 70, 140));
        plant.model(dice, size, speed);
    }
    plant.place_all(dice, 3);
    let mut work = Work::new(dice, plant);
    for task in 0..between(work.dice, 60, 120) {
        let mut needs = Vec::new();
        if task > 0 && work.dice.one_in(4) {
            needs.push(work.dice.below(us(task)));
        }
        // Most are short, and each doubling is half as frequent.
        let mut length = between(work.dice, 15, 60);
        while length < 500 && work.dice.one_in(2) {
            length *= 2;
        }
        let models = work.models_of_a_tier(3);
        let arrival = between(work.dice, 0, 200);
        work.task(arrival, needs, &models, length, us(task));
    }
    work.trace()
}

/// Hosts and models before it is known what is where.
#[derive(Default)]
struct Plant {
    hosts: Vec<Host>,
    /// Percent of the usual speed, by host and by model.
    speeds: Vec<i64>,
    model_speeds: Vec<i64>,
    /// Bytes a second that a host loads.
    bandwidths: Vec<u64>,
    models: Vec<Model>,
    places: Vec<Vec<Option<Place>>>,
}

impl Plant {
    fn host(&mut self, dice: &mut Dice, memory_gb: u64, slots: i64, speed: i64) {
        self.hosts.push(Host {
            name: format!("host-{}", self.hosts.len()),
            slots: u32::try_from(slots).unwrap_or(1),
            memory: memory_gb * GB,
            local: true,
        });
        self.speeds.push(speed);
        // From a busy disk to a good one: 0.5 to 2 GB a second.
        self.bandwidths
            .push(u64_between(dice, 500, 2000) * 1_000_000);
    }

    fn model(&mut self, dice: &mut Dice, size_gb: u64, speed: i64) {
        self.models.push(Model {
            name: format!("model-{}", self.models.len()),
            bytes: size_gb * GB + u64_between(dice, 0, 999) * 1_000_000,
            keep_alive_ms: between(dice, 1, 10) * 60 * SECOND,
        });
        self.model_speeds.push(speed);
    }

    /// Each model wherever it fits, or nearly: sometimes a host has not pulled it. At least one has.
    fn place_all(&mut self, dice: &mut Dice, slots_max: i64) {
        let (hosts, models) = (self.hosts.len(), self.models.len());
        self.places = vec![vec![None; models]; hosts];
        for model in 0..models {
            let fits: Vec<usize> = (0..hosts)
                .filter(|host| self.models[model].bytes <= self.hosts[*host].memory)
                .collect();
            if fits.is_empty() {
                // The largest host is the limit of what anybody pulls.
                let host = (0..hosts)
                    .max_by_key(|host| self.hosts[*host].memory)
                    .unwrap_or(0);
                self.models[model].bytes = self.hosts[host].memory;
            }
            let certain = match fits.is_empty() {
                true => (0..hosts)
                    .max_by_key(|host| self.hosts[*host].memory)
                    .unwrap_or(0),
                false => *dice.pick(&fits),
            };
            for host in 0..hosts {
                let has = host == certain || (fits.contains(&host) && !dice.one_in(5));
                self.places[host][model] = has.then(|| Place {
                    slots: u32::try_from(between(dice, 1, slots_max)).unwrap_or(1),
                    load_ms: Place::load_ms_at(self.models[model].bytes, self.bandwidths[host]),
                    pinned: false,
                });
            }
        }
    }
}

/// Tasks for a plant.
struct Work<'d> {
    dice: &'d mut Dice,
    plant: Plant,
    tasks: Vec<Task>,
}

impl Work<'_> {
    fn new(dice: &mut Dice, plant: Plant) -> Work<'_> {
        Work {
            dice,
            plant,
            tasks: Vec::new(),
        }
    }

    fn any_model(&mut self) -> ModelId {
        ModelId(self.dice.below(self.plant.models.len()))
    }

    /// Any but the first.
    fn small_model(&mut self) -> ModelId {
        ModelId(1 + self.dice.below(self.plant.models.len() - 1))
    }

    /// One model, and one time in so many a second that would do as well.
    fn models_of_a_tier(&mut self, one_in: usize) -> Vec<ModelId> {
        let mut models = vec![self.any_model()];
        if self.dice.one_in(one_in) {
            models.push(self.any_model());
            models.dedup();
        }
        models
    }

    /// A task of so many seconds at the usual speed; gives its position.
    fn task(
        &mut self,
        arrival_s: i64,
        needs: Vec<usize>,
        models: &[ModelId],
        length_s: i64,
        run: usize,
    ) -> usize {
        // What is true of a task is true of it everywhere: long answers are long on every host.
        let noise = noise_percent(self.dice, 25);
        let mut ways = Vec::new();
        for (host, row) in self.plant.places.iter().enumerate() {
            for model in models.iter().filter(|model| row[model.0].is_some()) {
                let speed = self.plant.speeds[host] * self.plant.model_speeds[model.0];
                let expected_ms = length_s * SECOND * 100 * 100 / speed;
                ways.push(Way {
                    host: HostId(host),
                    model: *model,
                    expected_ms,
                    true_ms: (expected_ms * noise / 100).max(1),
                });
            }
        }
        self.tasks.push(Task {
            arrival_ms: arrival_s * SECOND,
            needs,
            ways,
            run,
            local_only: false,
        });
        self.tasks.len() - 1
    }

    fn trace(self) -> Trace {
        let Work { dice, plant, tasks } = self;
        let load = |place: &Option<Place>, dice: &mut Dice| {
            place.map_or(0, |place| place.load_ms * noise_percent(dice, 10) / 100)
        };
        let load_ms = plant
            .places
            .iter()
            .map(|row| row.iter().map(|place| load(place, dice)).collect())
            .collect();
        Trace {
            fleet: Fleet {
                hosts: plant.hosts,
                models: plant.models,
                places: plant.places,
                slots: None,
            },
            load_ms,
            tasks,
            reuse_percent: 10,
        }
    }
}

/// Around 100, bell-shaped with about this deviation, within a factor of two.
fn noise_percent(dice: &mut Dice, deviation: i64) -> i64 {
    // Twelve uniform numbers have a variance of one.
    let sum: i64 = (0..12).map(|_| between(dice, 0, 1000)).sum();
    (100 + (sum - 6000) * deviation / 1000).clamp(50, 200)
}

fn between(dice: &mut Dice, least: i64, most: i64) -> i64 {
    least + i64::try_from(dice.below(us(most - least + 1))).unwrap_or(0)
}

fn u64_between(dice: &mut Dice, least: i64, most: i64) -> u64 {
    u64::try_from(between(dice, least, most)).unwrap_or(0)
}

fn us(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
