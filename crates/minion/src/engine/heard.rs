//! What a program says, whatever its protocol, and what a session came to so far. Everything here is a claim of the program.

use alai_fleet::{ErrorClass, Usage};
use alai_workspace::egress::LOAN_SPENT;
use serde_json::Value;

use super::Outcome;
use crate::text::cut;

/// Denials and their like that are kept of a session.
const KEPT_MAX: usize = 50;
/// Bytes of one of them.
const KEPT_BYTES_MAX: usize = 300;
/// Bytes of the words that a session may end with: an answer of a schema, or a summary.
const WORDS_BYTES_MAX: usize = 256 << 10;

/// One thing that a program says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    /// Who it is, as far as one message tells.
    Began {
        id: Option<String>,
        model: Option<String>,
        version: Option<String>,
    },
    /// Words of its model to us.
    Text(String),
    Thought(String),
    /// A tool that it used by itself.
    Call {
        id: String,
        name: String,
        input: Value,
    },
    Result {
        id: String,
        error: bool,
        text: String,
    },
    /// What it was not allowed to do.
    Denied {
        id: String,
        what: String,
    },
    /// A retry, a warning, a set-up that failed in part.
    Notice(String),
    /// A turn of its model began.
    Turn,
    /// What the session has used so far, not what was used since.
    Spent(Spent),
    /// Its own end. Boxed: it is many times larger than the others.
    Ended(Box<Ended>),
}

/// Use of a model, in sums of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Spent {
    pub(crate) usage: Option<Usage>,
    /// As the program reckons it, in millionths of a dollar.
    pub(crate) microusd: Option<u64>,
}

/// How a program says that it ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) turns: Option<u32>,
    /// The answer by schema, where the protocol has one.
    pub(crate) answer: Option<Value>,
    /// Its last words, where they come with its end.
    pub(crate) text: Option<String>,
    pub(crate) model: Option<String>,
    /// The result of its protocol, behind which nothing more is spent; an error tells only that there was one.
    pub(crate) is_result: bool,
    /// Whether it failed by a status that its provider gave, and not by words alone.
    pub(crate) by_status: bool,
}

impl Ended {
    pub(crate) fn of(outcome: Outcome) -> Ended {
        Ended {
            outcome,
            turns: None,
            answer: None,
            text: None,
            model: None,
            is_result: false,
            by_status: false,
        }
    }
}

/// A session so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) version: String,
    pub(crate) turns: u32,
    /// The most that it has said.
    pub(crate) spent: Spent,
    /// The same since its last turn began.
    pub(crate) told: Spent,
    /// Whether its model did anything, as far as we have seen ourselves.
    pub(crate) has_worked: bool,
    /// The model's words since it last used a tool: what it ends with.
    pub(crate) words: String,
    pub(crate) denials: Vec<String>,
    pub(crate) calls: u32,
    pub(crate) failed_calls: u32,
    /// Things understood; none at all is a program that speaks something else.
    pub(crate) understood: u64,
    pub(crate) garbage: u64,
    pub(crate) ended: Option<Ended>,
}

impl Tally {
    pub(crate) fn take(&mut self, heard: &Heard) {
        self.understood += 1;
        self.has_worked |= matches!(
            heard,
            Heard::Turn | Heard::Text(_) | Heard::Thought(_) | Heard::Call { .. }
        );
        match heard {
            Heard::Began { id, model, version } => {
                named(&mut self.id, id.as_deref());
                named(&mut self.model, model.as_deref());
                named(&mut self.version, version.as_deref());
            }
            Heard::Text(text) => {
                let room = WORDS_BYTES_MAX.saturating_sub(self.words.len());
                self.words.push_str(crate::text::head(text, room));
            }
            Heard::Call { .. } => {
                self.calls += 1;
                self.words.clear();
            }
            Heard::Result { error, .. } => self.failed_calls += u32::from(*error),
            Heard::Denied { what, .. } => {
                if self.denials.len() < KEPT_MAX {
                    self.denials.push(cut(what, KEPT_BYTES_MAX));
                }
            }
            Heard::Turn => self.turns = self.turns.saturating_add(1),
            Heard::Spent(spent) => {
                self.told.usage = spent.usage.or(self.told.usage);
                self.told.microusd = spent.microusd.or(self.told.microusd);
                self.spent.usage = spent.usage.or(self.spent.usage);
                // What was spent once is not taken back.
                self.spent.microusd = self.spent.microusd.max(spent.microusd);
            }
            Heard::Ended(ended) => {
                named(&mut self.model, ended.model.as_deref());
                self.turns = ended.turns.unwrap_or(self.turns);
                self.ended = Some((**ended).clone());
            }
            Heard::Thought(_) | Heard::Notice(_) => {}
        }
    }

