//! Carries the lines between a program and what reads them, and ends it: at its result, at a limit, or when it is silent too
//! long. What the lines mean is decided elsewhere.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alai_core::record::Exit;
use alai_workspace::command::Cancel;

use super::acp::{Act, Client};
use super::heard::{Heard, Tally};
use super::lines::{LINE_BYTES_MAX, Line, Lines};
use super::{Patience, Started, claude, codex};
use crate::bridge::{Asked, Listening};
use crate::report::ExitStatus;
use crate::text::cut;

/// Bytes of one session's output; what a run of several hours says is a tenth of it.
pub(crate) const BYTES_MAX: u64 = 256 << 20;
/// Lines under way between the two threads: each may be as long as one may be.
const LINES_WAITING_MAX: usize = 4;
/// Lines for the program that it has not read yet.
const SENDS_WAITING_MAX: usize = 64;
/// Bytes of its complaints that are kept: the last ones say why it ended.
const COMPLAINT_BYTES_MAX: usize = 8 << 10;
/// Lines that are none of the protocol and are told of.
const GARBAGE_TOLD_MAX: u64 = 5;
/// Notices that are told of; a program that says more of them says nothing new.
const NOTICES_TOLD_MAX: u64 = 500;
/// Lines that a session may send to what it is lent: ten times the turns of the longest run.
const ASKED_MAX: u32 = 10_000;
/// How soon a wish to end is seen.
const BEAT: Duration = Duration::from_millis(50);
/// For an agent that was asked to stop, to say what that cost.
const CANCEL_GRACE: Duration = Duration::from_secs(2);
/// For the last complaint of a program that has ended to be read.
const TAIL_PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of a version.
const VERSION_BYTES_MAX: u64 = 4 << 10;

/// What reads the lines.
#[derive(Debug)]
pub(crate) enum Dialect {
    Claude(claude::Stream),
    Codex(codex::Stream),
    Acp(Box<Client>),
}

impl Dialect {
    fn line(&mut self, line: &[u8]) -> Option<Vec<Act>> {
        let heard = |all: Vec<Heard>| all.into_iter().map(Act::Heard).collect();
        match self {
            Dialect::Claude(stream) => stream.line(line).map(heard),
            Dialect::Codex(stream) => stream.line(line).map(heard),
            Dialect::Acp(client) => client.line(line),
        }
    }
}

/// Where a session stops, whatever the program thinks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) until: Instant,
    pub(crate) patience: Patience,
    pub(crate) turns_max: u32,
    pub(crate) bytes_max: u64,
    pub(crate) budget_microusd: Option<u64>,
}

/// Why it was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It gave its result.
    Ended,
    /// Its output was over before that.
    Over,
    Silent {
        after_s: u64,
    },
    TimedOut,
    Cancelled,
    Turns,
    Budget,
    /// It says more than can be read, or reads nothing.
    Flood(String),
}

/// What came of a session.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) tally: Tally,
    pub(crate) stop: Stop,
    pub(crate) exit: Result<Exit, String>,
    /// The last it complained of, and the first it said that could not be read.
    pub(crate) complaint: String,
    pub(crate) duration: Duration,
}

/// What the caller is told of, and asked.
pub(crate) enum Report<'h> {
    Heard(&'h Heard),
    /// It asks for something that it was lent; what is given back is the answer, where it wants one.
    Asked {
        server: &'h str,
        line: &'h [u8],
    },
    /// A turn is over; what is given back goes on with the session, where its protocol can.
    TurnOver,
}

