//! What sort of task it is, found out once: by the first run of it, before its model is chosen. A small model is asked where its
//! answer would decide something and costs nobody anything; else the words tell. A hint, which may fail in any way: the work goes on.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alai_core::brief::Role;
use alai_core::company::{Activity, Company, ModelChoice};
use alai_core::pipeline::Ended;
use alai_core::routing::{self, Class, Source};
use alai_core::task::{Task, TaskKind};
use alai_fleet::{ChatError, ChatRequest, ErrorClass, Loader, Message, Profile, Provider, Purpose};
use alai_mission::{Borrowed, Claim, Slot};
use alai_workspace::command::Cancel;

use crate::beat::Factory;
use crate::models::Chosen;
use crate::packs::Packs;
use crate::run::RunError;
use crate::work::{self, Calls, Desk};
use crate::{limits, unasked};

/// The tier whose first model classifies, where the company names no other.
const TIER: ModelChoice = ModelChoice::Tier(1);
/// Tokens of an answer: the object has thirty, and a model that writes around it is told once.
const OUTPUT_MAX: u32 = 200;
/// Numbers of these calls in the run's books: no run makes so many of its own.
const FIRST_CALL: u32 = 1_000_000;
/// How soon the call learns that its time is up, or its run is over.
const LOOK: Duration = Duration::from_millis(25);

/// Does `set_up` and, beside it, finds out the class of the claim's task: a small model thinks for as long as a repository is
/// prepared. What comes of the set-up stands first: one that fails does not wait for the class.
///
/// A task whose class is stored has that; one whose class decides nothing has none, and neither has a commit that a person has
/// handed in: no agent works on it.
///
/// # Errors
/// Those of the set-up; else those of the store, and of a run that was taken away.
pub(crate) fn beside<T>(
    factory: &Arc<Factory>,
    claim: &Claim,
    cancel: &Cancel,
    set_up: impl FnOnce() -> Result<T, Unready>,
) -> Result<(T, Claim), Unready> {
    let task = &claim.task;
    if task.class.is_some() || task.handed.is_some() || !routing::class_decides(task.kind) {
        return Ok((set_up()?, claim.clone()));
    }
    let needless = Cancel::new();
    let ends = Ends {
        run: cancel,
        needless: &needless,
    };
    let (ready, classed) = std::thread::scope(|scope| {
        let asking = std::thread::Builder::new().name("classify".into());
        let asking = asking.spawn_scoped(scope, || classed(factory, claim, &ends));
        let ready = set_up();
        if ready.is_err() {
            needless.cancel();
        }
        let classed = match asking {
            Ok(asking) => asking.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(e) => Err(RunError::infra(format!("cannot start a thread: {e}"))),
        };
        (ready, classed)
    });
    Ok((ready?, classed.map_err(Unready::Run)?))
}

/// Why there is nothing to work on.
pub(crate) enum Unready {
    /// The set-up itself is the run's end.
    Ended(Box<Ended>),
    Run(RunError),
}

impl<E: Into<RunError>> From<E> for Unready {
    fn from(error: E) -> Unready {
        Unready::Run(error.into())
    }
}

/// What a question for a class ends with.
struct Ends<'a> {
    run: &'a Cancel,
    /// Nobody needs the answer any more.
    needless: &'a Cancel,
}

impl Ends<'_> {
    fn come(&self) -> bool {
        self.run.is_cancelled() || self.needless.is_cancelled()
    }
}

fn classed(factory: &Arc<Factory>, claim: &Claim, ends: &Ends<'_>) -> Result<Claim, RunError> {
    let class = find_out(factory, claim, ends)?;
    let now_ms = factory.now_ms();
    let stored = factory.mission().classify(&claim.fence, &class, now_ms)?;
    let mut classed = claim.clone();
    classed.task.class = Some(stored);
    let limits = &factory.config().limits.company;
    match is_elsewhere(&factory.packs(), limits, &claim.task, &classed.task) {
        true => Err(RunError::Displaced),
        false => Ok(classed),
    }
}

