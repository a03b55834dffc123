//! The physics: what effects do to hosts, in virtual time. It knows the truth, and keeps books of its own that every effect is held against.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::proxy::Proxy;
use super::trace::Trace;
use alai_core::schedule::{
    Choice, Coming, Decision, Effect, HostId, Intent, Job, JobId, ModelId, Residence, Rules, State,
    Sticky, decide_on, next_look_ms, ranks,
};

/// Who decides.
#[derive(Debug, Clone)]
pub enum Policy {
    Ours(Rules),
    /// First come, first served, on the host with the fewest connections.
    Proxy,
}

/// A host goes down, or comes back with nothing loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub at_ms: i64,
    pub host: HostId,
    pub up: bool,
}

/// One task as it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub ready_ms: i64,
    /// Of the start that counted.
    pub started_ms: i64,
    pub ended_ms: i64,
    pub host: HostId,
    pub model: ModelId,
    /// Always 1, or the simulation is not over.
    pub times: u32,
}

#[derive(Debug, Clone)]
pub struct Outcome {
    pub makespan_ms: i64,
    pub loads: usize,
    /// Models that were unloaded to make room.
    pub swaps: usize,
    pub tasks: Vec<Ended>,
    /// Every effect, in its order.
    pub effects: Vec<(i64, Effect)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Fault(Fault),
    End {
        job: usize,
        attempt: u64,
    },
    Loaded {
        host: usize,
        model: usize,
        load: u64,
    },
    Ready(usize),
    Known(usize),
    Look,
}

/// Runs a trace to its end.
///
/// # Panics
/// When an effect breaks the physics, a task is finished twice, or work is left for which nothing will ever happen.
pub fn simulate(trace: &Trace, policy: Policy, faults: &[Fault]) -> Outcome {
    let mut world = World::new(trace, policy, faults);
    while let Some(Reverse((now, _, event))) = world.events.pop() {
        assert!(
            world.effects.len() < 100 * (10 + trace.tasks.len()),
            "the effects never end"
        );
        world.happen(now, event);
        // All of one moment before the next decision.
        if world
            .events
            .peek()
            .is_none_or(|Reverse((next, _, _))| *next > now)
        {
            world.settle(now);
        }
    }
    world.outcome()
}

struct World<'t> {
    trace: &'t Trace,
    state: State,
    intent: Intent,
    proxy: Option<Proxy>,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    count: u64,
    left: Vec<usize>,
    behind: Vec<Vec<usize>>,
    ranks: Vec<i64>,
    /// Where each run was served last.
    last: HashMap<usize, (HostId, ModelId)>,
    /// By host and model: the number of the load that is under way.
    loading: HashMap<(usize, usize), u64>,
    ended: Vec<Ended>,
    done: usize,
    loads: usize,
    swaps: usize,
    effects: Vec<(i64, Effect)>,
    look_ms: i64,
}

impl<'t> World<'t> {
    fn new(trace: &'t Trace, policy: Policy, faults: &[Fault]) -> World<'t> {
        let least = |task: &super::Task| {
            let ways = trace.ways(task).map(|way| way.expected_ms);
            ways.min().expect("each task has a way")
        };
        let own: Vec<i64> = trace.tasks.iter().map(least).collect();
        let needs: Vec<Vec<usize>> = trace.tasks.iter().map(|task| task.needs.clone()).collect();
        let mut behind = vec![Vec::new(); needs.len()];
        for (task, needs) in needs.iter().enumerate() {
            for need in needs {
                behind[*need].push(task);
            }
        }
        let (rules, proxy) = match policy {
            Policy::Ours(rules) => (rules, None),
            Policy::Proxy => (Rules::default(), Some(Proxy::default())),
        };
        let nothing = Ended {
            ready_ms: 0,
            started_ms: 0,
            ended_ms: 0,
            host: HostId(0),
            model: ModelId(0),
            times: 0,
        };
        let mut world = World {
            trace,
            state: State::new(trace.fleet.clone(), rules),
            intent: Intent::default(),
            proxy,
            events: BinaryHeap::new(),
            count: 0,
            left: needs.iter().map(Vec::len).collect(),
            behind,
            ranks: ranks(&own, &needs),
            last: HashMap::new(),
            loading: HashMap::new(),
            ended: vec![nothing; needs.len()],
            done: 0,
            loads: 0,
            swaps: 0,
            effects: Vec::new(),
            look_ms: i64::MIN,
        };
        for fault in faults {
            world.at(fault.at_ms, Event::Fault(*fault));
        }
        for (task, needs) in needs.iter().enumerate() {
            let event = match needs.is_empty() {
                true => Event::Ready(task),
                false => Event::Known(task),
            };
            world.at(trace.tasks[task].arrival_ms, event);
        }
        world
    }

    fn at(&mut self, ms: i64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((ms, self.count, event)));
    }

