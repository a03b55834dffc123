//! What the scheduler knows at a moment, and the only functions that change it.

use super::decide::Effect;
use super::fleet::{Fleet, HostId, ModelId};
use super::job::{Job, JobId, Rules};
use super::slots::{Room, room};

/// How a model stands on a host. Times are milliseconds of the caller's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residence {
    Absent,
    Loading {
        /// When it is expected to be there.
        until_ms: i64,
    },
    Resident {
        since_ms: i64,
        used_ms: i64,
    },
    /// It takes no more calls, and goes when its last one has ended.
    Draining {
        since_ms: i64,
        used_ms: i64,
        /// What it makes room for.
        to: ModelId,
    },
}

/// A job at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub job: Job,
    pub host: HostId,
    pub model: ModelId,
    pub started_ms: i64,
    /// Milliseconds from its start.
    pub expected_ms: i64,
    /// Rises with each start in the fleet. A report that carries another one is about a start that was given up.
    pub attempt: u64,
}

/// A job that is known and not ready yet. It is a hint: what is loaded may be chosen by it, and nothing is started for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coming {
    pub job: Job,
    /// What must have ended before it can be ready. A job that is not known counts as ended.
    pub needs: Vec<JobId>,
}

/// An effect that does not fit the state: it is carried out by nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("the job is not waiting")]
    NotReady,
    #[error("the job may not run there")]
    NotAllowed,
    #[error("no slot is free: {}", _0.bound)]
    NoSlot(Room),
    #[error("the model is not loaded there")]
    NotResident,
    #[error("the model is already there, or the host does not have it, or is down")]
    NotAbsent,
    #[error("another model is being loaded on that host")]
    Loader,
    #[error("the model exceeds what the host has left of its memory")]
    Memory,
    #[error("the model is at work, or pinned")]
    Busy,
}

/// Hosts, models, and jobs that wait or are at work.
#[derive(Debug, Clone)]
pub struct State {
    fleet: Fleet,
    rules: Rules,
    up: Vec<bool>,
    places: Vec<Vec<Residence>>,
    ready: Vec<Job>,
    running: Vec<Running>,
    coming: Vec<Coming>,
    /// When a job of each model was last started, anywhere.
    served_ms: Vec<Option<i64>>,
    attempts: u64,
}

impl State {
    /// Every host up and empty, nothing to do.
    pub fn new(fleet: Fleet, rules: Rules) -> State {
        State {
            rules,
            up: vec![true; fleet.hosts.len()],
            places: vec![vec![Residence::Absent; fleet.models.len()]; fleet.hosts.len()],
            ready: Vec::new(),
            running: Vec::new(),
            coming: Vec::new(),
            served_ms: vec![None; fleet.models.len()],
            attempts: 0,
            fleet,
        }
    }

    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub fn ready(&self) -> &[Job] {
        &self.ready
    }

    pub fn running(&self) -> &[Running] {
        &self.running
    }

    pub fn coming(&self) -> &[Coming] {
        &self.coming
    }

    pub fn is_up(&self, host: HostId) -> bool {
        self.up.get(host.0).copied().unwrap_or(false)
    }

    pub fn residence(&self, host: HostId, model: ModelId) -> Residence {
        let row = self.places.get(host.0);
        row.and_then(|row| row.get(model.0))
            .copied()
            .unwrap_or(Residence::Absent)
    }

    pub(super) fn places(&self) -> &[Vec<Residence>] {
        &self.places
    }

    pub(super) fn served_ms(&self, model: ModelId) -> Option<i64> {
        self.served_ms.get(model.0).copied().flatten()
    }

    /// Until when a loaded model keeps its place while work waits for it, so that its load is paid for.
    pub(super) fn turn_ends_ms(&self, host: HostId, model: ModelId) -> Option<i64> {
        let load_ms = self.fleet.place(host, model)?.load_ms;
        match self.residence(host, model) {
            Residence::Resident { since_ms, .. } | Residence::Draining { since_ms, .. } => {
                Some(since_ms.saturating_add((load_ms as f64 * self.rules.beta) as i64))
            }
            Residence::Absent | Residence::Loading { .. } => None,
        }
    }

    /// Whether a loaded model has served no call since it came.
    pub(super) fn is_unused(&self, host: HostId, model: ModelId) -> bool {
        match self.residence(host, model) {
            Residence::Resident { since_ms, used_ms } => {
                used_ms <= since_ms && !self.is_busy(host, model)
            }
            Residence::Absent | Residence::Loading { .. } | Residence::Draining { .. } => false,
        }
    }

    /// Whether a call of this model is at work on this host.
    pub fn is_busy(&self, host: HostId, model: ModelId) -> bool {
        let here = |running: &Running| (running.host, running.model) == (host, model);
        self.running.iter().any(here)
    }

