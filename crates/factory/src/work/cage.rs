//! One agent in its cage: the cage is made, the hand is put into it, the blueprint is walked, everything is ended.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alai_core::brief::Brief;
use alai_core::record::Exit;
use alai_minion::hand::Hand;
use alai_minion::{ExitStatus, Means, Passes, Recorder, RunReport};
use alai_workspace::cage::{self, Access, Bind, CageSpec, LAUNCHER_INSIDE, Limits, Network};
use alai_workspace::clone::{INSIDE_HOME, INSIDE_REPO};
use alai_workspace::command::Cancel;
use alai_workspace::setup;

use super::{Calls, Desk};
use crate::beat::Factory;
use crate::run::RunError;

/// The word after which our own executable is an agent's hand.
const HAND: &str = "__hand";

/// Seconds that a cage outlives its run's limit: the last commit of a large tree may take ten minutes.
const CAGE_GRACE_S: u64 = 900;

/// Where one agent works.
pub(super) struct Place<'a> {
    pub(super) clone: &'a Path,
    pub(super) home: &'a Path,
    /// Reviewers read; what they write is refused by the mount.
    pub(super) access: Access,
    pub(super) trajectory: &'a Path,
    pub(super) passes: Passes<'a>,
    /// Told each time that a burst of calls is over and what came of it is committed.
    pub(super) settled: &'a dyn Fn(),
}

/// Lets an agent work. What it did is in the clone; what happened is in the report and the trajectory.
pub(super) fn agent(
    factory: &Arc<Factory>,
    desk: &Desk,
    brief: &Brief,
    place: &Place<'_>,
    cancel: &Cancel,
) -> Result<RunReport, RunError> {
    let toolchains = factory.toolchains();
    let bind = |outside: &Path, inside: &str, access| Bind {
        outside: outside.to_path_buf(),
        inside: PathBuf::from(inside),
        access,
    };
    let mut env = setup::run_env(&toolchains);
    env.extend(alai_gate::census::runner_env());
    let spec = CageSpec {
        binds: vec![
            bind(place.clone, INSIDE_REPO, place.access),
            bind(place.home, INSIDE_HOME, Access::ReadWrite),
        ],
        cwd: PathBuf::from(INSIDE_REPO),
        env,
        network: Network::Loopback,
        limits: Limits {
            // The run's own limit comes first: it says why, and keeps the work. The cage's ends what does not heed it.
            wall_s: brief.limits.wall_s_max + CAGE_GRACE_S,
            ..Limits::default()
        },
        uid: cage::agent_ids(),
        toolchains: toolchains.binds.clone(),
        path: toolchains.path.clone(),
    };
    let argv = [LAUNCHER_INSIDE.to_owned(), HAND.to_owned()];
    alai_workspace::crash::point("agent.before");
    let mut caged = cage::spawn(&spec, &argv).map_err(RunError::infra)?;
    alai_workspace::crash::point("agent.after");
    let layers = caged.layers().to_vec();
    let (Some(to_hand), Some(from_hand)) = (caged.stdin.take(), caged.stdout.take()) else {
        return Err(RunError::infra("the agent's cage has no pipes"));
    };
    let mut hand = Hand::start(to_hand, from_hand, layers, cancel).map_err(RunError::infra)?;
    let mut recorder = Recorder::create(place.trajectory).map_err(RunError::infra)?;
    let mut calls = Calls::new(factory, desk, cancel);
    let mut ask = |request: &alai_fleet::ChatRequest| {
        let called = |m: &alai_fleet::Message| matches!(m, alai_fleet::Message::Assistant { .. });
        if request.messages.iter().any(called) {
            (place.settled)();
        }
        calls.chat(request)
    };
    let model = desk.chosen.model.clone();
    let means = Means {
        profile: &desk.chosen.profile,
        model: &model,
        ask: &mut ask,
        hand: &mut hand,
        recorder: &mut recorder,
        cancel,
        passes: place.passes,
    };
    let mut report = alai_minion::run(brief, means);
    drop(hand);
    caged.kill().map_err(RunError::infra)?;
    // A hand that is gone says nothing of why; its cage knows which limit ended it.
    if let (ExitStatus::Killed { detail }, Ok(over @ Exit::OverLimit { .. })) =
        (&mut report.status, caged.wait())
    {
        *detail = format!("its cage was ended: it {over} ({detail})");
    }
    calls.end()?;
    if cancel.is_cancelled() {
        return Err(if factory.stopping() {
            RunError::Stopping
        } else {
            RunError::Lost
        });
    }
    Ok(report)
}
