//! One session of a program within a run: its orders, its start, what is recorded of it, what it cost.

use std::time::{Duration, Instant};

use alai_core::blueprint::ToolName;
use alai_core::money::{Tariff, Word};
use alai_fleet::ErrorClass;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::acp::{Client, Rules};
use super::heard::{Heard, Tally};
use super::lend::{self, Lender};
use super::order::{self, Order};
use super::pump::{self, Bounds, Dialect, Ran, Report};
use super::{Engine, Launch, Outcome, Program, Session, claude, codex, verdict};
use crate::recorder::Event;
use crate::redact::redact;
use crate::report::ExitStatus;
use crate::text::cut;
use crate::tools::Lent;
use crate::walk::Walk;

/// Of what is left, as a program may pass its budget by one of its own calls (0.53 at a cap of 0.50 was seen).
const BUDGET_PERCENT: u64 = 90;
/// Bytes of one text of a program in the trajectory.
const HEARD_BYTES_MAX: usize = 64 << 10;
/// Bytes of an argument in the record of a start; the prompt stands in its messages.
const ARGUMENT_BYTES_MAX: usize = 400;

/// What one session is for.
pub(super) struct Sitting<'s> {
    pub(super) step: &'s str,
    pub(super) system: &'s str,
    pub(super) prompt: &'s str,
    pub(super) schema: &'s Value,
    pub(super) tools: &'s [ToolName],
    pub(super) turns_max: u32,
    /// Whether a person's words may reach it while it goes on.
    pub(super) listens: bool,
    /// What the run lends it.
    pub(super) lent: &'s Lent,
}

/// What a session that says it is done leaves.
pub(super) struct Answer {
    pub(super) by_schema: Option<Value>,
    pub(super) text: String,
}

/// Starts the program and leads it to its end.
///
/// # Errors
/// How the run ends, where the program does not say that it is done.
pub(super) fn sit(
    walk: &mut Walk<'_>,
    program: Program<'_>,
    sitting: &Sitting<'_>,
) -> Result<Answer, ExitStatus> {
    let left_s = walk.may_ask()?;
    let version = version(walk, program, sitting.step)?;
    let servers = lend::servers(sitting.lent, program.bridge.as_ref());
    let order = orders(walk, program, sitting, &servers)?;
    let launch = order::launch(&program, &order);
    record_start(walk, program, sitting.step, &version, &launch)?;
    let started = match (program.start)(&launch) {
        Ok(started) => started,
        Err(why) => return Err(unstarted(program.engine, &why)),
    };
    let bounds = Bounds {
        until: Instant::now() + Duration::from_secs(left_s),
        patience: program.patience,
        turns_max: turns_bound(program.engine, order.turns_max),
        bytes_max: pump::BYTES_MAX,
        budget_microusd: order.budget_microusd,
    };
    let dialect = dialect(walk, program, sitting, &servers);
    let cancel = walk.cancel;
    let lender = Lender::new(sitting.step, sitting.lent, &servers);
    let mut ear = |report: Report<'_>| match report {
        Report::Heard(heard) => record(walk, sitting.step, heard).map(|()| None),
        Report::Asked { server, line } => lender.answer(walk, server, line),
        Report::TurnOver if sitting.listens => walk.said(sitting.step),
        Report::TurnOver => Ok(None),
    };
    let ran = pump::run(started, dialect, bounds, cancel, &mut ear)?;
    let outcome = verdict::outcome(&ran);
    let told = order.budget_microusd;
    close(walk, program, sitting.step, (version, told), &ran, outcome)
}

fn orders<'o>(
    walk: &Walk<'_>,
    program: Program<'_>,
    sitting: &'o Sitting<'_>,
    lent: &'o [order::Lent],
) -> Result<Order<'o>, ExitStatus> {
    let turns_left = walk.brief.limits.turns_max.saturating_sub(walk.turns);
    Ok(Order {
        session: session_id(walk, sitting.step),
        system: sitting.system,
        prompt: sitting.prompt,
        schema: Some(sitting.schema),
        tools: sitting.tools,
        turns_max: sitting.turns_max.min(turns_left),
        budget_microusd: budget(walk, program)?,
        command_s: walk.brief.limits.command_s_max,
        lent,
    })
}

