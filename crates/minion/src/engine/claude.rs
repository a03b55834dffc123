//! Claude Code: how it is started and what its lines mean.
//!
//! Checked against version 2.1.330 of npm's `@anthropic-ai/claude-code`, its `--help` and its streams with a scripted server
//! behind it; the traps are those that its issues and its SDK's `subprocess_cli.py` tell of.

use std::collections::HashSet;

use alai_core::blueprint::ToolName;
use alai_core::money::dollars;
use alai_fleet::{ErrorClass, Usage};
use serde_json::{Map, Value, json};

use super::heard::{
    Ended, Heard, Spent, class_by_words, class_of, count, count_or_none, microusd, plausible,
    text_of,
};
use super::order::{LENT_CALL_S, LENT_START_S, Lent, Order, Version};
use super::{Launch, Outcome, Program, Stdin};
use crate::text::cut;

/// Before it tools were missing in the first turn (2.1.221), output was cut for slow readers (2.1.214), a budget did not hold
/// sub-agents (2.1.217), and a schema that it could not use was ignored without a word (2.1.205).
pub(super) const OLDEST: Version = (2, 1, 221);

/// Its own tries of one request. It tries ten times by itself, and the factory tries again too: retries would multiply.
const RETRIES: &str = "2";
/// What it is lent stands among its tools from its first request on: otherwise its model has to look for them by a tool of its own.
pub(super) const TOOLS_AT_ONCE: (&str, &str) = ("ENABLE_TOOL_SEARCH", "false");
/// Ids of refusals that are remembered, so that its result does not tell them twice.
const DENIED_MAX: usize = 200;
/// Keys that are paid by the token, as `apiKeySource` names them.
const PAID_KEYS: [&str; 3] = ["ANTHROPIC_API_KEY", "apiKeyHelper", "/login managed key"];

/// Its command line and environment.
pub(super) fn launch(program: &Program<'_>, order: &Order<'_>) -> Launch {
    // Its name for the end of options is none, and options with several values would take the prompt: it comes right after `-p`.
    let mut args: Vec<String> = vec!["-p".into(), order.prompt.to_owned()];
    let mut with = |name: &str, value: &str| args.extend([name.to_owned(), value.to_owned()]);
    with("--output-format", "stream-json");
    with("--append-system-prompt", order.system);
    with("--session-id", &order.session);
    with("--max-turns", &order.turns_max.max(1).to_string());
    if let Some(model) = program.model {
        with("--model", model);
    }
    if let Some(budget) = order.budget_microusd {
        with("--max-budget-usd", dollars(budget).trim_start_matches('$'));
    }
    // What is not allowed is refused, and nobody is asked.
    with("--permission-mode", "dontAsk");
    let tools = tools(order.tools).join(",");
    with("--tools", &tools);
    // A server whole: which of its tools are there is decided where they are lent.
    let lent = order.lent.iter().map(|lent| format!(",mcp__{}", lent.name));
    with(
        "--allowedTools",
        &(tools.clone() + &lent.collect::<String>()),
    );
    if !order.lent.is_empty() {
        with("--mcp-config", &servers(order.lent).to_string());
    }
    // Settings of the repository hold commands (hooks, MCP servers), and its CLAUDE.md would instruct its own reviewer.
    with("--setting-sources", "");
    if let Some(schema) = order.schema {
        with("--json-schema", &schema.to_string());
    }
    for flag in [
        // The stream needs it.
        "--verbose",
        "--strict-mcp-config",
        "--disable-slash-commands",
        "--no-session-persistence",
    ] {
        args.push(flag.to_owned());
    }
    Launch {
        args,
        env: env(program, order),
        files: Vec::new(),
        stdin: Stdin::Closed,
        lends: !order.lent.is_empty(),
    }
}

