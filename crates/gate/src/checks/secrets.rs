//! Check 11: no secret in any commit of the run, also not in one that a later commit took out again.
//!
//! A finding names its place and kind; the secret itself is never repeated.

mod spots;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use alai_core::qa::{Check, Measurement};
use regex::Regex;

use super::{fail, judge_findings};
use crate::change::{Change, Commit};
use crate::paths;

pub use spots::{Spot, secrets_in};

struct Kind {
    what: &'static str,
    regex: Regex,
}

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    [
        (
            "an AWS access key",
            r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b",
        ),
        (
            "a GitHub token",
            r"\bgh[pousr]_[0-9A-Za-z]{36,}\b|\bgithub_pat_[0-9A-Za-z_]{60,}\b",
        ),
        ("a GitLab token", r"\bglpat-[0-9A-Za-z_-]{20,}"),
        ("a Slack token", r"\bxox[abeprs]-[0-9A-Za-z-]{10,}"),
        (
            "a Slack webhook",
            r"hooks\.slack\.com/services/T[0-9A-Z]{6,}/B[0-9A-Z]{6,}/[0-9A-Za-z]{16,}",
        ),
        ("a Stripe key", r"\b(?:sk|rk)_live_[0-9A-Za-z]{16,}"),
        (
            "a key of a model provider",
            r"\bsk-(?:ant-|proj-|or-v1-)?[0-9A-Za-z_-]{32,}",
        ),
        ("a Google key", r"\bAIza[0-9A-Za-z_-]{35}\b"),
        ("an npm token", r"\bnpm_[0-9A-Za-z]{36}\b"),
        ("a package index token", r"\bpypi-[0-9A-Za-z_-]{50,}"),
        ("a Telegram token", r"\b[0-9]{8,10}:AA[0-9A-Za-z_-]{33}\b"),
        (
            "a signed web token",
            r"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{16,}",
        ),
        (
            "a private key",
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
        ),
        (
            "a password in an address",
            r"(?-u:\b)[a-z][a-z0-9+.-]*://[^/\s:@'\x22]{1,64}:[^/\s:@'\x22$<{*]{6,}@[0-9A-Za-z_.\x{80}-\x{10FFFF}-]+",
        ),
    ]
    .map(|(what, regex)| Kind {
        what,
        regex: Regex::new(regex).expect("a fixed pattern"),
    })
    .into()
});
/// Names are of any script, for which all that is not ASCII stands: the letters of Unicode by name make it three times as large.
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?-u:\b)[0-9A-Za-z_.\x{80}-\x{10FFFF}-]*(?:secret|token|passw(?:or)?d|passwd|api_?-?key|access_?-?key|private_?-?key|credential|auth)[0-9A-Za-z_.\x{80}-\x{10FFFF}-]*["']?\s*(?:=>|:=|=|:)\s*(?:["'`]([^"'`\s]{12,200})["'`]|([0-9A-Za-z+/_=-]{20,200})\s*$)"#)
        .expect("a fixed pattern")
});

/// Bits per character: hexadecimal keys have 4, base64 ones 6, English words about 3 by this measure.
const ENTROPY_MIN: f64 = 3.4;

pub(crate) fn check(change: &Change) -> Measurement {
    let check = Check::NoSecrets;
    if let Some(cut) = change.commits.iter().find(|c| c.truncated) {
        return fail(
            check,
            format!("commit {} is too large to be searched; split it", cut.oid),
        );
    }
    let known: String = change
        .files
        .iter()
        .filter_map(|f| f.base.text())
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = Vec::new();
    for commit in &change.commits {
        found.extend(in_commit(commit, &known));
    }
    for file in &change.files {
        found.extend(
            secret_file(&file.path)
                .filter(|_| !file.is_deleted())
                .map(|what| format!("{} is {what}", file.path)),
        );
        let Some(source) = file.head_source() else {
            continue;
        };
        let text = |line: &usize| source.raw.get(*line).map(|text| (*line, text));
        for (line, text) in file.added.iter().filter_map(text) {
            found.extend(in_line(text, &known).map(|what| format!("{} {what}", file.at(line))));
        }
    }
    found.sort();
    found.dedup();
    judge_findings(
        check,
        &found,
        format!(
            "{} commits searched, message and lines",
            change.commits.len()
        ),
    )
}

/// Added lines and message of one commit. `-m --text` made it whole: against each parent, binary files too.
fn in_commit(commit: &Commit, known: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut path = "its message".to_owned();
    let mut before = "";
    for line in commit.patch.lines() {
        // An added line may look like a header; a header follows the line of the old side, and both are searched.
        if let Some(name) = line
            .strip_prefix("+++ ")
            .filter(|_| before.starts_with("--- "))
        {
            path = name.trim_start_matches("b/").to_owned();
            found.extend(
                secret_file(&path).map(|what| format!("commit {} adds {path}, {what}", commit.oid)),
            );
        }
        before = line;
        let added = line.strip_prefix('+').or_else(|| line.strip_prefix("    "));
        let Some(what) = added.and_then(|text| in_line(text, known)) else {
            continue;
        };
        found.push(format!("commit {} adds {what} in {path}", commit.oid));
    }
    found
}

