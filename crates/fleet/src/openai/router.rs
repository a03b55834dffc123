//! llama-server in router mode: one server with several models, each in a process of its own that is begun and ended by word. What a
//! model's window is stands in the arguments of its process; a request cannot choose it (`server_models_routes` in llama.cpp's
//! `tools/server/server-models.cpp`).

use std::time::Duration;

use serde_json::{Value, json};

use super::OpenaiHost;
use crate::dialect::HostRef;
use crate::error::{ChatError, ErrorClass, Fault, Spent};
use crate::ollama::residency::Resident;
use crate::probe::{ANSWER, BYTES_MAX, is_name_of, small};
use crate::wire::{self, Failure, Watch};

/// Between two looks at a load that is under way: it takes seconds at least.
const LOOK: Duration = Duration::from_millis(200);

/// What `/props` of a router says of itself.
pub(crate) fn is_router(props: &Value) -> bool {
    props.get("role").and_then(Value::as_str) == Some("router")
}

/// How a router's model stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Unloaded,
    Loading,
    Loaded,
    /// Its process is there, its memory is not until the next request.
    Sleeping,
    /// Its file is not there yet.
    Downloading,
    /// Its process ended by itself.
    Failed {
        exit_code: i64,
    },
}

impl Standing {
    /// None for an entry that says nothing of it.
    pub(crate) fn of(entry: &Value) -> Option<Standing> {
        let status = entry.get("status")?;
        if status.get("failed").and_then(Value::as_bool) == Some(true) {
            let exit_code = status.get("exit_code").and_then(Value::as_i64);
            return Some(Standing::Failed {
                exit_code: exit_code.unwrap_or(0),
            });
        }
        Some(match status.get("value").and_then(Value::as_str)? {
            "loaded" => Standing::Loaded,
            "sleeping" => Standing::Sleeping,
            "loading" => Standing::Loading,
            "downloading" | "downloaded" => Standing::Downloading,
            _ => Standing::Unloaded,
        })
    }
}

/// The window of one request, in tokens, as far as the arguments of a model's process say it: where they say how many slots share a
/// window, its part.
pub(crate) fn window(entry: &Value) -> Option<u32> {
    let args = args(entry)?;
    let whole = behind(&args, &["-c", "-ctx", "--ctx-size"])?;
    let shared = args
        .iter()
        .any(|arg| ["-kvu", "--kv-unified"].contains(arg));
    let slots = slots(entry).filter(|_| !shared);
    Some(whole / slots.unwrap_or(1)).filter(|window| *window > 0)
}

/// Requests that a model's process runs at once, as far as its arguments say it.
pub(crate) fn slots(entry: &Value) -> Option<u32> {
    behind(&args(entry)?, &["-np", "--parallel"])
}

fn args(entry: &Value) -> Option<Vec<&str>> {
    let args = entry.get("status")?.get("args")?.as_array()?;
    Some(args.iter().filter_map(Value::as_str).collect())
}

/// The number behind the last of these names.
fn behind(args: &[&str], names: &[&str]) -> Option<u32> {
    let at = args.iter().rposition(|arg| names.contains(arg))?;
    args.get(at + 1)?.parse::<u32>().ok().filter(|n| *n > 0)
}

/// What a router holds now. One that is being loaded stands there, too.
///
/// # Errors
/// As `chat`, when the host cannot be asked.
///
/// # Panics
/// Inside a tokio runtime: it runs its own on the calling thread.
pub(crate) fn resident(
    host: &OpenaiHost,
    cancel: &dyn Fn() -> bool,
) -> Result<Vec<Resident>, ChatError> {
    let watch = Watch::new(ANSWER, cancel);
    let listed = wire::block_on(list(host, &watch));
    let listed = listed.map_err(Failure::from).and_then(|listed| listed);
    let listed = listed.map_err(|failure| failed(host, "", failure))?;
    let held = |entry: &Value| {
        let there = match Standing::of(entry)? {
            Standing::Loading | Standing::Loaded | Standing::Sleeping => true,
            Standing::Unloaded | Standing::Downloading | Standing::Failed { .. } => false,
        };
        let model = entry.get("id")?.as_str()?;
        let sound = there && is_name_of(HostRef::Openai(host), model);
        let size = entry.get("meta").and_then(|meta| meta.get("size"));
        sound.then(|| Resident {
            model: model.to_owned(),
            bytes: size.and_then(Value::as_u64).unwrap_or(0),
            context: entry
                .get("meta")
                .and_then(|meta| small(meta.get("n_ctx")?))
                .or_else(|| window(entry)),
        })
    };
    Ok(listed.iter().filter_map(held).collect())
}

