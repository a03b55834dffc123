//! The loop: at each beat it looks at the rows and acts, whatever it was that changed them. Woken by a signal, and by a clock
//! at the latest, so that a lost signal costs seconds and not a night.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use alai_core::ids::{ProjectId, RunId, TaskId};
use alai_core::pipeline::{self, Chain, Context, Stage};
use alai_core::task::{Task, WaitReason};
use alai_mission::{Delivery, Fence, Mission, MissionError, Project, Waits};
use alai_workspace::clone::Remover;
use alai_workspace::command::Cancel;
use alai_workspace::git::Oid;
use alai_workspace::toolchains::{Toolchains, toolchains};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::config::Config;
use crate::couriers::Couriers;
use crate::dispatch::{self, Roster, ScheduleView, Speeds, loads};
use crate::home::Home;
use crate::models::Models;
use crate::ops::{OpError, OpErrorKind};
use crate::packs::{Packs, RefusedPacks, Watched};
use crate::remote::{Looked, Remotes};
use crate::room::Room;
use crate::sync::Synced;
use crate::{
    audit, ground, housekeeping, integrate, launcher, learned, money, notify, outbox, publish,
    recover, remote, resolve, room, schedule, shelf, sync, work,
};

mod goals;
mod look;
mod start;

/// A lease is this long; its heartbeat comes four times as often.
pub(crate) const LEASE_MS: i64 = 60_000;
/// The longest sleep between two beats. The seeds' poll was 30 s; heartbeats need less.
const BEAT: Duration = Duration::from_secs(5);
/// Effects taken from the outbox in one beat.
const OUTBOX_BATCH: u32 = 50;

/// The factory: one store, one dispatch path.
#[derive(Debug)]
pub struct Factory {
    home: Home,
    config: Config,
    mission: Mission,
    packs: Watched,
    models: Arc<Models>,
    wake: Wake,
    remover: Arc<Remover>,
    room: Room,
    active: Mutex<BTreeMap<RunId, Active>>,
    merging: AtomicBool,
    couriers: Couriers,
    /// Held while a branch of a project is moved.
    moving: Mutex<()>,
    /// Both tips of a project when what people did was last taken over, or tried to be.
    tried: Mutex<BTreeMap<ProjectId, (Oid, Oid)>>,
    /// The last event that was searched for a person's wish to take it over.
    asked_seq: AtomicI64,
    remotes: Remotes,
    looking: AtomicBool,
    looked_ms: AtomicI64,
    /// Which run is where, and what the hosts hold.
    roster: Roster,
    /// Whether somebody looks at what the hosts hold, and when that was done last.
    pub(crate) holding: AtomicBool,
    pub(crate) held_ms: AtomicI64,
    tidied_ms: AtomicI64,
    /// When the log's end was last looked at; 0 when never by this process.
    pub(crate) audited_ms: AtomicI64,
    beat_ms: AtomicI64,
    dispatch_ms: AtomicI64,
    /// Of the process, until somebody waits for it.
    first_look: Mutex<Option<JoinHandle<Vec<loads::Held>>>>,
    /// When set, nothing else is dispatched or merged by this process.
    only: Mutex<Option<TaskId>>,
    /// The task whose next run a person wants without a cage; in this process alone, and once.
    uncaged: Mutex<Option<TaskId>>,
    /// Set when the process shall go down once its runs have ended: nothing new is started.
    draining: AtomicBool,
    /// Set when the process goes down; runs hand their work back.
    stop: Cancel,
    clock: Clock,
}

/// A run of this process.
#[derive(Debug)]
struct Active {
    fence: Fence,
    cancel: Cancel,
    beat_ms: i64,
}

/// The factory's sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    pub pid: u32,
    pub beat_ms: i64,
    /// When a task was last given to a run; 0 when never by this process.
    pub dispatch_ms: i64,
    pub active: usize,
    pub slots: usize,
    pub models: bool,
    /// It finishes what runs and starts nothing new. A daemon of before does not say it.
    #[serde(default)]
    pub draining: bool,
    /// What requests and runs wait for the store.
    #[serde(default)]
    pub waits: Waits,
    /// A change of the packs that cannot be read: the ones before it are in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packs_refused: Option<RefusedPacks>,
    /// What this daemon works without, with the reason: companies by their names, global blueprints by their files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub packs_wrong: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Wake {
    flag: Mutex<bool>,
    bell: Condvar,
}