    /// Begins another turn: what it ends with, and what it cost, is to be said again.
    pub(crate) fn go_on(&mut self) {
        self.ended = None;
        self.words.clear();
        self.told = Spent::default();
    }

    /// What can be billed: only what was said of the whole session. One that came to no result went on spending after it said what
    /// it had spent.
    pub(crate) fn bill(&self) -> Spent {
        if !self.ended.as_ref().is_some_and(|ended| ended.is_result) {
            return Spent::default();
        }
        Spent {
            usage: self.told.usage,
            microusd: self.told.microusd.and(self.spent.microusd),
        }
    }

    /// What the session ends with: the program's own last words, or else the model's.
    pub(crate) fn last_words(&self) -> &str {
        let own = self.ended.as_ref().and_then(|ended| ended.text.as_deref());
        own.unwrap_or(&self.words)
    }
}

/// Names are a stranger's text: short, and the first that is given stays until another one is.
fn named(slot: &mut String, name: Option<&str>) {
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        *slot = crate::text::head(name, 200).to_owned();
    }
}

/// The class of an HTTP status that a provider gave to a program, with what it said. A 402 is of two kinds: our own way out gives it
/// when the run's loan is spent, which is the run's limit; a provider's purse that is empty opens for no run, until a person fills it.
pub(crate) fn class_of(status: u64, said: &str) -> ErrorClass {
    match status {
        402 if said.contains(LOAN_SPENT) => ErrorClass::OverBudget,
        401..=403 => ErrorClass::Refused,
        404 => ErrorClass::ModelMissing,
        408 | 504 => ErrorClass::TimedOut,
        413 => ErrorClass::ContextTooLong,
        429 | 503 | 529 => ErrorClass::Busy,
        400..=499 => ErrorClass::BadRequest,
        _ => ErrorClass::ServerFault,
    }
}

/// What a provider's refusal says in words, where no status tells: a prompt that is too long is the request's fault, a login
/// that is gone a person's to mend, and a limit of a plan passes.
pub(crate) fn class_by_words(text: &str) -> Option<ErrorClass> {
    let text = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&[LOAN_SPENT]) {
        return Some(ErrorClass::OverBudget);
    }
    if has(&[
        "prompt is too long",
        "context window",
        "context_length_exceeded",
        "maximum context length",
    ]) {
        return Some(ErrorClass::ContextTooLong);
    }
    if has(&["model_not_found", "issue with the selected model"]) {
        return Some(ErrorClass::ModelMissing);
    }
    if has(&[
        "usage limit",
        "rate limit",
        "limit reached",
        "quota",
        "overloaded",
        "high demand",
    ]) {
        return Some(ErrorClass::Busy);
    }
    has(&[
        "/login",
        "not logged in",
        "log in",
        "login",
        "authenticat",
        "api key",
        "unauthorized",
        "oauth",
        "credit balance",
        "insufficient credits",
        "insufficient balance",
        "payment required",
    ])
    .then_some(ErrorClass::Refused)
}