/// Whether a model has loaded and is awake.
///
/// # Errors
/// As [`resident`].
pub(crate) fn is_awake(
    host: &OpenaiHost,
    model: &str,
    cancel: &dyn Fn() -> bool,
) -> Result<bool, ChatError> {
    let watch = Watch::new(ANSWER, cancel);
    let listed = wire::block_on(list(host, &watch));
    let listed = listed.map_err(Failure::from).and_then(|listed| listed);
    let listed = listed.map_err(|failure| failed(host, model, failure))?;
    let entry = listed.iter().find(|entry| entry["id"] == model);
    Ok(entry.and_then(Standing::of) == Some(Standing::Loaded))
}

/// Begins a model's process and waits until it has loaded.
///
/// # Errors
/// As `chat`: `ModelMissing` for one that the router does not have, `ServerFault` with its exit code for one whose process ended,
/// `TimedOut` after `within`; a load that is given up is ended.
///
/// # Panics
/// As [`resident`].
pub(crate) fn load(
    host: &OpenaiHost,
    model: &str,
    within: Duration,
    cancel: &dyn Fn() -> bool,
) -> Result<(), ChatError> {
    let watch = Watch::new(within, cancel);
    // An order that is given is heard to its end: whoever gives it up half said does not know whether a load has begun. The router
    // answers at once, since it only starts a process.
    let said = Watch::new(ANSWER, &|| false);
    let loaded = wire::block_on(async {
        if cancel() {
            return Err(Fault::new(ErrorClass::Cancelled, "the load was cancelled").into());
        }
        let waited = match order(host, "models/load", model, "already running", &said).await {
            Ok(()) => loaded(host, model, &watch).await,
            Err(Failure::Refused(refusal)) => return Err(Failure::Refused(refusal)),
            Err(lost) => Err(lost),
        };
        if waited.is_err() {
            // Nobody waits for it any more, and its memory is somebody else's by now.
            let aside = Watch::new(ANSWER, &|| false);
            let _ended_or_not_there =
                order(host, "models/unload", model, "not running", &aside).await;
        }
        waited
    });
    let loaded = loaded.map_err(Failure::from).and_then(|loaded| loaded);
    loaded.map_err(|failure| failed(host, model, failure))
}

/// Tells a router to end a model's process, which [`resident`] shows. It is ended whatever it answers at that moment: whoever asks
/// for it has let its calls end.
///
/// # Errors
/// As [`load`].
///
/// # Panics
/// As [`resident`].
pub(crate) fn unload(
    host: &OpenaiHost,
    model: &str,
    within: Duration,
    cancel: &dyn Fn() -> bool,
) -> Result<(), ChatError> {
    let watch = Watch::new(within, cancel);
    let ended = wire::block_on(order(host, "models/unload", model, "not running", &watch));
    let ended = ended.map_err(Failure::from).and_then(|ended| ended);
    ended.map_err(|failure| failed(host, model, failure))
}

async fn loaded(host: &OpenaiHost, model: &str, watch: &Watch<'_>) -> Result<(), Failure> {
    loop {
        let listed = list(host, watch).await?;
        let entry = listed.iter().find(|entry| entry["id"] == model);
        let fault = |class, why: String| Err(Fault::new(class, why).into());
        match entry.and_then(Standing::of) {
            Some(Standing::Loaded | Standing::Sleeping) => return Ok(()),
            Some(Standing::Loading | Standing::Downloading) => {}
            Some(Standing::Failed { exit_code }) => {
                return fault(ErrorClass::ServerFault, ended(exit_code));
            }
            Some(Standing::Unloaded) => {
                let why = "it was unloaded while it was being loaded; does another program use this router?";
                return fault(ErrorClass::ServerFault, why.to_owned());
            }
            None => {
                let why = "the router lists it no more";
                return fault(ErrorClass::ModelMissing, why.to_owned());
            }
        }
        watch.sleep(LOOK).await?;
    }
}

