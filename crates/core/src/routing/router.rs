//! The words of all packs as one index: a text is walked once, however many companies and words there are.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::endings::bases;
use super::text::{TaskText, words};
use super::{Place, Reason};
use crate::company::{Company, Keyword};

/// Words of a description that are looked at: what a task is stands at its beginning, and a text of a stranger may be long.
const DESCRIPTION_WORDS_MAX: usize = 400;

/// What the packs listen for. Made once, when companies become a registry, and kept for as long: a few long lists, because thousands of small ones
/// were a tenth of what a run holds of memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Router {
    /// Every word of every keyword, folded, once and in order; its place is its number.
    dictionary: Dictionary,
    /// By their words, so that those which begin with one word lie together.
    phrases: Vec<Phrase>,
    /// Numbers of words behind the first one, of all phrases.
    rests: Vec<u32>,
    ears: Vec<Ear>,
    /// Words of the longest keyword.
    longest: usize,
}

/// A keyword, for everybody who listens for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Phrase {
    first: u32,
    /// Of the router's lists.
    rest: Range<u32>,
    heard_by: Range<u32>,
}

/// One keyword of one company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ear {
    company: u32,
    negative: bool,
    /// Its place in the company's own list.
    keyword: u32,
    weight: u32,
}

/// Words in order, in one text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Dictionary {
    text: String,
    /// Where each word ends.
    ends: Vec<u32>,
}

impl Dictionary {
    fn of(words: BTreeSet<String>) -> Dictionary {
        let mut dictionary = Dictionary::default();
        for word in words {
            dictionary.text.push_str(&word);
            dictionary.ends.push(short(dictionary.text.len()));
        }
        dictionary.text.shrink_to_fit();
        dictionary.ends.shrink_to_fit();
        dictionary
    }

    fn word(&self, number: usize) -> &str {
        let end = |number: usize| self.ends.get(number).map_or(0, |end| *end as usize);
        let start = number.checked_sub(1).map_or(0, end);
        self.text.get(start..end(number)).unwrap_or_default()
    }

    fn number(&self, word: &str) -> Option<u32> {
        let (mut from, mut to) = (0, self.ends.len());
        while from < to {
            let middle = from.midpoint(to);
            match self.word(middle).cmp(word) {
                Ordering::Less => from = middle + 1,
                Ordering::Equal => return Some(short(middle)),
                Ordering::Greater => to = middle,
            }
        }
        None
    }
}

/// A number of a list of keywords, of which no home has four thousand million.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What a range of a router's list is.
fn part<'l, T>(list: &'l [T], range: &Range<u32>) -> &'l [T] {
    list.get(range.start as usize..range.end as usize)
        .unwrap_or_default()
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
        let mut listed: Vec<(Vec<String>, Ear)> = Vec::new();
        for (company, pack) in companies.iter().enumerate() {
            for (negative, list) in [(false, &pack.keywords), (true, &pack.negative)] {
                let ears = list.iter().enumerate().map(|(keyword, listed)| {
                    let ear = Ear {
                        company: short(company),
                        negative,
                        keyword: short(keyword),
                        weight: listed.weight,
                    };
                    (words(&listed.word), ear)
                });
                listed.extend(ears);
            }
        }
        let dictionary = Dictionary::of(
            listed
                .iter()
                .flat_map(|(words, _)| words)
                .cloned()
                .collect(),
        );
        let mut heard: BTreeMap<Vec<u32>, Vec<Ear>> = BTreeMap::new();
        for (words, ear) in listed {
            let numbers = words
                .iter()
                .filter_map(|word| dictionary.number(word))
                .collect();
            heard.entry(numbers).or_default().push(ear);
        }
        let mut router = Router {
            dictionary,
            longest: heard.keys().map(Vec::len).max().unwrap_or_default(),
            ..Router::default()
        };
        for (numbers, ears) in heard {
            let Some((first, rest)) = numbers.split_first() else {
                continue;
            };
            router.phrases.push(Phrase {
                first: *first,
                rest: pushed(&mut router.rests, rest),
                heard_by: pushed(&mut router.ears, &ears),
            });
        }
        router.phrases.shrink_to_fit();
        router.rests.shrink_to_fit();
        router.ears.shrink_to_fit();
        router
    }

    /// The phrases that begin with a word.
    fn begun(&self, first: u32) -> &[Phrase] {
        let from = self.phrases.partition_point(|phrase| phrase.first < first);
        let rest = self.phrases.get(from..).unwrap_or_default();
        let count = rest.partition_point(|phrase| phrase.first == first);
        rest.get(..count).unwrap_or_default()
    }

    fn heard_by(&self, phrase: &Phrase) -> &[Ear] {
        part(&self.ears, &phrase.heard_by)
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
            let company = hits.first().map_or(0, |(ear, _)| ear.company as usize);
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
            for ear in self.heard_by(span.phrase).iter().filter(speaks) {
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
        let numbers: Vec<Vec<u32>> = text.iter().map(|word| self.numbers(word)).collect();
        let mut spans = Vec::new();
        for (from, firsts) in numbers.iter().enumerate() {
            for first in firsts {
                for phrase in self.begun(*first) {
                    let rest = part(&self.rests, &phrase.rest);
                    let next = numbers.get(from + 1..).unwrap_or_default();
                    let stands = next.len() >= rest.len()
                        && rest.iter().zip(next).all(|(n, at)| at.contains(n));
                    if stands && self.heard_by(phrase).iter().any(|ear| is_heard(ear, heard)) {
                        let to = from + 1 + rest.len();
                        spans.push(Span { from, to, phrase });
                    }
                }
            }
        }
        spans
    }

    /// The numbers of the words that a word is a form of.
    fn numbers(&self, word: &str) -> Vec<u32> {
        let mut numbers = Vec::new();
        bases(word, &mut |base| {
            if let Some(number) = self.dictionary.number(base)
                && !numbers.contains(&number)
            {
                numbers.push(number);
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
                holds && self.heard_by(other.phrase).iter().any(speaks)
            })
    }
}

/// Puts a list behind another; where it lies there.
fn pushed<T: Clone>(list: &mut Vec<T>, more: &[T]) -> Range<u32> {
    let from = short(list.len());
    list.extend_from_slice(more);
    from..short(list.len())
}

fn is_heard(ear: &Ear, heard: &[bool]) -> bool {
    heard.get(ear.company as usize).copied().unwrap_or(false)
}

impl Tally {
    fn of(pack: &Company, hits: &[(Ear, Place)]) -> Tally {
        let reason = |(ear, place): &(Ear, Place)| {
            let list = match ear.negative {
                true => &pack.negative,
                false => &pack.keywords,
            };
            let Keyword { word, weight } = list.get(ear.keyword as usize)?;
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
