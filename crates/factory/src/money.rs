//! What a model costs on its host, what may still be spent, and what becomes of work for which nothing may be spent.

use std::collections::BTreeMap;
use std::sync::Arc;

use alai_core::company::ModelChoice;
use alai_core::ids::TaskId;
use alai_core::money::{
    Caps, Cost, Day, Mark, OwnPrice, Prices, Refused, Rule, Sum, Tariff, dollars, host_is_in,
    host_is_near,
};
use alai_core::pipeline::{Effect, over_budget};
use alai_core::task::{Task, WaitReason};
use alai_fleet::{ChatRequest, Host, Provider, estimate_tokens, prompt_chars};
use alai_mission::{Fence, MissionError, RunRow, Scope};
use serde::Deserialize;

use crate::beat::Factory;
use crate::config::{Config, ConfigError};
use crate::models::Chosen;
use crate::work;

/// What may be spent, and on whom: `[money]` of `alai.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    pub caps: Caps,
    pub prices: Prices,
    paid_hosts: Vec<String>,
    flat_hosts: Vec<String>,
    own_hosts: Vec<String>,
}

/// The same as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MoneyFile {
    caps: Caps,
    prices: BTreeMap<String, OwnPrice>,
    paid_hosts: Vec<String>,
    flat_hosts: Vec<String>,
    own_hosts: Vec<String>,
}

impl Default for Money {
    fn default() -> Money {
        Money {
            caps: Caps::default(),
            prices: Prices::shipped(),
            paid_hosts: Vec::new(),
            flat_hosts: Vec::new(),
            own_hosts: Vec::new(),
        }
    }
}

impl Money {
    /// Whether a host is a machine of one's own: in one's own network, or named so. What is paid is somebody else's.
    pub(crate) fn is_near(&self, host: &str) -> bool {
        let paid = host_is_in(host, &self.paid_hosts) || host_is_in(host, &self.flat_hosts);
        !paid && (host_is_near(host) || host_is_in(host, &self.own_hosts))
    }

    /// Whether a host's tokens cost nothing. A person's word about it counts before what it looks like: an Ollama server is one's
    /// own, and so is any server in a network of one's own; the others are paid by the token.
    pub(crate) fn is_free(&self, host: &Host) -> bool {
        let address = host.to_string();
        let paid = host_is_in(&address, &self.paid_hosts) || host_is_in(&address, &self.flat_hosts);
        !paid && (matches!(host, Host::Ollama(_)) || self.is_near(&address))
    }
}

impl MoneyFile {
    /// What cannot be meant is refused, and not only when it is needed.
    pub(crate) fn checked(self) -> Result<Money, ConfigError> {
        if let Some((first, second)) = self.caps.disordered() {
            return Err(ConfigError::Value {
                key: "money.caps",
                value: format!("{first} above {second}"),
                want: "day_warn, day_block and day_kill in this order",
            });
        }
        let prices = Prices::shipped().with(&self.prices);
        Ok(Money {
            caps: self.caps,
            prices: prices.map_err(|e| ConfigError::Value {
                key: "money.prices",
                value: e.to_string(),
                want: "a model's name, and dollars for a million tokens",
            })?,
            paid_hosts: self.paid_hosts,
            flat_hosts: self.flat_hosts,
            own_hosts: self.own_hosts,
        })
    }
}

/// How a model's host is paid. A person's word about a host counts before what it looks like: an Ollama server and a recording
/// are one's own, and so is any server in a network of one's own; the others are paid by the token.
pub(crate) fn tariff(config: &Config, chosen: &Chosen) -> Tariff {
    let money = &config.money;
    let host = chosen.provider.host();
    let rates = money.prices.of(&chosen.model);
    let metered = || rates.map_or(Tariff::Unpriced, Tariff::Metered);
    if host_is_in(&host, &money.flat_hosts) {
        return Tariff::Flat(rates);
    }
    if host_is_in(&host, &money.paid_hosts) {
        return metered();
    }
    match &chosen.provider {
        Provider::Agent(_) if chosen.is_nobody() => Tariff::Own,
        Provider::Agent(agent) if agent.name == ModelChoice::HUMAN => Tariff::Own,
        Provider::Agent(agent) => config.agent(&agent.name).map_or(Tariff::Unpriced, |named| {
            named.with_model(&chosen.model).tariff(money)
        }),
        Provider::Ollama(_) | Provider::Scripted(_) => Tariff::Own,
        Provider::Openai(_) | Provider::Anthropic(_)
            if host_is_near(&host) || host_is_in(&host, &money.own_hosts) =>
        {
            Tariff::Own
        }
        Provider::Openai(_) | Provider::Anthropic(_) => metered(),
    }
}

/// How far a prompt may be longer than the first guess of characters per token says, in percent of it.
const GUESS_PERCENT: u64 = 120;

/// Tokens that a request's prompt may have: all that is sent, guessed with a margin, and never more than the window holds. What is
/// paid is reckoned at its worst, since a repository may be written to cost: two characters of ASCII a token, which is noise, and of
/// everything else each byte one, beyond which no tokenizer goes.
pub(crate) fn prompt_max(request: &ChatRequest, is_paid: bool) -> u64 {
    if is_paid {
        let parts = serde_json::to_string(&(&request.messages, &request.tools, &request.format));
        let text = parts.unwrap_or_default();
        let ascii = text.bytes().filter(u8::is_ascii).count() as u64;
        return ascii.div_ceil(2).saturating_add(text.len() as u64 - ascii);
    }
    let schema = request.format.as_ref().map_or(0, |f| f.to_string().len());
    let chars = prompt_chars(request).saturating_add(schema as u64);
    let guess = estimate_tokens(chars).saturating_mul(GUESS_PERCENT) / 100;
    guess.min(u64::from(request.profile.num_ctx))
}

