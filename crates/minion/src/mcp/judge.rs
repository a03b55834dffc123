//! What must hold of whatever a server says, for the fuzz targets: the agent reads bounded texts without what steers a terminal and
//! without the secrets that the server was given, and nothing waits for a server that has ended.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;

use alai_core::mcp::Offer;
use alai_workspace::command::Cancel;
use serde_json::{Map, Value};

use super::wire::Started;
use super::{Patience, Said, Seats, Servers, Wish};

/// What the server was given and the agent must not read.
pub(crate) const SECRET: &str = "hunter2-and-more";
/// Of one answer: the longest is a result, or a list, with its marks.
const TEXT_BYTES_MAX: usize = 32 << 10;
/// Of a list for an agent of others, whose entries have 64 KiB.
const LIST_BYTES_MAX: usize = 65 << 10;
/// As much as a pipe holds that nobody reads, with room for numbers that are put in.
const SAID_BYTES_MAX: usize = 48 << 10;
const PATIENCE: Patience = Patience {
    start_s: 5,
    call_s: 5,
};

/// A session with a server that says these lines: its tools twice, then a call of the first.
pub(crate) fn judge(bytes: &[u8]) -> Vec<Said> {
    let bytes = &bytes[..bytes.len().min(SAID_BYTES_MAX)];
    let offers = [Offer {
        server: "s".to_owned(),
        tools: None,
    }];
    let held = std::cell::RefCell::new(Vec::new());
    let start = |_: &str| {
        let (started, ours) = started(bytes).map_err(|why| why.to_string())?;
        held.borrow_mut().push(ours);
        Ok(started)
    };
    let mut seats = Seats::new(Some(Servers {
        offers: &offers,
        start: &start,
        patience: PATIENCE,
    }));
    let (cancel, left_s) = (Cancel::default(), 60);
    let mut said = vec![seats.ask(&wish(None), left_s, &cancel)];
    let mut tool = "echo".to_owned();
    match seats.offered("s", left_s, &cancel) {
        Ok(tools) => {
            let whole = Value::Array(tools).to_string();
            clean(&whole, LIST_BYTES_MAX);
            let tools: Value = serde_json::from_str(&whole).expect("JSON");
            tool = tools[0]["name"].as_str().map_or(tool, str::to_owned);
        }
        Err(why) => said.push(why),
    }
    said.push(seats.ask(&wish(Some(tool)), left_s, &cancel));
    seats.close();
    said.iter()
        .for_each(|said| clean(&said.text, TEXT_BYTES_MAX));
    seats
        .notes()
        .iter()
        .for_each(|note| clean(&note.detail, TEXT_BYTES_MAX));
    drop(seats);
    for ours in held.into_inner() {
        ours.server.join().expect("a server that ends");
    }
    said
}

fn wish(tool: Option<String>) -> Wish {
    Wish {
        server: "s".to_owned(),
        tool,
        arguments: Map::new(),
        unheard: true,
    }
}

fn clean(text: &str, bytes_max: usize) {
    assert!(text.len() <= bytes_max, "{} bytes", text.len());
    assert!(!text.contains(SECRET), "{text}");
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    assert!(!text.chars().any(steers), "{text:?}");
}

/// The server, and the ends of its pipes that are read. They stay open until it has ended: a pipe that nobody reads would end the process of
/// a fuzzer, which has not Rust's own way of beginning, and a thread that goes on looks like a leak there.
struct Ours {
    server: JoinHandle<()>,
    _stdin: OwnedFd,
    _stdout: OwnedFd,
}

fn started(bytes: &[u8]) -> io::Result<(Started, Ours)> {
    let ((hears, stdin), (stdout, says)) = (rustix::pipe::pipe()?, rustix::pipe::pipe()?);
    let (stderr, _closed) = rustix::pipe::pipe()?;
    let (_stdin, _stdout) = (hears.try_clone()?, stdout.try_clone()?);
    let bytes = bytes.to_owned();
    // It ends when what it hears ends, or with its lines; all that it says has room in its pipe.
    let server = std::thread::spawn(move || {
        let _gone = serve(&bytes, File::from(hears), File::from(says));
    });
    let ours = Ours {
        server,
        _stdin,
        _stdout,
    };
    let started = Started {
        stdin,
        stdout,
        stderr,
        secrets: vec![SECRET.to_owned()],
        layers: Vec::new(),
        end: Box::new(|| "ended".to_owned()),
    };
    Ok((started, ours))
}

/// Behind each request all lines up to the first that answers one; that gets the number of the request.
fn serve(bytes: &[u8], hears: File, mut says: File) -> io::Result<()> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    for request in BufReader::new(hears).lines() {
        let request: Value = serde_json::from_str(&request?)?;
        let id = request
            .get("id")
            .filter(|_| request.get("method").is_some());
        let Some(id) = id else {
            continue;
        };
        loop {
            let Some(line) = lines.next() else {
                return Ok(());
            };
            let answer = serde_json::from_slice(line).ok().and_then(answer);
            let is_answer = answer.is_some();
            match answer {
                Some(mut answer) => {
                    answer.insert("id".to_owned(), id.clone());
                    says.write_all(Value::Object(answer).to_string().as_bytes())?;
                }
                None => says.write_all(line)?,
            }
            says.write_all(b"\n")?;
            if is_answer {
                break;
            }
        }
    }
    Ok(())
}

/// A line that a client takes for an answer to what it has asked. After one that it does not, it waits.
fn answer(line: Value) -> Option<Map<String, Value>> {
    let Value::Object(line) = line else {
        return None;
    };
    let error = |error: &Value| error["code"].is_i64() && error["message"].is_string();
    let is_one = line.get("jsonrpc").is_some_and(|version| version == "2.0")
        && line.contains_key("id")
        && !line.contains_key("method")
        && line.contains_key("result") != line.get("error").is_some_and(error)
        && line.get("result").is_none_or(Value::is_object);
    is_one.then_some(line)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use alai_testkit::fuzz;

    use super::*;

    fn corpus() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/mcp")
    }

    #[test]
    fn mcp() {
        const PIECES: [&str; 20] = [
            "\n",
            "\"",
            "{",
            "}",
            "[",
            "]",
            "null",
            SECRET,
            "hunter2\\u002dand-more",
            "hunter2-\u{202e}and-more",
            "\\u001b[2J",
            "\\u0007",
            "\"result\":{}",
            "\"error\":{\"code\":1,\"message\":\"x\"}",
            "\"method\":\"ping\",",
            "\"nextCursor\":\"1\",",
            "\"isError\":true,",
            "\"structuredContent\":{\"a\":1},",
            "\"type\":\"resource_link\",\"uri\":\"x:y\",\"name\":\"n\",",
            "1e999",
        ];
        fuzz::door("mcp", &corpus(), &PIECES, |bytes| {
            judge(bytes);
        });
    }

    #[test]
    fn the_seeds_are_whole_sessions() {
        for (file, says) in [("older.jsonl", "hello"), ("newest.jsonl", "no such thing")] {
            let said = judge(&std::fs::read(corpus().join(file)).expect("a seed"));
            assert!(said[0].text.contains("echo") && !said[0].error, "{said:?}");
            let last = said.last().expect("an answer");
            assert!(last.text.contains(says), "{file}: {said:?}");
        }
    }
}
