//! One hermetic call of git. Everything that this crate asks of git on the host goes through [`Call::run`].

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::{GitError, Oid, Repo};
use alai_core::record::Exit;

use crate::command::{self, HostError};
use crate::process::Tie;
use crate::versions;

/// Longest any call may take. Packing the history of a very large repository is minutes; more is a hang.
const CALL_S: u64 = 900;

/// What is kept of a failed call's standard error.
const STDERR_SHOWN: usize = 2_000;

/// Oldest git that has `merge-tree --write-tree`.
const OLDEST: (u32, u32) = (2, 38);

/// Settings given on the command line of every call, where they win over every file. Each closes a way by which a
/// repository's configuration starts a program or changes a result.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.alternateRefsCommand=true",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.editor=false",
    "core.pager=cat",
    "core.askPass=false",
    "core.sshCommand=false",
    "core.gitProxy=false",
    "core.quotePath=false",
    "credential.helper=",
    "protocol.allow=never",
    "protocol.ext.allow=never",
    "safe.bareRepository=explicit",
    "submodule.recurse=false",
    "commit.gpgSign=false",
    "log.showSignature=false",
    "gpg.program=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "diff.ignoreSubmodules=dirty",
    "index.threads=true",
    "checkout.workers=4",
];

/// The whole environment of every call besides its directories. Nothing of ours is inherited.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("HOME", "/nonexistent"),
    ("LC_ALL", "C"),
    ("TZ", "UTC"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ALLOW_PROTOCOL", ""),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", "false"),
    ("GIT_ASKPASS", "false"),
    ("SSH_ASKPASS", "false"),
    ("GIT_AUTHOR_NAME", "alai"),
    ("GIT_AUTHOR_EMAIL", "alai@localhost"),
    ("GIT_COMMITTER_NAME", "alai"),
    ("GIT_COMMITTER_EMAIL", "alai@localhost"),
];

/// A call being put together.
pub(crate) struct Call<'a> {
    args: Vec<String>,
    env: Vec<(String, String)>,
    cwd: PathBuf,
    on: PathBuf,
    stdin: &'a [u8],
    stdout_max: usize,
    tie: Tie,
    within: Duration,
}

/// How a call ended. Exit codes other than 0 are for the caller to judge; a signal or a limit is an error already.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// True when standard output was longer than the limit and only its head was kept.
    pub(crate) cut: bool,
}

/// A call on the repository's objects alone, in our neutral directory.
pub(crate) fn on_objects(repo: &Repo) -> Call<'static> {
    let neutral = repo.neutral.path().to_path_buf();
    Call::new(&repo.root, &neutral)
        .env("GIT_DIR", &text(&neutral))
        .env("GIT_OBJECT_DIRECTORY", &text(&repo.objects_dir()))
}

/// A call on the repository's refs and configuration, in its real directory.
pub(crate) fn on_refs(repo: &Repo) -> Call<'static> {
    Call::new(&repo.root, &repo.common_dir).env("GIT_DIR", &text(&repo.git_dir))
}

/// A call on a work tree with its own git directory.
pub(crate) fn on_tree(root: &Path, git_dir: &Path) -> Call<'static> {
    Call::new(root, root)
        .env("GIT_DIR", &text(git_dir))
        .env("GIT_WORK_TREE", &text(root))
}

/// A call on a bare directory of ours.
pub(crate) fn on_dir(git_dir: &Path, cwd: &Path) -> Call<'static> {
    Call::new(git_dir, cwd).env("GIT_DIR", &text(git_dir))
}

