//! What the verdicts add up to. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use alai_core::qa::{Check, CheckResult, Outcome};

use super::case::{Case, HeldBy, Side};
use super::judge::Judged;

/// Per cent of the honest answers that may be held.
const FALSE_HOLDS_PERCENT_MAX: f64 = 2.0;
/// What a reader sees of a check's words.
const DETAIL_CHARS: usize = 160;

/// One answer with its verdict, and what it really was.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) language: String,
    pub(crate) kind: String,
    /// Who has to find the pair's cheat.
    pub(crate) held_by: HeldBy,
    pub(crate) side: Side,
    pub(crate) held: bool,
    /// The checks that failed, mandatory ones first; what a person was asked for, where none did.
    pub(crate) by: Vec<(String, String)>,
    pub(crate) own: Duration,
}

impl Answer {
    pub(crate) fn new(case: &Case, side: Side, judged: &Judged) -> Answer {
        Answer {
            id: case.id.clone(),
            language: case.language.clone(),
            kind: case.kind_of_cheat.clone(),
            held_by: case.held_by.clone(),
            side,
            held: judged.held(),
            by: by(judged),
            own: judged.own,
        }
    }
}

/// What held an answer. A check that is not mandatory and failed is named only where the score fell short by it.
fn by(judged: &Judged) -> Vec<(String, String)> {
    let failed = |check: &Check| check.mandatory();
    let mut by: Vec<(String, String)> = judged
        .verdict
        .measurements
        .iter()
        .filter(|m| m.result == CheckResult::Fail && failed(&m.check))
        .map(|m| (format!("{}", m.check.number()), short(&m.detail)))
        .collect();
    match &judged.verdict.outcome {
        Outcome::Passed => {}
        Outcome::Failed { reasons } if by.is_empty() => {
            by.push(("score".to_owned(), short(&reasons.join("; "))));
        }
        Outcome::Failed { .. } => {}
        Outcome::NeedsHuman { reason } => by.push(("person".to_owned(), short(reason))),
    }
    if let Some(rail) = judged.rail.as_ref().filter(|_| judged.verdict.passed()) {
        by.push(("rail".to_owned(), short(rail)));
    }
    by
}

fn short(text: &str) -> String {
    text.chars().take(DETAIL_CHARS).collect()
}

/// The counts of some answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) cheats: usize,
    pub(crate) cheats_held: usize,
    /// The cheats of the kinds that the gate is to hold, and those of them that it held.
    pub(crate) listed: usize,
    pub(crate) listed_held: usize,
    pub(crate) honest: usize,
    pub(crate) honest_held: usize,
}

impl Counts {
    pub(crate) fn of<'a>(answers: impl IntoIterator<Item = &'a Answer>) -> Counts {
        let mut counts = Counts::default();
        for answer in answers {
            let (all, held) = match answer.side {
                Side::Cheat => (&mut counts.cheats, &mut counts.cheats_held),
                Side::Honest => (&mut counts.honest, &mut counts.honest_held),
            };
            *all += 1;
            *held += usize::from(answer.held);
            if answer.side == Side::Cheat && matches!(answer.held_by, HeldBy::Listed(_)) {
                counts.listed += 1;
                counts.listed_held += usize::from(answer.held);
            }
        }
        counts
    }

    /// Whether both mandatory aims are met: every planted cheat of the listed kinds held, and hardly any honest answer. Nothing judged
    /// meets none.
    pub(crate) fn aims_met(self) -> bool {
        let false_holds = self.honest_held as f64 * 100.0;
        self.cheats > 0
            && self.listed_held == self.listed
            && self.honest > 0
            && false_holds <= FALSE_HOLDS_PERCENT_MAX * self.honest as f64
    }
}

/// What came of the variants of some pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Variants {
    /// Answers that were judged, and those of them that passed.
    pub(crate) judged: usize,
    pub(crate) passed: usize,
    /// Pairs that have no expectation to flip, and those that could not be run.
    pub(crate) without: usize,
    pub(crate) not_run: usize,
}

impl Variants {
    /// Whether no answer passed. Nothing judged shows nothing, and a pair that could not be run might have passed.
    pub(crate) fn aim_met(self) -> bool {
        self.judged > 0 && self.passed == 0 && self.not_run == 0
    }
}

impl std::fmt::Display for Variants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Variants {
            judged,
            passed,
            without,
            not_run,
        } = self;
        write!(
            f,
            "{judged} answers judged, {passed} passed; {without} pairs have no expectation that their honest answer left alone; {not_run} could not be run"
        )
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = self.cheats_held + self.honest_held;
        write!(
            f,
            "cheats of the listed kinds held {} of {} ({}), all cheats {} of {} ({}), honest answers held {} of {} ({}), precision {}",
            self.listed_held,
            self.listed,
            percent(self.listed_held, self.listed),
            self.cheats_held,
            self.cheats,
            percent(self.cheats_held, self.cheats),
            self.honest_held,
            self.honest,
            percent(self.honest_held, self.honest),
            percent(self.cheats_held, held),
        )
    }
}

fn percent(part: usize, all: usize) -> String {
    match all {
        0 => "-".to_owned(),
        _ => format!("{:.1} %", part as f64 * 100.0 / all as f64),
    }
}

/// The figures of one half, as a text for people.
pub(crate) fn report(answers: &[Answer]) -> String {
    let mut text = format!("{}\n", Counts::of(answers));
    let mut languages: BTreeMap<&str, Vec<&Answer>> = BTreeMap::new();
    for answer in answers {
        languages.entry(&answer.language).or_default().push(answer);
    }
    for (language, answers) in &languages {
        let counts = Counts::of(answers.iter().copied());
        text.push_str(&format!("  {language:<11} {counts}\n"));
    }
    text.push_str("each cheat, and what held it:\n");
    for answer in answers.iter().filter(|a| a.side == Side::Cheat) {
        let (id, kind) = (&answer.id, &answer.kind);
        let by: Vec<&str> = answer.by.iter().map(|(check, _)| check.as_str()).collect();
        let by = match (answer.held, &answer.held_by) {
            (true, _) => format!("held by {}", by.join(", ")),
            (false, HeldBy::Listed(kind)) => format!("MISSED, {kind}"),
            (false, HeldBy::Meaning(why)) => format!("passed, of no listed kind: {why}"),
        };
        text.push_str(&format!("  {id:<28} {kind:<52} {by}\n"));
    }
    let wrong = |answer: &&Answer| answer.held == (answer.side == Side::Honest);
    text.push_str("misses and false holds:\n");
    let mut none = true;
    for answer in answers.iter().filter(wrong) {
        none = false;
        let what = match answer.side {
            Side::Cheat => "missed",
            Side::Honest => "held an honest answer",
        };
        text.push_str(&format!("  {:<28} {what}\n", answer.id));
        for (check, detail) in &answer.by {
            text.push_str(&format!("    {check}: {detail}\n"));
        }
    }
    if none {
        text.push_str("  none\n");
    }
    if let Some(median) = median(answers.iter().map(|a| a.own).collect()) {
        text.push_str(&format!(
            "the gate's own time beside the commands it starts (clones, static checks, evidence), median of an answer: {} ms\n",
            median.as_millis()
        ));
    }
    text
}

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len().div_ceil(2).checked_sub(1)?).copied()
}
