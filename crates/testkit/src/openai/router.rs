//! llama-server in router mode (`server_models_routes` in llama.cpp's `tools/server/server-models.cpp`): several models, each in a
//! process of its own that is begun and ended by word, or by a request where that is its setting.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::Behaviour;
use super::routes::error;
use crate::http::Seen;
use crate::twin::Reply;

/// How a router was started, and what becomes of its models.
#[derive(Debug, Clone, Default)]
pub struct Router {
    /// So often a model is seen loading before it is loaded.
    pub looks: usize,
    /// Models whose processes end with this code in place of being loaded.
    pub fails: Vec<(String, i64)>,
    /// Loads what it is asked for (`--models-autoload`, which is its default).
    pub autoload: bool,
}

/// What happened to a model, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// By word.
    Loads(String),
    /// By a request that nobody had ordered a load for.
    LoadsUnasked(String),
    Loaded(String),
    Failed(String),
    Unloaded(String),
    Chat(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Standing {
    #[default]
    Unloaded,
    Loading {
        looks: usize,
    },
    Loaded,
    Failed(i64),
}

/// What a router holds.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    models: BTreeMap<String, Standing>,
    turns: Vec<Turn>,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn turns(&self) -> Vec<Turn> {
        self.lock().turns.clone()
    }

    pub(super) fn models(&self, behaviour: &Behaviour, router: &Router) -> Value {
        let mut state = self.lock();
        for name in &behaviour.models {
            state.look(name, router);
        }
        let data = behaviour.models.iter().map(|id| {
            let standing = state.models.get(id).copied().unwrap_or_default();
            let args = json!(["llama-server", "--ctx-size", behaviour.n_ctx.to_string()]);
            let status = match standing {
                Standing::Unloaded => json!({"value": "unloaded", "args": args}),
                Standing::Loading { .. } => json!({"value": "loading", "args": args}),
                Standing::Loaded => json!({"value": "loaded", "args": args}),
                Standing::Failed(code) => {
                    json!({"value": "unloaded", "args": args, "failed": true, "exit_code": code})
                }
            };
            let mut entry = json!({"id": id, "object": "model", "owned_by": "llamacpp", "status": status,
                "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]}});
            if standing == Standing::Loaded {
                entry["meta"] = json!({"n_ctx_train": 40_960, "n_params": behaviour.parameters, "size": 5_021_781_472_u64});
            }
            entry
        });
        json!({"object": "list", "data": data.collect::<Vec<_>>()})
    }

    /// What a router has of its own; none for what it passes on to a model's process.
    pub(super) fn reply(
        &self,
        behaviour: &Behaviour,
        router: &Router,
        seen: &Seen,
    ) -> Option<Reply> {
        let (route, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
        let known = |name: &str| behaviour.models.iter().any(|model| model == name);
        let name = seen.body["model"].as_str().unwrap_or_default();
        match (seen.method.as_str(), route) {
            ("GET", "/models" | "/v1/models") => {
                Some(Reply::json(200, &self.models(behaviour, router)))
            }
            ("GET", "/props") if query.is_empty() => Some(Reply::json(
                200,
                &json!({"role": "router", "max_instances": 4, "models_autoload": router.autoload, "model_path": "none",
                    "default_generation_settings": {"params": null, "n_ctx": 0}, "build_info": "b7000-twin"}),
            )),
            ("GET", "/props") => {
                let loaded = behaviour.models.iter().any(|model| {
                    query.contains(&format!("model={model}"))
                        && self.lock().models.get(model) == Some(&Standing::Loaded)
                });
                (!loaded).then(|| error(400, "invalid_request_error", "model is not loaded"))
            }
            ("GET", "/slots") => Some(error(
                400,
                "invalid_request_error",
                "model name is missing from the request",
            )),
            ("POST", "/models/load") if !known(name) => {
                Some(error(404, "not_found_error", "model is not found"))
            }
            ("POST", "/models/load") => Some(self.loads(name, router)),
            ("POST", "/models/unload") if !known(name) => {
                Some(error(400, "invalid_request_error", "model is not found"))
            }
            ("POST", "/models/unload") => Some(self.unloads(name)),
            ("POST", _) if !known(name) => Some(error(
                400,
                "invalid_request_error",
                &format!("model '{name}' not found"),
            )),
            ("POST", _) => self.passes_on(name, route, router),
            _ => None,
        }
    }

    fn loads(&self, name: &str, router: &Router) -> Reply {
        let mut state = self.lock();
        let standing = state.models.get(name).copied().unwrap_or_default();
        if matches!(standing, Standing::Loading { .. } | Standing::Loaded) {
            return error(400, "invalid_request_error", "model is already running");
        }
        state.turns.push(Turn::Loads(name.to_owned()));
        let looks = router.looks;
        state
            .models
            .insert(name.to_owned(), Standing::Loading { looks });
        Reply::json(200, &json!({"success": true}))
    }

    fn unloads(&self, name: &str) -> Reply {
        let mut state = self.lock();
        let standing = state.models.get(name).copied().unwrap_or_default();
        if !matches!(standing, Standing::Loading { .. } | Standing::Loaded) {
            return error(400, "invalid_request_error", "model is not running");
        }
        state.turns.push(Turn::Unloaded(name.to_owned()));
        state.models.insert(name.to_owned(), Standing::Unloaded);
        Reply::json(200, &json!({"success": true}))
    }

    /// A request for a model that is not there begins its load where that is the router's setting, and is refused until it is there.
    fn passes_on(&self, name: &str, route: &str, router: &Router) -> Option<Reply> {
        let mut state = self.lock();
        match state.models.get(name).copied().unwrap_or_default() {
            Standing::Loaded => {
                if route == "/v1/chat/completions" {
                    state.turns.push(Turn::Chat(name.to_owned()));
                }
                None
            }
            Standing::Loading { .. } => {
                state.look(name, router);
                Some(error(503, "unavailable_error", "Loading model"))
            }
            Standing::Unloaded | Standing::Failed(_) if router.autoload => {
                state.turns.push(Turn::LoadsUnasked(name.to_owned()));
                let looks = router.looks;
                state
                    .models
                    .insert(name.to_owned(), Standing::Loading { looks });
                Some(error(503, "unavailable_error", "Loading model"))
            }
            Standing::Unloaded | Standing::Failed(_) => {
                Some(error(400, "invalid_request_error", "model is not loaded"))
            }
        }
    }
}

impl State {
    /// Somebody looks, and some time has passed.
    fn look(&mut self, name: &str, router: &Router) {
        let Some(Standing::Loading { looks }) = self.models.get(name).copied() else {
            return;
        };
        let fails = router.fails.iter().find(|(model, _)| model == name);
        let (standing, turn) = match (looks.checked_sub(1), fails) {
            (Some(looks), _) => (Standing::Loading { looks }, None),
            (None, Some((_, code))) => {
                (Standing::Failed(*code), Some(Turn::Failed(name.to_owned())))
            }
            (None, None) => (Standing::Loaded, Some(Turn::Loaded(name.to_owned()))),
        };
        self.models.insert(name.to_owned(), standing);
        self.turns.extend(turn);
    }
}