    fn happen(&mut self, now: i64, event: Event) {
        match event {
            Event::Ready(task) => self.ready(task, now),
            Event::Known(task) if self.left[task] > 0 => {
                let needs = self.trace.tasks[task]
                    .needs
                    .iter()
                    .map(|need| JobId(*need as u64));
                let coming = Coming {
                    job: self.job(task, now),
                    needs: needs
                        .filter(|need| self.ended[need.0 as usize].times == 0)
                        .collect(),
                };
                self.state.expect(coming);
            }
            Event::Known(_) => {}
            Event::End { job, attempt } => self.end(job, attempt, now),
            Event::Loaded { host, model, load } => {
                if self.loading.get(&(host, model)) == Some(&load) {
                    self.loading.remove(&(host, model));
                    self.state.loaded(HostId(host), ModelId(model), now);
                }
            }
            Event::Fault(Fault { host, up: true, .. }) => self.state.up(host),
            Event::Fault(Fault {
                host, up: false, ..
            }) => {
                self.loading.retain(|(other, _), _| *other != host.0);
                let runs_there = |(other, _): &(HostId, ModelId)| *other == host;
                self.last.retain(|_, place| !runs_there(place));
                for job in self.state.down(host) {
                    if let Some(proxy) = &mut self.proxy {
                        proxy.forget(job);
                    }
                }
            }
            Event::Look => {}
        }
    }

    fn ready(&mut self, task: usize, now: i64) {
        self.ended[task].ready_ms = now;
        let job = self.job(task, now);
        assert!(self.state.add(job), "task {task} became ready twice");
    }

    fn job(&self, task: usize, now: i64) -> Job {
        let (about, trace) = (&self.trace.tasks[task], self.trace);
        let choices: Vec<Choice> = about
            .ways
            .iter()
            .map(|way| Choice {
                host: way.host,
                model: way.model,
                expected_ms: way.expected_ms,
            })
            .collect();
        let sticky = self.last.get(&about.run).and_then(|(host, model)| {
            let way = choices
                .iter()
                .find(|way| (way.host, way.model) == (*host, *model))?;
            Some(Sticky {
                host: *host,
                model: *model,
                saves_ms: way.expected_ms * trace.reuse_percent / 100,
            })
        });
        Job {
            id: JobId(task as u64),
            rank_ms: self.ranks[task],
            path_ms: self.ranks[task],
            arrived_ms: now,
            local_only: about.local_only,
            sticky,
            choices,
        }
    }

    fn end(&mut self, task: usize, attempt: u64, now: i64) {
        let job = JobId(task as u64);
        let running = self
            .state
            .running()
            .iter()
            .find(|running| running.job.id == job);
        let place = running.map(|running| (running.host, running.model, running.started_ms));
        if self.state.ended(job, attempt, now).is_none() {
            return;
        }
        let (host, model, started_ms) = place.expect("what ended was at work");
        let ended = &mut self.ended[task];
        ended.times += 1;
        assert_eq!(ended.times, 1, "task {task} was finished twice");
        (ended.host, ended.model, ended.started_ms, ended.ended_ms) =
            (host, model, started_ms, now);
        self.done += 1;
        self.last.insert(self.trace.tasks[task].run, (host, model));
        for next in self.behind[task].clone() {
            self.left[next] -= 1;
            if self.left[next] == 0 {
                let arrival = self.trace.tasks[next].arrival_ms.max(now);
                self.at(arrival, Event::Ready(next));
            }
        }
    }

