//! The Agent Client Protocol, version 1, as its client: lines of JSON-RPC 2.0 in, what they mean and what is answered out. No
//! input or output of its own.
//!
//! Methods and fields after `schema/v1/schema.json` and `docs/protocol/v1` of agentclientprotocol/agent-client-protocol
//! (b7f0005). Neither files nor terminals are offered: an agent works on the clone through its own cage's mounts, and a second
//! way in would be a second lock to hold; every capability of a client is optional by the protocol.

use std::collections::BTreeMap;

use alai_fleet::{ErrorClass, Usage};
use serde_json::{Value, json};

use super::Outcome;
use super::heard::{
    Ended, Heard, Spent, class_by_words, count, count_or_none, microusd, plausible, text_of,
};
use crate::text::cut;
use update::Known;

mod permit;
mod update;

pub(crate) use permit::Rules;

/// The one version that is spoken.
const PROTOCOL: u64 = 1;
/// Tools that are under way at once, remembered for what they ask leave for.
const CALLS_MAX: usize = 1_000;
/// Bytes of words that are gathered before they are told of.
const WORDS_BYTES_MAX: usize = 32 << 10;
/// Bytes of an id that is answered to.
const ID_BYTES_MAX: usize = 200;
/// The agent wants a login first (`ErrorCode` of the schema).
const AUTH_REQUIRED: i64 = -32_000;
const METHOD_NOT_FOUND: i64 = -32_601;

/// What a line leads to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    Heard(Heard),
    /// A line for the agent, without its end.
    Send(String),
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Initialize,
    Authenticate,
    Session,
    Model,
    Prompt,
    Nothing,
}

/// One session with an agent.
#[derive(Debug)]
pub(crate) struct Client {
    rules: Rules,
    prompt: String,
    model: Option<String>,
    /// Its key is put in by a proxy: of its ways to log in, one by key is meant.
    keyed: bool,
    awaited: Awaited,
    /// Of our last request.
    id: u64,
    session: Option<String>,
    /// Its ways to log in that it handles itself.
    logins: Vec<(String, String)>,
    tried_login: bool,
    cancelled: bool,
    calls: BTreeMap<String, Known>,
    words: String,
    thoughts: String,
}

impl Client {
    pub(crate) fn new(rules: Rules, prompt: String, model: Option<&str>, keyed: bool) -> Client {
        Client {
            rules,
            prompt,
            model: model.map(str::to_owned),
            keyed,
            awaited: Awaited::Nothing,
            id: 0,
            session: None,
            logins: Vec::new(),
            tried_login: false,
            cancelled: false,
            calls: BTreeMap::new(),
            words: String::new(),
            thoughts: String::new(),
        }
    }

