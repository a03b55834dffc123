//! What works on one repository side by side: the lines of work of a project that have begun and are not merged, with the paths that they are
//! known to change. All of it is derived from what is stored anyway, so that a kill leaves nothing behind that holds anybody back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use alai_core::ids::{Epoch, ProjectId, TaskId};
use alai_core::overlap::{self, Area, Held, Line, Policy, Stands};
use alai_core::pipeline;
use alai_core::task::{Task, TaskKind};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::MissionError;
use crate::project;
use crate::reader::Reader;
use crate::task::{list, one};

/// What holds work back, read once for each project and never for those of which nothing could be held.
#[derive(Debug, Default)]
pub(crate) struct Lines(BTreeMap<ProjectId, Vec<Line>>);

impl Lines {
    /// What holds this task back now.
    pub(crate) fn held(
        &mut self,
        c: &Connection,
        task: &Task,
        now_ms: i64,
    ) -> Result<Option<Held>, MissionError> {
        let Some(project) = task.project.filter(|_| overlap::may_wait(task)) else {
            return Ok(None);
        };
        let lines = self.of(c, project, now_ms)?;
        if lines.is_empty() {
            return Ok(None);
        }
        let area = area_of(c, task)?;
        Ok(overlap::held(task, &area, lines, now_ms))
    }

    /// Whether anything of a project could be held back.
    pub(crate) fn any(
        &mut self,
        c: &Connection,
        project: ProjectId,
        now_ms: i64,
    ) -> Result<bool, MissionError> {
        Ok(!self.of(c, project, now_ms)?.is_empty())
    }

    fn of(
        &mut self,
        c: &Connection,
        project: ProjectId,
        now_ms: i64,
    ) -> Result<&[Line], MissionError> {
        Ok(match self.0.entry(project) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(unread) => unread.insert(lines_of(c, project, now_ms)?),
        })
    }
}

/// What holds one task back, for a decision about it alone.
pub(crate) fn held(c: &Connection, task: &Task, now_ms: i64) -> Result<Option<Held>, MissionError> {
    Lines::default().held(c, task, now_ms)
}

impl Reader {
    /// What holds a task back that could be begun now: a line of work that changes the same paths.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn held_by_overlap(&self, task: &Task, now_ms: i64) -> Result<Option<Held>, MissionError> {
        self.read(|c| {
            // One moment for all of it.
            let c = c.unchecked_transaction()?;
            held(&c, task, now_ms)
        })
    }
}

/// The lines of a project of which something is known, or all of them in one without code; none where the project lets all work side by side.
fn lines_of(c: &Connection, id: ProjectId, now_ms: i64) -> Result<Vec<Line>, MissionError> {
    let mut going: BTreeMap<TaskId, (Stands, TaskId)> = BTreeMap::new();
    let mut goes = |root: TaskId, stands: Stands, at: TaskId| {
        let found = going.entry(root).or_insert((stands, at));
        *found = (*found).max((stands, at));
    };
    for at in ids(c, AT_WORK, params![id.0, now_ms])? {
        let task = one(c, at)?;
        if counts(&task) {
            goes(pipeline::lineage(&task), Stands::Moving, at);
        }
    }
    for at in ids(c, GOES_ON, params![id.0, now_ms])? {
        let task = one(c, at)?;
        if counts(&task) {
            let stands = match task.kind.judges() {
                true => Stands::Moving,
                false => Stands::Next,
            };
            goes(pipeline::lineage(&task), stands, at);
        }
    }
    for root in ids(c, QUEUED, params![id.0])? {
        goes(root, Stands::Moving, root);
    }
    if going.is_empty() {
        return Ok(Vec::new());
    }
    let settings = project::one(c, id)?.settings;
    if settings.overlap == Policy::Together {
        return Ok(Vec::new());
    }
    let lays_ground = settings.bare && !has_merged(c, id)?;
    let mut lines = Vec::new();
    for (root, (stands, at)) in going {
        let first = one(c, root)?;
        let mut area = Area::default();
        add_line(c, root, &mut area)?;
        add_reviewed(c, first.parent, &mut area)?;
        if lays_ground || !area.is_empty() {
            lines.push(Line {
                root,
                at,
                stands,
                priority: first.priority,
                begun_ms: begun_ms(c, root)?.unwrap_or(first.created_ms),
                area,
                lays_ground,
            });
        }
    }
    Ok(lines)
}

/// Runs of the factory that hold their lease. What a person does himself holds nobody back.
const AT_WORK: &str = "SELECT task FROM run INDEXED BY run_busy
    WHERE state = 'live' AND holder = 'factory' AND project = ?1 AND lease_until >= ?2";
