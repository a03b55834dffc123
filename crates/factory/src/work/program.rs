//! A run whose agent is another's program: money is lent to it before it starts, it works on the run's clone in a cage of its own, and
//! what it came to is booked and kept.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use alai_core::brief::Brief;
use alai_core::money::{Cost, Loan, Prices, Tariff, Tokens, Word, dollars};
use alai_fleet::{ErrorClass, Heard, Provider, RecordedAgent, Recorder};
use alai_minion::RunReport;
use alai_minion::bridge::Bridge;
use alai_minion::engine::{Door, Launch, Outcome, Patience, Program, Session, Started, Stdin};
use alai_mission::{Call, Intent};
use alai_workspace::cage::{self, CageSpec, LAUNCHER_INSIDE, RunUser};
use alai_workspace::clone::INSIDE_REPO;
use alai_workspace::egress::Meter;
use alai_workspace::files;
use alai_workspace::guest::{self, Found, Guest, INSIDE_CONFIG, INSIDE_SOCKET, LentSocket, Way};
use alai_workspace::services::{self, Then};
use serde::{Deserialize, Serialize};

use super::servers::Lent;
use super::{Desk, reach};
use crate::agents::{self, NamedAgent, PLACEHOLDER};
use crate::beat::Factory;
use crate::mcp::{Lending, to_agents};
use crate::models::OWN_CHOICE;
use crate::run::RunError;

/// The one row that all sessions of a run have in the ledger.
const CALL: u32 = 0;

/// So many times what was lent, a cost that a program claims is not believed: it is told to end before it has spent that once, and
/// one forged line must not use up what a day may cost.
const CLAIM_TIMES_MAX: u64 = 3;

/// The file beside a run's report in which its program stands.
const KEPT: &str = "agent.json";

/// Folders of settings, one for each start, below the run's own.
const SETTINGS: &str = "agent-settings";

/// An agent that a run has, for whoever reads its evidence.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    name: String,
    engine: String,
    program: String,
    /// The model that it was told to use; empty where that was its own choice.
    requested: String,
    /// Of its cage, with what breaks a promise of the ordinary one.
    layers: Vec<String>,
    /// Millionths of a dollar that were held for it, and that it was told of.
    held_microusd: u64,
    told_microusd: u64,
    /// What its provider's answers add up to, where a key passed through our proxy and is paid by the token.
    counted_microusd: Option<u64>,
    /// Hosts that it asked for: how often it reached each, and why it was refused one.
    hosts: BTreeMap<String, Asked>,
    /// Servers of tools that its steps could ask, and those that it could not be given.
    #[serde(default)]
    lent: Lending,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    connections: u64,
    refused: Option<String>,
}

/// An agent at work for one run.
pub(super) struct Hired<'a> {
    factory: &'a Arc<Factory>,
    desk: &'a Desk,
    /// What the run lends whoever works in it.
    lent: &'a Lent,
    agent: NamedAgent,
    found: Found,
    way: Way,
    base_url: Option<String>,
    spec: CageSpec,
    services: &'a [alai_core::services::Service],
    /// The run's own folder.
    dir: PathBuf,
    loan: Loan,
    meter: Option<Arc<Meter>>,
    /// Whether what was lent is booked, or known to be unknown.
    is_settled: Cell<bool>,
    starts: AtomicU32,
    /// How often it was started for more than to say its version.
    sittings: AtomicU32,
    kept: Arc<Mutex<Kept>>,
    /// What its sessions say, where calls are recorded, in their order.
    heard: Mutex<Vec<(Arc<Recorder>, Heard)>>,
}

