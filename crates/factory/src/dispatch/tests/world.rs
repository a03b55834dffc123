//! A factory that does nothing by itself, on twins of Ollama that hold their models in a real memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use alai_core::company::ModelChoice;
use alai_core::pipeline::Effect as Then;
use alai_core::task::{NewTask, Priority};
use alai_fleet::{ChatRequest, Message, Purpose};
use alai_mission::{NewProject, ProjectSettings};
use alai_testkit::ollama::{Answer, Behaviour, OllamaTwin, TwinModel};

use super::super::*;
use crate::home::{Home, init};
use crate::work;

/// A test whose work does not end in this time hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// Between two rounds, when nothing has ended.
pub(super) const PAUSE: Duration = Duration::from_millis(5);
pub(super) const MINUTE_MS: i64 = 60_000;

/// A host: its name, twin, slots and memory in gigabytes, and what else is said of it.
pub(super) struct Machine {
    pub(super) name: &'static str,
    pub(super) twin: OllamaTwin,
    pub(super) said: String,
}

pub(super) fn machine(
    name: &'static str,
    slots: usize,
    gb: u64,
    models: &[(&str, f64)],
    more: &str,
) -> Machine {
    let models = models
        .iter()
        .map(|(name, billions)| TwinModel::new(name, *billions));
    let behaviour = Behaviour::by(|_| Answer::text("ok")).models(models);
    at(
        name,
        behaviour.sized(gb * 1_000_000_000, slots),
        slots,
        gb,
        more,
    )
}

pub(super) fn at(
    name: &'static str,
    behaviour: Behaviour,
    slots: usize,
    gb: u64,
    more: &str,
) -> Machine {
    Machine {
        name,
        twin: OllamaTwin::start(behaviour),
        said: format!("slots = {slots}\nmemory_gb = {gb}\n{more}\n"),
    }
}

/// A factory that does nothing by itself.
pub(super) struct World {
    pub(super) factory: Arc<Factory>,
    pub(super) machines: Vec<Machine>,
    pub(super) project: alai_core::ids::ProjectId,
    pub(super) begun: Sender<Claim>,
    pub(super) claims: Receiver<Claim>,
    _dir: tempfile::TempDir,
}

impl World {
    pub(super) fn new(slots: usize, machines: Vec<Machine>, more: &str) -> World {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let home = Home::at(dir.path().join("home"));
        init(&home).expect("a home");
        let mut text = format!("slots = {slots}\n{more}\n");
        for Machine { name, twin, said } in &machines {
            let url = twin.url();
            text += &format!(
                "[[fleet.hosts]]\nname = \"{name}\"\ndialect = \"ollama\"\nurl = \"{url}\"\n{said}"
            );
        }
        std::fs::write(home.config(), text).expect("settings");
        let config = Config::load(&home.config(), &BTreeMap::new()).expect("they are valid");
        let factory = Factory::open(home, config).expect("a factory");
        factory.models().look();
        loads::look_now(&factory);
        let project = NewProject {
            name: "p".into(),
            path: dir.path().join("p"),
            target_branch: "main".into(),
            settings: ProjectSettings::default(),
        };
        let now = factory.now_ms();
        let project = factory
            .mission()
            .add_project(project, "t", now)
            .expect("new");
        let (begun, claims) = channel();
        World {
            factory,
            machines,
            project,
            begun,
            claims,
            _dir: dir,
        }
    }

    /// The process ends and another one begins.
    pub(super) fn opens_again(&mut self) {
        let (home, config) = (self.factory.home().clone(), self.factory.config().clone());
        self.factory.stop();
        // What still loads holds the factory, and with it the home's lock.
        let ended = Instant::now();
        let none = std::sync::Arc::downgrade(&self.factory);
        let aside = tempfile::tempdir().expect("a temporary folder");
        let other = Home::at(aside.path().join("home"));
        init(&other).expect("a home");
        self.factory = Factory::open(other, config.clone()).expect("a factory");
        while none.strong_count() > 0 {
            assert!(ended.elapsed() < PATIENCE, "the factory is still held");
            std::thread::yield_now();
        }
        self.factory = Factory::open(home, config).expect("a factory");
    }

    pub(super) fn now_ms(&self) -> i64 {
        // Without a look at it the clock takes the test for a process that was stopped.
        self.factory.gain(0);
        self.factory.now_ms()
    }

    pub(super) fn add(&self, title: &str, tier: u8, priority: Priority) -> TaskId {
        let task = NewTask {
            project: Some(self.project),
            model_pin: Some(ModelChoice::Tier(tier)),
            priority,
            ..NewTask::new(TaskKind::Build, title)
        };
        let mission = self.factory.mission();
        mission
            .add(task, None, "t", self.factory.now_ms())
            .expect("new")
    }

