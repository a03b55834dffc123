//! The command line's end.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use alai_core::ids::{RunId, TaskId};
use alai_factory::basis::Basis;
use alai_factory::{Home, Op, OpError, OpErrorKind, Outcome, Pulse, ScheduleView};

use super::{Answer, Ask, Request, VERSION};
use crate::error::{CliError, Kind};

/// The daemon answers from its store; it never works before it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// A sign of life needs no store. Whoever asks for it wants to know now.
const PULSE_PATIENCE: Duration = Duration::from_secs(2);

/// How often a request is sent again when its answer was lost. A daemon that died in between is found gone, and the
/// request is carried out in this process, under the same key.
const RESENDS: u32 = 2;

/// The daemon's sign of life; none when no daemon runs.
pub(crate) fn pulse(home: &Home) -> Option<Pulse> {
    match send(home, Ask::Pulse, "", PULSE_PATIENCE) {
        Ok(Some(Answer::Pulse { pulse })) => Some(pulse),
        Ok(
            Some(
                Answer::Done { .. }
                | Answer::Refused { .. }
                | Answer::Stopping
                | Answer::Explained { .. }
                | Answer::Fleet { .. },
            )
            | None,
        )
        | Err(_) => None,
    }
}

/// How the daemon's scheduler stands; none when no daemon runs, or one that has none.
pub(crate) fn schedule(home: &Home) -> Option<ScheduleView> {
    match send(home, Ask::Fleet, "", PULSE_PATIENCE) {
        Ok(Some(Answer::Fleet { view })) => Some(*view),
        Ok(
            Some(
                Answer::Done { .. }
                | Answer::Refused { .. }
                | Answer::Stopping
                | Answer::Explained { .. }
                | Answer::Pulse { .. },
            )
            | None,
        )
        | Err(_) => None,
    }
}

/// What a task goes by, as the daemon knows it; none when no daemon runs, or one of before.
pub(crate) fn basis(
    home: &Home,
    task: TaskId,
    run: Option<&RunId>,
) -> Result<Option<Basis>, CliError> {
    let ask = Ask::Explain {
        task,
        run: run.cloned(),
    };
    match send(home, ask, "", PATIENCE)? {
        None => Ok(None),
        Some(Answer::Explained { basis }) => Ok(Some(*basis)),
        // One of before: its own words say so, and the files are the same.
        Some(Answer::Refused { error }) if error.kind == OpErrorKind::Usage => Ok(None),
        Some(Answer::Refused { error }) => Err(error.into()),
        Some(
            Answer::Pulse { .. } | Answer::Done { .. } | Answer::Fleet { .. } | Answer::Stopping,
        ) => Err(odd()),
    }
}

/// What the daemon made of a request; none when no daemon runs.
pub(crate) fn perform(
    home: &Home,
    op: &Op,
    actor: &str,
    key: &str,
) -> Result<Option<Result<Outcome, OpError>>, CliError> {
    // A lost answer leaves open whether it was done. The request carries its own key: sent again it is the same request.
    let mut tries = 0;
    let answer = loop {
        match send(
            home,
            Ask::Perform {
                op: Box::new(op.clone()),
                key: key.to_owned(),
            },
            actor,
            PATIENCE,
        ) {
            Err(Unanswered::Lost(_)) if tries < RESENDS => tries += 1,
            answered => break answered?,
        }
    };
    match answer {
        None => Ok(None),
        Some(Answer::Done { outcome }) => Ok(Some(Ok(*outcome))),
        Some(Answer::Refused { error }) => Ok(Some(Err(error))),
        Some(
            Answer::Pulse { .. }
            | Answer::Stopping
            | Answer::Fleet { .. }
            | Answer::Explained { .. },
        ) => Err(odd()),
    }
}

/// Asks the daemon to stop. False when none runs.
pub(crate) fn stop(home: &Home, now: bool) -> Result<bool, CliError> {
    match send(home, Ask::Stop { now }, "", PATIENCE)? {
        None => Ok(false),
        Some(Answer::Stopping) => Ok(true),
        Some(Answer::Refused { error }) => Err(error.into()),
        Some(
            Answer::Pulse { .. }
            | Answer::Done { .. }
            | Answer::Fleet { .. }
            | Answer::Explained { .. },
        ) => Err(odd()),
    }
}

/// Why there is no answer, although somebody listens.
enum Unanswered {
    /// The connection ended: whether it was done is open.
    Lost(std::io::Error),
    /// It hangs. It may still do what was asked.
    Late,
    Odd,
}

impl From<Unanswered> for CliError {
    fn from(why: Unanswered) -> CliError {
        let (words, hint) = match why {
            Unanswered::Lost(e) => (
                format!("the daemon did not answer: {e}"),
                "`alai status` shows whether it lives; the same command can be given again",
            ),
            Unanswered::Late => (
                format!(
                    "the daemon did not answer within {} s, and may still do it",
                    PATIENCE.as_secs()
                ),
                "look whether it was done (`alai mc list`) before you give the command again",
            ),
            Unanswered::Odd => return odd(),
        };
        CliError::new(Kind::Unreachable, words).hinted(hint)
    }
}

fn send(
    home: &Home,
    ask: Ask,
    actor: &str,
    patience: Duration,
) -> Result<Option<Answer>, Unanswered> {
    let Ok(stream) = UnixStream::connect(home.socket()) else {
        return Ok(None);
    };
    let lost = |e: std::io::Error| {
        use std::io::ErrorKind::{TimedOut, WouldBlock};
        match matches!(e.kind(), TimedOut | WouldBlock) {
            true => Unanswered::Late,
            false => Unanswered::Lost(e),
        }
    };
    stream.set_read_timeout(Some(patience)).map_err(lost)?;
    let request = Request {
        version: VERSION,
        actor: actor.to_owned(),
        ask,
    };
    let mut text = serde_json::to_string(&request).map_err(|_| Unanswered::Odd)?;
    text.push('\n');
    (&stream).write_all(text.as_bytes()).map_err(lost)?;
    let mut line = String::new();
    if BufReader::new(&stream).read_line(&mut line).map_err(lost)? == 0 {
        return Err(lost(std::io::ErrorKind::UnexpectedEof.into()));
    }
    serde_json::from_str(&line)
        .map(Some)
        .map_err(|_| Unanswered::Odd)
}

fn odd() -> CliError {
    CliError::new(Kind::Unreachable, "the daemon's answer is not understood")
        .hinted("the daemon is of another version; `alai down`, then `alai up`")
}
