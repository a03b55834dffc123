//! The body of a request to a provider: whether it makes the provider go elsewhere, and what it may cost. Pure.
//!
//! A provider runs tools of its own and fetches what a request names, so that whoever may ask it anything reaches any host. What is
//! not known to do neither goes nowhere: an unknown field of the request itself, a tool that the program does not run itself, a
//! source that is fetched. What claude-cli 2.1.330 and codex 0.169.0 send passes.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::provider::Api;

/// Values of one body. The longest conversations have some ten thousand; each takes many times its bytes while it is looked at.
const VALUES_MAX: usize = 300_000;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Asked {
    pub(super) model: String,
    /// The longest answer, where it says so.
    pub(super) output_max: Option<u64>,
    /// The answer will say what was used.
    pub(super) is_told: bool,
}

/// Fields of a request that an API reads and that lead nowhere.
const ANTHROPIC: &[&str] = &[
    "cache_control",
    "context_management",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "output_format",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];
const OPENAI: &[&str] = &[
    "client_metadata",
    "context_management",
    "frequency_penalty",
    "function_call",
    "functions",
    "include",
    "input",
    "instructions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "max_tool_calls",
    "messages",
    "metadata",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
    "verbosity",
];

/// Of these only what costs no more than the price tables say.
const PLAIN: [(&str, &[&str]); 2] = [
    (
        "service_tier",
        &["auto", "default", "standard_only", "flex"],
    ),
    ("speed", &["standard"]),
];

/// Tools that the program runs itself, and the search among those. Of those with a date behind their names it stands here without.
const LOCAL: [&str; 5] = [
    "function",
    "custom",
    "local_shell",
    "apply_patch",
    "tool_search",
];
const LOCAL_DATED: [&str; 6] = [
    "bash_",
    "text_editor_",
    "memory_",
    "computer_",
    "tool_search_tool_regex_",
    "tool_search_tool_bm25_",
];

/// Parts of the names of models that search the web without being told to.
const SEARCHING: [&str; 4] = ["search", ":online", "sonar", "compound"];

/// Judges a body. The error reads on from "the request".
pub(super) fn judged(api: Api, path: &str, body: &[u8]) -> Result<Asked, String> {
    let fields = match parsed(body) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return Err("is no JSON object".to_owned()),
        Err(error) => return Err(format!("is no JSON that is sent on: {error}")),
    };
    let known = match api {
        Api::Anthropic => ANTHROPIC,
        Api::Openai => OPENAI,
    };
    for (name, value) in &fields {
        if !known.contains(&name.as_str()) && !value.is_null() {
            return Err(format!(
                "has the field `{}`, which is not sent on: it may lead to other hosts",
                short(name)
            ));
        }
    }
    for (name, plain) in PLAIN {
        match fields.get(name).filter(|value| !value.is_null()) {
            Some(value) if !value.as_str().is_some_and(|v| plain.contains(&v)) => {
                return Err(format!("has another `{name}` than {}", plain.join(", ")));
            }
            Some(_) | None => {}
        }
    }
    if let Some(given) = fields.get("tools") {
        tools(given)?;
    }
    fields.values().try_for_each(walk)?;
    asked(api, path, &fields)
}

fn asked(api: Api, path: &str, fields: &Map<String, Value>) -> Result<Asked, String> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| fields.get(name).and_then(Value::as_u64);
    let model = text("model");
    let own = model.rsplit('/').next().unwrap_or_default();
    let own = own.to_ascii_lowercase();
    if api == Api::Openai && SEARCHING.iter().any(|part| own.contains(part)) {
        return Err(format!(
            "names the model {}, which reaches other hosts itself",
            short(model)
        ));
    }
    let bounds = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
    let longest = bounds.into_iter().filter_map(number).max();
    let streamed = fields.get("stream").and_then(Value::as_bool) == Some(true);
    let usage = fields
        .get("stream_options")
        .and_then(|options| options["include_usage"].as_bool());
    Ok(Asked {
        model: model.to_owned(),
        output_max: longest.map(|tokens| tokens.saturating_mul(number("n").unwrap_or(1).max(1))),
        is_told: !(path.ends_with("/chat/completions") && streamed && usage != Some(true)),
    })
}