    /// Bytes of the host's memory that models hold, loading ones included.
    pub fn held_bytes(&self, host: HostId) -> u64 {
        held(&self.fleet, &self.places, host)
    }

    /// A job became ready. One that is known already is not taken a second time: the answer is then `false`.
    pub fn add(&mut self, job: Job) -> bool {
        let known = self.ready.iter().any(|other| other.id == job.id)
            || self.running.iter().any(|other| other.job.id == job.id);
        if !known {
            self.coming.retain(|other| other.job.id != job.id);
            self.ready.push(job);
        }
        !known
    }

    /// A job will be ready when others have ended. [`State::add`] says that it is.
    pub fn expect(&mut self, coming: Coming) {
        self.forget(coming.job.id);
        self.coming.push(coming);
    }

    /// A job that was expected will not come.
    pub fn forget(&mut self, job: JobId) {
        self.coming.retain(|other| other.job.id != job);
    }

    /// A job that waits is not wanted any more.
    pub fn withdraw(&mut self, job: JobId) -> Option<Job> {
        let at = self.ready.iter().position(|other| other.id == job)?;
        Some(self.ready.remove(at))
    }

    /// Takes an effect that is being carried out into account.
    ///
    /// # Errors
    /// When it does not fit the state any more; the state is then as it was.
    pub fn apply(&mut self, effect: Effect, now_ms: i64) -> Result<(), Misfit> {
        match effect {
            Effect::Start { job, host, model } => self.start(job, host, model, now_ms),
            Effect::Preload { host, model } => self.preload(host, model, now_ms),
            Effect::Unload { host, model } => self.unload(host, model),
            Effect::Drain { host, model, to } => self.drain(host, model, to),
            Effect::Keep { host, model } => self.keep(host, model),
        }
    }

    fn start(
        &mut self,
        job: JobId,
        host: HostId,
        model: ModelId,
        now_ms: i64,
    ) -> Result<(), Misfit> {
        let at = self.ready.iter().position(|other| other.id == job);
        let at = at.ok_or(Misfit::NotReady)?;
        let waiting = &self.ready[at];
        let choice = waiting.choices.iter();
        let choice = choice
            .filter(|choice| (choice.host, choice.model) == (host, model))
            .min_by_key(|choice| choice.expected_ms)
            .ok_or(Misfit::NotAllowed)?;
        let elsewhere = !self.fleet.hosts.get(host.0).is_some_and(|host| host.local);
        if waiting.local_only && elsewhere {
            return Err(Misfit::NotAllowed);
        }
        let expected_ms = waiting.expected_ms(choice);
        let Residence::Resident { since_ms, .. } = self.residence(host, model) else {
            return Err(Misfit::NotResident);
        };
        let room = room(self, host, model);
        if room.free == 0 {
            return Err(Misfit::NoSlot(room));
        }
        self.attempts += 1;
        self.places[host.0][model.0] = Residence::Resident {
            since_ms,
            used_ms: now_ms,
        };
        self.served_ms[model.0] = Some(now_ms);
        let job = self.ready.remove(at);
        self.running.push(Running {
            job,
            host,
            model,
            started_ms: now_ms,
            expected_ms,
            attempt: self.attempts,
        });
        Ok(())
    }

    fn preload(&mut self, host: HostId, model: ModelId, now_ms: i64) -> Result<(), Misfit> {
        let place = self.fleet.place(host, model).ok_or(Misfit::NotAbsent)?;
        if self.residence(host, model) != Residence::Absent || !self.is_up(host) {
            return Err(Misfit::NotAbsent);
        }
        let loads = |residence: &Residence| matches!(residence, Residence::Loading { .. });
        if self.places[host.0].iter().any(loads) {
            return Err(Misfit::Loader);
        }
        let needed = self
            .held_bytes(host)
            .checked_add(self.fleet.models[model.0].bytes);
        if needed.is_none_or(|bytes| bytes > self.fleet.hosts[host.0].memory) {
            return Err(Misfit::Memory);
        }
        self.places[host.0][model.0] = Residence::Loading {
            until_ms: now_ms.saturating_add(place.load_ms),
        };
        Ok(())
    }

    fn unload(&mut self, host: HostId, model: ModelId) -> Result<(), Misfit> {
        let pinned = self
            .fleet
            .place(host, model)
            .is_some_and(|place| place.pinned);
        match self.residence(host, model) {
            Residence::Absent | Residence::Loading { .. } => return Err(Misfit::NotResident),
            Residence::Resident { .. } | Residence::Draining { .. } => {}
        }
        if pinned || self.is_busy(host, model) {
            return Err(Misfit::Busy);
        }
        self.places[host.0][model.0] = Residence::Absent;
        Ok(())
    }