impl<'a> Hired<'a> {
    /// The agent that the run's desk has, with what it may spend held for it. `None` where a model works. `spec` is the ordinary
    /// cage on the run's clone.
    pub(super) fn open(
        factory: &'a Arc<Factory>,
        desk: &'a Desk,
        brief: &Brief,
        (spec, services): (&CageSpec, &'a [alai_core::services::Service]),
        lent: &'a Lent,
        uncaged: Option<&RunUser>,
    ) -> Result<Option<Hired<'a>>, RunError> {
        let Provider::Agent(agent) = &desk.chosen.provider else {
            return Ok(None);
        };
        if desk.chosen.is_nobody() {
            return Ok(None);
        }
        if uncaged.is_some() {
            let why = "an agent's own program is not run without a cage; name a model for this run with `--model`";
            return Err(RunError::infra(why));
        }
        let config = factory.config();
        let named = config
            .agent(&agent.name)
            .map(|named| named.with_model(&desk.chosen.model));
        let agent = named.ok_or_else(|| RunError::infra("its agent is not in the settings"))?;
        let (found, way) = at_hand(factory, &agent)?;
        let loan = lend(factory, desk, brief)?;
        let (way, meter) = metered(way, &desk.tariff, &loan, &config.money.prices);
        let kept = Kept {
            name: agent.name.clone(),
            engine: agent.engine.as_str().to_owned(),
            program: found.path.display().to_string(),
            requested: agent.model.clone().unwrap_or_default(),
            held_microusd: loan.held,
            told_microusd: loan.told,
            lent: to_agents(&lent.offers),
            ..Kept::default()
        };
        Ok(Some(Hired {
            factory,
            desk,
            lent,
            base_url: way.base_url(),
            agent,
            found,
            way,
            spec: spec.clone(),
            services,
            dir: factory.home().run(&desk.fence.run),
            loan,
            meter,
            is_settled: Cell::new(false),
            starts: AtomicU32::new(0),
            sittings: AtomicU32::new(0),
            kept: Arc::new(Mutex::new(kept)),
            heard: Mutex::default(),
        }))
    }

