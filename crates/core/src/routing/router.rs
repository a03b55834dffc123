//! The words of all packs as one index: a text is walked once, however many companies and words there are.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::endings::bases;
use super::text::{TaskText, words};
use super::{Place, Reason};
use crate::company::{Company, Keyword};

/// Words of a description that are looked at: what a task is stands at its beginning, and a text of a stranger may be long.
const DESCRIPTION_WORDS_MAX: usize = 400;

/// What the packs listen for. Made once, when companies become a registry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Router {
    /// Every word of every keyword, folded, by its number.
    lexicon: HashMap<String, usize>,
    /// The keywords that begin with a word, by the word's number.
    begins: Vec<Vec<Phrase>>,
    /// Words of the longest keyword.
    longest: usize,
}

/// A keyword behind its first word, for everybody who listens for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Phrase {
    rest: Vec<usize>,
    heard_by: Vec<Ear>,
}

/// One keyword of one company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ear {
    company: usize,
    negative: bool,
    /// Its place in the company's own list.
    keyword: usize,
    weight: u32,
}

/// Where a phrase stands in a text: its first word, and the one behind its last.
#[derive(Debug, Clone, Copy)]
struct Span<'r> {
    from: usize,
    to: usize,
    phrase: &'r Phrase,
}

/// What a text says for one company.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) score: u32,
    /// The strongest first, and behind them what was taken off.
    pub(super) reasons: Vec<Reason>,
}

impl Router {
    pub(crate) fn new(companies: &[Company]) -> Router {
        let mut router = Router::default();
        for (company, pack) in companies.iter().enumerate() {
            for (negative, list) in [(false, &pack.keywords), (true, &pack.negative)] {
                for (keyword, listed) in list.iter().enumerate() {
                    let ear = Ear {
                        company,
                        negative,
                        keyword,
                        weight: listed.weight,
                    };
                    router.listen(&listed.word, ear);
                }
            }
        }
        router
    }

    fn listen(&mut self, keyword: &str, ear: Ear) {
        let numbers: Vec<usize> = words(keyword)
            .into_iter()
            .map(|word| {
                let next = self.lexicon.len();
                *self.lexicon.entry(word).or_insert(next)
            })
            .collect();
        self.begins.resize(self.lexicon.len(), Vec::new());
        self.longest = self.longest.max(numbers.len());
        let Some((first, rest)) = numbers.split_first() else {
            return;
        };
        let Some(phrases) = self.begins.get_mut(*first) else {
            return;
        };
        match phrases.iter_mut().find(|phrase| phrase.rest == rest) {
            Some(phrase) => phrase.heard_by.push(ear),
            None => {
                // Most words begin one phrase, and a list that grows by itself begins with room for four.
                phrases.reserve_exact(1);
                phrases.push(Phrase {
                    rest: rest.to_vec(),
                    heard_by: vec![ear],
                });
            }
        }
    }

    /// What a text says for each of the companies that the router was made of; the others are not heard, and nothing is said for them.
    pub(super) fn tallies(
        &self,
        text: &TaskText,
        companies: &[Company],
        heard: &[bool],
    ) -> Vec<Tally> {
        let mut hits: Vec<(Ear, Place)> = Vec::new();
        for tag in &text.tags {
            self.listen_to(tag, heard, &mut |ear, _| hits.push((ear, Place::Tag)));
        }
        self.listen_to(&text.title, heard, &mut |ear, at| {
            let place = match at < text.head {
                true => Place::Title,
                false => Place::About,
            };
            hits.push((ear, place));
        });
        let seen = text.description.len().min(DESCRIPTION_WORDS_MAX);
        let seen = text.description.get(..seen).unwrap_or_default();
        self.listen_to(seen, heard, &mut |ear, _| {
            hits.push((ear, Place::Description))
        });
        // A keyword counts once, at its strongest place: places are in order of their strength.
        hits.sort_unstable();
        hits.dedup_by_key(|(ear, _)| *ear);
        let mut tallies = vec![Tally::default(); companies.len()];
        for hits in hits.chunk_by(|a, b| a.0.company == b.0.company) {
            let company = hits.first().map_or(0, |(ear, _)| ear.company);
            if let (Some(tally), Some(pack)) = (tallies.get_mut(company), companies.get(company)) {
                *tally = Tally::of(pack, hits);
            }
        }
        tallies
    }

