//! Real credentials by their published shapes. Test keys, placeholders and examples of documentation pass.

/// Letters that a token may consist of behind its prefix.
#[derive(Clone, Copy)]
enum Letters {
    UpperDigits,
    Hex,
    Alnum,
    /// Letters, digits, `-` and `_`.
    Url,
}

/// One vendor's shape: prefix, letters, how many at least. From the vendors' own documentation of their token formats.
const SHAPES: &[(&str, &str, Letters, usize)] = &[
    ("AWS access key", "AKIA", Letters::UpperDigits, 16),
    ("AWS session key", "ASIA", Letters::UpperDigits, 16),
    ("GitHub token", "ghp_", Letters::Alnum, 36),
    ("GitHub token", "gho_", Letters::Alnum, 36),
    ("GitHub token", "ghu_", Letters::Alnum, 36),
    ("GitHub token", "ghs_", Letters::Alnum, 36),
    ("GitHub token", "ghr_", Letters::Alnum, 36),
    ("GitHub token", "github_pat_", Letters::Url, 50),
    ("GitLab token", "glpat-", Letters::Url, 20),
    ("live Stripe key", "sk_live_", Letters::Alnum, 10),
    ("live Stripe key", "rk_live_", Letters::Alnum, 10),
    ("live Stripe key", "pk_live_", Letters::Alnum, 10),
    ("live Razorpay key", "rzp_live_", Letters::Alnum, 10),
    ("live Mollie key", "live_", Letters::Alnum, 30),
    ("live Square token", "EAAA", Letters::Url, 56),
    ("Slack token", "xoxb-", Letters::Url, 20),
    ("Slack token", "xoxp-", Letters::Url, 20),
    ("Slack token", "xoxa-", Letters::Url, 20),
    ("Slack token", "xapp-", Letters::Url, 20),
    ("Anthropic key", "sk-ant-", Letters::Url, 20),
    ("OpenAI key", "sk-proj-", Letters::Url, 20),
    ("OpenAI key", "sk-", Letters::Alnum, 40),
    ("Google key", "AIza", Letters::Url, 35),
    ("SendGrid key", "SG.", Letters::Url, 20),
    ("npm token", "npm_", Letters::Alnum, 36),
    ("DigitalOcean token", "dop_v1_", Letters::Hex, 60),
    ("Shopify token", "shpat_", Letters::Hex, 32),
    ("Hugging Face token", "hf_", Letters::Alnum, 30),
    ("age key", "AGE-SECRET-KEY-1", Letters::UpperDigits, 50),
];
/// A token with fewer different letters is a row of x or 0.
const DISTINCT_MIN: usize = 6;
/// Letters of a token that are looked at; the longest published shape has 93.
const TOKEN_LETTERS_MAX: usize = 200;
/// Letters behind "-----BEGIN " that name the kind of a PEM block.
const KEY_KIND_MAX: usize = 40;
/// Words that a random token does not hold and a placeholder does.
const PLACEHOLDERS: [&str; 8] = [
    "example",
    "placeholder",
    "dummy",
    "fake",
    "redacted",
    "changeme",
    "your",
    "sample",
];

/// The first real credential in a text, named by kind and first letters, never by its value.
pub fn find(text: &str) -> Option<String> {
    private_key(text)
        .or_else(|| token(text))
        .or_else(|| slack_hook(text))
        .or_else(|| url_password(text))
}

fn private_key(text: &str) -> Option<String> {
    let key = text.match_indices("-----BEGIN ").any(|(at, begin)| {
        let kind: String = text[at + begin.len()..]
            .chars()
            .take(KEY_KIND_MAX)
            .collect();
        let kind = kind.split("-----").next().unwrap_or("");
        kind.ends_with("PRIVATE KEY") || kind.ends_with("PRIVATE KEY BLOCK")
    });
    key.then(|| "a private key (-----BEGIN …)".to_owned())
}

fn token(text: &str) -> Option<String> {
    SHAPES.iter().find_map(|(kind, prefix, letters, least)| {
        text.match_indices(prefix).find_map(|(at, _)| {
            let inside_a_word = text[..at]
                .chars()
                .next_back()
                .is_some_and(|c| c.is_ascii_alphanumeric());
            let body: String = text[at + prefix.len()..]
                .chars()
                .take(TOKEN_LETTERS_MAX)
                .take_while(|c| belongs(*letters, *c))
                .collect();
            let real = !inside_a_word && body.len() >= *least && !placeholder(&body);
            real.then(|| format!("a {kind} ({prefix}…)"))
        })
    })
}

fn belongs(letters: Letters, c: char) -> bool {
    match letters {
        Letters::UpperDigits => c.is_ascii_uppercase() || c.is_ascii_digit(),
        Letters::Hex => c.is_ascii_hexdigit(),
        Letters::Alnum => c.is_ascii_alphanumeric(),
        Letters::Url => c.is_ascii_alphanumeric() || c == '-' || c == '_',
    }
}

fn placeholder(body: &str) -> bool {
    let small = body.to_ascii_lowercase();
    let mut distinct: Vec<char> = small.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct.len() < DISTINCT_MIN || says_placeholder(&small)
}

fn says_placeholder(small: &str) -> bool {
    PLACEHOLDERS.iter().any(|word| small.contains(word))
}

/// An incoming webhook is a password and a mouth to others at once.
fn slack_hook(text: &str) -> Option<String> {
    const HOOK: &str = "hooks.slack.com/services/";
    let found = text.match_indices(HOOK).any(|(at, _)| {
        let body = text[at + HOOK.len()..].chars().take(TOKEN_LETTERS_MAX);
        let body: String = body
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '/')
            .collect();
        body.len() >= 30 && !placeholder(&body)
    });
    found.then(|| format!("a Slack webhook ({HOOK}…)"))
}

/// `scheme://user:password@host` with a host that is not this machine.
fn url_password(text: &str) -> Option<String> {
    text.match_indices("://").find_map(|(at, _)| {
        let rest: String = text[at + 3..]
            .chars()
            .take(TOKEN_LETTERS_MAX)
            .take_while(|c| !c.is_whitespace() && !"\"'`<>/".contains(*c))
            .collect();
        let (login, host) = rest.rsplit_once('@')?;
        let (_, password) = login.split_once(':')?;
        let host = host.split([':', '?', ',', ')']).next().unwrap_or("");
        let remote = host.contains('.') && !local(host);
        let variable = password.contains(['$', '{', '<', '%', '*']) || password.is_empty();
        let weak = [
            "password", "pass", "secret", "postgres", "user", "test", "root", "pw",
        ]
        .contains(&password);
        let real =
            remote && !variable && !weak && !says_placeholder(&password.to_ascii_lowercase());
        real.then(|| format!("a password in an address of {host}"))
    })
}

/// Hosts that are this machine or nobody's: loopback and the reserved names of RFC 2606 and RFC 6761.
pub(super) fn local(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let reserved = [
        ".test",
        ".example",
        ".invalid",
        ".localhost",
        ".local",
        ".internal",
        "example.com",
        "example.org",
        "example.net",
    ];
    host == "localhost"
        || host == "0.0.0.0"
        || host == "[::1]"
        || host.starts_with("127.")
        || reserved.iter().any(|end| host.ends_with(end))
}