const GOES_ON: &str = "SELECT id FROM task INDEXED BY task_goes_on
    WHERE state = 'open' AND blocked_count = 0 AND (lineage IS NOT NULL OR epoch > 0) AND project = ?1 AND run_at_ms <= ?2";
const QUEUED: &str = "SELECT task FROM merge INDEXED BY merge_queued
    WHERE state = 'queued' AND project = ?1 AND kind = 'integrate'";

/// Whether a line of work was ever merged in a project.
fn has_merged(c: &Connection, id: ProjectId) -> Result<bool, MissionError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM merge WHERE project = ? AND kind = 'integrate' AND state = 'merged')";
    Ok(c.prepare_cached(sql)?.query_row([id.0], |r| r.get(0))?)
}

fn ids(
    c: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<TaskId>, MissionError> {
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map(values, |r| r.get(0).map(TaskId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether a task belongs to a line of work that ends in a merge.
fn counts(task: &Task) -> bool {
    (task.kind.changes_code() || task.kind.judges()) && !task.solo
}

fn begun_ms(c: &Connection, root: TaskId) -> Result<Option<i64>, MissionError> {
    let sql = "SELECT min(r.started_ms) FROM task t JOIN run r ON r.task = t.id WHERE t.id = ?1 OR t.lineage = ?1";
    Ok(c.prepare_cached(sql)?.query_row([root.0], |r| r.get(0))?)
}

/// What is known of where a task works: its line of work, and where that came of a review, also the line that was reviewed.
fn area_of(c: &Connection, task: &Task) -> Result<Area, MissionError> {
    let mut area = Area::default();
    let root = pipeline::lineage(task);
    // One that never began has nothing but its own words: a long queue of them is looked at without a look at what became of each.
    let parent = match (root == task.id, task.epoch) {
        (true, Epoch(0)) => {
            area.declare(&task.paths);
            area.declare(tests_of(task));
            task.parent
        }
        (true, _) => {
            add_line(c, root, &mut area)?;
            task.parent
        }
        (false, _) => {
            add_line(c, root, &mut area)?;
            one(c, root)?.parent
        }
    };
    add_reviewed(c, parent, &mut area)?;
    Ok(area)
}

/// The line that was reviewed, where a line of work came of a review.
fn add_reviewed(
    c: &Connection,
    parent: Option<TaskId>,
    area: &mut Area,
) -> Result<(), MissionError> {
    match parent
        .map(|parent| judged_by(c, parent))
        .transpose()?
        .flatten()
    {
        Some(reviewed) => add_line(c, reviewed, area),
        None => Ok(()),
    }
}

/// Only a build changes tests; what comes after its merge carries the words of its build.
fn tests_of(task: &Task) -> &[String] {
    match task.kind == TaskKind::Build {
        true => &task.changes_tests,
        false => &[],
    }
}

/// The line of work that a task judges; none where it judges nothing.
fn judged_by(c: &Connection, task: TaskId) -> Result<Option<TaskId>, MissionError> {
    let sql = "SELECT ifnull(lineage, id) FROM task WHERE id = ? AND kind IN ('review', 'security', 'verify')";
    let found = c.prepare_cached(sql)?.query_row([task.0], |r| r.get(0));
    Ok(found.optional()?.map(TaskId))
}

/// What the tasks of a line declare, and the files that the factory found changed at the end of their runs. A person's report is his word and
/// counts for nothing here.
fn add_line(c: &Connection, root: TaskId, area: &mut Area) -> Result<(), MissionError> {
    let declared =
        "SELECT ifnull(paths, '[]'), CASE kind WHEN 'build' THEN changes_tests ELSE '[]' END FROM task WHERE (id = ?1 OR lineage = ?1)
        AND kind IN ('build', 'ops', 'docs')";
    let mut statement = c.prepare_cached(declared)?;
    let rows = statement.query_map([root.0], |r| Ok([r.get::<_, String>(0)?, r.get(1)?]))?;
    for row in rows {
        for paths in row? {
            area.declare(&list(&paths)?);
        }
    }
    let touched = "SELECT json_extract(e.report, '$.files') FROM task t JOIN run r ON r.task = t.id
        JOIN entry e ON e.run = r.id AND e.kind = 'report'
        WHERE (t.id = ?1 OR t.lineage = ?1) AND t.kind IN ('build', 'ops', 'docs')";
    let mut statement = c.prepare_cached(touched)?;
    let rows = statement.query_map([root.0], |r| r.get::<_, Option<String>>(0))?;
    for row in rows {
        if let Some(files) = row? {
            area.touch(list(&files)?);
        }
    }
    Ok(())
}
