//! Codex: how it is started and what its lines mean.
//!
//! Events after `codex-rs/exec/src/exec_events.rs` of openai/codex; options and streams checked against version 0.169.0 of npm's
//! `@openai/codex` with a scripted server behind it.

use alai_fleet::{ErrorClass, Usage};
use serde_json::{Value, json};

use super::heard::{
    Ended, Heard, Spent, class_by_words, class_of, count, count_or_none, plausible, text_of,
};
use super::order::{LENT_CALL_S, LENT_START_S, Order, Version};
use super::{Launch, Outcome, Program, Stdin};
use crate::text::cut;

/// What was tried. Options that keep a repository's own configuration out are younger than the protocol, and one that is not
/// there must not be found out by an agent that runs without it.
pub(super) const OLDEST: Version = (0, 169, 0);

/// What it would bring along: agents of its own that nobody counts, programs of a repository, retries without end, a daemon that
/// outlives it, tools that look at a screen, and bodies that a proxy cannot read. Names after `codex features list`.
const OFF: [&str; 15] = [
    "apps",
    "browser_use",
    "computer_use",
    "daemon_auto_start",
    "enable_request_compression",
    "goals",
    "hooks",
    "image_generation",
    "in_app_browser",
    "multi_agent",
    "plugins",
    "remote_plugin",
    "skill_search",
    "tool_suggest",
    "unbounded_connection_retries",
];
/// The name of the schema's file in its folder.
const SCHEMA: &str = "answer-schema.json";
/// The provider behind the door, in its configuration.
const PROVIDER: &str = "alai";
/// The variable with its placeholder.
const KEY: &str = "ALAI_PLACEHOLDER";

/// Its command line and environment.
pub(super) fn launch(program: &Program<'_>, order: &Order<'_>) -> Launch {
    let mut args: Vec<String> = [
        "exec",
        "--json",
        "--skip-git-repo-check",
        // The cage is the sandbox: one within it would need rights that a cage does not give.
        "--sandbox",
        "danger-full-access",
        "--ephemeral",
        // Neither the person's own rules and servers nor the repository's.
        "--ignore-user-config",
        "--ignore-rules",
        "--color",
        "never",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut set = |key: &str, value: &str| args.extend(["-c".to_owned(), format!("{key}={value}")]);
    // Nobody is there to be asked.
    set("approval_policy", "\"never\"");
    // The brief has the project's rules, from the commit that they are good of.
    set("project_doc_max_bytes", "0");
    // A repository's skills stand in its prompt though the repository is not trusted (seen in 0.169.0).
    set("skills.include_instructions", "false");
    for feature in OFF {
        set(&format!("features.{feature}"), "false");
    }
    // There is no network but the provider's.
    set("web_search", "\"disabled\"");
    if let Some(door) = program.door {
        // Written as TOML; JSON's strings are.
        let url = json!(format!("{}/v1", door.base_url));
        set(
            &format!("model_providers.{PROVIDER}"),
            &format!(
                "{{name=\"{PROVIDER}\",base_url={url},wire_api=\"responses\",env_key=\"{KEY}\",request_max_retries=2,\
                 stream_max_retries=2}}"
            ),
        );
        set("model_provider", &format!("\"{PROVIDER}\""));
    }
    for lent in order.lent {
        let (command, own) = (json!(lent.command), json!(lent.args));
        set(
            &format!("mcp_servers.{}", lent.name),
            &format!(
                "{{command={command},args={own},startup_timeout_sec={LENT_START_S},tool_timeout_sec={LENT_CALL_S}}}"
            ),
        );
    }
    if let Some(model) = program.model {
        args.extend(["--model".to_owned(), model.to_owned()]);
    }
    let mut files = Vec::new();
    if let Some(schema) = order.schema {
        let path = format!("{}/{SCHEMA}", program.config.trim_end_matches('/'));
        args.extend(["--output-schema".to_owned(), path]);
        files.push((SCHEMA.to_owned(), strict(schema).to_string()));
    }
    args.push("--".to_owned());
    args.push(format!("{}\n\n{}", order.system, order.prompt));
    let mut env = vec![("CODEX_HOME".to_owned(), program.config.to_owned())];
    env.extend(
        program
            .door
            .map(|door| (KEY.to_owned(), door.placeholder.to_owned())),
    );
    Launch {
        args,
        env,
        files,
        stdin: Stdin::Closed,
        lends: !order.lent.is_empty(),
    }
}

/// The provider takes a schema only where each object says that nothing else may stand in it and that all of it must.
fn strict(schema: &Value) -> Value {
    let mut schema = schema.clone();
    tighten(&mut schema);
    schema
}

fn tighten(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get("properties") {
                let names: Vec<Value> = properties.keys().map(|key| key.as_str().into()).collect();
                fields.insert("required".to_owned(), names.into());
                fields.insert("additionalProperties".to_owned(), false.into());
            }
            fields.values_mut().for_each(tighten);
        }
        Value::Array(items) => items.iter_mut().for_each(tighten),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Reads its lines.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The last message of its model, which is its answer.
    message: Option<String>,
    /// Its last word of an error, which says more than the end of a failed turn may.
    error: String,
}

