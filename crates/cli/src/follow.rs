//! Watching a goal: its events as lines a person can follow, and how it came to rest.

use std::sync::Arc;
use std::time::Duration;

use alai_core::ids::TaskId;
use alai_core::task::{State, Task, TaskKind, WaitReason};
use alai_factory::{AddTask, Around, Factory, Home, Views};
use alai_mission::{EventRow, Filter, Reader};

use crate::error::{CliError, Kind};
use crate::{door, show};

/// How often the rows are read while a daemon does the work.
const POLL: Duration = Duration::from_millis(150);
/// Ten seconds: a thread that takes longer to end hangs, and the lock's own error names it.
const ENDS_TRIES: u32 = 67;

/// Does or watches the work on `task` until nothing of it can go on by itself. Progress goes to standard error.
pub(crate) fn until_settled(home: &Home, task: TaskId) -> Result<(), CliError> {
    if door::pulse(home).is_some() {
        return watch(home, task);
    }
    let factory = door::factory(home)?;
    work(&factory, &[task])
}

/// The same for one task and for nothing else: without a daemon, no other task is started and nothing else is merged.
pub(crate) fn alone_until_settled(home: &Home, task: TaskId) -> Result<(), CliError> {
    if door::pulse(home).is_some() {
        return watch(home, task);
    }
    let factory = door::factory(home)?;
    factory.dispatch_only(task);
    work(&factory, &[task])
}

/// Adds a task and sees it to its end, as [`alone_until_settled`]: the factory that takes it in is the one that does it.
pub(crate) fn add_and_settle(home: &Home, task: AddTask) -> Result<TaskId, CliError> {
    if door::pulse(home).is_some() {
        let task = door::add(home, task)?;
        watch(home, task)?;
        return Ok(task);
    }
    let factory = door::factory(home)?;
    let task = door::add_here(&factory, task)?;
    factory.dispatch_only(task);
    work(&factory, &[task])?;
    Ok(task)
}

/// Does or watches the work on a goal's specification alone, until there is a plan or it waits.
pub(crate) fn until_planned(home: &Home, spec: TaskId) -> Result<(), CliError> {
    if door::pulse(home).is_some() {
        return watch(home, spec);
    }
    let factory = door::factory(home)?;
    let planned = only(&factory, spec);
    let left = Arc::downgrade(&factory);
    drop(factory);
    // The home is free when the last of its threads has ended; who goes on opens it again.
    for _ in 0..ENDS_TRIES {
        if left.strong_count() == 0 {
            break;
        }
        std::thread::sleep(POLL);
    }
    planned
}

fn watch(home: &Home, task: TaskId) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    door::take_signals()?;
    // What a person sent to his editor was none to this.
    let _before = door::interrupted();
    let mut printer = Printer::new(&[task]);
    loop {
        printer.print(&reader)?;
        if reader.resting(task)? {
            return printer.print(&reader);
        }
        if door::interrupted() {
            return Err(
                CliError::new(Kind::Interrupted, "stopped watching; the daemon goes on")
                    .hinted(format!("`alai why {}` says where it stands", task.0)),
            );
        }
        if door::pulse(home).is_none() {
            return Err(
                CliError::new(Kind::Unreachable, "the daemon is gone; nothing is lost")
                    .hinted("`alai up` goes on where it stopped"),
            );
        }
        std::thread::sleep(POLL);
    }
}

/// The same loop as the daemon's, in this process, until all these tasks have come to rest. One that needs another stands behind it.
pub(crate) fn work(factory: &Arc<Factory>, tasks: &[TaskId]) -> Result<(), CliError> {
    let mut printer = Printer::new(tasks);
    let mut failed = None;
    let mut settled = false;
    let ended = factory.run_until(|factory| {
        let done = printer
            .print(factory.mission())
            .and_then(|()| all_resting(factory.mission(), tasks));
        match done {
            Ok(done) => {
                settled = done;
                done
            }
            Err(e) => {
                failed = Some(e);
                true
            }
        }
    });
    ended?;
    printer.print(factory.mission())?;
    match failed {
        Some(e) => Err(e),
        None if settled => Ok(()),
        None => Err(
            CliError::new(Kind::Interrupted, "interrupted; nothing is lost")
                .hinted("`alai up` goes on where it stopped"),
        ),
    }
}

