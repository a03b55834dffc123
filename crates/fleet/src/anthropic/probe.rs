//! Which models Anthropic's server offers to a key. Its list tells names and nothing of what a model can do.

use serde_json::Value;

use crate::anthropic::AnthropicHost;
use crate::dialect::HostRef;
use crate::error::{ErrorClass, Fault};
use crate::probe::{
    ANSWER, BYTES_MAX, Found, Looked, ModelCard, ProbeState, Unreadable, is_name_of, shown_name,
};
use crate::wire::{self, Watch};

/// As many models as one page of the list may hold.
const PAGE: usize = 1_000;

pub(crate) async fn look(host: &AnthropicHost, watch: &Watch<'_>) -> Looked {
    let client = wire::client(HostRef::Anthropic(host))?;
    let url = host.base().route(&format!("v1/models?limit={PAGE}"));
    let watch = Watch::new(ANSWER.min(watch.left()), watch.cancel);
    let list = wire::fetch(&client, &url, None, &watch, BYTES_MAX).await?;
    let listed = list.get("data").and_then(Value::as_array).ok_or_else(|| {
        let message = "what answers at /v1/models is no server of Anthropic's protocol";
        Fault::new(ErrorClass::Refused, message)
    })?;
    let (mut models, mut unreadable) = (Vec::new(), Vec::new());
    for entry in listed.iter().take(PAGE) {
        let name = entry.get("id").and_then(Value::as_str).unwrap_or_default();
        if is_name_of(HostRef::Anthropic(host), name) {
            models.push(card(name));
        } else {
            unreadable.push(Unreadable {
                name: shown_name(HostRef::Anthropic(host), name),
                reason: "its name is no model name".to_owned(),
            });
        }
    }
    Ok(Found {
        state: ProbeState::Up {
            version: "2023-06-01".to_owned(),
            warning: None,
            models,
            unreadable,
        },
        slots: None,
    })
}

/// Every model of the list chats and calls tools; its size is nobody's to know.
fn card(name: &str) -> ModelCard {
    ModelCard {
        name: name.to_owned(),
        size_bytes: 0,
        parameters: None,
        parameter_count: None,
        context_max: None,
        chat: true,
        tools: true,
        thinking: false,
        embedding_only: false,
        slots: None,
        remote: None,
        digest: String::new(),
    }
}