/// Hears a report; an error ends the session.
pub(crate) type Ear<'e> = &'e mut dyn FnMut(Report<'_>) -> Result<Option<String>, ExitStatus>;

/// Leads a session to its end. When this returns, nothing of the program runs any more.
///
/// # Errors
/// What the ear gave.
pub(crate) fn run(
    started: Started,
    dialect: Dialect,
    bounds: Bounds,
    cancel: &Cancel,
    ear: Ear<'_>,
) -> Result<Ran, ExitStatus> {
    let Started {
        stdout,
        stderr,
        stdin,
        lent,
        end,
    } = started;
    let begun = Instant::now();
    let (pieces, received) = sync_channel(LINES_WAITING_MAX);
    let listening = lent.map(|lent| {
        let pieces = pieces.clone();
        Listening::start(lent, move |asked| pieces.send(Piece::Asked(asked)).is_ok())
    });
    let listening = match listening.transpose() {
        Ok(listening) => listening,
        Err(why) => {
            // Nothing was asked of it yet.
            let detail = format!("what it is lent cannot be reached: {why}");
            let _ = end();
            return Err(ExitStatus::Killed { detail });
        }
    };
    read_lines(stdout, pieces);
    let mut session = Session {
        dialect,
        bounds,
        pieces: received,
        sends: stdin.map(write_lines),
        tally: Tally::default(),
        heard_at: begun,
        bytes: 0,
        garbage: String::new(),
        notices: 0,
        asked: 0,
        ear,
    };
    let complaint = Tail::of(stderr);
    let led = session.lead(begun, cancel);
    if let Ok(stop) = &led {
        session.close(stop);
    }
    let Session { tally, garbage, .. } = session;
    drop(listening);
    let exit = end();
    let tail = complaint.text();
    Ok(Ran {
        tally,
        stop: led?,
        exit,
        complaint: format!("{tail} {garbage}").trim().to_owned(),
        duration: begun.elapsed(),
    })
}

struct Session<'e> {
    dialect: Dialect,
    bounds: Bounds,
    pieces: Receiver<Piece>,
    sends: Option<SyncSender<String>>,
    tally: Tally,
    heard_at: Instant,
    bytes: u64,
    garbage: String,
    notices: u64,
    asked: u32,
    ear: Ear<'e>,
}

enum Piece {
    Line(Line),
    Asked(Asked),
    End,
}

