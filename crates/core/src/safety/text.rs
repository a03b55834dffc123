//! A task's text: the seeds' words, secrets somebody pasted, and wishes that a person must grant.

use super::fold::{self, Word};
use super::{Rail, Rule, secret, wishes};

/// The longest run of pieces that is tried as one word ("Finans-til-syn-et").
const PIECES_MAX: usize = 14;

/// A longer text is not a task; nobody reads it before it runs, so nobody could have meant all of it.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Judges what a task asks for. `None` lets it through; the diff and the commands are judged all the same.
///
/// Case, and why:
/// - `CEO`, `DECISION` and `TENDER` are marks in capitals. In small letters they are ordinary prose ("decision table", "legal
///   tender"; *ceo* is Bosnian and Serbian for "whole"), so those count only as a label (`Decision:`, `[tender]`) or with
///   words that show what is meant (`ceo approval`, `needs a decision`).
/// - `BankID`, `Vipps`, `Finanstilsynet` are names: any case, inside of longer words, pulled apart or in look-alike letters.
pub fn judge_text(title: &str, description: &str) -> Option<Rail> {
    judge_text_but(title, description, &[])
}

/// The same without the rules that a person has cleared: one that is cleared hides no other that the same text hits.
pub fn judge_text_but(title: &str, description: &str, cleared: &[String]) -> Option<Rail> {
    let is_left = |rule: Rule| !cleared.iter().any(|cleared| cleared == rule.as_str());
    let bytes = title.len() + description.len();
    if bytes > TEXT_BYTES_MAX && is_left(Rule::Hidden) {
        return Some(Rail::hit(Rule::Hidden, format!("a text of {bytes} bytes")));
    }
    let title_words = fold::words(title);
    let description_words = fold::words(description);
    marks(&title_words, true, &is_left)
        .or_else(|| marks(&description_words, false, &is_left))
        .or_else(|| names(&title_words, &is_left))
        .or_else(|| names(&description_words, &is_left))
        .or_else(|| {
            secret::find(title)
                .or_else(|| secret::find(description))
                .map(pasted)
                .filter(|rail| is_left(rail.rule))
        })
        .or_else(|| wishes::judge(&title_words, &is_left))
        .or_else(|| wishes::judge(&description_words, &is_left))
}

fn pasted(found: String) -> Rail {
    let mut rail = Rail::hit(Rule::Credential, found);
    rail.why = "a real secret stands in the task's own text and would be shown to a model; take it out and rotate it".to_owned();
    rail
}

/// CEO, DECISION, TENDER.
fn marks(words: &[Word], is_title: bool, is_left: &dyn Fn(Rule) -> bool) -> Option<Rail> {
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).map_or("", |next| next.before.as_str());
        let label = label(words, at, next, is_title);
        let near = |list: &[&str]| near(words, at, list);
        let snake = next == "_" || word.before.ends_with('_');
        let rule = match (word.seen.as_str(), word.folded.as_str()) {
            ("CEO", _) => Some(Rule::Ceo),
            (_, "ceo") if near(&DECIDING) => Some(Rule::Ceo),
            // `DECISION_TABLE` is a constant of a program; `DECISION_NEEDED` is not.
            ("DECISION", _) if !snake || near(&DECIDING) => Some(Rule::Decision),
            (_, "decision" | "odluka" | "odluku" | "beslutning" | "avgjorelse") if label => {
                Some(Rule::Decision)
            }
            (_, "decision") if asked_for(words, at) => Some(Rule::Decision),
            (_, "odluka" | "odluku" | "beslutning") if near(&BOSSES) => Some(Rule::Decision),
            ("TENDER", _) if !snake => Some(Rule::Tender),
            (_, "tender" | "anbud") if label => Some(Rule::Tender),
            (_, "tender" | "anbud" | "anbudet" | "ponudu" | "ponuda" | "bid")
                if near(&SUBMITTING) =>
            {
                Some(Rule::Tender)
            }
            (_, _) => None,
        };
        if let Some(rule) = rule.filter(|rule| is_left(*rule)) {
            return Some(Rail::hit(rule, around(words, at, at + 1)));
        }
    }
    None
}

/// Words that make the boss in small letters mean the boss.
const DECIDING: [&str; 16] = [
    "decision",
    "decisions",
    "approval",
    "approve",
    "approves",
    "approved",
    "decide",
    "decides",
    "decided",
    "signoff",
    "needed",
    "required",
    "pending",
    "ask",
    "confirm",
    "confirms",
];
const BOSSES: [&str; 10] = [
    "ceo",
    "direktor",
    "direktora",
    "uprave",
    "vlasnika",
    "potrebna",
    "potrebno",
    "leder",
    "styret",
    "ledelsen",
];
const SUBMITTING: [&str; 13] = [
    "submit",
    "submitting",
    "submission",
    "hand",
    "file",
    "send",
    "lever",
    "levere",
    "predaj",
    "posalji",
    "public",
    "procurement",
    "javna",
];

