//! How the fleet stands, for people: what each host holds and does, which limit counts, and why a task waits.

use alai_core::ids::TaskId;
use alai_core::schedule::{Decision, HostId, Job, ModelId, Residence};
use serde::{Deserialize, Serialize};

use super::follows::{self, Follow};
use super::jobs::why_not;
use super::picture::{Bounds, Picture, slots_of};
use super::roster::Known;
use super::words::WordView;
use crate::models::Site;

/// Tasks whose reasons are kept; more wait for the same things.
const WAITS_MAX: usize = 256;
/// Decisions that are shown, the newest last.
const DECIDED_MAX: usize = 12;

/// The fleet after the scheduler's last round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleView {
    /// When that was, in milliseconds since the Unix epoch; 0 before the first one.
    pub at_ms: i64,
    /// Runs at work, and how many there may be in all.
    pub runs: usize,
    pub slots: usize,
    pub hosts: Vec<HostView>,
    /// Why each task that could be begun has no place, in their order.
    pub waits: Vec<(TaskId, WaitView)>,
    /// Tasks that could be begun, shown or not.
    pub waiting: usize,
    /// What was decided last, with the reasons.
    pub decided: Vec<String>,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostView {
    pub host: String,
    pub address: String,
    pub runs: usize,
    pub slots: usize,
    /// Which limit counts there.
    pub bound: String,
    /// Bytes that models may use, where that is known, and that they hold.
    pub memory: Option<u64>,
    pub held: u64,
    /// What other programs hold there.
    pub foreign: u64,
    pub resident: Vec<String>,
    pub draining: Vec<Draining>,
    pub unloading: Vec<String>,
    pub loading: Option<Loading>,
    /// The model that is asked for a word.
    #[serde(default)]
    pub speaks: Option<String>,
    /// What each model said when it was last asked for a word.
    #[serde(default)]
    pub words: Vec<WordView>,
    /// Tasks of which this is one of the places.
    pub queue: usize,
}

/// A model that takes no more runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draining {
    pub model: String,
    pub to: String,
}

/// A model that is being loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loading {
    pub model: String,
    /// Milliseconds since the Unix epoch.
    pub since_ms: i64,
}

/// Why a task has no place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum WaitView {
    /// Every host that may serve it has all the runs that it may have.
    Host {
        host: String,
        most: usize,
    },
    Schedule {
        text: String,
    },
}

impl ScheduleView {
    /// Why a task has no place.
    pub fn wait_of(&self, task: TaskId) -> Option<&WaitView> {
        let found = self.waits.iter().find(|(id, _)| *id == task);
        found.map(|(_, wait)| wait)
    }

    pub(super) fn waits(&self) -> bool {
        self.waiting > 0
    }
}

/// What one round leaves.
pub(super) fn view(
    sites: &[Site],
    picture: &Picture,
    jobs: &[Job],
    known: &Known,
    bounds: Bounds,
    now_ms: i64,
) -> ScheduleView {
    let hosts = sites
        .iter()
        .map(|site| host(site, picture, jobs, known, bounds));
    let waits = jobs.iter().take(WAITS_MAX);
    ScheduleView {
        at_ms: now_ms,
        runs: known.seats.len(),
        slots: bounds.slots,
        hosts: hosts.collect(),
        waits: waits
            .map(|job| (task_of(job), wait(picture, job, known, bounds, sites)))
            .collect(),
        waiting: jobs.len(),
        decided: known.view.decided.clone(),
    }
}

/// Adds what was decided.
pub(super) fn tell(
    view: &mut ScheduleView,
    picture: &Picture,
    decided: &[Decision],
    follows: &[Follow],
) {
    let fleet = picture.state.fleet();
    let job = |id| follows::words(follows, id);
    let words = decided.iter();
    let words = words.map(|d| d.reason.words(&d.effect, fleet, &job));
    view.decided.extend(words);
    let excess = view.decided.len().saturating_sub(DECIDED_MAX);
    view.decided.drain(..excess);
}

fn task_of(job: &Job) -> TaskId {
    TaskId(i64::try_from(job.id.0).unwrap_or(i64::MAX))
}

fn host(site: &Site, picture: &Picture, jobs: &[Job], known: &Known, bounds: Bounds) -> HostView {
    let seated = known.seats.values().filter_map(|seat| seat.at.as_ref());
    let at = picture.host(&site.host);
    let residence = |wanted: fn(&Residence) -> bool| {
        let models = picture.state.fleet().model_ids();
        let there =
            |model: &ModelId| at.is_some_and(|host| wanted(&picture.state.residence(host, *model)));
        models.filter(there).collect::<Vec<_>>()
    };
    let name = |model: ModelId| picture.state.fleet().models[model.0].name.clone();
    let resident = residence(|r| matches!(r, Residence::Resident { .. }));
    let draining = known.drains.iter().filter(|(at, _)| at.host == site.host);
    let under_way = known.moves.get(&site.host);
    let slots = slots_of(Some(site), bounds);
    let held = known.held.get(&site.host).into_iter().flatten();
    let (own, foreign): (Vec<_>, Vec<_>) =
        held.partition(|(model, _)| site.models.iter().any(|m| m.name == **model));
    let sum =
        |part: &[(&String, &super::roster::Stay)]| part.iter().map(|(_, stay)| stay.bytes).sum();
    HostView {
        host: site.name.clone(),
        address: site.host.clone(),
        runs: seated.filter(|at| at.host == site.host).count(),
        slots,
        bound: bound(site, bounds, slots).to_owned(),
        memory: site.memory,
        held: sum(&own),
        foreign: sum(&foreign),
        resident: resident.into_iter().map(name).collect(),
        draining: draining
            .map(|(at, to)| Draining {
                model: at.model.clone(),
                to: to.clone(),
            })
            .collect(),
        unloading: under_way.map_or_else(Vec::new, |m| m.leaving.clone()),
        loading: under_way.filter(|m| !m.speaks).map(|m| Loading {
            model: m.to.clone(),
            since_ms: m.begun_ms,
        }),
        speaks: { under_way.filter(|m| m.speaks).map(|m| &m.to) }
            .or(known.asking.get(&site.host))
            .cloned(),
        words: known.words_of(site),
        queue: jobs
            .iter()
            .filter(|job| job.choices.iter().any(|c| Some(c.host) == at))
            .count(),
    }
}

/// Which of the limits is the smallest; of equal ones the wider one.
fn bound(site: &Site, bounds: Bounds, slots: usize) -> &'static str {
    match (bounds.per_host, site.slots) {
        _ if slots == bounds.slots => "`slots` of the whole factory",
        (Some(most), _) if slots == most => "`limits.host`",
        (_, _) => "its own `slots`",
    }
}

/// Where one host stands for all its places and is full, that is said as such: it is what a person can change.
fn wait(picture: &Picture, job: &Job, known: &Known, bounds: Bounds, sites: &[Site]) -> WaitView {
    let full = |host: HostId| {
        let site = sites
            .iter()
            .find(|site| picture.host(&site.host) == Some(host))?;
        let seated = known.seats.values().filter_map(|seat| seat.at.as_ref());
        let runs = seated.filter(|at| at.host == site.host).count();
        let most = slots_of(Some(site), bounds);
        (most < bounds.slots && runs >= most).then(|| (site.host.clone(), most))
    };
    let all: Option<Vec<(String, usize)>> = job.choices.iter().map(|c| full(c.host)).collect();
    match all.and_then(|all| all.into_iter().next()) {
        Some((host, most)) => WaitView::Host { host, most },
        None => WaitView::Schedule {
            text: why_not(&picture.state, job),
        },
    }
}
