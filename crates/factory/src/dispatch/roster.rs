//! Who is where: models on hosts, runs on models, loads that are under way. What the scheduler remembers between two beats; all of it
//! can be found out again by a process that has forgotten it; of it only what was measured is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alai_core::ids::{RunId, TaskId};
use alai_core::task::TaskKind;
use alai_workspace::files;
use serde::{Deserialize, Serialize};

use super::picture::Meant;
use super::shown::ScheduleView;
use super::speeds::Speeds;
use super::words::Word;
use crate::models::Site;

/// Tasks of which it is remembered where they were served last: more than can wait for another attempt at once.
const LAST_MAX: usize = 4_096;

/// A model on a host, by the host's address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct At {
    pub(crate) host: String,
    pub(crate) model: String,
}

/// Shared by the beat, the runs and the loads. Nobody waits for anything while what is known is locked.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    known: Mutex<Known>,
    keeps: Mutex<()>,
}

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// When the first round was, in milliseconds since the Unix epoch: nobody was passed over before. 0 before it.
    pub(super) since_ms: i64,
    /// What each host was last seen to hold; none of one that was not looked at.
    pub(super) held: BTreeMap<String, BTreeMap<String, Stay>>,
    /// At most one of each host.
    pub(super) moves: BTreeMap<String, Move>,
    /// The model that is asked for a word, at most one of each host.
    pub(super) asking: BTreeMap<String, String>,
    /// Calls to each host that are made beside a run.
    pub(super) calls: BTreeMap<String, usize>,
    /// Models that take no more runs, and what they make room for.
    pub(super) drains: BTreeMap<At, String>,
    /// Runs at work.
    pub(super) seats: BTreeMap<RunId, Seat>,
    pub(super) uses: BTreeMap<At, Use>,
    /// Models that have said a word since this process began.
    pub(super) proven: BTreeSet<At>,
    /// The last word that each was asked for.
    pub(super) words: BTreeMap<At, Word>,
    /// Where a task was served last.
    last: BTreeMap<TaskId, At>,
    pub(super) speeds: Speeds,
    pub(super) view: ScheduleView,
    /// What the last round meant to do next.
    pub(super) meant: Meant,
}

/// A model that a host holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stay {
    /// When it was first seen there.
    pub(super) since_ms: i64,
    /// Bytes that it takes; 0 where the host does not say.
    pub(super) bytes: u64,
    /// We loaded it, and it has stayed since.
    pub(super) own: bool,
}

/// Unloads and a load that are being carried out on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) leaving: Vec<String>,
    pub(super) to: String,
    pub(super) begun_ms: i64,
    /// When the host was last seen to hold what is loaded, or to work on it.
    pub(super) seen_ms: i64,
    /// A first word is asked for, or waits for a free slot: nothing else is given that slot.
    pub(super) speaks: bool,
}

/// A run at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) task: TaskId,
    pub(super) kind: TaskKind,
    /// None for a run that needs no model.
    pub(super) at: Option<At>,
    pub(super) started_ms: i64,
    pub(super) expected_ms: i64,
}

/// When a model was last used on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) started_ms: i64,
    pub(super) ended_ms: i64,
}

/// A call to a host that is made beside a run.
pub(crate) struct Calling<'r> {
    roster: &'r Roster,
    host: String,
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        let mut known = self.roster.lock();
        if let Some(calls) = known.calls.get_mut(&self.host) {
            *calls -= 1;
            if *calls == 0 {
                known.calls.remove(&self.host);
            }
        }
    }
}

impl Roster {
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call to a host is made beside a run until this is dropped.
    pub(crate) fn calls(&self, host: &str) -> Calling<'_> {
        *self.lock().calls.entry(host.to_owned()).or_default() += 1;
        Calling {
            roster: self,
            host: host.to_owned(),
        }
    }

    /// The place that a run of this process was given; within it none for one that was begun without a model.
    pub(crate) fn seat(&self, run: &RunId) -> Option<Option<At>> {
        let known = self.lock();
        known.seats.get(run).map(|seat| seat.at.clone())
    }

    /// A run has ended, well or not, and its place is free.
    pub(crate) fn ended(&self, run: &RunId, now_ms: i64) {
        let mut known = self.lock();
        let Some(seat) = known.seats.remove(run) else {
            return;
        };
        let Some(at) = seat.at else {
            return;
        };
        let took_ms = now_ms.saturating_sub(seat.started_ms).max(1);
        known.speeds.ran(seat.kind, &at, took_ms, now_ms);
        if let Some(used) = known.uses.get_mut(&at) {
            used.ended_ms = used.ended_ms.max(now_ms);
        }
        known.was_served(seat.task, at);
    }

    /// Begins with what a former process has measured.
    pub(crate) fn remember(&self, speeds: Speeds) {
        self.lock().speeds = speeds;
    }

    /// Keeps what was measured since the last time.
    pub(crate) fn keep(&self, path: &Path) {
        // Held while the file is written: what was measured earlier must not be written later.
        let _turn = self.keeps.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bytes) = self.lock().speeds.unkept() else {
            return;
        };
        let folder = path.parent().map_or(Ok(()), files::private_dir_all);
        if let Err(e) = folder.and_then(|()| files::write_atomic(path, &bytes)) {
            tracing::warn!("how long runs and loads took is forgotten at the next start: {e}");
        }
    }

    /// How things stood after the last round, for people.
    pub(crate) fn view(&self) -> ScheduleView {
        self.lock().view.clone()
    }
}

