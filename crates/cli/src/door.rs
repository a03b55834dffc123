//! The way to the factory: through the daemon's socket when one runs, else with the home's own lock in this process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use alai_core::ids::{RunId, TaskId};
use alai_factory::basis::{self, Basis, Sources};
use alai_factory::{
    AddTask, Around, Config, Factory, Home, Life, Op, OpError, Outcome, Packs, Pulse, ScheduleView,
    perform,
};
use alai_mission::{Mission, MissionError, Reader, holder};

use crate::daemon::client;
use crate::error::{CliError, Kind};

/// `--home`, else `ALAI_HOME`, else `~/.alai`; absolute.
pub(crate) fn home(given: Option<PathBuf>) -> Result<Home, CliError> {
    let named = given.or_else(|| std::env::var_os("ALAI_HOME").map(PathBuf::from));
    let path = match named.filter(|p| !p.as_os_str().is_empty()) {
        Some(path) => path,
        None => match std::env::var_os("HOME") {
            Some(home) if !home.is_empty() => PathBuf::from(home).join(".alai"),
            Some(_) | None => {
                let error = CliError::new(
                    Kind::NeedsSetup,
                    "cannot tell where the factory's home is: HOME is not set",
                );
                return Err(error.hinted("say it with --home DIR or ALAI_HOME"));
            }
        },
    };
    let absolute = std::path::absolute(&path).map_err(|e| {
        CliError::new(
            Kind::Failed,
            format!("cannot use the home {}: {e}", path.display()),
        )
    })?;
    Ok(Home::at(absolute))
}

pub(crate) fn config(home: &Home) -> Result<Config, CliError> {
    let env = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect();
    Ok(Config::load(&home.config(), &env)?)
}

/// # Errors
/// When a variable says how agents are caged: it would be forgotten in an environment, and hold for every run.
pub(crate) fn no_sandbox_variable() -> Result<(), CliError> {
    match std::env::var_os("ALAI_SANDBOX") {
        None => Ok(()),
        Some(_) => Err(CliError::new(
            Kind::Usage,
            "the variable ALAI_SANDBOX is set, and it is none of alai's",
        )
        .hinted(format!(
            "unset it: {}",
            alai_core::cage::SANDBOX_IS_ASKED_FOR
        ))),
    }
}

/// Reads the store beside whoever writes it.
pub(crate) fn reader(home: &Home) -> Result<Reader, CliError> {
    needs_home(home)?;
    Ok(Reader::open(home.root())?)
}

/// The companies and blueprints of a home, for whoever only looks at them.
pub(crate) fn packs(home: &Home) -> Result<Packs, CliError> {
    needs_home(home)?;
    Packs::load(home).map_err(broken)
}

pub(crate) fn broken(packs: alai_factory::PacksError) -> CliError {
    CliError::new(Kind::NeedsSetup, crate::show::clean(&packs.to_string()))
        .hinted("`alai company validate` and `alai blueprint validate` name all that is wrong")
}

/// A home that nobody has made yet is made by `alai init` alone: a mistyped `--home` must not silently become an empty one.
pub(crate) fn needs_home(home: &Home) -> Result<(), CliError> {
    if home.exists() {
        return Ok(());
    }
    let message = format!("there is no factory in {}", home.root().display());
    Err(CliError::new(Kind::NeedsSetup, message).hinted("`alai init` makes one"))
}

/// A project as a person names it, by name or by a folder in it, made into its name: a folder is meant from where the person
/// stands, which is not where the daemon does. What is not registered is handed on as it was typed, and refused there.
pub(crate) fn project(home: &Home, typed: PathBuf) -> Result<PathBuf, CliError> {
    let real = std::fs::canonicalize(&typed).ok();
    let found = reader(home)?.find_project(&typed.to_string_lossy(), real.as_deref())?;
    Ok(found.map_or(typed, |project| PathBuf::from(project.name)))
}

/// The daemon's sign of life, when one answers.
pub(crate) fn pulse(home: &Home) -> Option<Pulse> {
    client::pulse(home)
}

/// Whether anybody moves tasks forward. Who holds the home and does not answer is no daemon that could be asked, but nobody
/// else can work either.
pub(crate) fn life(home: &Home) -> Life {
    match client::pulse(home) {
        Some(pulse) => Life::Up(pulse),
        None => holder(home.root()).map_or(Life::Down, Life::Silent),
    }
}

/// What surrounds the store now, for whoever asks how things stand.
pub(crate) fn around(home: &Home) -> Result<Around, CliError> {
    Ok(Around::look(home, &config(home)?, &life(home)).scheduled(schedule(home)))
}

/// How the daemon's scheduler stands, when one answers.
pub(crate) fn schedule(home: &Home) -> Option<ScheduleView> {
    client::schedule(home)
}

/// What a task goes by: the daemon knows the packs in force and the models that are there; without one the home's files say it.
pub(crate) fn basis(home: &Home, task: TaskId, run: Option<RunId>) -> Result<Basis, CliError> {
    needs_home(home)?;
    if let Some(basis) = client::basis(home, task, run.as_ref())? {
        return Ok(basis);
    }
    let (packs, config, reader) = (packs(home)?, config(home)?, reader(home)?);
    let from = Sources {
        home,
        packs: &packs,
        config: &config,
        reader: &reader,
    };
    basis::of(from, task, run.as_ref()).map_err(|e| OpError::from(e).into())
}

