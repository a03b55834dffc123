//! Runs without a cage: whom their programs run as, and a person's word about what they made.

use alai_core::cage::Sandbox;
use alai_core::ids::{RunId, TaskId};
use alai_core::lifecycle::{Event, Refused};
use alai_core::pipeline;
use alai_core::task::{State, Until};
use alai_core::transition::{Passage, Transition};
use rusqlite::{Connection, params};

use crate::apply;
use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::inbox::{By, once};
use crate::passage;
use crate::reader::Reader;
use crate::run::{RunRow, query};
use crate::step::{StepState, receipt};
use crate::task::{one, satisfy, set_state};
use crate::writer::Mission;

/// The receipt that a run's user has ended. The number itself stays with the run, which it says of that it had no cage.
const USER_ENDED: &str = "user-ended";

impl Reader {
    /// The runs whose user is not known to have ended, live ones too. Whoever has the number of any other run by now is somebody
    /// else.
    pub fn users_left(&self) -> Result<Vec<RunRow>, MissionError> {
        let left = "uid IS NOT NULL AND NOT EXISTS (SELECT 1 FROM step WHERE step.run = run.id AND step.key = ?)";
        self.read(|c| query(c, left, &USER_ENDED))
    }

    /// Whether anything of a line of work was made by an agent without a cage.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn uncaged(&self, root: TaskId) -> Result<bool, MissionError> {
        self.read(|c| {
            let sql = "SELECT EXISTS (SELECT 1 FROM task t WHERE (t.id = ?1 OR t.lineage = ?1)
                AND (t.sandbox = ?2 OR EXISTS (SELECT 1 FROM run r WHERE r.task = t.id AND r.uid IS NOT NULL)))";
            let off = Sandbox::Off.as_str();
            Ok(c.prepare_cached(sql)?
                .query_row(params![root.0, off], |r| r.get(0))?)
        })
    }
}

impl Mission {
    /// Notes that everything of a run's user has ended, and that nothing is left that belongs to it.
    pub fn user_ended(&self, run: &RunId, now_ms: i64) -> Result<(), MissionError> {
        let run = run.clone();
        self.write(move |c| receipt(c, &run, USER_ENDED, StepState::Done, "", now_ms))
    }

    /// Notes whom the programs of a run will run as, before the first one starts. Whoever comes after a crash ends that user's.
    pub fn uncage(&self, fence: &Fence, uid: u32, now_ms: i64) -> Result<(), MissionError> {
        let fence = fence.clone();
        let stamp = Stamp {
            actor: "factory".into(),
            run: Some(fence.run.clone()),
            now_ms,
        };
        self.write(move |c| {
            fenced(c, &fence)?;
            passage::count(c, &[(Transition::Spawn, Passage::Bypassed)], now_ms)?;
            c.execute(
                "UPDATE run SET uid = ? WHERE id = ?",
                params![uid, fence.run.0],
            )?;
            happened(
                c,
                Some(fence.task),
                "sandbox_off",
                &format!("as user {uid}"),
                &stamp,
            )
        })
    }

    /// A person approves what an agent made without a cage: it is done like a build that has passed, and goes where that goes, to an
    /// independent verifier first where there is a reason to `verify`.
    ///
    /// # Errors
    /// When the task does not wait for that.
    pub fn accept(
        &self,
        task: TaskId,
        verify: Option<String>,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<State, MissionError> {
        let By { actor, request } = by.into();
        let stamp = Stamp {
            actor,
            run: None,
            now_ms,
        };
        self.write(move |c| {
            let taken = || accept(c, task, verify.as_deref(), &stamp);
            once(c, request.as_ref(), now_ms, taken)
        })
    }
}

fn accept(
    c: &Connection,
    task: TaskId,
    verify: Option<&str>,
    stamp: &Stamp,
) -> Result<State, MissionError> {
    let before = one(c, task)?;
    let Some(effects) = pipeline::accepted(&before, verify) else {
        let refused = Refused {
            state: before.state,
            event: Event::Approve,
        };
        return Err(MissionError::Refused { task, refused });
    };
    let to = set_state(c, task, Event::Approve, None, "ran without a cage", stamp)?;
    satisfy(c, task, Until::Done, stamp.now_ms)?;
    apply::all(c, &before, &effects, stamp)?;
    passage::count(c, &[(Transition::Close, Passage::Bypassed)], stamp.now_ms)?;
    Ok(to)
}
