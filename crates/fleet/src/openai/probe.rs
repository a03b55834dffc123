//! What such a server has: its models, and from llama-server its window and slots. Reads only, in bounded time.

use std::collections::BTreeMap;

use reqwest::{Client, Url};
use serde_json::{Map, Value};

use crate::call;
use crate::chat::ChatRequest;
use crate::dialect::HostRef;
use crate::error::{ChatError, ErrorClass, Fault, quote};
use crate::openai::router::{self, Standing};
use crate::openai::{OpenaiHost, body};
use crate::probe::{
    ANSWER, BYTES_MAX, Found, Looked, ModelCard, ProbeState, Unreadable, is_name_of, shown_name,
    small,
};
use crate::tagged;
use crate::wire::{self, Failure, Watch};

/// Models of one list that are read; a provider has hundreds at most.
const MODELS_MAX: usize = 1_000;

/// How many requests a llama-server runs at once, and how many of these places are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    pub total: u32,
    pub busy: u32,
}

/// Looks at `/health`, `/v1/models` and what else there is: `/props` of llama-server, `/api/v0/models` of LM Studio.
pub(crate) async fn look(host: &OpenaiHost, watch: &Watch<'_>) -> Looked {
    let client = wire::client(HostRef::Openai(host))?;
    // Only llama-server and vLLM have it; a 503 means that the model is being loaded.
    if let Err(failure) = get(host, &client, "health", watch).await
        && !is_absent(&failure)
        && !matches!(&failure, Failure::Fault(fault) if fault.class == ErrorClass::Malformed)
    {
        return Err(failure);
    }
    let list = get(host, &client, "v1/models", watch).await?;
    let listed = list.get("data").and_then(Value::as_array).ok_or_else(|| {
        let message = "what answers at /v1/models is no server of OpenAI's protocol";
        Fault::new(ErrorClass::Refused, message)
    })?;
    let props = optional(get(host, &client, "props", watch).await)?;
    let studio = match &props {
        Some(_) => BTreeMap::new(),
        None => studio(&optional(get(host, &client, "api/v0/models", watch).await)?),
    };
    let is_router = props.as_ref().is_some_and(router::is_router);
    host.found_router(is_router);
    let version = props
        .as_ref()
        .and_then(|props| props.get("build_info"))
        .and_then(Value::as_str)
        .map(quote);
    // What a router says of itself is none of its models' own.
    let props = props.filter(|_| !is_router);
    let (mut models, mut unreadable) = (Vec::new(), Vec::new());
    for entry in listed.iter().take(MODELS_MAX) {
        let name = entry.get("id").and_then(Value::as_str).unwrap_or_default();
        if !is_name_of(HostRef::Openai(host), name) {
            unreadable.push(Unreadable {
                name: shown_name(HostRef::Openai(host), name),
                reason: "its name is no model name".to_owned(),
            });
            continue;
        }
        if let Some(why) = failed(entry) {
            unreadable.push(Unreadable {
                name: name.to_owned(),
                reason: why,
            });
            continue;
        }
        if is_router && Standing::of(entry) == Some(Standing::Downloading) {
            unreadable.push(Unreadable {
                name: name.to_owned(),
                reason: "its router is still downloading it".to_owned(),
            });
            continue;
        }
        let stands = Standing::of(entry).filter(|_| is_router);
        let own = match matches!(stands, Some(Standing::Loaded | Standing::Sleeping)) {
            true => optional(get(host, &client, &props_of(name), watch).await)?,
            false => None,
        };
        let own_slots = own.as_ref().and_then(slots_told);
        let props = own.as_ref().or(props.as_ref());
        let mut card = card(name, entry, props, studio.get(name));
        card.slots = own_slots.or_else(|| router::slots(entry).filter(|_| is_router));
        // What was trained for is more than what a server may have been started with.
        if let Some(window) = window(entry, props, studio.get(name)) {
            host.windows.learn(name, window);
        }
        models.push(card);
    }
    let told = props.as_ref().and_then(slots_told);
    let (slots, silent) = match told {
        None if !is_router && studio.is_empty() => counted(host, &client, watch).await?,
        told => (told, None),
    };
    Ok(Found {
        state: ProbeState::Up {
            version: version.unwrap_or_else(|| "unnamed".to_owned()),
            warning: props.as_ref().and_then(small_slots).or(silent),
            models,
            unreadable,
        },
        slots,
    })
}

/// Requests that run at once, as `/props` tells.
fn slots_told(props: &Value) -> Option<u32> {
    small(props.get("total_slots")?)
}

