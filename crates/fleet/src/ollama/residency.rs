//! Which models an Ollama host holds in memory, and the two requests that change it: a chat without messages loads a model, the
//! same with `keep_alive` 0 unloads it (`ChatHandler` in Ollama's `server/routes.go`).

use std::time::Duration;

use serde_json::{Value, json};

use super::{body, errors};
use crate::chat::Profile;
use crate::dialect::HostRef;
use crate::error::{ChatError, ErrorClass, Fault, Spent, quote};
use crate::host::OllamaHost;
use crate::probe::{ANSWER, BYTES_MAX, is_name, small};
use crate::wait::{Patience, dice};
use crate::wire::{self, Failure, Watch};

/// A model that a host holds, as `/api/ps` tells it. One that is being loaded stands there, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    pub model: String,
    /// Bytes that it takes with its context; 0 where the host does not say.
    pub bytes: u64,
    /// The window that it was loaded with, in tokens.
    pub context: Option<u32>,
}

/// What a host holds now.
///
/// # Errors
/// As `chat`, when the host cannot be asked.
///
/// # Panics
/// Inside a tokio runtime: it runs its own on the calling thread.
pub fn resident(host: &OllamaHost, cancel: &dyn Fn() -> bool) -> Result<Vec<Resident>, ChatError> {
    let watch = Watch::new(ANSWER, cancel);
    let asked = wire::block_on(async {
        let client = wire::client(HostRef::Ollama(host))?;
        wire::fetch(&client, &host.route("api/ps"), None, &watch, BYTES_MAX).await
    });
    let ps = asked
        .map_err(Failure::from)
        .and_then(|ps| ps)
        .map_err(|failure| failed(host, "", failure))?;
    let held = ps.get("models").and_then(Value::as_array);
    Ok(held.into_iter().flatten().filter_map(entry).collect())
}

/// Loads a model with the options of the profile that all its calls have (others would load it a second time), and waits until
/// it is there. A host whose queue of loads is full is asked again until `within` is over.
///
/// # Errors
/// As `chat`: the class says whether anybody answered. `TimedOut` after `within`.
///
/// # Panics
/// As [`resident`].
pub fn load(
    host: &OllamaHost,
    model: &str,
    profile: &Profile,
    within: Duration,
    cancel: &dyn Fn() -> bool,
) -> Result<(), ChatError> {
    let mut request = empty(model);
    request["options"] = body::options(profile);
    request["keep_alive"] = json!(body::KEEP_ALIVE);
    order(host, model, &request, within, cancel)
}

/// Tells a host to let a model go; it does when no call is at work on it, which [`resident`] shows.
///
/// # Errors
/// As [`load`].
///
/// # Panics
/// As [`resident`].
pub fn unload(
    host: &OllamaHost,
    model: &str,
    within: Duration,
    cancel: &dyn Fn() -> bool,
) -> Result<(), ChatError> {
    let mut request = empty(model);
    request["keep_alive"] = json!(0);
    order(host, model, &request, within, cancel)
}

/// A chat without messages. `shift` and `truncate` as every call has them: a change of `shift` loads the model anew.
fn empty(model: &str) -> Value {
    json!({"model": model, "messages": [], "stream": false, "truncate": false, "shift": false})
}

fn order(
    host: &OllamaHost,
    model: &str,
    request: &Value,
    within: Duration,
    cancel: &dyn Fn() -> bool,
) -> Result<(), ChatError> {
    let watch = Watch::new(within, cancel);
    let ordered = wire::block_on(async {
        let client = wire::client(HostRef::Ollama(host))?;
        let url = host.route("api/chat");
        let bytes = request.to_string().into_bytes();
        let mut patience = Patience::new(None);
        loop {
            let sent = wire::fetch(&client, &url, Some(bytes.clone()), &watch, BYTES_MAX).await;
            let (fault, asked_s) = match sent {
                Ok(said) => return whole(&said),
                Err(Failure::Refused(refusal)) => {
                    (errors::classify(&refusal), refusal.retry_after_s)
                }
                Err(Failure::Fault(fault)) => return Err(fault),
            };
            let (now, left) = (watch.elapsed(), watch.left());
            let wait = match fault.class.is_wait() {
                true => patience.next(fault.class, asked_s, now, left, dice()),
                false => None,
            };
            match wait {
                Some(wait) => watch.sleep(wait).await?,
                None => return Err(fault),
            }
        }
    });
    let ordered = ordered.and_then(|ordered| ordered);
    ordered.map_err(|fault| failed(host, model, Failure::Fault(fault)))
}

/// Only its own end makes an answer whole: an error may follow the headers.
fn whole(said: &Value) -> Result<(), Fault> {
    if said.get("done") == Some(&Value::Bool(true)) {
        return Ok(());
    }
    let error = said.get("error").map(crate::words::error_text);
    let message = error.unwrap_or_else(|| "it neither loaded nor unloaded the model".to_owned());
    Err(Fault::new(ErrorClass::ServerFault, quote(&message)))
}

fn entry(said: &Value) -> Option<Resident> {
    let name = said.get("name").or_else(|| said.get("model"))?.as_str()?;
    is_name(name).then(|| Resident {
        model: name.to_owned(),
        bytes: said.get("size").and_then(Value::as_u64).unwrap_or(0),
        context: said.get("context_length").and_then(small),
    })
}

/// For the fuzz target: what is read of any answer.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read(said: &Value) -> Vec<Resident> {
    let models = said.get("models").and_then(Value::as_array);
    models.into_iter().flatten().filter_map(entry).collect()
}

fn failed(host: &OllamaHost, model: &str, failure: Failure) -> ChatError {
    let fault = match failure {
        Failure::Refused(refusal) => errors::classify(&refusal),
        Failure::Fault(fault) => fault,
    };
    ChatError {
        class: fault.class,
        server: HostRef::Ollama(host).server(),
        host: host.to_string(),
        model: model.to_owned(),
        message: fault.message,
        partial: String::new(),
        spent: Spent::Nothing,
    }
}
