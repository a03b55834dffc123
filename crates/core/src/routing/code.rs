//! Whether a title asks for code: a builder who may write the files of one trade alone cannot do that, however well its words fit.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::endings::bases;
use super::text::{TaskText, words};

/// What is done to code, as the first word of a title. Words that are said of texts as well (`write`, `draft`) are none.
const VERBS: &str = "add, implement, fix, delete, remove, support, send, retry, build, create, store, save, show, render, sort, \
                     handle, validate, allow, enable, replace, change, dodaj, popravi, napravi, obrisi, legg, lag, fiks, slett";
/// What such a verb is done to where it is code.
const NOUNS: &str = "account, app, backend, board, bug, button, checkout, component, crash, crud, csv, dialog, endpoint, exporter, field, footer, \
                     form, game, header, importer, link, login, menu, modal, model, module, page, parser, rendering, screen, scoring, server, \
                     view, webhook, widget, worker, aplikacija, dugme, forma, stranica, knapp, lenke, skjema";
/// What is code whatever is said of it.
const ALONE: &str = "drag and drop, mode, sorting, fix it";
/// Words behind which stands what the work is for, and not what it is done to: tests for a parser are no parser.
const ABOUT: &[&str] = &["for", "of", "about", "za", "o", "om", "av", "til"];
/// Words behind which stands where it is done: a button in an app is a change of the app.
const WHERE: &[&str] = &[
    "in", "into", "to", "on", "from", "with", "u", "na", "i", "pa", "fra",
];

/// The lists, by the numbers of their words.
struct Lists {
    lexicon: HashMap<String, usize>,
    verbs: Vec<Vec<usize>>,
    nouns: Vec<Vec<usize>>,
    alone: Vec<Vec<usize>>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let mut lexicon = HashMap::new();
    let mut phrases = |list: &str| {
        let mut number = |word| {
            let next = lexicon.len();
            *lexicon.entry(word).or_insert(next)
        };
        let phrase = |phrase| words(phrase).into_iter().map(&mut number).collect();
        list.split(',').map(phrase).collect()
    };
    let (verbs, nouns, alone) = (phrases(VERBS), phrases(NOUNS), phrases(ALONE));
    Lists {
        lexicon,
        verbs,
        nouns,
        alone,
    }
});

pub(super) fn is_asked_for(text: &TaskText) -> bool {
    let lists = &*LISTS;
    // What a word is a form of is looked up once, and not once for each word of the lists.
    let title: Vec<Vec<usize>> = text.title.iter().map(|word| lists.numbers(word)).collect();
    let acts = stands_in(&lists.verbs, &title);
    let mut heard = true;
    for (at, word) in text.title.iter().enumerate() {
        if ABOUT.contains(&word.as_str()) {
            heard = false;
        } else if WHERE.contains(&word.as_str()) {
            heard = true;
        }
        let here = title.get(at..).unwrap_or_default();
        if heard && (stands_in(&lists.alone, here) || (acts && stands_in(&lists.nouns, here))) {
            return true;
        }
    }
    false
}

impl Lists {
    /// The listed words that a word is a form of.
    fn numbers(&self, word: &str) -> Vec<usize> {
        let mut numbers = Vec::new();
        bases(word, &mut |base| {
            numbers.extend(self.lexicon.get(base));
        });
        numbers
    }
}

/// Whether a text begins with one of the phrases.
fn stands_in(phrases: &[Vec<usize>], text: &[Vec<usize>]) -> bool {
    phrases.iter().any(|phrase| {
        text.len() >= phrase.len() && phrase.iter().zip(text).all(|(of, word)| word.contains(of))
    })
}