/// What kind of secret a line holds. One that the base already had is not this change's doing, and examples are none.
fn in_line(line: &str, known: &str) -> Option<&'static str> {
    for kind in KINDS.iter() {
        if let Some(seen) = kind
            .regex
            .find_iter(line)
            .find(|m| !is_example(m.as_str()) && !known.contains(m.as_str()))
        {
            let is_header = kind.what == "a private key" && line.trim().len() > seen.len() + 40;
            if !is_header || line.contains("\\n") {
                return Some(kind.what);
            }
        }
    }
    let value = ASSIGNED
        .captures(line)
        .and_then(|seen| seen.get(1).or_else(|| seen.get(2)))?
        .as_str();
    let secret = !is_example(value) && looks_random(value) && !known.contains(value);
    secret.then_some("a value that looks like a secret")
}

/// Replaces what looks like a secret by `[secret]`: for outputs and texts that go into evidence.
pub fn blacken(text: &str) -> String {
    let mut text = text.to_owned();
    for kind in KINDS.iter() {
        text = kind.regex.replace_all(&text, "[secret]").into_owned();
    }
    let values = |line: &str| -> String {
        let seen = ASSIGNED
            .captures(line)
            .and_then(|seen| seen.get(1).or_else(|| seen.get(2)));
        match seen.filter(|value| !is_example(value.as_str()) && looks_random(value.as_str())) {
            Some(value) => format!("{}[secret]{}", &line[..value.start()], &line[value.end()..]),
            None => line.to_owned(),
        }
    };
    text.split('\n').map(values).collect::<Vec<_>>().join("\n")
}

/// The words by which documentation marks what is no key; the keys of AWS' own examples carry one of them too.
const EXAMPLE_WORDS: [&str; 20] = [
    "example",
    "sample",
    "dummy",
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "your",
    "xxxx",
    "redacted",
    "fake",
    "test",
    "todo",
    "insert",
    "replace",
    "localhost",
    "12345678",
    "abcdef",
    "password",
    "secret",
];

fn is_example(value: &str) -> bool {
    let lower = value.to_lowercase();
    EXAMPLE_WORDS.iter().any(|word| lower.contains(word))
}

/// A key mixes letters and digits evenly; names, paths, addresses and expressions do not.
fn looks_random(value: &str) -> bool {
    let reference = value.contains("://")
        || value.contains("${")
        || value.contains("{{")
        || value.contains('(');
    let path = value.matches('/').count() > 2
        || value.contains("::")
        || value.starts_with(['.', '/', '$', '<', '%']);
    let letters = value.chars().filter(char::is_ascii_alphabetic).count();
    let digits = value.chars().filter(char::is_ascii_digit).count();
    !reference
        && !path
        && letters >= 4
        && digits >= 3
        && entropy(value) >= ENTROPY_MIN
        && !is_hash_of_a_lock(value)
}

/// `sha256:…`, `sha512-…`: what lockfiles pin.
fn is_hash_of_a_lock(value: &str) -> bool {
    ["sha1", "sha256", "sha384", "sha512", "md5", "h1:"]
        .iter()
        .any(|start| value.starts_with(start))
}

fn entropy(value: &str) -> f64 {
    let mut counts: BTreeMap<char, u32> = BTreeMap::new();
    for c in value.chars() {
        *counts.entry(c).or_default() += 1;
    }
    let total: f64 = counts.values().map(|n| f64::from(*n)).sum();
    counts
        .values()
        .map(|n| f64::from(*n) / total)
        .map(|p| -p * p.log2())
        .sum()
}

