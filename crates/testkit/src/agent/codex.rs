//! The twin of Codex: `exec --json`, as version 0.169.0 of npm's `@openai/codex` writes it.

use std::io;

use serde_json::{Value, json};

use super::hands::{self, json, needs, needs_flag, needs_none};
use super::{Act, Script};

/// Plays a session; the exit code.
pub(super) fn main(script: &Script, args: &[String]) -> io::Result<i32> {
    refuse(args)?;
    let folder = hands::variable("CODEX_HOME")?;
    let number = hands::note(script, &folder, args, &[])?;
    hands::complain("Reading additional input from stdin...");
    hands::await_stdin_end();
    let mut session = Session {
        items: 0,
        schema: hands::option(args, "--output-schema").is_some(),
        args,
    };
    json(&json!({"type": "thread.started", "thread_id": "01a1ff3d-b2d9-7192-b60c-68b4e6548e62"}))?;
    json(&json!({"type": "turn.started"}))?;
    for act in hands::session(script, number) {
        if let Some(code) = session.act(act)? {
            return Ok(code);
        }
    }
    session
        .act(&Act::Result(json!({})))
        .map(|code| code.unwrap_or(0))
}

fn refuse(args: &[String]) -> io::Result<()> {
    if args.first().map(String::as_str) != Some("exec") {
        return Err(io::Error::other("not `exec`"));
    }
    for flag in [
        "--json",
        "--skip-git-repo-check",
        "--ephemeral",
        "--ignore-user-config",
        "--ignore-rules",
    ] {
        needs_flag(args, flag)?;
    }
    needs(args, "--sandbox", |mode| mode == "danger-full-access")?;
    needs_flag(args, "approval_policy=\"never\"")?;
    needs_flag(args, "project_doc_max_bytes=0")?;
    needs_flag(args, "skills.include_instructions=false")?;
    needs_flag(args, "features.hooks=false")?;
    if let Some(file) = hands::option(args, "--output-schema") {
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
        if schema["additionalProperties"] != false {
            return Err(io::Error::other("the schema leaves room for other fields"));
        }
    }
    needs_none(&["CODEX_SANDBOX", "OPENAI_API_KEY"])
}

struct Session<'a> {
    items: u32,
    schema: bool,
    args: &'a [String],
}

impl Session<'_> {
    fn act(&mut self, act: &Act) -> io::Result<Option<i32>> {
        match act {
            Act::Say(text) => self.whole("agent_message", json!({"text": text}))?,
            Act::Think(text) => self.whole("reasoning", json!({"text": text}))?,
            Act::Write(path, content) => {
                let status = match hands::write(path, content) {
                    Ok(_) => "completed",
                    Err(_) => "failed",
                };
                let changes = json!([{"path": path, "kind": "update"}]);
                self.whole("file_change", json!({"changes": changes, "status": status}))?;
            }
            Act::Run(command) => self.run(command)?,
            Act::Denied(_, path) => self.whole(
                "command_execution",
                json!({"command": format!("touch {path}"), "aggregated_output": "", "exit_code": null, "status": "declined"}),
            )?,
            Act::Raw(text) => hands::line(text)?,
            Act::Long(bytes) => self.whole("reasoning", json!({"text": "x".repeat(*bytes)}))?,
            Act::Complain(text) => hands::complain(text),
            Act::Hang => hands::hang(),
            Act::Forever(text) => hands::forever(text)?,
            Act::Orphan(file) => hands::orphan(file)?,
            Act::Exit(code) => return Ok(Some(*code)),
            Act::Terminated => hands::terminate(),
            Act::Await(file) => hands::await_file(file),
            Act::Use(server, tool, arguments) => self.uses(server, tool, arguments)?,
            Act::Result(over) => return self.end(over).map(Some),
            Act::Ask(..) | Act::Request(..) | Act::AwaitCancel => {
                return Err(io::Error::other("not of this protocol"));
            }
        }
        Ok(None)
    }

    fn item(&mut self, event: &str, kind: &str, fields: &Value) -> io::Result<()> {
        let item = json!({"id": format!("item_{}", self.items), "type": kind});
        json(&json!({"type": event, "item": hands::over(item, fields)}))
    }

    fn whole(&mut self, kind: &str, fields: Value) -> io::Result<()> {
        self.item("item.completed", kind, &fields)?;
        self.items += 1;
        Ok(())
    }

    fn run(&mut self, command: &str) -> io::Result<()> {
        let command_line = format!("/bin/bash -lc '{command}'");
        let kind = "command_execution";
        self.item(
            "item.started",
            kind,
            &json!({"command": command_line, "aggregated_output": "", "exit_code": null, "status": "in_progress"}),
        )?;
        let (fine, text) = hands::run(command);
        let status = if fine { "completed" } else { "failed" };
        self.whole(
            kind,
            json!({"command": command_line, "aggregated_output": text, "exit_code": i32::from(!fine), "status": status}),
        )
    }

    fn uses(&mut self, server: &str, tool: &str, arguments: &Value) -> io::Result<()> {
        let fields = json!({"server": server, "tool": tool, "arguments": arguments, "status": "in_progress"});
        self.item("item.started", "mcp_tool_call", &fields)?;
        let (fine, text) = hands::used(self.told(server)?, tool, arguments);
        let content = json!({"content": [{"type": "text", "text": text}]});
        let status = if fine { "completed" } else { "failed" };
        let over = json!({"result": content, "error": null, "status": status});
        self.whole("mcp_tool_call", hands::over(fields, &over))
    }

    /// What its configuration says of a server: a value of TOML behind `-c`.
    fn told(&self, server: &str) -> io::Result<Option<hands::Told>> {
        let key = format!("mcp_servers.{server}=");
        let Some(text) = self.args.iter().find_map(|arg| arg.strip_prefix(&key)) else {
            return Ok(None);
        };
        let table: toml::Table = format!("it={text}").parse().map_err(io::Error::other)?;
        Ok(hands::told(&serde_json::to_value(&table["it"])?))
    }

    /// `{"failed": "words"}` fails the turn.
    fn end(&mut self, over: &Value) -> io::Result<i32> {
        if let Some(said) = over["failed"].as_str() {
            json(&json!({"type": "error", "message": said}))?;
            json(&json!({"type": "turn.failed", "error": {"message": said}}))?;
            return Ok(1);
        }
        let answer = match over.get("answer") {
            Some(answer) => answer.to_string(),
            None if self.schema => json!({"status": "done", "summary": "It is done."}).to_string(),
            None => "It is done.".to_owned(),
        };
        self.whole("agent_message", json!({"text": answer}))?;
        json(
            &json!({"type": "turn.completed", "usage": {"input_tokens": 1_200, "cached_input_tokens": 200,
            "cache_write_input_tokens": 0, "output_tokens": 50, "reasoning_output_tokens": 5}}),
        )?;
        Ok(0)
    }
}
