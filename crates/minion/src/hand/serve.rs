//! The hand: the one long-lived process of a run inside the cage. Reads requests, does them as the agent's user, replies.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use alai_workspace::clone::INSIDE_REPO;
use rustix::process::DumpableBehavior;

use super::beneath::Root;
use super::commit;
use super::exec::Exec;
use super::patch;
use super::syntax;
use super::walk::{self, Scanner, Since};
use super::wire::{
    Done, FILE_BYTES_MAX, HEAD_BYTES_MAX, LINE_BYTES_MAX, Op, Outcome, PROTOCOL, READ_BYTES_MAX,
    READ_LINES_MAX, REPLY_BYTES_MAX, REQUEST_BYTES_MAX, Refusal, RefusalKind, Reply, Request,
    WRITE_BYTES_MAX,
};
use crate::edit::{self, Level, Miss};
use crate::text::{cut, head};

/// What it is called among processes (`/proc/PID/comm`): in a cage its command line is that of the process that it was forked of.
const NAME: &std::ffi::CStr = c"alai-hand";
/// Where whole outputs of commands are kept inside the cage.
const INSIDE_SCRATCH: &str = "/tmp/alai";
/// Names another place, where `/tmp` is everybody's: without a cage.
pub const SCRATCH_VARIABLE: &str = "ALAI_SCRATCH";
/// Bytes looked at to tell a binary file: git's own figure.
const BINARY_LOOK_BYTES: usize = 8_000;

/// Serves the repository at `/repo` until the input ends. What `alai __hand` does.
///
/// # Errors
/// When the process cannot protect itself, the repository cannot be opened, or the wire breaks.
pub fn serve(input: impl Read, output: impl Write) -> io::Result<()> {
    let named = std::env::var_os(SCRATCH_VARIABLE);
    let scratch = named.unwrap_or_else(|| INSIDE_SCRATCH.into());
    serve_at(Path::new(INSIDE_REPO), Path::new(&scratch), input, output)
}

/// Serves the repository at `root`, keeping logs in `scratch`.
///
/// The process becomes undumpable first, so that no program of the same user can read its memory or reach the wire through
/// its descriptors in `/proc`, and a subreaper, so that it inherits and can end whatever a command leaves behind. Both are
/// properties of the whole process, and after each command every child of the process is killed: a process that serves
/// does nothing else.
///
/// # Errors
/// As [`serve`].
pub fn serve_at(
    root: &Path,
    scratch: &Path,
    input: impl Read,
    mut output: impl Write,
) -> io::Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::thread::set_name(NAME)?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let exec = Exec::new(root, scratch)?;
    let mut hand = Serving {
        root: Root::open(root)?,
        branch: commit::branch(exec.cwd()),
        exec,
        scanner: Scanner::default(),
    };
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = REQUEST_BYTES_MAX as u64 + 1;
        let count = input.by_ref().take(limit).read_until(b'\n', &mut line)?;
        if count == 0 {
            return Ok(());
        }
        if line.len() > REQUEST_BYTES_MAX {
            return Err(io::Error::other(format!(
                "a request is longer than {REQUEST_BYTES_MAX} bytes"
            )));
        }
        let request: Request = serde_json::from_slice(&line).map_err(io::Error::other)?;
        let outcome = match hand.done(request.op) {
            Ok(done) => Outcome::Ok(done),
            Err(refusal) => Outcome::Refused(refusal),
        };
        let unkillable =
            matches!(&outcome, Outcome::Refused(r) if r.kind == RefusalKind::Unkillable);
        let mut reply = serde_json::to_vec(&Reply {
            id: request.id,
            outcome,
        })
        .map_err(io::Error::other)?;
        if reply.len() >= REPLY_BYTES_MAX {
            let refusal = Refusal::new(
                RefusalKind::TooLarge,
                "the answer is too long to send; ask for less",
            );
            reply = serde_json::to_vec(&Reply {
                id: request.id,
                outcome: Outcome::Refused(refusal),
            })
            .map_err(io::Error::other)?;
        }
        reply.push(b'\n');
        output.write_all(&reply)?;
        output.flush()?;
        if unkillable {
            return Err(io::Error::other(
                "a command left something that cannot be ended",
            ));
        }
    }
}

struct Serving {
    root: Root,
    exec: Exec,
    scanner: Scanner,
    /// The branch the run began on.
    branch: Option<String>,
}

