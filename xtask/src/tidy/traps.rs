//! The table of traps: each row names the tests that hold it, and a test that is renamed or removed breaks its row.

use std::collections::BTreeMap;

use super::finding::{Finding, Rule};

/// Where the table is.
pub(crate) const PAGE: &str = "docs/FLEET.md";
/// It stands below this heading.
const HEADING: &str = "## Traps";

/// Judges the rows of the table. A test is `ROOM/FILE.rs::NAME`; `text_of` gives a file of `crates`.
pub(crate) fn traps<'t>(page: &str, text_of: impl Fn(&str) -> Option<&'t str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut known: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut rows = 0;
    for (number, cells) in rows_of(page) {
        rows += 1;
        let mut named = 0;
        for test in cells.split('`').skip(1).step_by(2) {
            named += 1;
            let Some((file, name)) = test.split_once("::") else {
                let what = format!("`{test}` is no test: ROOM/FILE.rs::NAME");
                findings.push(Finding::fails(Rule::Documents, PAGE, number, what));
                continue;
            };
            let path = format!("crates/{file}");
            let tests = known
                .entry(path.clone())
                .or_insert_with(|| text_of(&path).map_or_else(Vec::new, tests_of));
            if !tests.contains(&name) {
                let what = format!("{path} has no test `{name}`, which holds this trap");
                findings.push(Finding::fails(Rule::Documents, PAGE, number, what));
            }
        }
        if named == 0 {
            let what = "no test holds this trap";
            findings.push(Finding::fails(Rule::Documents, PAGE, number, what));
        }
    }
    if rows == 0 {
        let what = format!("it has no table of traps below `{HEADING}`");
        findings.push(Finding::fails(Rule::Documents, PAGE, 0, what));
    }
    findings
}

/// The last cell of each row, with its line.
fn rows_of(page: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut rows = Vec::new();
    for (number, line) in page.lines().enumerate() {
        if line.starts_with("## ") {
            inside = line.starts_with(HEADING);
        }
        let row = line.trim().strip_prefix('|').filter(|_| inside);
        let Some(row) = row.and_then(|row| row.strip_suffix('|')) else {
            continue;
        };
        let (_, last) = row.rsplit_once('|').unwrap_or_default();
        let is_rule = row.chars().all(|c| matches!(c, '-' | '|' | ' ' | ':'));
        if !is_rule && last.trim() != "Held by" {
            rows.push((number + 1, last));
        }
    }
    rows
}

/// The names of a file's tests: what stands behind `#[test]`, with other attributes between.
fn tests_of(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        is_test |= line == "#[test]";
        let named = line.split_once("fn ").filter(|_| is_test);
        if let Some((_, rest)) = named.filter(|(before, _)| !before.contains("//")) {
            names.push(rest.split(['(', '<']).next().unwrap_or_default());
            is_test = false;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "#[test]\nfn it_holds() {}\n\nfn helps() {}\n#[test]\n#[should_panic]\n// fn not() {}\nfn it_panics() {}\n";

    fn found(rows: &str) -> Vec<usize> {
        let page = format!(
            "# Fleet\n| other | `x` |\n## Traps\n\n| Trap | Held by |\n|---|---|\n{rows}\n## More\n| a | b |\n"
        );
        let text_of = |path: &str| (path == "crates/fleet/src/a.rs").then_some(CODE);
        let findings = traps(&page, text_of);
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_row_with_tests_that_are_there_is_fine() {
        assert_eq!(
            found(
                "| one | `fleet/src/a.rs::it_holds` |\n| two | what we do | `fleet/src/a.rs::it_panics`, `fleet/src/a.rs::it_holds` |"
            ),
            [0; 0]
        );
    }

    #[test]
    fn a_row_without_one_or_with_one_that_is_gone_is_found() {
        for row in [
            "| one | nothing |",
            "| one | `fleet/src/a.rs::helps` |",
            "| one | `fleet/src/a.rs::it_was_renamed` |",
            "| one | `fleet/src/b.rs::it_holds` |",
            "| one | `it_holds` |",
        ] {
            assert_eq!(found(row), [7], "{row}");
        }
        assert_eq!(found(""), [0], "no table at all");
    }
}
