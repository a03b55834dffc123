//! Starts other programs: streams what people should see, keeps what the caller will read.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Usage(String),
    #[error("cannot start `{command}`: {source}; is it installed and on PATH?")]
    Start { command: String, source: io::Error },
    #[error("cannot read what `{command}` prints: {source}")]
    Read { command: String, source: io::Error },
    #[error("`{command}` failed: {words}")]
    Failed { command: String, words: String },
    #[error("cannot read {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Answer(String),
}

/// How a streamed program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) ok: bool,
    /// The lines that the caller asked for, without terminal colours.
    pub(crate) kept: Vec<String>,
    pub(crate) took: Duration,
}

/// The folder of the workspace. Asked at run time first: a checkout may be moved after the build.
pub(crate) fn root() -> PathBuf {
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask
        .parent()
        .map_or_else(|| xtask.clone(), Path::to_path_buf)
}

/// A program that runs in the folder of the workspace. Cargo tells its children which package it runs;
/// that is true for xtask and wrong for everything xtask starts.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "OUT_DIR"]
            .iter()
            .any(|p| text.starts_with(p))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// The cargo that started us, so that every step uses one toolchain.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(program);
    command.args(args);
    command
}

/// Says what it starts, runs it with its output on our own, and keeps the lines that `keep` wants.
pub(crate) fn stream(mut command: Command, keep: fn(&str) -> bool) -> Result<Ran, Error> {
    let shown = show(&command);
    println!("$ {shown}");
    let start = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| Error::Start {
            command: shown.clone(),
            source,
        })?;
    let (send, kept) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        let send = send.clone();
        thread::spawn(move || pass(out, io::stdout(), keep, &send));
    }
    if let Some(err) = child.stderr.take() {
        thread::spawn(move || pass(err, io::stderr(), keep, &send));
    }
    let failed = |source| Error::Read {
        command: shown.clone(),
        source,
    };
    let status = child.wait().map_err(failed)?;
    let took = start.elapsed();
    Ok(Ran {
        ok: status.success(),
        kept: collect(&kept, DRAIN).map_err(failed)?,
        took,
    })
}

/// A program that was left behind by one that has ended may hold its output open for ever. What the
/// ended one wrote is read long before this has passed.
const DRAIN: Duration = Duration::from_secs(30);

/// All lines until both outputs have ended, or until none has come for so long.
fn collect(lines: &Receiver<io::Result<String>>, patience: Duration) -> io::Result<Vec<String>> {
    let mut kept = Vec::new();
    while let Ok(line) = lines.recv_timeout(patience) {
        kept.push(line?);
    }
    Ok(kept)
}

/// What the program prints on stdout; an error when it does not exit with 0.
pub(crate) fn read(mut command: Command) -> Result<String, Error> {
    let shown = show(&command);
    let output = command.output().map_err(|source| Error::Start {
        command: shown.clone(),
        source,
    })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::Failed {
            command: shown,
            words,
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether the program is there and exits with 0.
pub(crate) fn works(mut command: Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as one would type it; the program by its name alone.
pub(crate) fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| quote(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:~^,+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Writes every line to `writer` and sends those that `keep` wants, without colours.
fn pass(
    reader: impl Read,
    mut writer: impl Write,
    keep: fn(&str) -> bool,
    kept: &Sender<io::Result<String>>,
) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(e) => {
                // Nobody listens any more when the patience has run out.
                let _ = kept.send(Err(e));
                return;
            }
        }
        // A closed terminal must not end the tests: the exit code still tells.
        let _ = writer.write_all(&line).and_then(|()| writer.flush());
        let plain = without_colours(String::from_utf8_lossy(&line).trim_end());
        if keep(&plain) {
            let _ = kept.send(Ok(plain));
        }
    }
}

/// Drops the escape sequences `ESC [ ... letter` that terminals read as colours.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            plain.push(c);
        } else if chars.next() == Some('[') {
            chars.find(char::is_ascii_alphabetic);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_passed_on_whole_and_kept_in_part() {
        let mut seen = Vec::new();
        let input: &[u8] = b"\x1b[32mkeep\x1b[0m one\nother \xff\nkeep two";
        let (send, kept) = mpsc::channel();
        pass(input, &mut seen, |line| line.starts_with("keep"), &send);
        drop(send);
        assert_eq!(seen, input);
        assert_eq!(collect(&kept, DRAIN).unwrap(), ["keep one", "keep two"]);
    }

    #[test]
    fn lines_are_taken_although_somebody_holds_the_output_open() {
        let (send, kept) = mpsc::channel();
        send.send(Ok("one".to_owned())).unwrap();
        assert_eq!(collect(&kept, Duration::ZERO).unwrap(), ["one"]);
        drop(send);
    }

    #[test]
    fn a_streamed_program_tells_how_it_ended() {
        let mut sh = Command::new("sh");
        sh.args(["-c", "echo out; echo err >&2; exit 3"]);
        let ran = stream(sh, |_| true).unwrap();
        let mut kept = ran.kept;
        kept.sort_unstable();
        assert_eq!(
            (ran.ok, kept),
            (false, vec!["err".to_owned(), "out".to_owned()])
        );
    }

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/any/where/cargo");
        command.args(["run", "not test(/a b/)", "it's", ""]);
        assert_eq!(show(&command), r"cargo run 'not test(/a b/)' 'it'\''s' ''");
    }

    #[test]
    fn a_missing_program_is_named() {
        let missing = read(Command::new("no-such-program-anywhere"))
            .unwrap_err()
            .to_string();
        assert!(missing.contains("`no-such-program-anywhere`"), "{missing}");
        assert!(!works(Command::new("no-such-program-anywhere")));
    }

    #[test]
    fn a_failing_program_is_an_error_with_its_own_words() {
        let mut sh = Command::new("sh");
        sh.args(["-c", "echo why >&2; exit 3"]);
        let failed = read(sh).unwrap_err().to_string();
        assert!(failed.ends_with("failed: why"), "{failed}");
    }
}
