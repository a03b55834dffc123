//! What every twin does by hand: files, commands, orphans, lines, notes.

use std::fs::OpenOptions;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Act, NOTES, Note, Script};

/// How long the real programs' twins wait for the end of an input that should have none.
const STDIN_PATIENCE: Duration = Duration::from_millis(1_500);

/// One line on standard output.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

pub(super) fn json(value: &Value) -> io::Result<()> {
    line(&value.to_string())
}

pub(super) fn complain(text: &str) {
    // Whoever does not listen misses it.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Notes a start; gives which one this is, from 0.
pub(super) fn note(
    script: &Script,
    folder: &str,
    args: &[String],
    heard: &[Value],
) -> io::Result<usize> {
    let file = match &script.notes {
        Some(file) => file.clone(),
        None => Path::new(folder).join(NOTES),
    };
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let note = Note {
        args: args.to_vec(),
        env: std::env::vars().collect(),
        heard: heard.to_vec(),
    };
    let mut out = OpenOptions::new().create(true).append(true).open(file)?;
    writeln!(out, "{}", serde_json::to_string(&note)?)?;
    Ok(before.lines().count())
}

/// How often a program was started before that notes its starts in a file of its own.
pub(super) fn starts(script: &Script) -> usize {
    let file = script.notes.as_ref();
    let text = file.and_then(|file| std::fs::read_to_string(file).ok());
    text.map_or(0, |text| text.lines().count())
}

/// The acts of this session.
pub(super) fn session(script: &Script, number: usize) -> &[Act] {
    let last = script.sessions.len().saturating_sub(1);
    script
        .sessions
        .get(number.min(last))
        .map_or(&[], Vec::as_slice)
}

/// What a real one does with an open standard input: it waits for its end, for ever.
pub(super) fn await_stdin_end() {
    let (ended, over) = mpsc::channel();
    std::thread::spawn(move || {
        let mut all = Vec::new();
        let _ = io::stdin().read_to_end(&mut all);
        let _ = ended.send(());
    });
    if over.recv_timeout(STDIN_PATIENCE).is_err() {
        hang();
    }
}

pub(super) fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

/// Says the same thing, some times a second.
pub(super) fn forever(text: &str) -> io::Result<()> {
    loop {
        line(text)?;
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes a file; an error as the tool would tell it.
pub(super) fn write(path: &str, content: &str) -> Result<String, String> {
    let path = PathBuf::from(path);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|e| e.to_string())?;
    }
    std::fs::write(&path, content)
        .map(|()| "written".to_owned())
        .map_err(|e| e.to_string())
}

/// Runs a command; whether it succeeded, and all it said.
pub(super) fn run(command: &str) -> (bool, String) {
    let ran = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .output();
    match ran {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            (
                output.status.success(),
                String::from_utf8_lossy(&said).into_owned(),
            )
        }
        Err(e) => (false, e.to_string()),
    }
}

/// Leaves a process behind that holds our outputs.
pub(super) fn orphan(file: &str) -> io::Result<()> {
    let child = Command::new("sh")
        .args(["-c", "sleep 600"])
        .stdin(Stdio::null())
        .spawn()?;
    std::fs::write(file, child.id().to_string())
}

/// Waits for a file, looking every few milliseconds.
pub(super) fn await_file(path: &str) {
    while !Path::new(path).exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Ends this process by SIGTERM, as somebody else would.
pub(super) fn terminate() -> ! {
    let own = std::process::id().to_string();
    let _ = Command::new("kill").args(["-TERM", &own]).status();
    hang()
}

/// The value behind an option.
pub(super) fn option<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    let at = args.iter().position(|arg| arg == name)?;
    args.get(at + 1).map(String::as_str)
}

/// What an option must be, or the program is dangerous or useless without it.
pub(super) fn needs(args: &[String], name: &str, is: impl Fn(&str) -> bool) -> io::Result<()> {
    match option(args, name) {
        Some(value) if is(value) => Ok(()),
        given => Err(io::Error::other(format!(
            "{name} is {given:?}, which is refused"
        ))),
    }
}

