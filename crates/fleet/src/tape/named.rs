//! Requests without the names that are new in every factory: of commits, which hold their time, and of runs. The same work done again
//! makes other ones at the same places.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Asked;

/// A commit's whole name, or an UUID.
static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:[0-9a-f]{40}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b")
        .expect("a constant pattern compiles")
});

/// The same with each name replaced by its number, by where it stands first.
pub(super) fn asked(asked: &Asked) -> Asked {
    any(asked).unwrap_or_else(|| asked.clone())
}

/// The same of anything; none where no such name stands in it.
pub(super) fn any<T: Serialize + DeserializeOwned>(asked: &T) -> Option<T> {
    let text = serde_json::to_string(asked).ok()?;
    match numbered(&text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => serde_json::from_str(&text).ok(),
    }
}

fn numbered(text: &str) -> Cow<'_, str> {
    let mut known: Vec<String> = Vec::new();
    NAMES.replace_all(text, |found: &Captures<'_>| {
        let name = &found[0];
        let at = known.iter().position(|one| one == name);
        let at = at.unwrap_or_else(|| {
            known.push(name.to_owned());
            known.len() - 1
        });
        format!("[name {}]", at + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_and_nothing_else_is_touched() {
        let (a, b) = ("a1".repeat(20), "b2".repeat(20));
        let run = "01a20025-f22e-7788-a25e-0b045cf4850f";
        let text = format!("from {a} to {b}, again {a}, by {run}");
        assert_eq!(
            numbered(&text),
            "from [name 1] to [name 2], again [name 1], by [name 3]"
        );
        let swapped = format!("from {b} to {a}, again {a}, by {run}");
        assert_ne!(numbered(&swapped), numbered(&text));
        for kept in ["c3".repeat(32), "c3".repeat(6), format!("{a}0")] {
            assert_eq!(numbered(&kept), kept);
        }
    }
}