    /// Asks until there is nothing more to do at this moment.
    fn settle(&mut self, now: i64) {
        for _ in 0..1000 {
            let effects: Vec<Effect> = match &mut self.proxy {
                Some(proxy) => proxy.decide(&self.state),
                None => decide_on(&self.state, &mut self.intent, now)
                    .iter()
                    .map(|Decision { effect, .. }| *effect)
                    .collect(),
            };
            if effects.is_empty() {
                self.look_again(now);
                return;
            }
            for effect in effects {
                self.carry_out(effect, now);
            }
            self.check();
        }
        panic!(
            "at {now} ms the decisions never end: {:?}",
            self.effects.iter().rev().take(8).collect::<Vec<_>>()
        );
    }

    fn look_again(&mut self, now: i64) {
        let look = next_look_ms(&self.state, now);
        if let Some(look) = look.filter(|look| *look != self.look_ms && self.proxy.is_none()) {
            self.look_ms = look;
            self.at(look, Event::Look);
        }
    }

    fn carry_out(&mut self, effect: Effect, now: i64) {
        let (host, model) = effect.place();
        if let Err(misfit) = self.state.apply(effect, now) {
            panic!("at {now} ms {effect:?}: {misfit}");
        }
        self.effects.push((now, effect));
        match effect {
            Effect::Start { job, .. } => {
                let task = usize::try_from(job.0).expect("jobs are positions of tasks");
                let about = &self.trace.tasks[task];
                let way = self
                    .trace
                    .ways(about)
                    .find(|way| (way.host, way.model) == (host, model));
                let way = way.expect("a job starts only where its project allows");
                let again = self.last.get(&about.run) == Some(&(host, model));
                let length = self.trace.true_ms(way, again);
                let attempt = self
                    .state
                    .running()
                    .last()
                    .expect("it was started just now")
                    .attempt;
                self.at(now + length, Event::End { job: task, attempt });
            }
            Effect::Preload { .. } => {
                self.loads += 1;
                self.count += 1;
                let load = self.count;
                self.loading.insert((host.0, model.0), load);
                let loaded = Event::Loaded {
                    host: host.0,
                    model: model.0,
                    load,
                };
                self.at(now + self.trace.load_ms[host.0][model.0].max(1), loaded);
            }
            Effect::Unload { .. } => self.swaps += 1,
            Effect::Drain { .. } | Effect::Keep { .. } => {}
        }
    }

    /// The bounds, counted anew and not by the state's own functions.
    fn check(&self) {
        let fleet = &self.trace.fleet;
        let running = self.state.running();
        if let Some(slots) = fleet.slots {
            assert!(
                running.len() <= slots as usize,
                "more calls than the fleet's slots"
            );
        }
        for host in fleet.host_ids() {
            let machine = &fleet.hosts[host.0];
            let here = running.iter().filter(|running| running.host == host);
            assert!(
                here.clone().count() <= machine.slots as usize,
                "more calls than {}'s slots",
                machine.name
            );
            let (mut bytes, mut loads) = (0, 0);
            for model in fleet.model_ids() {
                let residence = self.state.residence(host, model);
                let calls = here
                    .clone()
                    .filter(|running| running.model == model)
                    .count();
                match residence {
                    Residence::Absent | Residence::Loading { .. } => {
                        assert_eq!(calls, 0, "a call without its model")
                    }
                    Residence::Resident { .. } | Residence::Draining { .. } => {
                        let slots = fleet
                            .place(host, model)
                            .expect("a loaded model has a place")
                            .slots;
                        assert!(calls <= slots as usize, "more calls than the place's slots");
                    }
                }
                loads += usize::from(matches!(residence, Residence::Loading { .. }));
                bytes += if residence == Residence::Absent {
                    0
                } else {
                    fleet.models[model.0].bytes
                };
            }
            assert!(
                bytes <= machine.memory,
                "{} holds {bytes} bytes",
                machine.name
            );
            assert!(loads <= 1, "two loads at once");
        }
    }

    fn outcome(self) -> Outcome {
        let tasks = self.trace.tasks.len();
        assert_eq!(
            self.done,
            tasks,
            "work is left that nothing will ever happen for: {:?}",
            self.state.ready()
        );
        Outcome {
            makespan_ms: self
                .ended
                .iter()
                .map(|ended| ended.ended_ms)
                .max()
                .unwrap_or(0),
            loads: self.loads,
            swaps: self.swaps,
            tasks: self.ended,
            effects: self.effects,
        }
    }
}