/// Whether the class sends a task to a company whose places are counted, and of which this claim holds none: it is claimed anew.
fn is_elsewhere(
    packs: &Packs,
    limits: &BTreeMap<String, usize>,
    before: &Task,
    classed: &Task,
) -> bool {
    let name = |task: &Task| packs.company_for(task).map(|company| &company.name);
    match (name(before), name(classed)) {
        (Ok(before), Ok(now)) => before != now && limits.contains_key(now),
        // What cannot be routed ends with the reason, by whoever routes it next.
        (_, _) => false,
    }
}

fn find_out(factory: &Arc<Factory>, claim: &Claim, ends: &Ends<'_>) -> Result<Class, RunError> {
    let task = &claim.task;
    let words = routing::classify(&task.title, &task.description);
    let pinned = task.kind == TaskKind::Build && task.model_pin.is_some();
    if pinned && words.source != Source::Safety {
        return Ok(Class {
            source: Source::Override,
            ..words
        });
    }
    // A person chose its blueprint, and that asks no model: its class is for people to read.
    let unasked = task.blueprint.is_some() && unasked::of(factory, task);
    if unasked || !routing::is_worth_asking(task, &words) {
        return Ok(words);
    }
    let company = factory.packs().company_for(task)?.clone();
    let why = match small_model(factory, task, &company) {
        Ok(chosen) => match ask(factory, claim, company, chosen, &words, ends)? {
            Ok(class) => return Ok(class),
            Err(why) => why,
        },
        Err(why) => why,
    };
    let mut words = words;
    words.reasons.push(format!("no model was heard: {why}"));
    Ok(words)
}

/// The model that classifies for a company, where it may be asked now.
fn small_model(factory: &Arc<Factory>, task: &Task, company: &Company) -> Result<Chosen, String> {
    if factory.config().classify_s == 0 {
        return Err("`fleet.classify_seconds` is 0".to_owned());
    }
    let choice = company.overrides.get(&Activity::Classify).unwrap_or(&TIER);
    let (reach, now) = (work::reach(factory, task), factory.now_ms());
    // Of hosts alone: an agent's session takes longer than all the seconds that there are, and may cost more than a wrong hint.
    let chosen = factory.models().choose(choice, 0, reach, now);
    let chosen = chosen.ok_or_else(|| match names_an_agent(factory, choice) {
        true => format!("{choice} is an agent's own program, which is asked for no class"),
        false => format!("none of {choice} is there"),
    })?;
    is_ready(factory, task, &chosen)?;
    Ok(chosen)
}

fn names_an_agent(factory: &Factory, choice: &ModelChoice) -> bool {
    let ModelChoice::Named { host, .. } = choice else {
        return false;
    };
    let agents = factory.models().agents();
    agents.iter().any(|seen| seen.agent.name == *host)
}

/// A model is asked where it is loaded, or where loading it puts nobody out: on a host that is idle, and that the task itself does
/// not need for another model.
fn is_ready(factory: &Arc<Factory>, task: &Task, chosen: &Chosen) -> Result<(), String> {
    let host = match &chosen.provider {
        Provider::Ollama(host) => Loader::Ollama(host.clone()),
        Provider::Openai(host) if host.is_router() => Loader::Router(host.clone()),
        Provider::Scripted(_) => return Err("replies are a recording".to_owned()),
        Provider::Agent(_) => return Err("an agent's own program answers no question".to_owned()),
        // These have their model loaded, or know themselves what to do.
        Provider::Openai(_) | Provider::Anthropic(_) => return Ok(()),
    };
    let held = host.resident(&|| factory.stopping());
    let address = chosen.provider.host();
    let held = held.map_err(|_| format!("{address} does not say what it has loaded"))?;
    if held
        .iter()
        .any(|one| alai_fleet::same_model(&one.model, &chosen.model))
    {
        return Ok(());
    }
    let name = &chosen.model;
    if !held.is_empty() {
        return Err(format!("{name} is not loaded, and another model is"));
    }
    let own = work::chosen_for(factory, task);
    let puts_out = own.is_some_and(|own| {
        own.provider.host() == chosen.provider.host() && own.model != chosen.model
    });
    match puts_out {
        true => Err(format!(
            "{name} is not loaded, and the task needs its host for another one"
        )),
        false => Ok(()),
    }
}

