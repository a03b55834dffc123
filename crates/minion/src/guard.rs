//! Watches one step for signs that it goes nowhere. Pure: observations in, a nudge or a stop out.
//!
//! The rules are ported from what other harnesses measured: OpenHands' stuck detector (same action and observation four
//! times, same error three times, monologue three times, alternation) and qwen-code's loop detection (same call six times,
//! ABAB three times, eight reads in fifteen calls with a cold start exempt, same thought three times, one chunk ten times,
//! a soft cap of calls that ends only who repeats, a hard one). Progress is a tree or a test result that was not seen
//! before in this run; output alone is none.

mod thought;

use std::collections::{HashMap, HashSet, VecDeque};

pub(crate) use thought::Monologue;
use thought::Thoughts;

/// Same call and same result in a row: the third time is said, the fourth is the end.
pub(crate) const SAME_RESULT_NUDGE: u32 = 3;
pub(crate) const SAME_RESULT_STOP: u32 = 4;
/// The same call without any progress in between.
pub(crate) const SAME_CALL_STOP: u32 = 6;
/// The same error in a row: the third time is said, one more is the end.
pub(crate) const SAME_ERROR_NUDGE: u32 = 3;
pub(crate) const SAME_ERROR_STOP: u32 = 4;
/// Two calls taking turns with the same results.
pub(crate) const ALTERNATION_NUDGE: usize = 2;
pub(crate) const ALTERNATION_STOP: usize = 3;
/// Reads among the last calls, none of them a write.
pub(crate) const READS_WINDOW: usize = 15;
pub(crate) const READS_MAX: usize = 8;
/// Finding one's way at the start of a step is no loop.
pub(crate) const READS_COLD_START: usize = 10;
/// Answers without a tool call in a row.
pub(crate) const MONOLOGUE_STOP: u32 = 3;
/// Calls of a step after which one that was made this often since the last progress ends it, and after which any does.
pub(crate) const CALLS_SOFT: usize = 100;
pub(crate) const CALLS_SOFT_REPEATS: u32 = 3;
pub(crate) const CALLS_HARD: usize = 1_000;
/// Turns in a row whose every call was malformed or cut (mini-swe-agent ends there too).
pub(crate) const MALFORMED_STOP: u32 = 3;
/// Turns without progress: said at the first figure, the end at the second.
pub(crate) const PROGRESS_NUDGE: u32 = 8;
pub(crate) const PROGRESS_STOP: u32 = 12;

/// What a call was, for the rules that tell reading from writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
    Other,
}

/// One executed call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    /// Hash of the tool's name and arguments.
    pub call: u64,
    /// Hash of what came back.
    pub result: u64,
    pub kind: Kind,
    /// The error as the agent read it, if it was one.
    pub error: Option<&'a str>,
}

/// What to do after an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Advice {
    GoOn,
    /// Goes at the end of the conversation.
    Nudge(String),
    /// The step is over; the word is the rule's.
    Stop(&'static str),
    /// The model does not speak the tool protocol.
    Malformed,
}

/// The memory of one step.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Whether this step may write. A reader's progress is a result it has not seen.
    writes: bool,
    last: Option<(u64, u64)>,
    repeats: u32,
    calls: HashMap<u64, u32>,
    error: Option<String>,
    errors: u32,
    pairs: VecDeque<(u64, u64)>,
    kinds: VecDeque<Kind>,
    calls_total: usize,
    reads_nudged: bool,
    thoughts: Thoughts,
    monologues: u32,
    malformed: u32,
    states: HashSet<u64>,
    progressed: bool,
    idle_turns: u32,
}

impl Guard {
    /// A guard for one step; `writes` is false for a reader.
    pub(crate) fn new(writes: bool) -> Guard {
        Guard {
            writes,
            last: None,
            repeats: 0,
            calls: HashMap::new(),
            error: None,
            errors: 0,
            pairs: VecDeque::new(),
            kinds: VecDeque::new(),
            calls_total: 0,
            reads_nudged: false,
            thoughts: Thoughts::default(),
            monologues: 0,
            malformed: 0,
            states: HashSet::new(),
            progressed: false,
            idle_turns: 0,
        }
    }

    /// A state that was there before the step began is no progress of the step.
    pub(crate) fn known_state(&mut self, state: u64) {
        self.states.insert(state);
    }

    /// The tree, or the result of the check, is in this state now. A new one is progress.
    pub(crate) fn state(&mut self, state: u64) {
        if self.states.insert(state) {
            self.progress();
        }
    }

    /// One executed call. The strongest advice of all rules.
    pub(crate) fn call(&mut self, seen: Seen<'_>) -> Advice {
        self.monologues = 0;
        self.malformed = 0;
        self.calls_total += 1;
        let first_time = !self.calls.contains_key(&seen.call);
        if !self.writes && first_time && seen.error.is_none() && self.states.insert(seen.result) {
            self.progress();
        }
        let advice = [
            self.same_result(seen),
            self.same_call(seen),
            self.same_error(seen),
            self.alternation(seen),
            self.reads(seen),
            self.many(seen),
        ];
        strongest(advice)
    }

    /// What was thought and said in a turn, whatever was called with it.
    pub(crate) fn thought(&mut self, text: &str, thinking: &str) -> Advice {
        self.thoughts.next(text, thinking)
    }

    /// A turn without a call.
    pub(crate) fn monologue(&mut self, kind: Monologue) -> Advice {
        self.monologues += 1;
        if self.monologues >= MONOLOGUE_STOP {
            Advice::Stop(kind.rule())
        } else {
            Advice::Nudge(kind.nudge().into())
        }
    }

