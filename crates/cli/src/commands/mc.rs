//! `alai mc ...`: tasks.

use std::path::Path;
use std::process::ExitCode;

use alai_core::ids::{ProjectId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::pipeline::lineage;
use alai_core::qa::Verdict;
use alai_core::task::{State, Task, list_line};
use alai_core::why::Rule;
use alai_factory::trust::{self, Standing};
use alai_factory::{AddTask, Around, Home, Op, Outcome, Packs, TaskView, Views};
use alai_mission::{
    EventRow, Filter, MergeKind, NeedRow, Reader, RunRow, StepRow, StepState, Verification,
};
use alai_workspace::git;
use serde::Serialize;

use crate::args::{McAddArgs, McCommand, McListArgs};
use crate::commands::evidence::judges;
use crate::commands::{judge, qa, schedule, store, took};
use crate::error::{CliError, Kind};
use crate::{door, follow, show};

pub(crate) fn run(home: &Home, command: McCommand) -> Result<ExitCode, CliError> {
    match command {
        McCommand::Add(args) => add(home, *args)?,
        McCommand::List(args) => list(home, &args)?,
        McCommand::Show {
            task,
            explain,
            json,
        } => details(home, task, explain, json)?,
        McCommand::NextTask { json } => next_task(home, json)?,
        McCommand::Done { task, reason } => act(home, task, Event::Override, reason)?,
        McCommand::Approve(args) => {
            match judge::is_asked(home, args.task, &args.findings, &args.sarif)? {
                true => judge::passes(home, args)?,
                false => approve(home, args.task, args.text, args.wait)?,
            }
        }
        McCommand::Answer { task, text } => act(home, task, Event::Answer, text)?,
        McCommand::Retry { task, text } => {
            act(home, task, Event::Reopen, text.unwrap_or_default())?
        }
        McCommand::Pause { task } => act(home, task, Event::Pause, String::new())?,
        McCommand::Resume { task } => act(home, task, Event::Resume, String::new())?,
        McCommand::Cancel { task, reason } => {
            act(home, task, Event::Cancel, reason.unwrap_or_default())?
        }
        McCommand::Note { task, text } => {
            door::ask(home, Op::Note { task, text })?;
        }
        McCommand::Reject(args) => {
            match judge::is_asked(home, args.task, &args.findings, &args.sarif)? {
                true => judge::rejects(home, args)?,
                false => reject(home, args.task, args.text)?,
            }
        }
        McCommand::Claim { task } => ask(home, task, Op::Claim { task })?,
        McCommand::Ready { task, head } => ready(home, task, head)?,
        McCommand::Block { task, text, on } => ask(home, task, Op::Block { task, text, on })?,
        McCommand::Schedule(command) => schedule::run(home, command)?,
        McCommand::Redeliver => redeliver(home)?,
        McCommand::Search { words, limit, json } => search(home, &words, limit, json)?,
        McCommand::Stats {
            goal: Some(goal),
            json,
        } => took::run(home, goal, json)?,
        McCommand::Stats { goal: None, json } => store::stats(home, json)?,
        McCommand::Fsck => store::fsck(home)?,
        McCommand::Backup { file } => store::backup(home, &file)?,
        McCommand::Restore { file } => store::restore(home, &file)?,
        McCommand::Export => store::export(home)?,
        McCommand::Import => store::import(home)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn add(home: &Home, args: McAddArgs) -> Result<(), CliError> {
    let json = args.json;
    let task = door::add(home, task_of(home, args)?)?;
    let reader = door::reader(home)?;
    let task = reader.task(task)?;
    if json {
        return show::json(&task);
    }
    show::line(show::clean(&list_line(&task, task.state.as_str())));
    if let Some(waiting) = &task.waiting {
        show::line(format!(
            "waits for {}: {}",
            waiting.owner,
            show::clean(&waiting.next_action)
        ));
    }
    Ok(())
}

/// The task that these arguments ask for.
pub(crate) fn task_of(home: &Home, args: McAddArgs) -> Result<AddTask, CliError> {
    let project = match args.project {
        Some(path) => Some(door::project(home, path)?),
        None => here(home)?,
    };
    let inputs = door::inputs(args.inputs)?;
    Ok(AddTask {
        title: args.title,
        description: args.description,
        priority: args.priority,
        owner: args.owner,
        tags: args.tags,
        project,
        needs: args.needs,
        needs_done: args.needs_done,
        parent: args.parent,
        acceptance: args.acceptance,
        checks: args.checks,
        changes_tests: args.changes_tests,
        paths: args.paths,
        company: args.company,
        model: args.model,
        blueprint: args.blueprint,
        inputs,
        solo: false,
        hold: args.hold,
        sandbox: alai_core::cage::Sandbox::On,
    })
}

/// The registered project that the current folder lies in.
pub(crate) fn here(home: &Home) -> Result<Option<std::path::PathBuf>, CliError> {
    let Ok(folder) = std::env::current_dir() else {
        return Ok(None);
    };
    let found = door::reader(home)?.find_project("", Some(&folder))?;
    Ok(found.map(|p| p.path))
}

fn list(home: &Home, args: &McListArgs) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let project = match &args.project {
        Some(typed) => Some(project_of(&reader, typed)?),
        None => None,
    };
    let limit = (args.limit > 0).then_some(args.limit);
    let filter = Filter {
        tag: args.tag.clone(),
        state: args.status,
        owner: args.owner.clone(),
        goal: args.goal,
        project,
        kind: args.kind,
        priority: args.priority,
        alarmed: args.overdue,
        // Who asks for a tag asks for a product, of which most is done at the end.
        ended: args.all || args.tag.is_some(),
        after: args.after,
        limit,
    };
    let views = Views::new(&reader, door::now_ms(), Around::at_work());
    let tasks = reader.tasks(&filter)?;
    for task in &tasks {
        if args.json {
            show::json(&in_list(&views, task)?)?;
        } else {
            show::line(show::listed(&views, task)?);
        }
    }
    // A list that was cut says so, and how to go on.
    if let (Some(limit), Some(last)) = (limit, tasks.last())
        && tasks.len() >= limit as usize
    {
        show::message(&format!(
            "there may be more; `--after {}` goes on",
            last.id.0
        ));
    }
    Ok(())
}

/// The task with what people are told of it.
fn in_list(views: &Views<'_>, task: &Task) -> Result<serde_json::Value, CliError> {
    let mut object = serde_json::to_value(task).map_err(|e| CliError::new(Kind::Failed, e))?;
    let (shown, trust) = views.told(task)?;
    object["shown"] = shown.into();
    if let Some(level) = trust {
        object["trust"] = level.as_str().into();
    }
    Ok(object)
}

fn project_of(reader: &Reader, typed: &Path) -> Result<ProjectId, CliError> {
    let real = std::fs::canonicalize(typed).ok();
    let found = reader.find_project(&typed.to_string_lossy(), real.as_deref())?;
    found.map(|p| p.id).ok_or_else(|| {
        let message = format!("`{}` is no registered project", typed.display());
        CliError::new(Kind::NotFound, message).hinted("`alai project list` shows the projects")
    })
}

/// Carries out a verb on a task and shows where it stands.
fn ask(home: &Home, task: TaskId, op: Op) -> Result<(), CliError> {
    door::ask(home, op)?;
    shown(home, task)
}

pub(crate) fn shown(home: &Home, task: TaskId) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let task = reader.task(task)?;
    // What was just declared done is told like everything that is: as claimed.
    let line = match task.state == State::Done {
        true => show::listed(
            &Views::new(&reader, door::now_ms(), Around::at_work()),
            &task,
        )?,
        false => show::clean(&list_line(&task, task.state.as_str())),
    };
    show::line(line);
    Ok(())
}

/// A branch is meant as it stands where the person is: `HEAD` of his folder, not of wherever the daemon looks.
fn ready(home: &Home, task: TaskId, head: Option<String>) -> Result<(), CliError> {
    let head = match head {
        Some(named) => Some(commit_here(home, task, named)?),
        None => None,
    };
    ask(home, task, Op::Ready { task, head })
}

/// Resolved in the current folder, when that is a work tree of the task's own repository; otherwise as it was typed.
fn commit_here(home: &Home, task: TaskId, named: String) -> Result<String, CliError> {
    let reader = door::reader(home)?;
    let Some(project) = reader.task(task)?.project else {
        return Ok(named);
    };
    let project = reader.project(project)?;
    let (Ok(folder), Ok(theirs)) = (std::env::current_dir(), git::open(&project.path)) else {
        return Ok(named);
    };
    let Ok(here) = git::open(&folder) else {
        return Ok(named);
    };
    if here.common_dir() != theirs.common_dir() {
        return Ok(named);
    }
    let found = git::resolve(&here, &format!("{named}^{{commit}}"))
        .ok()
        .flatten();
    Ok(found.map_or(named, |oid| oid.to_string()))
}

fn reject(home: &Home, task: TaskId, text: String) -> Result<(), CliError> {
    let Outcome::Task { task: made, .. } = door::ask(home, Op::Reject { task, text })? else {
        return Err(CliError::new(
            Kind::Failed,
            "the factory answered something else than a task",
        ));
    };
    shown(home, task)?;
    if made != task {
        shown(home, made)?;
    }
    Ok(())
}

fn redeliver(home: &Home) -> Result<(), CliError> {
    let (dead, _why) = door::reader(home)?.dead_effects()?;
    door::ask(home, Op::ReviveEffects)?;
    show::line(format!("queued   {dead} effect(s) that were given up"));
    Ok(())
}

#[derive(Serialize)]
struct Details {
    view: TaskView,
    /// How far it is proven and what that rests on, with a look at the sealed package.
    trust: Option<Standing>,
    /// What gate and judges of its newest commit came to together.
    verdict: Option<Verdict>,
    /// Threads with the independent verifier along its line of work.
    verifications: Vec<Verification>,
    needs: Vec<NeedRow>,
    runs: Vec<RunRow>,
    /// Steps that came to no good end.
    steps: Vec<StepRow>,
    history: Vec<EventRow>,
}

fn details(home: &Home, id: TaskId, explain: bool, json: bool) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let views = Views::new(&reader, door::now_ms(), door::around(home)?);
    let runs = reader.runs_of(id)?;
    let mut steps = Vec::new();
    for run in &runs {
        let of = reader.steps(&run.id)?;
        steps.extend(of.into_iter().filter(|s| s.state != StepState::Done));
    }
    let mut view = views.task(id)?;
    let trust = trust::proven(&reader, home, &view.task)?;
    if let Some(standing) = &trust
        && view.task.state == State::Done
    {
        view.shown = standing.told_done().to_owned();
        view.trust = Some(standing.level);
    }
    let judged = judges::of_task(home, &view.task, &runs)?;
    let shown = Details {
        verdict: judged.map(|(_, verdict)| verdict),
        verifications: reader.verifications_of(lineage(&view.task))?,
        view,
        trust,
        needs: reader.needs(id)?,
        runs,
        steps,
        history: reader.events(id)?,
    };
    if json {
        return show::json(&shown);
    }
    let task = &shown.view.task;
    show::line(show::clean(&list_line(task, &shown.view.shown)));
    if let Some(Standing { level, because }) = &shown.trust {
        show::line(format!("trust    {level}: {}", show::clean(because)));
    }
    if let Some(verdict) = &shown.verdict {
        judges::told(verdict);
    }
    if !task.description.is_empty() && task.description != task.title {
        show::line(show::clean(&task.description));
    }
    for criterion in &task.acceptance {
        show::line(format!("accept   {}", show::clean(criterion)));
    }
    for check in &task.checks {
        show::line(format!("check    {}", show::clean(check)));
    }
    show_class(home, task, explain)?;
    for need in &shown.needs {
        let word = if need.satisfied { "met" } else { "not met" };
        let stands = views.shown(&reader.task(need.needs)?)?;
        show::line(format!(
            "needs    {} {} ({word}, {stands})",
            need.needs,
            need.until.as_str(),
        ));
    }
    for (name, commit) in [
        ("base", &task.base),
        ("head", &task.head),
        ("merged", &task.integrated),
    ] {
        if let Some(commit) = commit {
            show::line(format!("{name:<8} {commit}"));
        }
    }
    for finding in &task.findings {
        show::line(format!("finding  {}", show::clean(finding)));
    }
    for run in &shown.runs {
        show::line(format!(
            "run      {} epoch {} {}{} {} {}",
            run.id,
            run.epoch.0,
            run.mode.map_or("", alai_core::mode::Mode::as_str),
            show::sandbox(run.sandbox, " ", ""),
            run.company.as_deref().unwrap_or(""),
            show::clean(run.outcome.as_deref().unwrap_or("running"))
        ));
    }
    for thread in &shown.verifications {
        show::line(format!("verifier {}", qa::thread_line(thread)));
    }
    if explain {
        shown.runs.iter().for_each(show_choice);
    }
    for step in &shown.steps {
        show::line(format!(
            "step     {} of {} {} {}",
            step.key,
            step.run.short(),
            step.state.as_str(),
            show::clean(step.value.as_deref().unwrap_or_default())
        ));
    }
    for event in &shown.history {
        let states = match (event.from, event.to) {
            (Some(from), Some(to)) => format!(" {from} -> {to}"),
            _ => String::new(),
        };
        show::line(format!(
            "history  {} by {}{states} {}",
            event.kind,
            event.actor,
            show::clean(&event.detail)
        ));
    }
    show::line(format!(
        "next     {}: {}",
        shown.view.why.owner,
        show::clean(&shown.view.why.next_action)
    ));
    Ok(())
}

