//! What an Ollama host has: its version, its models and what each of them can do. Reads only, in bounded time.

use std::time::Duration;

use alai_core::brief::Role;
use alai_core::task::TaskKind;
use reqwest::Client;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::chat::{ChatRequest, Message, Profile, Purpose, Usage};
use crate::error::{ChatError, ErrorClass, quote};
use crate::host::OllamaHost;
use crate::ollama;
use crate::profiles::Profiles;
use crate::stream::Fault;
use crate::wire::{self, Failure, Refusal, Watch};

/// One answer of a host that is well. These routes load no model.
const ANSWER: Duration = Duration::from_secs(5);
/// The whole probe; models that are not described by then are reported as unread.
const PROBE: Duration = Duration::from_secs(20);
/// `/api/show` carries licences and templates; tensors are left out unless asked for.
const BYTES_MAX: usize = 8 << 20;
/// A name longer than this is no model of anybody's.
const NAME_CHARS_MAX: usize = 200;
/// Tokens of a ping's answer: one word and room for a model that starts with a greeting.
const PING_TOKENS: u32 = 32;

/// What was found on a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    pub host: OllamaHost,
    pub state: ProbeState,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ProbeState {
    Up {
        version: String,
        /// What this version does wrong, and what to do.
        warning: Option<String>,
        models: Vec<ModelCard>,
        /// Models that are there but could not be described: they are not used, and it is said why.
        unreadable: Vec<Unreadable>,
    },
    Down {
        reason: String,
        remedy: String,
    },
}

/// A model as its host describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCard {
    pub name: String,
    /// Bytes on disk; about what it takes in memory without its context.
    pub size_bytes: u64,
    /// In the host's words: `7.6B`.
    pub parameters: Option<String>,
    /// The same as a number.
    pub parameter_count: Option<u64>,
    /// The longest context it was trained for, in tokens.
    pub context_max: Option<u32>,
    /// Whether it generates text at all.
    pub chat: bool,
    pub tools: bool,
    pub thinking: bool,
    /// It makes vectors and nothing else.
    pub embedding_only: bool,
    /// Where it really runs, when the host only passes calls on (Ollama's cloud models): code would leave the machine.
    pub remote: Option<String>,
    pub digest: String,
}

/// A model that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    pub name: String,
    pub reason: String,
}

/// A real generation that worked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Load included.
    pub latency_ms: i64,
    pub usage: Usage,
    /// The context that the host gave the loaded model (`/api/ps`), where it says so. Smaller than the profile's `num_ctx`
    /// means that prompts will not fit.
    pub context: Option<u32>,
}

/// Looks at a host. Never fails: a host that cannot be used is `Down`, with the reason and what to do.
pub fn probe(host: &OllamaHost) -> Probe {
    let watch = Watch::new(PROBE, &|| false);
    let state = match wire::block_on(look(host, &watch)) {
        Ok(Ok(state)) => state,
        Ok(Err(failure)) => down(host, failure),
        Err(fault) => down(host, fault.into()),
    };
    Probe {
        host: host.clone(),
        state,
    }
}

/// The models that can do work here: they generate text, and on this host. Those that can call tools come first.
pub fn usable(probe: &Probe) -> Vec<&ModelCard> {
    let models = match &probe.state {
        ProbeState::Up { models, .. } => models.as_slice(),
        ProbeState::Down { .. } => &[],
    };
    let mut cards: Vec<_> = models
        .iter()
        .filter(|card| card.chat && card.remote.is_none())
        .collect();
    cards.sort_by_key(|card| !card.tools);
    cards
}

/// The one profile that a model is run with on its host, so that nothing reloads it.
///
/// The window is the default or what the model was trained for, whichever is less; an answer takes at most half of it.
/// Models that can think do not, unless asked: small ones spend their whole answer on it. How it calls tools and changes
/// files is what its family does best; a model that its host knows as one without tools calls them in text.
pub fn profile_for(card: &ModelCard) -> Profile {
    Profiles::shipped().of(card)
}

