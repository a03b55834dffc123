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
    /// As words of a shell.
    options: &'static [&'static str],
    /// Packages that lie beside its own; without them it counts as missing.
    pub beside: &'static [&'static str],
    /// What it is to look for, which is put into [`CONFIGURATION`] in the home of its run.
    pub configuration: Option<&'static str>,
    /// How it exits when it has read everything, with and without results.
    exits: &'static [i32],
    output: Output,
}

/// How it writes results and versions.
#[derive(Debug, PartialEq, Eq)]
enum Output {
    Bandit,
    Shellcheck,
    Eslint,
}

/// The file with a scanner's configuration.
pub const CONFIGURATION: &str = "scanner.cjs";

/// In the order in which they run.
pub const SCANNERS: [Scanner; 3] = [
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
        beside: &[],
        configuration: None,
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
        beside: &[],
        configuration: None,
        exits: &[0, 1],
        output: Output::Shellcheck,
    },
    Scanner {
        name: "eslint",
        pinned: "10.15.0",
        licence: "MIT",
        from: "npm",
        // The rules are Apache-2.0, the parser MIT.
        install: "npm install --global eslint@10.15.0 eslint-plugin-security@4.1.0 @typescript-eslint/parser@8.73.0 typescript@5.9.3",
        reads: "JavaScript and TypeScript: *.js, *.jsx, *.mjs, *.cjs, *.ts, *.tsx, *.mts, *.cts",
        extensions: &["js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts"],
        interpreters: &[],
        // Rules and parser are the machine's own: nothing of the project's configuration is loaded, and nothing in a file silences it.
        options: &[
            "--no-config-lookup",
            "--config",
            "\"$HOME/scanner.cjs\"",
            "--no-ignore",
            "--no-inline-config",
            "--no-warn-ignored",
            "--format",
            "json",
        ],
        beside: &["eslint-plugin-security", "@typescript-eslint/parser"],
        configuration: Some(include_str!("scanners/eslint.cjs")),
        exits: &[0, 1],
        output: Output::Eslint,
    },
];

/// Languages that no scanner was chosen for, and why: file endings, name, reason.
pub const WITHOUT: [(&[&str], &str, &str); 2] = [
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
            Some(_) if is_translation(path, first_line) => false,
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
            Output::Eslint => word("v"),
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
            Output::Eslint => eslint(text, files)?,
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

/// Whether a file that ends in `.ts` is a translation of Qt (<https://doc.qt.io/qt-6/linguist-ts-file-format.html>) and no TypeScript. As
/// a program its first word would be a fault, so that nothing hides behind it.
pub fn is_translation(path: &str, text: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ends = name
        .rsplit_once('.')
        .is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("ts"));
    let text = text.trim_start_matches('\u{feff}').trim_start();
    ends && (text.starts_with("<?xml ") || text.starts_with("<!DOCTYPE TS"))
}

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

/// eslint 10.15.0, `--format json`: one for each file that it was given.
#[derive(Deserialize)]
struct EslintFile {
    /// Absolute.
    #[serde(rename = "filePath")]
    path: String,
    messages: Vec<EslintMessage>,
}

#[derive(Deserialize)]
struct EslintMessage {
    /// None of what could not be parsed.
    #[serde(rename = "ruleId")]
    rule: Option<String>,
    message: String,
    line: Option<u32>,
}

/// Words that become a program or a shell's line, and text that is another than it shows.
const ESLINT_HIGH: [&str; 7] = [
    "no-eval",
    "no-implied-eval",
    "no-new-func",
    "security/detect-child-process",
    "security/detect-disable-mustache-escape",
    "security/detect-bidi-characters",
    "security/detect-invisible-characters",
];
/// What is right more often than it is wrong: a name that is no literal.
const ESLINT_LOW: [&str; 5] = [
    "security/detect-object-injection",
    "security/detect-non-literal-fs-filename",
    "security/detect-non-literal-regexp",
    "security/detect-non-literal-require",
    "security/detect-possible-timing-attacks",
];

fn eslint(text: &str, files: &[&str]) -> Result<Vec<Finding>, String> {
    let log: Vec<EslintFile> =
        serde_json::from_str(text).map_err(|e| format!("no JSON of eslint ({e})"))?;
    let given = |path: &str| {
        let is_it = |file: &&&str| {
            path.strip_suffix(**file)
                .is_some_and(|top| top.ends_with('/'))
        };
        let longest = files.iter().filter(is_it).max_by_key(|file| file.len());
        longest.map_or_else(|| path.to_owned(), |file| (*file).to_owned())
    };
    let seen: BTreeSet<String> = log.iter().map(|file| given(&file.path)).collect();
    if let Some(left_out) = files.iter().find(|path| !seen.contains(**path)) {
        return Err(format!("it left out {left_out}"));
    }
    let found = log.into_iter().flat_map(|file| {
        let path = given(&file.path);
        file.messages.into_iter().map(move |message| {
            let (severity, title) = match message.rule.as_deref() {
                None => (
                    Severity::High,
                    format!("it could not be read: {}", message.message),
                ),
                Some(rule) if ESLINT_HIGH.contains(&rule) => (Severity::High, message.message),
                Some(rule) if ESLINT_LOW.contains(&rule) => (Severity::Low, message.message),
                Some(_) => (Severity::Medium, message.message),
            };
            Finding {
                path: Some(path.clone()),
                line: message.line,
                rule: Some(message.rule.unwrap_or_else(|| UNREAD.into())),
                ..Finding::new(severity, title)
            }
        })
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