/// What sort of task it is, and by whose word a model would do it.
fn show_class(home: &Home, task: &Task, explain: bool) -> Result<(), CliError> {
    if let Some(pin) = &task.model_pin {
        show::line(format!("pinned   to {}", show::clean(&pin.to_string())));
    }
    if let Some(class) = &task.class {
        show::line(format!("class    {class}"));
    }
    if let Some(blueprint) = &task.blueprint {
        show::line(format!("walks    {}", show::clean(blueprint)));
    }
    for (name, value) in &task.inputs {
        show::line(format!(
            "input    {}",
            show::clean(&format!("{name} = {value}"))
        ));
    }
    if explain {
        let packs = Packs::load(home).map_err(|e| CliError::new(Kind::NeedsSetup, e))?;
        for reason in alai_factory::explain_route(&packs, task) {
            show::line(format!("company  {}", show::clean(&reason)));
        }
        for reason in alai_factory::explain(&packs, task) {
            show::line(format!("model    {}", show::clean(&reason)));
        }
    }
    Ok(())
}

/// Which model a run has, why, and how it was called.
fn show_choice(run: &RunRow) {
    let Some(model) = &run.model else { return };
    let answered = run.answered.as_ref().filter(|answered| *answered != model);
    let answered = answered.map_or(String::new(), |name| format!(", answered by {name}"));
    let pipeline = run.pipeline.as_deref().unwrap_or("-");
    let choice = run.choice.as_deref().unwrap_or("-");
    show::line(format!(
        "asked    {} {} by {}: {}",
        run.id.short(),
        show::clean(&format!("{model}{answered}")),
        show::clean(pipeline),
        show::clean(choice)
    ));
}