    /// The first line.
    pub(crate) fn open(&mut self) -> Act {
        let params = json!({
            "protocolVersion": PROTOCOL,
            "clientCapabilities": {"fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false},
            "clientInfo": {"name": "alai", "version": env!("CARGO_PKG_VERSION")},
        });
        self.ask(Awaited::Initialize, "initialize", params)
    }

    /// More words to a session whose turn is over.
    pub(crate) fn tell(&mut self, text: &str) -> Act {
        let session = self.session.clone().unwrap_or_default();
        let params = json!({"sessionId": session, "prompt": [{"type": "text", "text": text}]});
        self.ask(Awaited::Prompt, "session/prompt", params)
    }

    /// Asks the agent to stop; none where there is nothing to stop.
    pub(crate) fn cancel(&mut self) -> Option<Act> {
        let session = self.session.as_ref()?;
        self.cancelled = true;
        let line =
            json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}});
        Some(Act::Send(line.to_string()))
    }

    /// What one line leads to; none when it is no message of the protocol.
    pub(crate) fn line(&mut self, line: &[u8]) -> Option<Vec<Act>> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let object = value.as_object()?;
        let method = object.get("method").map(|m| m.as_str().unwrap_or_default());
        match (method, object.get("id")) {
            (Some("session/update"), None) => Some(self.update(&value["params"])),
            // Of a later version, or not for us.
            (Some(_), None) => Some(Vec::new()),
            (Some(method), Some(id)) => Some(self.request(method, id, &value["params"])),
            (None, Some(id)) if object.contains_key("result") || object.contains_key("error") => {
                Some(self.answered(id, &value))
            }
            (None, Some(_) | None) => None,
        }
    }

    fn ask(&mut self, awaited: Awaited, method: &str, params: Value) -> Act {
        self.awaited = awaited;
        self.id += 1;
        let line = json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params});
        Act::Send(line.to_string())
    }

    /// An answer to what we asked last; to anything else it is none.
    fn answered(&mut self, id: &Value, value: &Value) -> Vec<Act> {
        if id.as_u64() != Some(self.id) || self.awaited == Awaited::Nothing {
            let what = format!(
                "answers to a request that was not made: id {}",
                cut(&id.to_string(), 60)
            );
            return vec![Act::Heard(Heard::Notice(what))];
        }
        let awaited = std::mem::replace(&mut self.awaited, Awaited::Nothing);
        let answer = match value.get("error") {
            Some(error) => Err(error),
            None => Ok(&value["result"]),
        };
        match (awaited, answer) {
            (Awaited::Initialize, Ok(result)) => self.initialized(result),
            (Awaited::Authenticate, Ok(_)) => vec![self.session_new()],
            (Awaited::Session, Ok(result)) => self.opened(result),
            (Awaited::Model, Ok(_)) => vec![self.first()],
            (Awaited::Prompt, Ok(result)) => self.over(result),
            (Awaited::Nothing, Ok(_)) => Vec::new(),
            (_, Err(error)) => self.refused(awaited, error),
        }
    }

    fn initialized(&mut self, result: &Value) -> Vec<Act> {
        if result["protocolVersion"].as_u64() != Some(PROTOCOL) {
            let detail = format!(
                "it speaks version {} of the Agent Client Protocol, and we version {PROTOCOL}",
                cut(&result["protocolVersion"].to_string(), 60)
            );
            return vec![ended(Outcome::Malformed { detail })];
        }
        let methods = result["authMethods"].as_array().into_iter().flatten();
        // Those of another type want a terminal or an environment of their own.
        let own = methods.filter(|m| m.get("type").is_none_or(|t| t.is_null() || *t == "agent"));
        self.logins = own
            .filter_map(|m| Some((text_of(m, "id")?, text_of(m, "name").unwrap_or_default())))
            .take(20)
            .collect();
        let info = &result["agentInfo"];
        let name = text_of(info, "name").unwrap_or_default();
        let version = text_of(info, "version").unwrap_or_default();
        let version = format!("{name} {version}").trim().to_owned();
        let began = Heard::Began {
            id: None,
            model: None,
            version: Some(version),
        };
        vec![Act::Heard(began), self.session_new()]
    }

    fn session_new(&mut self) -> Act {
        // The Agent SDK behind Claude's adapter would run the repository's hooks and servers (seen with claude-agent-acp 0.49.0);
        // agents that do not know the field leave it.
        let options =
            json!({"claudeCode": {"options": {"settingSources": [], "strictMcpConfig": true}}});
        let lent = self.rules.lent.iter();
        let servers = lent.map(|lent| json!({"name": lent.name, "command": lent.command, "args": lent.args, "env": []}));
        let servers: Vec<Value> = servers.collect();
        let params = json!({"cwd": self.rules.folder, "mcpServers": servers, "_meta": options});
        self.ask(Awaited::Session, "session/new", params)
    }

    fn opened(&mut self, result: &Value) -> Vec<Act> {
        let Some(session) = text_of(result, "sessionId").filter(|id| !id.is_empty()) else {
            let detail = "its new session has no id".to_owned();
            return vec![ended(Outcome::Malformed { detail })];
        };
        self.session = Some(session.clone());
        let began = |model| {
            Act::Heard(Heard::Began {
                id: Some(session.clone()),
                model,
                version: None,
            })
        };
        let option = model_option(&result["configOptions"]);
        let current = option.and_then(|option| text_of(option, "currentValue"));
        let Some(wanted) = self.model.clone() else {
            return vec![began(current), self.first()];
        };
        if current.as_deref() == Some(wanted.as_str()) {
            return vec![began(current), self.first()];
        }
        let values = option.map(values).unwrap_or_default();
        match option.and_then(|option| text_of(option, "id")) {
            Some(config) if values.contains(&wanted) => {
                let params = json!({"sessionId": session, "configId": config, "value": wanted});
                let choose = self.ask(Awaited::Model, "session/set_config_option", params);
                vec![began(Some(wanted)), choose]
            }
            Some(_) | None => {
                // Another model has another price.
                let detail = format!(
                    "it cannot be told to use the model `{wanted}`; it offers: {}",
                    cut(&values.join(", "), 300)
                );
                vec![ended(Outcome::Failed {
                    class: ErrorClass::ModelMissing,
                    detail,
                })]
            }
        }
    }

    fn first(&mut self) -> Act {
        let prompt = std::mem::take(&mut self.prompt);
        self.tell(&prompt)
    }

    /// The end of a turn.
    fn over(&mut self, result: &Value) -> Vec<Act> {
        let mut acts = self.flush();
        if let Some(usage) = result.get("usage").filter(|usage| usage.is_object()) {
            acts.push(Act::Heard(Heard::Spent(Spent {
                usage: used(usage),
                microusd: None,
            })));
        }
        let stopped = result["stopReason"].as_str().unwrap_or_default();
        let failed = |class, detail: &str| Outcome::Failed {
            class,
            detail: detail.to_owned(),
        };
        let outcome = match stopped {
            "end_turn" => Outcome::Done,
            "max_turn_requests" => Outcome::TurnsSpent,
            "max_tokens" => failed(
                ErrorClass::ContextTruncated,
                "its tokens are spent (max_tokens)",
            ),
            "refusal" => failed(ErrorClass::Filtered, "it refuses to go on"),
            "cancelled" if self.cancelled => Outcome::Cancelled,
            "cancelled" => Outcome::Cut {
                detail: "it cancelled its turn by itself".into(),
            },
            other => Outcome::Malformed {
                detail: format!("its turn ended for no known reason: `{}`", cut(other, 60)),
            },
        };
        acts.push(Act::Heard(Heard::Ended(Box::new(Ended {
            is_result: true,
            ..Ended::of(outcome)
        }))));
        acts
    }

    fn refused(&mut self, awaited: Awaited, error: &Value) -> Vec<Act> {
        let code = error["code"].as_i64().unwrap_or_default();
        let data = error.get("data").filter(|data| !data.is_null());
        let data = data.map_or(String::new(), |data| format!(" {data}"));
        let said = error["message"].as_str().unwrap_or_default();
        let said = cut(&format!("{said}{data}"), 800);
        if awaited == Awaited::Session && code == AUTH_REQUIRED && !self.tried_login {
            self.tried_login = true;
            if let Some(login) = self.login() {
                let params = json!({"methodId": login});
                return vec![self.ask(Awaited::Authenticate, "authenticate", params)];
            }
        }
        let mut acts = self.flush();
        let (class, before) = match awaited {
            Awaited::Authenticate => (Some(ErrorClass::Refused), "its login was refused"),
            _ if code == AUTH_REQUIRED => (Some(ErrorClass::Refused), "it is not logged in"),
            Awaited::Initialize => (None, "it did not begin"),
            Awaited::Session => (None, "it made no session"),
            Awaited::Model => (Some(ErrorClass::ModelMissing), "it did not take its model"),
            Awaited::Prompt | Awaited::Nothing => (None, "its turn failed"),
        };
        let class = class.or_else(|| class_by_words(&said));
        acts.push(ended(Outcome::Failed {
            class: class.unwrap_or(ErrorClass::ServerFault),
            detail: format!("{before}: {said} ({code})"),
        }));
        acts
    }

    /// The login that is tried, by its id.
    fn login(&self) -> Option<&str> {
        let by_key = |(id, name): &&(String, String)| {
            let text = format!("{id} {name}").to_lowercase();
            text.contains("key")
        };
        let keyed = self.logins.iter().find(by_key).filter(|_| self.keyed);
        keyed.or(self.logins.first()).map(|(id, _)| id.as_str())
    }

    /// What the agent wants of us: leave, or what is not offered.
    fn request(&mut self, method: &str, id: &Value, params: &Value) -> Vec<Act> {
        if id.to_string().len() > ID_BYTES_MAX {
            let what = format!("a request whose id has {} bytes", id.to_string().len());
            return vec![Act::Heard(Heard::Notice(what))];
        }
        if method == "session/request_permission" {
            return self.permission(id, params);
        }
        let message = format!("alai does not offer {}", cut(method, 100));
        let line = json!({"jsonrpc": "2.0", "id": id, "error": {"code": METHOD_NOT_FOUND, "message": message}});
        let mut acts = self.flush();
        acts.push(Act::Heard(Heard::Denied {
            id: cut(&id.to_string(), 100),
            what: format!("{}: not offered", cut(method, 100)),
        }));
        acts.push(Act::Send(line.to_string()));
        acts
    }

    fn permission(&mut self, id: &Value, params: &Value) -> Vec<Act> {
        let mut acts = self.flush();
        let call = &params["toolCall"];
        let call_id = cut(call["toolCallId"].as_str().unwrap_or_default(), 100);
        acts.extend(self.known(&call_id, call, true));
        let wish = self.wish(&call_id);
        let judged = match self.ours(params) && !self.cancelled {
            true => self.rules.judge(&wish),
            false => Err("it is not of this session, or that is being cancelled".to_owned()),
        };
        let chosen = permit::option(&params["options"], judged.is_ok());
        let outcome = match &chosen {
            Some(option) if !self.cancelled => json!({"outcome": "selected", "optionId": option}),
            Some(_) | None => json!({"outcome": "cancelled"}),
        };
        let why = judged.err().or_else(|| match chosen {
            Some(_) => None,
            None => Some("nothing that is for once was offered".to_owned()),
        });
        if let Some(why) = why {
            let name = [&wish.kind, &wish.title].map(|t| cut(t, 100)).join(" ");
            acts.push(Act::Heard(Heard::Denied {
                id: call_id,
                what: format!("{name}: {why}"),
            }));
        }
        let line = json!({"jsonrpc": "2.0", "id": id, "result": {"outcome": outcome}});
        acts.push(Act::Send(line.to_string()));
        acts
    }

    fn ours(&self, params: &Value) -> bool {
        params["sessionId"].as_str() == self.session.as_deref() && self.session.is_some()
    }

    /// Words that were gathered.
    fn flush(&mut self) -> Vec<Act> {
        let thoughts = std::mem::take(&mut self.thoughts);
        let words = std::mem::take(&mut self.words);
        let mut acts = Vec::new();
        if !thoughts.is_empty() {
            acts.push(Act::Heard(Heard::Thought(thoughts)));
        }
        if !words.is_empty() {
            acts.push(Act::Heard(Heard::Text(words)));
        }
        acts
    }
}