/// Asks within the seconds that there are, one repair of its form included. The inner error is why the words stand.
fn ask(
    factory: &Arc<Factory>,
    claim: &Claim,
    company: Company,
    chosen: Chosen,
    words: &Class,
    ends: &Ends<'_>,
) -> Result<Result<Class, String>, RunError> {
    let host = chosen.provider.host();
    let most = limits::on_host(factory.config(), factory.models(), &host);
    let slot = most.map(|most| Slot {
        key: limits::host_key(&host),
        most,
    });
    let borrowed = match &slot {
        Some(slot) => factory.mission().borrow_slot(&claim.fence, slot)?,
        None => Borrowed::Own,
    };
    if borrowed == Borrowed::No {
        return Ok(Err(format!("every slot of {host} is taken")));
    }
    // Also where no slots are counted: no word is asked of a host that is called.
    let calling = factory.roster().calls(&host);
    let request = request(factory, &claim.task, &company, &chosen);
    let desk = Desk::beside(factory, claim, company, chosen);
    let asked = within(factory, ends, &|short| {
        let mut calls = Calls::new(factory, &desk, short).numbered(FIRST_CALL);
        let answer = alai_fleet::ask(&desk.chosen.provider, &request, &mut |r| calls.chat(r));
        (answer, calls.end())
    });
    drop(calling);
    if let (Some(slot), Borrowed::Yes) = (&slot, borrowed) {
        factory.mission().give_back(&claim.fence, slot)?;
    }
    if ends.come() {
        return Err(RunError::cancelled(factory));
    }
    let answer = match asked {
        (_, Err(RunError::Budget(refused))) => return Ok(Err(refused.text.clone())),
        (_, Err(e)) => return Err(e),
        (Err(e), Ok(())) => return Ok(Err(why(&e, &desk.chosen.model))),
        (Ok(answer), Ok(())) => answer,
    };
    let name = format!("{} on {host}", desk.chosen.model);
    Ok(routing::by_model(&answer.value, words, &name))
}

/// Our own words for what a host or a model said: theirs are kept nowhere.
fn why(e: &ChatError, model: &str) -> String {
    if e.class == ErrorClass::Cancelled {
        return format!("{model} did not answer in time");
    }
    if e.class == ErrorClass::Malformed {
        return format!("{model} did not keep to the form, told once");
    }
    let class = format!("{:?}", e.class).to_lowercase();
    format!("{model} could not be asked ({class})")
}

/// Runs something that heeds its `Cancel`, which comes when the seconds are over or nobody waits for it.
fn within<T>(factory: &Factory, ends: &Ends<'_>, act: &dyn Fn(&Cancel) -> T) -> T {
    let short = Cancel::new();
    let until = Instant::now() + Duration::from_secs(factory.config().classify_s);
    std::thread::scope(|scope| {
        let watch = scope.spawn({
            let short = short.clone();
            move || {
                while Instant::now() < until && !ends.come() && !short.is_cancelled() {
                    std::thread::park_timeout(LOOK);
                }
                short.cancel();
            }
        });
        let came = act(&short);
        short.cancel();
        watch.thread().unpark();
        came
    })
}

/// The request, with the window that every call to this model has: another one would load it anew.
fn request(factory: &Factory, task: &Task, company: &Company, chosen: &Chosen) -> ChatRequest {
    let usual = chosen.profile;
    let budget_s = factory.config().classify_s;
    ChatRequest {
        model: chosen.model.clone(),
        messages: vec![
            Message::System {
                text: routing::RULES.to_owned(),
            },
            Message::User {
                text: routing::question(&task.title, &task.description),
            },
        ],
        tools: Vec::new(),
        format: Some(routing::schema()),
        profile: Profile {
            output_max: usual.output_max.min(OUTPUT_MAX),
            temperature: 0.0,
            think: usual.think.map(|_| false),
            idle_s_max: usual.idle_s_max.min(budget_s),
            ..usual
        },
        purpose: Purpose {
            task_kind: task.kind,
            task_title: task.title.clone(),
            role: Role::Lead,
            company: company.name.clone(),
            step: "classify".into(),
            attempt: 0,
            visit: 0,
            turn: 0,
        },
    }
}