/// Why a model's process is gone.
pub(crate) fn ended(exit_code: i64) -> String {
    format!("its server ended with exit code {exit_code}; look at the router's log")
}

async fn list(host: &OpenaiHost, watch: &Watch<'_>) -> Result<Vec<Value>, Failure> {
    let client = wire::client(HostRef::Openai(host))?;
    let watch = Watch::new(ANSWER.min(watch.left()), watch.cancel);
    let url = host.base().route("models");
    let listed = wire::fetch(&client, &url, None, &watch, BYTES_MAX).await?;
    match listed.get("data").and_then(Value::as_array) {
        Some(listed) => Ok(listed.clone()),
        None => {
            let message = "what answers at /models is no router of llama-server";
            Err(Fault::new(ErrorClass::Refused, message).into())
        }
    }
}

/// Orders a change. One that has happened already, in the router's words, is none.
async fn order(
    host: &OpenaiHost,
    route: &str,
    model: &str,
    already: &str,
    watch: &Watch<'_>,
) -> Result<(), Failure> {
    let client = wire::client(HostRef::Openai(host))?;
    let body = json!({"model": model}).to_string().into_bytes();
    let url = host.base().route(route);
    match wire::fetch(&client, &url, Some(body), watch, BYTES_MAX).await {
        Ok(said) if said.get("success") == Some(&Value::Bool(true)) => Ok(()),
        Ok(_) => {
            let message = "the router neither did it nor said why";
            Err(Fault::new(ErrorClass::ServerFault, message).into())
        }
        Err(Failure::Refused(refusal))
            if refusal.status == 400 && refusal.body.contains(already) =>
        {
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

fn failed(host: &OpenaiHost, model: &str, failure: Failure) -> ChatError {
    let host_ref = HostRef::Openai(host);
    let fault = match failure {
        Failure::Refused(refusal) => host_ref.classify(&refusal),
        Failure::Fault(fault) => fault,
    };
    let message = match host_ref.key() {
        Some(key) => key.redact_quote(&fault.message),
        None => fault.message,
    };
    ChatError {
        class: fault.class,
        server: host_ref.server(),
        host: host.to_string(),
        model: model.to_owned(),
        message,
        partial: String::new(),
        spent: Spent::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_what_one_slot_has() {
        for (args, expected) in [
            (json!(["llama-server", "-c", "8192"]), Some(8_192)),
            (
                json!(["llama-server", "--ctx-size", "16384", "-np", "2"]),
                Some(8_192),
            ),
            (
                json!([
                    "llama-server",
                    "-c",
                    "16384",
                    "--parallel",
                    "2",
                    "--kv-unified"
                ]),
                Some(16_384),
            ),
            // The last one counts, as for the server; 0 means the model's own.
            (
                json!(["llama-server", "-c", "4096", "-c", "2048"]),
                Some(2_048),
            ),
            (json!(["llama-server", "-c", "0"]), None),
            (json!(["llama-server", "-c", "1", "-np", "4"]), None),
            (json!(["llama-server", "-c"]), None),
            (json!(["llama-server", "-c", "-1", 7]), None),
            (json!("-c 7"), None),
        ] {
            assert_eq!(
                window(&json!({"status": {"args": args}})),
                expected,
                "{args}"
            );
        }
        assert_eq!(window(&json!({})), None);
    }

    #[test]
    fn a_model_that_failed_stands_so_whatever_else_is_said() {
        let of = |status: Value| Standing::of(&json!({ "status": status }));
        let failed = of(json!({"value": "unloaded", "failed": true, "exit_code": 137}));
        assert_eq!(failed, Some(Standing::Failed { exit_code: 137 }));
        assert_eq!(of(json!({"value": "sleeping"})), Some(Standing::Sleeping));
        assert_eq!(of(json!({"value": "new word"})), Some(Standing::Unloaded));
        assert_eq!(Standing::of(&json!({})), None);
    }
}
