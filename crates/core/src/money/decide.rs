//! Whether a call may be begun: a pure decision on sums, caps and what the call may cost at most.

use serde::{Deserialize, Serialize};

use super::{Caps, Day, dollars};
use crate::ids::TaskId;

/// What a call may cost at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    Nothing,
    /// Millionths of a dollar.
    AtMost(u64),
    /// It is paid for, and nobody knows how much.
    Unpriced,
}

/// What stands in the books under one cap, in millionths of a dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sum {
    pub spent: u64,
    /// The worst case of calls that are under way.
    pub reserved: u64,
    /// The worst case of calls of which nobody can say what they cost. Counted as spent until somebody can.
    pub unknown: u64,
    /// What subscriptions paid for would have cost. Counted nowhere.
    pub list_equivalent: u64,
}

impl Sum {
    /// What a cap reckons with.
    pub fn held(&self) -> u64 {
        let sum = self.spent.saturating_add(self.reserved);
        sum.saturating_add(self.unknown)
    }
}

/// The books as a call finds them. The caps are those in force, with what a person has raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Books {
    pub caps: Caps,
    pub task: Sum,
    pub lineage: Sum,
    pub goal: Sum,
    pub day: Sum,
}

/// A call that somebody wants to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub model: String,
    pub cost: Cost,
    pub task: TaskId,
    pub lineage: TaskId,
    pub goal: Option<TaskId>,
    pub day: Day,
    /// The task is a review or an audit of another one's work.
    pub verifies: bool,
}

/// What is held for a call until it is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    pub microusd: u64,
}

/// Which rule refuses a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A paid model without a price.
    Price,
    Call,
    Task,
    Lineage,
    Goal,
    Day,
}

impl Rule {
    pub const ALL: [Rule; 6] = [
        Rule::Price,
        Rule::Call,
        Rule::Task,
        Rule::Lineage,
        Rule::Goal,
        Rule::Day,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Rule::Price => "price",
            Rule::Call => "call",
            Rule::Task => "task",
            Rule::Lineage => "lineage",
            Rule::Goal => "goal",
            Rule::Day => "day",
        }
    }

    pub fn parse(text: &str) -> Option<Rule> {
        Rule::ALL.into_iter().find(|rule| rule.as_str() == text)
    }
}

/// A call that is not begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub rule: Rule,
    /// What stands against it, for people.
    pub text: String,
    /// What a person can do, with the command where there is one.
    pub fix: String,
    /// When it may go on by itself, in milliseconds since the Unix epoch.
    pub until_ms: Option<i64>,
}

/// Whether a call may be begun, and what is held for it. The first rule that refuses it is named, the narrowest first.
///
/// # Errors
/// The rule, with what to do.
pub fn may_spend(books: &Books, ask: &Ask) -> Result<Reservation, Refused> {
    let worst = match ask.cost {
        Cost::Nothing | Cost::AtMost(0) => return Ok(Reservation { microusd: 0 }),
        Cost::Unpriced => return Err(unpriced(ask)),
        Cost::AtMost(worst) => worst,
    };
    let nothing = Sum::default();
    let goal_cap = ask.goal.and(books.caps.goal);
    let rules = [
        (Rule::Call, books.caps.call, &nothing),
        (Rule::Task, books.caps.task, &books.task),
        (Rule::Lineage, books.caps.lineage, &books.lineage),
        (Rule::Goal, goal_cap, &books.goal),
        (Rule::Day, books.caps.day(), &books.day),
    ];
    for (rule, cap, sum) in rules {
        let Some(cap) = cap else { continue };
        // A sum that does not fit a number fits no cap.
        if sum.held().checked_add(worst).is_none_or(|all| all > cap) {
            return Err(refused(rule, cap, sum, worst, ask));
        }
    }
    Ok(Reservation { microusd: worst })
}

fn unpriced(ask: &Ask) -> Refused {
    Refused {
        rule: Rule::Price,
        text: format!(
            "the model `{}` is paid for and its price is not known",
            ask.model
        ),
        fix: format!(
            "add [money.prices.\"{}\"] with `input = DOLLARS` and `output = DOLLARS` per million tokens to alai.toml, start `alai up` anew where it runs, then `alai mc retry {}`",
            ask.model, ask.task.0
        ),
        until_ms: None,
    }
}

fn refused(rule: Rule, cap: u64, sum: &Sum, worst: u64, ask: &Ask) -> Refused {
    let key = match rule {
        Rule::Task => ask.task,
        Rule::Lineage => ask.lineage,
        Rule::Goal => ask.goal.unwrap_or(ask.task),
        Rule::Call | Rule::Day | Rule::Price => ask.task,
    };
    let whose = match rule {
        Rule::Call if ask.verifies => "a verifier's call".to_owned(),
        Rule::Price | Rule::Call => "a call".to_owned(),
        Rule::Task => format!("task {key}"),
        Rule::Lineage => format!("the line of work of {key}"),
        Rule::Goal => format!("goal {key}"),
        Rule::Day => format!("the day {} (UTC)", ask.day),
    };
    let mut held = String::new();
    for (amount, word) in [
        (sum.spent, "spent"),
        (sum.reserved, "reserved"),
        (sum.unknown, "unknown"),
    ] {
        if amount > 0 {
            held.push_str(&format!("{} {word}, ", dollars(amount)));
        }
    }
    let text = format!(
        "the {} cap of {} for {whose} forbids it: {held}and the next call of `{}` may cost {}",
        rule.as_str(),
        dollars(cap),
        ask.model,
        dollars(worst)
    );
    let fix = match rule {
        Rule::Call if ask.verifies => format!(
            "raise `verifier_call` (and `call`, where it is less) below [money.caps] in alai.toml, start `alai up` anew where it runs, then `alai mc retry {}`",
            ask.task.0
        ),
        Rule::Price | Rule::Call => format!(
            "raise `call` below [money.caps] in alai.toml, start `alai up` anew where it runs, then `alai mc retry {}`",
            ask.task.0
        ),
        Rule::Day => format!(
            "wait until {}, when it goes on by itself while `alai up` runs; or `alai fleet cap day \"DOLLARS\"`",
            crate::time::utc(ask.day.end_ms())
        ),
        Rule::Task | Rule::Lineage | Rule::Goal => format!(
            "`alai fleet cap {} {} \"DOLLARS\"`, then it goes on by itself while `alai up` runs; or `alai mc cancel {}`",
            rule.as_str(),
            key.0,
            ask.task.0
        ),
    };
    Refused {
        rule,
        text,
        fix,
        until_ms: (rule == Rule::Day).then(|| ask.day.end_ms()),
    }
}

#[cfg(test)]
mod tests;