impl Known {
    pub(super) fn sits(&mut self, run: RunId, seat: Seat) {
        if let Some(at) = &seat.at {
            let used = Use {
                started_ms: seat.started_ms,
                ended_ms: seat.started_ms,
            };
            self.uses.insert(at.clone(), used);
            self.was_served(seat.task, at.clone());
        }
        self.seats.insert(run, seat);
    }

    fn was_served(&mut self, task: TaskId, at: At) {
        self.last.insert(task, at);
        if self.last.len() > LAST_MAX {
            // The oldest tasks have the smallest numbers.
            self.last.pop_first();
        }
    }

    pub(super) fn last(&self, task: TaskId) -> Option<&At> {
        self.last.get(&task)
    }

    /// A load has ended well.
    pub(super) fn loaded(&mut self, at: &At, bytes: u64, took_ms: i64, now_ms: i64) {
        self.speeds.loaded(at, bytes, took_ms, now_ms);
        let stay = Stay {
            since_ms: now_ms,
            bytes: 0,
            own: true,
        };
        let there = self.held.entry(at.host.clone()).or_default();
        there.entry(at.model.clone()).or_insert(stay).own = true;
    }

    /// What a look at a host found. A model that stays keeps its time; what has gone is drained no more.
    pub(super) fn found(&mut self, host: &str, held: &[(String, u64)], now_ms: i64) {
        let before = self.held.remove(host).unwrap_or_default();
        let stays = held.iter().map(|(model, bytes)| {
            let since_ms = before.get(model).map_or(now_ms, |stay| stay.since_ms);
            let stay = Stay {
                since_ms,
                bytes: *bytes,
                own: before.get(model).is_some_and(|stay| stay.own),
            };
            (model.clone(), stay)
        });
        let stays: BTreeMap<String, Stay> = stays.collect();
        if let Some(under_way) = self.moves.get_mut(host)
            && stays.contains_key(&under_way.to)
        {
            under_way.seen_ms = now_ms;
        }
        self.drains
            .retain(|at, _| at.host != host || stays.contains_key(&at.model));
        self.held.insert(host.to_owned(), stays);
    }

    /// What made room for a model that no host has any more takes work again.
    pub(super) fn forget_drains_for_what_is_gone(&mut self, sites: &[Site]) {
        self.drains.retain(|at, to| {
            let site = sites.iter().find(|site| site.host == at.host);
            site.is_some_and(|site| site.models.iter().any(|model| model.name == *to))
        });
    }

    /// Runs at work on a host.
    pub(super) fn sitting_on(&self, host: &str) -> usize {
        let here = |seat: &&Seat| seat.at.as_ref().is_some_and(|at| at.host == host);
        self.seats.values().filter(here).count()
    }

    /// Runs at work on a model of a host.
    pub(super) fn sitting(&self, at: &At) -> usize {
        let here = |seat: &&Seat| seat.at.as_ref() == Some(at);
        self.seats.values().filter(here).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(model: &str) -> At {
        At {
            host: "h".into(),
            model: model.into(),
        }
    }

    #[test]
    fn what_stays_keeps_its_time_and_what_went_is_drained_no_more() {
        let mut known = Known::default();
        known.found("h", &[("a".into(), 5), ("b".into(), 6)], 10);
        known.drains.insert(at("a"), "c".into());
        known.drains.insert(at("b"), "c".into());
        known.found("h", &[("b".into(), 7)], 20);
        let stay = known.held["h"]["b"];
        assert_eq!((stay.since_ms, stay.bytes), (10, 7));
        assert_eq!(known.drains.keys().cloned().collect::<Vec<_>>(), [at("b")]);
        known.found("h", &[("b".into(), 7), ("a".into(), 5)], 30);
        assert_eq!(known.held["h"]["a"].since_ms, 30, "it came anew");
    }

    #[test]
    fn what_was_loaded_is_there_since_then() {
        let mut known = Known::default();
        known.loaded(&at("a"), 4_000_000, 2_000, 5);
        known.loaded(&at("a"), 4_000_000, 4_000, 9);
        assert_eq!(known.held["h"]["a"].since_ms, 5);
    }
}