/// The same by counting the places of `/slots`, where nothing else tells. A llama-server that keeps it to itself (501, or a proxy
/// that lets nobody in) is said so; a server that has no such route has no fixed number of places. Nothing but a cancelled look fails it.
async fn counted(
    host: &OpenaiHost,
    client: &Client,
    watch: &Watch<'_>,
) -> Result<(Option<u32>, Option<String>), Failure> {
    let (list, silent) = match get(host, client, "slots", watch).await {
        Ok(list) => (Some(list), None),
        Err(Failure::Refused(refusal)) if matches!(refusal.status, 401 | 403 | 501) => {
            let closed = "it does not say how many requests it runs at once (`/props` and `/slots` are closed); `slots` of its host in alai.toml counts";
            (None, Some(closed.to_owned()))
        }
        Err(Failure::Fault(fault)) if fault.class == ErrorClass::Cancelled => {
            return Err(Failure::Fault(fault));
        }
        Err(Failure::Fault(fault)) if fault.class == ErrorClass::Malformed => (None, None),
        Err(failure) if is_absent(&failure) => (None, None),
        // Whoever is busy may be slow to say so: its models are there all the same.
        Err(failure) => {
            let what = match failure {
                Failure::Refused(refusal) => format!("HTTP {}", refusal.status),
                Failure::Fault(fault) => fault.message,
            };
            let unheard = format!(
                "it did not say how many requests it runs at once (`/slots`: {what}); until it does, `slots` of its host in alai.toml counts"
            );
            (None, Some(unheard))
        }
    };
    let list = list.as_ref().and_then(Value::as_array);
    let count = list.and_then(|list| u32::try_from(list.len()).ok());
    Ok((count.filter(|count| *count > 0), silent))
}

/// How many places of a llama-server are taken; None where it does not tell (`--no-slots`, another server).
///
/// # Errors
/// As `chat`, when the host cannot be asked.
pub fn slots(host: &OpenaiHost, cancel: &dyn Fn() -> bool) -> Result<Option<Slots>, ChatError> {
    let watch = Watch::new(ANSWER, cancel);
    let asked = asked(host, &watch, async {
        let client = wire::client(HostRef::Openai(host))?;
        optional(get(host, &client, "slots", &watch).await)
    });
    let list = asked.map_err(|fault| call::failed(HostRef::Openai(host), &nobody(), fault, ""))?;
    let Some(slots) = list.as_ref().and_then(Value::as_array) else {
        return Ok(None);
    };
    let busy = slots.iter().filter(|slot| slot["is_processing"] == true);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(Some(Slots {
        total: count(slots.len()),
        busy: count(busy.count()),
    }))
}

/// Whether a server that loads nothing at our word holds this model and is awake, as it says itself. A list alone says it only of one
/// model: LM Studio and proxies list what they would load.
///
/// # Errors
/// As `chat`, when the host cannot be asked.
pub(crate) fn is_held(
    host: &OpenaiHost,
    model: &str,
    cancel: &dyn Fn() -> bool,
) -> Result<bool, ChatError> {
    let watch = Watch::new(ANSWER, cancel);
    let held = asked(host, &watch, async {
        let client = wire::client(HostRef::Openai(host))?;
        // Neither this nor a list wakes a llama-server that sleeps (its README, "Sleeping on Idle"); `/slots` would.
        if let Some(props) = optional(get(host, &client, "props", &watch).await)? {
            return Ok(!router::is_router(&props) && props["is_sleeping"] != true);
        }
        let studio = optional(get(host, &client, "api/v0/models", &watch).await)?;
        if studio.as_ref().is_some_and(|list| list["data"].is_array()) {
            let loaded = |entry: &Value| entry["state"] == "loaded";
            return Ok(self::studio(&studio).get(model).is_some_and(loaded));
        }
        let list = get(host, &client, "v1/models", &watch).await?;
        let listed = list["data"].as_array().map_or(&[][..], Vec::as_slice);
        // llama-swap says its name there, and begins what it is asked for.
        Ok(matches!(listed, [one] if one["id"] == model && one["owned_by"] != "llama-swap"))
    });
    held.map_err(|fault| call::failed(HostRef::Openai(host), &nobody(), fault, ""))
}

