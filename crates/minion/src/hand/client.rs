//! The trusted side of the hand: sends one request, waits a bounded time for its answer, believes nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use alai_core::record::{Captured, CommandRecord};
use alai_workspace::clone::INSIDE_REPO;
use alai_workspace::command::Cancel;

use super::wire::{
    ABOUT_BYTES_MAX, Done, MapFile, Op, Outcome, PROTOCOL, REPLY_BYTES_MAX, Ran, Refusal,
    RefusalKind, Reply, Request, Stream,
};
use crate::patch::Change;
use crate::text::head;

/// Seconds for an operation on files; a walk of a large repository on a busy machine takes a few.
const FILE_S_MAX: u64 = 120;
/// Seconds for a commit: several git commands, each with a limit of its own.
const COMMIT_S_MAX: u64 = 600;
/// Seconds a command's answer may come after the command's own limit: ending what it left, draining its pipes.
const GRACE_S: u64 = 30;
/// A run that is cancelled gives its last commit so long: it is under way, takes some milliseconds, and is the work.
const COMMIT_CANCELLED: Duration = Duration::from_secs(10);
/// What errors call a commit.
const COMMIT: &str = "commit";
/// How often a wait looks whether the run was cancelled.
const CANCEL_LOOK: Duration = Duration::from_millis(50);

/// Why the hand gave no answer. Everything but [`HandError::Refused`] and [`HandError::Cancelled`] ends the run as killed.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// It did not do what was asked, for a reason that the agent can act on.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the run was cancelled while the hand was at `{op}`")]
    Cancelled { op: &'static str },
    #[error("the hand gave no answer to `{op}` within {after_s} s; its cage must be ended")]
    Late { op: &'static str, after_s: u64 },
    #[error(
        "the hand is gone (at `{op}`): {detail}; something in the cage ended it, or the cage itself ended"
    )]
    Gone { op: &'static str, detail: String },
    #[error(
        "the hand answered `{op}` with something that is not an answer: {detail}; the run cannot be trusted further"
    )]
    Garbled { op: &'static str, detail: String },
}

/// One agent's hand. Dropping it closes the wire, at which an honest hand ends; the cage's owner ends any other.
pub struct Hand {
    requests: Option<Sender<Vec<u8>>>,
    replies: Receiver<Result<Vec<u8>, String>>,
    next: u64,
    layers: Vec<String>,
    /// The request of a commit whose answer nobody has waited for yet.
    under_way: Option<u64>,
    /// How such a commit ended, until it is asked for.
    ended: Option<Result<Commit, Refusal>>,
}

impl Hand {
    /// Takes the two ends of the wire and checks that a hand of this version is at the other one.
    ///
    /// `layers` names what holds the cage together; it goes into each command's record.
    ///
    /// # Errors
    /// When the hand does not answer, or speaks another version.
    pub fn start(
        to_hand: impl Write + Send + 'static,
        from_hand: impl Read + Send + 'static,
        layers: Vec<String>,
        cancel: &Cancel,
    ) -> Result<Hand, HandError> {
        let mut hand = Hand::connect(to_hand, from_hand, layers);
        let op = Op::Hello {
            protocol: PROTOCOL.to_owned(),
        };
        hand.want(op, FILE_S_MAX, cancel, |done| {
            if let Done::Hello { protocol, .. } = done {
                (protocol == PROTOCOL).then_some(())
            } else {
                None
            }
        })?;
        Ok(hand)
    }

    /// What holds the cage together, as [`Hand::start`] was told.
    pub(crate) fn layers(&self) -> &[String] {
        &self.layers
    }

    fn connect(
        to_hand: impl Write + Send + 'static,
        from_hand: impl Read + Send + 'static,
        layers: Vec<String>,
    ) -> Hand {
        let (requests, outbox) = channel::<Vec<u8>>();
        let (inbox, replies) = channel();
        std::thread::spawn(move || feed(to_hand, &outbox));
        std::thread::spawn(move || listen(from_hand, &inbox));
        Hand {
            requests: Some(requests),
            replies,
            next: 0,
            layers,
            under_way: None,
            ended: None,
        }
    }

    /// Numbered lines of a file.
    ///
    /// # Errors
    /// As every operation: [`HandError`].
    pub fn read(
        &mut self,
        path: &str,
        offset: Option<u32>,
        limit: Option<u32>,
        cancel: &Cancel,
    ) -> Result<String, HandError> {
        let op = Op::Read {
            path: path.to_owned(),
            offset,
            limit,
        };
        self.want(op, FILE_S_MAX, cancel, |done| {
            if let Done::Read { text } = done {
                Some(text)
            } else {
                None
            }
        })
    }