/// The task whose turn it is; what keeps it is said in the words of `alai why`.
fn next_task(home: &Home, json: bool) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let views = Views::new(&reader, door::now_ms(), door::around(home)?);
    let Some(TaskView {
        task, shown, why, ..
    }) = views.next_task()?
    else {
        return Err(CliError::new(Kind::NotFound, "nothing is eligible")
            .hinted("`alai mc list` shows what is open; `alai why ID` says what it waits for"));
    };
    let kept = !matches!(why.rule, Rule::Eligible | Rule::HandedIn);
    if kept {
        show::message(&format!(
            "{} is not handed out now: {}; {}: {}",
            task.id, why.text, why.owner, why.next_action
        ));
    }
    match json {
        true => {
            let failed = |e| CliError::new(Kind::Failed, e);
            let mut object = serde_json::to_value(&task).map_err(failed)?;
            object["why"] = serde_json::to_value(&why).map_err(failed)?;
            show::json(&object)
        }
        false => {
            show::line(show::clean(&list_line(&task, &shown)));
            Ok(())
        }
    }
}

fn search(home: &Home, words: &str, limit: u32, json: bool) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let found = reader.search(words, limit)?;
    if found.is_empty() {
        let hint = "all the words must be in one task; `alai mc list --all` shows every task";
        return Err(CliError::new(Kind::NotFound, format!("no task has `{words}`")).hinted(hint));
    }
    let views = Views::new(&reader, door::now_ms(), Around::at_work());
    for hit in &found {
        if json {
            show::json(hit)?;
            continue;
        }
        let task = &hit.task;
        show::line(show::listed(&views, task)?);
        show::line(format!(
            "     {}",
            show::clean(&hit.excerpt.replace('\n', " "))
        ));
    }
    Ok(())
}