impl Session<'_> {
    fn lead(&mut self, begun: Instant, cancel: &Cancel) -> Result<Stop, ExitStatus> {
        if let Dialect::Acp(client) = &mut self.dialect {
            let open = client.open();
            self.act(open)?;
        }
        loop {
            if cancel.is_cancelled() {
                return Ok(Stop::Cancelled);
            }
            let now = Instant::now();
            if now >= self.bounds.until {
                return Ok(Stop::TimedOut);
            }
            if let Some(after_s) = self.silent_s(begun, now) {
                return Ok(Stop::Silent { after_s });
            }
            let left = self.bounds.until.saturating_duration_since(now);
            match self.pieces.recv_timeout(left.min(BEAT)) {
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) | Ok(Piece::End) => return Ok(Stop::Over),
                Ok(Piece::Line(line)) => {
                    if let Some(stop) = self.line(line)? {
                        return Ok(stop);
                    }
                }
                Ok(Piece::Asked(asked)) => {
                    if let Some(stop) = self.lend(&asked)? {
                        return Ok(stop);
                    }
                }
            }
        }
    }

    /// Answers what it asks of what it was lent.
    fn lend(&mut self, asked: &Asked) -> Result<Option<Stop>, ExitStatus> {
        self.asked += 1;
        if self.asked > ASKED_MAX {
            let what = format!("it asked for what it is lent more than {ASKED_MAX} times");
            return Ok(Some(Stop::Flood(what)));
        }
        let answer = (self.ear)(Report::Asked {
            server: &asked.server,
            line: &asked.line,
        })?;
        // While it waited for us it could say nothing.
        self.heard_at = Instant::now();
        // Its connection may be gone.
        let _ = asked.answer.try_send(answer);
        Ok(None)
    }

    /// The patience that is over, if one is.
    fn silent_s(&self, begun: Instant, now: Instant) -> Option<u64> {
        let patience = self.bounds.patience;
        let (since, most_s) = match self.tally.understood {
            0 => (begun, patience.start_s),
            _ => (self.heard_at, patience.idle_s),
        };
        (now.saturating_duration_since(since) >= Duration::from_secs(most_s)).then_some(most_s)
    }

    fn line(&mut self, line: Line) -> Result<Option<Stop>, ExitStatus> {
        self.bytes = self.bytes.saturating_add(line.bytes());
        let bytes = match line {
            Line::Whole(bytes) => bytes,
            Line::TooLong(count) => {
                // Nobody can tell what it said, but it did say something.
                self.heard_at = Instant::now();
                let what =
                    format!("a line of {count} bytes is not read; at most {LINE_BYTES_MAX} are");
                self.hear(Heard::Notice(what))?;
                return Ok(self.flooded());
            }
        };
        if let Some(stop) = self.flooded() {
            return Ok(Some(stop));
        }
        let Some(acts) = self.dialect.line(&bytes) else {
            self.tally.garbage += 1;
            if self.tally.garbage <= GARBAGE_TOLD_MAX {
                let text = cut(&String::from_utf8_lossy(&bytes), 300);
                self.garbage.push_str(&format!("{text} "));
                let notice = Heard::Notice(format!("not a line of its protocol: {text}"));
                (self.ear)(Report::Heard(&notice))?;
            }
            return Ok(None);
        };
        // A line that means nothing to us shows that it speaks the protocol, but an agent that only tells that it still waits
        // for its network would tell so for ever.
        self.tally.understood += 1;
        let says = |act: &Act| !matches!(act, Act::Heard(Heard::Notice(_)));
        if acts.iter().any(says) || self.tally.understood == 1 {
            self.heard_at = Instant::now();
        }
        for act in acts {
            if let Some(stop) = self.act(act)? {
                return Ok(Some(stop));
            }
            // What stands behind a result is of no session.
            if self.tally.ended.is_some() {
                return self.turn_over();
            }
        }
        Ok(self.beyond())
    }

    fn flooded(&self) -> Option<Stop> {
        let most = self.bounds.bytes_max;
        (self.bytes > most).then(|| Stop::Flood(format!("it said more than {most} bytes")))
    }

    fn beyond(&self) -> Option<Stop> {
        if self.tally.turns > self.bounds.turns_max {
            return Some(Stop::Turns);
        }
        let (spent, budget) = (self.tally.spent.microusd, self.bounds.budget_microusd);
        let over = spent.zip(budget).is_some_and(|(spent, most)| spent > most);
        over.then_some(Stop::Budget)
    }

    fn act(&mut self, act: Act) -> Result<Option<Stop>, ExitStatus> {
        match act {
            Act::Heard(heard) => self.hear(heard).map(|()| None),
            Act::Send(line) => Ok(self.send(line)),
        }
    }

    fn send(&mut self, line: String) -> Option<Stop> {
        let sent = self.sends.as_ref().map(|sends| sends.try_send(line));
        match sent {
            Some(Ok(())) => None,
            // Its input is closed; what it still says tells why.
            Some(Err(TrySendError::Disconnected(_))) => None,
            Some(Err(TrySendError::Full(_))) => {
                Some(Stop::Flood("it does not read what it is told".into()))
            }
            None => Some(Stop::Flood("its standard input was not opened".into())),
        }
    }

    fn hear(&mut self, heard: Heard) -> Result<(), ExitStatus> {
        self.tally.take(&heard);
        if let Heard::Notice(_) = heard {
            self.notices += 1;
            if self.notices > NOTICES_TOLD_MAX {
                return Ok(());
            }
        }
        (self.ear)(Report::Heard(&heard)).map(drop)
    }

    /// The end of a turn is the end of the session, unless its protocol can take what a person has said meanwhile.
    fn turn_over(&mut self) -> Result<Option<Stop>, ExitStatus> {
        let done =
            matches!(&self.tally.ended, Some(ended) if ended.outcome == super::Outcome::Done);
        if let (true, Dialect::Acp(client)) = (done, &mut self.dialect)
            && let Some(words) = (self.ear)(Report::TurnOver)?
        {
            let act = client.tell(&words);
            self.tally.go_on();
            return self.act(act);
        }
        Ok(Some(Stop::Ended))
    }

    /// Lets it end by itself, for a while.
    fn close(&mut self, stop: &Stop) {
        let patience = match stop {
            Stop::Ended => Duration::from_secs(self.bounds.patience.grace_s),
            Stop::Cancelled | Stop::TimedOut | Stop::Turns | Stop::Budget => {
                let Dialect::Acp(client) = &mut self.dialect else {
                    return;
                };
                let Some(Act::Send(line)) = client.cancel() else {
                    return;
                };
                self.send(line);
                CANCEL_GRACE
            }
            Stop::Over | Stop::Silent { .. } | Stop::Flood(_) => return,
        };
        if *stop == Stop::Ended {
            // The end of its input is the end of an agent of the protocol.
            self.sends = None;
        }
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // What is there is given also when no time is left, and of a flood there is always more.
            if left.is_zero() {
                return;
            }
            let line = match self.pieces.recv_timeout(left) {
                Err(_) | Ok(Piece::End) => return,
                // Nothing is lent to a session that is over: its connection is closed.
                Ok(Piece::Asked(_)) => continue,
                Ok(Piece::Line(line)) => line,
            };
            self.bytes = self.bytes.saturating_add(line.bytes());
            if self.flooded().is_some() {
                return;
            }
            match line {
                Line::Whole(line) if *stop != Stop::Ended => {
                    self.last_words(&line);
                    if self.tally.ended.is_some() {
                        return;
                    }
                }
                Line::Whole(_) | Line::TooLong(_) => {}
            }
        }
    }

    /// Of a session that is being cancelled: what it cost still counts, and what it asks is answered.
    fn last_words(&mut self, line: &[u8]) {
        for act in self.dialect.line(line).into_iter().flatten() {
            match act {
                // The run is over; a record that fails now changes nothing.
                Act::Heard(heard) => drop(self.hear(heard)),
                Act::Send(line) => drop(self.send(line)),
            }
        }
    }
}

