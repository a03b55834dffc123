//! Gives work out. Each round the queue, the hosts, what they hold and the runs at work become one state of `core::schedule`; what it
//! decides is carried out here: a task is claimed for the place that was chosen for it, models are drained, unloaded and loaded.
//!
//! What there is not: no run on a host or model other than the one whose slot its claim holds; no claim without a slot; no load
//! or unload in the beat itself; no unload of a model on which a run is at work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alai_core::ids::TaskId;
use alai_core::pipeline::HUMAN_WAIT_MS;
use alai_core::schedule::{Decision, Effect, HostId, Job, ModelId, Rules, decide_on};
use alai_core::task::{Task, TaskKind, WaitReason, Waiting};
use alai_mission::{Claim, ClaimLimits, MissionError, Queue, Ready, Slot, SlotsOf};

use crate::beat::{Factory, LEASE_MS};
use crate::config::Config;
use crate::limits::{self, Reaches};
use crate::models::{Chosen, Site};
use crate::unasked;
use crate::work;

mod follows;
mod jobs;
pub(crate) mod loads;
pub(crate) mod picture;
mod roster;
mod shown;
mod speeds;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use follows::{Follow, Seen};
use jobs::{Order, Wanted};
use picture::{Bounds, Picture};
use roster::Seat;
pub(crate) use roster::{At, Roster};
pub use shown::{Draining, HostView, Loading, ScheduleView, WaitView};
pub(crate) use speeds::Speeds;
pub use speeds::Took;
pub use words::WordView;

/// Rounds in one beat: each claims one task or finds one that cannot be claimed. More than there are slots and tasks in one look.
const ROUNDS_MAX: usize = 2_048;

/// Tasks of those that want the same places that one round decides about, the first of the queue: more than any fleet has slots. What
/// waits for a place that is full hides no work for another.
const WANTED_MAX: usize = 256;

/// Gives out what can be given out now, and lets models come and go for the rest.
pub(crate) fn dispatch(factory: &Arc<Factory>, now_ms: i64) -> Result<(), MissionError> {
    give_out(factory, now_ms, &|claim| factory.start(claim))
}

/// The same, with what becomes of a claim.
fn give_out(
    factory: &Arc<Factory>,
    now_ms: i64,
    begin: &dyn Fn(Claim),
) -> Result<(), MissionError> {
    if factory.stopping() {
        return Ok(());
    }
    let mut beat = Beat::of(factory);
    for _ in 0..ROUNDS_MAX {
        if !a_round(factory, &mut beat, now_ms, begin)? {
            break;
        }
    }
    match beat.models {
        true => Ok(()),
        false => ask_for_a_model(factory, now_ms),
    }
}

/// True when another round may give out more.
fn a_round(
    factory: &Arc<Factory>,
    beat: &mut Beat,
    now_ms: i64,
    begin: &dyn Fn(Claim),
) -> Result<bool, MissionError> {
    Round::read(factory, beat, now_ms)?.carry_out(beat, begin)
}

/// Eligible work that needs a model, where there is none, is put before a person, with what was looked for; it goes on by itself
/// later.
fn ask_for_a_model(factory: &Factory, now_ms: i64) -> Result<(), MissionError> {
    let (mission, packs) = (factory.mission(), factory.packs());
    let mut after = TaskId(0);
    let lacking = loop {
        let part = mission.claimable(factory.only(), after, now_ms)?;
        let Some(last) = part.last() else {
            return Ok(());
        };
        after = last.id;
        let asks = part
            .iter()
            .filter(|task| !unasked::is(mission, &packs, task));
        let lacking: Vec<TaskId> = asks.map(|task| task.id).collect();
        if !lacking.is_empty() {
            break lacking;
        }
    };
    let waiting = Waiting {
        reason: WaitReason::NoModel,
        owner: factory.config().operator.clone(),
        deadline_ms: now_ms + HUMAN_WAIT_MS,
        next_action:
            "start a host that `alai fleet status` shows as down, or give one a model; it then goes on by itself while `alai up` runs".into(),
        detail: factory.models().found().none,
    };
    mission.ask_for_a_model(lacking, waiting, now_ms)?;
    // The rest in the next beats: in between the signs of life go on.
    factory.wake();
    Ok(())
}