/// Carries a request out: by the daemon, or here when there is none.
pub(crate) fn ask(home: &Home, op: Op) -> Result<Outcome, CliError> {
    needs_home(home)?;
    let (actor, key) = (actor(), fresh_key());
    if let Some(answer) = client::perform(home, &op, &actor, &key)? {
        return Ok(answer?);
    }
    let (mission, config) = (open(home)?, config(home)?);
    let packs = Packs::load(home).map_err(broken)?;
    let by = op
        .by(&actor, &key)
        .map_err(|e| CliError::new(Kind::Failed, e))?;
    let now = now_ms();
    mission.subscribe(&config.subscriptions(), now)?;
    Ok(perform(op, &mission, &packs, &config, by, now)?)
}

/// The store, for requests that are its own and start nothing. Refused while a daemon holds it.
pub(crate) fn writer(home: &Home) -> Result<Mission, CliError> {
    needs_home(home)?;
    open(home)
}

fn open(home: &Home) -> Result<Mission, CliError> {
    Mission::open(home.root(), alai_workspace::crash::point).map_err(unopened)
}

/// A home that another process holds is no fault of this request: it can be given again.
fn unopened(e: MissionError) -> CliError {
    if !matches!(e, MissionError::Locked { .. }) {
        return e.into();
    }
    CliError::new(Kind::Unreachable, e).hinted(
        "it works on this home and takes no requests: a command in another terminal, or a daemon that starts or hangs; \
         try again when it has ended",
    )
}

/// The factory itself, for commands that do the work in this process.
pub(crate) fn factory(home: &Home) -> Result<Arc<Factory>, CliError> {
    share_one_heap();
    factory_of_many(home)
}

/// The same for the daemon, whose threads serve many at the same time.
pub(crate) fn factory_of_many(home: &Home) -> Result<Arc<Factory>, CliError> {
    needs_home(home)?;
    let opened = Factory::open(home.clone(), config(home)?);
    let factory = opened.map_err(|e| match e {
        alai_factory::OpenError::Mission(e) => unopened(e),
        alai_factory::OpenError::Packs(e) => broken(e),
        e @ alai_factory::OpenError::Config(_) => CliError::new(Kind::NeedsSetup, e),
    })?;
    *AT_WORK.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&factory);
    take_signals()?;
    Ok(factory)
}

/// The factory of this process that a signal stops. It does not keep it: who has ended gives the home free.
static AT_WORK: Mutex<Weak<Factory>> = Mutex::new(Weak::new());
/// Whether somebody has interrupted this process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From here on a signal ends no more than what this process is at: its factory, or a watch. One process takes them once.
pub(crate) fn take_signals() -> Result<(), CliError> {
    let handled = ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        let at_work = AT_WORK.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(factory) = at_work.upgrade() {
            factory.stop();
        }
    });
    match handled {
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(()),
        Err(e) => Err(CliError::new(
            Kind::Failed,
            format!("cannot take signals: {e}"),
        )),
    }
}

/// Whether somebody has interrupted this process since it was asked last.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.swap(false, Ordering::SeqCst)
}

/// Lets the threads of one command take their memory of one heap. glibc gives several of them a heap each, and what one has freed serves
/// none of the others (mallopt(3)): a megabyte or two of a run that waits for its model most of the time.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code, reason = "no safe form of mallopt(3) is at hand")]
fn share_one_heap() {
    // SAFETY: takes two numbers, and counts for heaps that are made later.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

#[cfg(not(target_env = "gnu"))]
fn share_one_heap() {}

/// Who asks: the name a person is logged in under.
pub(crate) fn actor() -> String {
    let named = ["ALAI_ACTOR", "USER", "LOGNAME"]
        .iter()
        .find_map(|v| std::env::var(v).ok());
    named
        .filter(|n| !n.trim().is_empty())
        .unwrap_or_else(|| "operator".into())
}

pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What a blueprint is given, as it was typed. A name that stands there twice is a slip: nobody could tell which is meant.
pub(crate) fn inputs(typed: Vec<(String, String)>) -> Result<BTreeMap<String, String>, CliError> {
    let mut inputs = BTreeMap::new();
    for (name, value) in typed {
        if inputs.insert(name.clone(), value).is_some() {
            let message = format!("the input `{}` is given twice", crate::show::clean(&name));
            return Err(CliError::new(Kind::Usage, message).hinted("give it once"));
        }
    }
    Ok(inputs)
}

/// Adds one task.
///
/// # Errors
/// As [`ask`].
pub(crate) fn add(home: &Home, task: AddTask) -> Result<TaskId, CliError> {
    added(ask(home, adding(task))?)
}

/// Adds one task in this process, to a factory that is open already.
pub(crate) fn add_here(factory: &Factory, task: AddTask) -> Result<TaskId, CliError> {
    let op = adding(task);
    let by = op
        .by(&actor(), &fresh_key())
        .map_err(|e| CliError::new(Kind::Failed, e))?;
    let (mission, packs, config) = (factory.mission(), factory.packs(), factory.config());
    added(perform(op, mission, &packs, config, by, now_ms())?)
}

fn adding(task: AddTask) -> Op {
    Op::Add {
        task: Box::new(task),
        key: fresh_key(),
    }
}

fn added(outcome: Outcome) -> Result<TaskId, CliError> {
    let Outcome::Task { task, .. } = outcome else {
        return Err(CliError::new(
            Kind::Failed,
            "the factory answered something else than a task",
        ));
    };
    Ok(task)
}

/// A key under which the same request, sent again after a lost answer, is the same request.
pub(crate) fn fresh_key() -> String {
    uuid::Uuid::now_v7().to_string()
}
