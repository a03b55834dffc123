//! One agent in its cage: the cage is made, the hand is put into it, the blueprint is walked, everything is ended.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alai_core::brief::Brief;
use alai_core::delegation::{Delegations, Frame};
use alai_core::record::Exit;
use alai_minion::engine::{self, Launch, Question};
use alai_minion::hand::{Hand, SCRATCH_VARIABLE};
use alai_minion::mcp::{Patience, Servers};
use alai_minion::{Ahead, ExitStatus, Means, Passes, Recorder, RunReport, Word};
use alai_mission::Project;
use alai_workspace::cage::{
    self, Access, Bind, CageSpec, LAUNCHER_INSIDE, Limits, Network, RunUser, Scope, Scoped,
    Standing,
};
use alai_workspace::clone::{INSIDE_HOME, INSIDE_REPO};
use alai_workspace::command::Cancel;
use alai_workspace::services::{self, Then};
use alai_workspace::setup;

use super::lead::Notes;
use super::program::Hired;
use super::servers::Lent;
use super::{Calls, Desk, session, uncaged};
use crate::beat::Factory;
use crate::learned;
use crate::run::RunError;

/// The word after which our own executable is an agent's hand.
const HAND: &str = "__hand";

/// Seconds that a cage outlives its run's limit: the last commit of a large tree may take ten minutes.
const CAGE_GRACE_S: u64 = 900;

/// Where one agent works.
pub(super) struct Place<'a> {
    pub(super) project: &'a Project,
    pub(super) clone: &'a Path,
    pub(super) home: &'a Path,
    pub(super) writes: Writes<'a>,
    pub(super) trajectory: &'a Path,
    pub(super) passes: Passes<'a>,
    /// Whom it runs as, when a person wants it without a cage.
    pub(super) uncaged: Option<&'a RunUser>,
    /// By what a lead's proposals are judged; none where nobody may hand anything out.
    pub(super) delegates: Option<Frame>,
    /// Holds the work against the base while the run goes on.
    pub(super) ahead: Option<Ahead<'a>>,
    /// Told each time that a burst of calls is over and what came of it is committed.
    pub(super) settled: &'a dyn Fn(),
    /// Its cage, where one was begun while the clone was made.
    pub(super) standing: Cell<Option<Standing>>,
}