    /// The beginning of a file and whether more follows.
    ///
    /// # Errors
    /// [`HandError`].
    pub fn head(
        &mut self,
        path: &str,
        bytes_max: usize,
        cancel: &Cancel,
    ) -> Result<(String, bool), HandError> {
        let op = Op::Head {
            path: path.to_owned(),
            bytes_max,
        };
        self.want(op, FILE_S_MAX, cancel, |done| {
            if let Done::Head { text, cut } = done {
                Some((text, cut))
            } else {
                None
            }
        })
    }

    /// Matching lines.
    ///
    /// # Errors
    /// [`HandError`].
    pub fn search(
        &mut self,
        pattern: &str,
        path: Option<&str>,
        glob: Option<&str>,
        cancel: &Cancel,
    ) -> Result<String, HandError> {
        let op = Op::Search {
            pattern: pattern.to_owned(),
            path: path.map(Into::into),
            glob: glob.map(Into::into),
        };
        self.want(op, FILE_S_MAX, cancel, |done| {
            if let Done::Search { text } = done {
                Some(text)
            } else {
                None
            }
        })
    }

    /// Replaces a passage. Gives a note for the agent and the bytes put on disk.
    ///
    /// # Errors
    /// [`HandError`].
    pub fn edit(
        &mut self,
        path: &str,
        old: &str,
        new: &str,
        all: bool,
        cancel: &Cancel,
    ) -> Result<(String, u64), HandError> {
        let op = Op::Edit {
            path: path.to_owned(),
            old: old.to_owned(),
            new: new.to_owned(),
            all,
        };
        self.want(op, FILE_S_MAX, cancel, |done| {
            if let Done::Edit {
                note,
                bytes_written,
            } = done
            {
                Some((note, bytes_written))
            } else {
                None
            }
        })
    }

    /// Creates a file, or replaces one when `replace` says that the agent has read it.
    ///
    /// # Errors
    /// [`HandError`].
    pub fn write(
        &mut self,
        path: &str,
        content: &str,
        replace: bool,
        cancel: &Cancel,
    ) -> Result<(String, u64), HandError> {
        let op = Op::Write {
            path: path.to_owned(),
            content: content.to_owned(),
            replace,
        };
        self.want(op, FILE_S_MAX, cancel, |done| {
            if let Done::Write {
                note,
                bytes_written,
            } = done
            {
                Some((note, bytes_written))
            } else {
                None
            }
        })
    }

    /// Does all changes of a patch or none. Gives a note for the agent and the bytes put on disk.
    ///
    /// # Errors
    /// [`HandError`].
    pub(crate) fn patch(
        &mut self,
        changes: Vec<Change>,
        known: Vec<String>,
        cancel: &Cancel,
    ) -> Result<(String, u64), HandError> {
        self.want(Op::Patch { changes, known }, FILE_S_MAX, cancel, |done| {
            if let Done::Patch {
                note,
                bytes_written,
            } = done
            {
                Some((note, bytes_written))
            } else {
                None
            }
        })
    }

    /// Runs `sh -c command` at the repository's root with these variables, and ends everything it started. Also tells where the
    /// whole output is, inside the cage, when the record leaves some of it out.
    ///
    /// # Errors
    /// [`HandError`]; a command that fails is no error.
    pub fn run(
        &mut self,
        command: &str,
        env: &[(String, String)],
        timeout_s: u64,
        cancel: &Cancel,
    ) -> Result<(Captured, Option<String>), HandError> {
        let op = Op::Run {
            command: command.to_owned(),
            env: env.to_vec(),
            timeout_s,
        };
        let ran = self.want(op, timeout_s.saturating_add(GRACE_S), cancel, |done| {
            if let Done::Run { ran } = done {
                Some(*ran)
            } else {
                None
            }
        })?;
        Ok(self.captured(command, ran))
    }

    /// Commits what changed.
    ///
    /// # Errors
    /// [`HandError`].
    pub fn commit(&mut self, text: &CommitText<'_>, cancel: &Cancel) -> Result<Commit, HandError> {
        self.want(commit_op(text), COMMIT_S_MAX, cancel, committed)
    }

    /// Commits what changed while the caller does something else: the next request waits for it. [`Hand::committed`] has the
    /// answer.
    ///
    /// # Errors
    /// [`HandError`] of the request itself.
    pub fn commit_meanwhile(
        &mut self,
        text: &CommitText<'_>,
        cancel: &Cancel,
    ) -> Result<(), HandError> {
        self.come_in(cancel)?;
        self.under_way = Some(self.send(commit_op(text), COMMIT)?);
        Ok(())
    }

