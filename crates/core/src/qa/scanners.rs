//! The scanners of check 12: which they are, what they read, how they are started, and how what they print is read. Pure; a
//! scanner is a program of the machine that is run, and no part of us.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

mod tools;

pub use tools::{TOOLS, Tool};

use crate::review::{Finding, Severity};
use crate::sarif::RESULTS_MAX;

/// One well-kept scanner, in the version whose output was recorded and is tested.
#[derive(Debug, PartialEq, Eq)]
pub struct Scanner {
    /// Also the name of its program.
    pub name: &'static str,
    /// Another version is run too, and told with both numbers.
    pub pinned: &'static str,
    /// SPDX.
    pub licence: &'static str,
    pub from: &'static str,
    /// A line for a person.
    pub install: &'static str,
    /// What it reads, for people.
    pub reads: &'static str,
    extensions: &'static [&'static str],
    /// Names of interpreters in the first line of a file without an extension.
    interpreters: &'static [&'static str],
    options: &'static [&'static str],
    /// How it exits when it has read everything, with and without results.
    exits: &'static [i32],
    output: Output,
}

/// How it writes results and versions.
#[derive(Debug, PartialEq, Eq)]
enum Output {
    Bandit,
    Shellcheck,
}

/// In the order in which they run.
pub const SCANNERS: [Scanner; 2] = [
    Scanner {
        name: "bandit",
        pinned: "1.9.4",
        licence: "Apache-2.0",
        from: "PyPI",
        install: "pipx install bandit==1.9.4",
        reads: "Python: *.py and scripts of python",
        extensions: &["py"],
        interpreters: &["python", "python3"],
        // What a change silences inside of itself is found all the same, and what is left out by default are names such as `.git`
        // anywhere in a path: `.github/x.py` is code.
        options: &["-q", "-f", "json", "--ignore-nosec", "-x", "/nothing"],
        exits: &[0, 1],
        output: Output::Bandit,
    },
    Scanner {
        name: "shellcheck",
        pinned: "0.9.0",
        licence: "GPL-3.0-only",
        from: "Debian",
        install: "apt-get install shellcheck",
        reads: "sh, bash, dash, ksh: *.sh, *.bash, *.dash, *.ksh and scripts of these",
        extensions: &["sh", "bash", "dash", "ksh"],
        interpreters: &["sh", "bash", "dash", "ksh"],
        // No file of the project that says what is not looked for.
        options: &["--norc", "--format=json1"],
        exits: &[0, 1],
        output: Output::Shellcheck,
    },
];

/// Languages that no scanner was chosen for, and why: file endings, name, reason.
pub const WITHOUT: [(&[&str], &str, &str); 3] = [
    (
        &["js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts"],
        "JavaScript and TypeScript",
        "eslint needs a parser and a set of rules from the project; its security rules go by patterns as the built-in ones do",
    ),
    (
        &["go"],
        "Go",
        "go vet looks for mistakes and knows no severity; it is a built-in linter of check 14",
    ),
    (
        &["rs"],
        "Rust",
        "clippy compiles the project a second time; check 14 runs it where the project has a clippy.toml",
    ),
];

/// The rule under which a file stands that its scanner could not read: nobody has looked into it.
pub const UNREAD: &str = "unread";

/// What is said of a script whose shell it does not know: it has no first line, or is for another one. No fault of it.
const OTHER_SHELL: [u32; 2] = [1071, 2148];

impl Scanner {
    /// Whether it reads a file of this name and first line.
    pub fn reads(&self, path: &str, first_line: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => {
                self.extensions.contains(&extension.to_lowercase().as_str())
            }
            Some(_) | None => {
                interpreter(first_line).is_some_and(|program| self.interpreters.contains(&program))
            }
        }
    }

    /// Its program and options; the files follow, each beginning with `./`.
    pub fn argv(&self) -> Vec<&'static str> {
        [&[self.name][..], self.options].concat()
    }

    /// What tells its version.
    pub fn version_argv(&self) -> [&'static str; 2] {
        [self.name, "--version"]
    }

    /// The version in what the program says of itself.
    pub fn version(&self, said: &str) -> Option<String> {
        let word = |prefix: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(prefix));
            let word = line?.split_whitespace().next()?;
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
            (word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(plain))
                .then(|| word.chars().take(VERSION_CHARS_MAX).collect())
        };
        match self.output {
            Output::Bandit => word("bandit "),
            Output::Shellcheck => word("version: "),
        }
    }

    /// Its results in `files`, each a path without `./` in front.
    ///
    /// # Errors
    /// In words, when it did not end as a scanner that has read all of them: by its exit, by what it printed, by a file that it
    /// neither read nor names.
    pub fn read(&self, code: i32, text: &str, files: &[&str]) -> Result<Vec<Finding>, String> {
        if !self.exits.contains(&code) {
            return Err(format!("exit {code}"));
        }
        let found = match self.output {
            Output::Bandit => bandit(text, files)?,
            Output::Shellcheck => shellcheck(text)?,
        };
        if found.len() > RESULTS_MAX {
            return Err(format!("more than {RESULTS_MAX} results"));
        }
        let asked: BTreeSet<&str> = files.iter().copied().collect();
        let stray = found
            .iter()
            .find_map(|f| f.path.as_deref().filter(|p| !asked.contains(p)));
        match stray {
            Some(path) => Err(format!("it speaks of {path}, which it was not given")),
            None => Ok(found),
        }
    }
}

