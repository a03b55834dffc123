//! What an Ollama host has: its version, its models and what each of them can do.

use reqwest::Client;
use serde_json::{Map, Value, json};

use crate::dialect::HostRef;
use crate::error::{ErrorClass, Fault, quote};
use crate::host::OllamaHost;
use crate::probe::{
    ANSWER, BYTES_MAX, Found, Looked, ModelCard, PROBE, ProbeState, Unreadable, is_name, small,
    words,
};
use crate::wire::{self, Watch};

/// The context that the host gave a loaded model, where it says so.
pub(crate) async fn loaded_context(
    host: &OllamaHost,
    model: &str,
    watch: &Watch<'_>,
) -> Option<u32> {
    let client = wire::client(HostRef::Ollama(host)).ok()?;
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

pub(crate) async fn look(host: &OllamaHost, watch: &Watch<'_>) -> Looked {
    let client = wire::client(HostRef::Ollama(host))?;
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
    Ok(Found {
        state: ProbeState::Up {
            version: quote(version),
            warning: outdated(version),
            models,
            unreadable,
        },
        // Ollama tells nobody how many requests it runs at once.
        slots: None,
    })
}

/// The first version that knows `truncate` and `shift` (its commit 6544e1473); an older one passes over both.
const VERSION_MIN: [u32; 3] = [0, 12, 6];

/// The first whose runner goes on after an error of its parser of calls (ollama #17825).
const VERSION_SOUND: [u32; 3] = [0, 32, 15];

/// Says what is wrong with an old version. Versions that are no three numbers, and 0.0.0 of a build from source, are taken
/// as current.
fn outdated(version: &str) -> Option<String> {
    let release = version.split(['-', '+']).next()?;
    let numbers: Vec<u32> = release
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let numbers: [u32; 3] = numbers.try_into().ok()?;
    let faults = [
        (
            VERSION_MIN,
            "cuts prompts that do not fit without saying so",
        ),
        (
            VERSION_SOUND,
            "answers nothing any more after a call of a tool that it could not read",
        ),
    ];
    let mut faults = faults.into_iter();
    let (fixed, fault) = faults.find(|(fixed, _)| numbers != [0, 0, 0] && numbers < *fixed)?;
    Some({
        let [major, minor, patch] = fixed;
        format!(
            "Ollama {} {fault}; install {major}.{minor}.{patch} or later",
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
    if !is_name(name) {
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
        slots: None,
        remote,
        digest: tag
            .get("digest")
            .and_then(Value::as_str)
            .map(quote)
            .unwrap_or_default(),
    }
}

/// For the fuzz target: what is read of any two answers.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read(tag: &Value, show: &Value) -> ModelCard {
    card("m", tag, show)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Profile;
    use crate::dialect::Host;
    use crate::probe::{Probe, usable};
    use crate::profiles::Profiles;

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
            host: Host::Ollama(OllamaHost::default()),
            slots: None,
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
        assert_eq!(Profiles::shipped().of(&small), in_text);
        small.context_max = Some(4_096);
        small.thinking = true;
        let profile = Profiles::shipped().of(&small);
        assert_eq!(
            (profile.num_ctx, profile.output_max, profile.think),
            (4_096, 2_048, Some(false))
        );
        small.context_max = Some(1_000_000);
        assert_eq!(
            Profiles::shipped().of(&small).num_ctx,
            Profile::default().num_ctx
        );
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
            "0.32.15",
            "0.32.15-rc0",
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
    fn a_version_whose_runner_stands_still_after_a_bad_call_is_named() {
        for old in ["0.12.6", "0.31.0", "0.32.14"] {
            let warning = outdated(old).expect("it is known");
            assert!(
                warning.contains("answers nothing") && warning.contains("0.32.15"),
                "{warning}"
            );
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
