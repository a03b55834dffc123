//! A change before it is merged: what would its added lines do once somebody runs them?

use super::command::{Strictness, judge_script};
use super::{Rail, Rule, fold, secret};

/// Rails of one change that are reported. A person needs the first ones; a hostile change could hold a million.
const RAILS_MAX: usize = 50;

/// A larger change cannot have been looked at by anybody, and judging it would take longer than its tests.
const DIFF_BYTES_MAX: usize = 8 << 20;

/// Hosts where a call moves real money. Their sandboxes have other names, which pass. Taken from the providers' own API
/// documentation. Stripe and Mollie use one host for both; there the key decides (`secret`).
const LIVE_PAYMENT: [&str; 27] = [
    "api.paypal.com",
    "api-m.paypal.com",
    "ipnpb.paypal.com",
    "api.vipps.no",
    "appapi2.bankid.com",
    "checkout-live.adyen.com",
    "pal-live.adyen.com",
    "live.adyen.com",
    "adyenpayments.com",
    "api.klarna.com",
    "api-na.klarna.com",
    "api-oc.klarna.com",
    "connect.squareup.com",
    "api.braintreegateway.com",
    "payments.braintree-api.com",
    "api.dibspayment.eu",
    "api.wise.com",
    "api.transferwise.com",
    "production.plaid.com",
    "api.gocardless.com",
    "api.checkout.com",
    "api.authorize.net",
    "api2.authorize.net",
    "api.paddle.com",
    "cpc.getswish.net",
    "live.dodopayments.com",
    "api.payoneer.com",
];
/// Hosts that carry words to people.
const MESSAGES: [&str; 16] = [
    "api.sendgrid.com",
    "smtp.sendgrid.net",
    "api.twilio.com",
    "api.mailgun.net",
    "api.eu.mailgun.net",
    "smtp.mailgun.org",
    "api.postmarkapp.com",
    "smtp.postmarkapp.com",
    "api.resend.com",
    "api.brevo.com",
    "api.telegram.org",
    "smtp.gmail.com",
    "graph.facebook.com",
    "api.twitter.com",
    "api.linkedin.com",
    "discord.com",
];
/// The longest host name there is (RFC 1035).
const HOST_BYTES_MAX: usize = 253;
/// Hosts of the list that belong to somebody else's tests when one of these stands before them.
const TRIAL_LABELS: [&str; 4] = ["test", "sandbox", "staging", "mock"];

/// Judges a change: a unified diff and the paths it touches, as git names them.
///
/// Only added lines count; taking a live endpoint away is no risk. In prose (`.md`, `.rst`, `.txt`, `.adoc`) commands and
/// endpoints are words, not deeds; a real credential is one everywhere. A diff that cannot be followed is judged line by line
/// as if everything in it were code. `files` is asked for besides because a binary change has no lines.
pub fn judge_diff(diff: &str, files: &[String]) -> Vec<Rail> {
    let mut rails: Vec<Rail> = files.iter().filter_map(|file| judge_path(file)).collect();
    if diff.len() > DIFF_BYTES_MAX {
        rails.push(Rail::hit(
            Rule::Hidden,
            format!("a change of {} bytes", diff.len()),
        ));
        return rails;
    }
    for added in added_lines(diff) {
        let found = judge_line(added.text, added.prose, added.shell);
        for (rule, matched) in found {
            let place = if added.file.is_empty() {
                "the diff"
            } else {
                added.file
            };
            let rail = Rail::hit(rule, format!("{place}: {matched}"));
            if !rails.contains(&rail) {
                rails.push(rail);
            }
        }
        if rails.len() >= RAILS_MAX {
            break;
        }
    }
    rails.truncate(RAILS_MAX);
    rails
}

struct Added<'a> {
    file: &'a str,
    text: &'a str,
    prose: bool,
    shell: bool,
}

