//! Takes secrets out of text before it is written to a trajectory or a recording.
//!
//! Both are kept, copied and shown; a key in one is a leak even when the run itself was harmless. Only what has the
//! shape of a secret goes: ordinary code, hashes of commits and file names must survive, else nobody could read a run.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::{Captures, Regex};

/// What stands where a secret stood; the word tells which rule took it.
fn mark(kind: &str) -> String {
    format!("[redacted: {kind}]")
}

/// A text without the secrets that are known by their shape.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for rule in &RULES {
        if !rule.hint.is_in(&text) {
            continue;
        }
        let replaced = rule
            .regex()
            .replace_all(&text, |found: &Captures<'_>| replacement(rule, found));
        if let Cow::Owned(new) = replaced {
            text = Cow::Owned(new);
        }
    }
    text
}

struct Rule {
    kind: &'static str,
    /// The secret must look random, not like a word, a path or a placeholder.
    random: bool,
    hint: Hint,
    pattern: &'static str,
    /// Made where a text first has the hint: a run that sees no secret needs none of them, and together they are a tenth of what it holds.
    made: OnceLock<Regex>,
}

/// What every match of a pattern has in it: without it there is none.
enum Hint {
    /// One of these.
    Any(&'static [&'static str]),
    /// One of these in any case of its letters, and so in lower case here.
    AnyCase(&'static [&'static str]),
    /// So many letters, digits and signs of a key in a row.
    Row(usize),
}

/// Beside the letters of ASCII two signs fold to one of them: a long s, and the sign of Kelvin.
const FOLDS_TO_ASCII: [char; 2] = ['\u{17f}', '\u{212a}'];

impl Hint {
    fn is_in(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        match self {
            Hint::Any(words) => words.iter().any(|word| text.contains(word)),
            Hint::AnyCase(words) => {
                let has = |word: &&str| {
                    bytes
                        .windows(word.len())
                        .any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
                };
                text.contains(FOLDS_TO_ASCII) || words.iter().any(has)
            }
            Hint::Row(least) => {
                let is_of_a_key =
                    |byte: &u8| byte.is_ascii_alphanumeric() || b"+/_-".contains(byte);
                bytes
                    .split(|byte| !is_of_a_key(byte))
                    .any(|row| row.len() >= *least)
            }
        }
    }
}

impl Rule {
    fn regex(&self) -> &Regex {
        self.made
            .get_or_init(|| Regex::new(self.pattern).expect("a constant pattern compiles"))
    }
}

const fn rule(kind: &'static str, random: bool, hint: Hint, pattern: &'static str) -> Rule {
    Rule {
        kind,
        random,
        hint,
        pattern,
        made: OnceLock::new(),
    }
}

/// Group `keep` stays, group `secret` goes; without groups the whole match goes.
fn replacement(rule: &Rule, found: &Captures<'_>) -> String {
    let whole = &found[0];
    let secret = found.name("secret").map_or(whole, |m| m.as_str());
    if secret.starts_with("[redacted") || (rule.random && !looks_random(secret)) {
        return whole.to_owned();
    }
    let keep = found.name("keep").map_or("", |m| m.as_str());
    let after = found.name("after").map_or("", |m| m.as_str());
    format!("{keep}{}{after}", mark(rule.kind))
}

/// Whether a value is a key rather than a word: mixed character classes and many different characters.
fn looks_random(value: &str) -> bool {
    let has = |test: fn(&char) -> bool| value.chars().any(|c| test(&c));
    let classes = [
        has(char::is_ascii_lowercase),
        has(char::is_ascii_uppercase),
        has(char::is_ascii_digit),
    ];
    let classes = classes.iter().filter(|yes| **yes).count();
    let path = value.matches('/').count() > SLASHES_MAX;
    classes == 3 && !path && bits_per_char(value) >= RANDOM_BITS_MIN
}

/// A 40-character base64 key has 0.6 slashes in the mean; more make it a path.
const SLASHES_MAX: usize = 2;
/// English and code lie near 3 bits per character over such short strings, base64 keys above 4.
const RANDOM_BITS_MIN: f64 = 3.7;