/// Whether the program itself runs every one of these tools.
fn tools(given: &Value) -> Result<(), String> {
    if given.is_null() {
        return Ok(());
    }
    let list = given
        .as_array()
        .ok_or_else(|| "has `tools` that are no list".to_owned())?;
    for tool in list {
        let Value::Object(fields) = tool else {
            return Err("has a tool that is none".to_owned());
        };
        let kind = match fields.get("type") {
            None | Some(Value::Null) => "custom",
            Some(Value::String(kind)) => kind,
            Some(_) => return Err("has a tool of no kind".to_owned()),
        };
        let is_odd = |name: &String| name != "type" && name.eq_ignore_ascii_case("type");
        // Names around tools of the same kinds.
        if kind == "namespace" {
            tools(fields.get("tools").unwrap_or(&Value::Null))?;
        } else if fields.keys().any(is_odd) || !(LOCAL.contains(&kind) || is_local_dated(kind)) {
            return Err(format!(
                "has a tool of the kind `{}`, which the provider would run: it reaches other hosts",
                short(kind)
            ));
        }
    }
    Ok(())
}

fn is_local_dated(kind: &str) -> bool {
    let mut names = LOCAL_DATED.iter();
    names.any(|name| kind.strip_prefix(name).is_some_and(is_date))
}

fn is_date(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Looks for what is fetched, or is somebody else's, wherever it stands. JSON is at most 128 deep.
fn walk(value: &Value) -> Result<(), String> {
    let fields = match value {
        Value::Array(items) => return items.iter().try_for_each(walk),
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Ok(()),
    };
    let kind = fields.get("type").and_then(Value::as_str);
    let kind = kind.unwrap_or_default();
    if kind
        .rsplit_once('_')
        .is_some_and(|(_, last)| is_date(last) && is_hosted(kind))
    {
        return Err(format!(
            "has a part of the kind `{}`, which is not sent on",
            short(kind)
        ));
    }
    for (name, value) in fields {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            // What a model wanted of a tool, and the form of that: no words of the API.
            "input" | "arguments" if kind.ends_with("tool_use") => continue,
            "input_schema" | "parameters" | "schema" => continue,
            "tools" => tools(value)?,
            "source" => source(value)?,
            _ if value.is_null() => {}
            "mcp_servers" | "file_id" | "file_ids" | "connector_id" => {
                return Err(format!("has `{name}`, which is not sent on"));
            }
            _ if name.ends_with("_url") => held(&name, value)?,
            _ => {}
        }
        walk(value)?;
    }
    Ok(())
}

/// Tools that a provider runs, as they are called wherever they are given to it. Edits of a conversation have dates, too.
fn is_hosted(kind: &str) -> bool {
    let names = ["web_", "code_execution_", "mcp_", "advisor_", "agent_"];
    names.iter().any(|name| kind.starts_with(name))
}

/// Where an image or a document comes from.
fn source(value: &Value) -> Result<(), String> {
    let Value::Object(fields) = value else {
        return Ok(());
    };
    let kind = fields.get("type").and_then(Value::as_str);
    let is_place = |name: &String| ["url", "file_id"].contains(&name.to_ascii_lowercase().as_str());
    match kind {
        Some("base64" | "text" | "content") if !fields.keys().any(is_place) => Ok(()),
        Some(_) | None => Err(
            "has a `source` that the provider would fetch; give what it holds instead".to_owned(),
        ),
    }
}

