//! A task's text as words: any script, case and spelling, and without the name of the product that stands before it.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_canonical;

use super::classify::{Domain, WorkType};
use super::lists::DOMAINS;
use crate::company::Stage;
use crate::pipeline::FOLLOW_UP_TAG;

/// Bytes of a label before a title (`Bento:`, `[BENTO-REVIEW]`), as for its tag. What is longer is a sentence.
const LABEL_BYTES_MAX: usize = 20;
/// Tags that ask the factory for something more, and say nothing of the task.
const WISHES: &[&str] = &["docs", "deploy", FOLLOW_UP_TAG];
/// The words of the commit convention that are no stage, domain or type of work.
const CONVENTIONAL: &[&str] = &["feat", "fix", "perf", "ci"];

/// A task's words by place.
#[derive(Debug)]
pub(super) struct TaskText {
    pub(super) tags: Vec<Vec<String>>,
    pub(super) title: Vec<String>,
    pub(super) description: Vec<String>,
    /// Words of the title before the first one that only leads to what it is about; all of them where there is none.
    pub(super) head: usize,
}

impl TaskText {
    pub(super) fn new(title: &str, description: &str, tags: &[String]) -> TaskText {
        let (label, rest) = label(title);
        let (title, head) = title_words(rest);
        // A product's tag is made of its label (`Bento: …` is tagged `bento`) and says no more.
        let own = |tag: &&String| !WISHES.contains(&tag.as_str());
        let tags = tags.iter().filter(own).map(|tag| words(tag));
        TaskText {
            tags: tags
                .filter(|tag| !tag.is_empty() && !is_named(tag, &label))
                .collect(),
            title,
            description: words(description),
            head,
        }
    }
}

/// The words of a product's name before a title, and the rest. A name before a colon has no blanks; `Half-day workshop:` is a title.
/// A label of the factory's own words (`Docs:`, `[ci]`) is no product.
fn label(title: &str) -> (Vec<String>, &str) {
    let title = title.trim_start();
    let split = match title.strip_prefix('[') {
        Some(inside) => inside.split_once(']'),
        None => title.split_once(':').filter(|(label, rest)| {
            rest.starts_with(char::is_whitespace) && !label.contains(char::is_whitespace)
        }),
    };
    let Some((label, rest)) = split.filter(|(label, _)| label.len() <= LABEL_BYTES_MAX) else {
        return (Vec::new(), title);
    };
    // What the engine puts before the title of a BUILD says no more than that it is one.
    if title.starts_with('[') && label == "BUILD" {
        return (Vec::new(), rest);
    }
    let label = words(label);
    if rest.trim().is_empty() || label.iter().all(|word| is_own(word)) {
        return (Vec::new(), title);
    }
    (label, rest)
}

/// Whether a label names the product of a tag: `Bento:`, and `[BENTO-BUILD]` with a stage behind it.
fn is_named(tag: &[String], label: &[String]) -> bool {
    let stage = label.strip_prefix(tag);
    stage.is_some_and(|stage| stage.iter().all(|word| is_own(word)))
}

/// The words of the product's name that stands before a title; empty where there is none.
pub(crate) fn product(title: &str) -> Vec<String> {
    label(title).0
}

/// A stage, a domain, a type of work, a word of the commit convention, or one by which the classifier knows a domain (`CLI:`).
fn is_own(word: &str) -> bool {
    let stages = Stage::ALL.map(Stage::as_str);
    let domains = Domain::ALL.map(Domain::as_str);
    let works = WorkType::ALL.map(WorkType::as_str);
    let listed = DOMAINS.iter().flat_map(|(_, _, list)| list.split(','));
    [&stages[..], &domains, &works, CONVENTIONAL]
        .iter()
        .any(|list| list.contains(&word))
        || listed.map(str::trim).any(|one| one == word)
}

/// Words that lead from what is made to what it is about, in English, Bosnian and Norwegian, folded.
const LEADS: &[&str] = &[
    "for", "of", "about", "on", "in", "into", "with", "without", "from", "to", "at", "by", "via",
    "when", "as", "that", "which", "where", "so", "because", "after", "before", "za", "o", "od",
    "u", "na", "sa", "iz", "po", "kada", "kad", "koji", "koja", "koje", "om", "av", "pa", "i",
    "til", "med", "fra", "ved", "etter", "nar", "som", "slik",
];

/// Whether a word only leads to what a title is about.
pub(crate) fn leads_on(word: &str) -> bool {
    LEADS.contains(&word)
}

