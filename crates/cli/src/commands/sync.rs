//! `alai project sync`: people's work on the target branch comes to what is merged.

use std::time::Duration;

use alai_factory::{Home, Op, Synced};
use alai_mission::{Project, SyncEnd};

use crate::error::{CliError, Kind};
use crate::{door, show};

/// How often the rows are read while the daemon does it.
const POLL: Duration = Duration::from_millis(150);

pub(crate) fn run(home: &Home, project: &Project) -> Result<(), CliError> {
    let branch = show::clean(&project.target_branch);
    if alai_factory::holds(project)? {
        show::line(format!("{branch} has nothing that is not taken over"));
        return Ok(());
    }
    if door::pulse(home).is_none() {
        let factory = door::factory(home)?;
        let synced = factory.sync(project);
        factory.stop();
        return match synced? {
            Synced::Holds => Ok(()),
            Synced::TakenOver(commit) => {
                show::line(format!("{branch} is taken over as {commit}"));
                Ok(())
            }
            Synced::Conflict { words, .. } | Synced::Refused(words) => Err(refused(&words)),
        };
    }
    asked(home, project)
}

/// The daemon does it; what it says of it is in the store.
fn asked(home: &Home, project: &Project) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let before = reader.last_sync(project.id)?.map_or(0, |(_, _, seq)| seq);
    door::ask(
        home,
        Op::SyncProject {
            project: project.name.clone(),
        },
    )?;
    loop {
        // That it is taken over is written down before it is: the branches say when.
        if let Some((SyncEnd::Refused, words, seq)) = reader.last_sync(project.id)?
            && seq > before
        {
            return Err(refused(&words));
        }
        if alai_factory::holds(project)? {
            show::line(format!(
                "{} is taken over",
                show::clean(&project.target_branch)
            ));
            return Ok(());
        }
        if door::pulse(home).is_none() {
            let error = CliError::new(Kind::Unreachable, "the daemon is gone; nothing is lost");
            return Err(error.hinted("give the command again"));
        }
        std::thread::sleep(POLL);
    }
}

fn refused(words: &str) -> CliError {
    CliError::new(Kind::Waiting, show::clean(words))
        .hinted("nothing was moved; `alai mc list --tag sync` shows who joins both sides")
}