fn act(home: &Home, task: TaskId, event: Event, text: String) -> Result<(), CliError> {
    ask(home, task, Op::Act { task, event, text })
}

fn approve(home: &Home, task: TaskId, text: Option<String>, wait: bool) -> Result<(), CliError> {
    if let Some(text) = text {
        door::ask(home, Op::Note { task, text })?;
    }
    let head = match door::ask(home, Op::Approve { task })? {
        Outcome::Delivering { head, .. } => head,
        Outcome::Task { task, state } => return let_in(home, task, state, wait),
        Outcome::Project { .. }
        | Outcome::Advanced { .. }
        | Outcome::Recovered { .. }
        | Outcome::Told { .. }
        | Outcome::Session { .. }
        | Outcome::Testing { .. }
        | Outcome::Done => {
            return Err(CliError::new(
                Kind::Failed,
                "the factory answered something else than a delivery",
            ));
        }
    };
    if wait || door::pulse(home).is_none() {
        follow::alone_until_settled(home, task)?;
        let reader = door::reader(home)?;
        follow::end_of(&reader, task)?;
        // What people did meanwhile is part of it: the branch may stand at another commit than the one that was asked for.
        let delivered = reader
            .merges_of(task)?
            .into_iter()
            .rfind(|m| m.kind == MergeKind::Deliver && m.head == head);
        show::line(
            delivered
                .and_then(|m| m.outcome)
                .unwrap_or_else(|| format!("{head} is there")),
        );
        return Ok(());
    }
    show::line(format!("queued: the target branch moves to {head}"));
    Ok(())
}

/// What was made without a cage is let into its review.
fn let_in(
    home: &Home,
    task: TaskId,
    state: alai_core::task::State,
    wait: bool,
) -> Result<(), CliError> {
    show::line(format!(
        "{task} is {state}; its review and its merge follow"
    ));
    if wait {
        follow::until_settled(home, task)?;
        return follow::end_of(&door::reader(home)?, task);
    }
    if door::pulse(home).is_none() {
        show::message("no daemon runs; `alai up` goes on");
    }
    Ok(())
}
