//! Whether a title asks for code: a builder who may write the files of one trade alone cannot do that, however well its words fit.

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

static LISTS: LazyLock<[Vec<Vec<String>>; 3]> =
    LazyLock::new(|| [VERBS, NOUNS, ALONE].map(|list| list.split(',').map(words).collect()));

pub(super) fn is_asked_for(text: &TaskText) -> bool {
    let [verbs, nouns, alone] = &*LISTS;
    let title = text.title.as_slice();
    let acts = stands_in(verbs, title);
    let mut heard = true;
    for (at, word) in title.iter().enumerate() {
        if ABOUT.contains(&word.as_str()) {
            heard = false;
        } else if WHERE.contains(&word.as_str()) {
            heard = true;
        }
        let here = title.get(at..).unwrap_or_default();
        if heard && (stands_in(alone, here) || (acts && stands_in(nouns, here))) {
            return true;
        }
    }
    false
}

/// Whether a text begins with one of the phrases.
fn stands_in(phrases: &[Vec<String>], text: &[String]) -> bool {
    let is_form = |word: &String, of: &String| {
        let mut found = word == of;
        bases(word, &mut |base| found |= base == of);
        found
    };
    phrases.iter().any(|phrase| {
        text.len() >= phrase.len() && phrase.iter().zip(text).all(|(of, word)| is_form(word, of))
    })
}
