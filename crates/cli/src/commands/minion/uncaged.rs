//! `alai minion run --sandbox off`: the one door to a run without a cage.

use alai_core::cage::Sandbox;
use alai_core::ids::TaskId;
use alai_factory::{Home, Life};
use alai_workspace::cage;

use crate::args::MinionWorkArgs;
use crate::error::{CliError, Kind};
use crate::{door, follow, show};

/// What a person must have read. The lines are few, so that they are.
const BANNER: [&str; 7] = [
    "--sandbox off: THIS AGENT RUNS WITHOUT A CAGE.",
    "  It sees every process of this machine, and may talk to every server that this machine reaches: what it reads can leave.",
    "  It reads every file that any user may read, and writes wherever any user may write.",
    "  Nothing bounds its memory and disk in all, and what it asked another service to do goes on after its end.",
    "  Its record promises nothing. Withheld are this home, every other run, and every privilege.",
    "  Its gate keeps its cage, and passes nothing by itself: you judge what it made, with `alai mc approve`.",
    "  It is for this one run.",
];

/// Adds the task and does its one run, in this process and no other.
pub(super) fn run(home: &Home, args: MinionWorkArgs) -> Result<TaskId, CliError> {
    if cage::agent_ids().is_none() {
        let message = "--sandbox off needs root: only root can give the run a user of its own, and under your own user the agent \
                       could read the key that signs evidence, write to the store, and look into the gate's cage";
        return Err(CliError::new(Kind::NeedsSetup, message).hinted(
            "start it as root with a home of root's own, or leave --sandbox off out: the cage works for a normal user",
        ));
    }
    door::needs_home(home)?;
    if !matches!(door::life(home), Life::Down) {
        let message = "--sandbox off is for the process that you start yourself, and another one works on this home";
        return Err(CliError::new(Kind::Usage, message)
            .hinted("`alai down` ends the daemon; start it again with `alai up` afterwards"));
    }
    let mut task = super::task(home, args)?;
    task.sandbox = Sandbox::Off;
    BANNER.iter().for_each(|line| show::message(line));
    let factory = door::factory(home)?;
    // Never over the socket: the request does not carry it.
    let task = door::add_here(&factory, task)?;
    factory.uncage_once(task);
    factory.dispatch_only(task);
    follow::work(&factory, &[task])?;
    Ok(task)
}