impl Serving {
    fn done(&mut self, op: Op) -> Result<Done, Refusal> {
        match op {
            Op::Hello { protocol } => hello(&protocol),
            Op::Read {
                path,
                offset,
                limit,
            } => read(&self.root, &path, offset, limit),
            Op::Head { path, bytes_max } => first(&self.root, &path, bytes_max),
            Op::Search {
                pattern,
                path,
                glob,
            } => {
                let (path, glob) = (path.as_deref(), glob.as_deref());
                walk::search(&self.root, self.exec.cwd(), &pattern, path, glob)
                    .map(|text| Done::Search { text })
            }
            Op::Edit {
                path,
                old,
                new,
                all,
            } => edit_file(&self.root, &path, &old, &new, all),
            Op::Write {
                path,
                content,
                replace,
            } => write(&self.root, &path, &content, replace),
            Op::Patch { changes, known } => patch::apply(&self.root, &changes, &known),
            Op::Run {
                command,
                env,
                timeout_s,
            } => {
                let env = env
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()));
                let env: Vec<(&str, &str)> = env.collect();
                let ran = self
                    .exec
                    .run(&["/bin/sh", "-c", &command], &env, timeout_s)?;
                Ok(Done::Run { ran: Box::new(ran) })
            }
            Op::Commit {
                message,
                author_name,
                author_mail,
                base,
            } => {
                let (author_name, author_mail) = (&author_name, &author_mail);
                let text = commit::Text {
                    message: &message,
                    author_name,
                    author_mail,
                    base: &base,
                };
                let made = commit::commit(&mut self.exec, &text, self.branch.as_deref())?;
                Ok(Done::Commit {
                    commit: made.commit,
                    made: made.made,
                    summary: made.summary,
                })
            }
            Op::Show {
                commit,
                path,
                bytes_max,
            } => {
                let relative = self.root.relative(&path)?.into_owned();
                let (text, cut) = commit::show(
                    &mut self.exec,
                    &commit,
                    &relative,
                    bytes_max.min(READ_BYTES_MAX),
                )?;
                Ok(Done::Show { text, cut })
            }
            Op::Scan => Ok(self.scanned(Since::First)),
            Op::Mark => {
                self.scanner.mark(&self.root, self.exec.cwd());
                Ok(self.scanned(Since::Mark))
            }
            Op::SinceMark => Ok(self.scanned(Since::Mark)),
            Op::Output { offset } => self.exec.output(offset).map(|part| Done::Output {
                hex: hex::encode(part),
            }),
            Op::Map { about } => {
                let (files, more) = walk::map(&self.root, self.exec.cwd(), &about);
                Ok(Done::Map { files, more })
            }
            Op::Stat { path } => stat(&self.root, &path),
        }
    }

    fn scanned(&mut self, since: Since) -> Done {
        let scan = self.scanner.scan(&self.root, self.exec.cwd(), since);
        Done::Scan {
            state: scan.state,
            changed: scan.changed,
            more: scan.more,
        }
    }
}

fn first(root: &Root, path: &str, bytes_max: usize) -> Result<Done, Refusal> {
    let bytes = root.bytes(path)?;
    let text = text_of(path, &bytes)?;
    let kept = head(&text, bytes_max.min(HEAD_BYTES_MAX));
    Ok(Done::Head {
        cut: kept.len() < text.len(),
        text: kept.to_owned(),
    })
}

/// Lines are counted where the file may be read; a larger one is there all the same.
fn stat(root: &Root, path: &str) -> Result<Done, Refusal> {
    let bytes = root.length(path)?;
    if bytes > FILE_BYTES_MAX {
        return Ok(Done::Stat { lines: None, bytes });
    }
    let bytes = root.bytes(path)?;
    let lines = text_of(path, &bytes)
        .ok()
        .map(|text| text.lines().count() as u64);
    Ok(Done::Stat {
        lines,
        bytes: bytes.len() as u64,
    })
}

fn hello(protocol: &str) -> Result<Done, Refusal> {
    if protocol != PROTOCOL {
        return Err(Refusal::new(
            RefusalKind::Protocol,
            format!(
                "this hand speaks {PROTOCOL}, not {}; launcher and factory must be the same version",
                head(protocol, 40)
            ),
        ));
    }
    Ok(Done::Hello {
        protocol: PROTOCOL.to_owned(),
        uid: rustix::process::getuid().as_raw(),
    })
}

pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(BINARY_LOOK_BYTES).any(|byte| *byte == 0)
}

fn binary(path: &str) -> Refusal {
    Refusal::new(
        RefusalKind::Binary,
        format!("{path} is a binary file; it cannot be shown or edited as text"),
    )
}

fn text_of<'b>(path: &str, bytes: &'b [u8]) -> Result<std::borrow::Cow<'b, str>, Refusal> {
    if is_binary(bytes) {
        Err(binary(path))
    } else {
        Ok(String::from_utf8_lossy(bytes))
    }
}