/// The added lines with the file they stand in. The hunk headers' counts decide where a file's header can be: a content line
/// that looks like one ("++ b/README.md") changes nothing.
fn added_lines(diff: &str) -> Vec<Added<'_>> {
    let mut added = Vec::new();
    let mut file = "";
    let (mut old_left, mut new_left) = (0_u64, 0_u64);
    for line in diff.split('\n') {
        let inside = old_left > 0 || new_left > 0;
        if !inside {
            if let Some(name) = line.strip_prefix("+++ ") {
                file = header_file(name);
                continue;
            }
            if line.starts_with("diff --git ") {
                file = "";
            }
            if let Some((old, new)) = hunk(line) {
                (old_left, new_left) = (old, new);
                continue;
            }
        }
        match line.as_bytes().first() {
            Some(b'+') => {
                new_left = new_left.saturating_sub(1);
                let known = inside && !file.is_empty();
                let (prose, shell) = (known && is_prose(file), !known || is_shell(file));
                added.push(Added {
                    file,
                    text: &line[1..],
                    prose,
                    shell,
                });
            }
            Some(b'-') => old_left = old_left.saturating_sub(1),
            Some(b'\\') => {}
            Some(_) | None => {
                old_left = old_left.saturating_sub(1);
                new_left = new_left.saturating_sub(1);
            }
        }
    }
    added
}

fn header_file(name: &str) -> &str {
    let name = name
        .split('\t')
        .next()
        .unwrap_or(name)
        .trim_end_matches('\r')
        .trim_matches('"');
    name.strip_prefix("b/").unwrap_or(name)
}

/// The line counts of `@@ -1,2 +3,4 @@`.
fn hunk(line: &str) -> Option<(u64, u64)> {
    let ranges = line.strip_prefix("@@ -")?.split(" @@").next()?;
    let (old, new) = ranges.split_once(" +")?;
    let count = |range: &str| match range.split_once(',') {
        Some((_, count)) => count.parse::<u64>().ok(),
        None => Some(1),
    };
    Some((count(old)?, count(new)?))
}

fn is_prose(file: &str) -> bool {
    let small = file.to_ascii_lowercase();
    // These end like prose and are read by programs.
    let read = [
        "requirements.txt",
        "cmakelists.txt",
        "constraints.txt",
        "robots.txt",
    ]
    .iter()
    .any(|end| small.ends_with(end));
    !read
        && [".md", ".markdown", ".rst", ".txt", ".adoc"]
            .iter()
            .any(|end| small.ends_with(end))
}

/// Files whose lines are commands: scripts, CI files, container files, make files, and everything without an ending.
fn is_shell(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file).to_ascii_lowercase();
    let ends = [
        ".sh",
        ".bash",
        ".zsh",
        ".yml",
        ".yaml",
        ".mk",
        ".ps1",
        ".fish",
        ".bat",
        ".cmd",
        "dockerfile",
        ".toml",
    ];
    !name.contains('.') || name.contains("dockerfile") || ends.iter().any(|end| name.ends_with(end))
}

fn judge_path(file: &str) -> Option<Rail> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let env = name == ".env"
        || name.strip_prefix(".env.").is_some_and(|of| {
            ![
                "example", "sample", "template", "test", "dist", "defaults", "ci",
            ]
            .contains(&of)
        });
    let key = [
        "id_rsa",
        "id_ed25519",
        "id_ecdsa",
        "id_dsa",
        ".git-credentials",
        ".netrc",
    ]
    .contains(&name);
    let store = [".p12", ".pfx", ".jks", ".keystore", ".kdbx"]
        .iter()
        .any(|end| name.to_ascii_lowercase().ends_with(end));
    (env || key || store).then(|| {
        Rail::hit(
            Rule::Credential,
            format!("{file}: a file that holds secrets"),
        )
    })
}

fn judge_line(text: &str, prose: bool, shell: bool) -> Vec<(Rule, String)> {
    let mut found = Vec::new();
    if let Some(secret) = secret::find(text) {
        found.push((Rule::Credential, secret));
    }
    if prose {
        return found;
    }
    let plain = fold::visible(text);
    let trimmed = plain.trim();
    if let Some(rule) = live_host(trimmed).or_else(|| live_switch(trimmed)) {
        found.push((rule, shown(trimmed)));
    } else if let Some(rule) = candidates(trimmed, shell)
        .iter()
        .find_map(|c| judge_script(c, Strictness::Diff, 0))
    {
        found.push((rule, shown(trimmed)));
    }
    found
}