/// What the rounds of one beat know of each other: all else is read anew for each task that is given out.
#[derive(Debug)]
struct Beat {
    /// Whether any model can be used. Where none can, only what needs none is given out.
    models: bool,
    /// The companies and models of tasks, asked for once.
    asked: BTreeMap<TaskId, Asked>,
    /// Tasks that need no place and could not be claimed.
    refused: BTreeSet<TaskId>,
    /// Places of which one could not be claimed: another task would be refused as well.
    closed: BTreeSet<At>,
    /// Of what will follow.
    seen: Seen,
}

impl Beat {
    fn of(factory: &Factory) -> Beat {
        Beat {
            models: factory.models().usable(),
            asked: BTreeMap::new(),
            refused: BTreeSet::new(),
            closed: BTreeSet::new(),
            seen: Seen::default(),
        }
    }
}

/// Where a task goes.
#[derive(Debug)]
struct Asked {
    company: Option<String>,
    /// The models that may do it.
    choices: Vec<Chosen>,
    /// It asks no model, so that it needs no place.
    needs_none: bool,
}

/// One look at the queue and the fleet.
struct Round<'f> {
    factory: &'f Arc<Factory>,
    now_ms: i64,
    sites: Vec<Site>,
    wanted: Vec<Wanted>,
    /// What will be wanted.
    follows: Vec<Follow>,
    queue: Queue,
}