/// Lets a model say one word, with the profile that it will be run with (another `num_ctx` would load it twice).
///
/// # Errors
/// As `chat`; `Malformed` when the model generated nothing at all.
pub fn ping(
    host: &OllamaHost,
    model: &str,
    profile: &Profile,
    cancel: &dyn Fn() -> bool,
) -> Result<Ping, ChatError> {
    let request = ChatRequest {
        model: model.to_owned(),
        messages: vec![Message::User {
            text: "Answer with the word: ok".to_owned(),
        }],
        tools: Vec::new(),
        format: None,
        profile: Profile {
            output_max: PING_TOKENS,
            ..*profile
        },
        purpose: Purpose {
            task_kind: TaskKind::Ops,
            task_title: "ping".to_owned(),
            role: Role::Reviewer,
            company: String::new(),
            step: "ping".to_owned(),
            attempt: 0,
            visit: 0,
            turn: 0,
        },
    };
    let reply = ollama::chat(host, &request, cancel)?;
    if reply.text.trim().is_empty() && reply.thinking.trim().is_empty() {
        return Err(ChatError {
            class: ErrorClass::Malformed,
            host: host.to_string(),
            model: model.to_owned(),
            message: "the model generated nothing".to_owned(),
            partial: String::new(),
        });
    }
    let watch = Watch::new(ANSWER, cancel);
    let context = wire::block_on(loaded_context(host, model, &watch))
        .ok()
        .flatten();
    Ok(Ping {
        latency_ms: reply.latency_ms,
        usage: reply.usage,
        context,
    })
}

async fn loaded_context(host: &OllamaHost, model: &str, watch: &Watch<'_>) -> Option<u32> {
    let client = wire::client(host).ok()?;
    let ps = wire::fetch(&client, &host.route("api/ps"), None, watch, BYTES_MAX)
        .await
        .ok()?;
    let loaded = ps.get("models")?.as_array()?.iter().find(|entry| {
        let name = entry
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        name == model || name.strip_suffix(":latest") == Some(model)
    })?;
    small(loaded.get("context_length")?)
}

async fn look(host: &OllamaHost, watch: &Watch<'_>) -> Result<ProbeState, Failure> {
    let client = wire::client(host)?;
    let get = |route: &str| {
        let (client, url) = (client.clone(), host.route(route));
        async move {
            wire::fetch(
                &client,
                &url,
                None,
                &Watch::new(ANSWER, &|| false),
                BYTES_MAX,
            )
            .await
        }
    };
    let version = get("api/version").await?;
    let version = version
        .get("version")
        .and_then(Value::as_str)
        .ok_or_else(|| not_ollama("api/version"))?;
    let tags = get("api/tags").await?;
    let tags = tags
        .get("models")
        .and_then(Value::as_array)
        .ok_or_else(|| not_ollama("api/tags"))?;
    let (mut models, mut unreadable) = (Vec::new(), Vec::new());
    for tag in tags {
        let name = tag.get("name").and_then(Value::as_str).unwrap_or_default();
        match describe(host, &client, tag, name, watch).await {
            Ok(card) => models.push(card),
            Err(reason) => unreadable.push(Unreadable {
                name: quote(name),
                reason,
            }),
        }
    }
    Ok(ProbeState::Up {
        version: quote(version),
        warning: outdated(version),
        models,
        unreadable,
    })
}

/// The first version that knows `truncate` and `shift` (its commit 6544e1473); an older one passes over both.
const VERSION_MIN: [u32; 3] = [0, 12, 6];

/// Says what is wrong with an old version. Versions that are no three numbers, and 0.0.0 of a build from source, are taken
/// as current.
fn outdated(version: &str) -> Option<String> {
    let release = version.split(['-', '+']).next()?;
    let numbers: Vec<u32> = release
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let numbers: [u32; 3] = numbers.try_into().ok()?;
    (numbers != [0, 0, 0] && numbers < VERSION_MIN).then(|| {
        let [major, minor, patch] = VERSION_MIN;
        format!(
            "Ollama {} cuts prompts that do not fit without saying so; install {major}.{minor}.{patch} or later",
            quote(version)
        )
    })
}

async fn describe(
    host: &OllamaHost,
    client: &Client,
    tag: &Value,
    name: &str,
    watch: &Watch<'_>,
) -> Result<ModelCard, String> {
    if name.is_empty()
        || name.chars().count() > NAME_CHARS_MAX
        || name.chars().any(char::is_control)
    {
        return Err("its name is no model name".to_owned());
    }
    if watch.left().is_zero() {
        return Err(format!(
            "the host took longer than {} s to describe its models",
            PROBE.as_secs()
        ));
    }
    let body = json!({ "model": name }).to_string().into_bytes();
    let watch = Watch::new(ANSWER.min(watch.left()), &|| false);
    let shown = wire::fetch(
        client,
        &host.route("api/show"),
        Some(body),
        &watch,
        BYTES_MAX,
    )
    .await;
    shown
        .map(|show| card(name, tag, &show))
        .map_err(|failure| quote(&words(&failure)))
}