    /// How the commit ended that was made meanwhile, once; waits for it. `None` where there was none.
    ///
    /// # Errors
    /// [`HandError`].
    pub fn committed(&mut self, cancel: &Cancel) -> Result<Option<Commit>, HandError> {
        self.come_in(cancel)?;
        self.ended.take().transpose().map_err(HandError::from)
    }

    /// Takes the answer of the commit that is under way.
    fn come_in(&mut self, cancel: &Cancel) -> Result<(), HandError> {
        let Some(id) = self.under_way.take() else {
            return Ok(());
        };
        let patient = Patience {
            after_s: COMMIT_S_MAX,
            cancelled: COMMIT_CANCELLED,
        };
        self.ended = Some(match self.receive(id, COMMIT, patient, cancel) {
            Ok(done) => Ok(committed(done).ok_or_else(|| {
                self.close();
                HandError::Garbled {
                    op: COMMIT,
                    detail: "an answer to another question".into(),
                }
            })?),
            Err(HandError::Refused(refusal)) => Err(refusal),
            Err(error) => {
                self.close();
                return Err(error);
            }
        });
        Ok(())
    }

    /// A file as it is in a commit, and whether it was cut.
    ///
    /// # Errors
    /// [`HandError`].
    pub fn show(
        &mut self,
        commit: &str,
        path: &str,
        bytes_max: usize,
        cancel: &Cancel,
    ) -> Result<(Option<String>, bool), HandError> {
        let op = Op::Show {
            commit: commit.to_owned(),
            path: path.to_owned(),
            bytes_max,
        };
        self.want(op, FILE_S_MAX, cancel, |done| {
            if let Done::Show { text, cut } = done {
                Some((text, cut))
            } else {
                None
            }
        })
    }

    /// The tree's state as a hash, and the paths that differ from the first scan of the run.
    ///
    /// # Errors
    /// [`HandError`].
    pub fn scan(&mut self, cancel: &Cancel) -> Result<(String, Vec<String>), HandError> {
        self.want(Op::Scan, FILE_S_MAX, cancel, |done| {
            if let Done::Scan { state, changed, .. } = done {
                Some((state, changed))
            } else {
                None
            }
        })
    }

    /// The same, remembered for [`Hand::since_mark`].
    ///
    /// # Errors
    /// [`HandError`].
    pub fn mark(&mut self, cancel: &Cancel) -> Result<(), HandError> {
        self.want(Op::Mark, FILE_S_MAX, cancel, |done| {
            matches!(done, Done::Scan { .. }).then_some(())
        })
    }

    /// The tree's state, and the paths that differ from the mark.
    ///
    /// # Errors
    /// [`HandError`].
    pub fn since_mark(&mut self, cancel: &Cancel) -> Result<(String, Vec<String>), HandError> {
        self.want(Op::SinceMark, FILE_S_MAX, cancel, |done| {
            if let Done::Scan { state, changed, .. } = done {
                Some((state, changed))
            } else {
                None
            }
        })
    }

    /// Files of the tree, what is defined in those that matter for the task, and how many more files there are.
    ///
    /// # Errors
    /// [`HandError`].
    pub fn map(&mut self, about: &str, cancel: &Cancel) -> Result<(Vec<MapFile>, u64), HandError> {
        let op = Op::Map {
            about: head(about, ABOUT_BYTES_MAX).to_owned(),
        };
        self.want(op, FILE_S_MAX, cancel, |done| {
            if let Done::Map { files, more } = done {
                Some((files, more))
            } else {
                None
            }
        })
    }

    /// Lines (of a text) and bytes of a file.
    ///
    /// # Errors
    /// [`HandError`].
    pub fn stat(&mut self, path: &str, cancel: &Cancel) -> Result<(Option<u64>, u64), HandError> {
        self.want(
            Op::Stat {
                path: path.to_owned(),
            },
            FILE_S_MAX,
            cancel,
            |done| {
                if let Done::Stat { lines, bytes } = done {
                    Some((lines, bytes))
                } else {
                    None
                }
            },
        )
    }

    /// The whole output of the last command, at most so many bytes of it. What it is, a hostile program may have chosen.
    ///
    /// # Errors
    /// [`HandError`]; refused where nothing was left out or the space for logs was spent.
    pub fn output(&mut self, bytes_max: u64, cancel: &Cancel) -> Result<Vec<u8>, HandError> {
        let mut all = Vec::new();
        while (all.len() as u64) < bytes_max {
            let op = Op::Output {
                offset: all.len() as u64,
            };
            let part = self.want(op, FILE_S_MAX, cancel, |done| {
                if let Done::Output { hex } = done {
                    hex::decode(hex).ok()
                } else {
                    None
                }
            })?;
            if part.is_empty() {
                break;
            }
            all.extend(part);
        }
        all.truncate(usize::try_from(bytes_max).unwrap_or(usize::MAX));
        Ok(all)
    }

