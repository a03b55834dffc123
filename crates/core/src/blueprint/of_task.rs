//! What a task gives its blueprint by itself: its title, a name made of that, the file that it names. A person's or a model's words, so that
//! none of it becomes part of a command.

use std::collections::BTreeSet;

use crate::routing;

/// Words of a name: longer ones are cut, not refused.
const SLUG_WORDS_MAX: usize = 12;

/// Ends of files whose behaviour nobody tests: documents, settings, data.
const NO_SOURCE: [&str; 15] = [
    "adoc", "cfg", "css", "csv", "html", "ini", "json", "lock", "md", "mdx", "rst", "toml", "txt",
    "yaml", "yml",
];

/// What is known of the task that a blueprint is resolved for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfTask {
    /// The inputs that were given for this task alone.
    pub given: BTreeSet<String>,
    /// What it is about, without the words of a stage before it; empty where there is no task.
    pub title: String,
}

/// What an input is taken from where nobody gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Title,
    Slug,
    File,
}

impl Taken {
    pub(super) const ALL: [Taken; 3] = [Taken::Title, Taken::Slug, Taken::File];

    /// As a blueprint writes it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Taken::Title => "title",
            Taken::Slug => "slug",
            Taken::File => "file",
        }
    }

    /// The value, where the title has one and, with `only_with`, one of these words or phrases.
    pub(super) fn of(self, title: &str, only_with: &[String]) -> Option<String> {
        let words = routing::words(title);
        let stands = |phrase: &String| {
            let phrase = routing::words(phrase);
            !phrase.is_empty() && words.windows(phrase.len()).any(|part| part == phrase)
        };
        if title.trim().is_empty() || !(only_with.is_empty() || only_with.iter().any(stands)) {
            return None;
        }
        match self {
            Taken::Title => Some(title.trim().to_owned()),
            Taken::Slug => slug(&words),
            Taken::File => file(title),
        }
    }
}

/// Small words with hyphens.
fn slug(words: &[String]) -> Option<String> {
    let plain = words.iter().map(|word| {
        let kept = word.chars().map(|c| c.to_ascii_lowercase());
        kept.filter(char::is_ascii_alphanumeric).collect::<String>()
    });
    let plain: Vec<String> = plain
        .filter(|word| !word.is_empty())
        .take(SLUG_WORDS_MAX)
        .collect();
    (!plain.is_empty()).then(|| plain.join("-"))
}

/// The one file of code that a title names by its path, or between backticks; none where it names several or none.
fn file(title: &str) -> Option<String> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for token in title.split_whitespace() {
        let quoted = token.contains('`');
        let path = token.trim_matches(|c: char| !c.is_alphanumeric() && c != '_' && c != '/');
        if (quoted || path.contains('/')) && is_source(path) {
            found.insert(path);
        }
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => Some(one.to_owned()),
        (_, _) => None,
    }
}

/// Whether a word is the path of a file below a root, of code, and of no test by its name.
fn is_source(path: &str) -> bool {
    let plain = path
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c));
    let name = path.rsplit('/').next().unwrap_or(path);
    let end = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty());
    let of_code = end.is_some_and(|(_, end)| {
        (1..=5).contains(&end.len())
            && end.chars().any(|c| c.is_ascii_alphabetic())
            && !NO_SOURCE.contains(&end.to_ascii_lowercase().as_str())
    });
    let is_test = path.split(['/', '.', '_', '-']).any(|part| {
        let part = part.to_ascii_lowercase();
        ["test", "tests", "spec", "specs", "e2e"].contains(&part.as_str())
    });
    plain
        && of_code
        && !is_test
        && !path.starts_with('/')
        && !path.split('/').any(|p| p == ".." || p.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_gives_a_name_and_the_one_file_that_it_names() {
        for (title, slug, file) in [
            (
                "Write tests for src/price.py",
                "write-tests-for-src-price-py",
                Some("src/price.py"),
            ),
            (
                "Test `words.sh`, please",
                "test-words-sh-please",
                Some("words.sh"),
            ),
            (
                "Test the Node.js client and/or more",
                "test-the-node-js-client-and-or-more",
                None,
            ),
            (
                "Tests for a/b.rs and a/c.rs",
                "tests-for-a-b-rs-and-a-c-rs",
                None,
            ),
            ("Mend tests/test_price.py", "mend-tests-test-price-py", None),
            ("Cover docs/guide.md", "cover-docs-guide-md", None),
            (
                "Cover /etc/x.py and ../y.py",
                "cover-etc-x-py-and-y-py",
                None,
            ),
            (
                "Read $(touch x).sh; `a;b.sh`",
                "read-touch-x-sh-a-b-sh",
                None,
            ),
        ] {
            assert_eq!(Taken::Slug.of(title, &[]).as_deref(), Some(slug), "{title}");
            assert_eq!(Taken::File.of(title, &[]).as_deref(), file, "{title}");
            assert_eq!(Taken::Title.of(title, &[]).as_deref(), Some(title));
        }
        for taken in Taken::ALL {
            assert_eq!(taken.of(" ", &[]), None);
        }
    }

    #[test]
    fn words_can_be_asked_for() {
        let only = ["adr".to_owned(), "trade off".to_owned()];
        let of = |title: &str| Taken::Title.of(title, &only).is_some();
        assert!(of("ADR: plain tables"));
        assert!(of("Name the trade-off of two queues"));
        assert!(!of("Draw the quadrants of the system"));
    }
}
