use std::io::Cursor;
use std::os::unix::net::UnixStream;

use alai_core::blueprint::ToolName;
use alai_core::brief::Role;

use super::*;
use crate::engine::acp::Rules;
use crate::scope::Scope;

/// A program that says just this and ends, with this as its input.
fn started(says: Vec<u8>, stdin: Option<Box<dyn Write + Send>>) -> Started {
    Started {
        stdout: Box::new(Cursor::new(says)),
        stderr: Box::new(Cursor::new(b"a complaint".to_vec())),
        stdin,
        lent: None,
        end: Box::new(|| Ok(Exit::Code { code: 0 })),
    }
}

fn bounds() -> Bounds {
    Bounds {
        until: Instant::now() + Duration::from_secs(60),
        patience: Patience::default(),
        turns_max: 10,
        bytes_max: 1 << 20,
        budget_microusd: None,
    }
}

fn agent() -> Dialect {
    let rules = Rules {
        role: Role::Builder,
        tools: vec![ToolName::Read],
        scope: Scope::new(&[], &[]).expect("no globs"),
        folder: "/repo".into(),
        lent: Vec::new(),
    };
    Dialect::Acp(Box::new(Client::new(rules, "Do it.".into(), None, false)))
}

fn lead(started: Started, dialect: Dialect, bounds: Bounds) -> Ran {
    let mut heard = Vec::new();
    let mut ear = |report: Report<'_>| {
        if let Report::Heard(one) = report {
            heard.push(one.clone());
        }
        Ok(None)
    };
    run(started, dialect, bounds, &Cancel::new(), &mut ear).expect("nothing failed to be heard")
}

#[test]
fn what_says_too_much_is_ended() {
    let line = format!(
        "{{\"type\":\"of tomorrow\",\"text\":\"{}\"}}\n",
        "x".repeat(1_000)
    );
    let claude = || Dialect::Claude(claude::Stream::new(false));
    let much = line.repeat(2_000).into_bytes();
    assert!(matches!(
        lead(started(much, None), claude(), bounds()).stop,
        Stop::Flood(_)
    ));
    // What is not kept of a line counts all the same.
    let long = vec![b'x'; LINE_BYTES_MAX + 2];
    assert!(matches!(
        lead(started(long, None), claude(), bounds()).stop,
        Stop::Flood(_)
    ));
    let little = line.repeat(100).into_bytes();
    let ran = lead(started(little, None), claude(), bounds());
    assert_eq!(
        (ran.stop, ran.complaint.as_str()),
        (Stop::Over, "a complaint")
    );
}

/// A program that asks and never reads: its input is full, and we do not wait for it.
#[test]
fn what_does_not_read_is_ended() {
    let (ours, _theirs) = UnixStream::pair().expect("a pair");
    let ask = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"fs/read_text_file\",\"params\":{}}\n";
    let asks = started(ask.repeat(20_000).into_bytes(), Some(Box::new(ours)));
    let most = Bounds {
        bytes_max: 1 << 30,
        ..bounds()
    };
    assert_eq!(
        lead(asks, agent(), most).stop,
        Stop::Flood("it does not read what it is told".into())
    );
}

/// A program that says the same thing without end fills no record with it.
#[test]
fn notices_are_told_of_some_times() {
    let line = "{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{\"sessionId\":\"foreign\"}}\n";
    let mut heard = 0;
    let mut ear = |_: Report<'_>| {
        heard += 1;
        Ok(None)
    };
    let says = started(
        line.repeat(2_000).into_bytes(),
        Some(Box::new(std::io::sink())),
    );
    let ran = run(says, agent(), bounds(), &Cancel::new(), &mut ear).expect("heard");
    assert_eq!((ran.stop, ran.tally.understood > 2_000), (Stop::Over, true));
    assert_eq!(heard, NOTICES_TOLD_MAX);
}

/// Lines without end behind a beginning, as fast as they are read. It tells whether it came to an end of its own, which is far off.
struct Flood {
    begins: Cursor<Vec<u8>>,
    line: Cursor<Vec<u8>>,
    until: Instant,
    is_over: Arc<Mutex<bool>>,
}

impl Read for Flood {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let count = self.begins.read(to)?;
        if count > 0 {
            return Ok(count);
        }
        if Instant::now() >= self.until {
            *self.is_over.lock().expect("one reader") = true;
            return Ok(0);
        }
        if self.line.position() == self.line.get_ref().len() as u64 {
            self.line.set_position(0);
        }
        self.line.read(to)
    }
}

/// Ends the session of an agent that goes on talking when it is cancelled; gives whether it was heard to its end.
fn cancelled_in_a_flood(bytes_max: u64) -> bool {
    let begins = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":1}}\n\
                  {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"sessionId\":\"s\"}}\n";
    // To read one takes longer than to say one: there is always a next one.
    let line = format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"of/tomorrow\",\"params\":[{}0]}}\n",
        "[],".repeat(20_000)
    );
    let is_over = Arc::new(Mutex::new(false));
    let flood = Flood {
        begins: Cursor::new(begins.as_bytes().to_vec()),
        line: Cursor::new(line.into_bytes()),
        until: Instant::now() + CANCEL_GRACE * 10,
        is_over: Arc::clone(&is_over),
    };
    let says = Started {
        stdout: Box::new(flood),
        ..started(Vec::new(), Some(Box::new(std::io::sink())))
    };
    let cancel = Cancel::new();
    let mut ear = |report: Report<'_>| {
        if let Report::Heard(Heard::Began { id: Some(_), .. }) = report {
            cancel.cancel();
        }
        Ok(None)
    };
    let bounds = Bounds {
        bytes_max,
        ..bounds()
    };
    let ran = run(says, agent(), bounds, &cancel, &mut ear).expect("heard");
    assert_eq!(ran.stop, Stop::Cancelled);
    *is_over.lock().expect("its reader is done with it")
}