/// The option that chooses its model.
fn model_option(options: &Value) -> Option<&Value> {
    let all = options.as_array()?;
    let by = |key: &str| all.iter().find(|option| option[key] == "model");
    by("category").or_else(|| by("id"))
}

/// What it can be set to; options may stand in groups.
fn values(option: &Value) -> Vec<String> {
    let all = option["options"].as_array().into_iter().flatten();
    all.flat_map(|one| match one["options"].as_array() {
        Some(group) => group.iter().collect::<Vec<_>>(),
        None => vec![one],
    })
    .filter_map(|one| text_of(one, "value"))
    .take(200)
    .collect()
}

/// Tokens of all its turns (`Usage`, not yet stable).
fn used(usage: &Value) -> Option<Usage> {
    let also = |key: &str| count_or_none(&usage[key]);
    let (read, written) = (also("cachedReadTokens")?, also("cachedWriteTokens")?);
    plausible(Usage {
        prompt_tokens: count(&usage["inputTokens"])? + read + written,
        output_tokens: count(&usage["outputTokens"])? + also("thoughtTokens")?,
        cache_read_tokens: read,
        cache_write_tokens: written,
    })
}

fn ended(outcome: Outcome) -> Act {
    Act::Heard(Heard::Ended(Box::new(Ended::of(outcome))))
}

#[cfg(test)]
#[path = "acp/tests.rs"]
mod tests;
