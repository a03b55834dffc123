//! `alai minion enqueue`: asked for and not waited for.

use alai_core::ids::TaskId;
use alai_core::task::State;
use alai_factory::{Home, Life};
use serde::Serialize;

use crate::args::MinionWorkArgs;
use crate::error::CliError;
use crate::{door, show};

#[derive(Serialize)]
struct Enqueued {
    task: TaskId,
    state: State,
}

pub(super) fn enqueue(home: &Home, args: MinionWorkArgs) -> Result<(), CliError> {
    let json = args.json;
    let task = door::add(home, super::task(home, args)?)?;
    let found = door::reader(home)?.task(task)?;
    if json {
        show::json(&Enqueued {
            task,
            state: found.state,
        })?;
    } else {
        let line = alai_core::task::list_line(&found, found.state.as_str());
        show::line(show::clean(&line));
    }
    if let Some(waiting) = &found.waiting {
        show::message(&format!(
            "it waits for {}: {}",
            waiting.owner, waiting.next_action
        ));
    } else if matches!(door::life(home), Life::Down) {
        show::message("no daemon runs; `alai up` begins it");
    }
    Ok(())
}