    /// Asks, and takes the answer only when it is one to this question.
    fn want<T>(
        &mut self,
        op: Op,
        after_s: u64,
        cancel: &Cancel,
        pick: impl FnOnce(Done) -> Option<T>,
    ) -> Result<T, HandError> {
        let name = name_of(&op);
        let done = self.ask(op, after_s, cancel)?;
        pick(done).ok_or_else(|| {
            self.close();
            HandError::Garbled {
                op: name,
                detail: "an answer to another question".into(),
            }
        })
    }

    fn ask(&mut self, op: Op, after_s: u64, cancel: &Cancel) -> Result<Done, HandError> {
        let name = name_of(&op);
        self.come_in(cancel)?;
        let answer = self
            .send(op, name)
            .and_then(|id| self.receive(id, name, Patience::of(after_s), cancel));
        if !matches!(answer, Ok(_) | Err(HandError::Refused(_))) {
            // An answer that comes later would be taken for the next request's.
            self.close();
        }
        answer
    }

    /// Believes nothing more of this hand.
    fn close(&mut self) {
        self.requests = None;
    }

    /// Gives a request its number and sends it.
    fn send(&mut self, op: Op, name: &'static str) -> Result<u64, HandError> {
        let gone = |detail: String| HandError::Gone { op: name, detail };
        let Some(requests) = self.requests.as_ref() else {
            return Err(gone("the wire was closed after an earlier failure".into()));
        };
        self.next += 1;
        let id = self.next;
        let mut line = serde_json::to_vec(&Request { id, op }).map_err(|e| gone(e.to_string()))?;
        line.push(b'\n');
        if line.len() > super::wire::REQUEST_BYTES_MAX {
            let refusal = Refusal::new(
                RefusalKind::TooLarge,
                "the call is too long; do it in smaller parts",
            );
            return Err(refusal.into());
        }
        requests
            .send(line)
            .map_err(|_| gone("it no longer reads".into()))?;
        Ok(id)
    }

    /// The answer to the request of this number.
    fn receive(
        &mut self,
        id: u64,
        name: &'static str,
        patience: Patience,
        cancel: &Cancel,
    ) -> Result<Done, HandError> {
        let gone = |detail: String| HandError::Gone { op: name, detail };
        let line = self.line(name, patience, cancel)?;
        let garbled = |detail: String| HandError::Garbled { op: name, detail };
        let reply: Reply = serde_json::from_slice(&line).map_err(|e| garbled(e.to_string()))?;
        if reply.id != id {
            return Err(garbled(format!(
                "it answers request {}, not {id}",
                reply.id
            )));
        }
        match reply.outcome {
            Outcome::Ok(done) => Ok(done),
            Outcome::Refused(refusal) if refusal.kind == RefusalKind::Unkillable => {
                Err(gone(refusal.message))
            }
            Outcome::Refused(refusal) => Err(refusal.into()),
        }
    }

    fn line(
        &mut self,
        op: &'static str,
        patience: Patience,
        cancel: &Cancel,
    ) -> Result<Vec<u8>, HandError> {
        let started = Instant::now();
        let Patience { after_s, cancelled } = patience;
        let limit = Duration::from_secs(after_s);
        loop {
            if cancel.is_cancelled() && started.elapsed() >= cancelled {
                return Err(HandError::Cancelled { op });
            }
            let left = limit.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(HandError::Late { op, after_s });
            }
            match self.replies.recv_timeout(left.min(CANCEL_LOOK)) {
                Ok(Ok(line)) => return Ok(line),
                Ok(Err(detail)) => return Err(HandError::Gone { op, detail }),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(HandError::Gone {
                        op,
                        detail: "the wire ended".into(),
                    });
                }
            }
        }
    }

    fn captured(&self, command: &str, ran: Ran) -> (Captured, Option<String>) {
        let Ran {
            exit,
            started_ms,
            duration_ms,
            stdout,
            stderr,
            log,
        } = ran;
        let record = CommandRecord {
            argv: vec!["/bin/sh".into(), "-c".into(), command.to_owned()],
            cwd: INSIDE_REPO.into(),
            exit,
            started_ms,
            duration_ms,
            stdout_sha256: stdout.sha256.clone(),
            stderr_sha256: stderr.sha256.clone(),
            stdout_bytes: stdout.bytes,
            stderr_bytes: stderr.bytes,
            cage: self.layers.clone(),
        };
        let truncated = stdout.truncated || stderr.truncated;
        let Stream { text: out, .. } = stdout;
        let Stream { text: err, .. } = stderr;
        (
            Captured {
                record,
                stdout: out,
                stderr: err,
                truncated,
            },
            log,
        )
    }
}