fn all_resting(reader: &Reader, tasks: &[TaskId]) -> Result<bool, CliError> {
    for task in tasks {
        if !reader.resting(*task)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How a task came to rest, as the exit of the command that waited for it.
pub(crate) fn end_of(reader: &Reader, task: TaskId) -> Result<(), CliError> {
    let found = reader.task(task)?;
    let why = Views::new(reader, door::now_ms(), Around::at_work())
        .task(task)?
        .why;
    if matches!(why.rule.as_str(), "merge_refused" | "delivery_refused") {
        let message = format!("{task} waits for {}: {}", why.owner, show::clean(&why.text));
        return Err(CliError::new(Kind::Waiting, message).hinted(why.next_action));
    }
    let waits = waiting_in(reader, &found)?;
    match found.state {
        State::Done if found.kind == TaskKind::Goal || found.integrated.is_some() || found.solo => {
            Ok(())
        }
        State::Failed | State::Cancelled => Err(CliError::new(
            Kind::Failed,
            format!("{task} is {}", found.state),
        )
        .hinted(format!("`alai why {}`", task.0))),
        State::Done
        | State::Open
        | State::Started
        | State::ReadyForReview
        | State::Waiting
        | State::Paused => match waits
            .first()
            .and_then(|t| t.waiting.as_ref().map(|w| (t, w)))
        {
            Some((task, waiting)) => {
                let gate = matches!(
                    waiting.reason,
                    WaitReason::QaRetries | WaitReason::GateUndecided
                );
                let kind = if waiting.reason == WaitReason::Budget {
                    Kind::Budget
                } else if gate {
                    Kind::Gate
                } else {
                    Kind::Waiting
                };
                let message = format!(
                    "{} waits for {}: {}",
                    task.id,
                    waiting.owner,
                    show::clean(&waiting.detail)
                );
                Err(CliError::new(kind, message).hinted(waiting.next_action.clone()))
            }
            None if found.state == State::Done => Ok(()),
            None => {
                let message = format!("{task} is {} and cannot go on by itself", found.state);
                Err(CliError::new(Kind::Waiting, message).hinted(format!("`alai why {}`", task.0)))
            }
        },
    }
}

fn waiting_in(reader: &Reader, task: &Task) -> Result<Vec<Task>, CliError> {
    let mut waits = if task.waiting.is_some() {
        vec![task.clone()]
    } else {
        Vec::new()
    };
    let goal = if task.kind == TaskKind::Goal {
        Some(task.id)
    } else {
        None
    };
    let filter = Filter {
        state: Some(State::Waiting),
        goal,
        ..Filter::default()
    };
    let lineage = |t: &Task| t.parent == Some(task.id) || t.lineage == Some(task.id);
    let rest = reader
        .tasks(&filter)?
        .into_iter()
        .filter(|t| t.id != task.id);
    waits.extend(rest.filter(|t| goal.is_some() || lineage(t)));
    Ok(waits)
}

/// Prints what happened since it last looked.
struct Printer {
    /// The task whose family it tells of; none for everything.
    root: Option<TaskId>,
    seen: i64,
}

impl Printer {
    fn new(tasks: &[TaskId]) -> Printer {
        let root = match tasks {
            [root] => Some(*root),
            _ => None,
        };
        Printer { root, seen: 0 }
    }

    #[expect(
        clippy::print_stderr,
        reason = "progress is for people and goes beside the data"
    )]
    fn print(&mut self, reader: &Reader) -> Result<(), CliError> {
        for event in reader.events_since(self.seen, self.root)? {
            self.seen = event.seq;
            let Some(id) = event.task else { continue };
            let task = reader.task(id)?;
            if let Some(text) = sentence(&task, &event) {
                eprintln!("{}", show::clean(&text));
            }
        }
        Ok(())
    }
}

/// One line per step that a person cares about.
fn sentence(task: &Task, event: &EventRow) -> Option<String> {
    let head = format!("{:>5} {:<10}", task.id.to_string(), task.kind.as_str());
    let detail = first_line(&event.detail);
    let tail = match (event.kind.as_str(), event.to) {
        ("created", _) => format!("new      {}", task.title),
        ("claim", _) => format!("started  {}", task.title),
        ("deliver", _) => "gate     a fresh clone, the base's tests, no network".to_owned(),
        ("complete", _) => format!("done     {detail}"),
        ("retry", _) => format!("again    {detail}"),
        ("lease_lost", _) => format!("again    {detail}"),
        ("ask", _) => format!("waits    {detail}"),
        ("answer", _) => "goes on".to_owned(),
        ("integrated", _) => format!("merged   {}", detail.get(..12).unwrap_or(detail)),
        ("merge_queued", _) => "queued   for the merge".to_owned(),
        ("roll_up" | "approve" | "delivered", _) => format!("done     {detail}"),
        ("override", _) => format!("claimed  {detail}"),
        ("cancel" | "fail", Some(state)) => format!("{state}  {detail}"),
        _ => return None,
    };
    Some(format!("{head} {tail}"))
}

fn first_line(text: &str) -> &str {
    let line = text.lines().next().unwrap_or(text);
    line.char_indices()
        .nth(140)
        .map_or(line, |(at, _)| line.get(..at).unwrap_or(line))
}

/// Does the work on one task and on nothing else, until it has ended or waits.
pub(crate) fn only(factory: &Arc<Factory>, task: TaskId) -> Result<(), CliError> {
    factory.dispatch_only(task);
    let resting = |factory: &Factory| {
        let state = factory.mission().task(task).map(|t| t.state);
        !matches!(
            state,
            Ok(State::Open | State::Started | State::ReadyForReview)
        )
    };
    factory.run_until(resting)?;
    match resting(factory) {
        true => Ok(()),
        false => Err(
            CliError::new(Kind::Interrupted, "interrupted; nothing is lost")
                .hinted("`alai up` goes on where it stopped"),
        ),
    }
}
