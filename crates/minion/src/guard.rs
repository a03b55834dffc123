//! Watches one step for signs that it goes nowhere. Pure: observations in, a nudge or a stop out.
//!
//! The rules are ported from what other harnesses measured: OpenHands' stuck detector (same action and observation four
//! times, same error three times, monologue three times, alternation) and qwen-code's loop detection (same call six times,
//! ABAB three times, eight reads in fifteen calls with a cold start exempt). Progress is a tree or a test result that was
//! not seen before in this run; output alone is none.

use std::collections::{HashMap, HashSet, VecDeque};

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

/// A turn in which the model called no tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Monologue {
    Empty,
    Content,
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
        ];
        strongest(advice)
    }

    /// A turn without a call.
    pub(crate) fn monologue(&mut self, kind: Monologue) -> Advice {
        self.monologues += 1;
        if self.monologues >= MONOLOGUE_STOP {
            return Advice::Stop("monologue");
        }
        Advice::Nudge(match kind {
            Monologue::Empty => "Your answer was empty. Call one of your tools now; call `done` if the work is finished.".into(),
            Monologue::Content => {
                "You wrote text but called no tool, so nothing happened. Act with a tool call; call `done` if the work is finished."
                    .into()
            }
        })
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
}

fn strongest(all: [Advice; 5]) -> Advice {
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
mod tests {
    use super::*;

    /// Each letter is a call with a result of its own; a digit after it changes the result.
    fn seen(call: u64, result: u64) -> Seen<'static> {
        Seen {
            call,
            result,
            kind: Kind::Other,
            error: None,
        }
    }

    /// `.` go on, `n` nudge, else the rule that stopped.
    fn outline(advice: &Advice) -> String {
        match advice {
            Advice::GoOn => ".".into(),
            Advice::Nudge(_) => "n".into(),
            Advice::Stop(rule) => (*rule).into(),
            Advice::Malformed => "malformed".into(),
        }
    }

    fn calls(guard: &mut Guard, list: &[Seen<'_>]) -> String {
        list.iter()
            .map(|seen| outline(&guard.call(*seen)))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn call_rules() {
        let error = |text: &'static str, call: u64| Seen {
            error: Some(text),
            ..seen(call, call)
        };
        let read = |n: u64| Seen {
            kind: Kind::Read,
            ..seen(n, n)
        };
        let reads: Vec<Seen<'_>> = (0..19).map(read).collect();
        let mut with_write = reads.clone();
        with_write[9].kind = Kind::Write;
        let cases: [(&str, Vec<Seen<'_>>, &str); 9] = [
            ("same result", vec![seen(1, 1); 4], ". . n same_call"),
            (
                "same call, other results",
                (0..6).map(|r| seen(1, r)).collect(),
                ". . . . . repeated_call",
            ),
            (
                "same error, other calls",
                (0..4).map(|c| error("no", c)).collect(),
                ". . n same_error",
            ),
            (
                "other errors",
                vec![error("a", 1), error("b", 2), error("a", 3), error("b", 4)],
                ". . . .",
            ),
            (
                "an error, then none",
                vec![error("a", 1), error("a", 2), seen(3, 3), error("a", 4)],
                ". . . .",
            ),
            (
                "alternation",
                vec![
                    seen(1, 1),
                    seen(2, 2),
                    seen(1, 1),
                    seen(2, 2),
                    seen(1, 1),
                    seen(2, 2),
                ],
                ". . . n n alternation",
            ),
            (
                "alternation with new results",
                vec![
                    seen(1, 1),
                    seen(2, 2),
                    seen(1, 3),
                    seen(2, 4),
                    seen(1, 5),
                    seen(2, 6),
                ],
                ". . . . . .",
            ),
            (
                "only reading",
                reads,
                ". . . . . . . . . . n . . . . . . . only_reading",
            ),
            (
                "reading around a write",
                with_write,
                ". . . . . . . . . . . . . . . . . n .",
            ),
        ];
        for (name, list, want) in cases {
            assert_eq!(calls(&mut Guard::new(true), &list), want, "{name}");
        }
    }

    #[test]
    fn a_reader_may_read() {
        let mut guard = Guard::new(false);
        let reads: Vec<Seen<'_>> = (0..40)
            .map(|n| Seen {
                kind: Kind::Read,
                ..seen(n, n)
            })
            .collect();
        assert!(
            !calls(&mut guard, &reads).contains(['n', 'o']),
            "forty different reads are a reviewer's work"
        );
        assert_eq!(guard.turn(), Advice::GoOn);
    }

    #[test]
    fn progress_clears_what_repetition_has_counted() {
        let mut guard = Guard::new(true);
        for round in 0..8 {
            assert_eq!(
                guard.call(seen(1, round)),
                Advice::GoOn,
                "tests after edit {round}"
            );
            guard.state(round);
        }
    }

    #[test]
    fn monologues_are_told_apart_and_end() {
        let mut guard = Guard::new(true);
        let Advice::Nudge(empty) = guard.monologue(Monologue::Empty) else {
            panic!("a nudge")
        };
        let Advice::Nudge(content) = guard.monologue(Monologue::Content) else {
            panic!("a nudge")
        };
        assert_ne!(empty, content);
        assert_eq!(
            guard.monologue(Monologue::Content),
            Advice::Stop("monologue")
        );
        let mut guard = Guard::new(true);
        guard.monologue(Monologue::Empty);
        guard.monologue(Monologue::Empty);
        guard.call(seen(1, 1));
        assert!(
            matches!(guard.monologue(Monologue::Empty), Advice::Nudge(_)),
            "a call in between starts anew"
        );
    }

    #[test]
    fn three_malformed_turns_in_a_row_end() {
        let mut guard = Guard::new(true);
        assert_eq!(guard.malformed(), Advice::GoOn);
        assert_eq!(guard.malformed(), Advice::GoOn);
        guard.call(seen(1, 1));
        assert_eq!(guard.malformed(), Advice::GoOn);
        assert_eq!(guard.malformed(), Advice::GoOn);
        assert_eq!(guard.malformed(), Advice::Malformed);
    }

    #[test]
    fn twelve_turns_without_a_new_state_end() {
        let mut guard = Guard::new(true);
        guard.known_state(1);
        let mut line = Vec::new();
        for turn in 0..PROGRESS_STOP {
            guard.call(seen(u64::from(turn), u64::from(turn)));
            guard.state(1);
            line.push(outline(&guard.turn()));
        }
        assert_eq!(line.join(""), ".......n...no_progress");
    }

    #[test]
    fn going_back_and_forth_between_two_trees_is_no_progress() {
        let mut guard = Guard::new(true);
        let mut last = Advice::GoOn;
        for turn in 0..14 {
            guard.state(turn % 2);
            last = guard.turn();
            if matches!(last, Advice::Stop(_)) {
                break;
            }
        }
        assert_eq!(last, Advice::Stop("no_progress"));
    }
}
