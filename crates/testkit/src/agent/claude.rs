//! The twin of Claude Code: `-p` with `stream-json`, as version 2.1.330 of npm's `@anthropic-ai/claude-code` writes it.

use std::io;

use serde_json::{Value, json};

use super::hands::{self, json, needs, needs_flag, needs_none};
use super::{Act, Script};

/// Plays a session; the exit code.
pub(super) fn main(script: &Script, args: &[String]) -> io::Result<i32> {
    refuse(args)?;
    let folder = hands::variable("CLAUDE_CONFIG_DIR")?;
    let number = hands::note(script, &folder, args, &[])?;
    hands::await_stdin_end();
    let id = hands::option(args, "--session-id").unwrap_or_default();
    let mut session = Session {
        id,
        turns: 0,
        denials: Vec::new(),
        schema: hands::option(args, "--json-schema").is_some(),
        servers: match hands::option(args, "--mcp-config") {
            Some(config) => serde_json::from_str::<Value>(config)?["mcpServers"].take(),
            None => json!({}),
        },
        allowed: hands::option(args, "--allowedTools")
            .unwrap_or_default()
            .split(',')
            .collect(),
    };
    json(&hands::over(session.init(script, args), &script.begins))?;
    for act in hands::session(script, number) {
        if let Some(code) = session.act(act)? {
            return Ok(code);
        }
    }
    session
        .act(&Act::Result(json!({})))
        .map(|code| code.unwrap_or(0))
}

/// What it is started without at one's peril, or in vain.
fn refuse(args: &[String]) -> io::Result<()> {
    needs(args, "-p", |prompt| {
        !prompt.is_empty() && !prompt.starts_with('-')
    })?;
    needs(args, "--output-format", |format| format == "stream-json")?;
    needs(args, "--permission-mode", |mode| {
        mode == "dontAsk" || mode == "acceptEdits"
    })?;
    needs(args, "--setting-sources", str::is_empty)?;
    needs(args, "--allowedTools", |tools| !tools.is_empty())?;
    needs(args, "--tools", |tools| !tools.is_empty())?;
    needs(args, "--max-turns", |turns| {
        turns.parse::<u32>().is_ok_and(|n| n > 0)
    })?;
    needs(args, "--session-id", |id| {
        id.len() == 36 && id.matches('-').count() == 4
    })?;
    needs_flag(args, "--verbose")?;
    needs_flag(args, "--strict-mcp-config")?;
    if let Some(schema) = hands::option(args, "--json-schema") {
        serde_json::from_str::<Value>(schema)?;
    }
    needs_none(&[
        "CLAUDECODE",
        "CLAUDE_CODE_ENTRYPOINT",
        "CLAUDE_CODE_SSE_PORT",
    ])?;
    let retries = hands::variable("CLAUDE_CODE_MAX_RETRIES")?;
    match retries.parse::<u32>() {
        Ok(0..=3) => Ok(()),
        _ => Err(io::Error::other("CLAUDE_CODE_MAX_RETRIES is not low")),
    }
}

struct Session<'s> {
    id: &'s str,
    turns: u32,
    denials: Vec<Value>,
    schema: bool,
    servers: Value,
    allowed: Vec<&'s str>,
}