impl Stream {
    /// What one line says; none when it is no line of the protocol.
    pub(crate) fn line(&mut self, line: &[u8]) -> Option<Vec<Heard>> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let kind = value.get("type")?.as_str()?;
        Some(match kind {
            "thread.started" => vec![Heard::Began {
                id: text_of(&value, "thread_id"),
                model: None,
                version: None,
            }],
            "item.started" => begun(&value["item"]),
            "item.completed" => self.completed(&value["item"]),
            "turn.completed" => self.ended(&value),
            "turn.failed" => {
                let said = value["error"]["message"].as_str().unwrap_or(&self.error);
                vec![failed(said)]
            }
            "error" => {
                let said = text_of(&value, "message").unwrap_or_default();
                self.error = cut(&said, 1_000);
                vec![Heard::Notice(cut(&said, 500))]
            }
            // `turn.started`, changes of a list of things to do, and what later versions bring.
            _ => Vec::new(),
        })
    }

    fn completed(&mut self, item: &Value) -> Vec<Heard> {
        let text = |key| text_of(item, key).unwrap_or_default();
        let id = text("id");
        match item["type"].as_str().unwrap_or_default() {
            "agent_message" => {
                self.message = Some(text("text"));
                vec![Heard::Turn, Heard::Text(text("text"))]
            }
            "reasoning" => vec![Heard::Thought(text("text"))],
            "error" => vec![Heard::Notice(cut(&text("message"), 500))],
            "command_execution" => {
                let mut heard = Vec::new();
                if item["status"] == "declined" {
                    heard.push(Heard::Denied {
                        id: id.clone(),
                        what: format!("shell: {}", cut(&text("command"), 200)),
                    });
                }
                heard.push(Heard::Result {
                    id,
                    error: item["status"] != "completed" || item["exit_code"] != 0,
                    text: text("aggregated_output"),
                });
                heard
            }
            // It comes whole, without a beginning.
            "file_change" => {
                let mut heard = call(
                    id.clone(),
                    "apply_patch",
                    json!({"changes": item["changes"]}),
                );
                heard.push(result(id, item));
                heard
            }
            "web_search" => call(id, "web_search", json!({"query": item["query"]})),
            "mcp_tool_call" | "collab_tool_call" => vec![result(id, item)],
            _ => Vec::new(),
        }
    }

    fn ended(&mut self, value: &Value) -> Vec<Heard> {
        vec![
            Heard::Spent(Spent {
                usage: used(&value["usage"]),
                microusd: None,
            }),
            Heard::Ended(Box::new(Ended {
                text: self.message.take(),
                is_result: true,
                ..Ended::of(Outcome::Done)
            })),
        ]
    }
}

/// Its counts of a prompt have what came of a cache, as ours do.
fn used(usage: &Value) -> Option<Usage> {
    plausible(Usage {
        prompt_tokens: count(&usage["input_tokens"])?,
        output_tokens: count(&usage["output_tokens"])?,
        cache_read_tokens: count_or_none(&usage["cached_input_tokens"])?,
        cache_write_tokens: count_or_none(&usage["cache_write_input_tokens"])?,
    })
}

/// An item whose beginning says what it is.
fn begun(item: &Value) -> Vec<Heard> {
    let id = text_of(item, "id").unwrap_or_default();
    match item["type"].as_str().unwrap_or_default() {
        "command_execution" => call(id, "shell", json!({"command": item["command"]})),
        "mcp_tool_call" => {
            let name = format!(
                "{}.{}",
                item["server"].as_str().unwrap_or_default(),
                item["tool"].as_str().unwrap_or_default()
            );
            call(id, &name, item["arguments"].clone())
        }
        "collab_tool_call" => call(
            id,
            item["tool"].as_str().unwrap_or("agents"),
            json!({"prompt": item["prompt"]}),
        ),
        _ => Vec::new(),
    }
}

/// Each act is counted as a turn: its protocol does not tell those of its model.
fn call(id: String, name: &str, input: Value) -> Vec<Heard> {
    let name = cut(name, 200);
    vec![Heard::Turn, Heard::Call { id, name, input }]
}

fn result(id: String, item: &Value) -> Heard {
    let said = [&item["error"]["message"], &item["result"]];
    let said = said.iter().find(|value| !value.is_null());
    Heard::Result {
        id,
        error: item["status"] != "completed",
        text: said.map_or_else(String::new, |value| cut(&value.to_string(), 16 << 10)),
    }
}

fn failed(said: &str) -> Heard {
    let status = status_in(said);
    let class = match status {
        Some(400) => class_by_words(said).unwrap_or(ErrorClass::BadRequest),
        Some(status) => class_of(status, said),
        // Its provider's errors lose their status on the way: nothing is known but that it was not the model's answer.
        None => class_by_words(said).unwrap_or(ErrorClass::ServerFault),
    };
    let detail = cut(said, 1_000);
    Heard::Ended(Box::new(Ended {
        by_status: status.is_some(),
        ..Ended::of(Outcome::Failed { class, detail })
    }))
}

/// The status in `unexpected status 401 Unauthorized` and `last status: 429 Too Many Requests`.
fn status_in(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("status")?;
    let word = rest.trim_start_matches([':', ' ']).get(..3)?;
    word.parse()
        .ok()
        .filter(|status| (400..600).contains(status))
}

#[cfg(test)]
#[path = "codex/tests.rs"]
mod tests;