/// Millionths of a dollar that the next session may cost.
fn budget(walk: &Walk<'_>, program: Program<'_>) -> Result<Option<u64>, ExitStatus> {
    let limit = walk.microusd_max();
    let most = match program.tariff {
        Tariff::Metered(_) | Tariff::Told => program.budget_microusd.unwrap_or(limit).min(limit),
        // Nothing is spent; a person may bound what it would have cost all the same.
        Tariff::Flat(_) | Tariff::Own => match program.budget_microusd {
            Some(most) => most,
            None => return Ok(None),
        },
        Tariff::Unpriced => {
            let model = program.model.unwrap_or("its own choice of a model");
            let why = format!(
                "nobody knows what {model} costs; price it below [money.prices] in alai.toml"
            );
            return Err(unstarted(program.engine, &why));
        }
    };
    // Of whom nobody can say what it cost has spent what it was told: so all sessions together stay within what is lent.
    let of = |session: &Session| session.cost_microusd.or(session.told_microusd);
    let costs = walk.sessions.iter().filter_map(of);
    let spent = costs.fold(0, u64::saturating_add);
    let left = most.saturating_sub(spent) / 100 * BUDGET_PERCENT;
    if left == 0 {
        return Err(ExitStatus::CostLimit);
    }
    Ok(Some(left))
}

/// Claude Code holds its own limit and counts a turn a little otherwise; ours is for one that does not hold it.
fn turns_bound(engine: Engine, turns_max: u32) -> u32 {
    match engine {
        Engine::ClaudeCli => turns_max.saturating_add(2),
        Engine::CodexCli | Engine::Acp => turns_max,
    }
}

fn dialect(
    walk: &Walk<'_>,
    program: Program<'_>,
    sitting: &Sitting<'_>,
    lent: &[order::Lent],
) -> Dialect {
    match program.engine {
        Engine::ClaudeCli => {
            let flat = matches!(program.tariff, Tariff::Flat(_));
            Dialect::Claude(claude::Stream::new(flat))
        }
        Engine::CodexCli => Dialect::Codex(codex::Stream::default()),
        Engine::Acp => {
            let rules = Rules {
                role: walk.role(),
                tools: sitting.tools.to_vec(),
                scope: walk.scope.clone(),
                folder: program.folder.to_owned(),
                lent: lent.to_vec(),
            };
            let prompt = format!("{}\n\n{}", sitting.system, sitting.prompt);
            let keyed = program.door.is_some();
            Dialect::Acp(Box::new(Client::new(rules, prompt, program.model, keyed)))
        }
    }
}

/// An UUID from the run's, the step and how many sessions there were: the same run asks for the same ones.
fn session_id(walk: &Walk<'_>, step: &str) -> String {
    let of = format!("{}\n{step}\n{}", walk.brief.run.0, walk.sessions.len());
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(of.as_bytes())[..16]);
    // Version 8, of a maker's own making (RFC 9562).
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

/// The program's version, asked for once in a run: one that is too old is not given anything to do.
fn version(walk: &mut Walk<'_>, program: Program<'_>, step: &str) -> Result<String, ExitStatus> {
    let Some(oldest) = order::oldest(program.engine) else {
        return Ok(String::new());
    };
    if let Some(version) = &walk.program_version {
        return Ok(version.clone());
    }
    let printed = (program.start)(&order::version_launch())
        .and_then(|started| pump::print(started, program.patience, walk.cancel));
    if walk.cancel.is_cancelled() {
        return Err(ExitStatus::Cancelled);
    }
    let printed = printed.map_err(|why| unstarted(program.engine, &why))?;
    let why = match order::version_in(&printed) {
        Some((version, text)) if version >= oldest => {
            walk.program_version = Some(text.clone());
            return Ok(text);
        }
        Some((_, text)) => {
            let (a, b, c) = oldest;
            format!(
                "its version is {text}, and {a}.{b}.{c} is the oldest that is understood; update it"
            )
        }
        None => format!("it told no version but {:?}", cut(printed.trim(), 100)),
    };
    walk.record(&Event::Guard { step, advice: &why })?;
    Err(unstarted(program.engine, &why))
}

fn unstarted(engine: Engine, why: &str) -> ExitStatus {
    let detail = format!(
        "{} could not be started: {}",
        engine.as_str(),
        cut(why, 1_000)
    );
    ExitStatus::ProviderError {
        infrastructure: true,
        detail: redact(&detail).into_owned(),
    }
}

fn record_start(
    walk: &mut Walk<'_>,
    program: Program<'_>,
    step: &str,
    version: &str,
    launch: &Launch,
) -> Result<(), ExitStatus> {
    let args: Vec<String> = launch
        .args
        .iter()
        .map(|arg| cut(arg, ARGUMENT_BYTES_MAX))
        .collect();
    walk.record(&Event::Launched {
        step,
        engine: program.engine,
        version,
        model: program.model.unwrap_or_default(),
        args: &args,
    })
}