fn env(program: &Program<'_>, order: &Order<'_>) -> Vec<(String, String)> {
    let command_ms = order.command_s.saturating_mul(1_000).to_string();
    let mut env = vec![
        ("CLAUDE_CONFIG_DIR", program.config.to_owned()),
        ("CLAUDE_CODE_MAX_RETRIES", RETRIES.to_owned()),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned()),
        // A shell that outlives its turn keeps the session from its end.
        ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1".to_owned()),
        ("DISABLE_AUTOUPDATER", "1".to_owned()),
        ("BASH_DEFAULT_TIMEOUT_MS", command_ms.clone()),
        ("BASH_MAX_TIMEOUT_MS", command_ms),
    ];
    if !order.lent.is_empty() {
        let ms = |seconds: u64| (seconds * 1_000).to_string();
        env.push(("MCP_TIMEOUT", ms(LENT_START_S)));
        env.push(("MCP_TOOL_TIMEOUT", ms(LENT_CALL_S)));
        let (name, value) = TOOLS_AT_ONCE;
        env.push((name, value.to_owned()));
    }
    if let Some(door) = program.door {
        env.push(("ANTHROPIC_BASE_URL", door.base_url.to_owned()));
        env.push(("ANTHROPIC_API_KEY", door.placeholder.to_owned()));
    }
    let owned = env
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    owned.collect()
}

/// What it is lent, in the form of its `--mcp-config`. With `--strict-mcp-config` it has no others.
fn servers(lent: &[Lent]) -> Value {
    let one = |lent: &Lent| {
        let start = json!({"type": "stdio", "command": lent.command, "args": lent.args});
        (lent.name.clone(), start)
    };
    json!({"mcpServers": lent.iter().map(one).collect::<Map<String, Value>>()})
}

/// Its names for our tools. A step without any may still look.
fn tools(allowed: &[ToolName]) -> Vec<&'static str> {
    let own = |tool: &ToolName| -> &'static [&'static str] {
        match tool {
            ToolName::Read => &["Read"],
            ToolName::Search => &["Glob", "Grep"],
            ToolName::Edit => &["Edit"],
            ToolName::Write => &["Write"],
            ToolName::Run => &["Bash"],
            // The end of its session.
            ToolName::Done => &[],
        }
    };
    let names: Vec<&str> = allowed.iter().flat_map(own).copied().collect();
    if names.is_empty() {
        vec!["Read"]
    } else {
        names
    }
}

/// Reads its lines.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// A subscription is to pay: a key would cost what nobody reckons with.
    flat: bool,
    denied: HashSet<String>,
    /// Of the message that its last turn began with; one message comes in several lines.
    message: Option<String>,
}

impl Stream {
    pub(super) fn new(flat: bool) -> Stream {
        Stream {
            flat,
            ..Stream::default()
        }
    }

