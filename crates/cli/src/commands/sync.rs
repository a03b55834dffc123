//! `alai project sync`: people's work on the target branch comes to what is merged.

use std::sync::Arc;
use std::time::Duration;

use alai_factory::{Factory, Home, Op, Synced};
use alai_mission::{Project, SyncEnd};

use crate::error::{CliError, Kind};
use crate::{door, show};

/// How often the rows are read while the daemon does it.
const POLL: Duration = Duration::from_millis(150);

pub(crate) fn run(home: &Home, project: &Project) -> Result<(), CliError> {
    let far = project.settings.fetches() || project.settings.delivery.way().is_some();
    let failed = match door::pulse(home) {
        None => alone(home, project, far)?,
        Some(_) => by_daemon(home, project, far)?,
    };
    match failed.is_empty() {
        true => Ok(()),
        // What is here was taken over all the same.
        false => Err(CliError::new(Kind::Failed, show::clean(&failed.join("; ")))
            .hinted("work goes on from what there is; give the command again when that is mended")),
    }
}

/// What is due at the remote and here, under one lock. Answers with what the remote did not do.
fn alone(home: &Home, project: &Project, far: bool) -> Result<Vec<String>, CliError> {
    if !far && alai_factory::holds(project)? {
        nothing_to_take(project);
        return Ok(Vec::new());
    }
    let factory = door::factory(home)?;
    let failed = both(&factory, project, far);
    factory.stop();
    failed
}

fn both(factory: &Arc<Factory>, project: &Project, far: bool) -> Result<Vec<String>, CliError> {
    let mut failed = Vec::new();
    if far {
        let looked = factory.look_at_remote(project)?;
        for said in looked.said {
            show::line(show::clean(&said));
        }
        failed = looked.failed;
    }
    if alai_factory::holds(project)? {
        nothing_to_take(project);
        return Ok(failed);
    }
    match factory.sync(project)? {
        Synced::Holds => {}
        Synced::TakenOver(commit) => {
            let branch = show::clean(&project.target_branch);
            show::line(format!("{branch} is taken over as {commit}"));
        }
        Synced::Conflict { words, .. } | Synced::Refused(words) => return Err(refused(&words)),
    }
    Ok(failed)
}

/// The same by the daemon.
fn by_daemon(home: &Home, project: &Project, far: bool) -> Result<Vec<String>, CliError> {
    let failed = match far {
        true => remote(home, project)?,
        false => Vec::new(),
    };
    match alai_factory::holds(project)? {
        true => nothing_to_take(project),
        false => asked(home, project)?,
    }
    Ok(failed)
}

fn nothing_to_take(project: &Project) {
    let branch = show::clean(&project.target_branch);
    show::line(format!("{branch} has nothing that is not taken over"));
}

fn remote(home: &Home, project: &Project) -> Result<Vec<String>, CliError> {
    let reader = door::reader(home)?;
    let before = reader.last_remote(project.id)?.map_or(0, |(_, seq)| seq);
    ask(home, project)?;
    loop {
        if let Some((failed, seq)) = reader.last_remote(project.id)?
            && seq > before
        {
            return Ok({ Some(failed) }
                .filter(|failed| !failed.is_empty())
                .into_iter()
                .collect());
        }
        still_up(home)?;
        std::thread::sleep(POLL);
    }
}

/// The daemon does it; what it says of it is in the store.
fn asked(home: &Home, project: &Project) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let before = reader.last_sync(project.id)?.map_or(0, |(_, _, seq)| seq);
    ask(home, project)?;
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
        still_up(home)?;
        std::thread::sleep(POLL);
    }
}

fn ask(home: &Home, project: &Project) -> Result<(), CliError> {
    let project = project.name.clone();
    door::ask(home, Op::SyncProject { project }).map(|_| ())
}

fn still_up(home: &Home) -> Result<(), CliError> {
    match door::pulse(home) {
        Some(_) => Ok(()),
        None => Err(
            CliError::new(Kind::Unreachable, "the daemon is gone; nothing is lost")
                .hinted("give the command again"),
        ),
    }
}

fn refused(words: &str) -> CliError {
    CliError::new(Kind::Waiting, show::clean(words))
        .hinted("nothing was moved; `alai mc list --tag sync` shows who joins both sides")
}
