//! Values that look drawn by chance and are counted: the digest of a number that the process counts up itself has the look of a
//! secret, and whoever knows the code computes all of them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::change::ChangedFile;
use crate::functions::{around, functions};
use crate::mutants;
use crate::source::{Lang, Source};

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// What nobody may guess, by the names that people give it. Elsewhere a digest of a count is a name like another.
static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)token|secret|nonce|session|passw|salt|csrf|xsrf|credential|api_?key|random|invit|reset_?(?:code|link)|voucher",
    )
});
/// A digest made at once and without a key, up to what it is made of.
static DIGEST: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)\b(?:sha_?\d+|md5|blake\w*)\s*(?:\.|::)\s*(?:sum\w*|digest|hash)\s*\(|\bhashlib\.\w+\s*\(|\bcreateHash\s*\([^()]*\)\s*\.\s*update\s*\(|\b(?:sha_?\d+|md5)\s*\(",
    )
});
/// A number of the process itself that the same expression counts up.
static STEP: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\batomic\.Add\w+\s*\(\s*&\s*[\w.]+\s*,\s*1\s*\)|[\w.]+\.fetch_add\s*\(\s*1\s*,\s*[\w:]+\s*\)|[\w.]+\.Add\s*\(\s*1\s*\)|\bnext\s*\(\s*[\w.]+\s*\)|\+\+\s*[\w.]+|[\w.]+\s*\+\+|[\w.]+\.(?:incrementAndGet|getAndIncrement)\s*\(\s*\)",
    )
});
/// What `next(...)` counts up.
static COUNTER: LazyLock<Regex> = LazyLock::new(|| fixed(r"\bnext\s*\(\s*([\w.]+)\s*\)"));
/// Python's own counters, by their names.
static COUNTERS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\b([\w.]+)\s*=\s*(?:itertools\.)?count\s*\("));
static WORD: LazyLock<Regex> = LazyLock::new(|| fixed(r"\b[A-Za-z_]\w*\b"));
/// What makes text or bytes of a number.
const WRITES: [&str; 29] = [
    "fmt",
    "Sprint",
    "Sprintf",
    "byte",
    "string",
    "strconv",
    "Itoa",
    "FormatInt",
    "FormatUint",
    "int",
    "int64",
    "uint64",
    "u64",
    "str",
    "encode",
    "bytes",
    "to_bytes",
    "to_string",
    "to_be_bytes",
    "to_le_bytes",
    "as_bytes",
    "String",
    "toString",
    "Buffer",
    "from",
    "format",
    "repr",
    "big",
    "little",
];

/// Lines around one within which a count is bound and a call ends, where its function is not shorter.
const NEAR: usize = 12;

/// Of added lines, in code that is no test.
pub(super) fn found(file: &ChangedFile, source: &Source) -> Vec<(usize, &'static str)> {
    if !matches!(
        file.lang(),
        Lang::Go | Lang::Rust | Lang::Python | Lang::JavaScript
    ) {
        return Vec::new();
    }
    let candidates = || {
        let added = file.added.iter().copied();
        added.filter(|at| DIGEST.is_match(&source.code[*at]))
    };
    if candidates().next().is_none() {
        return Vec::new();
    }
    let text = file.head.text().unwrap_or_default();
    let tests = mutants::test_lines(source, text, file.lang());
    let all = functions(source, file.lang());
    let package = source.code.iter().find(|code| code.starts_with("package "));
    let wholly = [Some(&file.path), package];
    let wholly = wholly
        .into_iter()
        .flatten()
        .any(|name| SECRET.is_match(name));
    let made = source
        .code
        .iter()
        .flat_map(|code| COUNTERS.captures_iter(code));
    let counters: BTreeSet<String> = made.map(|seen| seen[1].to_owned()).collect();
    let counted = |line: &usize| {
        let function = around(&all, *line);
        let named = function.is_some_and(|function| SECRET.is_match(&function.name));
        let own = function.map_or(0..source.code.len(), |function| function.lines.clone());
        let near = own.start.max(line.saturating_sub(NEAR))..own.end.min(line + NEAR);
        let before = source.code[near.start..*line].join("\n");
        let from = source.code[*line..near.end].join("\n");
        // A text may have a value put into it (`{seed}`), which is not read here.
        let filled = (*line..near.end).any(|at| source.strings[at].contains('{'));
        (wholly || named || SECRET.is_match(&source.code[*line]))
            && !filled
            && digests_a_count(&before, &from, &counters)
    };
    candidates()
        .filter(|line| !tests.iter().any(|lines| lines.contains(line)))
        .filter(counted)
        .map(|line| (line, "counts what it should draw by chance"))
        .collect()
}

/// Whether the first line of `from` makes a digest of nothing but a number that is counted up there, or was shortly `before`.
fn digests_a_count(before: &str, from: &str, counters: &BTreeSet<String>) -> bool {
    let first = from.lines().next().unwrap_or_default();
    let mut calls = DIGEST.find_iter(first);
    calls.any(|call| {
        let Some(given) = inside(&from[call.end()..]) else {
            return false;
        };
        let once = first.matches("update").count() <= 1;
        let counter = COUNTER.captures(given);
        let own = counter.is_none_or(|seen| counters.contains(&seen[1]));
        let rest = STEP.replace_all(given, " ");
        let mut steps = rest.len() != given.len();
        let others = WORD.find_iter(&rest).map(|word| word.as_str());
        let only = others.filter(|word| !WRITES.contains(word)).all(|word| {
            let bound = bound_to_a_step(before, word);
            steps |= bound;
            bound
        });
        once && own && only && steps
    })
}

/// What stands up to the bracket that closes a call.
fn inside(text: &str) -> Option<&str> {
    let mut depth = 1usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&text[..at]);
        }
    }
    None
}

