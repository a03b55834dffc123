//! The twin of a server of the Model Context Protocol: JSON-RPC on standard input and output, and what its script makes it do
//! instead.
//!
//! `begins` says what it is: `tools` (as it lists them; by default one, `echo`), `later` (those that it lists from its second list
//! on), `modern` (it knows `server/discover`), `start` (acts before it reads anything), `listing` (acts before it lists, with
//! `result` for fields over those of its list), `version` (of the protocol, as it answers a greeting). Its sessions are its calls.

use std::io::{self, BufRead};

use serde::Deserialize;
use serde_json::{Value, json};

use super::hands::{self, json};
use super::{Act, Script};

/// Serves until its input ends; the exit code.
pub(super) fn main(script: &Script, args: Vec<String>) -> io::Result<i32> {
    let mut server = Server {
        script,
        args,
        heard: Vec::new(),
        calls: 0,
        lists: 0,
        requests: 900,
    };
    let ended = match server.begin()? {
        Some(code) => Ok(code),
        None => server.serve(),
    };
    if script.notes.is_some() {
        hands::note(script, ".", &server.args, &server.heard)?;
    }
    ended
}

struct Server<'s> {
    script: &'s Script,
    args: Vec<String>,
    heard: Vec<Value>,
    calls: usize,
    lists: usize,
    requests: u64,
}

/// What a call came to.
struct Played {
    text: String,
    /// Fields over those of its result.
    over: Value,
    exit: Option<i32>,
}

impl Server<'_> {
    fn acts(&self, of: &str) -> io::Result<Vec<Act>> {
        match self.script.begins.get(of) {
            Some(acts) => Ok(Vec::<Act>::deserialize(acts)?),
            None => Ok(Vec::new()),
        }
    }

    fn begin(&mut self) -> io::Result<Option<i32>> {
        let acts = self.acts("start")?;
        Ok(self.play(&acts)?.exit)
    }

    fn read(&mut self) -> io::Result<Option<Value>> {
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let value: Value = serde_json::from_str(&line)?;
        self.heard.push(value.clone());
        Ok(Some(value))
    }

    fn serve(&mut self) -> io::Result<i32> {
        while let Some(message) = self.read()? {
            let Some(id) = message
                .get("id")
                .filter(|_| message.get("method").is_some())
            else {
                continue;
            };
            let params = &message["params"];
            let answer = match message["method"].as_str().unwrap_or_default() {
                "initialize" => {
                    json!({"result": {"protocolVersion": self.script.begins.get("version").unwrap_or(&params["protocolVersion"]),
                    "capabilities": {"tools": {"listChanged": true}}, "serverInfo": {"name": "twin", "version": "1"}}})
                }
                "server/discover" if self.script.begins["modern"] == true => json!({"result": {
                    "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                    "ttlMs": 0, "cacheScope": "private"}}),
                "tools/list" => {
                    let acts = self.acts("listing")?;
                    let played = self.play(&acts)?;
                    if let Some(code) = played.exit {
                        return Ok(code);
                    }
                    json!({"result": hands::over(json!({"tools": self.tools()}), &played.over)})
                }
                "tools/call" => {
                    let played = self.call(params)?;
                    if let Some(code) = played.exit {
                        return Ok(code);
                    }
                    let content = json!([{"type": "text", "text": played.text}]);
                    json!({"result": hands::over(json!({"content": content}), &played.over)})
                }
                "ping" => json!({"result": {}}),
                _ => json!({"error": {"code": -32601, "message": "Method not found"}}),
            };
            json(&hands::over(json!({"jsonrpc": "2.0", "id": id}), &answer))?;
        }
        Ok(0)
    }

    fn tools(&mut self) -> Value {
        self.lists += 1;
        let begins = &self.script.begins;
        let later = begins.get("later").filter(|_| self.lists > 1);
        later.or(begins.get("tools")).cloned().unwrap_or_else(|| {
            json!([{"name": "echo", "description": "Says what it is told.",
                "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}])
        })
    }

    fn call(&mut self, params: &Value) -> io::Result<Played> {
        let script = self.script;
        let acts = hands::session(script, self.calls);
        self.calls += 1;
        let mut played = self.play(acts)?;
        if played.text.is_empty() {
            played.text = params["arguments"]["text"]
                .as_str()
                .unwrap_or("")
                .to_owned();
        }
        Ok(played)
    }

    fn play(&mut self, acts: &[Act]) -> io::Result<Played> {
        let mut played = Played {
            text: String::new(),
            over: json!({}),
            exit: None,
        };
        for act in acts {
            match act {
                Act::Say(text) => played.text.push_str(text),
                Act::Write(path, content) => {
                    let written = hands::write(path, content);
                    played.text.push_str(&written.unwrap_or_else(|e| e));
                }
                Act::Run(command) => played.text.push_str(&hands::run(command).1),
                Act::Raw(text) => hands::line(text)?,
                Act::Long(bytes) => hands::line(&format!("\"{}\"", "x".repeat(*bytes)))?,
                Act::Complain(text) => hands::complain(text),
                Act::Hang => hands::hang(),
                Act::Forever(text) => loop {
                    hands::line(text)?;
                },
                Act::Orphan(file) => hands::orphan(file)?,
                Act::Exit(code) => {
                    played.exit = Some(*code);
                    return Ok(played);
                }
                Act::Terminated => hands::terminate(),
                Act::Result(over) => played.over = over.clone(),
                Act::Request(method, params) => self.request(method, params)?,
                Act::Await(file) => hands::await_file(file),
                // Of the other protocols.
                Act::Think(_)
                | Act::Denied(..)
                | Act::Ask(..)
                | Act::Use(..)
                | Act::AwaitCancel => {}
            }
        }
        Ok(played)
    }

    /// Asks its client for something, and notes the answer.
    fn request(&mut self, method: &str, params: &Value) -> io::Result<()> {
        self.requests += 1;
        let id = self.requests;
        json(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        while let Some(message) = self.read()? {
            if message["id"] == id {
                return Ok(());
            }
        }
        Ok(())
    }
}
