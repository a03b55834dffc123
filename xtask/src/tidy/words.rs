//! Words that must not stand in the repository: places of one machine, hosts of registries, notes to self.

use super::finding::{Finding, Rule};
use super::rust_code::comments_only;

/// Joined from parts, so that this file does not break its own rule.
const HOSTS: [[&str; 2]; 8] = [
    ["crates", ".io"],
    ["npmjs", ".org"],
    ["npmjs", ".com"],
    ["pypi", ".org"],
    ["pythonhosted", ".org"],
    ["deb.debian", ".org"],
    ["security.debian", ".org"],
    ["archive.ubuntu", ".com"],
];
/// How cargo's lock files name the place a crate is from: an identifier, not an address of ours.
const LOCK_SOURCE: [&str; 2] = ["registry+https://github.com/rust-lang/crates", ".io-index"];

const WORKPLACES: [[&str; 2]; 2] = [["/", "root/"], ["/", "work/"]];
const HOMES: [&str; 2] = ["/", "home/"];
/// Names that documentation may use: the agent's account inside the sandbox, and the reader.
const HOMES_ALLOWED: [&str; 2] = ["agent", "you"];

const MARKERS: [[&str; 2]; 3] = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"]];
/// What a comment begins with, in the languages that we keep.
const COMMENTS: [&str; 6] = ["//", "#", "/*", "*", "<!--", "--"];

/// Where a place that looks like a workplace belongs to the product, with the reason.
const MEANT: [(&str, [&str; 2], &str); 3] = [
    (
        "crates/workspace/",
        ["/", "work/"],
        "the neutral path of the clone inside the cage",
    ),
    (
        "crates/workspace/",
        ["/", "root/"],
        "root's home is what the cage must not show",
    ),
    (
        "crates/workspace/",
        HOMES,
        "the cage decides about homes, so its tests invent some",
    ),
];

/// Where hosts of registries belong to the product: the list of what a set-up may reach, and the page that tells people of it.
const HOSTS_MEANT: [&str; 2] = [
    "crates/workspace/src/setup/registries.rs",
    "docs/PROJECTS.md",
];

/// Judges one text file.
pub(crate) fn words(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Code that looks for notes in the work of others has to be able to name them.
    let comments = if path.ends_with(".rs") {
        comments_only(text)
    } else {
        text.to_owned()
    };
    for ((number, line), comment) in text.lines().enumerate().zip(comments.lines()) {
        let mut fail = |what: String| {
            findings.push(Finding::fails(Rule::Words, path, number + 1, what));
        };
        if let Some(place) = workplace(path, line) {
            fail(format!(
                "{place} is a place of one machine; use a relative path or a placeholder"
            ));
        }
        if let Some(host) = host(line).filter(|_| !HOSTS_MEANT.contains(&path)) {
            fail(format!(
                "{host} is the host of a registry; say which registry in words"
            ));
        }
        if let Some(marker) = marker(comment) {
            fail(format!(
                "{marker} in a comment; do it, or describe the limit as it is"
            ));
        }
        if issue(line) {
            fail("numbers of a tracker mean nothing to a reader; give the reason".to_owned());
        }
    }
    findings
}

fn workplace(path: &str, line: &str) -> Option<String> {
    // Part of a longer path when one of these stands before it.
    let inside =
        |before: &str| before.ends_with(|c: char| c.is_alphanumeric() || "_.-~$}*/>".contains(c));
    let meant = |parts: [&str; 2]| {
        MEANT
            .iter()
            .any(|(folder, meant, _)| path.starts_with(folder) && *meant == parts)
    };
    for parts in WORKPLACES.into_iter().filter(|parts| !meant(*parts)) {
        let place = parts.concat();
        if line
            .match_indices(&place)
            .any(|(at, _)| !inside(&line[..at]))
        {
            return Some(place);
        }
    }
    if meant(HOMES) {
        return None;
    }
    let home = HOMES.concat();
    line.match_indices(&home).find_map(|(at, _)| {
        let rest = &line[at + home.len()..];
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || "_-.".contains(*c))
            .collect();
        let named = !name.is_empty() && !HOMES_ALLOWED.contains(&name.as_str());
        (named && !inside(&line[..at])).then(|| format!("{home}{name}"))
    })
}

fn host(line: &str) -> Option<String> {
    let line = line.replace(&LOCK_SOURCE.concat(), "").to_lowercase();
    HOSTS
        .map(|parts| parts.concat())
        .into_iter()
        .find(|host| line.contains(host.as_str()))
}