/// How long an answer is waited for.
#[derive(Clone, Copy)]
struct Patience {
    after_s: u64,
    /// Of a run that is cancelled.
    cancelled: Duration,
}

impl Patience {
    fn of(after_s: u64) -> Patience {
        Patience {
            after_s,
            cancelled: Duration::ZERO,
        }
    }
}

fn commit_op(text: &CommitText<'_>) -> Op {
    Op::Commit {
        message: text.message.to_owned(),
        author_name: text.author_name.to_owned(),
        author_mail: text.author_mail.to_owned(),
        base: text.base.to_owned(),
    }
}

fn committed(done: Done) -> Option<Commit> {
    if let Done::Commit {
        commit,
        made,
        summary,
    } = done
    {
        Some(Commit {
            head: commit,
            made,
            summary,
        })
    } else {
        None
    }
}

/// What a commit says and who made it.
pub struct CommitText<'a> {
    pub message: &'a str,
    pub author_name: &'a str,
    pub author_mail: &'a str,
    /// The commit the clone stood on at first.
    pub base: &'a str,
}

/// The clone after a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// HEAD, full hex.
    pub head: String,
    /// Whether there was anything to commit.
    pub made: bool,
    /// The change since the base in short, file by file.
    pub summary: String,
}

/// Writes requests; a hand that does not read blocks this thread and not the run.
fn feed(mut to_hand: impl Write, outbox: &Receiver<Vec<u8>>) {
    while let Ok(line) = outbox.recv() {
        if to_hand
            .write_all(&line)
            .and_then(|()| to_hand.flush())
            .is_err()
        {
            return;
        }
    }
}

/// Reads answers line by line; a line that does not end is the end.
fn listen(from_hand: impl Read, inbox: &Sender<Result<Vec<u8>, String>>) {
    let mut from_hand = BufReader::new(from_hand);
    loop {
        let line = next_line(&mut from_hand);
        let last = line.is_err();
        if inbox.send(line).is_err() || last {
            return;
        }
    }
}

fn next_line(from_hand: &mut impl BufRead) -> Result<Vec<u8>, String> {
    let mut line = Vec::new();
    let mut limited = from_hand.take(REPLY_BYTES_MAX as u64 + 1);
    match limited.read_until(b'\n', &mut line) {
        Err(e) => Err(e.to_string()),
        Ok(0) => Err("it closed the wire".into()),
        Ok(_) if line.last() == Some(&b'\n') => Ok(line),
        Ok(_) if line.len() > REPLY_BYTES_MAX => Err("its answer is too long".into()),
        Ok(_) => Err("its answer is cut off".into()),
    }
}

fn name_of(op: &Op) -> &'static str {
    match op {
        Op::Hello { .. } => "hello",
        Op::Read { .. } => "read",
        Op::Head { .. } => "head",
        Op::Search { .. } => "search",
        Op::Edit { .. } => "edit",
        Op::Write { .. } => "write",
        Op::Patch { .. } => "patch",
        Op::Run { .. } => "run",
        Op::Commit { .. } => COMMIT,
        Op::Show { .. } => "show",
        Op::Scan => "scan",
        Op::Mark => "mark",
        Op::SinceMark => "since_mark",
        Op::Map { .. } => "map",
        Op::Stat { .. } => "stat",
        Op::Output { .. } => "output",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_hand_that_keeps_silent_is_late_and_never_asked_again() {
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let mut hand = Hand::connect(ours.try_clone().expect("a second end"), ours, Vec::new());
        let cancel = Cancel::new();
        let silent = hand.ask(Op::Scan, 0, &cancel);
        assert!(
            matches!(
                silent,
                Err(HandError::Late {
                    op: "scan",
                    after_s: 0
                })
            ),
            "{silent:?}"
        );
        assert!(matches!(hand.scan(&cancel), Err(HandError::Gone { .. })));
    }

    #[test]
    fn a_hand_that_does_not_read_blocks_nobody() {
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let mut hand = Hand::connect(ours.try_clone().expect("a second end"), ours, Vec::new());
        let op = Op::Write {
            path: "a".into(),
            content: "x".repeat(1 << 20),
            replace: false,
        };
        let answer = hand.ask(op, 0, &Cancel::new());
        assert!(matches!(answer, Err(HandError::Late { .. })), "{answer:?}");
    }
}