#[test]
fn an_agent_that_is_cancelled_gets_its_moment_and_not_more_however_much_it_says() {
    assert!(!cancelled_in_a_flood(u64::MAX), "its moment had no end");
}

#[test]
fn what_an_agent_says_while_it_is_cancelled_is_bounded_too() {
    let mut line =
        String::from("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":1}}\n");
    line.push_str("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"sessionId\":\"s\"}}\n");
    let behind = "{\"jsonrpc\":\"2.0\",\"method\":\"of/tomorrow\"}\n".repeat(100);
    // The end of its turn, which counts only where it is still read.
    let end = "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"stopReason\":\"cancelled\"}}\n";
    for (bytes_max, is_heard) in [(1 << 20, true), (2_000, false)] {
        let cancel = Cancel::new();
        let mut ear = |report: Report<'_>| {
            if let Report::Heard(Heard::Began { id: Some(_), .. }) = report {
                cancel.cancel();
            }
            Ok(None)
        };
        let says = format!("{line}{behind}{end}").into_bytes();
        let says = started(says, Some(Box::new(std::io::sink())));
        let bounds = Bounds {
            bytes_max,
            ..bounds()
        };
        let ran = run(says, agent(), bounds, &cancel, &mut ear).expect("heard");
        assert_eq!(
            (ran.stop, ran.tally.ended.is_some()),
            (Stop::Cancelled, is_heard)
        );
    }
}

#[test]
fn a_record_that_fails_ends_the_session() {
    let line = b"{\"type\":\"system\",\"subtype\":\"init\"}\n".to_vec();
    let mut ear = |_: Report<'_>| {
        Err(ExitStatus::Killed {
            detail: "the disk is full".into(),
        })
    };
    let claude = Dialect::Claude(claude::Stream::new(false));
    let ended = run(
        started(line, None),
        claude,
        bounds(),
        &Cancel::new(),
        &mut ear,
    );
    assert!(matches!(ended, Err(ExitStatus::Killed { .. })), "{ended:?}");
}

#[test]
fn a_version_is_what_is_printed() {
    let patience = Patience::default();
    let said = print(
        started(b"2.1.330 (Claude Code)\n".to_vec(), None),
        patience,
        &Cancel::new(),
    );
    assert_eq!(said.as_deref(), Ok("2.1.330 (Claude Code)\n"));
    let failed = Started {
        end: Box::new(|| Ok(Exit::Code { code: 127 })),
        ..started(Vec::new(), None)
    };
    let why = print(failed, patience, &Cancel::new()).expect_err("it said nothing");
    assert!(
        why.contains("exit 127") && why.contains("a complaint"),
        "{why}"
    );
}

/// Whatever runs beside an agent can ask for what it is lent, too: there is an end to it.
#[test]
fn whoever_asks_for_what_is_lent_without_end_is_ended() {
    let dir = tempfile::tempdir().expect("a temp dir");
    let at = dir.path().join("socket");
    let (stdout, _held) = UnixStream::pair().expect("a pair");
    let said = Started {
        stdout: Box::new(stdout),
        lent: Some(std::os::unix::net::UnixListener::bind(&at).expect("bound")),
        ..started(Vec::new(), None)
    };
    let asking = std::thread::spawn(move || {
        let mut socket = UnixStream::connect(&at).expect("connected");
        let line = |text: &str| format!("{text}\n").into_bytes();
        let mut answers = std::io::BufReader::new(socket.try_clone().expect("cloned"));
        socket.write_all(&line("alai")).expect("written");
        let mut asked = 0;
        let mut answer = String::new();
        while socket.write_all(&line("{}")).is_ok() {
            answer.clear();
            match std::io::BufRead::read_line(&mut answers, &mut answer) {
                Ok(count) if count > 0 => asked += 1,
                Ok(_) | Err(_) => break,
            }
        }
        asked
    });
    let mut ear = |report: Report<'_>| match report {
        Report::Asked { server, line } => {
            assert_eq!((server, line), ("alai", &b"{}"[..]));
            Ok(Some("[]".to_owned()))
        }
        Report::Heard(_) | Report::TurnOver => Ok(None),
    };
    let dialect = Dialect::Codex(codex::Stream::default());
    let ran = run(said, dialect, bounds(), &Cancel::new(), &mut ear).expect("it ran");
    assert!(
        matches!(&ran.stop, Stop::Flood(why) if why.contains("more than 10000 times")),
        "{:?}",
        ran.stop
    );
    assert_eq!(asking.join().expect("it ends"), ASKED_MAX);
}