/// A note to self: the marker as the first word of a comment or of a line. In running text, which
/// documentation is, it is one only when it stands alone or with `:` or `(` behind it.
fn marker(line: &str) -> Option<String> {
    MARKERS
        .map(|parts| parts.concat())
        .into_iter()
        .find(|marker| {
            line.match_indices(marker.as_str()).any(|(at, _)| {
                let (before, after) = (line[..at].trim_end(), &line[at + marker.len()..]);
                if after.starts_with(|c: char| c.is_alphanumeric() || "_`'\"".contains(c)) {
                    return false;
                }
                let alone = after.trim().is_empty() || after.starts_with([':', '(']);
                let text = before.is_empty() || before.ends_with("//!") || before.ends_with("///");
                let comment = COMMENTS.iter().any(|mark| {
                    let before = before.strip_suffix(mark);
                    before.is_some_and(|b| b.is_empty() || b.ends_with([' ', ';', ',', '{', '}']))
                });
                if text { alone } else { comment }
            })
        })
}

fn issue(line: &str) -> bool {
    let line = line.to_lowercase();
    let word = ["issue", " #"].concat();
    line.match_indices(&word)
        .any(|(at, _)| line[at + word.len()..].starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> usize {
        words("a.md", line).len()
    }

    #[test]
    fn places_of_one_machine_are_refused() {
        for (a, b) in [
            ("/", "root/.cargo"),
            ("see `/", "work/main`"),
            ("\"/", "home/ada/x\""),
            ("PATH=/", "home/ada"),
        ] {
            assert_eq!(found(&[a, b].concat()), 1, "{a}{b}");
        }
        for good in [
            "/workspace/x",
            "target/work/x",
            "~/work/x",
            "/home/agent/x",
            "/home/you/x",
            "/home/$USER",
            "/home/<name>/x",
        ] {
            assert_eq!(found(good), 0, "{good}");
        }
    }

    #[test]
    fn hosts_of_registries_are_refused_and_lock_files_are_not() {
        for [a, b] in HOSTS {
            assert_eq!(found(&format!("https://x.{a}{b}/y")), 1, "{a}{b}");
        }
        let lock = format!("source = \"{}\"", LOCK_SOURCE.concat());
        assert_eq!(words("Cargo.lock", &lock), []);
    }

    #[test]
    fn notes_to_self_are_refused() {
        for [a, b] in MARKERS {
            for bad in [
                format!("x = 1; # {a}{b} later"),
                format!("# {a}{b}: later"),
                format!("{a}{b}: write this"),
                format!("<!-- {a}{b} -->"),
            ] {
                assert_eq!(found(&bad), 1, "{bad}");
            }
            for bad in [
                format!("// {a}{b}: later"),
                format!("f(); // {a}{b} later"),
                format!("//! {a}{b}"),
                format!("/* {a}{b}(ada) */"),
            ] {
                assert_eq!(words("a.rs", &bad).len(), 1, "{bad}");
            }
        }
    }

    #[test]
    fn text_and_code_about_notes_to_self_are_fine() {
        for [a, b] in MARKERS {
            for good in [
                format!("finds(\"// {a}{b}: x\")"),
                format!("r#\"\n// {a}{b}: x\n\"#"),
                format!("//! the word\n//! {a}{b} in a string"),
                format!("/// Reads `ok 1 # {a}{b}`."),
                format!("// {a}{b}_LIST"),
            ] {
                assert_eq!(words("a.rs", &good), [], "{good}");
            }
            assert_eq!(found(&format!("mktemp /tmp/a.{a}{b}{a}{b}")), 0);
            assert_eq!(found(&format!("no {a}{b} is left")), 0);
        }
    }

    #[test]
    fn a_place_that_the_product_means_is_fine_where_it_is_meant() {
        for (folder, parts, _) in MEANT {
            let line = format!("at(\"{}x\")", parts.concat());
            assert_eq!(words(&format!("{folder}src/a.rs"), &line), []);
            assert_eq!(words("crates/gate/src/a.rs", &line).len(), 1);
        }
    }

    #[test]
    fn numbers_of_a_tracker_are_refused() {
        assert_eq!(found(&["see Issue", " #12"].concat()), 1);
        assert_eq!(found("an issue # of its own"), 0);
    }

    #[test]
    fn the_line_is_named() {
        let text = ["fine\nfine\n// TO", "DO: x\n"].concat();
        assert_eq!(words("a.rs", &text)[0].line, 3);
    }
}
