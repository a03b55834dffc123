//! `alai minion stop`: ends a run; its work is kept, its task waits.

use alai_core::ids::{RunId, TaskId};
use alai_core::task::{State, Waiting};
use alai_factory::{Home, Op};
use serde::Serialize;

use crate::error::CliError;
use crate::{door, show};

#[derive(Serialize)]
struct Stopped {
    run: RunId,
    task: TaskId,
    state: State,
    waiting: Option<Waiting>,
}

pub(super) fn stop(home: &Home, run: &str, text: String, json: bool) -> Result<(), CliError> {
    let run = super::find(home, run)?;
    door::ask(
        home,
        Op::Stop {
            run: run.id.clone(),
            text,
        },
    )?;
    let found = door::reader(home)?.task(run.task)?;
    if json {
        return show::json(&Stopped {
            run: run.id,
            task: found.id,
            state: found.state,
            waiting: found.waiting,
        });
    }
    let line = alai_core::task::list_line(&found, found.state.as_str());
    show::line(show::clean(&line));
    if let Some(waiting) = &found.waiting {
        show::line(format!("waits     {}", show::clean(&waiting.detail)));
        show::line(format!("next      {}", show::clean(&waiting.next_action)));
    }
    Ok(())
}