fn secret_file(path: &str) -> Option<&'static str> {
    let name = paths::name(path.trim_matches('"'));
    let template = ["example", "sample", "template", "dist", "test"]
        .iter()
        .any(|word| name.contains(word));
    if template {
        return None;
    }
    match name {
        ".env"
        | ".netrc"
        | "_netrc"
        | ".pgpass"
        | ".htpasswd"
        | "credentials.json"
        | "service-account.json" => Some("a file that holds secrets"),
        "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519" => Some("a private key"),
        name if name.starts_with(".env.") => Some("a file that holds secrets"),
        name if [".p12", ".pfx", ".jks", ".keystore", ".kdbx"]
            .iter()
            .any(|end| name.ends_with(end)) =>
        {
            Some("a store of keys")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::*;

    /// Put together here so that this file itself holds nothing that a scanner takes for a key.
    fn keys() -> Vec<String> {
        vec![
            format!("key = '{}{}'", "AKIA", "J7Q2M4X9PLZ3WVBN"),
            format!("{}{}", "ghp_", "a8Kd72Lq0Zx91Vb3Nm45Pt67Ry89Uw12Qe34"),
            format!("{}{}", "xoxb-", "2817462910-8Hk2Lq9Zx1Vb3Nm"),
            format!("-----BEGIN {} KEY-----", "RSA PRIVATE"),
            format!("{}{}", "sk_live_", "8Hk2Lq9Zx1Vb3Nm45Pt6"),
            format!("postgres://app:{}@db.internal/x", "8Hk2Lq9Zx1Vb"),
            format!("api_key = \"{}\"", "8Hk2Lq9Zx1Vb3Nm45Pt67Ry"),
            format!("AUTH_TOKEN={}", "8Hk2Lq9Zx1Vb3Nm45Pt67Ry"),
        ]
    }

    fn commit(patch: &str) -> Change {
        let mut change = Change::of(&[("src/a.py", Some("a\n"), Some("b\n"))]);
        change.commits = vec![Commit {
            oid: "abc".into(),
            patch: patch.into(),
            truncated: false,
        }];
        change
    }

    #[test]
    fn every_kind_is_found_and_never_repeated() {
        for key in keys() {
            let m = check(&Change::of(&[("src/a.py", None, Some(&key))]));
            assert_eq!(m.result, CheckResult::Fail, "{key}");
            let secret = key
                .rsplit(['\'', '"', '=', ':'])
                .find(|part| part.len() > 8)
                .unwrap_or(&key)
                .to_owned();
            assert!(!m.detail.contains(&secret), "{}", m.detail);
        }
    }

    #[test]
    fn added_and_removed_again_is_caught() {
        for key in keys() {
            let patch = format!(
                "commit 1\n\n    add it\n\n--- /dev/null\n+++ b/src/k.py\n+{key}\ncommit 2\n-{key}\n"
            );
            assert_eq!(check(&commit(&patch)).result, CheckResult::Fail, "{key}");
            let removed_only =
                format!("commit 2\n--- a/src/k.py\n+++ b/src/k.py\n-{key}\n {key}\n");
            assert_eq!(
                check(&commit(&removed_only)).result,
                CheckResult::Pass,
                "{key}"
            );
            let disguised = format!("--- a/src/k.py\n+++ b/src/k.py\n+++ {key}\n");
            let m = check(&commit(&disguised));
            assert!(
                m.result == CheckResult::Fail && m.detail.contains("src/k.py"),
                "{}",
                m.detail
            );
            let message = format!("commit 1\n\n    the key is {key}\n");
            assert_eq!(
                check(&commit(&message)).result,
                CheckResult::Fail,
                "{key} in a message"
            );
        }
        assert_eq!(
            check(&commit("--- /dev/null\n+++ b/.env\n+A=1\n")).result,
            CheckResult::Fail
        );
        assert_eq!(
            check(&commit("--- /dev/null\n+++ b/.env.example\n+A=1\n")).result,
            CheckResult::Pass
        );
    }

    #[test]
    fn look_alikes_survive() {
        for text in [
            "aws_key = 'AKIAIOSFODNN7EXAMPLE'",
            "token = os.environ['API_TOKEN']",
            "password = get_password(user)",
            "API_KEY=your-api-key-here-0123",
            "secret_name = 'projects/x/secrets/db/versions/1'",
            "postgres://user:password@localhost/db",
            "postgres://$USER:$PASSWORD@host/db",
            "\"integrity\": \"sha512-8Hk2Lq9Zx1Vb3Nm45Pt67RyuW0aQ==\"",
            "checksum = \"8f14e45fceea167a5a36dedd4bea2543\"",
            "let token_count = tokens.len() as u64;",
            "author: \"somebody-with-a-long-name\"",
            "author_token_kind = TokenKind::Identifier",
        ] {
            let m = check(&Change::of(&[("src/a.py", None, Some(text))]));
            assert_eq!(m.result, CheckResult::Pass, "{text}: {}", m.detail);
        }
    }

    #[test]
    fn blackened_text_keeps_its_lines_and_loses_its_secrets() {
        for key in keys() {
            let text = format!("before\n{key}\nafter\n");
            let black = blacken(&text);
            assert!(
                black.contains("[secret]")
                    && black.starts_with("before\n")
                    && black.ends_with("\nafter\n"),
                "{black}"
            );
            assert_eq!(blacken(&black), black);
        }
        assert_eq!(blacken("nothing\nhere"), "nothing\nhere");
    }

    #[test]
    fn what_the_base_had_is_not_new_and_what_is_cut_is_not_clean() {
        let key = &keys()[0];
        let change = Change::of(&[(
            "src/a.py",
            Some(key),
            Some(&format!("# moved\n\n    {key}")),
        )]);
        assert_eq!(check(&change).result, CheckResult::Pass);
        let mut cut = commit("");
        cut.commits[0].truncated = true;
        assert_eq!(check(&cut).result, CheckResult::Fail);
    }
}