/// Begins to look at the model hosts and at what they hold, which takes as long as opening the store does. None where no thread
/// can be had.
fn look_ahead(models: &Arc<Models>) -> Option<JoinHandle<Vec<loads::Held>>> {
    let models = Arc::clone(models);
    let looking = std::thread::Builder::new().name("look".into());
    let look = move || {
        models.look();
        loads::what_is_held(&models, &|| false)
    };
    looking.spawn(look).ok()
}

/// Says what the process works without; its status says it as long as that is so.
fn say_wrong(packs: &Packs) {
    for (what, why) in packs.wrong() {
        tracing::error!("packs: {what} cannot be used, and the others are: {why}");
    }
}

impl Factory {
    /// Takes the home's lock, reads its packs, takes back what a former process left, and looks for models once.
    pub fn open(home: Home, config: Config) -> Result<Arc<Factory>, crate::recover::OpenError> {
        let models = Arc::new(Models::new(&config)?);
        let first_look = Mutex::new(look_ahead(&models));
        let (mission, packs) = std::thread::scope(|scope| {
            // Beside the store: both wait for the disk.
            let packs = scope.spawn(|| Watched::load(&home));
            let mission = Mission::open(home.root(), alai_workspace::crash::point);
            let mission = mission.and_then(|mission| {
                recover::before_the_start(&home, &mission)?;
                Ok(mission)
            });
            let packs = packs.join();
            (
                mission,
                packs.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            )
        });
        let (mission, packs) = (mission?, packs?);
        learned::remember(&models, &mission)?;
        mission.subscribe(&config.subscriptions(), Clock::default().now_ms())?;
        config.qa.noted(&mission, Clock::default().now_ms())?;
        packs.close(models.misfits(&packs.now(), &|name| shelf::config_of(&home, name)));
        say_wrong(&packs.now());
        let clock = Clock::default();
        let (_, asked_seq) = mission.syncs_asked(i64::MAX)?;
        let factory = Arc::new(Factory {
            home,
            config,
            mission,
            packs,
            models,
            first_look,
            wake: Wake::default(),
            remover: Arc::default(),
            room: Room::default(),
            active: Mutex::default(),
            merging: AtomicBool::new(false),
            couriers: Couriers::default(),
            moving: Mutex::default(),
            tried: Mutex::default(),
            asked_seq: AtomicI64::new(asked_seq),
            remotes: Remotes::since(asked_seq),
            looking: AtomicBool::new(false),
            looked_ms: AtomicI64::new(0),
            roster: Roster::default(),
            holding: AtomicBool::new(false),
            held_ms: AtomicI64::new(0),
            tidied_ms: AtomicI64::new(clock.now_ms()),
            audited_ms: AtomicI64::new(0),
            // A process that has just begun lives; its first beat comes after a look at the model host.
            beat_ms: AtomicI64::new(clock.now_ms()),
            dispatch_ms: AtomicI64::new(0),
            only: Mutex::new(None),
            uncaged: Mutex::new(None),
            draining: AtomicBool::new(false),
            stop: Cancel::default(),
            clock,
        });
        match Speeds::read(&factory.home().speeds(), factory.now_ms()) {
            Ok(speeds) => factory.roster.remember(speeds),
            Err(why) => {
                let path = factory.home().speeds();
                tracing::warn!(
                    "{} is not used ({why}): how long runs and loads take is measured anew",
                    path.display()
                );
            }
        }
        launcher::pin(factory.home());
        recover::at_start(&factory)?;
        Ok(factory)
    }