impl Session<'_> {
    fn init(&self, script: &Script, args: &[String]) -> Value {
        json!({"type": "system", "subtype": "init", "cwd": std::env::current_dir().unwrap_or_default(),
            "session_id": self.id, "tools": [], "mcp_servers": [], "permissionMode": "dontAsk",
            "model": hands::option(args, "--model").unwrap_or("claude-twin"), "apiKeySource": "none",
            "claude_code_version": script.version})
    }

    fn act(&mut self, act: &Act) -> io::Result<Option<i32>> {
        match act {
            Act::Say(text) => self.assistant(json!({"type": "text", "text": text}))?,
            Act::Think(text) => self.assistant(json!({"type": "thinking", "thinking": text}))?,
            Act::Write(path, content) => {
                let id = self.call("Write", json!({"file_path": path, "content": content}))?;
                let (error, text) = match hands::write(path, content) {
                    Ok(text) => (false, text),
                    Err(text) => (true, text),
                };
                self.result_of(&id, error, &text)?;
            }
            Act::Run(command) => {
                let id = self.call("Bash", json!({"command": command}))?;
                let (fine, text) = hands::run(command);
                self.result_of(&id, !fine, &text)?;
            }
            Act::Denied(tool, path) => self.denied(tool, path)?,
            Act::Raw(text) => hands::line(text)?,
            Act::Long(bytes) => {
                let id = self.call("Read", json!({"file_path": "long.txt"}))?;
                self.result_of(&id, false, &"x".repeat(*bytes))?;
            }
            Act::Complain(text) => hands::complain(text),
            Act::Hang => hands::hang(),
            Act::Forever(text) => hands::forever(text)?,
            Act::Orphan(file) => hands::orphan(file)?,
            Act::Exit(code) => return Ok(Some(*code)),
            Act::Terminated => hands::terminate(),
            Act::Await(file) => hands::await_file(file),
            Act::Use(server, tool, arguments) => {
                let name = format!("mcp__{server}__{tool}");
                let id = self.call(&name, arguments.clone())?;
                let (fine, text) = match self.allowed.iter().any(|a| *a == format!("mcp__{server}"))
                {
                    true => hands::used(hands::told(&self.servers[server]), tool, arguments),
                    false => (false, "Permission has been denied.".to_owned()),
                };
                self.result_of(&id, !fine, &text)?;
            }
            Act::Result(over) => return self.end(over).map(Some),
            Act::Ask(..) | Act::Request(..) | Act::AwaitCancel => {
                return Err(io::Error::other("not of this protocol"));
            }
        }
        Ok(None)
    }

    fn assistant(&mut self, block: Value) -> io::Result<()> {
        self.turns += 1;
        json(
            &json!({"type": "assistant", "parent_tool_use_id": null, "session_id": self.id,
            "message": {"id": format!("msg_{}", self.turns), "role": "assistant", "model": "claude-twin",
                "content": [block]}}),
        )
    }

    fn call(&mut self, tool: &str, input: Value) -> io::Result<String> {
        let id = format!("toolu_{}", self.turns);
        self.assistant(json!({"type": "tool_use", "id": id, "name": tool, "input": input}))?;
        Ok(id)
    }

    fn result_of(&self, id: &str, error: bool, text: &str) -> io::Result<()> {
        json(
            &json!({"type": "user", "session_id": self.id, "message": {"role": "user",
            "content": [{"type": "tool_result", "tool_use_id": id, "is_error": error, "content": text}]}}),
        )
    }

    fn denied(&mut self, tool: &str, path: &str) -> io::Result<()> {
        let id = self.call(tool, json!({"file_path": path}))?;
        json(
            &json!({"type": "system", "subtype": "permission_denied", "tool_name": tool, "tool_use_id": id,
            "decision_reason_type": "mode"}),
        )?;
        self.denials
            .push(json!({"tool_name": tool, "tool_use_id": id, "tool_input": {"file_path": path}}));
        self.result_of(&id, true, "Permission has been denied.")
    }

    /// Its result, and its exit code: 1 where it is an error, whatever the result calls itself.
    fn end(&self, over: &Value) -> io::Result<i32> {
        let mut result = json!({"type": "result", "subtype": "success", "is_error": false, "num_turns": self.turns,
            "session_id": self.id, "result": "It is done.", "total_cost_usd": 0.0123, "api_error_status": null,
            "permission_denials": self.denials, "terminal_reason": "completed",
            "usage": {"input_tokens": 1_000, "output_tokens": 50},
            "modelUsage": {"claude-twin": {"inputTokens": 1_000, "outputTokens": 50, "cacheReadInputTokens": 200,
                "cacheCreationInputTokens": 100, "costUSD": 0.0123}}});
        if self.schema {
            result["structured_output"] = json!({"status": "done", "summary": "It is done."});
        }
        let result = hands::over(result, over);
        json(&result)?;
        Ok(i32::from(result["is_error"] == true))
    }
}
