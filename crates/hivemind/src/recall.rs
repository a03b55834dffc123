//! From a task's words to a full-text search, and from what it found to a few lines in a brief.

use alai_core::brief::Recalled;

/// Words in one search. OR queries cost by their words; a task's title rarely has more that matter.
const WORDS_MAX: usize = 16;
/// Entries in one brief: a small model reads no more beside the code.
pub const RECALL_MAX: u32 = 5;
/// Bytes of one entry in a brief.
const ENTRY_BYTES_MAX: usize = 600;

/// Words that stand in every English sentence and in no good search.
const STOP_WORDS: [&str; 40] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "from", "has", "have", "how",
    "if", "in", "into", "is", "it", "its", "no", "not", "of", "on", "or", "so", "such", "that",
    "the", "their", "then", "there", "this", "to", "was", "what", "when", "which", "will", "with",
];

/// An FTS5 expression that finds entries with any of the words, or none when there is nothing to look for. Every word is
/// quoted, so that a task's text cannot become an operator.
pub fn expression(text: &str) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        let word = word.to_lowercase();
        let useful = word.chars().count() > 1 && !STOP_WORDS.contains(&word.as_str());
        if useful && !words.contains(&word) {
            words.push(word);
        }
        if words.len() == WORDS_MAX {
            break;
        }
    }
    let quoted: Vec<String> = words.iter().map(|w| format!("\"{w}\"")).collect();
    (!quoted.is_empty()).then(|| quoted.join(" OR "))
}

/// What a brief shows of an entry: cut to a few lines, with its source.
pub fn for_brief(id: i64, kind: &str, text: &str, source: &str) -> Recalled {
    let cut = match text
        .char_indices()
        .find(|(at, c)| at + c.len_utf8() > ENTRY_BYTES_MAX)
    {
        Some((at, _)) => format!("{} …", text.get(..at).unwrap_or(text)),
        None => text.to_owned(),
    };
    Recalled {
        id,
        kind: kind.to_owned(),
        text: cut,
        source: source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_and_ordered() {
        let found = expression("Add the rate-limit to POST /orders, add it (429)");
        assert_eq!(
            found.as_deref(),
            Some(r#""add" OR "rate" OR "limit" OR "post" OR "orders" OR "429""#)
        );
    }

    #[test]
    fn operators_cannot_be_smuggled_in() {
        let found = expression(r#"x" OR text:* NEAR("secret")"#).expect("words are left");
        assert!(!found.contains('*') && !found.contains('('), "{found}");
        assert_eq!(found.matches('"').count() % 2, 0);
    }

    #[test]
    fn nothing_to_look_for_is_no_search() {
        assert_eq!(expression("the of - ?"), None);
        assert_eq!(expression(""), None);
    }

    #[test]
    fn long_entries_are_cut_on_a_character() {
        let long = "ž".repeat(1_000);
        let brief = for_brief(1, "knowledge", &long, "factory");
        assert!(brief.text.len() <= ENTRY_BYTES_MAX + 4 && brief.text.ends_with('…'));
    }
}