fn read(root: &Root, path: &str, offset: Option<u32>, limit: Option<u32>) -> Result<Done, Refusal> {
    let bytes = root.bytes(path)?;
    let text = text_of(path, &bytes)?;
    let total = text.lines().count();
    if total == 0 {
        return Ok(Done::Read {
            text: format!("{path} is empty\n"),
        });
    }
    let first = usize::try_from(offset.unwrap_or(1).max(1)).unwrap_or(usize::MAX);
    if first > total {
        return Err(Refusal::new(
            RefusalKind::NoMatch,
            format!("{path} has {total} lines; line {first} is behind its end"),
        ));
    }
    let limit = limit.unwrap_or(READ_LINES_MAX).clamp(1, READ_LINES_MAX) as usize;
    let mut body = String::new();
    let mut last = first - 1;
    for (index, line) in text.lines().enumerate().skip(first - 1).take(limit) {
        let line = format!("{:>4}| {}\n", index + 1, cut(line, LINE_BYTES_MAX));
        if body.len() + line.len() > READ_BYTES_MAX {
            break;
        }
        body.push_str(&line);
        last = index + 1;
    }
    let mut shown = format!("{path}, lines {first}-{last} of {total}\n{body}");
    if last < total {
        shown.push_str(&format!(
            "[{} more lines; read on with offset {}]\n",
            total - last,
            last + 1
        ));
    }
    if std::str::from_utf8(&bytes).is_err() {
        shown.push_str("[not valid UTF-8: some characters are shown as \u{fffd}, and `edit` refuses the file]\n");
    }
    Ok(Done::Read { text: shown })
}

fn edit_file(root: &Root, path: &str, old: &str, new: &str, all: bool) -> Result<Done, Refusal> {
    let bytes = root.bytes(path)?;
    if is_binary(&bytes) {
        return Err(binary(path));
    }
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(Refusal::new(
            RefusalKind::Binary,
            format!("{path} is not valid UTF-8; change it with `run` (sed, iconv)"),
        ));
    };
    let edited = edit::replace(text, old, new, all).map_err(|miss| missed(path, miss))?;
    // A file that was large before may stay so; only growth by an edit is runaway.
    if edited.text.len() > WRITE_BYTES_MAX && edited.text.len() > text.len() {
        return Err(too_large(path, edited.text.len()));
    }
    syntax::check(path, Some(&bytes), edited.text.as_bytes())?;
    root.replace(path, edited.text.as_bytes())?;
    let first = text[..edited.spans.first().map_or(0, |span| span.start)]
        .matches('\n')
        .count()
        + 1;
    let places = match edited.spans.len() {
        1 => format!("at line {first}"),
        count => format!("at {count} places, the first at line {first}"),
    };
    let how = match edited.level {
        Level::Exact => String::new(),
        Level::TrailingSpace | Level::Indentation | Level::Punctuation | Level::LineNumbers => {
            format!(" ({})", edited.level.as_str())
        }
    };
    let new_bytes = (new.len() * edited.spans.len()) as u64;
    Ok(Done::Edit {
        note: format!("edited {path} {places}{how}"),
        bytes_written: new_bytes,
    })
}

fn missed(path: &str, miss: Miss) -> Refusal {
    let message = match miss {
        Miss::EmptyOld => {
            "`old` is empty; give the text to replace, or use `write` for a whole file".to_owned()
        }
        Miss::NoChange => {
            format!("this edit would change nothing in {path}: `old` and `new` come out the same")
        }
        Miss::Many { lines } => {
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            format!(
                "`old` stands in {path} more than once (lines {}); add lines around it to make it unique, or set all",
                lines.join(", ")
            )
        }
        Miss::NotFound {
            nearest,
            already_there,
        } => {
            let mut said = format!("`old` was not found in {path}; nothing was changed.");
            if already_there {
                said.push_str(" The text of `new` is already there: this edit may be done.");
            }
            if let Some(near) = nearest {
                let passage = head(&near.text, 2_000);
                said.push_str(&format!(
                    " Did you mean this, from line {}?\n{passage}\n",
                    near.line
                ));
            }
            said.push_str(
                " Do not repeat the same call: read the file and copy `old` from it exactly.",
            );
            said
        }
    };
    Refusal::new(RefusalKind::NoMatch, message)
}

fn write(root: &Root, path: &str, content: &str, replace: bool) -> Result<Done, Refusal> {
    if content.len() > WRITE_BYTES_MAX {
        return Err(too_large(path, content.len()));
    }
    root.writable(path)?;
    let exists = root.exists(path)?;
    if exists && !replace {
        return Err(Refusal::new(
            RefusalKind::Unread,
            format!(
                "{path} exists and you have not read it; read it first, then write it or, better, use `edit`"
            ),
        ));
    }
    // A file that cannot be read (too large, no regular file) is not compared; `replace` says what is wrong with it.
    match exists.then(|| root.bytes(path)) {
        None => syntax::check(path, None, content.as_bytes())?,
        Some(Ok(before)) => syntax::check(path, Some(&before), content.as_bytes())?,
        Some(Err(_)) => {}
    }
    root.replace(path, content.as_bytes())?;
    let verb = if exists { "replaced" } else { "created" };
    let note = format!(
        "{verb} {path}: {} lines, {} bytes",
        content.lines().count(),
        content.len()
    );
    Ok(Done::Write {
        note,
        bytes_written: content.len() as u64,
    })
}

pub(super) fn too_large(path: &str, bytes: usize) -> Refusal {
    Refusal::new(
        RefusalKind::TooLarge,
        format!(
            "{path} would have {bytes} bytes; at most {WRITE_BYTES_MAX} are written. Split it, or generate it with `run`"
        ),
    )
}
