//! One server's place in a run: not started, at work, or off.

use std::time::Instant;

use alai_core::mcp::Offer;
use alai_workspace::command::Cancel;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::told::Described;
use super::wire::{Answer, Broken, Ended, Line, Started};
use super::{Note, Patience, Said, Wish, told};
use crate::text::cut;

/// Starts of one server after the first: whoever fails twice will a third time.
const RESTARTS_MAX: u32 = 1;
/// Of what is noted.
const DETAIL_BYTES_MAX: usize = 1 << 10;
/// Of the arguments of a call that no recorded message holds.
const ARGUMENTS_BYTES_MAX: usize = 4 << 10;

pub(super) struct Seat<'a> {
    offer: &'a Offer,
    start: &'a dyn Fn(&str) -> Result<Started, String>,
    patience: Patience,
    at: At,
    failures: u32,
}

enum At {
    /// Not started, or ended and to be started once more.
    Rest,
    Work(Box<Work>),
    /// For the rest of the run, with the reason.
    Off(String),
}

/// A server that runs.
struct Work {
    line: Line,
    secrets: Vec<String>,
    tools: Vec<Described>,
    /// Of the names, descriptions and arguments of its tools when they were last listed.
    seen: Option<String>,
}

impl<'a> Seat<'a> {
    pub(super) fn new(
        offer: &'a Offer,
        start: &'a dyn Fn(&str) -> Result<Started, String>,
        patience: Patience,
    ) -> Seat<'a> {
        Seat {
            offer,
            start,
            patience,
            at: At::Rest,
            failures: 0,
        }
    }

    pub(super) fn ask(
        &mut self,
        wish: &Wish,
        left_s: u64,
        cancel: &Cancel,
        notes: &mut Vec<Note>,
    ) -> Said {
        if let Some(tool) = &wish.tool
            && !self.offer.allows(tool)
        {
            notes.push(Note {
                tool: Some(told::name(tool)),
                detail: "this role may not call it".to_owned(),
                error: true,
                ..self.note("refused")
            });
            return wrong(told::not_allowed(self.offer, tool));
        }
        let asked = self
            .awake(left_s, cancel, notes)
            .and_then(|()| self.known(wish, left_s, cancel, notes))
            .and_then(|()| self.answer(wish, left_s, cancel, notes));
        match asked {
            Ok(said) => said,
            Err(stopped) => self.stopped(stopped, notes),
        }
    }

    /// The server's tools as far as they may be called, in the protocol's own form.
    ///
    /// # Errors
    /// Why there is no list, in words for the agent.
    pub(super) fn offered(
        &mut self,
        left_s: u64,
        cancel: &Cancel,
        notes: &mut Vec<Note>,
    ) -> Result<Vec<Value>, Said> {
        let lists = Wish {
            server: self.offer.server.clone(),
            tool: None,
            arguments: Map::new(),
            unheard: false,
        };
        let known = self
            .awake(left_s, cancel, notes)
            .and_then(|()| self.known(&lists, left_s, cancel, notes));
        if let Err(stopped) = known {
            return Err(self.stopped(stopped, notes));
        }
        let At::Work(work) = &self.at else {
            return Ok(Vec::new());
        };
        let (tools, left_out) = told::offered(self.offer, &work.tools);
        if !left_out.is_empty() {
            let names = told::veiled(&left_out.join(", "), &work.secrets);
            notes.push(Note {
                detail: cut(
                    &format!("not given, for want of room or of a name of their own: {names}"),
                    DETAIL_BYTES_MAX,
                ),
                ..self.note("refused")
            });
        }
        Ok(tools)
    }

    pub(super) fn close(&mut self, why: &str, notes: &mut Vec<Note>) {
        if let At::Work(work) = std::mem::replace(&mut self.at, At::Off(why.to_owned())) {
            let ended = work.line.close();
            let how = told::words(&ended.how, &work.secrets);
            notes.push(Note {
                detail: cut(&format!("{why}; {how}"), DETAIL_BYTES_MAX),
                ..self.note("ended")
            });
        }
    }

    fn note(&self, what: &'static str) -> Note {
        Note {
            server: self.offer.server.clone(),
            what,
            ..Note::default()
        }
    }

    /// Starts the server where it does not run.
    fn awake(
        &mut self,
        left_s: u64,
        cancel: &Cancel,
        notes: &mut Vec<Note>,
    ) -> Result<(), Stopped> {
        match &self.at {
            At::Work(_) => return Ok(()),
            At::Off(why) => return Err(Stopped::IsOff(why.clone())),
            At::Rest => {}
        }
        let began = Instant::now();
        let started = (self.start)(&self.offer.server).map_err(Stopped::NotStarted)?;
        let (secrets, layers) = (started.secrets.clone(), started.layers.join(" "));
        let after_s = self.patience.start_s.min(left_s);
        let line = Line::open(started, after_s, cancel)
            .map_err(|(broken, ended)| Stopped::of(broken, ended, &secrets))?;
        // The server names it, and could name anything.
        let version = told::name(&told::words(&line.version(), &secrets));
        notes.push(Note {
            detail: cut(&format!("protocol {version}; {layers}"), DETAIL_BYTES_MAX),
            duration_ms: since(began),
            ..self.note("started")
        });
        self.at = At::Work(Box::new(Work {
            line,
            secrets,
            tools: Vec::new(),
            seen: None,
        }));
        Ok(())
    }

    /// Has the server's tools listed where they are not known, are asked for, or have changed.
    fn known(
        &mut self,
        wish: &Wish,
        left_s: u64,
        cancel: &Cancel,
        notes: &mut Vec<Note>,
    ) -> Result<(), Stopped> {
        let At::Work(work) = &mut self.at else {
            return Ok(());
        };
        let changed = work.line.tools_changed();
        if wish.tool.is_some() && work.seen.is_some() && !changed {
            return Ok(());
        }
        let began = Instant::now();
        let after_s = self.patience.call_s.min(left_s);
        let listed = work.line.tools(after_s, cancel);
        let tools = match listed {
            Ok(tools) => tools,
            Err(broken) => return Err(self.broke(broken)),
        };
        let seen = told::hash_of(&tools);
        let is_new = work.seen.as_deref().is_some_and(|before| before != seen);
        let described = |tool| Described::of(tool, &work.secrets);
        work.tools = tools.iter().map(described).collect();
        work.seen = Some(seen.clone());
        let detail = format!(
            "{} tools, sha256 {seen}{}",
            work.tools.len(),
            if is_new { ", changed since" } else { "" }
        );
        notes.push(Note {
            detail,
            duration_ms: since(began),
            ..self.note("listed")
        });
        Ok(())
    }

    /// Lists, or calls.
    fn answer(
        &mut self,
        wish: &Wish,
        left_s: u64,
        cancel: &Cancel,
        notes: &mut Vec<Note>,
    ) -> Result<Said, Stopped> {
        let At::Work(work) = &mut self.at else {
            return Ok(wrong(String::new()));
        };
        let Some(tool) = &wish.tool else {
            let text = told::list(self.offer, &work.tools, &work.secrets);
            return Ok(fine(told::veiled(&text, &work.secrets)));
        };
        if let Some(why) = told::not_there(self.offer, &work.tools, tool, &work.secrets) {
            notes.push(Note {
                tool: Some(told::name(tool)),
                detail: "the server has no such tool".to_owned(),
                error: true,
                ..self.note("refused")
            });
            return Ok(wrong(why));
        }
        let began = Instant::now();
        let after_s = self.patience.call_s.min(left_s);
        let called = work
            .line
            .call(tool, wish.arguments.clone(), after_s, cancel);
        let requests = work.line.requests();
        let (said, bytes) = match &called {
            Ok(Answer::Result(result)) => {
                let (text, bytes) = told::result(self.offer, tool, result, &work.secrets);
                let error = result.is_error == Some(true);
                (Said { text, error }, bytes)
            }
            Ok(Answer::Error(why)) => {
                let text = told::error(self.offer, &work.tools, tool, why, &work.secrets);
                (wrong(text), why.len() as u64)
            }
            Err(_) => (wrong(String::new()), 0),
        };
        let arguments = Value::Object(wish.arguments.clone());
        let detail = match wish.unheard {
            true => cut(
                &told::veiled(&arguments.to_string(), &work.secrets),
                ARGUMENTS_BYTES_MAX,
            ),
            false => String::new(),
        };
        let text = told::veiled(&said.text, &work.secrets);
        let text = match requests.is_empty() {
            true => text,
            false => format!("{text}\n{}", told::requests(&requests)),
        };
        let said = Said { text, ..said };
        for what in requests {
            notes.push(Note {
                detail: format!("{what}: refused"),
                ..self.note("asked")
            });
        }
        notes.push(Note {
            tool: Some(tool.clone()),
            detail,
            arguments_sha256: Some(sha256(&arguments)),
            bytes,
            error: said.error || called.is_err(),
            duration_ms: since(began),
            ..self.note("called")
        });
        match called {
            Ok(_) => Ok(said),
            Err(broken) => Err(self.broke(broken)),
        }
    }

    /// Ends a server that cannot be believed any more.
    fn broke(&mut self, broken: Broken) -> Stopped {
        match std::mem::replace(&mut self.at, At::Rest) {
            At::Work(work) => {
                let Work { line, secrets, .. } = *work;
                Stopped::of(broken, line.close(), &secrets)
            }
            At::Rest | At::Off(_) => Stopped::NotStarted(String::new()),
        }
    }

    /// What becomes of a server that gave no answer, and what the agent is told.
    fn stopped(&mut self, stopped: Stopped, notes: &mut Vec<Note>) -> Said {
        let name = &self.offer.server;
        let why = match stopped {
            Stopped::IsOff(why) => {
                return wrong(format!(
                    "The server `{name}` is off for the rest of this run: {why}. Do without it."
                ));
            }
            Stopped::Cancelled => return wrong("The run is ending.".to_owned()),
            Stopped::NotStarted(why) => format!("it cannot be started: {why}"),
            Stopped::Ended(why) => why,
        };
        notes.push(Note {
            detail: cut(&why, DETAIL_BYTES_MAX),
            error: true,
            ..self.note("ended")
        });
        self.failures += 1;
        let once_more = self.failures <= RESTARTS_MAX;
        if !once_more {
            self.at = At::Off(cut(&why, DETAIL_BYTES_MAX));
        }
        let next = match once_more {
            true => "It is started once more at your next call.",
            false => "It is off for the rest of this run: do without it.",
        };
        wrong(told::stopped(name, &why, next))
    }
}