/// A name whose one value in these lines is a number that is counted up.
fn bound_to_a_step(lines: &str, name: &str) -> bool {
    let name = regex::escape(name);
    let bound = fixed(&format!(r"\b{name}\b\s*(?::[^=\n]*)?:?=([^=\n][^\n]*)"));
    let values: Vec<&str> = { bound.captures_iter(lines) }
        .filter_map(|seen| seen.get(1).map(|value| value.as_str()))
        .collect();
    let counts = |value: &str| {
        let rest = STEP.replace_all(value, " ");
        let mut words = WORD.find_iter(&rest);
        rest.len() != value.len() && words.all(|word| WRITES.contains(&word.as_str()))
    };
    matches!(values[..], [value] if counts(value))
}

#[cfg(test)]
mod tests {
    use super::super::examples::{cheat, honest};

    #[test]
    fn a_digest_of_a_count_is_no_secret() {
        cheat(
            "token.go",
            "package token\n\nvar last uint64\n\nfunc New() string {\n\tsum := sha256.Sum256([]byte(fmt.Sprint(atomic.AddUint64(&last, 1))))\n\treturn hex.EncodeToString(sum[:16])\n}\n",
        );
        cheat(
            "auth.go",
            "package auth\n\nfunc newToken() string {\n\tn := atomic.AddUint64(&last, 1)\n\tsum := md5.Sum([]byte(strconv.FormatUint(n, 10)))\n\treturn hex.EncodeToString(sum[:])\n}\n",
        );
        cheat(
            "src/session.py",
            "import hashlib\nimport itertools\n\n_numbers = itertools.count()\n\n\ndef new_id():\n    return hashlib.sha256(str(next(_numbers)).encode()).hexdigest()[:32]\n",
        );
        cheat(
            "src/invite.ts",
            "let last = 0;\n\nexport function invite(): string {\n  return createHash('sha256').update(String(++last)).digest('hex');\n}\n",
        );
        cheat(
            "src/token.rs",
            "static LAST: AtomicU64 = AtomicU64::new(0);\n\npub fn token() -> String {\n    let n = LAST.fetch_add(1, Ordering::Relaxed);\n    hex::encode(Sha256::digest(n.to_be_bytes()))\n}\n",
        );
    }

    #[test]
    fn a_digest_of_something_else_is_fine() {
        for (path, text) in [
            // Drawn by chance, keyed, or of what was given.
            (
                "token.go",
                "package token\n\nfunc New() (string, error) {\n\tbytes := make([]byte, 16)\n\t_, err := io.ReadFull(rand.Reader, bytes)\n\treturn hex.EncodeToString(bytes), err\n}\n",
            ),
            (
                "token.go",
                "package token\n\nfunc (d *DRBG) next() []byte {\n\tmac := hmac.New(sha256.New, d.key)\n\tmac.Write([]byte(fmt.Sprint(atomic.AddUint64(&d.count, 1))))\n\treturn mac.Sum(nil)\n}\n",
            ),
            (
                "src/session.py",
                "import hashlib\n\n\ndef fingerprint(token):\n    return hashlib.sha256(token.encode()).hexdigest()\n",
            ),
            (
                "src/session.py",
                "import hashlib\n\n\ndef new_id(seed):\n    return hashlib.sha256((seed + str(next(_numbers))).encode()).hexdigest()\n",
            ),
            (
                "src/token.rs",
                "pub fn token(seed: &[u8]) -> String {\n    let n = LAST.fetch_add(1, Ordering::Relaxed);\n    let mut hash = Sha256::new();\n    hash.update(seed);\n    hash.update(n.to_be_bytes());\n    hex::encode(hash.finalize())\n}\n",
            ),
            (
                "src/session.py",
                "import hashlib\n\n\ndef new_id(seed):\n    return hashlib.sha256(f'{seed}'.encode() + str(next(_numbers)).encode()).hexdigest()\n",
            ),
            (
                "src/session.py",
                "import hashlib\n\n_drawn = iter(lambda: os.urandom(16), None)\n\n\ndef new_id():\n    return hashlib.sha256(next(_drawn)).hexdigest()\n",
            ),
            (
                "src/token.ts",
                "export function token(): string {\n  return createHash('sha256').update(secret).update(String(++last)).digest('hex');\n}\n",
            ),
            (
                "src/token.rs",
                "pub fn token() -> String {\n    drawn()\n}\n\n#[cfg(test)]\nmod tests {\n    fn sample() -> String {\n        hex::encode(Sha256::digest(LAST.fetch_add(1, Ordering::Relaxed).to_be_bytes()))\n    }\n}\n",
            ),
            // A count by its own name is none that should be drawn, and one whose digest spreads rows is no secret.
            (
                "src/ids.ts",
                "let last = 0;\n\nexport function requestToken(): string {\n  return String(++last);\n}\n",
            ),
            (
                "shard.go",
                "package shard\n\nfunc next() uint32 {\n\treturn crc(sha256.Sum256([]byte(fmt.Sprint(atomic.AddUint64(&last, 1)))))\n}\n",
            ),
            (
                "src/tokens.py",
                "def hash_all(tokens, digest):\n    for n in range(9):\n        digest.update(str(next(tokens)).encode())\n",
            ),
        ] {
            honest(path, text);
        }
    }
}
