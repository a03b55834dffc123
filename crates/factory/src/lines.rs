//! The lines of work of a goal, a task or a project as people see them: every task with its pipeline, stage, parent and cycle,
//! and each stage that was left out with its reason.

use alai_core::ids::TaskId;
use alai_core::pipeline::{Stage, lineage};
use alai_core::task::{Task, TaskKind};
use alai_core::trust::Trust;
use alai_mission::{Filter, MissionError, Reader};
use serde::{Deserialize, Serialize};

use crate::run::chain_of_line;
use crate::views::Views;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// A goal with everything under it, or the line of work of a task.
    Of(TaskId),
    Project(alai_core::ids::ProjectId),
    /// Whatever is not over.
    AtWork,
}

/// Lines of work, in the order in which they began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    pub tasks: Vec<LineTask>,
    pub skipped: Vec<LineSkip>,
    pub pipelines: Vec<Pipeline>,
}

/// One line of work: it has the number of its first task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    pub pipeline_id: TaskId,
    pub goal: Option<TaskId>,
    pub project: Option<String>,
    pub title: String,
    /// The stages that it goes through: its project's, but where a build of it ran without a cage.
    pub stages: Vec<Stage>,
    /// Those of its project, where they are not its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages_of_project: Option<Vec<Stage>>,
    /// The merge commit.
    pub merged: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTask {
    pub task: TaskId,
    /// None for a goal, its plan and its postflight, which are no part of a pipeline.
    pub pipeline_id: Option<TaskId>,
    pub stage: String,
    pub parent: Option<TaskId>,
    pub review_cycle: u32,
    /// As people see it.
    pub state: String,
    /// How far it is proven once it is done, by the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    pub title: String,
    /// The tasks that stand in its place, where it was planned anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced_by: Vec<TaskId>,
}

/// A stage without a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineSkip {
    pub pipeline_id: TaskId,
    pub stage: Stage,
    pub review_cycle: u32,
    /// The task after which it was left out.
    pub after: TaskId,
    pub why: String,
}

/// Reads them. At most `most` pipelines of a project, the newest ones.
pub fn lines(
    reader: &Reader,
    views: &Views<'_>,
    which: Which,
    most: usize,
) -> Result<Lines, MissionError> {
    let tasks = looked_at(reader, which)?;
    let mut roots: Vec<TaskId> = { tasks.iter() }
        .filter(|t| Stage::of(t.kind).is_some())
        .map(lineage)
        .collect();
    roots.sort_unstable();
    roots.dedup();
    let skip = match which {
        Which::Of(_) => 0,
        Which::Project(_) | Which::AtWork => roots.len().saturating_sub(most),
    };
    roots.drain(..skip);
    let mut all = Lines {
        tasks: Vec::new(),
        skipped: Vec::new(),
        pipelines: Vec::new(),
    };
    for task in tasks.iter().filter(|t| Stage::of(t.kind).is_none()) {
        all.tasks.push(line_task(views, task, None)?);
    }
    for root in roots {
        pipeline(reader, views, root, &mut all)?;
    }
    Ok(all)
}

fn looked_at(reader: &Reader, which: Which) -> Result<Vec<Task>, MissionError> {
    let whole = Filter {
        ended: true,
        ..Filter::default()
    };
    match which {
        Which::Of(id) => match reader.task(id)? {
            goal if goal.kind == TaskKind::Goal => reader.tasks(&Filter {
                goal: Some(id),
                ..whole
            }),
            task if Stage::of(task.kind).is_some() => reader.work_of(id),
            task => Ok(vec![task]),
        },
        Which::Project(project) => reader.tasks(&Filter {
            project: Some(project),
            ..whole
        }),
        Which::AtWork => reader.tasks(&Filter::default()),
    }
}

fn pipeline(
    reader: &Reader,
    views: &Views<'_>,
    root: TaskId,
    all: &mut Lines,
) -> Result<(), MissionError> {
    let first = reader.task(root)?;
    let project = first.project.map(|id| reader.project(id)).transpose()?;
    let chain = project.as_ref().map(|p| p.settings.stages.clone());
    let chain = chain.unwrap_or_default();
    let goes = chain_of_line(reader, &first, chain.clone())?;
    for task in reader.line(root)? {
        // What was made of it is a line of its own.
        if lineage(&task) != root {
            continue;
        }
        for skip in reader.skipped(task.id)? {
            all.skipped.push(LineSkip {
                pipeline_id: root,
                stage: skip.stage,
                review_cycle: task.counters.review_cycles,
                after: task.id,
                why: skip.why,
            });
        }
        all.tasks.push(line_task(views, &task, Some(root))?);
    }
    all.pipelines.push(Pipeline {
        pipeline_id: root,
        goal: first.goal,
        project: project.map(|p| p.name),
        stages: goes.stages().to_vec(),
        stages_of_project: (goes != chain).then(|| chain.stages().to_vec()),
        merged: first.integrated,
        title: first.title,
    });
    Ok(())
}

fn line_task(
    views: &Views<'_>,
    task: &Task,
    pipeline_id: Option<TaskId>,
) -> Result<LineTask, MissionError> {
    let (state, trust) = views.told(task)?;
    Ok(LineTask {
        task: task.id,
        pipeline_id,
        stage: task.kind.as_str().to_owned(),
        parent: task.parent,
        review_cycle: task.counters.review_cycles,
        state: state.to_owned(),
        trust,
        title: task.title.clone(),
        replaced_by: views.replaced_by(task)?,
    })
}