/// The exact length of a request's prompt in tokens, as the server's own tokenizer and template make it; None where the
/// server does not count (only llama-server does).
///
/// # Errors
/// As `chat`.
pub fn count_tokens(
    host: &OpenaiHost,
    request: &ChatRequest,
    cancel: &dyn Fn() -> bool,
) -> Result<Option<u64>, ChatError> {
    let watch = Watch::new(ANSWER, cancel);
    let sent = tagged::plain(request);
    asked(host, &watch, input_tokens(host, &sent, &watch))
        .map_err(|fault| call::failed(HostRef::Openai(host), request, fault, ""))
}

/// The same for a request as it is sent.
pub(crate) async fn input_tokens(
    host: &OpenaiHost,
    sent: &ChatRequest,
    watch: &Watch<'_>,
) -> Result<Option<u64>, Failure> {
    let client = wire::client(HostRef::Openai(host))?;
    let url = host.base().route("v1/chat/completions/input_tokens");
    let body = body::bytes(&body::prompt(sent))?;
    let watch = Watch::new(ANSWER.min(watch.left()), watch.cancel);
    let counted = wire::fetch(&client, &url, Some(body), &watch, BYTES_MAX).await;
    Ok(optional(counted)?.and_then(|counted| counted.get("input_tokens")?.as_u64()))
}

fn asked<T>(
    host: &OpenaiHost,
    watch: &Watch<'_>,
    question: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Fault> {
    match wire::block_on(question)? {
        Ok(told) => Ok(told),
        Err(Failure::Fault(fault)) => Err(fault),
        Err(Failure::Refused(refusal)) => {
            tracing::debug!(%host, status = refusal.status, left = ?watch.left(), "a question was refused");
            Err(HostRef::Openai(host).classify(&refusal))
        }
    }
}

/// Stands in errors of questions that are about no model.
fn nobody() -> ChatRequest {
    crate::probe::hello("", &crate::chat::Profile::default())
}

async fn get(
    host: &OpenaiHost,
    client: &Client,
    route: &str,
    watch: &Watch<'_>,
) -> Result<Value, Failure> {
    let watch = Watch::new(ANSWER.min(watch.left()), watch.cancel);
    wire::fetch(client, &host.base().route(route), None, &watch, BYTES_MAX).await
}

/// Whether the server does not have a route, or does not give it to us.
fn is_absent(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal) if matches!(refusal.status, 400..=499 | 501))
}