/// Why there is no answer.
enum Stopped {
    IsOff(String),
    NotStarted(String),
    Ended(String),
    Cancelled,
}

impl Stopped {
    fn of(broken: Broken, ended: Ended, secrets: &[String]) -> Stopped {
        let why = match broken {
            Broken::Cancelled => return Stopped::Cancelled,
            Broken::Late { after_s } => {
                format!("it gave no answer within {after_s} s and was ended")
            }
            Broken::Flooded { what } => format!("it wrote {what} and was ended"),
            Broken::Died => format!("it ended ({})", told::words(&ended.how, secrets)),
            Broken::Nonsense { detail } => {
                let detail = told::words(&detail, secrets);
                format!("its answer makes no sense ({detail}); it was ended")
            }
        };
        let words = told::last_words(&ended.last_words, secrets);
        let why = match words.is_empty() {
            true => why,
            false => format!("{why}; its last words on standard error: {words}"),
        };
        Stopped::Ended(why)
    }
}

fn fine(text: String) -> Said {
    Said { text, error: false }
}

fn wrong(text: String) -> Said {
    Said { text, error: true }
}

fn since(began: Instant) -> i64 {
    i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)
}

fn sha256(value: &Value) -> String {
    hex::encode(Sha256::digest(value.to_string().as_bytes()))
}
