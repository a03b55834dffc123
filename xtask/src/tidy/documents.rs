//! Documents that must keep up with the code: crate docs, the dependency table, links.

use super::finding::{Finding, Rule};
use super::metadata::Package;
use std::collections::BTreeSet;

/// Where every dependency has a line with its reason.
pub(crate) const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";

/// Judges the root file of a crate.
pub(crate) fn crate_docs(path: &str, text: &str) -> Option<Finding> {
    let said = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("//!"));
    if said.is_some_and(|said| said.split_whitespace().count() >= MEANING_WORDS_MIN) {
        return None;
    }
    let what = "a crate begins with `//!` and a sentence that says what it is";
    Some(Finding::fails(Rule::Documents, path, 1, what))
}

/// Fewer words than this only repeat the crate's name.
const MEANING_WORDS_MIN: usize = 3;

/// Compares the table under a heading with `Dependencies` in it with what the manifests ask for.
pub(crate) fn dependency_table(architecture: &str, packages: &[Package]) -> Vec<Finding> {
    let ours = |name: &str| {
        packages
            .iter()
            .any(|package| package.ours && package.name == name)
    };
    let used: BTreeSet<&str> = packages
        .iter()
        .filter(|package| package.ours)
        .flat_map(|package| &package.dependencies)
        .map(|dependency| dependency.name.as_str())
        .filter(|name| !ours(name))
        .collect();
    let listed = listed(architecture);
    let names: BTreeSet<&str> = listed.iter().map(|(name, _)| name.as_str()).collect();
    let missing = used.difference(&names).map(|name| {
        let what = format!("`| {name} | reason |` is missing from the table of dependencies");
        Finding::fails(Rule::Documents, ARCHITECTURE, 0, what)
    });
    let stale = listed
        .iter()
        .filter(|(name, _)| !used.contains(name.as_str()))
        .map(|(name, line)| {
            let what = format!("{name} is in the table of dependencies, but nothing depends on it");
            Finding::fails(Rule::Documents, ARCHITECTURE, *line, what)
        });
    missing.chain(stale).collect()
}

/// The names in the first column, with their lines.
fn listed(architecture: &str) -> Vec<(String, usize)> {
    let (mut inside, mut names) = (false, Vec::new());
    for (number, line) in architecture.lines().enumerate() {
        if line.starts_with('#') {
            inside = line.to_lowercase().contains("dependenc");
        }
        let Some(row) = line.strip_prefix('|').filter(|_| inside) else {
            continue;
        };
        let cell = row.split('|').next().unwrap_or_default();
        for name in cell.split(',').map(|name| name.trim().trim_matches('`')) {
            let is_name = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
                && name.contains(|c: char| c.is_ascii_alphanumeric());
            // A heading of a column starts with a capital; no crate that we use does.
            if is_name && !name.starts_with(|c: char| c.is_ascii_uppercase()) {
                names.push((name.to_owned(), number + 1));
            }
        }
    }
    names
}

/// Judges the relative links of a Markdown file; `exists` knows files and folders of the repository.
pub(crate) fn links(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (mut fenced, mut findings) = (false, Vec::new());
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for target in targets(line) {
            let wanted = target.split(['#', '?']).next().unwrap_or_default();
            let found = match resolve(folder, wanted) {
                Some(place) => place.is_empty() || exists(&place),
                None => false,
            };
            if !found {
                let what = format!("the link to {target} leads nowhere");
                findings.push(Finding::fails(Rule::Documents, path, number + 1, what));
            }
        }
    }
    findings
}

/// The targets of links and images on a line that are not on other hosts and not within the page.
fn targets(line: &str) -> Vec<&str> {
    // Inside backticks it is text about a link, not a link.
    let outside: Vec<&str> = line.split('`').step_by(2).collect();
    let whole = if line.matches('`').count().is_multiple_of(2) {
        outside
    } else {
        vec![line]
    };
    whole
        .into_iter()
        .flat_map(|text| text.split("](").skip(1))
        .filter_map(|rest| rest.split([')', ' ']).next())
        .map(|target| target.trim_matches(['<', '>']))
        .filter(|target| {
            !target.contains("://") && !target.starts_with(['#']) && !target.starts_with("mailto:")
        })
        .collect()
}

/// The target as a path from the repository's root; `None` when it leaves the repository.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => folder.split('/').filter(|part| !part.is_empty()).collect(),
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::metadata::examples::{ours, theirs};
    use super::*;

    #[test]
    fn a_crate_says_what_it_is() {
        assert_eq!(
            crate_docs("a/src/lib.rs", "//! Gate: judges one run.\n"),
            None
        );
        for bad in [
            "",
            "mod a;\n",
            "// Gate: judges one run.\n",
            "//!\n",
            "//! alai-gate\n",
        ] {
            assert!(crate_docs("a/src/lib.rs", bad).is_some(), "{bad}");
        }
    }

    fn compare(table: &str) -> Vec<String> {
        let packages = [
            ours("alai-core", &["serde", "serde_json"]),
            ours("alai-gate", &["alai-core", "serde", "regex"]),
            theirs("serde", Some("MIT")),
        ];
        dependency_table(table, &packages)
            .into_iter()
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn the_table_and_the_manifests_agree() {
        let table = "# A\n\n## Dependencies\n\n| Crate | Why |\n|---|---|\n| `serde`, `serde_json` | x |\n| regex | y |\n\n## Rooms\n\n| core | z |\n";
        assert_eq!(compare(table), [""; 0]);
    }

    #[test]
    fn a_missing_and_a_stale_line_are_found() {
        let found = compare("## Dependencies\n| serde | x |\n| serde_json | x |\n| gix | x |\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("| regex |"), "{found:?}");
        assert!(
            found[1].contains("MD:4") || found[1].contains("md:4"),
            "{found:?}"
        );
        assert_eq!(compare("").len(), 3);
    }

    fn broken(text: &str) -> Vec<usize> {
        let exists = |path: &str| ["docs/a.md", "README.md", "docs/img"].contains(&path);
        links("docs/b.md", text, exists)
            .into_iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let text = "[a](a.md) [r](../README.md#top) ![i](img/) [w](https://x.example/y)\n\
            [p](#here) `[code](none.md)` [root](/README.md) [t](a.md \"title\")\n\
            ```\n[fenced](none.md)\n```\n";
        assert_eq!(broken(text), [0; 0]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        assert_eq!(
            broken("fine\n[x](none.md)\n[y](../../outside.md) [a](a.md)"),
            [2, 3]
        );
    }
}