#[allow(clippy::cast_precision_loss)] // lengths of keys
fn bits_per_char(value: &str) -> f64 {
    let mut counts = [0u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let total = value.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

static RULES: [Rule; 15] = [
    rule(
        "private key",
        false,
        Hint::Any(&["-----BEGIN "]),
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    rule(
        "AWS key id",
        false,
        Hint::Any(&["AKIA", "ASIA", "AROA", "AIDA"]),
        r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b",
    ),
    rule(
        "provider key",
        false,
        Hint::Any(&["sk-"]),
        r"\bsk-(?:ant-|proj-|live-|or-)?[A-Za-z0-9_-]{20,}",
    ),
    rule(
        "payment key",
        false,
        Hint::Any(&["k_live_", "k_test_"]),
        r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}\b",
    ),
    rule(
        "forge token",
        false,
        Hint::Any(&["gh", "glpat-"]),
        r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{20,})",
    ),
    rule(
        "chat token",
        false,
        Hint::Any(&["xox"]),
        r"\bxox[abposr]-[A-Za-z0-9-]{10,}",
    ),
    rule(
        "chat webhook",
        false,
        Hint::Any(&["https://hooks.slack.com/services/"]),
        r"https://hooks\.slack\.com/services/[A-Za-z0-9/]+",
    ),
    rule(
        "cloud key",
        false,
        Hint::Any(&["AIza"]),
        r"\bAIza[A-Za-z0-9_-]{35}\b",
    ),
    rule(
        "web token",
        false,
        Hint::Any(&[".eyJ"]),
        r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    ),
    rule(
        "bearer token",
        false,
        Hint::AnyCase(&["bearer", "authorization:"]),
        r"(?i)(?P<keep>\b(?:bearer|authorization:\s*basic|authorization:\s*token)\s+)(?P<secret>[A-Za-z0-9._~+/=-]{12,})",
    ),
    rule(
        "password in a URL",
        false,
        Hint::Any(&["://"]),
        r"(?P<keep>[a-z][a-z0-9+.-]*://[^\s:/@]+:)(?P<secret>[^\s/@]+)(?P<after>@)",
    ),
    // A literal that is assigned to a name that says what it is. `password: String` and `token = load()` stay.
    rule(
        "secret",
        false,
        Hint::AnyCase(&["passw", "secret", "key", "token"]),
        r#"(?i)(?P<keep>[a-z0-9_.-]*(?:password|passwd|secret|api_?key|access_?key|auth_?token|access_?token|private_?key)["']?\s*(?:=>|:=|=|:)\s*["'])(?P<secret>[^"'\s]{6,})(?P<after>["'])"#,
    ),
    // The same without quotes, as in env files and command lines: only when nothing of code is in the value.
    rule(
        "secret",
        false,
        Hint::Any(&["PASSWORD=", "PASSWD=", "SECRET=", "KEY=", "TOKEN="]),
        r"(?m)(?P<keep>\b[A-Z0-9_]*(?:PASSWORD|PASSWD|SECRET|API_?KEY|ACCESS_?KEY|TOKEN|PRIVATE_KEY)=)(?P<secret>[A-Za-z0-9+/_.~@%^!*-]{6,}=*)",
    ),
    rule(
        "secret",
        false,
        Hint::Any(&["password=", "passwd=", "pwd="]),
        r"(?m)(?P<keep>(?:^|[\s&?;])(?:password|passwd|pwd)=)(?P<secret>[A-Za-z0-9+/_.~@%^!*-]{4,}=*)(?P<after>$|[\s&;])",
    ),
    rule(
        "key of high entropy",
        true,
        Hint::Row(40),
        r"(?P<keep>^|[^A-Za-z0-9+/_.-])(?P<secret>[A-Za-z0-9+/_-]{40,}={0,2})",
    ),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As [`redact`], and every pattern is asked.
    fn by_every_pattern(text: &str) -> String {
        RULES.iter().fold(text.to_owned(), |text, rule| {
            let replaced = rule
                .regex()
                .replace_all(&text, |found: &Captures<'_>| replacement(rule, found));
            replaced.into_owned()
        })
    }

    fn piece() -> impl Strategy<Value = String> {
        let words = [
            "-----BEGIN RSA PRIVATE KEY-----",
            "AKIAIOSFODNN7EXAMPLE",
            "sk-proj-abcdefghijklmnopqrstuvwx",
            "sk_live_abcdefghijklmnop1234",
            "rk_test_abcdefghijklmnop",
            "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
            "github_pat_abcdefghijklmnopqrstuvwxyz0123456789",
            "glpat-abcdefghijklmnopqrstu",
            "xoxb-1234567890",
            "https://hooks.slack.com/services/T0/B0/x",
            "AIzaabcdefghijklmnopqrstuvwxyz0123456789",
            "eyJhbGciOiJI.eyJzdWIiOiIx.dozjgNryP4J3",
            "BeAreR abcdef0123456789",
            "AUTHORIZATION: basic abcdef0123456789",
            "authorization: ba\u{17f}ic abcdef0123456789",
            "postgres://app:pa55@db",
            "pa\u{17f}sword: 'hunter22'",
            "API_\u{212a}EY = \"hunter22\"",
            "Secret = \"hunter22\"",
            "auth_token := 'hunter22'",
            "DB_PASSWORD=s3cr3tpw",
            "MYSECRET=s3cr3tpw",
            "A_KEY=s3cr3tpw",
            "password=hunter2",
            "&pwd=hunter2;",
            "wJalrXUtnFEMIK7MDENGbPxRfiCYzEXAMPLEKEYq9Z2t8",
            "=",
            "\"",
            "'",
            ":",
            " ",
            "\n",
            "_",
            "é",
        ];
        prop_oneof![3 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => "[ -~]{0,12}"]
    }

    proptest! {
        #[test]
        fn a_text_without_a_hint_is_one_that_its_pattern_leaves_alone(text in proptest::collection::vec(piece(), 0..8)) {
            let text = text.concat();
            prop_assert_eq!(redact(&text).into_owned(), by_every_pattern(&text));
        }
    }

    #[test]
    fn a_pattern_is_made_for_a_text_that_may_hold_its_secret_and_for_no_other() {
        for plain in [
            "let total = items.len();",
            "def keyless(a): return a",
            "Bear in mind: https is a scheme.",
        ] {
            let rules: Vec<&str> = RULES
                .iter()
                .filter(|rule| rule.hint.is_in(plain))
                .map(|rule| rule.kind)
                .collect();
            assert!(
                rules.iter().all(|kind| *kind == "secret"),
                "{plain}: {rules:?}"
            );
        }
        assert!(
            RULES
                .iter()
                .all(|rule| !rule.hint.is_in("let total = items.len();"))
        );
    }

    #[test]
    fn secrets_go_and_their_surroundings_stay() {
        let pem =
            "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----\nb";
        let cut_pem = "x -----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r";
        let cases: [(&str, &str); 16] = [
            (
                "id AKIAIOSFODNN7EXAMPLE end",
                "id [redacted: AWS key id] end",
            ),
            (pem, "a\n[redacted: private key]\nb"),
            (cut_pem, "x [redacted: private key]"),
            (
                "Authorization: Bearer abcdef0123456789",
                "Authorization: Bearer [redacted: bearer token]",
            ),
            ("password=hunter2", "password=[redacted: secret]"),
            (
                "curl -d 'user=a&password=hunter2&x=1'",
                "curl -d 'user=a&password=[redacted: secret]&x=1'",
            ),
            ("password: \"hunter22\"", "password: \"[redacted: secret]\""),
            (
                "\"api_key\": \"abc123def456\",",
                "\"api_key\": \"[redacted: secret]\",",
            ),
            (
                "DB_PASSWORD=s3cr3tpw\nDEBUG=1",
                "DB_PASSWORD=[redacted: secret]\nDEBUG=1",
            ),
            (
                "export GITHUB_TOKEN=abcdef123456",
                "export GITHUB_TOKEN=[redacted: secret]",
            ),
            (
                "postgres://app:pa55@db/x",
                "postgres://app:[redacted: password in a URL]@db/x",
            ),
            (
                "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
                "[redacted: forge token]",
            ),
            (
                "sk-proj-abcdefghijklmnopqrstuvwx",
                "[redacted: provider key]",
            ),
            ("sk_live_abcdefghijklmnop1234", "[redacted: payment key]"),
            (
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
                "[redacted: web token]",
            ),
            (
                "k wJalrXUtnFEMIK7MDENGbPxRfiCYzEXAMPLEKEYq9Z2t8 end",
                "k [redacted: key of high entropy] end",
            ),
        ];
        for (text, want) in cases {
            assert_eq!(redact(text), want, "{text}");
            assert_eq!(
                redact(want),
                want,
                "redacting twice changes nothing: {want}"
            );
        }
    }

    #[test]
    fn ordinary_lines_survive() {
        let lines = [
            "let password = prompt_password()?;",
            "pub struct Login { password: String, token: Option<Token> }",
            "assert_eq!(check(password, stored), Ok(()));",
            "commit 4f2c9d0b5f6a7e8d9c0b1a2f3e4d5c6b7a8f9e0d",
            "sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "test hand::tests::a_symlink_that_leads_out_of_the_repository_is_refused ... ok",
            "use crate::hand::wire::{Reply, Request};",
            "https://example.org/a/very/long/path/that/has/no/secret/inside/of/it/at/all.html",
            "src/components/checkout/PaymentMethodSelectorWithFallback/index.test.tsx",
            "the password must not be empty",
            "0190b5f8-7a3c-7d21-9f3e-5a6b7c8d9e0f",
            "git@example.org:team/project.git",
            "if secret == expected { token = next(); }",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "bearer of good news",
            "id = \"abc\"; key: value",
        ];
        for line in lines {
            assert_eq!(redact(line), line);
        }
    }
}
