//! How a word of a pack may end in a text: plurals and simple inflections of English, Bosnian and Norwegian, all folded.
//!
//! A pack lists one form. A rule gives up a few true forms rather than to make another word of one: what is irregular (`podaci`,
//! `bazu`), a pack lists itself.

use std::sync::LazyLock;

/// The pack's ending, the text's, and the letters that the pack's word must have. Of several rules any may fit.
type Rule = (&'static str, &'static str, usize);

/// The rules by the last letter of the text's form, in their order: of ninety a word can end with the form of ten.
static BY_LAST_LETTER: LazyLock<[Vec<Rule>; 26]> = LazyLock::new(|| {
    let mut rules = [const { Vec::new() }; 26];
    for rule in ENGLISH.iter().chain(BOSNIAN).chain(NORWEGIAN) {
        if let Some(rules) = last_letter(rule.1).and_then(|letter| rules.get_mut(letter)) {
            rules.push(*rule);
        }
    }
    rules
});

/// The number of the letter that a folded word ends with; none for a figure.
fn last_letter(word: &str) -> Option<usize> {
    let last = word.bytes().next_back()?;
    last.is_ascii_lowercase().then(|| usize::from(last - b'a'))
}

/// English words are short (`api`, `tax`), so that these hold from three letters; verbs from four (`red` is no `r`).
const ENGLISH: &[Rule] = &[
    ("", "s", 2),
    ("s", "ses", 3),
    ("x", "xes", 3),
    ("ch", "ches", 4),
    ("sh", "shes", 4),
    ("y", "ies", 4),
    ("y", "ied", 4),
    ("is", "es", 6),
    ("", "ing", 4),
    ("e", "ing", 4),
    ("", "ed", 4),
    ("e", "ed", 4),
    ("g", "gging", 4),
    ("g", "gged", 4),
    ("n", "nning", 4),
    ("n", "nned", 4),
    ("p", "pping", 4),
    ("p", "pped", 4),
    ("t", "tting", 5),
    ("t", "tted", 5),
    ("l", "lling", 5),
    ("l", "lled", 5),
    ("ize", "ise", 6),
    ("ise", "ize", 6),
    ("or", "our", 5),
    ("our", "or", 5),
];

/// Least letters of a Bosnian or Norwegian word: what is shorter meets an English one too often.
const LONG: usize = 5;

/// Cases of nouns and adjectives, and the imperative's other forms.
const BOSNIAN: &[Rule] = &[
    ("", "a", LONG),
    ("", "u", LONG),
    ("", "e", LONG),
    ("", "i", LONG),
    ("", "om", LONG),
    ("", "em", LONG),
    ("", "ima", LONG),
    ("a", "e", LONG),
    ("a", "i", LONG),
    ("a", "u", LONG),
    ("a", "om", LONG),
    ("a", "ama", LONG),
    ("ka", "ci", LONG),
    ("ga", "zi", LONG),
    ("k", "ci", LONG),
    ("k", "cima", LONG),
    ("ac", "ca", LONG),
    ("ac", "cu", LONG),
    ("ac", "ci", LONG),
    ("ac", "cima", LONG),
    ("o", "a", LONG),
    ("o", "u", LONG),
    ("o", "om", LONG),
    ("o", "ima", LONG),
    ("je", "ja", LONG),
    ("je", "ju", LONG),
    ("je", "jem", LONG),
    ("je", "jima", LONG),
    ("st", "scu", LONG),
    ("i", "a", LONG),
    ("i", "o", LONG),
    ("i", "e", LONG),
    ("i", "u", LONG),
    ("i", "og", LONG),
    ("i", "om", LONG),
    ("i", "oj", LONG),
    ("i", "im", LONG),
    ("i", "ih", LONG),
    ("i", "ite", LONG),
    ("i", "iti", LONG),
    ("j", "jte", LONG),
    ("j", "ti", LONG),
    ("ran", "rna", LONG),
    ("ran", "rne", LONG),
];