impl<'f> Round<'f> {
    /// Without the tasks and places that could not be claimed in this beat.
    fn read(
        factory: &'f Arc<Factory>,
        Beat {
            models,
            asked,
            refused,
            closed,
            seen,
        }: &mut Beat,
        now_ms: i64,
    ) -> Result<Round<'f>, MissionError> {
        let config = factory.config();
        let per_project = config.limits.per_project.unwrap_or(config.slots);
        let mut queue = factory
            .mission()
            .ready(factory.only(), per_project, now_ms)?;
        queue
            .ready
            .retain(|ready| !refused.contains(&ready.task.id));
        // What goes first in any case is looked at first, so that nothing urgent is behind the part that is looked at.
        queue
            .ready
            .sort_by_key(|ready| jobs::precedence(ready, now_ms));
        let reaches = Reaches::read(factory.mission())?;
        let wanted = queue.ready.iter();
        let wanted = wanted.filter_map(|ready| {
            let found = asked.entry(ready.task.id);
            let found = found.or_insert_with(|| ask(factory, &ready.task, &reaches, now_ms));
            if !*models && !found.needs_none {
                return None;
            }
            let mut wanted = wanted_of(factory, ready, found, &queue, &reaches)?;
            let placed = !wanted.choices.is_empty();
            wanted.choices.retain(|c| !closed.contains(&At::of(c)));
            (!placed || !wanted.choices.is_empty()).then_some(wanted)
        });
        let mut alike: BTreeMap<Vec<At>, usize> = BTreeMap::new();
        let wanted = wanted.filter(|wanted| {
            let places = wanted.choices.iter().map(At::of).collect();
            let count = alike.entry(places).or_default();
            *count += 1;
            *count <= WANTED_MAX
        });
        let wanted: Vec<Wanted> = wanted.collect();
        let follows = match *models {
            true => follows::read(factory, seen, &queue, &wanted, &reaches, now_ms)?,
            false => Vec::new(),
        };
        let mut sites = factory.models().sites();
        if factory.only().is_some() {
            // One task of a person who waits for it: its own first word tells as much.
            sites.iter_mut().for_each(|site| site.server = None);
        }
        {
            let mut known = factory.roster().lock();
            known.forget_drains_for_what_is_gone(&sites);
            if known.since_ms == 0 {
                known.since_ms = now_ms;
            }
        }
        Ok(Round {
            wanted,
            follows,
            sites,
            factory,
            now_ms,
            queue,
        })
    }

    /// True when another round may give out more.
    fn carry_out(&self, beat: &mut Beat, begin: &dyn Fn(Claim)) -> Result<bool, MissionError> {
        let seats = self.factory.roster().lock().seats.len();
        // The store may know of runs that have no thread any more: a claim counts them until their leases lapse.
        let full = seats.max(self.queue.at_work) >= self.factory.config().slots;
        if let Some(free) = self.wanted.iter().find(|w| w.choices.is_empty())
            && !full
        {
            return self.start(free, None, beat, begin).map(|_| true);
        }
        if !beat.models {
            return Ok(false);
        }
        let bounds = self.bounds();
        let (mut picture, jobs, meant) = {
            let mut known = self.factory.roster().lock();
            let mut picture = Picture::of(&self.sites, &known, bounds, self.rules(), self.now_ms);
            let order = Order::of(&self.wanted, &self.queue, self.now_ms);
            let jobs = jobs::jobs(&self.wanted, &order, &picture, &known);
            for job in &jobs {
                picture.state.add(job.clone());
            }
            for coming in follows::coming(&self.follows, &order, &picture, &known) {
                picture.state.expect(coming);
            }
            (picture, jobs, std::mem::take(&mut known.meant))
        };
        // Runs begin and end meanwhile: a decision takes milliseconds.
        let mut intent = picture.intent(meant);
        let decided = decide_on(&picture.state, &mut intent, self.now_ms);
        self.factory.roster().lock().meant = picture.meant(intent);
        let is_start = |d: &Decision| matches!(d.effect, Effect::Start { .. });
        // One at a time: whose turn is next depends on what its project has been given.
        let (starts, mut told): (Vec<Decision>, _) = decided.into_iter().partition(is_start);
        let whole = beat.closed.is_empty();
        if whole {
            self.move_models(&picture, &told);
        }
        for decision in &told {
            if let Err(misfit) = picture.state.apply(decision.effect, self.now_ms) {
                tracing::debug!("{:?}: {misfit}", decision.effect);
            }
        }
        told.extend(starts.first().filter(|_| !full));
        // What waits for a closed place is not looked at: that moves no model, and is no news for people.
        if whole {
            self.tell(&picture, &jobs, &told);
        }
        if full {
            return Ok(false);
        }
        let Some(Effect::Start { job, host, model }) = starts.first().map(|d| d.effect) else {
            return Ok(false);
        };
        let found = self
            .wanted
            .iter()
            .find(|w| w.ready.task.id.0.unsigned_abs() == job.0);
        let Some(wanted) = found else {
            return Ok(false);
        };
        let at = picture.at(host, model);
        let models = self.factory.models();
        // Its load may have failed since this round asked who can serve: it is held there, and answers nothing.
        if models
            .unloadable_until(&at.host, &at.model, self.now_ms)
            .is_some()
        {
            beat.closed.insert(at);
            return Ok(true);
        }
        let place = (at, self.expected_ms(&jobs, job.0, host, model));
        self.start(wanted, Some(place), beat, begin).map(|_| true)
    }

    fn bounds(&self) -> Bounds {
        bounds(self.factory.config())
    }

    fn rules(&self) -> Rules {
        let usual = Rules::default();
        let said = self.factory.config().limits.model_wait_minutes;
        let said = said.and_then(|minutes| i64::try_from(minutes).ok());
        Rules {
            age_ms_max: said.map_or(usual.age_ms_max, |minutes| minutes.saturating_mul(60_000)),
            ..usual
        }
    }

    fn expected_ms(&self, jobs: &[Job], id: u64, host: HostId, model: ModelId) -> i64 {
        let job = jobs.iter().find(|job| job.id.0 == id);
        let choice = job.and_then(|job| {
            let choice = job
                .choices
                .iter()
                .find(|c| (c.host, c.model) == (host, model))?;
            Some(job.expected_ms(choice))
        });
        choice.unwrap_or(1)
    }

    /// Claims a task for its place and lets its run begin. A place that cannot be claimed now is left out of this beat, and so is a task
    /// without one.
    fn start(
        &self,
        wanted: &Wanted,
        place: Option<(At, i64)>,
        beat: &mut Beat,
        begin: &dyn Fn(Claim),
    ) -> Result<(), MissionError> {
        let (factory, task) = (self.factory, &wanted.ready.task);
        let (at, expected_ms) = match place {
            Some((at, expected_ms)) => (Some(at), expected_ms),
            None => (None, jobs::own_ms(task.kind)),
        };
        let limits = self.limits(wanted, at.as_ref());
        let (mission, now_ms) = (factory.mission(), factory.now_ms());
        let claimed = match factory.only() {
            Some(_) => mission.claim_alone(task.id, &limits, "factory", LEASE_MS, now_ms)?,
            None => mission.claim(Some(task.id), &limits, "factory", LEASE_MS, now_ms)?,
        };
        let Some(claim) = claimed else {
            match at {
                Some(at) => beat.closed.insert(at),
                None => beat.refused.insert(task.id),
            };
            return Ok(());
        };
        let seat = Seat {
            task: task.id,
            kind: task.kind,
            at,
            started_ms: self.now_ms,
            expected_ms,
        };
        factory.roster().lock().sits(claim.fence.run.clone(), seat);
        begin(claim);
        Ok(())
    }

    fn limits(&self, wanted: &Wanted, at: Option<&At>) -> ClaimLimits {
        let config = self.factory.config();
        let mut slots = Vec::new();
        let mut hold = |kind: &str, name: &str, most: Option<usize>| {
            if let Some(most) = most {
                let key = format!("{kind}:{name}");
                slots.push(Slot { key, most });
            }
        };
        if let Some(company) = &wanted.company {
            hold(
                limits::COMPANY,
                company,
                config.limits.company.get(company).copied(),
            );
        }
        if let Some(at) = at {
            // An agent has one place, whatever it is told to use.
            let chosen = wanted.choices.iter().find(|chosen| at.is_of(chosen));
            let model = chosen.map_or(&at.model, |chosen| &chosen.model);
            hold(
                limits::MODEL,
                model,
                config.limits.model.get(model).copied(),
            );
            let site = self.sites.iter().find(|site| site.host == at.host);
            let said = [config.limits.host, site.and_then(|site| site.slots)];
            hold(limits::HOST, &at.host, said.into_iter().flatten().min());
            let place = site.and_then(|s| s.models.iter().find(|m| m.name == at.model)?.slots);
            hold(limits::PLACE, &format!("{} {}", at.host, at.model), place);
        }
        ClaimLimits {
            total: config.slots,
            per_project: config.limits.per_project.unwrap_or(config.slots),
            run_ms_max: limits::run_ms_max(config),
            slots: SlotsOf::new(move |_| slots.clone()),
        }
    }

    /// Drains, unloads and loads.
    fn move_models(&self, picture: &Picture, decided: &[Decision]) {
        let roster = self.factory.roster();
        let mut leaving: Vec<At> = Vec::new();
        for decision in decided {
            let (host, model) = decision.effect.place();
            let at = picture.at(host, model);
            match decision.effect {
                Effect::Start { .. } => {}
                Effect::Drain { to, .. } => {
                    let to = picture.at(host, to).model;
                    roster.lock().drains.insert(at, to);
                }
                Effect::Keep { .. } => {
                    roster.lock().drains.remove(&at);
                }
                Effect::Unload { .. } => leaving.push(at),
                Effect::Preload { .. } => {
                    let here = leaving.iter().filter(|other| other.host == at.host);
                    let here = here.map(|other| other.model.clone()).collect();
                    self.load(&at, here);
                }
            }
        }
        self.bring_back_what_is_kept(decided, picture);
    }

    fn load(&self, at: &At, leaving: Vec<String>) {
        let site = self.sites.iter().find(|site| site.host == at.host);
        let to = site.and_then(|s| Some((s, s.models.iter().find(|m| m.name == at.model)?)));
        if let Some((site, to)) = to {
            loads::begin(self.factory, site, leaving, to, self.now_ms);
        }
    }

    /// What a person wants never to be unloaded is loaded before anything asks for it, and again where it went.
    fn bring_back_what_is_kept(&self, decided: &[Decision], picture: &Picture) {
        for site in self.sites.iter().filter(|site| site.loader.is_some()) {
            let here = |d: &Decision| picture.host(&site.host) == Some(d.effect.place().0);
            let moving = decided.iter().any(here);
            let missing = {
                let known = self.factory.roster().lock();
                let held = known.held.get(&site.host);
                let there = |model: &str| held.is_some_and(|held| held.contains_key(model));
                let looked_at = held.is_some() && !known.moves.contains_key(&site.host);
                site.models
                    .iter()
                    .filter(|_| looked_at && !moving)
                    .find(|model| model.keep && !there(&model.name))
                    .cloned()
            };
            let models = self.factory.models();
            if let Some(model) = missing
                && models
                    .unloadable_until(&site.host, &model.name, self.now_ms)
                    .is_none()
            {
                loads::begin(self.factory, site, Vec::new(), &model, self.now_ms);
            }
        }
    }

    fn tell(&self, picture: &Picture, jobs: &[Job], decided: &[Decision]) {
        let mut known = self.factory.roster().lock();
        let mut view = shown::view(
            &self.sites,
            picture,
            jobs,
            &known,
            self.bounds(),
            self.now_ms,
        );
        for wanted in self
            .wanted
            .iter()
            .filter(|wanted| !wanted.choices.is_empty())
        {
            let id = wanted.ready.task.id;
            if !jobs.iter().any(|job| job.id.0 == id.0.unsigned_abs()) {
                let text = "the hosts that may do it have gone since they were looked at; the next look tells".to_owned();
                view.waits.push((id, WaitView::Schedule { text }));
            }
        }
        shown::tell(&mut view, picture, decided, &self.follows);
        known.view = view;
    }
}

