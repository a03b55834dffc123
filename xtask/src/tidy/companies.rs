//! Companies are data: no code knows one by its name, or a person's own would be worth less than a shipped one.

use std::collections::BTreeSet;

use super::finding::{Finding, Rule};
use super::rooms::is_test;
use super::rust_code::{code_only, comments_only, line_of, without_tests, words};

/// The names of the shipped companies: the folders that have a card.
pub(crate) fn shipped<'a>(paths: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let card = |path: &'a str| {
        let inside = path.strip_prefix("companies/")?;
        inside.strip_suffix("/company.json")
    };
    paths.filter_map(card).collect()
}

/// Judges one source of what is shipped. An example for people may name a company: a help text, and a line of the settings' template that is
/// a comment there.
pub(crate) fn unnamed(path: &str, text: &str, companies: &BTreeSet<&str>) -> Vec<Finding> {
    let is_shipped = path.starts_with("crates/")
        && !path.starts_with("crates/testkit/")
        && !path.contains("/benches/");
    if !is_shipped || is_test(path) || !companies.iter().any(|name| text.contains(name)) {
        return Vec::new();
    }
    let (code, comments) = (code_only(text), comments_only(text));
    let bare = without_tests(&code);
    let is_meant = |at: usize| {
        let in_comment = !comments.as_bytes()[at].is_ascii_whitespace();
        // What is no code of its own stands in a literal, and belongs to where that begins.
        let begins = match code.as_bytes()[at].is_ascii_whitespace() {
            true => code[..at].rfind('"').unwrap_or(at),
            false => at,
        };
        let in_test = bare.as_bytes()[begins] != code.as_bytes()[begins];
        let is_example = text[begins..at].contains("Example");
        let line = text[..at].rfind('\n').map_or(text, |end| &text[end + 1..]);
        in_comment || in_test || is_example || (begins < at && line.starts_with("# "))
    };
    let mut findings = Vec::new();
    for name in companies {
        for at in words(text, name).filter(|at| !is_meant(*at)) {
            let what = format!(
                "`{name}` is a company, and companies are data; ask for what it is like (its stages, its words, its paths)"
            );
            findings.push(Finding::fails(Rule::Words, path, line_of(text, at), what));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let companies = shipped(["companies/Acme/company.json", "companies/README.md"].into_iter());
        let found = unnamed(path, text, &companies).into_iter();
        found.map(|finding| finding.line).collect()
    }

    #[test]
    fn a_name_in_code_is_found_and_one_for_people_is_not() {
        for (text, want) in [
            ("fn a(n: &str) -> bool {\n    n == \"Acme\"\n}\n", vec![2]),
            ("enum Who {\n    Acme,\n}\n", vec![2]),
            ("const A: &str = r#\"Acme\"#;\n", vec![1]),
            ("/// As Acme does.\nfn a() {}\n", vec![]),
            ("const A: &str = \"Acmeister\";\n", vec![]),
            (
                "const HELP: &str = \"Example:\\n  alai company info Acme\";\n",
                vec![],
            ),
            (
                "const FILE: &str = \"\\\n[companies]\n# off = [\\\"Acme\\\"]\n\";\n",
                vec![],
            ),
            (
                "#[cfg(test)]\nmod tests {\n    const A: &str = \"Acme\";\n}\n",
                vec![],
            ),
            (
                "#[cfg(test)]\nmod tests {\n    const A: &str = \"b\";\n}\nconst A: &str = \"Acme\";\n",
                vec![5],
            ),
        ] {
            assert_eq!(lines("crates/core/src/a.rs", text), want, "{text}");
        }
        let text = "const A: &str = \"Acme\";\n";
        assert!(lines("crates/core/tests/a.rs", text).is_empty());
        assert!(lines("crates/testkit/src/a.rs", text).is_empty());
    }
}