pub(super) fn needs_flag(args: &[String], name: &str) -> io::Result<()> {
    match args.iter().any(|arg| arg == name) {
        true => Ok(()),
        false => Err(io::Error::other(format!("{name} is missing"))),
    }
}

/// A variable that was not inherited from whoever started us.
pub(super) fn needs_none(names: &[&str]) -> io::Result<()> {
    match names.iter().find(|name| std::env::var_os(name).is_some()) {
        None => Ok(()),
        Some(name) => Err(io::Error::other(format!("{name} was inherited"))),
    }
}

pub(super) fn variable(name: &str) -> io::Result<String> {
    std::env::var(name).map_err(|e| io::Error::other(format!("{name}: {e}")))
}

/// Puts the fields of `over` into `value`.
pub(super) fn over(mut value: Value, over: &Value) -> Value {
    for (key, field) in over.as_object().into_iter().flatten() {
        value[key] = field.clone();
    }
    value
}

/// A server that a twin was told of: its program and the arguments.
pub(super) type Told = (String, Vec<String>);

/// Speaks with a server as the real programs do: greets it, lists its tools, and calls one. Whether it succeeded, and what the server
/// said; without a tool the names of all.
pub(super) fn used(told: Option<Told>, tool: &str, arguments: &Value) -> (bool, String) {
    let Some((command, args)) = told else {
        return (false, "no such server was named to it".to_owned());
    };
    match spoken(&command, &args, tool, arguments) {
        Ok(said) => said,
        Err(why) => (false, format!("the server broke: {why}")),
    }
}

fn spoken(
    command: &str,
    args: &[String],
    tool: &str,
    arguments: &Value,
) -> io::Result<(bool, String)> {
    let mut child = Command::new(command)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let broken = || io::Error::other("its pipes are gone");
    let mut to = child.stdin.take().ok_or_else(broken)?;
    let mut from = io::BufReader::new(child.stdout.take().ok_or_else(broken)?);
    let mut id = 0;
    let mut ask = |method: &str, params: Value| -> io::Result<Value> {
        id += 1;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        writeln!(to, "{request}")?;
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Err(io::Error::other("it ended"));
        }
        let answer: Value = serde_json::from_str(&line)?;
        match answer["id"] == id {
            true => Ok(answer),
            false => Err(io::Error::other("it answered another request")),
        }
    };
    let client = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "twin", "version": "1"}});
    let greeted = ask("initialize", client)?;
    if !greeted["result"]["capabilities"]["tools"].is_object() {
        return Ok((false, format!("it did not greet: {greeted}")));
    }
    let listed = ask("tools/list", json!({}))?;
    let said = match (listed["result"]["tools"].as_array(), tool) {
        (None, _) => (
            false,
            listed["error"]["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        ),
        (Some(tools), "") => {
            let names = tools.iter().filter_map(|tool| tool["name"].as_str());
            (true, names.collect::<Vec<_>>().join(", "))
        }
        (Some(tools), "?") => {
            let told = tools.iter().map(Value::to_string);
            (true, told.collect::<Vec<_>>().join("\n"))
        }
        (Some(_), tool) => {
            let called = ask("tools/call", json!({"name": tool, "arguments": arguments}))?;
            let text = called["result"]["content"][0]["text"].as_str();
            let text = text
                .or(called["error"]["message"].as_str())
                .unwrap_or_default();
            let fine = called["result"]["isError"] == false;
            (fine, text.to_owned())
        }
    };
    drop(to);
    child.wait()?;
    Ok(said)
}

/// Reads `{"command": .., "args": [..]}`.
pub(super) fn told(server: &Value) -> Option<Told> {
    let args = server["args"].as_array()?.iter();
    let args = args.filter_map(|arg| arg.as_str().map(str::to_owned));
    Some((server["command"].as_str()?.to_owned(), args.collect()))
}