    pub fn home(&self) -> &Home {
        &self.home
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn mission(&self) -> &Mission {
        &self.mission
    }

    /// The packs in force. Whoever holds them works by them, whatever becomes of the home's meanwhile.
    pub fn packs(&self) -> Arc<Packs> {
        self.packs.now()
    }

    pub fn models(&self) -> &Models {
        &self.models
    }

    /// Who is on an errand to whom.
    pub(crate) fn couriers(&self) -> &Couriers {
        &self.couriers
    }

    /// Held by whoever moves a branch of a project.
    pub(crate) fn moving(&self) -> &Mutex<()> {
        &self.moving
    }

    pub(crate) fn tried(&self, project: ProjectId) -> Option<(Oid, Oid)> {
        self.tried.lock().ok()?.get(&project).cloned()
    }

    pub(crate) fn has_tried(&self, project: ProjectId, tips: (Oid, Oid)) {
        if let Ok(mut tried) = self.tried.lock() {
            tried.insert(project, tips);
        }
    }

    /// Forgets what was tried in vain where a person asks for it.
    pub(crate) fn try_what_is_asked(&self) {
        let after = self.asked_seq.load(Ordering::SeqCst);
        // A process that has just begun has tried nothing yet.
        let asked = self.mission.syncs_asked(after);
        match (asked, self.tried.lock()) {
            (Ok((projects, last)), Ok(mut tried)) => {
                tried.retain(|project, _| !projects.contains(project));
                self.asked_seq.store(last, Ordering::SeqCst);
            }
            (Err(e), _) => tracing::warn!("what people ask to sync: {e}"),
            (_, Err(_)) => {}
        }
    }

    /// Takes over what people did on a project's target branch.
    ///
    /// # Errors
    /// When its repository or the store fails.
    pub fn sync(self: &Arc<Self>, project: &Project) -> Result<Synced, OpError> {
        sync::now(self, project, &self.stop).map_err(|e| OpError::new(OpErrorKind::Failed, e, ""))
    }

    /// What is known of the projects' remotes.
    pub(crate) fn remotes(&self) -> &Remotes {
        &self.remotes
    }

    /// Pushes, looks and fetches all there is of a project's remote, now.
    ///
    /// # Errors
    /// When the store fails; what the remote does not do is in the answer.
    pub fn look_at_remote(self: &Arc<Self>, project: &Project) -> Result<Looked, OpError> {
        Ok(remote::look(self, project.id, true)?)
    }

    /// Which run is where, and what the hosts hold.
    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// How the fleet stood after the last round of giving work out.
    pub fn schedule(&self) -> ScheduleView {
        self.roster.view()
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Lets so much time pass.
    #[cfg(test)]
    pub(crate) fn gain(&self, by_ms: i64) {
        self.clock.gain(by_ms);
    }

    pub fn pulse(&self) -> Pulse {
        Pulse {
            pid: std::process::id(),
            beat_ms: self.beat_ms.load(Ordering::Relaxed),
            dispatch_ms: self.dispatch_ms.load(Ordering::Relaxed),
            active: self.active.lock().map_or(0, |a| a.len()),
            slots: self.config.slots,
            models: self.models.usable(),
            draining: self.stopping() || self.draining.load(Ordering::SeqCst),
            waits: self.mission.waits(),
            packs_refused: self.packs.refused(),
            packs_wrong: self.packs.now().wrong().clone(),
        }
    }

    /// Limits this process to one task.
    pub fn dispatch_only(&self, task: TaskId) {
        if let Ok(mut only) = self.only.lock() {
            *only = Some(task);
        }
    }

    /// Lets one run of a task, which was added so, do without a cage. For the command on which a person said it.
    pub fn uncage_once(&self, task: TaskId) {
        if let Ok(mut uncaged) = self.uncaged.lock() {
            *uncaged = Some(task);
        }
    }

    /// Whether that was said of this task; not a second time.
    pub(crate) fn take_uncaged(&self, task: TaskId) -> bool {
        let uncaged = self.uncaged.lock();
        uncaged.is_ok_and(|mut uncaged| uncaged.take_if(|said| *said == task).is_some())
    }

    pub(crate) fn only(&self) -> Option<TaskId> {
        self.only.lock().map_or(None, |only| *only)
    }

    /// How large the projects' checkouts are.
    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// Removes clones beside the work. A process that ends waits for it.
    pub(crate) fn remover(&self) -> Arc<Remover> {
        Arc::clone(&self.remover)
    }

    /// The toolchains of this machine, as cages see them.
    pub(crate) fn toolchains(&self) -> Toolchains {
        toolchains(&ground::host_env())
    }

    /// Something was written: look at it now.
    pub fn wake(&self) {
        if let Ok(mut flag) = self.wake.flag.lock() {
            *flag = true;
        }
        self.wake.bell.notify_all();
    }

    /// Beats until `done` says so, or `stop` or `drain` is asked for, then ends what runs. After `drain` running work is
    /// finished first; otherwise it is handed back.
    ///
    /// # Errors
    /// When the store can be written no more: the process must end, and the next one checks the store.
    pub fn run_until(
        self: &Arc<Self>,
        mut done: impl FnMut(&Factory) -> bool,
    ) -> Result<(), MissionError> {
        self.look_now();
        let mut ended = Ok(());
        loop {
            if let Err(e) = self.beat() {
                self.stop.cancel();
                ended = Err(e);
            }
            if self.stop.is_cancelled() || self.draining.load(Ordering::SeqCst) {
                break;
            }
            if done(self) {
                self.stop.cancel();
                break;
            }
            self.sleep(BEAT);
        }
        self.finish();
        ended
    }

    /// Asks the loop to end; running work is handed back.
    pub fn stop(&self) {
        self.stop.cancel();
        self.wake();
    }

    /// Asks the loop to end once running work is finished. `stop` still ends it at once.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Whether the process goes down.
    pub fn stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    fn finish(self: &Arc<Self>) {
        loop {
            // Asked for before or during the drain. The order matters: a run that is cancelled while the factory is not
            // stopping believes that its task was taken from it.
            if self.stop.is_cancelled() {
                self.each_active(|active| active.cancel.cancel());
            }
            let idle = self.active.lock().map_or(true, |a| a.is_empty())
                && !self.merging.load(Ordering::SeqCst)
                && (self.stop.is_cancelled() || self.remotes.idle());
            if idle {
                self.stop.cancel();
                self.roster.keep(&self.home.speeds());
                self.remover.finish();
                audit::at_end(self);
                return;
            }
            self.heartbeats();
            self.beat_ms.store(self.now_ms(), Ordering::Relaxed);
            self.sleep(Duration::from_millis(500));
        }
    }

    fn sleep(&self, longest: Duration) {
        let Ok(flag) = self.wake.flag.lock() else {
            return;
        };
        let waited = self
            .wake
            .bell
            .wait_timeout_while(flag, longest, |rung| !*rung);
        if let Ok((mut flag, _)) = waited {
            *flag = false;
        }
    }

    /// One look at everything. Each part is idempotent, reads what it needs anew, and does not keep the others from their
    /// turn when it fails.
    fn beat(self: &Arc<Self>) -> Result<(), MissionError> {
        goes_on("clock", self.follow_the_clock())?;
        let now = self.now_ms();
        self.heartbeats();
        if !self.packs.were_just_read() {
            self.look_at_packs();
        }
        self.look(now);
        dispatch::loads::look(self, now);
        type Part<'a> = (&'a str, &'a dyn Fn() -> Result<(), MissionError>);
        let parts: [Part<'_>; 13] = [
            ("stalled", &|| resolve::stalled(self, now)),
            ("schedules", &|| schedule::fire(self, now)),
            ("models", &|| self.wake_those_who_waited_for_a_model(now)),
            ("room", &|| room::take_up(self, now)),
            ("money", &|| money::look(self, now)),
            ("goals", &|| self.settle_goals(now)),
            ("dispatch", &|| dispatch::dispatch(self, now)),
            ("words", &|| {
                dispatch::words::ask(self, now);
                Ok(())
            }),
            ("alarms", &|| resolve::alarms(self, now)),
            ("outbox", &|| outbox::deliver(self, OUTBOX_BATCH)),
            ("notify", &|| notify::start(self, now)),
            ("wiki", &|| publish::start(self, now)),
            ("remotes", &|| remote::beat(self, now)),
        ];
        for (name, part) in parts {
            goes_on(name, part())?;
        }
        // After the goals: one that is settled in this beat is delivered in it, and not a whole beat later.
        self.merge();
        self.tidy(now);
        audit::look(self, now);
        // A sign of life is a whole beat, not the beginning of one.
        self.beat_ms.store(self.now_ms(), Ordering::Relaxed);
        Ok(())
    }

    /// Now and then, between two runs. A removal of gigabytes holds the beat up for seconds, when nobody waits for it.
    fn tidy(&self, now: i64) {
        let idle =
            self.active.lock().is_ok_and(|a| a.is_empty()) && !self.merging.load(Ordering::SeqCst);
        if idle && now - self.tidied_ms.load(Ordering::Relaxed) >= housekeeping::PAUSE_MS {
            self.tidied_ms.store(now, Ordering::Relaxed);
            // First: a kept clone is not touched before.
            if let Err(e) = work::uncaged::end_left(self, false) {
                tracing::warn!("users of runs that are over: {e}");
            }
            housekeeping::tidy(self);
        }
    }

    /// A run that a person stopped, or whose task was taken, learns it now and not at its next heartbeat.
    fn end_the_ended(&self) {
        if self.active.lock().is_ok_and(|active| active.is_empty()) {
            return;
        }
        let Ok(live) = self.mission.live_runs() else {
            return;
        };
        self.each_active(|active| {
            if !live.iter().any(|run| run.id == active.fence.run) {
                active.cancel.cancel();
            }
        });
    }

    fn heartbeats(&self) {
        self.end_the_ended();
        let now = self.now_ms();
        let mut due = Vec::new();
        self.each_active(|active| {
            if now - active.beat_ms >= LEASE_MS / 4 {
                due.push(active.fence.clone());
            }
        });
        // Nobody who only asks whether we live waits for the disk meanwhile.
        for fence in due {
            let beat = self.mission.heartbeat(&fence, LEASE_MS, now);
            self.each_active(|active| match &beat {
                _ if active.fence.run != fence.run => {}
                Ok(()) => active.beat_ms = now,
                Err(e) if e.is_stale() => active.cancel.cancel(),
                Err(e) => tracing::warn!("heartbeat of {}: {e}", active.fence.run),
            });
        }
    }

    fn each_active(&self, mut act: impl FnMut(&mut Active)) {
        if let Ok(mut active) = self.active.lock() {
            active.values_mut().for_each(&mut act);
        }
    }

    /// Ends a run of this process, as far as it still goes on.
    pub(crate) fn end_active(&self, run: &RunId) {
        if let Ok(mut active) = self.active.lock()
            && let Some(gone) = active.remove(run)
        {
            gone.cancel.cancel();
        }
    }

    /// The wall clock was set, or the machine slept: every lease and limit moves with it.
    fn follow_the_clock(&self) -> Result<(), MissionError> {
        let mut runs = 0;
        let jump = self.clock.look(|by_ms, now_ms| {
            let shifted = self.mission.shift_clocks(by_ms, now_ms);
            shifted.map(|count| runs = count)
        })?;
        let Some(by_ms) = jump else {
            return Ok(());
        };
        self.each_active(|active| active.beat_ms += by_ms);
        // A host that was looked at an hour from now would not be looked at for an hour.
        self.looked_ms.store(0, Ordering::Relaxed);
        self.held_ms.store(0, Ordering::Relaxed);
        self.tidied_ms.fetch_add(by_ms, Ordering::Relaxed);
        tracing::warn!(
            "the clock jumped by {} s; the leases of {runs} run(s) moved with it",
            (by_ms + 500).div_euclid(1000)
        );
        Ok(())
    }

    fn wake_those_who_waited_for_a_model(&self, now: i64) -> Result<(), MissionError> {
        if !self.models.usable() {
            return Ok(());
        }
        let mut after = TaskId(0);
        loop {
            let part = self.mission.waiting_for(WaitReason::NoModel, after)?;
            let Some(last) = part.last() else {
                return Ok(());
            };
            after = last.id;
            // Only those that can be begun now: another one would ask, wait and be woken for ever.
            let served = part.iter().filter(|task| work::can_be_served(self, task));
            let served: Vec<TaskId> = served.map(|task| task.id).collect();
            if !served.is_empty() {
                let why = "a model is reachable";
                self.mission
                    .taken_up(WaitReason::NoModel, why, served, now)?;
            }
        }
    }

    fn merge(self: &Arc<Self>) {
        let queued = || {
            matches!(
                self.mission.next_merge(self.only(), self.now_ms()),
                Ok(Some(_))
            )
        };
        // What people did is taken over when nothing waits to be merged, which takes it over too.
        let parted = || self.only().is_none() && !sync::due(self).is_empty();
        if self.stopping() || !(queued() || parted()) {
            return;
        }
        if self.merging.swap(true, Ordering::SeqCst) {
            return;
        }
        let factory = Arc::clone(self);
        let started = std::thread::Builder::new()
            .name("merge".into())
            .spawn(move || {
                let stepped = catch_unwind(AssertUnwindSafe(|| {
                    if factory.only().is_none() {
                        sync::look(&factory, &factory.stop);
                    }
                    integrate::step(&factory, &factory.stop)
                }));
                let recorded = matches!(stepped, Ok(Ok(())));
                if let Ok(Err(e)) = &stepped {
                    tracing::error!("merge queue: {e}");
                }
                factory.merging.store(false, Ordering::SeqCst);
                // What the store could not take, as on a full disk, is still due: the beat's own pace is its pause.
                if recorded {
                    factory.wake();
                }
            });
        if started.is_err() {
            self.merging.store(false, Ordering::SeqCst);
        }
    }

    /// What the pipeline's decisions may know.
    pub(crate) fn context(&self, project: &Project, task: &Task) -> Context {
        asks(project, task, self.plain_context())
    }

    /// The stages that a task goes through; the seeds' where its project cannot be read.
    pub(crate) fn chain_of(&self, task: &Task) -> Chain {
        let project = task.project.and_then(|id| self.mission.project(id).ok());
        project
            .map(|project| project.settings.stages)
            .unwrap_or_default()
    }

    pub(crate) fn plain_context(&self) -> Context {
        Context {
            now_ms: self.now_ms(),
            operator: self.config.operator.clone(),
            jitter: jitter(),
            wants_docs: false,
            wants_ops: false,
            auto_delivery: false,
            verify: None,
            told: Vec::new(),
            chain: Chain::default(),
            around: None,
            dead: None,
        }
    }
}

/// What a project asks of a task's work, by its settings, its stages and the task's tags.
pub(crate) fn asks(project: &Project, task: &Task, plain: Context) -> Context {
    let tagged = |stage| {
        let tag = pipeline::tag_of(stage);
        task.tags.iter().any(|t| Some(t.as_str()) == tag)
    };
    let (settings, chain) = (&project.settings, project.settings.stages.clone());
    Context {
        wants_docs: settings.docs || tagged(Stage::Docs) || chain.asks(Stage::Docs),
        wants_ops: settings.ops || tagged(Stage::Ops) || chain.asks(Stage::Ops),
        auto_delivery: settings.delivery != Delivery::Approve,
        chain,
        ..plain
    }
}

/// What the store could not take is due again at the next beat; one that can be written no more ends the process.
fn goes_on(name: &str, part: Result<(), MissionError>) -> Result<(), MissionError> {
    match part {
        Err(e @ (MissionError::Poisoned | MissionError::Unknown(_))) => Err(e),
        Err(e) => {
            tracing::error!("{name}: {e}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// From 0 to 1. Back-off needs spread, not secrecy: the random part of a fresh UUID is enough.
fn jitter() -> f64 {
    let random = uuid::Uuid::now_v7().as_u128() & u128::from(u32::MAX);
    random as f64 / f64::from(u32::MAX)
}