/// The title's words, and how many of them stand before the first word that leads to what it is about, or a dash.
fn title_words(title: &str) -> (Vec<String>, usize) {
    let mut all = Vec::new();
    let mut head = None;
    for part in title.split_whitespace() {
        let found = words(part);
        let leads = match found.as_slice() {
            [] => part
                .chars()
                .all(|c| matches!(c, '-' | '–' | '—' | ':' | '|')),
            [word] => LEADS.contains(&word.as_str()),
            _ => false,
        };
        if leads && head.is_none() && !all.is_empty() {
            head = Some(all.len());
        }
        all.extend(found);
    }
    let head = head.unwrap_or(all.len());
    (all, head)
}

/// Folded words of letters and digits; `CI/CD` and `ci cd` are the same two words. Scripts that part no words give one per sign.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut take = |c: char| match c {
        'a'..='z' | '0'..='9' => word.push(c),
        // A mark without a letter of its own: NFKC has joined those that have one.
        '\u{300}'..='\u{36f}' => {}
        c if is_a_word(c) => {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            words.push(c.to_string());
        }
        c if c.is_alphanumeric() => fold(c, &mut word),
        _ => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
    };
    if text.is_ascii() {
        text.chars()
            .map(|c| c.to_ascii_lowercase())
            .for_each(&mut take);
    } else {
        text.nfkc().flat_map(char::to_lowercase).for_each(&mut take);
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Latin letters without their marks, as they are typed on a keyboard that has none; other scripts as they are.
fn fold(c: char, word: &mut String) {
    match c {
        'đ' | 'ð' => word.push('d'),
        'ø' => word.push('o'),
        'æ' => word.push_str("ae"),
        'ß' => word.push_str("ss"),
        'ł' => word.push('l'),
        '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => {
            let mut base = None;
            decompose_canonical(c, |part| {
                base.get_or_insert(part);
            });
            word.push(base.unwrap_or(c));
        }
        _ => word.push(c),
    }
}

/// Han, kana and Thai are written without blanks: a sign there is a word here, and a word there a phrase.
fn is_a_word(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_any_spelling() {
        for (text, want) in [
            ("CI/CD, ci cd", "ci cd ci cd"),
            ("Popravi grešku", "popravi gresku"),
            ("STØRRELSE på knapp", "storrelse pa knapp"),
            ("sto\u{338}rrelse", "storrelse"),
            ("Đorđe: ćuprija, Ærlig", "dorde cuprija aerlig"),
            ("Новый ДИЗАЙН", "новый дизайн"),
            ("数据API", "数 据 api"),
            ("ﬁle\u{200b}s №5", "file s no5"),
            (" — ", ""),
        ] {
            assert_eq!(words(text).join(" "), want, "{text}");
        }
    }

    #[test]
    fn a_products_name_is_no_word_and_a_label_of_ours_is() {
        let title = |title: &str, tags: &[&str]| {
            let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
            let text = TaskText::new(title, "", &tags);
            let tags: Vec<String> = text.tags.iter().map(|tag| tag.join(" ")).collect();
            format!("{}|{}", text.title.join(" "), tags.join(","))
        };
        for (text, tags, want) in [
            ("Bento: Add a page", &["bento"][..], "add a page|"),
            ("Ledger: Add a page", &["ledger", "ui"], "add a page|ui"),
            ("[Invoice Hero] the footer", &[], "the footer|"),
            ("Half-day workshop: Git", &[], "half day workshop git|"),
            ("[LEDGER-REVIEW] Code review of X", &[], "code review of x|"),
            ("[LEDGER-REVIEW] Code review: X", &[], "code review x|"),
            (
                "[BENTO-BUILD] Fix: the footer",
                &["bento", "follow-up"],
                "fix the footer|",
            ),
            (
                "[LEDGER-REVIEW] Code review: X",
                &["ledger", "ui"],
                "code review x|ui",
            ),
            ("[BUILD] Fix: the footer", &["follow-up"], "fix the footer|"),
            ("Docs: the footer", &["docs"], "docs the footer|"),
            (
                "The footer",
                &["docs", "deploy", "follow-up", "api"],
                "the footer|api",
            ),
            ("CLI: the footer", &["cli"], "cli the footer|cli"),
            ("fix(ci): the footer", &[], "fix ci the footer|"),
            ("[frontend] the footer", &[], "frontend the footer|"),
            ("Call a::b", &[], "call a b|"),
            ("Bento:", &[], "bento|"),
        ] {
            assert_eq!(title(text, tags), want, "{text}");
        }
    }

    #[test]
    fn the_head_ends_where_the_subject_begins() {
        for (title, want) in [
            ("Tests for the invoice", 1),
            ("Napiši testove za plaćanje", 2),
            ("Skriv tester for betaling", 2),
            ("Landing page — hero", 2),
            ("On-call rota", 3),
            ("On the way", 3),
            ("End-to-end tests", 4),
            ("", 0),
        ] {
            assert_eq!(TaskText::new(title, "", &[]).head, want, "{title}");
        }
    }
}
