//! Reads YAML that somebody else wrote: bounded, one document, unknown keys refused with a suggestion.

use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Location, MergeKeyPolicy};

/// Nesting no honest blueprint or pack comes near (theirs is 5); a deep one only costs stack.
const DEPTH_MAX: usize = 24;
/// Aliases are a convenience; a hundred of them is already a document nobody can read, and expansion multiplies.
const ALIASES_MAX: usize = 100;
/// More nodes than 256 KB of real blueprint can hold, few enough to be read in milliseconds.
const NODES_MAX: usize = 50_000;
/// A suggestion further away than a third of the word is noise.
const SUGGESTION_SHARE: usize = 3;

/// Where and why a YAML text could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// From 1; 0 when the parser named no place.
    pub(crate) line: u64,
    /// From 1; 0 when the parser named no place.
    pub(crate) column: u64,
    pub(crate) what: FaultKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// Not YAML, not the shape, or over a limit of the reader.
    Shape(String),
    /// A key that nothing reads. `hint` ends the sentence: the nearest key, or all of them.
    UnknownKey { key: String, hint: String },
}

/// Reads one YAML document into `T`.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    let limits = serde_saphyr::budget! {
        max_depth: DEPTH_MAX,
        max_aliases: ALIASES_MAX,
        max_nodes: NODES_MAX,
        max_documents: 1
    };
    let options = serde_saphyr::options! {
        budget: limits,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| fault(&error))
}

fn fault(error: &Error) -> Fault {
    let error = error.without_snippet();
    let place = error.location().unwrap_or(Location::UNKNOWN);
    // The parser's own enum is open-ended; what is no unknown key is said in its words, without its place, which we print.
    let what = if let Error::SerdeUnknownField {
        field, expected, ..
    } = error
    {
        FaultKind::UnknownKey {
            key: field.clone(),
            hint: hint(field, expected.iter().copied()),
        }
    } else {
        FaultKind::Shape(in_our_words(&without_place(&error.to_string())))
    };
    Fault {
        line: place.line(),
        column: place.column(),
        what,
    }
}

/// The parser ends or begins some messages with the place; ours stands in front already.
fn without_place(message: &str) -> String {
    let first = message.lines().next().unwrap_or(message).trim();
    let first = match first.find(" at line ") {
        Some(cut) => &first[..cut],
        None => first,
    };
    match (first.strip_prefix("line "), first.find(": ")) {
        (Some(_), Some(colon)) => first[colon + 2..].to_owned(),
        (Some(_) | None, _) => first.to_owned(),
    }
}

/// What the parser says of its own options, said of the text.
fn in_our_words(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("duplicate mapping key: ") {
        let key = rest.split(", set ").next().unwrap_or(rest);
        return format!("the key `{key}` stands twice");
    }
    if let Some(breach) = message.strip_prefix("budget breached: ") {
        let what = breach.split([' ', '{', '(']).next().unwrap_or(breach);
        return match what {
            "Documents" => "it holds more than one document".to_owned(),
            "Depth" => format!("it is nested deeper than {DEPTH_MAX}"),
            "Aliases" => format!("it uses more than {ALIASES_MAX} aliases"),
            "Nodes" => {
                format!("it has more than {NODES_MAX} values once its aliases are written out")
            }
            other => format!("it is more than is read ({other})"),
        };
    }
    match message {
        "expected sequence start" => "a list must stand here".to_owned(),
        "expected mapping start" => "keys with values must stand here".to_owned(),
        other => other.to_owned(),
    }
}

/// "did you mean `x`?", or the list when nothing is near.
pub(crate) fn hint<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if word == "sandbox" {
        return crate::cage::SANDBOX_IS_ASKED_FOR.to_owned();
    }
    match nearest(word, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let all: Vec<String> = known.map(|k| format!("`{k}`")).collect();
            match all.len() {
                0 => "nothing can stand here".to_owned(),
                _ => format!("known are {}", all.join(", ")),
            }
        }
    }
}

/// The known word with the smallest edit distance, if it is near enough to be a typo. Ties go to the first.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_lowercase();
    let limit = (word.chars().count() / SUGGESTION_SHARE).max(1);
    known
        .map(|k| (distance(&folded, &k.to_lowercase()), k))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

/// Edit distance in characters where swapping two neighbours counts once (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let swap = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (last[j - 1] + swap).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_one_edit_and_strangers_are_far() {
        assert_eq!(distance("prompt", "promtp"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(
            nearest("shcema", ["prompt", "schema"].into_iter()),
            Some("schema")
        );
        assert_eq!(nearest("needs", ["prompt", "schema"].into_iter()), None);
        assert_eq!(hint("needs", ["a", "b"].into_iter()), "known are `a`, `b`");
    }

    #[test]
    fn bombs_and_merge_keys_are_refused() {
        let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x,x]\n");
        for n in 1..9 {
            let refs = vec![format!("*{}", (b'a' + n - 1) as char); 20].join(",");
            bomb.push_str(&format!("{0}: &{0} [{refs}]\n", (b'a' + n) as char));
        }
        assert!(read::<serde_json::Value>(&bomb).is_err());
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(read::<serde_json::Value>(&deep).is_err());
        assert!(read::<serde_json::Value>("a: {x: 1}\n<<: {b: 2}").is_err());
        assert!(read::<serde_json::Value>("a: 1\n---\nb: 2").is_err());
        assert!(read::<serde_json::Value>("a: 1\na: 2").is_err());
    }
}