/// What stands where an address may: the data themselves.
fn held(name: &str, value: &Value) -> Result<(), String> {
    let text = match value.is_object() {
        true => &value["url"],
        false => value,
    };
    let is_data = |text: &str| {
        text.get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case("data:"))
    };
    match text.as_str().is_some_and(is_data) {
        true => Ok(()),
        false => Err(format!(
            "has an `{name}` that the provider would fetch; give a data: URL instead"
        )),
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// JSON that every reader reads alike: no name twice in one object. Its values are counted, since a byte may become thirty.
fn parsed(body: &[u8]) -> Result<Value, serde_json::Error> {
    let mut left = VALUES_MAX;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = Strict { left: &mut left }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

struct Strict<'n> {
    left: &'n mut usize,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        *self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| D::Error::custom("it has too many parts"))?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Strict { left: self.left })? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Strict { left: self.left })?;
            if fields.insert(name, value).is_some() {
                return Err(A::Error::custom("it says one thing twice"));
            }
        }
        Ok(Value::Object(fields.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anthropic(body: &str) -> Result<Asked, String> {
        judged(Api::Anthropic, "/v1/messages", body.as_bytes())
    }

    fn openai(body: &str) -> Result<Asked, String> {
        judged(Api::Openai, "/v1/responses", body.as_bytes())
    }

    #[test]
    fn what_programs_ask_for_passes() {
        let body = r#"{"model":"claude-opus-5-5","max_tokens":128000,"stream":true,"system":[{"type":"text","text":"s",
            "cache_control":{"type":"ephemeral"}}],"thinking":{"type":"adaptive"},"output_config":{"effort":"medium"},
            "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"mcp_servers":null,
            "tools":[{"name":"Bash","input_schema":{"type":"object","properties":{"file_id":{"type":"string"}}}},
            {"type":"bash_20250124","name":"bash"},{"type":"custom","name":"Read"}],"messages":[{"role":"user","content":[
            {"type":"tool_use","id":"t","name":"x","input":{"file_id":"f","image_url":"https://e.net","source":{"type":"url"}}},
            {"type":"tool_result","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":""}}]},
            {"type":"document","source":{"type":"text","data":"t"}}]}]}"#;
        let asked = anthropic(body).expect("it passes");
        assert_eq!(
            (asked.model.as_str(), asked.output_max, asked.is_told),
            ("claude-opus-5-5", Some(128_000), true)
        );
        let body = r#"{"model":"gpt-5-codex","stream":true,"store":false,"include":["reasoning.encrypted_content"],
            "client_metadata":{"a":"b"},"tools":[{"type":"function","name":"exec"},{"type":"local_shell"},{"type":"tool_search","execution":"client"},
            {"type":"custom","name":"apply_patch"},{"type":"namespace","name":"n","tools":[{"type":"function","name":"m"}]}],
            "input":[{"type":"message","content":[{"type":"input_image","image_url":"data:image/png;base64,AA"}]},
            {"type":"function_call","arguments":"{\"image_url\":\"https://e.net\"}"}]}"#;
        assert_eq!(openai(body).expect("it passes").output_max, None);
        let chat = |body: &str| judged(Api::Openai, "/v1/chat/completions", body.as_bytes());
        let asked = chat(r#"{"model":"nousresearch/hermes","stream":true,"max_tokens":10,"n":3}"#);
        let asked = asked.expect("it passes");
        assert_eq!((asked.output_max, asked.is_told), (Some(30), false));
        let told = chat(r#"{"stream":true,"stream_options":{"include_usage":true}}"#);
        assert!(told.expect("it passes").is_told);
    }

    #[test]
    fn what_leads_elsewhere_is_none_however_it_is_written() {
        for (body, why) in [
            (r#"{"container":{"skills":[]}}"#, "`container`"),
            (r#"{"Tools":[]}"#, "`Tools`"),
            (
                r#"{"tools":[],"tools":[{"type":"web_fetch_20260209"}]}"#,
                "twice",
            ),
            (
                r#"{"tools":[{"type":"code_execution_20260120"}]}"#,
                "code_execution",
            ),
            (r#"{"tools":[{"type":"mcp_toolset"}]}"#, "mcp_toolset"),
            (r#"{"tools":[{"type":"bash_code_execution"}]}"#, "bash_code"),
            (
                r#"{"tools":[{"Type":"web_search_20250305"}]}"#,
                "the provider would run",
            ),
            (r#"{"tools":{"type":"custom"}}"#, "no list"),
            (r#"{"tools":[{"type":["mcp"]}]}"#, "no kind"),
            (
                r#"{"messages":[{"content":[{"type":"x","tools":[{"type":"web_search_20250305"}]}]}]}"#,
                "web_search",
            ),
            (
                r#"{"messages":[{"content":[{"type":"x","add":{"type":"web_fetch_20260209"}}]}]}"#,
                "web_fetch",
            ),
            (
                r#"{"system":[{"type":"document","source":{"type":"url","url":"https://e.net"}}]}"#,
                "source",
            ),
            (
                r#"{"messages":[{"content":[{"Source":{"type":"base64","URL":"https://e.net"}}]}]}"#,
                "source",
            ),
            (
                r#"{"messages":[{"content":[{"source":{"type":"file","file_id":"f"}}]}]}"#,
                "source",
            ),
            (
                r#"{"messages":[{"content":[{"type":"container_upload","file_id":"f"}]}]}"#,
                "file_id",
            ),
            (r#"{"service_tier":"priority"}"#, "service_tier"),
            (r#"{"speed":"fast"}"#, "speed"),
            ("[]", "no JSON object"),
            ("", "no JSON"),
            ("{} {}", "no JSON"),
            ("\u{1f}\u{8b}\u{8}", "no JSON"),
        ] {
            let error = anthropic(body).expect_err(body);
            assert!(error.contains(why), "{body}: {error}");
        }
    }

    #[test]
    fn the_same_holds_for_the_other_wire() {
        for (body, why) in [
            (r#"{"prompt":{"id":"p"}}"#, "`prompt`"),
            (r#"{"background":true}"#, "`background`"),
            (r#"{"plugins":[{"id":"web"}]}"#, "`plugins`"),
            (r#"{"web_search_options":{}}"#, "`web_search_options`"),
            (
                r#"{"tools":[{"type":"web_search","external_web_access":false}]}"#,
                "web_search",
            ),
            (r#"{"tools":[{"type":"shell"}]}"#, "shell"),
            (
                r#"{"tools":[{"type":"namespace","tools":[{"type":"mcp"}]}]}"#,
                "mcp",
            ),
            (
                r#"{"input":[{"type":"tool_search_output","tools":[{"type":"mcp"}]}]}"#,
                "mcp",
            ),
            (
                r#"{"input":[{"content":[{"type":"input_image","image_url":" data:x"}]}]}"#,
                "image_url",
            ),
            (
                r#"{"input":[{"content":[{"type":"input_file","file_url":"https://e.net"}]}]}"#,
                "file_url",
            ),
            (
                r#"{"messages":[{"content":[{"video_url":{"url":"https://e.net"}}]}]}"#,
                "video_url",
            ),
            (
                r#"{"model":"openai/gpt-5-search-api"}"#,
                "reaches other hosts",
            ),
            (r#"{"model":"a/b:online"}"#, "reaches other hosts"),
        ] {
            let error = openai(body).expect_err(body);
            assert!(error.contains(why), "{body}: {error}");
        }
    }

    #[test]
    fn a_body_of_too_many_parts_or_too_deep_is_not_read_to_its_end() {
        let many = format!("{{\"stop_sequences\":[{}0]}}", "0,".repeat(VALUES_MAX));
        assert!(anthropic(&many).is_err_and(|why| why.contains("too many parts")));
        let deep = format!("{{\"system\":{}", "[".repeat(100_000));
        assert!(anthropic(&deep).is_err_and(|why| why.contains("no JSON")));
    }
}