/// Reads a model's card from its entries in `/api/tags` and `/api/show`.
fn card(name: &str, tag: &Value, show: &Value) -> ModelCard {
    let model_info = show.get("model_info").and_then(Value::as_object);
    let architecture = model_info
        .and_then(|info| info.get("general.architecture"))
        .and_then(Value::as_str);
    let parameters = [show, tag]
        .into_iter()
        .filter_map(|from| from.get("details")?.get("parameter_size")?.as_str())
        .find(|text| !text.is_empty())
        .map(quote);
    let counted = model_info
        .and_then(|info| info.get("general.parameter_count"))
        .and_then(Value::as_u64);
    let parameter_count = counted
        .filter(|count| *count > 0)
        .or_else(|| parameters.as_deref().and_then(parameter_count));
    let can = capabilities(show, model_info, architecture);
    let remote = [tag, show]
        .into_iter()
        .filter_map(|from| {
            from.get("remote_host")
                .or_else(|| from.get("remote_model"))?
                .as_str()
        })
        .find(|remote| !remote.is_empty())
        .map(quote);
    ModelCard {
        name: name.to_owned(),
        size_bytes: tag.get("size").and_then(Value::as_u64).unwrap_or(0),
        parameters,
        parameter_count,
        context_max: context_max(model_info, architecture),
        chat: can.chat,
        tools: can.tools && can.chat,
        thinking: can.thinking && can.chat,
        embedding_only: can.embedding && !can.chat,
        remote,
        digest: tag
            .get("digest")
            .and_then(Value::as_str)
            .map(quote)
            .unwrap_or_default(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Capabilities {
    chat: bool,
    tools: bool,
    thinking: bool,
    embedding: bool,
}

/// Servers list `capabilities` since 0.6.4; before, the template and the architecture tell.
fn capabilities(
    show: &Value,
    model_info: Option<&Map<String, Value>>,
    architecture: Option<&str>,
) -> Capabilities {
    if let Some(listed) = show.get("capabilities").and_then(Value::as_array) {
        let has = |name: &str| listed.iter().any(|capability| capability == name);
        return Capabilities {
            chat: has("completion"),
            tools: has("tools"),
            thinking: has("thinking"),
            embedding: has("embedding"),
        };
    }
    let embedding = architecture.is_some_and(|architecture| architecture.contains("bert"))
        || model_info.is_some_and(|info| info.keys().any(|key| key.ends_with(".pooling_type")));
    let template = show
        .get("template")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Capabilities {
        chat: !embedding,
        tools: template.contains(".Tools"),
        thinking: false,
        embedding,
    }
}

fn context_max(model_info: Option<&Map<String, Value>>, architecture: Option<&str>) -> Option<u32> {
    let info = model_info?;
    let named =
        architecture.and_then(|architecture| info.get(&format!("{architecture}.context_length")));
    small(named.or_else(|| {
        info.iter()
            .find(|(key, _)| key.ends_with(".context_length"))
            .map(|(_, value)| value)
    })?)
}

fn small(value: &Value) -> Option<u32> {
    value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number > 0)
}

/// Reads `7.6B`, `137M` and `8x7B`.
fn parameter_count(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, scale) = match text.chars().last()? {
        'B' | 'b' => (&text[..text.len() - 1], 1e9),
        'M' | 'm' => (&text[..text.len() - 1], 1e6),
        'K' | 'k' => (&text[..text.len() - 1], 1e3),
        'T' | 't' => (&text[..text.len() - 1], 1e12),
        _ => return None,
    };
    let (times, number) = number.split_once(['x', 'X']).unwrap_or(("1", number));
    let count = times.parse::<f64>().ok()? * number.parse::<f64>().ok()? * scale;
    (count.is_finite() && count >= 1.0).then_some(count as u64)
}

fn not_ollama(route: &str) -> Fault {
    Fault::new(
        ErrorClass::Refused,
        format!("what answers at /{route} is not Ollama"),
    )
}

fn down(host: &OllamaHost, failure: Failure) -> ProbeState {
    let remedy = match &failure {
        Failure::Fault(fault) if fault.class == ErrorClass::Unreachable && host.is_loopback() => {
            "start it with `ollama serve`, or set OLLAMA_HOST to where it runs".to_owned()
        }
        Failure::Fault(fault) if fault.class == ErrorClass::Unreachable => {
            format!(
                "check that {host} is on and reachable, and that Ollama listens there (OLLAMA_HOST=0.0.0.0 on that machine)"
            )
        }
        Failure::Fault(_) | Failure::Refused(_) => {
            format!("check what listens at {host}, and set OLLAMA_HOST to an Ollama server")
        }
    };
    ProbeState::Down {
        reason: words(&failure),
        remedy,
    }
}

fn words(failure: &Failure) -> String {
    match failure {
        Failure::Fault(fault) => fault.message.clone(),
        Failure::Refused(Refusal { status, body, .. }) => format!("HTTP {status}: {}", quote(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_read_from_a_current_server() {
        let tag = json!({
            "name": "m:7b", "size": 4_683_087_332_u64, "digest": "845dbda0ea48",
            "details": {"parameter_size": "7.6B", "quantization_level": "Q4_K_M"},
        });
        let show = json!({
            "details": {"parameter_size": "7.6B"},
            "model_info": {
                "general.architecture": "qwen2", "general.parameter_count": 7_615_616_512_u64,
                "qwen2.context_length": 32768,
            },
            "capabilities": ["completion", "tools", "insert"],
        });
        let card = card("m:7b", &tag, &show);
        assert_eq!(
            (card.size_bytes, card.parameter_count),
            (4_683_087_332, Some(7_615_616_512))
        );
        assert_eq!(
            (card.context_max, card.parameters.as_deref()),
            (Some(32_768), Some("7.6B"))
        );
        assert!(
            card.chat
                && card.tools
                && !card.thinking
                && !card.embedding_only
                && card.remote.is_none()
        );
    }

    #[test]
    fn cards_of_old_servers_embedders_and_cloud_models() {
        let old = json!({
            "template": "{{ if .Tools }}...", "details": {"parameter_size": "8x7B"},
            "model_info": {"general.architecture": "llama", "llama.context_length": 8192},
        });
        let old = card("old", &json!({}), &old);
        assert!(old.chat && old.tools && !old.thinking);
        assert_eq!(
            (old.parameter_count, old.context_max),
            (Some(56_000_000_000), Some(8_192))
        );
        let bert = card(
            "b",
            &json!({}),
            &json!({"model_info": {"general.architecture": "nomic-bert"}}),
        );
        assert!(bert.embedding_only && !bert.chat && !bert.tools);
        let listed = card("e", &json!({}), &json!({"capabilities": ["embedding"]}));
        assert!(listed.embedding_only);
        let picture = card("p", &json!({}), &json!({"capabilities": ["image"]}));
        assert!(!picture.chat && !picture.embedding_only);
        let cloud = json!({"remote_host": "https://elsewhere:443", "remote_model": "big"});
        let cloud = card(
            "c",
            &cloud,
            &json!({"capabilities": ["completion", "tools"]}),
        );
        assert_eq!(cloud.remote.as_deref(), Some("https://elsewhere:443"));
        let probe = Probe {
            host: OllamaHost::default(),
            state: ProbeState::Up {
                version: "1".to_owned(),
                warning: None,
                models: vec![
                    cloud,
                    bert,
                    ModelCard {
                        tools: false,
                        ..old.clone()
                    },
                    old,
                ],
                unreadable: Vec::new(),
            },
        };
        let names: Vec<_> = usable(&probe)
            .iter()
            .map(|card| (card.name.as_str(), card.tools))
            .collect();
        assert_eq!(names, [("old", true), ("old", false)]);
    }

    #[test]
    fn a_profile_never_exceeds_the_model() {
        let mut small = card("s", &json!({}), &json!({"capabilities": ["completion"]}));
        let in_text = Profile {
            tool_mode: crate::chat::ToolMode::Text,
            ..Profile::default()
        };
        assert_eq!(profile_for(&small), in_text);
        small.context_max = Some(4_096);
        small.thinking = true;
        let profile = profile_for(&small);
        assert_eq!(
            (profile.num_ctx, profile.output_max, profile.think),
            (4_096, 2_048, Some(false))
        );
        small.context_max = Some(1_000_000);
        assert_eq!(profile_for(&small).num_ctx, Profile::default().num_ctx);
    }

    #[test]
    fn a_version_that_cuts_in_silence_is_named() {
        for old in ["0.12.5", "0.9.7-rc1", "0.1.40"] {
            assert!(
                outdated(old).is_some_and(|warning| warning.contains(old)),
                "{old}"
            );
        }
        for current in [
            "0.12.6",
            "0.12.6-rc0",
            "0.33.0",
            "1.0.0",
            "0.0.0",
            "",
            "dev",
            "0.12",
            "0.12.x",
        ] {
            assert_eq!(outdated(current), None, "{current}");
        }
    }

    #[test]
    fn parameter_sizes() {
        for (text, count) in [
            ("7.6B", Some(7_600_000_000)),
            ("137M", Some(137_000_000)),
            ("8x7B", Some(56_000_000_000)),
            ("1.04T", Some(1_040_000_000_000)),
            ("", None),
            ("B", None),
            ("manyB", None),
            ("-1B", None),
            ("å", None),
        ] {
            assert_eq!(parameter_count(text), count, "{text}");
        }
    }
}