/// One thing that the program said, in the trajectory.
fn record(walk: &mut Walk<'_>, step: &str, heard: &Heard) -> Result<(), ExitStatus> {
    let (what, id, name, error, text, input) = match heard {
        Heard::Text(text) => ("text", "", "", false, text.as_str(), None),
        Heard::Thought(text) => ("thought", "", "", false, text.as_str(), None),
        Heard::Call { id, name, input } => {
            ("call", id.as_str(), name.as_str(), false, "", Some(input))
        }
        Heard::Result { id, error, text } => {
            ("result", id.as_str(), "", *error, text.as_str(), None)
        }
        Heard::Denied { id, what } => ("denied", id.as_str(), "", true, what.as_str(), None),
        Heard::Notice(text) => ("notice", "", "", false, text.as_str(), None),
        // What they tell stands in the session's end.
        Heard::Began { .. } | Heard::Turn | Heard::Spent(_) | Heard::Ended(_) => return Ok(()),
    };
    let long = input.filter(|input| input.to_string().len() > HEARD_BYTES_MAX);
    let cut_input = long.map(|input| Value::from(cut(&input.to_string(), HEARD_BYTES_MAX)));
    walk.record(&Event::Heard {
        step,
        what,
        id: &cut(id, 200),
        name: &cut(name, 300),
        error,
        text: &cut(text, HEARD_BYTES_MAX),
        input: cut_input.as_ref().or(input),
    })
}

/// Keeps what the session came to, and says what that means for the run.
fn close(
    walk: &mut Walk<'_>,
    program: Program<'_>,
    step: &str,
    (version, told_microusd): (String, Option<u64>),
    ran: &Ran,
    outcome: Outcome,
) -> Result<Answer, ExitStatus> {
    let tally = &ran.tally;
    let usage = tally.spent.usage.unwrap_or_default();
    let (cost_microusd, cost_word) = cost(program.tariff, tally);
    let or = |first: &str, second: &str| match first.is_empty() {
        true => second.to_owned(),
        false => first.to_owned(),
    };
    let session = Session {
        step: step.to_owned(),
        engine: program.engine,
        version: or(&tally.version, &version),
        id: tally.id.clone(),
        model: or(&tally.model, program.model.unwrap_or_default()),
        turned_away: is_turned_away(&outcome, tally, walk.sessions.is_empty()),
        outcome,
        turns: tally.turns,
        usage,
        cost_microusd,
        cost_word,
        told_microusd,
        denials: tally
            .denials
            .iter()
            .map(|d| redact(d).into_owned())
            .collect(),
        duration_ms: u64::try_from(ran.duration.as_millis()).unwrap_or(u64::MAX),
    };
    walk.used(&session, tally.calls, tally.failed_calls);
    let ended = verdict::status(program.engine, &session.outcome);
    if let Outcome::Failed {
        class: ErrorClass::OverBudget,
        detail,
    } = &session.outcome
    {
        // The limit's name alone would not say whose it was, and what lifts it.
        walk.summarise(&redact(&format!("{}: {detail}", program.engine.as_str())));
    }
    // First: what cannot be written down any more has to be paid all the same.
    walk.sessions.push(session.clone());
    walk.record(&Event::Session { session: &session })?;
    ended?;
    if let Err(why) = &ran.exit {
        // What may still run can change what was just measured.
        let detail = format!("{} could not be ended: {why}", program.engine.as_str());
        return Err(ExitStatus::Killed {
            detail: redact(&detail).into_owned(),
        });
    }
    Ok(Answer {
        by_schema: tally.ended.as_ref().and_then(|ended| ended.answer.clone()),
        text: tally.last_words().to_owned(),
    })
}

fn is_turned_away(outcome: &Outcome, tally: &Tally, is_first: bool) -> bool {
    let is_refused = matches!(
        outcome,
        Outcome::Failed {
            class: ErrorClass::Busy | ErrorClass::Refused,
            ..
        }
    );
    let by_status = tally.ended.as_ref().is_some_and(|ended| ended.by_status);
    is_refused && (by_status || (is_first && !tally.has_worked))
}

/// What a session cost, and how that is known. The program's own word comes first: it knows what its helpers used. What nobody
/// pays by the token is told of as far as it is known; a bill is whole or none.
fn cost(tariff: Tariff, tally: &Tally) -> (Option<u64>, Option<Word>) {
    let (bill, said) = (tally.bill(), tally.spent);
    let (cost, word) = match tariff {
        Tariff::Metered(rates) => match (bill.microusd, bill.usage) {
            (Some(cost), _) => (Some(cost), Word::Measured),
            (None, usage) => (usage.map(|u| rates.of(u.tokens())), Word::Estimated),
        },
        Tariff::Told | Tariff::Unpriced => (bill.microusd, Word::Measured),
        Tariff::Flat(rates) => {
            let listed = rates.zip(said.usage).map(|(r, u)| r.of(u.tokens()));
            (said.microusd.or(listed), Word::ListEquivalent)
        }
        Tariff::Own => (Some(0), Word::Measured),
    };
    (cost, cost.map(|_| word))
}
