//! A client of the daemon's socket: the wire of the command line, without a process for each question.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use alai_factory::{Op, Outcome};
use serde_json::{Value, json};

/// A daemon that is asked and neither answers nor dies hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the daemon made of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Done(Outcome),
    /// Not done, with the reason.
    Refused(String),
}

/// Whether a daemon answers in this home.
pub(crate) fn pulse(home: &Path) -> bool {
    exchange(home, "", &json!({"kind": "pulse"})).is_ok()
}

/// Asks once. An error leaves open whether it was done; asked again under the same key it is the same request.
pub(crate) fn ask(home: &Path, actor: &str, op: &Op, key: &str) -> io::Result<Said> {
    let mut answer = exchange(
        home,
        actor,
        &json!({"kind": "perform", "op": op, "key": key}),
    )?;
    if answer["kind"] == "refused" {
        let why = answer["error"]["message"].as_str().unwrap_or_default();
        return Ok(Said::Refused(why.to_owned()));
    }
    assert_eq!(answer["kind"], "done", "{answer}");
    let outcome = serde_json::from_value(answer["outcome"].take());
    Ok(Said::Done(outcome.expect("an outcome")))
}

fn exchange(home: &Path, actor: &str, ask: &Value) -> io::Result<Value> {
    let stream = UnixStream::connect(home.join("daemon.sock"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = json!({"version": 2, "actor": actor, "ask": ask});
    (&stream).write_all(format!("{request}\n").as_bytes())?;
    let mut line = String::new();
    // The daemon may die in the middle of its line.
    if BufReader::new(&stream).read_line(&mut line)? == 0 || !line.ends_with('\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&line)?)
}