    /// What the run is lent.
    pub(super) fn program<'b>(
        &'b self,
        start: &'b dyn Fn(&Launch) -> Result<Started, String>,
    ) -> Program<'b> {
        Program {
            engine: self.agent.engine,
            model: self
                .agent
                .model
                .as_deref()
                .filter(|model| *model != OWN_CHOICE),
            tariff: self.desk.tariff,
            budget_microusd: (self.loan.held > 0).then_some(self.loan.held),
            door: self.base_url.as_deref().map(|base_url| Door {
                base_url,
                placeholder: PLACEHOLDER,
            }),
            args: &self.agent.args,
            folder: INSIDE_REPO,
            config: INSIDE_CONFIG,
            patience: Patience::default(),
            bridge: Some(Bridge {
                command: LAUNCHER_INSIDE,
                socket: INSIDE_SOCKET,
            }),
            start,
        }
    }

    /// Starts the program in its cage.
    pub(super) fn start(&self, launch: &Launch) -> Result<Started, String> {
        // A person may have closed the project to other machines since the run began.
        let task = self.factory.mission().task(self.desk.fence.task);
        let reach = task.map_or(crate::models::Reach::Near, |task| {
            reach(self.factory, &task)
        });
        if !self.factory.models().is_within(&self.desk.chosen, reach) {
            return Err("the project is `local_only` now, and this agent's provider is none of your own machines".to_owned());
        }
        let number = self.starts.fetch_add(1, Ordering::Relaxed);
        let settings = self.dir.join(SETTINGS).join(number.to_string());
        furnish(&settings, launch).map_err(|why| format!("its folder of settings: {why}"))?;
        let mut spec = self.spec.clone();
        spec.env.retain(|(name, _)| !Launch::strips(name));
        spec.env.extend(launch.env.iter().cloned());
        let mut argv = vec![self.found.path.to_string_lossy().into_owned()];
        argv.extend(launch.args.iter().cloned());
        let argv = services::with_services(self.services, &argv, Then::Become);
        let lent = launch.lends.then(LentSocket::listen).transpose()?;
        let guest = Guest {
            name: &self.agent.name,
            found: &self.found,
            way: &self.way,
            config: &settings,
            lent: lent.as_ref().map(|(socket, _)| socket),
        };
        alai_workspace::crash::point("program.before");
        let mut running = guest::spawn(spec, &guest, &argv).map_err(|e| e.to_string())?;
        if launch.args != ["--version"] {
            self.sittings.fetch_add(1, Ordering::Relaxed);
        }
        alai_workspace::crash::point("program.after");
        let mut layers = running.layers.clone();
        if lent.is_some() {
            layers.extend(self.lent.layers());
        }
        self.kept().layers = layers;
        let (socket, listener) = lent.unzip();
        let stdin = running.caged.stdin.take();
        let pipes = (running.caged.stdout.take(), running.caged.stderr.take());
        let (Some(stdout), Some(stderr)) = pipes else {
            return Err("its cage has no pipes".to_owned());
        };
        let kept = Arc::clone(&self.kept);
        let end = move || {
            let ended = running.caged.kill().and_then(|()| running.caged.wait());
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            for (host, used) in running.used() {
                let asked = kept.hosts.entry(host).or_default();
                asked.connections += used.connections;
                asked.refused = used.refused.or(asked.refused.take());
            }
            drop(socket);
            ended.map_err(|e| e.to_string())
        };
        Ok(Started {
            stdout: self.listened_to(launch, self.way.veiled(stdout)),
            stderr: Box::new(self.way.veiled(stderr)),
            stdin: match launch.stdin {
                Stdin::Closed => None,
                Stdin::Open => stdin.map(|pipe| Box::new(pipe) as Box<dyn std::io::Write + Send>),
            },
            lent: listener,
            end: Box::new(end),
        })
    }

    /// A session's output, which the recording gets as well.
    fn listened_to(
        &self,
        launch: &Launch,
        stdout: impl Read + Send + 'static,
    ) -> Box<dyn Read + Send> {
        let recorder = self.factory.models().recorder();
        let Some(recorder) = recorder.filter(|_| launch.args != ["--version"]) else {
            return Box::new(stdout);
        };
        let heard = Heard::default();
        let listening = heard.listen(stdout);
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((recorder, heard));
        Box::new(listening)
    }

    /// Writes down what was said in the sessions. One that was ended without its own end is not among them.
    fn record(&self, sessions: &[Session]) -> Result<(), RunError> {
        let all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return Ok(());
        }
        let task = self.factory.mission().task(self.desk.fence.task)?;
        for ((recorder, heard), session) in all.iter().zip(sessions) {
            let told = RecordedAgent {
                agent: self.agent.name.clone(),
                engine: session.engine.as_str().to_owned(),
                version: session.version.clone(),
                model: session.model.clone(),
                at_ms: self.factory.now_ms(),
                task_kind: task.kind,
                task_title: task.title.clone(),
                step: session.step.clone(),
                chunks: Vec::new(),
                is_rewritten: false,
                left_out: None,
                outcome: session.outcome.as_str().to_owned(),
                usage: session.usage,
                cost_microusd: session.cost_microusd,
            };
            recorder.record_agent(told, heard);
        }
        Ok(())
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books what the sessions cost, keeps what is to be shown of the program, and says when it gives no more for now: that is
    /// nobody's attempt.
    pub(super) fn settle(&self, report: &RunReport) -> Result<(), RunError> {
        self.record(&report.sessions)?;
        let counted = self.meter.as_ref().map(|meter| meter.counted());
        let counted_microusd = counted.map(|counted| counted.microusd);
        self.kept().counted_microusd = counted_microusd;
        let kept = serde_json::to_vec(&*self.kept()).map_err(RunError::infra)?;
        files::write_atomic(&self.dir.join(KEPT), &kept).map_err(RunError::infra)?;
        let (mission, fence, now) = (
            self.factory.mission(),
            &self.desk.fence,
            self.factory.now_ms(),
        );
        self.is_settled.set(true);
        let seen = Seen {
            sittings: self.sittings.load(Ordering::Relaxed),
            held_microusd: self.loan.held,
            counted_microusd,
        };
        match bill(&self.desk.tariff, &report.sessions, &seen) {
            Bill::Nothing => mission.release(fence, CALL, "no session began", now)?,
            Bill::Unknown => mission.leave_unknown(fence, CALL, now)?,
            Bill::Unbelieved { claimed_microusd } => {
                mission.leave_unknown(fence, CALL, now)?;
                self.tell_of(claimed_microusd)?;
            }
            Bill::Of(mut call) => {
                if call.model.is_empty() {
                    call.model.clone_from(&self.desk.chosen.model);
                }
                // A request whose use nobody told stands in the sum at its worst.
                if counted.is_some_and(|c| c.untold > 0 && c.microusd == call.cost_microusd) {
                    call.word = Word::Estimated;
                }
                mission.settle(fence, *call, now)?;
            }
        }
        self.tell(report)
    }

    /// Says in the task's history that a claim was not believed, and what a person can do.
    fn tell_of(&self, claimed_microusd: u64) -> Result<(), RunError> {
        let fence = &self.desk.fence;
        let text = format!(
            "agent {} says that run {} cost {}, and {} was lent to it: that is not believed, and what it cost is unknown; see your \
             provider's bill, then `alai fleet settle {}/{CALL} DOLLARS`",
            self.agent.name,
            fence.run.short(),
            dollars(claimed_microusd),
            dollars(self.loan.held),
            fence.run,
        );
        tracing::warn!("{text}");
        let now = self.factory.now_ms();
        self.factory
            .mission()
            .note(fence.task, text, "factory", now)?;
        Ok(())
    }

    /// Whether the agent can be asked again now, for whoever chooses the next time.
    fn tell(&self, report: &RunReport) -> Result<(), RunError> {
        let agents = self.factory.models().known_agents();
        let now = self.factory.now_ms();
        let failed = report
            .sessions
            .last()
            .and_then(|session| match &session.outcome {
                Outcome::Failed { class, detail } if class.is_infrastructure() => {
                    Some((*class, detail, session.turned_away))
                }
                Outcome::Failed { .. }
                | Outcome::Done
                | Outcome::Cut { .. }
                | Outcome::Hung { .. }
                | Outcome::OverBudget
                | Outcome::TurnsSpent
                | Outcome::Malformed { .. }
                | Outcome::TimedOut
                | Outcome::Cancelled => None,
            });
        let Some((class, detail, turned_away)) = failed else {
            agents.heard(&self.agent.name, None, now);
            return Ok(());
        };
        agents.heard(&self.agent.name, Some((class, detail)), now);
        self.factory.look_soon();
        // Whoever has worked is an attempt, whatever it says at its end: it was paid, and would be again every time that it rests.
        if turned_away {
            let detail = alai_minion::redact(detail);
            return Err(RunError::NoModel(format!(
                "agent {}: {detail}",
                self.agent.name
            )));
        }
        Ok(())
    }
}