/// What a route gives that not every server has. One that answers with a page has none.
fn optional(fetched: Result<Value, Failure>) -> Result<Option<Value>, Failure> {
    match fetched {
        Ok(value) => Ok(Some(value)),
        Err(failure) if is_absent(&failure) => Ok(None),
        Err(Failure::Fault(fault)) if fault.class == ErrorClass::Malformed => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// LM Studio's own list by name.
fn studio(list: &Option<Value>) -> BTreeMap<String, Value> {
    let entries = list
        .as_ref()
        .and_then(|list| list.get("data")?.as_array().cloned());
    entries
        .into_iter()
        .flatten()
        .take(MODELS_MAX)
        .filter_map(|entry| Some((entry.get("id")?.as_str()?.to_owned(), entry)))
        .collect()
}

/// Why a router cannot run a model (`/v1/models` of llama-server in router mode).
fn failed(entry: &Value) -> Option<String> {
    match Standing::of(entry)? {
        Standing::Failed { exit_code } => Some(router::ended(exit_code)),
        Standing::Unloaded
        | Standing::Loading
        | Standing::Loaded
        | Standing::Sleeping
        | Standing::Downloading => None,
    }
}

/// What a router's model says of itself, asked so that nothing is loaded by the question.
fn props_of(model: &str) -> String {
    let mut asked = Url::parse("http://router").expect("a constant address is one");
    let mut pairs = asked.query_pairs_mut();
    pairs.append_pair("model", model);
    pairs.append_pair("autoload", "false");
    drop(pairs);
    format!("props?{}", asked.query().unwrap_or_default())
}

/// The window that a request to this model has, in tokens.
fn window(entry: &Value, props: Option<&Value>, studio: Option<&Value>) -> Option<u32> {
    let meta = entry.get("meta");
    let of_props = props.and_then(|props| props.get("default_generation_settings")?.get("n_ctx"));
    [
        of_props,
        meta.and_then(|meta| meta.get("n_ctx")),
        entry.get("max_model_len"),
        studio.and_then(|entry| entry.get("loaded_context_length")),
    ]
    .into_iter()
    .flatten()
    .find_map(small)
    .or_else(|| router::window(entry))
}

fn card(name: &str, entry: &Value, props: Option<&Value>, studio: Option<&Value>) -> ModelCard {
    let empty = Map::new();
    let meta = entry
        .get("meta")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let number = |key: &str| meta.get(key).and_then(Value::as_u64).filter(|n| *n > 0);
    let template = props
        .and_then(|props| props.get("chat_template")?.as_str())
        .unwrap_or_default();
    let trained = meta
        .get("n_ctx_train")
        .or_else(|| studio.and_then(|entry| entry.get("max_context_length")))
        .and_then(small);
    let embedding = studio.is_some_and(|entry| entry["type"] == "embeddings");
    ModelCard {
        name: name.to_owned(),
        size_bytes: number("size").unwrap_or(0),
        parameters: None,
        parameter_count: number("n_params"),
        context_max: window(entry, props, studio).or(trained),
        chat: !embedding,
        tools: !embedding && tools(props, template),
        thinking: template.contains("enable_thinking"),
        embedding_only: embedding,
        slots: None,
        remote: None,
        digest: String::new(),
    }
}

/// For the fuzz target: what is read of any three answers.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read(entry: &Value, props: &Value, studio: &Value) -> ModelCard {
    let (_why, _warning) = (failed(entry), small_slots(props));
    let mut card = card("m", entry, Some(props), Some(studio));
    card.slots = slots_told(props).or_else(|| router::slots(entry));
    card
}

/// Whether the model calls tools. A server that does not say is taken at its protocol: one that cannot says so at the first
/// call, which is then made in text.
fn tools(props: Option<&Value>, template: &str) -> bool {
    let told = props
        .and_then(|props| props.get("chat_template_caps")?.get("supports_tools"))
        .and_then(Value::as_bool);
    told.unwrap_or_else(|| template.is_empty() || template.contains("tool"))
}

/// A window is divided by the slots, which surprises people.
fn small_slots(props: &Value) -> Option<String> {
    let slots = slots_told(props)?;
    let window = small(props.get("default_generation_settings")?.get("n_ctx")?)?;
    (slots > 1 && window < SMALL_WINDOW).then(|| {
        format!(
            "each of its {slots} slots has a window of only {window} tokens; start llama-server with a larger -c or fewer -np"
        )
    })
}

/// A smaller window holds no tool loop: prompt, two files and the answer.
const SMALL_WINDOW: u32 = 8_192;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cards_of_llama_server_vllm_and_lm_studio() {
        let entry = json!({"id": "qwen", "meta": {"n_ctx_train": 40_960, "n_params": 8_190_735_360_u64, "size": 5_021_781_472_u64}});
        let props = json!({"default_generation_settings": {"n_ctx": 16_384}, "total_slots": 2,
            "chat_template": "{% if tools %}..{% if enable_thinking %}"});
        let llama = card("qwen", &entry, Some(&props), None);
        assert_eq!(
            (llama.context_max, llama.parameter_count),
            (Some(16_384), Some(8_190_735_360))
        );
        assert!(llama.chat && llama.tools && llama.thinking);
        assert_eq!(small_slots(&props), None);
        let plain = json!({"chat_template": "{{ messages }}", "total_slots": 4, "default_generation_settings": {"n_ctx": 2_048}});
        assert!(!card("m", &entry, Some(&plain), None).tools);
        assert!(small_slots(&plain).is_some_and(|said| said.contains("2048")));
        let told =
            json!({"chat_template": "tool", "chat_template_caps": {"supports_tools": false}});
        assert!(!card("m", &entry, Some(&told), None).tools);

        let vllm = card(
            "m",
            &json!({"id": "m", "max_model_len": 32_768}),
            None,
            None,
        );
        assert_eq!(
            (vllm.context_max, vllm.tools, vllm.thinking),
            (Some(32_768), true, false)
        );

        let list = json!({"data": [{"id": "e", "type": "embeddings"}, {"id": "c", "type": "llm", "max_context_length": 131_072,
            "loaded_context_length": 4_096}, {"id": 7}]});
        let known = studio(&Some(list));
        let embedder = card("e", &json!({}), None, known.get("e"));
        assert!(embedder.embedding_only && !embedder.chat && !embedder.tools);
        assert_eq!(
            card("c", &json!({}), None, known.get("c")).context_max,
            Some(4_096)
        );
    }

    #[test]
    fn a_model_that_its_router_cannot_start_is_named() {
        let why =
            failed(&json!({"status": {"value": "unloaded", "failed": true, "exit_code": 137}}));
        assert!(why.is_some_and(|why| why.contains("137")));
        assert_eq!(failed(&json!({"status": {"value": "sleeping"}})), None);
        assert_eq!(failed(&json!({})), None);
    }
}