/// Dollars of a JSON number as millionths, rounded up; what is no amount is none.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Checked to lie in range.
pub(crate) fn microusd(dollars: &Value) -> Option<u64> {
    let dollars = dollars.as_f64()?;
    // Far above what any session costs; a program that says more is not believed.
    (0.0..=1_000_000.0)
        .contains(&dollars)
        // A hair less than the exact product, so that 0.1 is not one millionth more.
        .then(|| (dollars * 1e6 - 1e-6).ceil().max(0.0) as u64)
}

/// A count of tokens; none where it is no number that can be meant, which would overflow sums.
pub(crate) fn count(value: &Value) -> Option<u64> {
    value.as_u64().filter(|n| *n < 1 << 50)
}

/// A count of a kind of tokens that not every model has: where it is not said there were none.
pub(crate) fn count_or_none(value: &Value) -> Option<u64> {
    match value.is_null() {
        true => Some(0),
        false => count(value),
    }
}

/// What was used, where that can be: a session that neither read nor wrote a token was none.
pub(crate) fn plausible(usage: Usage) -> Option<Usage> {
    (usage.prompt_tokens > 0 || usage.output_tokens > 0).then_some(usage)
}

/// A text of a JSON object.
pub(crate) fn text_of(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_are_rounded_up_and_nonsense_is_none() {
        for (dollars, want) in [
            (json!(0.0088), Some(8_800)),
            (json!(0.1), Some(100_000)),
            (json!(0.000_000_1), Some(1)),
            (json!(0), Some(0)),
            (json!(-1), None),
            (json!(1e300), None),
            (json!("1"), None),
        ] {
            assert_eq!(microusd(&dollars), want, "{dollars}");
        }
    }

    fn spent(microusd: u64) -> Heard {
        Heard::Spent(Spent {
            usage: None,
            microusd: Some(microusd),
        })
    }

    #[test]
    fn a_cost_is_known_at_a_result_and_is_the_most_that_was_said() {
        let mut tally = Tally::default();
        tally.take(&spent(700));
        tally.take(&spent(300));
        assert_eq!(tally.bill(), Spent::default(), "it has not ended");
        tally.take(&Heard::Ended(Box::new(Ended::of(Outcome::Done))));
        assert_eq!(tally.bill(), Spent::default(), "by no result");
        let result = Heard::Ended(Box::new(Ended {
            is_result: true,
            ..Ended::of(Outcome::Done)
        }));
        tally.take(&result);
        assert_eq!(tally.bill().microusd, Some(700));
        // Of a further turn it has to say so again.
        tally.go_on();
        tally.take(&result);
        assert_eq!(tally.bill(), Spent::default());
        tally.take(&spent(100));
        assert_eq!(tally.bill().microusd, Some(700));
    }

    #[test]
    fn a_count_that_cannot_be_meant_is_none() {
        for wrong in [
            json!(null),
            json!(-1),
            json!(1.5),
            json!("1"),
            json!(1u64 << 50),
        ] {
            assert_eq!(count(&wrong), None, "{wrong}");
        }
        assert_eq!(count(&json!(7)), Some(7));
        assert_eq!(count_or_none(&json!(null)), Some(0));
        assert_eq!(count_or_none(&json!(-3)), None);
        assert_eq!(plausible(Usage::default()), None);
    }

    #[test]
    fn an_outage_is_never_the_models_fault() {
        for status in [429, 500, 502, 503, 529, 401, 403, 404, 408] {
            assert!(class_of(status, "").is_infrastructure(), "{status}");
        }
        for status in [400, 413, 422] {
            assert!(!class_of(status, "").is_infrastructure(), "{status}");
        }
        for (text, want) in [
            ("Invalid API key · Please run /login", ErrorClass::Refused),
            ("You've hit your usage limit.", ErrorClass::Busy),
            (
                "There's an issue with the selected model (x).",
                ErrorClass::ModelMissing,
            ),
            (
                "Prompt is too long: 210000 tokens > 200000",
                ErrorClass::ContextTooLong,
            ),
        ] {
            assert_eq!(class_by_words(text), Some(want), "{text}");
        }
        assert_eq!(class_by_words("something else"), None);
    }
}
