//! Under which licences we accept the work of others, and which crates never come in.

use super::finding::{Finding, Rule};
use super::metadata::Package;

/// SPDX identifiers; all allow a closed and an open binary. `deny.toml` has the same list.
const ALLOWED: [&str; 13] = [
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Exceptions only add rights; this one is the only one in use.
const EXCEPTION: &str = "LLVM-exception";

/// Licences of one crate alone, which nothing that is shipped is built from: libFuzzer's own is as free as BSD-3-Clause.
const FOR_ONE: [(&str, &str); 1] = [("libfuzzer-sys", "(MIT OR Apache-2.0) AND NCSA")];

/// Crates that never come in, with the reason. `deny.toml` has the same list.
const BANNED: [(&str, &str); 5] = [
    (
        "openssl-sys",
        "a C library of the machine; TLS is rustls with ring",
    ),
    ("aws-lc-sys", "a large C build; TLS is rustls with ring"),
    ("serde_yaml", "no longer maintained; YAML is serde-saphyr"),
    (
        "gix",
        "more than a hundred crates; git is run as a program, hermetically",
    ),
    (
        "sqlx",
        "a second store; SQL is rusqlite in the mission room",
    ),
];

/// Judges everything that the workspace is built from.
pub(crate) fn licences(packages: &[Package]) -> Vec<Finding> {
    let fail = |package: &Package, what: String| {
        let what = format!("{} {}: {what}", package.name, package.version);
        Finding::fails(Rule::Licence, "Cargo.lock", 0, what)
    };
    let mut findings = Vec::new();
    for package in packages {
        match package.licence.as_deref() {
            Some(licence) if accepts(licence) => {}
            Some(licence) if FOR_ONE.contains(&(package.name.as_str(), licence)) => {}
            Some(licence) => findings.push(fail(package, format!("{licence} is not accepted"))),
            None => findings.push(fail(package, "states no licence".to_owned())),
        }
        if let Some((_, why)) = BANNED.iter().find(|(name, _)| *name == package.name) {
            findings.push(fail(package, format!("banned, {why}")));
        }
    }
    findings
}

/// Reads an SPDX expression (`AND` binds tighter than `OR`; old manifests write `/` for `OR`). What
/// cannot be read is not accepted.
fn accepts(expression: &str) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    matches!(any(&tokens), Some((true, [])))
}

type Read<'a, 't> = Option<(bool, &'t [&'a str])>;

fn any<'a, 't>(tokens: &'t [&'a str]) -> Read<'a, 't> {
    let (mut accepted, mut rest) = all(tokens)?;
    while let Some((&"OR", after)) = rest.split_first() {
        let (also, left) = all(after)?;
        (accepted, rest) = (accepted || also, left);
    }
    Some((accepted, rest))
}

fn all<'a, 't>(tokens: &'t [&'a str]) -> Read<'a, 't> {
    let (mut accepted, mut rest) = one(tokens)?;
    while let Some((&"AND", after)) = rest.split_first() {
        let (also, left) = one(after)?;
        (accepted, rest) = (accepted && also, left);
    }
    Some((accepted, rest))
}

fn one<'a, 't>(tokens: &'t [&'a str]) -> Read<'a, 't> {
    match tokens {
        ["(", inside @ ..] => match any(inside)? {
            (accepted, [")", rest @ ..]) => Some((accepted, rest)),
            _ => None,
        },
        [")" | "AND" | "OR" | "WITH", ..] | [] => None,
        [name, "WITH", exception, rest @ ..] => {
            Some((ALLOWED.contains(name) && *exception == EXCEPTION, rest))
        }
        [name, rest @ ..] => Some((ALLOWED.contains(name), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::metadata::examples::theirs;
    use super::*;

    #[test]
    fn expressions_are_read() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/GPL-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "(MIT OR GPL-2.0-only) AND Unicode-3.0",
            "GPL-2.0-only AND MIT OR ISC",
        ] {
            assert!(accepts(good), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "MIT OR",
            "(MIT",
            "MIT)",
            "MIT Apache-2.0",
            "MIT WITH Odd-exception",
            "ISC AND (GPL-2.0-only OR LGPL-2.1-only)",
        ] {
            assert!(!accepts(bad), "{bad}");
        }
    }

    #[test]
    fn a_foreign_or_silent_licence_and_a_banned_crate_are_refused() {
        let what = |package: Package| -> Vec<String> {
            licences(&[package])
                .into_iter()
                .map(|finding| finding.what)
                .collect()
        };
        assert_eq!(what(theirs("serde", Some("MIT OR Apache-2.0"))), [""; 0]);
        assert_eq!(
            what(theirs("odd", Some("GPL-3.0-only"))),
            ["odd 0.1.0: GPL-3.0-only is not accepted"]
        );
        let (fuzzer, own) = FOR_ONE[0];
        assert_eq!(what(theirs(fuzzer, Some(own))), [""; 0]);
        assert_eq!(what(theirs("odd", Some(own))).len(), 1);
        assert_eq!(what(theirs("odd", None)), ["odd 0.1.0: states no licence"]);
        for (name, why) in BANNED {
            let found = what(theirs(name, Some("MIT")));
            assert!(found.len() == 1 && found[0].contains(why), "{found:?}");
        }
    }

    #[test]
    fn deny_toml_says_the_same() {
        let deny = include_str!("../../../deny.toml");
        let list = |start: &str| -> Vec<&str> {
            let rest = deny.split_once(start).expect("deny.toml has the list").1;
            let list = rest.split_once("\n]").expect("the list ends").0;
            list.lines()
                .filter_map(|line| line.split('"').nth(1))
                .collect()
        };
        assert_eq!(list("[licenses]\nallow = ["), ALLOWED);
        assert_eq!(list("\ndeny = ["), BANNED.map(|(name, _)| name));
    }
}