impl<'a> Call<'a> {
    fn new(on: &Path, cwd: &Path) -> Call<'static> {
        let mut args = vec!["--no-pager".to_owned()];
        for setting in SETTINGS {
            args.extend(["-c".to_owned(), (*setting).to_owned()]);
        }
        Call {
            args,
            env: ENVIRONMENT
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            cwd: cwd.to_path_buf(),
            on: on.to_path_buf(),
            stdin: &[],
            stdout_max: command::HOST_OUTPUT_BYTES_MAX as usize,
            tie: Tie::EndsWithUs,
            within: Duration::from_secs(CALL_S),
        }
    }

    /// Lets git finish when our process is killed in the middle.
    pub(crate) fn finishing(self) -> Self {
        Call {
            tie: Tie::Finishes,
            ..self
        }
    }

    /// Another limit of time.
    pub(crate) fn within(self, within: Duration) -> Self {
        Call { within, ..self }
    }

    /// Says that the call writes nothing: then it need not be tied to us, which makes its start cheaper.
    pub(crate) fn reading(self) -> Self {
        self.finishing()
    }

    pub(crate) fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn stdin<'b>(self, stdin: &'b [u8]) -> Call<'b>
    where
        'a: 'b,
    {
        Call { stdin, ..self }
    }

    /// Keeps only the first `bytes` of standard output and says so, instead of failing.
    pub(crate) fn keep(mut self, bytes: usize) -> Self {
        self.stdout_max = bytes;
        self
    }

    /// Runs it and hands back any exit code.
    pub(crate) fn run(self) -> Result<Output, GitError> {
        let program = program()?;
        let what = self.what();
        let mut argv = vec![program.to_string_lossy().into_owned()];
        argv.extend(self.args);
        let trouble = |exit: String, stderr: String| GitError::Failed {
            what,
            on: self.on.clone(),
            exit,
            stderr,
        };
        let done = command::host_tied(
            &argv,
            &self.cwd,
            &self.env,
            self.stdin,
            self.within,
            self.tie,
        );
        let done = match done {
            Ok(done) => done,
            Err(error) => return Err(trouble("not run".to_owned(), error.to_string())),
        };
        let stderr = clipped(&done.stderr);
        let (mut stdout, too_much) = (done.stdout, matches!(done.exit, Exit::TooMuchOutput { .. }));
        let cut = too_much || stdout.len() > self.stdout_max;
        stdout.truncate(self.stdout_max);
        match done.exit {
            Exit::Code { code } => Ok(Output {
                code,
                stdout,
                stderr,
                cut,
            }),
            Exit::TooMuchOutput { .. } => Ok(Output {
                code: 0,
                stdout,
                stderr,
                cut,
            }),
            Exit::Signal { .. }
            | Exit::TimedOut { .. }
            | Exit::Cancelled
            | Exit::OverLimit { .. } => Err(trouble(done.exit.to_string(), stderr)),
        }
    }

    /// Runs it; any exit code but 0 is an error. Output beyond the limit is cut and said to be.
    pub(crate) fn checked(self) -> Result<Output, GitError> {
        let (what, on) = (self.what(), self.on.clone());
        let output = self.run()?;
        if output.code == 0 {
            Ok(output)
        } else {
            Err(failed(&what, &on, &output))
        }
    }

    /// Runs it; any exit code but 0 is an error, and so is output beyond the limit.
    pub(crate) fn ok(self) -> Result<Vec<u8>, GitError> {
        let (what, on, limit) = (self.what(), self.on.clone(), self.stdout_max);
        let output = self.checked()?;
        if output.cut {
            return Err(GitError::TooLarge {
                what: format!("the answer of git {what} on {}", on.display()),
                limit: limit as u64,
                unit: "bytes",
            });
        }
        Ok(output.stdout)
    }

    /// Runs it and reads its answer as one line of text.
    pub(crate) fn line(self) -> Result<String, GitError> {
        Ok(String::from_utf8_lossy(&self.ok()?)
            .trim_end_matches('\n')
            .to_owned())
    }

    /// Runs it and reads its answer as one object name.
    pub(crate) fn oid(self) -> Result<Oid, GitError> {
        let (what, on) = (self.what(), self.on.clone());
        let line = self.line()?;
        line.parse()
            .map_err(|error: super::NotAnOid| unreadable(&what, &on, &error.to_string()))
    }

    /// The sub-command's name, for messages.
    pub(crate) fn what(&self) -> String {
        let mut rest = self.args.iter().skip(1);
        while let Some(arg) = rest.next() {
            if arg != "-c" {
                return arg.clone();
            }
            rest.next();
        }
        String::new()
    }
}