/// Whether a run could make a first call at all, asked before it gets a clone: the longest answer to an empty prompt.
pub(crate) fn admit(
    factory: &Factory,
    fence: &Fence,
    chosen: &Chosen,
    tariff: &Tariff,
) -> Result<Result<(), Refused>, MissionError> {
    let cost = tariff.cost(0, u64::from(chosen.profile.output_max));
    let caps = &factory.config().money.caps;
    let now = factory.now_ms();
    factory
        .mission()
        .admit(fence, &chosen.model, cost, caps, now)
}

/// Whether a first call of a task on this model may be paid for now. What costs nothing always may; what cannot be read may not.
pub(crate) fn could_pay(factory: &Factory, task: TaskId, chosen: &Chosen) -> bool {
    let cost = tariff(factory.config(), chosen).cost(0, u64::from(chosen.profile.output_max));
    if cost == Cost::Nothing {
        return true;
    }
    let caps = &factory.config().money.caps;
    let (mission, now) = (factory.mission(), factory.now_ms());
    let could = mission.could_pay(task, &chosen.model, cost, caps, now);
    could.unwrap_or(false)
}

/// One look at the books: tells of a day's bill, ends what spends too much, and takes up what may go on.
pub(crate) fn look(factory: &Arc<Factory>, now_ms: i64) -> Result<(), MissionError> {
    let today = Day::of(now_ms);
    let mission = factory.mission();
    let caps = mission.caps_of(&factory.config().money.caps, today)?;
    let bill = mission.sum_of(Scope::Day(today))?;
    for mark in caps.passed(&bill) {
        let text = told(mark, today, &bill);
        if mission.pass_mark(today, mark, &text, now_ms)? {
            tracing::warn!("{text}");
        }
        if mark == Mark::Kill {
            end_paid_runs(factory, today, &text, now_ms)?;
        }
    }
    take_up(factory, now_ms)
}

fn told(mark: Mark, day: Day, bill: &Sum) -> String {
    let what = match mark {
        Mark::Warn => "",
        Mark::Block => "; no further paid call is begun",
        Mark::Kill => "; runs on paid models are ended",
    };
    let unknown = match bill.unknown {
        0 => String::new(),
        unknown => format!(" and {} unknown", dollars(unknown)),
    };
    let spent = dollars(bill.spent);
    format!("{spent} spent{unknown} on {day} (UTC){what}: `alai fleet cost`")
}

/// Their tasks wait for the next day, or for a person who raises the day's cap.
fn end_paid_runs(
    factory: &Arc<Factory>,
    today: Day,
    why: &str,
    now_ms: i64,
) -> Result<(), MissionError> {
    for run in factory.mission().paid_runs()? {
        let task = factory.mission().task(run.task)?;
        let refused = Refused {
            rule: Rule::Day,
            text: why.to_owned(),
            fix: format!(
                "wait until {}, when it goes on by itself while `alai up` runs; or `alai fleet cap day \"DOLLARS\"`",
                alai_core::time::utc(today.end_ms())
            ),
            until_ms: Some(today.end_ms()),
        };
        end_run(factory, &run, &task, &refused, now_ms)?;
    }
    Ok(())
}

fn end_run(
    factory: &Arc<Factory>,
    run: &RunRow,
    task: &Task,
    refused: &Refused,
    now_ms: i64,
) -> Result<(), MissionError> {
    let Effect::Ask { waiting, .. } = over_budget(task, refused, &factory.plain_context()) else {
        return Ok(());
    };
    let mission = factory.mission();
    mission.end_for_money(&run.id, refused.rule, waiting, now_ms)?;
    // Second: a run that learns first that it is ended would believe that a person has taken its task.
    factory.end_active(&run.id);
    Ok(())
}

/// Takes up what was refused, once the call that it was refused could be begun.
fn take_up(factory: &Factory, now_ms: i64) -> Result<(), MissionError> {
    let mission = factory.mission();
    let caps = &factory.config().money.caps;
    let mut after = TaskId(0);
    loop {
        let part = mission.waiting_for(WaitReason::Budget, after)?;
        let Some(last) = part.last() else {
            return Ok(());
        };
        after = last.id;
        let mut free = Vec::new();
        for task in &part {
            let free_now = priced(factory, task) == Cost::Nothing;
            if free_now || mission.affordable(task.id, caps, || priced(factory, task), now_ms)? {
                free.push(task.id);
            }
        }
        if !free.is_empty() {
            mission.taken_up(WaitReason::Budget, "it may be paid for", free, now_ms)?;
        }
    }
}

/// What a first call for a task would cost whose model had no price.
fn priced(factory: &Factory, task: &Task) -> Cost {
    let chosen = work::chosen_for(factory, task);
    chosen.map_or(Cost::Unpriced, |chosen| {
        let output_max = u64::from(chosen.profile.output_max);
        tariff(factory.config(), &chosen).cost(0, output_max)
    })
}

#[cfg(test)]
mod tests;