    /// What one line says; none when it is no line of the protocol.
    pub(crate) fn line(&mut self, line: &[u8]) -> Option<Vec<Heard>> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let kind = value.get("type")?.as_str()?;
        Some(match kind {
            "system" => self.system(&value),
            "assistant" => self.assistant(&value),
            "user" => results(&value),
            "result" => self.result(&value),
            "rate_limit_event" => vec![notice("rate limit", &value["rate_limit_info"])],
            // Parts of messages that come whole, and what later versions bring.
            _ => Vec::new(),
        })
    }

    fn system(&mut self, value: &Value) -> Vec<Heard> {
        let subtype = value["subtype"].as_str().unwrap_or_default();
        match subtype {
            "init" => self.init(value),
            "api_retry" => vec![Heard::Notice(format!(
                "tries again ({}): status {}, {}",
                value["attempt"], value["error_status"], value["error"]
            ))],
            "permission_denied" => {
                let tool = value["tool_name"].as_str().unwrap_or_default();
                let id = value["tool_use_id"].as_str().unwrap_or_default();
                self.denied(id, tool, &value["decision_reason_type"])
            }
            subtype => vec![Heard::Notice(cut(subtype, 100))],
        }
    }

    fn init(&self, value: &Value) -> Vec<Heard> {
        let mut heard = vec![Heard::Began {
            id: text_of(value, "session_id"),
            model: text_of(value, "model"),
            version: text_of(value, "claude_code_version"),
        }];
        for errors in ["mcp_server_errors", "plugin_errors"] {
            let all = value[errors].as_array().into_iter().flatten();
            heard.extend(all.map(|error| notice(errors, error)));
        }
        let servers = value["mcp_servers"].as_array().into_iter().flatten();
        let down = servers.filter(|server| server["status"] != "connected");
        heard.extend(down.map(|server| notice("mcp_servers", server)));
        let source = value["apiKeySource"].as_str().unwrap_or("none");
        if self.flat && PAID_KEYS.contains(&source) {
            let detail = format!(
                "it would pay by a key ({source}) where its subscription was to pay; take the key out of its settings, or \
                 name it as key_env"
            );
            heard.push(ended(Outcome::Failed {
                class: ErrorClass::Refused,
                detail,
            }));
        }
        heard
    }

    fn denied(&mut self, id: &str, tool: &str, why: &Value) -> Vec<Heard> {
        if self.denied.len() >= DENIED_MAX || !self.denied.insert(cut(id, 100)) {
            return Vec::new();
        }
        vec![Heard::Denied {
            id: cut(id, 100),
            what: format!("{tool}: {}", cut(&why.to_string(), 200)),
        }]
    }

    fn assistant(&mut self, value: &Value) -> Vec<Heard> {
        let message = &value["message"];
        let mut heard = Vec::new();
        // Turns of sub-agents are not of the session.
        if value["parent_tool_use_id"].is_null() && value["is_api_error_message"] != true {
            let id = text_of(message, "id");
            if id.is_none() || id != self.message {
                self.message = id.map(|id| cut(&id, 100));
                heard.push(Heard::Turn);
            }
        }
        for block in message["content"].as_array().into_iter().flatten() {
            let text = |key| text_of(block, key).unwrap_or_default();
            match block["type"].as_str().unwrap_or_default() {
                // Its own account of an outage is no word of the model.
                "text" if value["is_api_error_message"] == true => {
                    heard.push(Heard::Notice(text("text")));
                }
                "text" => heard.push(Heard::Text(text("text"))),
                "thinking" => heard.push(Heard::Thought(text("thinking"))),
                "tool_use" => heard.push(Heard::Call {
                    id: text("id"),
                    name: text("name"),
                    input: block["input"].clone(),
                }),
                _ => {}
            }
        }
        heard
    }

    fn result(&mut self, value: &Value) -> Vec<Heard> {
        let mut heard = Vec::new();
        for denial in value["permission_denials"].as_array().into_iter().flatten() {
            let tool = denial["tool_name"].as_str().unwrap_or_default();
            let id = denial["tool_use_id"].as_str().unwrap_or_default();
            heard.extend(self.denied(id, tool, &denial["tool_input"]));
        }
        heard.push(Heard::Spent(spent(value)));
        heard.push(Heard::Ended(Box::new(Ended {
            outcome: outcome(value),
            turns: value["num_turns"]
                .as_u64()
                .and_then(|turns| u32::try_from(turns).ok()),
            answer: value
                .get("structured_output")
                .filter(|v| !v.is_null())
                .cloned(),
            text: text_of(value, "result"),
            model: busiest(&value["modelUsage"]),
            is_result: true,
            by_status: value["api_error_status"].is_u64(),
        })));
        heard
    }
}