/// Longer words are no version.
const VERSION_CHARS_MAX: usize = 32;

/// The program that a script's first line names.
fn interpreter(first_line: &str) -> Option<&str> {
    let mut words = first_line.strip_prefix("#!")?.split_whitespace();
    let program = |word: &'_ str| -> usize { word.rfind('/').map_or(0, |at| at + 1) };
    let first = words.next()?;
    let first = &first[program(first)..];
    match first {
        "env" => words.find(|word| !word.starts_with('-') && !word.contains('=')),
        _ => Some(first),
    }
}

fn bare(path: &str) -> String {
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    path.to_owned()
}

/// bandit 1.9.4, `-f json`.
#[derive(Deserialize)]
struct BanditLog {
    errors: Vec<BanditError>,
    metrics: BTreeMap<String, serde_json::Value>,
    results: Vec<BanditResult>,
}

#[derive(Deserialize)]
struct BanditError {
    filename: String,
    reason: String,
}

#[derive(Deserialize)]
struct BanditResult {
    filename: String,
    issue_confidence: String,
    issue_severity: String,
    issue_text: String,
    line_number: u32,
    test_id: String,
}

fn bandit(text: &str, files: &[&str]) -> Result<Vec<Finding>, String> {
    let log: BanditLog =
        serde_json::from_str(text).map_err(|e| format!("no JSON of bandit ({e})"))?;
    let errors = log.errors.iter().map(|error| bare(&error.filename));
    let seen: BTreeSet<String> = log
        .metrics
        .keys()
        .map(|path| bare(path))
        .chain(errors)
        .collect();
    if let Some(left_out) = files.iter().find(|path| !seen.contains(**path)) {
        return Err(format!("it left out {left_out}"));
    }
    let unread = log.errors.into_iter().map(|error| Finding {
        path: Some(bare(&error.filename)),
        rule: Some(UNREAD.into()),
        ..Finding::new(
            Severity::High,
            format!("it could not be read: {}", error.reason),
        )
    });
    let found = log.results.into_iter().map(|result| {
        // What it is not sure of stops nobody.
        let severity = match (
            result.issue_severity.as_str(),
            result.issue_confidence.as_str(),
        ) {
            ("HIGH", "HIGH" | "MEDIUM") => Severity::High,
            ("LOW", _) => Severity::Low,
            _ => Severity::Medium,
        };
        Finding {
            path: Some(bare(&result.filename)),
            line: Some(result.line_number),
            rule: Some(result.test_id),
            ..Finding::new(severity, result.issue_text)
        }
    });
    Ok(unread.chain(found).collect())
}

/// shellcheck 0.9.0, `--format=json1`.
#[derive(Deserialize)]
struct ShellcheckLog {
    comments: Vec<ShellcheckComment>,
}

#[derive(Deserialize)]
struct ShellcheckComment {
    file: String,
    line: u32,
    level: String,
    code: u32,
    message: String,
}

fn shellcheck(text: &str) -> Result<Vec<Finding>, String> {
    let log: ShellcheckLog =
        serde_json::from_str(text).map_err(|e| format!("no JSON of shellcheck ({e})"))?;
    let found = log.comments.into_iter().map(|comment| {
        let severity = match comment.level.as_str() {
            _ if OTHER_SHELL.contains(&comment.code) => Severity::Low,
            "error" => Severity::High,
            "info" | "style" => Severity::Low,
            _ => Severity::Medium,
        };
        Finding {
            path: Some(bare(&comment.file)),
            line: Some(comment.line),
            rule: Some(format!("SC{:04}", comment.code)),
            ..Finding::new(severity, comment.message)
        }
    });
    Ok(found.collect())
}

/// Of `now`, what `before` has not as often. Results are the same by file, rule and words: lines move. Of several that are the
/// same, those that the change wrote (`written`) are the new ones.
pub fn added(
    before: &[Finding],
    now: &[Finding],
    written: &dyn Fn(&Finding) -> bool,
) -> Vec<Finding> {
    let same = |finding: &Finding| (finding.rule.clone(), finding.fingerprint());
    let mut known: BTreeMap<_, usize> = BTreeMap::new();
    for finding in before {
        *known.entry(same(finding)).or_default() += 1;
    }
    let (wrote, stood): (Vec<&Finding>, Vec<&Finding>) = now.iter().partition(|f| written(f));
    let is_new = |finding: &&&Finding| match known.get_mut(&same(finding)) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        Some(_) | None => true,
    };
    let ordered: Vec<&Finding> = stood.into_iter().chain(wrote).collect();
    let mut new: Vec<Finding> = ordered
        .iter()
        .filter(is_new)
        .map(|f| (*f).clone())
        .collect();
    new.sort_by(|a, b| (&a.path, a.line, &a.rule).cmp(&(&b.path, b.line, &b.rule)));
    new
}

#[cfg(test)]
mod tests;