impl Drop for Hired<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.dir.join(SETTINGS));
        if self.is_settled.get() {
            return;
        }
        // Where it has worked nobody can say what it spent: its whole loan counts until somebody can.
        let now = self.factory.now_ms();
        let (mission, fence) = (self.factory.mission(), &self.desk.fence);
        let ended = match self.sittings.load(Ordering::Relaxed) > 0 {
            true => mission.leave_unknown(fence, CALL, now),
            false => mission.release(fence, CALL, "no session began", now),
        };
        if let Err(e) = ended {
            tracing::warn!("run {}: its agent's loan: {e}", fence.run);
        }
    }
}

/// The agent's program, and what opens its provider, as they are now. One that has gone since the last look is given nothing more.
fn at_hand(factory: &Factory, agent: &NamedAgent) -> Result<(Found, Way), RunError> {
    let found = agents::program(agent);
    let both = found.and_then(|found| Ok((found, agent.way(&factory.config().money)?)));
    both.map_err(|why| {
        let failed = Some((ErrorClass::Refused, why.as_str()));
        let agents = factory.models().known_agents();
        agents.heard(&agent.name, failed, factory.now_ms());
        factory.look_soon();
        RunError::NoModel(format!("agent {}: {why}", agent.name))
    })
}

/// Holds what the program may spend: what every cap leaves, up to what one run may take.
fn lend(factory: &Arc<Factory>, desk: &Desk, brief: &Brief) -> Result<Loan, RunError> {
    let cost = match desk.tariff {
        Tariff::Own | Tariff::Flat(_) => Cost::Nothing,
        Tariff::Metered(_) | Tariff::Told => Cost::AtMost(brief.limits.cost_microusd_max),
        Tariff::Unpriced => Cost::Unpriced,
    };
    let intent = Intent {
        call: CALL,
        model: desk.chosen.model.clone(),
        company: Some(desk.company.name.clone()),
        mode: desk.mode(),
        cost,
    };
    let caps = &factory.config().money.caps;
    let mission = factory.mission();
    let lent = mission.lend(&desk.fence, intent, caps, factory.now_ms())?;
    lent.map_err(|refused| RunError::Budget(Box::new(refused)))
}

/// What we saw of a run's sessions ourselves.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// How many were begun.
    sittings: u32,
    held_microusd: u64,
    /// What went through our proxy cost so much, where one counts it.
    counted_microusd: Option<u64>,
}

/// The way with a key, counted where it is paid by the token. A model whose price nobody knows costs as much as the dearest known one.
fn metered(way: Way, tariff: &Tariff, loan: &Loan, prices: &Prices) -> (Way, Option<Arc<Meter>>) {
    match (way, tariff) {
        (Way::Key(provider), Tariff::Metered(_) | Tariff::Told) => {
            let prices = prices.clone();
            let price = move |model: &str, tokens: Tokens| {
                let rates = prices.of(model).unwrap_or_else(|| prices.dearest());
                rates.of(tokens)
            };
            let meter = Arc::new(Meter::new(loan.held, Arc::new(price)));
            let provider = provider.counted_by(Arc::clone(&meter));
            (Way::Key(Box::new(provider)), Some(meter))
        }
        (way, _) => (way, None),
    }
}

