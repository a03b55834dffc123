//! `alai pipeline status|advance|create`.

use std::process::ExitCode;

use alai_core::ids::TaskId;
use alai_core::pipeline::{Stage, lineage};
use alai_core::task::State;
use alai_factory::{Home, LineTask, Lines, Op, Outcome, Pipeline, Views, Which, lines};
use serde::Serialize;

use crate::args::{PipelineCommand, PipelineCreateArgs, PipelineStatusArgs};
use crate::commands::{mc, project};
use crate::error::{CliError, Kind};
use crate::{door, show};

/// Pipelines of a project that are shown; the newest ones. A goal's and a task's are shown whole.
const SHOWN_MAX: usize = 50;

#[derive(Serialize)]
struct Moved {
    task: TaskId,
    made: Vec<TaskId>,
    merging: bool,
}

pub(crate) fn run(home: &Home, command: PipelineCommand) -> Result<ExitCode, CliError> {
    match command {
        PipelineCommand::Status(args) => status(home, &args)?,
        PipelineCommand::Advance { task, json } => ask(home, Op::Advance { task }, json)?,
        PipelineCommand::Create(args) => create(home, &args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn create(home: &Home, args: &PipelineCreateArgs) -> Result<(), CliError> {
    let task = args.task.or(args.from).expect("clap asks for one of them");
    if let Some(stage) = args.stage {
        return ask(home, Op::Successor { from: task, stage }, args.json);
    }
    let reader = door::reader(home)?;
    let found = reader.task(task)?;
    let line = reader.line(task)?;
    let followed = line.iter().any(|t| t.parent == Some(task) && t.id != task)
        || !reader.merges_of(lineage(&found))?.is_empty();
    if found.solo || (found.state == State::Done && !followed) {
        return ask(home, Op::Advance { task }, args.json);
    }
    if args.json {
        return show::json(&Moved {
            task,
            made: Vec::new(),
            merging: false,
        });
    }
    show::line(format!("{task} has its pipeline:"));
    let of = PipelineStatusArgs {
        task: Some(task),
        project: None,
        json: false,
    };
    status(home, &of)
}

fn status(home: &Home, args: &PipelineStatusArgs) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let which = match (args.task, &args.project) {
        (Some(task), _) => Which::Of(task),
        (None, Some(typed)) => Which::Project(project::called(home, typed)?.id),
        (None, None) => Which::AtWork,
    };
    let views = Views::new(&reader, door::now_ms(), door::around(home)?);
    let found = lines(&reader, &views, which, SHOWN_MAX)?;
    if args.json {
        return show::json(&found);
    }
    print(&found);
    Ok(())
}

fn print(found: &Lines) {
    for task in found.tasks.iter().filter(|t| t.pipeline_id.is_none()) {
        row(
            task.task,
            &task.stage,
            "-",
            task.parent,
            &task.state,
            &titled(task),
        );
    }
    for pipeline in &found.pipelines {
        show::line(heading(pipeline));
        let own = |id: Option<TaskId>| id == Some(pipeline.pipeline_id);
        for task in found.tasks.iter().filter(|t| own(t.pipeline_id)) {
            let cycle = task.review_cycle.to_string();
            row(
                task.task,
                &task.stage,
                &cycle,
                task.parent,
                &task.state,
                &titled(task),
            );
        }
        for skip in found.skipped.iter().filter(|s| own(Some(s.pipeline_id))) {
            show::line(show::clean(&format!(
                "  {:>6}  {:<10} cycle {}  after {:<7} skipped: {}",
                "-",
                skip.stage.as_str(),
                skip.review_cycle,
                skip.after.to_string(),
                skip.why
            )));
        }
    }
    if found.tasks.is_empty() {
        show::line("no line of work");
    }
}

/// A title, what stands in the place of its task, and how far it is proven.
fn titled(task: &LineTask) -> String {
    format!(
        "{}{}{}",
        task.title,
        show::replaced(&task.replaced_by),
        show::level(task.trust)
    )
}

fn heading(pipeline: &Pipeline) -> String {
    let of = match (&pipeline.project, pipeline.goal) {
        (Some(project), Some(goal)) => format!(" ({project}, goal {goal})"),
        (Some(project), None) => format!(" ({project})"),
        (None, Some(goal)) => format!(" (goal {goal})"),
        (None, None) => String::new(),
    };
    let merged = match &pipeline.merged {
        Some(commit) => format!("merged as {}", commit.get(..12).unwrap_or(commit)),
        None => "not merged".into(),
    };
    let chain = |stages: &[Stage]| {
        let names: Vec<&str> = stages.iter().map(|s| s.as_str()).collect();
        names.join(" > ")
    };
    let instead = match &pipeline.stages_of_project {
        Some(project) => format!(
            " (a build of it ran without a cage: not the project's {})",
            chain(project)
        ),
        None => String::new(),
    };
    show::clean(&format!(
        "pipeline {} {}{of}: {merged}; stages {}{instead}",
        pipeline.pipeline_id,
        pipeline.title,
        chain(&pipeline.stages)
    ))
}

fn row(id: TaskId, stage: &str, cycle: &str, parent: Option<TaskId>, state: &str, title: &str) {
    let parent = parent.map_or_else(|| "-".to_owned(), |p| p.to_string());
    show::line(show::clean(&format!(
        "  {:>6}  {stage:<10} cycle {cycle}  from {parent:<8} {state:<17} {title}",
        id.to_string()
    )));
}

fn ask(home: &Home, op: Op, json: bool) -> Result<(), CliError> {
    let Outcome::Advanced {
        task,
        made,
        merging,
    } = door::ask(home, op)?
    else {
        return Err(CliError::new(
            Kind::Failed,
            "the factory answered something else than what followed",
        ));
    };
    if json {
        return show::json(&Moved {
            task,
            made,
            merging,
        });
    }
    for made in &made {
        mc::shown(home, *made)?;
    }
    match (made.is_empty(), merging) {
        (_, true) => show::line(format!("queued   {task} for the merge")),
        (true, false) => show::line(format!(
            "nothing  was made: `alai pipeline status {}` says why",
            task.0
        )),
        (false, false) => {}
    }
    if door::pulse(home).is_none() {
        show::message("no daemon runs; `alai up` goes on");
    }
    Ok(())
}