    /// Whether this turn has brought something new so far.
    pub(crate) fn went_on(&self) -> bool {
        self.progressed
    }

    /// A turn whose calls could not be read, or were cut off.
    pub(crate) fn malformed(&mut self) -> Advice {
        self.malformed += 1;
        if self.malformed >= MALFORMED_STOP {
            Advice::Malformed
        } else {
            Advice::GoOn
        }
    }

    /// The turn is over.
    pub(crate) fn turn(&mut self) -> Advice {
        if std::mem::take(&mut self.progressed) {
            self.idle_turns = 0;
            return Advice::GoOn;
        }
        self.idle_turns += 1;
        match self.idle_turns {
            PROGRESS_STOP.. => Advice::Stop("no_progress"),
            PROGRESS_NUDGE => Advice::Nudge(format!(
                "{PROGRESS_NUDGE} turns have brought nothing new. Take a different approach now, or call `done` with status \
                 \"blocked\" and say what is missing; the step ends after {PROGRESS_STOP} such turns."
            )),
            _ => Advice::GoOn,
        }
    }

    fn progress(&mut self) {
        self.progressed = true;
        self.calls.clear();
        self.pairs.clear();
        self.thoughts = Thoughts::default();
        if self.writes {
            // A command may have written the tree; then nobody is only reading.
            self.kinds.clear();
            self.reads_nudged = false;
        }
    }

    fn same_result(&mut self, seen: Seen<'_>) -> Advice {
        let now = (seen.call, seen.result);
        self.repeats = if self.last == Some(now) {
            self.repeats + 1
        } else {
            1
        };
        self.last = Some(now);
        match self.repeats {
            SAME_RESULT_STOP.. => Advice::Stop("same_call"),
            SAME_RESULT_NUDGE => Advice::Nudge(
                "You made the same call three times with the same result. It will not change; do something else.".into(),
            ),
            _ => Advice::GoOn,
        }
    }

    fn same_call(&mut self, seen: Seen<'_>) -> Advice {
        let count = self.calls.entry(seen.call).or_insert(0);
        *count += 1;
        if *count >= SAME_CALL_STOP {
            Advice::Stop("repeated_call")
        } else {
            Advice::GoOn
        }
    }

    fn same_error(&mut self, seen: Seen<'_>) -> Advice {
        let Some(error) = seen.error else {
            self.error = None;
            self.errors = 0;
            return Advice::GoOn;
        };
        if self.error.as_deref() == Some(error) {
            self.errors += 1;
        } else {
            self.error = Some(error.to_owned());
            self.errors = 1;
        }
        match self.errors {
            SAME_ERROR_STOP.. => Advice::Stop("same_error"),
            SAME_ERROR_NUDGE => Advice::Nudge(
                "The same error came three times in a row. Read it again and change your approach, not the wording.".into(),
            ),
            _ => Advice::GoOn,
        }
    }

    fn alternation(&mut self, seen: Seen<'_>) -> Advice {
        self.pairs.push_back((seen.call, seen.result));
        if self.pairs.len() > 2 * ALTERNATION_STOP {
            self.pairs.pop_front();
        }
        let newest: Vec<_> = self.pairs.iter().rev().copied().collect();
        let alternates = |rounds: usize| {
            newest.len() >= 2 * rounds
                && newest[0] != newest[1]
                && (2..2 * rounds).all(|i| newest[i] == newest[i - 2])
        };
        if alternates(ALTERNATION_STOP) {
            return Advice::Stop("alternation");
        }
        if newest.len() >= 2 * ALTERNATION_NUDGE && alternates(ALTERNATION_NUDGE) {
            return Advice::Nudge(
                "You alternate between the same two calls with the same results. Break the cycle."
                    .into(),
            );
        }
        Advice::GoOn
    }

    fn reads(&mut self, seen: Seen<'_>) -> Advice {
        self.kinds.push_back(seen.kind);
        if self.kinds.len() > READS_WINDOW {
            self.kinds.pop_front();
        }
        if seen.kind == Kind::Write {
            self.kinds.clear();
            self.reads_nudged = false;
        }
        let reads = self
            .kinds
            .iter()
            .filter(|kind| **kind == Kind::Read)
            .count();
        if !self.writes || self.calls_total <= READS_COLD_START || reads < READS_MAX {
            return Advice::GoOn;
        }
        self.kinds.clear();
        if std::mem::replace(&mut self.reads_nudged, true) {
            return Advice::Stop("only_reading");
        }
        Advice::Nudge(format!(
            "{reads} of your last calls only read, and nothing was written. You know enough: make the change now."
        ))
    }

    /// After very many calls, patience with repetition ends.
    fn many(&mut self, seen: Seen<'_>) -> Advice {
        let repeated = self.calls.get(&seen.call).copied().unwrap_or(0);
        match self.calls_total {
            CALLS_HARD.. => Advice::Stop("too_many_calls"),
            CALLS_SOFT.. if repeated >= CALLS_SOFT_REPEATS => Advice::Stop("many_calls"),
            _ => Advice::GoOn,
        }
    }
}

/// One nudge a turn is enough, the first of those; a stop goes before all.
pub(crate) fn strongest(all: impl IntoIterator<Item = Advice>) -> Advice {
    let weight = |advice: &Advice| match advice {
        Advice::GoOn => 0,
        Advice::Nudge(_) => 1,
        Advice::Malformed => 2,
        Advice::Stop(_) => 3,
    };
    all.into_iter().fold(Advice::GoOn, |best, next| {
        if weight(&next) > weight(&best) {
            next
        } else {
            best
        }
    })
}

#[cfg(test)]
mod tests;