#[derive(Debug, PartialEq)]
enum Bill {
    Nothing,
    Unknown,
    /// Unknown, since what the program says cannot be meant.
    Unbelieved {
        claimed_microusd: u64,
    },
    Of(Box<Call>),
}

/// What all sessions of a run came to together: the most of what is claimed and what was counted. One of which nobody can say what
/// it cost makes the whole unknown, where it is paid; so does one that was begun and is not among them.
fn bill(tariff: &Tariff, sessions: &[Session], seen: &Seen) -> Bill {
    let is_paid = !matches!(tariff, Tariff::Own | Tariff::Flat(_));
    let is_one_lost = (sessions.len() as u64) < u64::from(seen.sittings);
    let Some(last) = sessions.last() else {
        return match is_one_lost {
            true => Bill::Unknown,
            false => Bill::Nothing,
        };
    };
    if is_paid && is_one_lost {
        return Bill::Unknown;
    }
    let mut tokens = Tokens::default();
    let mut cost_microusd = 0_u64;
    let mut word = Word::Measured;
    for session in sessions {
        let used = session.usage.tokens();
        tokens.input = tokens.input.saturating_add(used.input);
        tokens.output = tokens.output.saturating_add(used.output);
        tokens.cache_read = tokens.cache_read.saturating_add(used.cache_read);
        tokens.cache_write = tokens.cache_write.saturating_add(used.cache_write);
        match (session.cost_microusd, tariff) {
            (Some(cost), _) => cost_microusd = cost_microusd.saturating_add(cost),
            (None, Tariff::Metered(_) | Tariff::Told | Tariff::Unpriced) => return Bill::Unknown,
            (None, Tariff::Own | Tariff::Flat(_)) => {}
        }
        if session.cost_word == Some(Word::Estimated) {
            word = Word::Estimated;
        }
    }
    if is_paid && cost_microusd > seen.held_microusd.saturating_mul(CLAIM_TIMES_MAX) {
        return Bill::Unbelieved {
            claimed_microusd: cost_microusd,
        };
    }
    let word = match tariff {
        Tariff::Flat(_) => Word::ListEquivalent,
        Tariff::Own | Tariff::Metered(_) | Tariff::Told | Tariff::Unpriced => word,
    };
    Bill::Of(Box::new(Call {
        call: CALL,
        model: last.model.clone(),
        mode: alai_core::mode::Mode::Real,
        tokens,
        cost_microusd: match tariff {
            Tariff::Own => 0,
            Tariff::Flat(_) => cost_microusd,
            Tariff::Metered(_) | Tariff::Told | Tariff::Unpriced => {
                cost_microusd.max(seen.counted_microusd.unwrap_or(0))
            }
        },
        word,
    }))
}

/// A fresh folder of settings, with the files that the start needs.
fn furnish(settings: &Path, launch: &Launch) -> Result<(), String> {
    let told = |e: &dyn std::fmt::Display| e.to_string();
    files::private_dir_all(settings).map_err(|e| told(&e))?;
    for (name, text) in &launch.files {
        if name.contains(['/', '\0']) || name.starts_with('.') {
            return Err(format!("{name:?} is no name of a file"));
        }
        let path = settings.join(name);
        fs::write(&path, text).map_err(|e| told(&e))?;
        files::give_to(&path, cage::agent_ids()).map_err(|e| told(&e))?;
    }
    files::give_to(settings, cage::agent_ids()).map_err(|e| told(&e))
}

/// A run's report for its evidence, with the program that it had.
pub(super) fn shown(report_path: &Path, report: &RunReport) -> Result<serde_json::Value, RunError> {
    let mut report = serde_json::to_value(report).map_err(RunError::infra)?;
    let Some(path) = report_path.parent().map(|dir| dir.join(KEPT)) else {
        return Ok(report);
    };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(report),
        Err(e) => return Err(RunError::infra(e)),
    };
    let kept: Kept = serde_json::from_slice(&bytes).map_err(RunError::infra)?;
    report["agent"] = serde_json::to_value(kept).map_err(RunError::infra)?;
    Ok(report)
}

#[cfg(test)]
mod tests;