    fn drain(&mut self, host: HostId, model: ModelId, to: ModelId) -> Result<(), Misfit> {
        let Residence::Resident { since_ms, used_ms } = self.residence(host, model) else {
            return Err(Misfit::NotResident);
        };
        if self
            .fleet
            .place(host, model)
            .is_some_and(|place| place.pinned)
        {
            return Err(Misfit::Busy);
        }
        self.places[host.0][model.0] = Residence::Draining {
            since_ms,
            used_ms,
            to,
        };
        Ok(())
    }

    fn keep(&mut self, host: HostId, model: ModelId) -> Result<(), Misfit> {
        let Residence::Draining {
            since_ms, used_ms, ..
        } = self.residence(host, model)
        else {
            return Err(Misfit::NotResident);
        };
        self.places[host.0][model.0] = Residence::Resident { since_ms, used_ms };
        Ok(())
    }

    /// A job has ended, well or not; what follows is the caller's. `None` when that start was given up before: the report counts for
    /// nothing, because the job waits again, or is at work elsewhere.
    pub fn ended(&mut self, job: JobId, attempt: u64, now_ms: i64) -> Option<Job> {
        let ended = self.take(job, attempt)?;
        if let Some(residence) = self
            .places
            .get_mut(ended.host.0)
            .and_then(|row| row.get_mut(ended.model.0))
        {
            match residence {
                Residence::Resident { used_ms, .. } | Residence::Draining { used_ms, .. } => {
                    *used_ms = now_ms;
                }
                Residence::Absent | Residence::Loading { .. } => {}
            }
        }
        Some(ended.job)
    }

    /// A call failed and its model did not: the job waits again, as old as it was. `false` as for [`State::ended`].
    pub fn put_back(&mut self, job: JobId, attempt: u64) -> bool {
        let taken = self.take(job, attempt);
        let was = taken.is_some();
        self.ready.extend(taken.map(|running| running.job));
        was
    }

    fn take(&mut self, job: JobId, attempt: u64) -> Option<Running> {
        let same = |running: &Running| (running.job.id, running.attempt) == (job, attempt);
        let at = self.running.iter().position(same)?;
        Some(self.running.remove(at))
    }

    /// A model is there. Also what a look at the host found that nobody ordered.
    pub fn loaded(&mut self, host: HostId, model: ModelId, now_ms: i64) {
        let known = self.fleet.place(host, model).is_some() && self.is_up(host);
        match self.residence(host, model) {
            Residence::Absent | Residence::Loading { .. } if known => {
                self.places[host.0][model.0] = Residence::Resident {
                    since_ms: now_ms,
                    used_ms: now_ms,
                };
            }
            Residence::Absent
            | Residence::Loading { .. }
            | Residence::Resident { .. }
            | Residence::Draining { .. } => {}
        }
    }

    /// A model is not there: its load failed, or a look at the host did not find it. What it was at work on waits again.
    pub fn gone(&mut self, host: HostId, model: ModelId) -> Vec<JobId> {
        if self.fleet.place(host, model).is_some() {
            self.places[host.0][model.0] = Residence::Absent;
        }
        self.requeue(|running| (running.host, running.model) == (host, model))
    }

    /// A host does not answer: what it was at work on waits again, as old as it was, for any other host that may take it.
    pub fn down(&mut self, host: HostId) -> Vec<JobId> {
        if let (Some(up), Some(row)) = (self.up.get_mut(host.0), self.places.get_mut(host.0)) {
            *up = false;
            row.fill(Residence::Absent);
        }
        self.requeue(|running| running.host == host)
    }

    /// A host answers again, with nothing loaded until [`State::loaded`] says so.
    pub fn up(&mut self, host: HostId) {
        if let Some(up) = self.up.get_mut(host.0) {
            *up = true;
        }
    }

    fn requeue(&mut self, lost: impl Fn(&Running) -> bool) -> Vec<JobId> {
        let (back, kept) = self.running.drain(..).partition(|running| lost(running));
        self.running = kept;
        let back: Vec<Running> = back;
        let ids = back.iter().map(|running| running.job.id).collect();
        self.ready.extend(back.into_iter().map(|running| Job {
            // What the host had read is gone with it.
            sticky: None,
            ..running.job
        }));
        ids
    }
}

pub(super) fn held(fleet: &Fleet, places: &[Vec<Residence>], host: HostId) -> u64 {
    let row = places.get(host.0).into_iter().flatten();
    row.zip(&fleet.models)
        .filter(|(residence, _)| **residence != Residence::Absent)
        .fold(0, |sum, (_, model)| sum.saturating_add(model.bytes))
}