fn bounds(config: &Config) -> Bounds {
    Bounds {
        slots: config.slots,
        per_host: config.limits.host,
    }
}

/// A task's company, and the models that may do it.
fn ask(factory: &Arc<Factory>, task: &Task, reaches: &Reaches, now_ms: i64) -> Asked {
    // What cannot be routed is claimed all the same: its run ends with the reason.
    let packs = factory.packs();
    let company = packs.company_for(task).ok();
    let needs_none =
        task.kind == TaskKind::Postflight || unasked::is(factory.mission(), &packs, task);
    // What a person has handed in is measured, and its run finds out by itself whether it needs a model for that.
    let choices = match needs_none || task.handed.is_some() {
        true => Vec::new(),
        false => work::candidates_for(factory, task, reaches.of(task), now_ms),
    };
    Asked {
        company: company.map(|company| company.name.clone()),
        choices,
        needs_none,
    }
}

/// A task with those who may serve it; none when a limit that is not the scheduler's keeps it back.
fn wanted_of(
    factory: &Arc<Factory>,
    ready: &Ready,
    Asked {
        company, choices, ..
    }: &Asked,
    queue: &Queue,
    reaches: &Reaches,
) -> Option<Wanted> {
    let limits = &factory.config().limits;
    let full = |kind: &str, name: &str, most: Option<&usize>| {
        let held = queue
            .held
            .get(&format!("{kind}:{name}"))
            .copied()
            .unwrap_or(0);
        most.is_some_and(|most| held >= *most)
    };
    if let Some(name) = company
        && full(limits::COMPANY, name, limits.company.get(name))
    {
        return None;
    }
    let mut free = choices.clone();
    free.retain(|c| !full(limits::MODEL, &c.model, limits.model.get(&c.model)));
    // All of its models are at their limits: it waits, and that is not the same as having none.
    if free.is_empty() && !choices.is_empty() {
        return None;
    }
    Some(Wanted {
        ready: ready.clone(),
        company: company.clone(),
        choices: free,
        local_only: reaches.is_near(&ready.task),
    })
}
