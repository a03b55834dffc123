//! What surrounds the store when somebody asks how things stand: the daemon and the limits by which it gives work out. Asked
//! by another process, so it is what that process says of itself and what the settings say now.

use std::sync::Arc;

use alai_core::task::{Task, TaskKind};
use alai_core::why::{Daemon, Hindrance};
use alai_mission::{ClaimLimits, MissionError, Reader, Slot, SlotsOf, Taken};

use crate::beat::Pulse;
use crate::config::Config;
use crate::dispatch::{ScheduleView, WaitView};
use crate::home::Home;
use crate::limits;
use crate::models::Models;
use crate::packs::Packs;
use crate::unasked;

/// Whether anybody moves tasks forward, as another process sees it.
#[derive(Debug, Clone)]
pub enum Life {
    Down,
    /// A process holds the home and takes no requests; its pid.
    Silent(String),
    Up(Pulse),
}

impl Life {
    pub fn pulse(&self) -> Option<&Pulse> {
        match self {
            Life::Up(pulse) => Some(pulse),
            Life::Down | Life::Silent(_) => None,
        }
    }
}

/// The surroundings of a question.
#[derive(Debug, Clone)]
pub struct Around {
    pub(crate) daemon: Daemon,
    /// Whether a model can be used, as far as the daemon knows.
    models: bool,
    /// Who tells, where none can, which tasks need none.
    packs: Option<Arc<Packs>>,
    /// What the daemon's scheduler says.
    schedule: Option<ScheduleView>,
    pub(crate) limits: ClaimLimits,
    pub(crate) operator: String,
    pub(crate) queue_ms_max: i64,
}

impl Around {
    /// Asked beside a daemon, or where none runs.
    pub fn look(home: &Home, config: &Config, life: &Life) -> Around {
        let daemon = match life {
            Life::Down => Daemon::Down,
            Life::Silent(_) => Daemon::Silent,
            Life::Up(pulse) if pulse.draining => Daemon::Draining,
            Life::Up(_) => Daemon::Up,
        };
        let pulse = life.pulse();
        let usable = pulse.is_some_and(|p| p.models);
        Around {
            daemon,
            models: usable,
            packs: (pulse.is_some() && !usable)
                .then(|| Packs::load(home).ok().map(Arc::new))
                .flatten(),
            schedule: None,
            limits: ClaimLimits {
                total: pulse.map_or(config.slots, |p| p.slots),
                ..claim_limits(home, config, usable)
            },
            operator: config.operator.clone(),
            queue_ms_max: limits::queue_ms_max(config),
        }
    }

    /// Asked by the process that does the work: whatever can go on does.
    pub fn at_work() -> Around {
        let config = Config::default();
        Around {
            daemon: Daemon::Up,
            models: true,
            packs: None,
            schedule: None,
            limits: unlimited(&config),
            queue_ms_max: limits::queue_ms_max(&config),
            operator: config.operator,
        }
    }

    /// With what the daemon's scheduler says.
    #[must_use]
    pub fn scheduled(self, schedule: Option<ScheduleView>) -> Around {
        Around { schedule, ..self }
    }

    fn asks_no_model(&self, reader: &Reader, task: &Task) -> bool {
        let packs = self.packs.as_deref();
        task.kind == TaskKind::Postflight
            || packs.is_some_and(|packs| unasked::is(reader, packs, task))
    }

    fn unplaced(&self, task: &Task) -> Option<Hindrance> {
        let schedule = self.schedule.as_ref()?;
        Some(match schedule.wait_of(task.id)? {
            WaitView::Host { host, most } => Hindrance::Host(host.clone(), *most),
            WaitView::Schedule { text } => Hindrance::Fleet(text.clone()),
        })
    }

    /// Why this task would not be given out now, although it could be begun.
    pub(crate) fn hindrance(
        &self,
        reader: &Reader,
        task: &Task,
        now_ms: i64,
    ) -> Result<Option<Hindrance>, MissionError> {
        if self.daemon != Daemon::Up {
            return Ok(None);
        }
        if !self.models && !self.asks_no_model(reader, task) {
            return Ok(Some(Hindrance::NoModel));
        }
        // First, because it names what the task waits for also when a slot is free again.
        if let Some(held) = reader.held_by_overlap(task, now_ms)? {
            return Ok(Some(Hindrance::Overlap(held)));
        }
        let taken = reader.taken(task, &self.limits)?.map(said);
        Ok(taken.or_else(|| self.unplaced(task)))
    }
}

fn said(taken: Taken) -> Hindrance {
    match taken {
        Taken::Total(most) => Hindrance::Slots(most),
        Taken::Project(most) => Hindrance::Project(most),
        Taken::Slot(Slot { key, most }) => match key.split_once(':') {
            Some((limits::COMPANY, name)) => Hindrance::Company(name.to_owned(), most),
            Some((limits::MODEL, name)) => Hindrance::Model(name.to_owned(), most),
            Some((_, name)) => Hindrance::Host(name.to_owned(), most),
            None => Hindrance::Host(key, most),
        },
    }
}

/// The limits with what a run would hold. Packs that cannot be read hold nothing: the daemon does not start with them either,
/// and says so.
fn claim_limits(home: &Home, config: &Config, usable: bool) -> ClaimLimits {
    let Ok(models) = Models::new(config) else {
        return unlimited(config);
    };
    let limits = &config.limits;
    // Which model of which host a task would get, and what a host takes at a time, is known by asking the hosts, which the daemon
    // reaches. Ollama does not say the latter.
    let asks = !limits.model.is_empty() || limits.host.is_some() || models.may_say_slots();
    if usable && asks {
        models.look();
    }
    if !limits.shared() && !models.has_slots() {
        return unlimited(config);
    }
    let reaches = Reader::open(home.root()).and_then(|reader| limits::Reaches::read(&reader));
    let (Ok(packs), Ok(reaches)) = (Packs::load(home), reaches) else {
        return unlimited(config);
    };
    let (packs, models) = (Arc::new(packs), Arc::new(models));
    // No rest of a host is known here.
    limits::claim_limits(config, &packs, &models, reaches, 0)
}

/// Without what runs share.
fn unlimited(config: &Config) -> ClaimLimits {
    ClaimLimits {
        total: config.slots,
        per_project: config.limits.per_project.unwrap_or(config.slots),
        run_ms_max: limits::run_ms_max(config),
        slots: SlotsOf::NOTHING,
    }
}
