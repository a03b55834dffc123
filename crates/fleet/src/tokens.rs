//! How many tokens a prompt will be, and whether a server cut it. Ollama has no tokenizer route, so characters per token
//! are learned from its own counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::chat::{ChatRequest, Message};

/// Characters per token before anything was learned: code and JSON lie near it, so it errs towards more tokens.
const CHARS_PER_TOKEN_START: f64 = 3.0;
/// How far a learned estimate may be off.
const MARGIN: f64 = 1.2;
/// How far the first guess may be off: prose has up to 6 characters per token, twice the start value.
const MARGIN_UNLEARNED: f64 = 2.0;
/// The weight of a new observation; after about ten calls the start value is forgotten.
const LEARN: f64 = 0.2;
/// Rates outside come from counts that do not mean what we think, and are not learned.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = 1.0..=8.0;
/// Ollama's silent cut keeps about half of the window (120,000 tokens at a window of 65,536 were counted as 32,770).
const HALF_WINDOW: f64 = 0.55;
/// Rates kept; a fleet has tens of models, and a stranger's names must not fill the memory.
const MODELS_MAX: usize = 256;

/// Characters per token by model name. Clones share one table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates(Arc<Mutex<BTreeMap<String, f64>>>);

/// What the counts of one answer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Whole,
    /// The prompt was cut: this many tokens were expected.
    Truncated {
        expected: u64,
    },
}

/// Characters of everything that becomes prompt: messages, calls, tool schemas and the answer's schema.
pub fn prompt_chars(request: &ChatRequest) -> u64 {
    let messages: usize = request.messages.iter().map(message_chars).sum();
    let tools: usize = request
        .tools
        .iter()
        .map(|tool| {
            chars(&tool.name) + chars(&tool.description) + chars(&tool.parameters.to_string())
        })
        .sum();
    // The schema of `format` constrains the sampler; it is no prompt.
    (messages + tools) as u64
}

/// An estimate of the prompt's tokens where no model has been heard yet. Rounded up.
pub fn estimate_tokens(chars: u64) -> u64 {
    (chars as f64 / CHARS_PER_TOKEN_START).ceil() as u64
}

impl Rates {
    /// Learns from an answer and says whether its prompt was cut.
    pub(crate) fn judge(&self, model: &str, chars: u64, counted: u64, num_ctx: u32) -> Verdict {
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = rates.get(model).copied();
        let verdict = judge(learned, chars, counted, num_ctx);
        if verdict == Verdict::Whole
            && let Some(rate) = learn(learned, chars, counted)
            && (rates.len() < MODELS_MAX || rates.contains_key(model))
        {
            rates.insert(model.to_owned(), rate);
        }
        verdict
    }

    /// What was learned of a model, in characters a token.
    pub(crate) fn of(&self, model: &str) -> Option<f64> {
        let rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rates.get(model).copied()
    }

    /// Takes up what was learned before; what cannot be is not.
    pub(crate) fn set(&self, model: &str, rate: f64) {
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if PLAUSIBLE.contains(&rate) && rates.len() < MODELS_MAX {
            rates.insert(model.to_owned(), rate);
        }
    }

    /// Tokens that a prompt of this many characters is expected to have. Rounded up.
    pub(crate) fn estimate(&self, model: &str, chars: u64) -> u64 {
        let rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = rates.get(model).copied().unwrap_or(CHARS_PER_TOKEN_START);
        (chars as f64 / rate).ceil() as u64
    }
}

/// Whether a prompt was cut.
///
/// A low count alone proves nothing: some texts have many characters per token. It must also be possible that the
/// prompt overflowed: either it cannot have fitted at all, or the count is the half window that a cut leaves.
fn judge(learned: Option<f64>, chars: u64, counted: u64, num_ctx: u32) -> Verdict {
    if counted == 0 {
        return Verdict::Whole; // The server counted nothing: no evidence.
    }
    let margin = if learned.is_some() {
        MARGIN
    } else {
        MARGIN_UNLEARNED
    };
    let expected = chars as f64 / learned.unwrap_or(CHARS_PER_TOKEN_START);
    let (counted, window) = (counted as f64, f64::from(num_ctx));
    let far_below = counted * margin < expected;
    let cannot_fit = expected / margin > window;
    let half_window = expected * MARGIN > window && counted <= window * HALF_WINDOW;
    if far_below && (cannot_fit || half_window) {
        return Verdict::Truncated {
            expected: expected.ceil() as u64,
        };
    }
    Verdict::Whole
}

