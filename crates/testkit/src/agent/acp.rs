//! The twin of an agent of the Agent Client Protocol, version 1: JSON-RPC on standard input and output.

use std::io::{self, BufRead};

use serde_json::{Value, json};

use super::hands::{self, json};
use super::{Act, Script};

/// Serves until its input ends; the exit code.
pub(super) fn main(script: &Script, args: Vec<String>) -> io::Result<i32> {
    let mut agent = Agent {
        script,
        args,
        heard: Vec::new(),
        prompts: hands::starts(script),
        requests: 100,
        logged_in: false,
        folder: String::new(),
        servers: Value::Null,
    };
    let ended = agent.serve();
    // Its protocol gives it no folder of its own.
    if script.notes.is_some() {
        hands::note(script, ".", &agent.args, &agent.heard)?;
    }
    ended
}

const SESSION: &str = "sess-twin";

struct Agent<'s> {
    script: &'s Script,
    args: Vec<String>,
    heard: Vec<Value>,
    prompts: usize,
    requests: u64,
    logged_in: bool,
    folder: String,
    servers: Value,
}

impl Agent<'_> {
    /// The next message; none at the end of the input.
    fn read(&mut self) -> io::Result<Option<Value>> {
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let value: Value = serde_json::from_str(&line)?;
        if value["jsonrpc"] != "2.0" {
            return Err(io::Error::other("a message without its version"));
        }
        self.heard.push(value.clone());
        Ok(Some(value))
    }

    fn serve(&mut self) -> io::Result<i32> {
        while let Some(message) = self.read()? {
            let id = &message["id"];
            let answer = match message["method"].as_str().unwrap_or_default() {
                "initialize" => self.initialize(&message),
                "authenticate" => {
                    self.logged_in = true;
                    json!({"result": {}})
                }
                "session/new" => self.open(&message["params"]),
                "session/set_config_option" => json!({"result": {"configOptions": []}}),
                "session/prompt" => match self.prompt()? {
                    Played::Exit(code) => return Ok(code),
                    Played::Answer(answer) => answer,
                },
                // What nobody waits for.
                _ => continue,
            };
            json(&hands::over(json!({"jsonrpc": "2.0", "id": id}), &answer))?;
        }
        Ok(0)
    }

    fn initialize(&self, message: &Value) -> Value {
        let version = &message["params"]["protocolVersion"];
        if !version.is_u64() {
            return json!({"error": {"code": -32602, "message": "no version"}});
        }
        let result = json!({"protocolVersion": 1, "agentCapabilities": {}, "authMethods": [],
            "agentInfo": {"name": "twin", "version": self.script.version}});
        json!({"result": hands::over(result, &self.script.begins)})
    }

    fn open(&mut self, params: &Value) -> Value {
        let folder = params["cwd"].as_str().unwrap_or_default();
        if !folder.starts_with('/') || !params["mcpServers"].is_array() {
            return json!({"error": {"code": -32602, "message": "no folder, or no list of servers"}});
        }
        let wants_login = self.script.begins["authMethods"]
            .as_array()
            .is_some_and(|m| !m.is_empty());
        if wants_login && !self.logged_in {
            return json!({"error": {"code": -32000, "message": "Authentication required"}});
        }
        folder.clone_into(&mut self.folder);
        self.servers = params["mcpServers"].clone();
        let models =
            json!([{"value": "twin-small", "name": "Small"}, {"value": "twin-big", "name": "Big"}]);
        json!({"result": {"sessionId": SESSION, "configOptions": [{"id": "model", "name": "Model", "category": "model",
            "type": "select", "currentValue": "twin-small", "options": models}]}})
    }

    /// Plays the acts of a turn.
    fn prompt(&mut self) -> io::Result<Played> {
        let script = self.script;
        let acts = hands::session(script, self.prompts);
        self.prompts += 1;
        for (number, act) in acts.iter().enumerate() {
            if let Some(played) = self.act(&format!("call-{}-{number}", self.prompts), act)? {
                return Ok(played);
            }
        }
        Ok(Played::Answer(json!({"result": {"stopReason": "end_turn",
            "usage": {"inputTokens": 1_000, "outputTokens": 50, "totalTokens": 1_050}}})))
    }

    fn act(&mut self, id: &str, act: &Act) -> io::Result<Option<Played>> {
        match act {
            Act::Say(text) => {
                // In pieces, as a model says it.
                for piece in text.split_inclusive(' ') {
                    let content = json!({"type": "text", "text": piece});
                    self.update(
                        json!({"sessionUpdate": "agent_message_chunk", "content": content}),
                    )?;
                }
            }
            Act::Think(text) => {
                let content = json!({"type": "text", "text": text});
                self.update(json!({"sessionUpdate": "agent_thought_chunk", "content": content}))?;
            }
            Act::Write(path, content) => {
                self.call(id, "edit", &format!("Write {path}"), path)?;
                let written = hands::write(path, content);
                self.over(id, written.is_ok(), &written.unwrap_or_else(|e| e))?;
            }
            Act::Run(command) => {
                self.call(id, "execute", command, "")?;
                let (fine, text) = hands::run(command);
                self.over(id, fine, &text)?;
            }
            Act::Ask(kind, path) => self.ask(id, kind, path)?,
            Act::Request(method, params) => {
                self.request(method, params.clone())?;
            }
            Act::Denied(_, path) => self.ask(id, "edit", path)?,
            Act::Raw(text) => hands::line(text)?,
            Act::Long(bytes) => {
                self.call(id, "read", "Read long.txt", "long.txt")?;
                self.over(id, true, &"x".repeat(*bytes))?;
            }
            Act::Complain(text) => hands::complain(text),
            Act::Hang => hands::hang(),
            Act::Forever(text) => hands::forever(text)?,
            Act::Orphan(file) => hands::orphan(file)?,
            Act::Exit(code) => return Ok(Some(Played::Exit(*code))),
            Act::Terminated => hands::terminate(),
            Act::Await(file) => hands::await_file(file),
            Act::Use(server, tool, arguments) => self.uses(id, server, tool, arguments)?,
            Act::Result(over) => return Ok(Some(Played::Answer(over.clone()))),
            Act::AwaitCancel => loop {
                match self.read()? {
                    Some(message) if message["method"] == "session/cancel" => {
                        let cost = json!({"amount": 0.5, "currency": "USD"});
                        self.update(json!({"sessionUpdate": "usage_update", "used": 1, "size": 2, "cost": cost}))?;
                        return Ok(Some(Played::Answer(
                            json!({"result": {"stopReason": "cancelled"}}),
                        )));
                    }
                    Some(_) => {}
                    None => return Ok(Some(Played::Exit(0))),
                }
            },
        }
        Ok(None)
    }

    fn update(&self, update: Value) -> io::Result<()> {
        json(&json!({"jsonrpc": "2.0", "method": "session/update",
            "params": {"sessionId": SESSION, "update": update}}))
    }

    fn call(&self, id: &str, kind: &str, title: &str, path: &str) -> io::Result<()> {
        let places = match path {
            "" => json!([]),
            path => json!([{"path": self.absolute(path)}]),
        };
        self.update(
            json!({"sessionUpdate": "tool_call", "toolCallId": id, "title": title, "kind": kind,
            "status": "pending", "locations": places}),
        )
    }

    fn over(&self, id: &str, fine: bool, text: &str) -> io::Result<()> {
        let content = json!([{"type": "content", "content": {"type": "text", "text": text}}]);
        let status = if fine { "completed" } else { "failed" };
        self.update(json!({"sessionUpdate": "tool_call_update", "toolCallId": id, "status": status, "content": content}))
    }

    fn absolute(&self, path: &str) -> String {
        match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("{}/{path}", self.folder),
        }
    }

    /// A tool with leave: it writes the file when it gets it.
    fn ask(&mut self, id: &str, kind: &str, path: &str) -> io::Result<()> {
        self.call(id, kind, &format!("{kind} {path}"), path)?;
        let options = json!([{"optionId": "always", "name": "Always", "kind": "allow_always"},
            {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
            {"optionId": "no", "name": "Reject", "kind": "reject_once"}]);
        let params =
            json!({"sessionId": SESSION, "toolCall": {"toolCallId": id}, "options": options});
        let answer = self.request("session/request_permission", params)?;
        if answer["result"]["outcome"]["optionId"] == "yes" {
            let written = hands::write(&self.absolute(path), "by leave\n");
            return self.over(id, written.is_ok(), &written.unwrap_or_else(|e| e));
        }
        self.over(id, false, "no leave")
    }

    /// Calls a tool of a server, with leave.
    fn uses(&mut self, id: &str, server: &str, tool: &str, arguments: &Value) -> io::Result<()> {
        let name = format!("mcp__{server}__{tool}");
        self.call(id, "other", &name, "")?;
        let options = json!([{"optionId": "yes", "name": "Allow", "kind": "allow_once"},
            {"optionId": "no", "name": "Reject", "kind": "reject_once"}]);
        let params =
            json!({"sessionId": SESSION, "toolCall": {"toolCallId": id}, "options": options});
        let answer = self.request("session/request_permission", params)?;
        if answer["result"]["outcome"]["optionId"] != "yes" {
            return self.over(id, false, "no leave");
        }
        let all = self.servers.as_array().into_iter().flatten();
        let told = all
            .filter(|one| one["name"] == server && one["env"].is_array())
            .find_map(hands::told);
        let (fine, text) = hands::used(told, tool, arguments);
        self.over(id, fine, &text)
    }

    /// Asks its client, and waits for the answer.
    fn request(&mut self, method: &str, params: Value) -> io::Result<Value> {
        self.requests += 1;
        let id = self.requests;
        json(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        loop {
            match self.read()? {
                Some(message) if message["id"] == id && message.get("method").is_none() => {
                    return Ok(message);
                }
                Some(_) => {}
                None => return Err(io::Error::other("no answer")),
            }
        }
    }
}

/// What a turn comes to.
enum Played {
    Answer(Value),
    Exit(i32),
}
