//! Text as a person sees it: look-alike letters become the letters they look like, invisible ones go, spaced-out words close.

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

/// One word, and what stood between it and the word before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// As written, look-alikes resolved, case kept.
    pub(crate) seen: String,
    /// In lower case.
    pub(crate) folded: String,
    pub(crate) before: String,
}

/// The words of a text and what follows the last one.
pub(crate) fn words(text: &str) -> Vec<Word> {
    closed_up(split(&visible(text)))
}

/// Text without what is invisible and with look-alikes in plain letters; accents go as well, so that words can be listed
/// without them.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.nfkc().filter(|c| !invisible(*c)) {
        if c.is_ascii() {
            out.push(c);
            continue;
        }
        let plain = resembling(c);
        match plain.is_ascii() {
            true => out.push_str(&plain),
            // Some small letters have a look-alike only in capitals (Cyrillic ka).
            false if c.is_lowercase() => {
                let capital: String = c.to_uppercase().map(resembling).collect();
                out.push_str(if capital.is_ascii() { &capital } else { &plain });
            }
            false => out.push_str(&plain),
        }
    }
    out
}

/// The Unicode skeleton (UTS #39) of one letter, without combining marks.
fn resembling(c: char) -> String {
    let mut buffer = [0; 4];
    let text: &str = c.encode_utf8(&mut buffer);
    // A letter with an accent resolves to its base: skeletons are decomposed.
    skeleton(text).filter(|c| !mark(*c)).collect()
}

fn mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
}

/// Default-ignorable code points and direction controls: they change what a machine reads and not what a person sees.
fn invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    )
}

fn split(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut before = String::new();
    let mut seen = String::new();
    for c in text.chars().chain(std::iter::once('\n')) {
        if c.is_alphanumeric() || mark(c) {
            seen.push(c);
            continue;
        }
        if !seen.is_empty() {
            let folded = seen.to_lowercase();
            words.push(Word {
                seen: std::mem::take(&mut seen),
                folded,
                before: std::mem::take(&mut before),
            });
        }
        before.push(c);
    }
    words
}

/// `C.E.O` and `d e p l o y` are one word: three or more single letters with one and the same small gap.
fn closed_up(words: Vec<Word>) -> Vec<Word> {
    let single =
        |word: &Word| word.seen.chars().count() == 1 && word.seen.chars().all(char::is_alphabetic);
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let mut end = at + 1;
        if single(&words[at]) {
            let gap = words
                .get(at + 1)
                .map(|next| next.before.as_str())
                .unwrap_or("");
            while gap_closes(gap)
                && words
                    .get(end)
                    .is_some_and(|next| single(next) && next.before == gap)
            {
                end += 1;
            }
        }
        if end - at < 3 {
            end = at + 1;
        }
        let seen: String = words[at..end]
            .iter()
            .map(|word| word.seen.as_str())
            .collect();
        out.push(Word {
            folded: seen.to_lowercase(),
            seen,
            before: words[at].before.clone(),
        });
        at = end;
    }
    out
}

/// Whether a gap is small enough to be inside of a word that was pulled apart.
pub(crate) fn gap_closes(gap: &str) -> bool {
    matches!(
        gap,
        " " | "-"
            | "."
            | "_"
            | "/"
            | "*"
            | "|"
            | "+"
            | "~"
            | "·"
            | "•"
            | "\u{2010}"
            | "\u{2011}"
            | "  "
            | ". "
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn look_alikes_and_invisible_letters_are_seen_through() {
        for trick in [
            "Vipps",
            "V\u{200b}ipps",
            "Ｖｉｐｐｓ",
            "𝐕𝐢𝐩𝐩𝐬",
            "Viрps",
            "Vípps",
            "V\u{ad}ip\u{2060}ps",
            "V i p p s",
            "V.i.p.p.s",
        ] {
            assert_eq!(folded(trick), ["vipps"], "{trick:?}");
        }
        assert_eq!(words("СЕО")[0].seen, "CEO", "Cyrillic capitals");
        assert_eq!(folded("Overfør pošalji đak"), ["overfor", "posalji", "dak"]);
        assert_eq!(folded("I am a fan"), ["i", "am", "a", "fan"]);
        assert_eq!(
            folded("a b"),
            ["a", "b"],
            "two letters are not a pulled-apart word"
        );
    }
}