/// What of its clone an agent may write. Mounts hold it, as far as they can.
pub(super) enum Writes<'a> {
    /// Reviewers read.
    Nothing,
    /// Builders write the paths of their task.
    Scope(Scope<'a>),
    /// Leads write their company's own notes, and read the clone.
    Notes(&'a Notes),
    /// Who is asked for a plan reads both.
    Reads(&'a Notes),
}

/// A clone that is read-only as a whole, beside the names of the layers.
const READ_ONLY: &str = "scope:read-only";
/// A clone that is read-only, and the notes of a lead's company, which are writable.
const NOTES: &str = "scope:company-notes";
/// Where a lead finds its company's notes.
const INSIDE_COMPANY: &str = "/company";
/// What a lead's run may write in all: notes, and what its commands leave in its private home.
const LEAD_BYTES_MAX: u64 = 1 << 30;
const LEAD_FILES_MAX: u64 = 100_000;

/// A company's notes, where a lead finds them.
fn of_company(notes: &Notes, access: Access) -> impl Iterator<Item = Bind> {
    notes.folders.iter().map(move |(name, outside)| Bind {
        outside: outside.clone(),
        inside: Path::new(INSIDE_COMPANY).join(name),
        access,
    })
}

/// How the clone is shown, and how far that holds what the agent may write.
fn shown(place: &Place<'_>) -> Result<Scoped, RunError> {
    let inside = Path::new(INSIDE_REPO);
    let read = || Bind {
        outside: place.clone.to_path_buf(),
        inside: inside.to_path_buf(),
        access: Access::ReadOnly,
    };
    match &place.writes {
        Writes::Nothing => Ok(Scoped {
            binds: vec![read()],
            layer: READ_ONLY,
        }),
        Writes::Notes(notes) => Ok(Scoped {
            binds: std::iter::once(read())
                .chain(of_company(notes, Access::ReadWrite))
                .collect(),
            layer: NOTES,
        }),
        Writes::Reads(notes) => Ok(Scoped {
            binds: std::iter::once(read())
                .chain(of_company(notes, Access::ReadOnly))
                .collect(),
            layer: READ_ONLY,
        }),
        Writes::Scope(scope) => {
            cage::builder_binds(place.clone, inside, scope, uncaged::owner(place.uncaged))
                .map_err(RunError::infra)
        }
    }
}

/// What people have said to the run since its agent last asked. A store that gives no answer keeps them for the next turn.
fn said(factory: &Arc<Factory>, desk: &Desk) -> Vec<Word> {
    let taken = factory.mission().take_words(&desk.fence, factory.now_ms());
    let words = taken.unwrap_or_else(|e| {
        tracing::warn!("run {}: no words taken: {e}", desk.fence.run);
        Vec::new()
    });
    let word = |said: alai_mission::SaidWord| Word {
        number: said.seq,
        by: said.actor,
        text: said.text,
    };
    words.into_iter().map(word).collect()
}

/// The cage around an agent that has one, for a run of at most so many seconds, with these mounts of its clone.
fn usual(
    factory: &Arc<Factory>,
    project: &Project,
    home: &Path,
    wall_s_max: u64,
    mut binds: Vec<Bind>,
) -> CageSpec {
    let toolchains = factory.toolchains();
    binds.push(Bind {
        outside: home.to_path_buf(),
        inside: PathBuf::from(INSIDE_HOME),
        access: Access::ReadWrite,
    });
    let mut env = setup::run_env(&toolchains);
    env.extend(project.settings.surroundings.env());
    env.extend(alai_gate::census::runner_env());
    CageSpec {
        binds,
        cwd: PathBuf::from(INSIDE_REPO),
        env,
        network: Network::Loopback,
        limits: Limits {
            // The run's own limit comes first: it says why, and keeps the work. The cage's ends what does not heed it.
            wall_s: wall_s_max + CAGE_GRACE_S,
            ..Limits::default()
        },
        uid: uncaged::owner(None),
        toolchains: toolchains.binds,
        path: toolchains.path,
    }
}

/// The cage around an agent, and how far its mounts hold what the agent may write.
fn cage_of(
    factory: &Arc<Factory>,
    brief: &Brief,
    place: &Place<'_>,
) -> Result<(CageSpec, &'static str), RunError> {
    let Scoped { binds, layer } = shown(place)?;
    let wall_s_max = brief.limits.wall_s_max;
    let mut spec = usual(factory, place.project, place.home, wall_s_max, binds);
    if place.uncaged.is_some() {
        spec.uid = uncaged::owner(place.uncaged);
        // The machine's own /tmp is everybody's.
        let scratch = format!("{INSIDE_HOME}/.alai-tmp");
        let hand = format!("{scratch}/hand");
        spec.env.push((SCRATCH_VARIABLE.to_owned(), hand));
        spec.env.push(("TMPDIR".to_owned(), scratch));
    }
    if let Writes::Notes(_) = place.writes {
        spec.limits.disk_bytes_max = LEAD_BYTES_MAX;
        spec.limits.disk_files_max = LEAD_FILES_MAX;
    }
    Ok((spec, layer))
}

/// The program of an agent's cage: its hand, behind the project's services.
fn program(project: &Project) -> Vec<String> {
    let argv = [LAUNCHER_INSIDE.to_owned(), HAND.to_owned()];
    let services = &project.settings.surroundings.services;
    services::with_services(services, &argv, Then::Become)
}

/// Begins an agent's cage whose clone and home are still being filled; none where that cannot be, which is then said when it is needed.
pub(super) fn stand(
    factory: &Arc<Factory>,
    project: &Project,
    home: &Path,
    wall_s_max: u64,
    scoped: Scoped,
) -> Option<Standing> {
    let spec = usual(factory, project, home, wall_s_max, scoped.binds);
    cage::stand(&spec, &program(project))
        .inspect_err(|e| tracing::debug!("no cage is begun early: {e}"))
        .ok()
}

/// Lets an agent work. What it did is in the clone; what happened is in the report and the trajectory.
pub(super) fn agent(
    factory: &Arc<Factory>,
    desk: &Desk,
    brief: &Brief,
    place: &Place<'_>,
    cancel: &Cancel,
) -> Result<RunReport, RunError> {
    led(factory, desk, brief, place, cancel, None)
}

/// The same, with a question in the place of the brief's blueprint.
pub(super) fn led(
    factory: &Arc<Factory>,
    desk: &Desk,
    brief: &Brief,
    place: &Place<'_>,
    cancel: &Cancel,
    question: Option<&Question<'_>>,
) -> Result<RunReport, RunError> {
    let around = &place.project.settings.surroundings;
    let (spec, layer) = cage_of(factory, brief, place)?;
    let ordinary = (&spec, around.services.as_slice());
    // A server of tools has the clone as the role sees it, and nothing of a company's notes.
    let mut of_servers = spec.clone();
    of_servers
        .binds
        .retain(|bind| !bind.inside.starts_with(INSIDE_COMPANY));
    let lent = Lent::of(factory, desk, place.project, &of_servers);
    let hired = Hired::open(factory, desk, brief, ordinary, &lent, place.uncaged)?;
    let start = |launch: &Launch| match &hired {
        Some(hired) => hired.start(launch),
        None => Err("this run has no agent of another".to_owned()),
    };
    let argv = program(place.project);
    desk.packs.let_go();
    alai_workspace::crash::point("agent.before");
    let home = factory.home().root().to_path_buf();
    let mut caged = match place.uncaged {
        None => cage::spawn_by(place.standing.take(), &spec, &argv),
        Some(user) => cage::spawn_off(&spec, &argv, user, &[home]),
    }
    .map_err(RunError::infra)?;
    alai_workspace::crash::point("agent.after");
    let mut layers = caged.layers().to_vec();
    layers.push(layer.to_owned());
    if place.uncaged.is_none() {
        layers.extend(lent.layers());
    }
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
    let start_server = |name: &str| lent.start(name);
    // Without a cage for the agent there is none for a server.
    let servers = place.uncaged.is_none().then_some(Servers {
        offers: &lent.offers,
        start: &start_server,
        patience: Patience::default(),
    });
    let mut words = || said(factory, desk);
    let mut note = |role, note| session::keep(factory, desk, role, note);
    let notes: Option<alai_minion::Notes<'_>> =
        match session::is_heard(factory.mission(), brief.task)? {
            true => Some(&mut note),
            false => None,
        };
    let means = Means {
        profile: &desk.chosen.profile,
        model: &model,
        price: desk.tariff.price(),
        ask: &mut ask,
        hand: &mut hand,
        recorder: &mut recorder,
        cancel,
        passes: place.passes,
        words: &mut words,
        program: hired.as_ref().map(|hired| hired.program(&start)),
        shelf: &lent.shelf,
        servers,
        ahead: place.ahead,
        notes,
        delegations: place.delegates.clone().map(Delegations::new),
    };
    let mut report = match question {
        None => alai_minion::run(brief, means),
        Some(question) => engine::answer(brief, question, means),
    };
    drop(hand);
    caged.kill().map_err(RunError::infra)?;
    let told = hired.as_ref().map_or(Ok(()), |hired| hired.settle(&report));
    // A hand that is gone says nothing of why; its cage knows which limit ended it.
    if let (ExitStatus::Killed { detail }, Ok(over @ Exit::OverLimit { .. })) =
        (&mut report.status, caged.wait())
    {
        *detail = format!("its cage was ended: it {over} ({detail})");
    }
    calls.end()?;
    told?;
    learned::keep(factory, desk, &report)?;
    if cancel.is_cancelled() {
        return Err(if factory.stopping() {
            RunError::Stopping
        } else {
            RunError::Lost
        });
    }
    Ok(report)
}