/// A line for people. One that holds a secret is not shown; the secret's own entry says enough.
fn shown(line: &str) -> String {
    match secret::find(line) {
        Some(_) => "(the line is not shown, it holds a secret)".to_owned(),
        None => line.to_owned(),
    }
}

/// What of a line could be a command: the line itself where lines are commands, each quoted text, and all quoted texts in a
/// row (an argument list).
fn candidates(line: &str, shell: bool) -> Vec<String> {
    let quoted = quoted(line);
    let mut candidates: Vec<String> = quoted
        .iter()
        .filter(|text| text.contains(' '))
        .cloned()
        .collect();
    if quoted.len() > 1 {
        candidates.push(quoted.join(" "));
    }
    if shell {
        let mut rest = line;
        for prefix in [
            "- ",
            "run:",
            "script:",
            "command:",
            "RUN ",
            "CMD ",
            "ENTRYPOINT ",
            "@",
            "$ ",
            "|",
            ">",
        ] {
            rest = rest.strip_prefix(prefix).unwrap_or(rest).trim_start();
        }
        candidates.push(rest.to_owned());
    }
    candidates
}

fn quoted(line: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if matches!(c, '"' | '\'' | '`') {
            texts.push(chars.by_ref().take_while(|other| *other != c).collect());
        }
    }
    texts
}

/// The rule of a host in this text that moves money or carries messages, if there is one.
pub(super) fn live_host(text: &str) -> Option<Rule> {
    let small = text.to_ascii_lowercase();
    let found = |hosts: &[&str]| hosts.iter().any(|host| names_host(&small, host));
    if found(&LIVE_PAYMENT)
        || small.contains("paypal.com/cgi-bin/webscr") && !small.contains("sandbox.paypal.com")
    {
        return Some(Rule::Money);
    }
    let discord = !small.contains("discord.com") || small.contains("discord.com/api/webhooks");
    let hook = small.contains("hooks.slack.com/services/t");
    ((found(&MESSAGES) && discord) || hook).then_some(Rule::Outsider)
}

/// Whether `host` or a host below it stands in the text as a whole name.
fn names_host(text: &str, host: &str) -> bool {
    text.match_indices(host).any(|(at, _)| {
        let mut from = at.saturating_sub(HOST_BYTES_MAX);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        let before = &text[from..at];
        let after = text[at + host.len()..].chars().next();
        let label_start = before
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'))
            .map_or(0, |b| b + 1);
        let labels = &before[label_start..];
        let whole = labels.is_empty() || labels.ends_with('.');
        let ends = after.is_none_or(|c| !(c.is_ascii_alphanumeric() || c == '-'));
        let trial = labels
            .split(['.', '-'])
            .any(|label| TRIAL_LABELS.contains(&label));
        whole && ends && !trial
    })
}

/// A switch that turns a payment provider to real money: `paypal: {mode: "live"}`, `BRAINTREE_ENV=production`.
fn live_switch(line: &str) -> Option<Rule> {
    const PROVIDERS: [&str; 12] = [
        "stripe",
        "paypal",
        "braintree",
        "adyen",
        "klarna",
        "vipps",
        "square",
        "plaid",
        "mollie",
        "nets",
        "swish",
        "wise",
    ];
    let words: Vec<String> = line
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect();
    let provider = words.iter().any(|word| PROVIDERS.contains(&word.as_str()));
    // A comparison asks which mode it is; an assignment decides it.
    let compares = ["==", "!=", "=~", "match ", "case ", "if ", "assert"]
        .iter()
        .any(|sign| line.contains(sign));
    let switch = words
        .iter()
        .any(|word| ["mode", "env", "environment", "live", "endpoint"].contains(&word.as_str()));
    let on = words.windows(2).any(|pair| {
        let names = ["mode", "env", "environment", "endpoint"].contains(&pair[0].as_str());
        names && ["live", "production", "prod"].contains(&pair[1].as_str())
    }) || words
        .windows(2)
        .any(|pair| pair[0] == "live" && ["true", "1", "on", "yes"].contains(&pair[1].as_str()));
    (provider && switch && on && !compares).then_some(Rule::Money)
}