/// The definite form, the plural and its definite form. No bare `-er`: it makes a reporter of a report.
const NORWEGIAN: &[Rule] = &[
    ("", "en", LONG),
    ("", "et", LONG),
    ("", "ene", LONG),
    ("e", "en", LONG),
    ("e", "er", LONG),
    ("e", "ene", LONG),
    ("e", "et", LONG),
    ("a", "aen", LONG),
    ("a", "aer", LONG),
    ("a", "aene", LONG),
    ("ing", "inger", LONG),
    ("sjon", "sjoner", LONG),
    ("het", "heter", LONG),
    ("rapport", "rapporter", LONG),
    ("pp", "pper", LONG),
    ("tt", "tter", LONG),
    ("ll", "ller", LONG),
    ("nt", "nter", LONG),
    ("test", "tester", 8),
];

/// Calls `known` with every word that `word` may be a form of, itself first.
pub(super) fn bases(word: &str, known: &mut dyn FnMut(&str)) {
    known(word);
    if !word.is_ascii() {
        return;
    }
    let rules = last_letter(word).and_then(|letter| BY_LAST_LETTER.get(letter));
    let mut base = String::with_capacity(word.len() + 2);
    for (ending, form, least) in rules.into_iter().flatten() {
        let Some(stem) = word.strip_suffix(*form) else {
            continue;
        };
        if stem.len() + ending.len() < *least {
            continue;
        }
        base.clear();
        base.push_str(stem);
        base.push_str(ending);
        known(&base);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_form(form: &str, of: &str) -> bool {
        let mut found = false;
        bases(form, &mut |base| found |= base == of);
        found
    }

    /// A form that ends with no letter would never be asked for.
    #[test]
    fn every_rule_is_found_by_its_last_letter() {
        for rule in ENGLISH.iter().chain(BOSNIAN).chain(NORWEGIAN) {
            let letter = last_letter(rule.1).expect("a form ends with a letter");
            assert!(BY_LAST_LETTER[letter].contains(rule), "{rule:?}");
        }
    }

    #[test]
    fn forms_are_known() {
        for (of, forms) in [
            ("api", "api apis"),
            ("ui", "uis"),
            ("endpoint", "endpoints"),
            ("policy", "policies"),
            ("tax", "taxes"),
            ("analysis", "analyses"),
            ("deploy", "deploys deployed deploying"),
            ("invoice", "invoices invoiced invoicing"),
            ("debug", "debugging"),
            ("organize", "organise"),
            (
                "faktura",
                "fakture fakturi fakturu fakturom fakturama fakturaer fakturaen",
            ),
            (
                "izvjestaj",
                "izvjestaja izvjestaju izvjestajem izvjestaji izvjestajima izvjestaje",
            ),
            ("placanje", "placanja placanju placanjem placanjima"),
            ("sigurnost", "sigurnosti sigurnoscu"),
            (
                "sigurnosni",
                "sigurnosna sigurnosne sigurnosnog sigurnosnih sigurnosnu",
            ),
            ("poruka", "poruci poruke"),
            ("korisnik", "korisnici korisnicima korisnika"),
            ("zakupac", "zakupca zakupci"),
            ("popravi", "popravite popraviti"),
            ("rapport", "rapporten rapporter rapportene"),
            ("betaling", "betalingen betalinger betalingene"),
            ("nettside", "nettsiden nettsider nettsidene"),
            ("personvern", "personvernet"),
            ("дизайн", "дизайн"),
        ] {
            for form in forms.split(' ') {
                assert!(is_form(form, of), "{form} of {of}");
            }
        }
    }

    #[test]
    fn other_words_stay_other_words() {
        for (word, other) in [
            ("report", "reporter"),
            ("compute", "computers"),
            ("ci", "cied"),
            ("ad", "ading"),
            ("red", "redding"),
            ("test", "testament"),
            ("table", "stable"),
            ("data", "date"),
            ("rust", "rusten"),
            ("port", "portu"),
            ("dock", "docker"),
        ] {
            assert!(!is_form(other, word), "{other} is no {word}");
        }
    }
}
