//! What people did on the target branch, taken over into the branch of the factory: written down before that is moved.

use alai_core::ids::{ProjectId, TaskId};
use rusqlite::{OptionalExtension, params};

use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::inbox::By;
use crate::project;
use crate::reader::Reader;
use crate::writer::Mission;

/// The event of a person's wish.
const ASKED: &str = "project_sync_asked";

/// A remote was looked at for that.
const LOOKED: &str = "project_remote_looked";

/// How taking over ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncEnd {
    /// It is about to be moved.
    Over,
    /// A conflict or red tests: nothing is moved.
    Refused,
    /// The remote could not be reached, or the branches have parted: work goes on from what there is.
    NotFetched,
}

impl SyncEnd {
    fn kind(self) -> &'static str {
        match self {
            SyncEnd::Over => "project_synced",
            SyncEnd::Refused => "project_sync_refused",
            SyncEnd::NotFetched => "project_not_fetched",
        }
    }
}

impl Mission {
    /// Notes that a project's target branch was taken over, or why it could not be.
    pub fn note_sync(
        &self,
        project: ProjectId,
        taken: SyncEnd,
        words: &str,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        self.note_of(project, taken.kind(), words, now_ms)
    }

    /// A project's remote was looked at because a person asked: what it did not do, or nothing.
    pub fn note_remote(
        &self,
        project: ProjectId,
        failed: &str,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        self.note_of(project, LOOKED, failed, now_ms)
    }

    fn note_of(
        &self,
        project: ProjectId,
        event: &'static str,
        words: &str,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let words = words.to_owned();
        self.write(move |c| {
            let stamp = Stamp {
                actor: "factory".into(),
                run: None,
                now_ms,
            };
            let named = project::one(c, project)?.name;
            happened(c, None, event, &format!("{named}: {words}"), &stamp)
        })
    }

    /// A person asks for a project's target branch to be taken over, also where that was tried in vain.
    pub fn ask_sync(
        &self,
        project: ProjectId,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        self.person(by, now_ms, move |c, stamp| {
            happened(c, None, ASKED, &project.0.to_string(), &stamp)
        })
    }

    /// The merges of a project wait for the task that joins both sides: their turn comes again, and no attempt is counted. All of
    /// them at once, so that the merge they wait for does not stand behind the attempts of all the others.
    pub fn merges_wait(
        &self,
        project: ProjectId,
        joins: TaskId,
        why: &str,
        until_ms: i64,
    ) -> Result<(), MissionError> {
        let why = why.to_owned();
        self.write(move |c| {
            c.execute(
                "UPDATE merge SET outcome = ?, next_ms = max(next_ms, ?)
                 WHERE project = ? AND task <> ? AND kind = 'integrate' AND state = 'queued'",
                params![why, until_ms, project.0, joins.0],
            )?;
            Ok(())
        })
    }
}

impl Reader {
    /// The projects that somebody asked to sync since event `after`, and the last event there is.
    pub fn syncs_asked(&self, after: i64) -> Result<(Vec<ProjectId>, i64), MissionError> {
        self.read(|c| {
            let last = c
                .prepare_cached("SELECT ifnull(max(seq), 0) FROM event")?
                .query_row([], |r| r.get(0))?;
            let asked = c
                .prepare_cached(
                    "SELECT detail FROM event WHERE seq > ?1 AND seq <= ?2 AND kind = ?3",
                )?
                .query_map(params![after, last, ASKED], |r| r.get::<_, String>(0))?
                .collect::<Result<Vec<_>, _>>()?;
            let projects = asked.iter().filter_map(|id| id.parse().ok());
            Ok((projects.map(ProjectId).collect(), last))
        })
    }

    /// What a project's remote did not do when a person asked for the last look, with its event's number.
    pub fn last_remote(&self, project: ProjectId) -> Result<Option<(String, i64)>, MissionError> {
        self.read(|c| {
            let named = format!("{}: ", project::one(c, project)?.name);
            let found = c.query_row(
                "SELECT substr(detail, length(?1) + 1), seq FROM event
                 WHERE kind = ?2 AND substr(detail, 1, length(?1)) = ?1 ORDER BY seq DESC LIMIT 1",
                params![named, LOOKED],
                |r| Ok((r.get(0)?, r.get(1)?)),
            );
            Ok(found.optional()?)
        })
    }

    /// How the last taking over of a project's target branch ended, in words, with its event's number. For people: it reads the
    /// log backwards.
    pub fn last_sync(
        &self,
        project: ProjectId,
    ) -> Result<Option<(SyncEnd, String, i64)>, MissionError> {
        self.read(|c| {
            let named = format!("{}: ", project::one(c, project)?.name);
            let found = c
                .query_row(
                    "SELECT kind, substr(detail, length(?1) + 1), seq FROM event
                     WHERE kind IN ('project_synced', 'project_sync_refused') AND substr(detail, 1, length(?1)) = ?1
                     ORDER BY seq DESC LIMIT 1",
                    [named],
                    |r| Ok((r.get::<_, String>(0)?, r.get(1)?, r.get(2)?)),
                )
                .optional()?;
            Ok(found.map(|(kind, words, seq)| {
                let taken = match kind == SyncEnd::Over.kind() {
                    true => SyncEnd::Over,
                    false => SyncEnd::Refused,
                };
                (taken, words, seq)
            }))
        })
    }
}