    /// One round; what it claims is given to whoever listens.
    pub(super) fn round(&self) {
        let begun = |claim| self.begun.send(claim).expect("the test listens");
        give_out(&self.factory, self.now_ms(), &begun).expect("the store answers");
    }

    /// Rounds until one task was claimed.
    pub(super) fn next(&self) -> Claim {
        self.until("a task is given out", || self.claims.try_recv().ok())
    }

    /// Rounds until this is so.
    pub(super) fn until<T>(&self, what: &str, mut reached: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            self.round();
            if let Some(reached) = reached() {
                return reached;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "waited in vain until {what}: {:#?}",
                self.factory.schedule()
            );
            std::thread::sleep(PAUSE);
        }
    }

    pub(super) fn place(&self, claim: &Claim) -> (&'static str, String) {
        let at = self
            .factory
            .roster()
            .seat(&claim.fence.run)
            .flatten()
            .expect("a place");
        let machine = self.machines.iter().find(|m| m.twin.url() == at.host);
        (machine.expect("one of the hosts").name, at.model)
    }

    /// Ends a run: done, or back in the queue as it was.
    pub(super) fn ends(&self, claim: &Claim, well: bool) {
        ends(&self.factory, claim, well, self.now_ms());
    }

    pub(super) fn twin(&self, name: &str) -> &OllamaTwin {
        &self
            .machines
            .iter()
            .find(|m| m.name == name)
            .expect("a host")
            .twin
    }

    pub(super) fn waits(&self, task: TaskId) -> String {
        match self.factory.schedule().wait_of(task) {
            Some(WaitView::Schedule { text }) => text.clone(),
            other => format!("{other:?}"),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Loads that are under way end with it.
        self.factory.stop();
    }
}

pub(super) fn ends(factory: &Factory, claim: &Claim, well: bool, now_ms: i64) {
    let mission = factory.mission();
    let counters = claim.task.counters;
    match well {
        true => {
            let done = Then::Complete {
                base: None,
                head: None,
                note: "done".into(),
            };
            mission
                .apply(&claim.fence, "done", vec![done], now_ms)
                .expect("it is ours");
        }
        false => {
            let again = Then::Retry {
                why: "lost".into(),
                findings: Vec::new(),
                counters,
                run_at_ms: 0,
            };
            let lost = vec![(claim.fence.run.clone(), again)];
            mission.recover(lost, "lost", now_ms).expect("it is live");
        }
    }
    factory.roster().ended(&claim.fence.run, now_ms);
}

/// One call at the place of a claim, as a run makes it. False when it failed.
pub(super) fn calls(factory: &Factory, claim: &Claim) -> bool {
    let reach = crate::models::Reach::Near;
    let candidates = work::candidates_for(factory, &claim.task, reach, factory.now_ms());
    let at = factory.roster().seat(&claim.fence.run).flatten();
    let is_its = |chosen: &Chosen| at.as_ref().is_some_and(|at| at.is_of(chosen));
    let Some(chosen) = candidates.into_iter().find(is_its) else {
        return false;
    };
    let request = ChatRequest {
        model: chosen.model.clone(),
        messages: vec![Message::User {
            text: claim.task.title.clone(),
        }],
        tools: Vec::new(),
        format: None,
        profile: chosen.profile,
        purpose: Purpose {
            task_kind: claim.task.kind,
            task_title: claim.task.title.clone(),
            role: alai_core::brief::Role::Builder,
            company: String::new(),
            step: "work".into(),
            attempt: 0,
            visit: 0,
            turn: 0,
        },
    };
    factory.models().taken(&chosen, factory.now_ms());
    let said = alai_fleet::chat(&chosen.provider, &request, &|| false);
    let class = said.as_ref().err().map(|e| e.class);
    factory.models().heard(&chosen, class, factory.now_ms());
    said.is_ok()
}

pub(super) const SMALL: (&str, f64) = ("small", 8.0);
pub(super) const LARGE: (&str, f64) = ("large", 70.0);

/// Draws from a linear congruential generator (Knuth's MMIX constants).
pub(super) fn below(drawn: &AtomicUsize, limit: usize) -> usize {
    let next = |n: usize| {
        let (times, plus) = (6_364_136_223_846_793_005_usize, 1_442_695_040_888_963_407);
        Some(n.wrapping_mul(times).wrapping_add(plus))
    };
    let before = drawn
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, next)
        .expect("it always draws");
    (before >> 33) % limit
}