/// `Decision: ...` at the start of a title, or `[decision]` anywhere.
fn label(words: &[Word], at: usize, next: &str, is_title: bool) -> bool {
    let first = at == 0 || words[at].before.contains(']');
    let bracketed = words[at].before.ends_with('[') && next.starts_with(']');
    let last_in_brackets = words[at].before.ends_with('[') && at + 1 == words.len();
    bracketed || (is_title && (last_in_brackets || (first && next.trim_start().starts_with(':'))))
}

/// "needs a decision", "decision required", "awaiting decision", "decision by the board".
fn asked_for(words: &[Word], at: usize) -> bool {
    const BEFORE: [&str; 10] = [
        "need", "needs", "needed", "awaiting", "await", "awaits", "pending", "require", "requires",
        "waiting",
    ];
    const AFTER: [&str; 4] = ["needed", "required", "pending", "wanted"];
    const OWNERS: [&str; 9] = [
        "ceo",
        "founder",
        "owner",
        "management",
        "board",
        "operator",
        "director",
        "leadership",
        "shareholders",
    ];
    let from = at.saturating_sub(3);
    let before = words[from..at].iter().any(|word| {
        BEFORE.contains(&word.folded.as_str()) || OWNERS.contains(&word.folded.as_str())
    });
    let after = words
        .get(at + 1)
        .is_some_and(|word| AFTER.contains(&word.folded.as_str()));
    let by = words
        .get(at + 1)
        .is_some_and(|word| word.folded == "by" || word.folded == "from");
    let owner = words[at + 1..]
        .iter()
        .take(4)
        .any(|word| OWNERS.contains(&word.folded.as_str()));
    before || after || (by && owner)
}

fn near(words: &[Word], at: usize, list: &[&str]) -> bool {
    let from = at.saturating_sub(3);
    let to = (at + 4).min(words.len());
    (from..to).any(|other| other != at && list.contains(&words[other].folded.as_str()))
}

/// BankID, Vipps, Finanstilsynet.
fn names(words: &[Word], is_left: &dyn Fn(Rule) -> bool) -> Option<Rail> {
    const NAMES: [(&str, Rule); 3] = [
        ("bankid", Rule::BankId),
        ("vipps", Rule::Vipps),
        ("finanstilsynet", Rule::Finanstilsynet),
    ];
    let keys = NAMES.map(|(name, rule)| (confusing(name), rule));
    let keys = keys.into_iter().filter(|(_, rule)| is_left(*rule));
    let keys: Vec<(String, Rule)> = keys.collect();
    let read: Vec<String> = words.iter().map(|word| confusing(&word.folded)).collect();
    for at in 0..words.len() {
        for (key, rule) in &keys {
            let rule = *rule;
            if read[at].contains(key) {
                return Some(Rail::hit(rule, around(words, at, at + 1)));
            }
            if let Some(end) = pulled_apart(words, &read, at, key) {
                return Some(Rail::hit(rule, around(words, at, end)));
            }
        }
    }
    None
}

/// Digits and letters that stand in for each other in plain ASCII (`V1pps`, `8ankID` is left: nobody reads that).
fn confusing(word: &str) -> String {
    word.chars()
        .map(|c| match c {
            '1' | 'l' => 'i',
            '0' => 'o',
            '3' => 'e',
            '4' => 'a',
            '5' => 's',
            other => other,
        })
        .collect()
}

/// Whether the words from `at` on, with small gaps only, spell the name; the end of that run. `read` is each word as [`confusing`]
/// reads it.
///
/// `bank_id` in small letters is a column of somebody's table and not the service.
fn pulled_apart(words: &[Word], read: &[String], at: usize, key: &str) -> Option<usize> {
    if !key.starts_with(&read[at]) {
        return None;
    }
    let mut joined = read[at].clone();
    for end in at + 1..words.len().min(at + PIECES_MAX) {
        if !key.starts_with(&joined) || !fold::gap_closes(&words[end].before) {
            return None;
        }
        joined.push_str(&read[end]);
        let pieces = &words[at..=end];
        let snake = pieces[1..].iter().all(|word| word.before == "_");
        let small = pieces.iter().all(|word| word.seen == word.folded);
        if joined == *key && !(snake && small) {
            return Some(end + 1);
        }
    }
    None
}

/// The words from `from` to `to` with a little of what stands around them.
pub(super) fn around(words: &[Word], from: usize, to: usize) -> String {
    let start = from.saturating_sub(2);
    let end = (to + 3).min(words.len());
    words[start..end]
        .iter()
        .map(|word| word.seen.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}