/// Reads on a thread of its own, which ends with the output.
fn read_lines(mut from: Box<dyn Read + Send>, pieces: SyncSender<Piece>) {
    std::thread::spawn(move || {
        let mut lines = Lines::new(LINE_BYTES_MAX);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            for line in lines.feed(&buffer[..count]) {
                if pieces.send(Piece::Line(line)).is_err() {
                    return;
                }
            }
        }
        let last = lines.end().map(Piece::Line);
        for piece in last.into_iter().chain([Piece::End]) {
            if pieces.send(piece).is_err() {
                return;
            }
        }
    });
}

/// Writes on a thread of its own: a program that does not read must not hold us.
fn write_lines(mut to: Box<dyn Write + Send>) -> SyncSender<String> {
    let (sends, received) = sync_channel::<String>(SENDS_WAITING_MAX);
    std::thread::spawn(move || {
        for line in received {
            let written = to.write_all(format!("{line}\n").as_bytes());
            if written.and_then(|()| to.flush()).is_err() {
                return;
            }
        }
    });
    sends
}

/// The end of what a program complains of, as far as it was read.
struct Tail {
    kept: Arc<Mutex<Vec<u8>>>,
    over: Receiver<()>,
}

impl Tail {
    /// Reads on a thread of its own, which ends with the output.
    fn of(mut from: Box<dyn Read + Send>) -> Tail {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let tail = Arc::clone(&kept);
        let (done, over) = sync_channel(1);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 8 << 10];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                tail.extend_from_slice(&buffer[..count]);
                let over = tail.len().saturating_sub(COMPLAINT_BYTES_MAX);
                tail.drain(..over);
            }
            // Nobody may wait for it.
            let _ = done.send(());
        });
        Tail { kept, over }
    }

    /// All of it, once nothing writes any more; what there is, where something still does.
    fn text(&self) -> String {
        let _ = self.over.recv_timeout(TAIL_PATIENCE);
        let tail = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&tail).into_owned()
    }
}

/// What a program prints that only tells its version, and is then ended.
///
/// # Errors
/// Says why there is none.
pub(crate) fn print(
    started: Started,
    patience: Patience,
    cancel: &Cancel,
) -> Result<String, String> {
    let Started {
        stdout,
        stderr,
        stdin: _,
        lent: _,
        end,
    } = started;
    let complaint = Tail::of(stderr);
    let (pieces, lines) = sync_channel(LINES_WAITING_MAX);
    read_lines(Box::new(stdout.take(VERSION_BYTES_MAX)), pieces);
    let until = Instant::now() + Duration::from_secs(patience.start_s);
    let mut said = String::new();
    let late = loop {
        if cancel.is_cancelled() {
            break true;
        }
        let left = until.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left.min(BEAT)) {
            Ok(Piece::Line(Line::Whole(line))) => {
                said.push_str(&String::from_utf8_lossy(&line));
                said.push('\n');
            }
            Ok(Piece::Line(Line::TooLong(_)) | Piece::Asked(_)) => {}
            Ok(Piece::End) | Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) if left.is_zero() => break true,
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    let exit = end()?;
    if late {
        return Err(format!(
            "it did not tell its version within {} s",
            patience.start_s
        ));
    }
    // What ends it may come before its own end, right behind the last of its output.
    if exit.success() || !said.trim().is_empty() {
        return Ok(said);
    }
    let tail = complaint.text();
    Err(format!(
        "asked for its version, it ended with {exit}: {}",
        cut(tail.trim(), 500)
    ))
}

#[cfg(test)]
#[path = "pump/tests.rs"]
mod tests;
