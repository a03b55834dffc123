//! From a task's words to a full-text search, and from what it found to a few lines in a brief.

use alai_core::brief::Recalled;

/// Words in one search. OR queries cost by their words; a task's title rarely has more that matter.
const WORDS_MAX: usize = 16;
/// Entries in one brief: a small model reads no more beside the code.
pub const RECALL_MAX: u32 = 5;
/// Entries that are looked through for them: a task that comes back each night leaves the same line each night.
pub const SEARCH_MAX: u32 = 4 * RECALL_MAX;
/// Bytes of one entry in a brief.
const ENTRY_BYTES_MAX: usize = 600;

/// Words that stand in every English sentence and in no good search.
const STOP_WORDS: [&str; 40] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "from", "has", "have", "how",
    "if", "in", "into", "is", "it", "its", "no", "not", "of", "on", "or", "so", "such", "that",
    "the", "their", "then", "there", "this", "to", "was", "what", "when", "which", "will", "with",
];

/// The words of a text that are worth a search, none twice, in their order.
pub fn words(text: &str) -> Vec<String> {
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
    words
}

/// The first entries that say something each: what differs from one before it in numbers alone says nothing more.
pub fn distinct<T>(found: Vec<T>, text: impl Fn(&T) -> &str) -> Vec<T> {
    let mut told: Vec<String> = Vec::new();
    let mut kept = found;
    kept.retain(|entry| {
        let words: String = text(entry)
            .chars()
            .filter(|c| !c.is_numeric())
            .flat_map(char::to_lowercase)
            .collect();
        let is_new = !told.contains(&words);
        told.push(words);
        is_new
    });
    kept.truncate(RECALL_MAX as usize);
    kept
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
    fn words_stand_once_and_in_order() {
        let found = words("Add the rate-limit to POST /orders, add it (429)");
        assert_eq!(found, ["add", "rate", "limit", "post", "orders", "429"]);
        assert_eq!(words("the of - ?"), [""; 0]);
        assert_eq!(words(""), [""; 0]);
    }

    #[test]
    fn what_comes_back_each_night_is_told_once() {
        let mut found = vec!["Nightly audit gate passed: 12/12: #31".to_owned()];
        found.extend((0..30).map(|n| format!("nightly audit gate passed: 11/12: #{n}")));
        found.extend(["Orders lock by row", "Orders lock by table"].map(str::to_owned));
        let kept = distinct(found, |text| text);
        assert_eq!(
            kept,
            [
                "Nightly audit gate passed: 12/12: #31",
                "Orders lock by row",
                "Orders lock by table"
            ]
        );
        let many: Vec<String> = ('a'..='z').map(String::from).collect();
        assert_eq!(distinct(many, |text| text).len(), RECALL_MAX as usize);
    }

    #[test]
    fn long_entries_are_cut_on_a_character() {
        let long = "ž".repeat(1_000);
        let brief = for_brief(1, "knowledge", &long, "factory");
        assert!(brief.text.len() <= ENTRY_BYTES_MAX + 4 && brief.text.ends_with('…'));
    }
}