pub(crate) fn failed(what: &str, on: &Path, output: &Output) -> GitError {
    GitError::Failed {
        what: what.to_owned(),
        on: on.to_path_buf(),
        exit: format!("exit {}", output.code),
        stderr: output.stderr.clone(),
    }
}

pub(crate) fn unreadable(what: &str, on: &Path, detail: &str) -> GitError {
    GitError::Unreadable {
        what: what.to_owned(),
        on: on.to_path_buf(),
        detail: detail.chars().take(200).collect(),
    }
}

/// A path as git's environment wants it. Repositories below a path that is not UTF-8 are refused when they are opened.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Quotes a directory for GIT_ALTERNATE_OBJECT_DIRECTORIES, whose entries are split at colons unless quoted as C strings.
pub(crate) fn alternate(path: &Path) -> String {
    let mut quoted = String::from("\"");
    for byte in text(path).bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', byte as char]),
            0x20..=0x7e => quoted.push(byte as char),
            other => quoted.push_str(&format!("\\{other:03o}")),
        }
    }
    quoted.push('"');
    quoted
}

/// The git of this machine: the first on PATH among absolute entries, checked once for its version.
pub(crate) fn program() -> Result<&'static Path, GitError> {
    static PROGRAM: OnceLock<Result<PathBuf, Missing>> = OnceLock::new();
    match PROGRAM.get_or_init(find) {
        Ok(path) => Ok(path),
        Err(Missing::None) => Err(GitError::GitMissing),
        Err(Missing::Old { program, found }) => Err(GitError::GitTooOld {
            program: program.clone(),
            found: found.clone(),
        }),
    }
}

enum Missing {
    None,
    Old { program: PathBuf, found: String },
}

fn find() -> Result<PathBuf, Missing> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut old = Missing::None;
    for dir in std::env::split_paths(&path).filter(|dir| dir.is_absolute()) {
        let program = dir.join("git");
        if !program.is_file() {
            continue;
        }
        let argv = [text(&program), "version".to_owned()];
        let env: Vec<(String, String)> = ENVIRONMENT
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let found = versions::version(&program, || {
            let patience = Duration::from_secs(30);
            let answer = command::host(&argv, Path::new("/"), &env, &[], patience)?;
            Ok::<_, HostError>(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
        });
        let Ok(found) = found else { continue };
        match version(&found) {
            Some(version) if version >= OLDEST => return Ok(program),
            Some(_) | None => old = Missing::Old { program, found },
        }
    }
    Err(old)
}

/// Reads `git version 2.39.5` and `git version 2.39.5 (Apple Git-154)`.
fn version(answer: &str) -> Option<(u32, u32)> {
    let mut parts = answer.strip_prefix("git version ")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn clipped(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let text = text.trim();
    match text.char_indices().nth_back(STDERR_SHOWN) {
        Some((at, _)) => format!("...{}", &text[at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_as_numbers() {
        assert_eq!(version("git version 2.39.5"), Some((2, 39)));
        assert_eq!(version("git version 2.47.3 (Apple Git-154)"), Some((2, 47)));
        assert_eq!(version("git version 3.0.0-rc1"), Some((3, 0)));
        assert_eq!(version("something else"), None);
        assert!(version("git version 2.9.1").is_some_and(|old| old < OLDEST));
    }

    #[test]
    fn an_alternate_survives_colons_quotes_and_odd_bytes() {
        assert_eq!(alternate(Path::new("/a:b/c\"d\\e")), "\"/a:b/c\\\"d\\\\e\"");
        assert_eq!(alternate(Path::new("/é")), "\"/\\303\\251\"");
    }

    #[test]
    fn every_call_carries_every_setting_and_nothing_of_ours() {
        let call = on_dir(Path::new("/x"), Path::new("/"));
        assert!(
            call.args
                .iter()
                .any(|arg| arg == "core.hooksPath=/dev/null")
        );
        assert!(
            call.env
                .iter()
                .any(|(name, value)| name == "GIT_CONFIG_GLOBAL" && value == "/dev/null")
        );
        assert_eq!(call.args(["rev-parse", "HEAD"]).what(), "rev-parse");
    }
}