    fn listen_to(&self, text: &[String], heard: &[bool], hit: &mut dyn FnMut(Ear, usize)) {
        let spans = self.spans(text, heard);
        let mut found = Vec::new();
        for span in &spans {
            let covered = self.is_covered(span, &spans, heard);
            // What is taken off is taken off wherever it stands.
            let speaks = |ear: &&Ear| is_heard(ear, heard) && (ear.negative || !covered);
            for ear in span.phrase.heard_by.iter().filter(speaks) {
                found.push((ear.company, ear.negative, span.from, span.to, *ear));
            }
        }
        // A word may be a form of two that one company lists: it is said once, and counts as the heavier.
        found.sort_by_key(|(company, negative, from, to, ear)| {
            let heavier = Reverse(ear.weight);
            (*company, *negative, *from, *to, heavier, ear.keyword)
        });
        found.dedup_by_key(|(company, negative, from, to, _)| (*company, *negative, *from, *to));
        for (_, _, from, _, ear) in found {
            hit(ear, from);
        }
    }

    /// Every phrase in a text, by its first word.
    fn spans<'r>(&'r self, text: &[String], heard: &[bool]) -> Vec<Span<'r>> {
        let numbers: Vec<Vec<usize>> = text.iter().map(|word| self.numbers(word)).collect();
        let mut spans = Vec::new();
        for (from, firsts) in numbers.iter().enumerate() {
            for first in firsts {
                for phrase in self.begins.get(*first).into_iter().flatten() {
                    let next = numbers.get(from + 1..).unwrap_or_default();
                    let stands = next.len() >= phrase.rest.len()
                        && phrase.rest.iter().zip(next).all(|(n, at)| at.contains(n));
                    if stands && phrase.heard_by.iter().any(|ear| is_heard(ear, heard)) {
                        let to = from + 1 + phrase.rest.len();
                        spans.push(Span { from, to, phrase });
                    }
                }
            }
        }
        spans
    }

    /// The numbers of the words that a word is a form of.
    fn numbers(&self, word: &str) -> Vec<usize> {
        let mut numbers = Vec::new();
        bases(word, &mut |base| {
            if let Some(number) = self.lexicon.get(base)
                && !numbers.contains(number)
            {
                numbers.push(*number);
            }
        });
        numbers
    }

    /// Whether a longer phrase holds it: `security deposit` is no security, for whomever it speaks.
    fn is_covered(&self, span: &Span<'_>, spans: &[Span<'_>], heard: &[bool]) -> bool {
        let near = spans.partition_point(|other| other.from + self.longest < span.to);
        let near = spans.get(near..).unwrap_or_default();
        near.iter()
            .take_while(|other| other.from <= span.from)
            .any(|other| {
                let holds = other.to >= span.to && other.to - other.from > span.to - span.from;
                let speaks = |ear: &Ear| !ear.negative && is_heard(ear, heard);
                holds && other.phrase.heard_by.iter().any(speaks)
            })
    }
}

fn is_heard(ear: &Ear, heard: &[bool]) -> bool {
    heard.get(ear.company).copied().unwrap_or(false)
}

impl Tally {
    fn of(pack: &Company, hits: &[(Ear, Place)]) -> Tally {
        let reason = |(ear, place): &(Ear, Place)| {
            let list = match ear.negative {
                true => &pack.negative,
                false => &pack.keywords,
            };
            let Keyword { word, weight } = list.get(ear.keyword)?;
            let points = i32::try_from(weight.saturating_mul(place.factor())).unwrap_or(i32::MAX);
            Some(Reason {
                keyword: word.clone(),
                weight: if ear.negative { -points } else { points },
                place: *place,
            })
        };
        let mut reasons: Vec<Reason> = hits.iter().filter_map(reason).collect();
        reasons.sort_by(|a, b| {
            b.weight
                .cmp(&a.weight)
                .then_with(|| a.keyword.cmp(&b.keyword))
        });
        bound_descriptions(&mut reasons);
        let sum = reasons
            .iter()
            .fold(0, |sum: i32, reason| sum.saturating_add(reason.weight));
        Tally {
            score: u32::try_from(sum).unwrap_or(0),
            reasons,
        }
    }
}

/// A description says how something is done as well ("with a test"): it adds at most what tags and title say, and alone nothing.
fn bound_descriptions(reasons: &mut Vec<Reason>) {
    let speaks = |reason: &Reason| reason.weight > 0 && reason.place < Place::Description;
    let chosen = reasons.iter().filter(|reason| speaks(reason));
    let mut left = chosen.fold(0, |sum: i32, reason| sum.saturating_add(reason.weight));
    for reason in reasons.iter_mut() {
        if reason.weight > 0 && reason.place == Place::Description {
            reason.weight = reason.weight.min(left);
            left -= reason.weight;
        }
    }
    reasons.retain(|reason| reason.weight != 0);
}
