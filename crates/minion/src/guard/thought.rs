//! What a model says and thinks, apart from what it calls: words that repeat, and turns that only talk.

use crate::progress::{calm, hash};

/// The same thought in turns that follow each other: said, and then the end.
pub(crate) const THOUGHT_NUDGE: u32 = 2;
pub(crate) const THOUGHT_STOP: u32 = 3;
/// Bytes below which words are no thought: `Let me look at the file.` stands before many calls.
const THOUGHT_BYTES_MIN: usize = 60;
/// One chunk this often, and nothing after it, is a model that has lost its way within one answer.
const CHUNK_REPEATS: usize = 10;
/// Bytes of the longest chunk that is looked for, and of what must repeat: a ruler of dashes is shorter.
const CHUNK_BYTES_MAX: usize = 400;
const REPEATED_BYTES_MIN: usize = 300;

/// What was said and thought in the last turn, and how often in a row.
#[derive(Debug, Default)]
pub(super) struct Thoughts {
    said: Same,
    thought: Same,
}

#[derive(Debug, Default)]
struct Same {
    last: Option<u64>,
    times: u32,
}

impl Thoughts {
    pub(super) fn next(&mut self, text: &str, thinking: &str) -> super::Advice {
        match self.said.next(text).max(self.thought.next(thinking)) {
            THOUGHT_STOP.. => super::Advice::Stop("same_thought"),
            THOUGHT_NUDGE => super::Advice::Nudge(
                "You said the same as in your last turn. Do not think it through again: take another step now, by a call that you \
                 have not made yet."
                    .into(),
            ),
            _ => super::Advice::GoOn,
        }
    }
}

impl Same {
    /// How often in a row, this time included; 0 for words that are no thought.
    fn next(&mut self, text: &str) -> u32 {
        let words: Vec<&str> = text.split_whitespace().collect();
        let plain = calm(&words.join(" ").to_lowercase());
        if plain.len() < THOUGHT_BYTES_MIN {
            *self = Same::default();
            return 0;
        }
        let now = Some(hash(plain));
        self.times = if self.last == now { self.times + 1 } else { 1 };
        self.last = now;
        self.times
    }
}

/// A turn in which the model called no tool. Each kind has its own nudge, as each has its own cure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Monologue {
    Empty,
    /// It thought, and neither spoke nor acted.
    Reasoning,
    Content,
    /// It was still writing when its answer was full.
    Cut,
    /// Its answer ends in one chunk over and over.
    Repeating,
}

impl Monologue {
    /// What an answer without calls is.
    pub(crate) fn of(text: &str, thinking: &str, cut_off: bool) -> Monologue {
        let (text, thinking) = (text.trim(), thinking.trim());
        if repeats(text) || repeats(thinking) {
            return Monologue::Repeating;
        }
        match (text.is_empty(), thinking.is_empty()) {
            (true, false) => Monologue::Reasoning,
            _ if cut_off => Monologue::Cut,
            (true, true) => Monologue::Empty,
            (false, _) => Monologue::Content,
        }
    }

    /// The rule that the third in a row breaks.
    pub(super) fn rule(self) -> &'static str {
        match self {
            Monologue::Empty | Monologue::Content | Monologue::Cut => "monologue",
            Monologue::Reasoning => "reasoning_only",
            Monologue::Repeating => "repeating",
        }
    }

    pub(super) fn nudge(self) -> &'static str {
        match self {
            Monologue::Empty => {
                "Your answer was empty. Call one of your tools now; call `done` if the work is finished."
            }
            Monologue::Reasoning => {
                "You only thought, and nobody sees your thoughts: nothing happened. Stop thinking and make the next call now."
            }
            Monologue::Content => {
                "You wrote text but called no tool, so nothing happened. Act with a tool call; call `done` if the work is finished."
            }
            Monologue::Cut => {
                "Your answer was cut off at its length limit before it called a tool, so nothing happened. No explanations: make \
                 one short call now."
            }
            Monologue::Repeating => {
                "Your answer repeated itself until it ended, and called no tool. Begin afresh with one short call."
            }
        }
    }
}

/// Whether a text ends in one chunk many times over.
fn repeats(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=CHUNK_BYTES_MAX).any(|chunk| {
        let span = (chunk * CHUNK_REPEATS).max(REPEATED_BYTES_MIN);
        let Some(start) = bytes.len().checked_sub(span) else {
            return false;
        };
        let tail = &bytes[start..];
        tail[chunk..] == tail[..span - chunk]
    })
}

#[cfg(test)]
mod tests {
    use super::super::Advice;
    use super::*;

    const THOUGHT: &str =
        "The answer must be 42, so I have to change the file that holds it, answer.txt.";

    #[test]
    fn the_same_thought_three_times_in_a_row_ends() {
        let line = |turns: &[(&str, &str)]| {
            let mut thoughts = Thoughts::default();
            let said = turns
                .iter()
                .map(|(text, thinking)| match thoughts.next(text, thinking) {
                    Advice::GoOn => ".",
                    Advice::Nudge(_) => "n",
                    Advice::Stop(rule) => rule,
                    Advice::Malformed => "malformed",
                });
            said.collect::<Vec<_>>().join(" ")
        };
        let spaced = THOUGHT.replace(' ', "\n").to_uppercase();
        let cases = [
            (
                vec![(THOUGHT, ""), (&*spaced, ""), (THOUGHT, "")],
                ". n same_thought",
            ),
            (
                vec![("", THOUGHT), ("x", THOUGHT), ("y", THOUGHT)],
                ". n same_thought",
            ),
            (vec![(THOUGHT, ""), ("Now.", ""), (THOUGHT, "")], ". . ."),
            (vec![("Let me look.", ""); 5], ". . . . ."),
        ];
        for (turns, want) in cases {
            assert_eq!(line(&turns), want, "{turns:?}");
        }
    }

    #[test]
    fn turns_without_calls_are_told_apart() {
        let dashes = "-".repeat(120);
        let over = format!("I will. {}", "Let me check the file again. ".repeat(12));
        let table: String = (0..60).map(|n| format!("    {n},\n")).collect();
        for (text, thinking, cut_off, want) in [
            (" \n", "", false, Monologue::Empty),
            ("", "hm", false, Monologue::Reasoning),
            ("", "hm", true, Monologue::Reasoning),
            ("I shall.", "hm", false, Monologue::Content),
            ("I shall", "", true, Monologue::Cut),
            ("", "", true, Monologue::Cut),
            (&over, "", true, Monologue::Repeating),
            ("", &over, true, Monologue::Repeating),
            (&dashes, "", false, Monologue::Content),
            (&table, "", false, Monologue::Content),
        ] {
            assert_eq!(
                Monologue::of(text, thinking, cut_off),
                want,
                "{text} {thinking}"
            );
        }
    }
}