/// What its result means. `is_error` decides, not the subtype and not the exit code: `success` comes with `is_error` and an
/// `api_error_status`. The two limits are told apart by their subtypes, which older versions sent without `is_error`.
fn outcome(result: &Value) -> Outcome {
    let subtype = result["subtype"].as_str().unwrap_or_default();
    match subtype {
        "error_max_turns" => return Outcome::TurnsSpent,
        "error_max_budget_usd" => return Outcome::OverBudget,
        _ => {}
    }
    let failed = result["is_error"].as_bool().unwrap_or(subtype != "success");
    if !failed {
        return Outcome::Done;
    }
    let said = said(result);
    let class = match (result["api_error_status"].as_u64(), subtype) {
        (_, "error_max_structured_output_retries") => ErrorClass::Malformed,
        (Some(status @ (400 | 413)), _) => class_by_words(&said).unwrap_or(class_of(status, &said)),
        (Some(status), _) => class_of(status, &said),
        (None, _) => class_by_words(&said).unwrap_or(ErrorClass::ServerFault),
    };
    let detail = format!("{subtype}: {}", cut(&said, 1_000));
    Outcome::Failed { class, detail }
}

fn said(result: &Value) -> String {
    let errors = result["errors"].as_array().into_iter().flatten();
    let errors = errors.filter_map(Value::as_str);
    let all = result["result"].as_str().into_iter().chain(errors);
    all.collect::<Vec<_>>().join("; ")
}

fn spent(result: &Value) -> Spent {
    let models = result["modelUsage"].as_object().filter(|m| !m.is_empty());
    let none = Usage::default();
    let usage = match models {
        // With its sub-agents and its small helpers.
        Some(models) => models
            .values()
            .try_fold(none, |sum, model| add(sum, model, OF_MODEL)),
        None => add(none, &result["usage"], OF_SESSION),
    };
    // Of a model that it has no price for it tells a guess.
    let guessed = models
        .into_iter()
        .flatten()
        .any(|(_, model)| model["costBasis"] == "unknown");
    Spent {
        usage: usage.and_then(plausible),
        microusd: microusd(&result["total_cost_usd"]).filter(|_| !guessed),
    }
}

/// How its counts are called: of a prompt, of answers, read from a cache, written into one.
const OF_MODEL: [&str; 4] = [
    "inputTokens",
    "outputTokens",
    "cacheReadInputTokens",
    "cacheCreationInputTokens",
];
const OF_SESSION: [&str; 4] = [
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
];

/// Its counts of a prompt leave out what came of a cache; ours have it. None where one of them cannot be meant.
fn add(sum: Usage, counts: &Value, names: [&str; 4]) -> Option<Usage> {
    let [input, output, read, written] = names.map(|name| &counts[name]);
    let (input, output) = (count(input)?, count(output)?);
    let (read, written) = (count_or_none(read)?, count_or_none(written)?);
    // A result may name as many models as its line holds.
    let add = u64::saturating_add;
    Some(Usage {
        prompt_tokens: add(sum.prompt_tokens, input + read + written),
        output_tokens: add(sum.output_tokens, output),
        cache_read_tokens: add(sum.cache_read_tokens, read),
        cache_write_tokens: add(sum.cache_write_tokens, written),
    })
}

/// The model that wrote most.
fn busiest(models: &Value) -> Option<String> {
    let models = models.as_object()?;
    let most = models
        .iter()
        .max_by_key(|(_, m)| count(&m["outputTokens"]))?;
    Some(most.0.clone())
}

/// Results of its tools.
fn results(value: &Value) -> Vec<Heard> {
    let blocks = value["message"]["content"].as_array().into_iter().flatten();
    let results = blocks.filter(|block| block["type"] == "tool_result");
    let heard = |block: &Value| Heard::Result {
        id: text_of(block, "tool_use_id").unwrap_or_default(),
        error: block["is_error"] == true,
        text: match &block["content"] {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let texts = parts.iter().filter_map(|part| part["text"].as_str());
                texts.collect::<Vec<_>>().join("\n")
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
        },
    };
    results.map(heard).collect()
}

fn notice(what: &str, value: &Value) -> Heard {
    Heard::Notice(format!("{what}: {}", cut(&value.to_string(), 500)))
}

fn ended(outcome: Outcome) -> Heard {
    Heard::Ended(Box::new(Ended::of(outcome)))
}

#[cfg(test)]
#[path = "claude/tests.rs"]
mod tests;