fn learn(learned: Option<f64>, chars: u64, counted: u64) -> Option<f64> {
    let seen = chars as f64 / counted as f64;
    if !PLAUSIBLE.contains(&seen) {
        return None;
    }
    // The first observation replaces the guess; the later ones move it.
    Some(learned.map_or(seen, |rate| rate + LEARN * (seen - rate)))
}

fn message_chars(message: &Message) -> usize {
    match message {
        Message::System { text } | Message::User { text } => chars(text),
        Message::Tool { name, text, .. } => chars(name) + chars(text),
        Message::Assistant { text, calls } => {
            let calls = calls.iter().map(|call| {
                chars(&call.name)
                    + serde_json::to_string(&call.arguments).map_or(0, |json| chars(&json))
            });
            chars(text) + calls.sum::<usize>()
        }
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u32 = 16_384;

    #[test]
    fn cut_prompts_are_seen_and_whole_ones_are_not() {
        // (learned rate, characters, counted tokens, cut?)
        for (learned, chars, counted, cut) in [
            // The measured case at a window of 16k: four windows of text, half a window counted.
            (None, 4 * 16_384 * 4, 8_193, true),
            (Some(4.2), 4 * 16_384 * 4, 8_193, true),
            // Just over the window.
            (None, 16_384 * 4, 8_192, true),
            (Some(3.5), 60_000, 8_192, true),
            // Oldest messages dropped: nearly a full window is counted, but it cannot have fitted.
            (Some(3.5), 150_000, 15_900, true),
            // Whole prompts: small ones, prose before anything was learned, code after prose.
            (None, 900, 300, false),
            (None, 900, 150, false),
            (None, 60_000, 13_700, false),
            (Some(4.4), 60_000, 13_700, false),
            (Some(4.4), 60_000, 15_800, false),
            (Some(3.2), 45_000, 10_000, false),
            // No count, no evidence.
            (Some(3.0), 400_000, 0, false),
        ] {
            let verdict = judge(learned, chars, counted, WINDOW);
            assert_eq!(
                verdict != Verdict::Whole,
                cut,
                "{learned:?} {chars} {counted}"
            );
        }
    }

    #[test]
    fn a_rate_is_learned_from_whole_prompts_only() {
        let rates = Rates::default();
        assert_eq!(rates.estimate("m", 3_000), 1_000);
        assert_eq!(rates.judge("m", 4_000, 1_000, WINDOW), Verdict::Whole);
        assert_eq!(rates.estimate("m", 4_000), 1_000);
        assert!(matches!(
            rates.judge("m", 400_000, 8_192, WINDOW),
            Verdict::Truncated { expected: 100_000 }
        ));
        assert_eq!(
            rates.estimate("m", 4_000),
            1_000,
            "a cut prompt taught nothing"
        );
        assert_eq!(rates.judge("m", 5_000, 1_000, WINDOW), Verdict::Whole);
        assert_eq!(
            rates.estimate("m", 4_200),
            1_000,
            "one fifth of the way from 4 to 5"
        );
        assert_eq!(rates.estimate("other", 3_000), 1_000);
    }

    #[test]
    fn clones_share_what_they_learn_and_names_are_bounded() {
        let rates = Rates::default();
        let clone = rates.clone();
        rates.judge("m", 4_000, 1_000, WINDOW);
        assert_eq!(clone.estimate("m", 4_000), 1_000);
        for n in 0..2 * MODELS_MAX {
            rates.judge(&format!("m{n}"), 4_000, 1_000, WINDOW);
        }
        assert!(rates.0.lock().unwrap().len() <= MODELS_MAX);
    }
}
