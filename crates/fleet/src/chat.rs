//! One request to a model and one reply, the same for every dialect.

use alai_core::blueprint::TURNS_MAX;
use alai_core::brief::Role;
use alai_core::mode::Mode;
use alai_core::money::Tokens;
use alai_core::task::TaskKind;
use serde::{Deserialize, Serialize};

/// What is asked of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The model's name on its host; the scripted provider ignores it.
    pub model: String,
    pub messages: Vec<Message>,
    /// Never sent together with `format`: Ollama's constraint and its tool parser exclude each other (its maintainers:
    /// "will not work with tools"), so a request with both is refused before it is sent.
    pub tools: Vec<ToolSpec>,
    /// A JSON schema that the answer is held to. A server can still break it: `ask` checks the answer.
    pub format: Option<serde_json::Value>,
    pub profile: Profile,
    /// Why this is asked. Goes to records and to the scripted provider, never over the wire.
    pub purpose: Purpose,
}

/// The context of a call, for records, metering and the scripted provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    pub task_kind: TaskKind,
    pub task_title: String,
    pub role: Role,
    pub company: String,
    /// The blueprint step, `plan` for the planning of a goal, `review` for a review.
    pub step: String,
    /// Which try of this task this is, from 0.
    pub attempt: u32,
    /// How often the step was walked before in the same run: a red test sends a run back to its build.
    #[serde(default)]
    pub visit: u32,
    /// Model calls made before this one in the same visit of the step, from 0.
    pub turn: u32,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    System {
        text: String,
    },
    User {
        text: String,
    },
    Assistant {
        text: String,
        calls: Vec<ToolCall>,
    },
    Tool {
        call_id: String,
        name: String,
        text: String,
    },
}

/// A tool as the model sees it: flat string and integer parameters only, which is what small models get right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    /// A JSON schema object.
    pub parameters: serde_json::Value,
}

/// A call the model made. Arguments are untrusted: parsed by the tool that takes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique within the conversation; made here where the server gives none.
    pub id: String,
    pub name: String,
    pub arguments: serde_json::Map<String, serde_json::Value>,
}

/// How a model is run. One fixed profile per (host, model): Ollama reloads the model when `num_ctx` changes
/// (`needsReload` in its scheduler), which costs minutes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Context window in tokens.
    pub num_ctx: u32,
    /// Tokens one answer may have.
    pub output_max: u32,
    pub temperature: f32,
    pub seed: u64,
    /// `None` leaves the field out, for models without that capability.
    pub think: Option<bool>,
    /// How the model calls tools.
    #[serde(default)]
    pub tool_mode: ToolMode,
    /// How the model changes files best.
    #[serde(default)]
    pub edit_format: EditFormat,
    /// Turns that one step of an agent may have with it; a blueprint and the settings only lower it.
    #[serde(default = "turns_max")]
    pub turns_max: u32,
    /// Seconds without one byte after the first token before the call counts as stalled. The wait for the first token is
    /// bounded by `call_s_max` alone, or by the host's own `Timeouts`: Ollama sends no headers while a request waits for a
    /// slot or a load.
    pub idle_s_max: u64,
    /// Seconds the whole call may take, load and queue included.
    pub call_s_max: u64,
}

/// How a model calls tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolMode {
    /// Its server takes the tools and parses the calls.
    #[default]
    Native,
    /// Tools are told in the system prompt, calls are text with raw values, one a turn.
    Text,
}

/// How a model changes files: the form it was trained on wins, and weak models do better with whole files than with
/// passages (aider's leaderboards: 16.4 against 8.0 and 45.8 against 41.3 percent for the same models).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditFormat {
    /// A passage by another one.
    #[default]
    Replace,
    /// Whole files, passages only in files too long for that.
    Whole,
    /// Patches in the envelope of `apply_patch`.
    Patch,
}

/// As many as any step may have: a model of which nothing is known is bounded by its blueprint alone.
fn turns_max() -> u32 {
    TURNS_MAX
}

impl Default for Profile {
    fn default() -> Self {
        Profile {
            // Runs that succeed mostly stay below 20k tokens, and small models lose the thread beyond (arXiv 2602.16069).
            num_ctx: 32_768,
            output_max: 8_192,
            temperature: 0.0,
            seed: 1,
            think: None,
            tool_mode: ToolMode::Native,
            edit_format: EditFormat::Replace,
            turns_max: turns_max(),
            // No healthy runner is silent this long between two tokens, not even one that shares its GPU.
            idle_s_max: 120,
            // A cold load alone may take Ollama five minutes (its own stall limit), and the answer comes after it.
            call_s_max: 1_800,
        }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatReply {
    pub text: String,
    /// The model's reasoning, where the server keeps it apart. For records; it is not sent back.
    #[serde(default)]
    pub thinking: String,
    pub calls: Vec<ToolCall>,
    pub usage: Usage,
    /// True when the server counted nothing (or nothing was asked of one) and `usage` is our own estimate.
    #[serde(default)]
    pub usage_estimated: bool,
    pub finish: Finish,
    /// True when calls were dug out of text: the model wrote them in a dialect that its server did not parse.
    pub salvaged: bool,
    /// Why a call that stands in the text was not taken, in words for the model. None where the text is prose.
    #[serde(default)]
    pub refused: Option<String>,
    pub mode: Mode,
    /// The model that answered, as the server named it.
    pub model: String,
    pub latency_ms: i64,
}

/// Tokens of one answer, or of several together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// The whole prompt, also what came out of a cache.
    pub prompt_tokens: u64,
    pub output_tokens: u64,
    /// The part of the prompt that the server had read before and kept.
    #[serde(default, skip_serializing_if = "is_none")]
    pub cache_read_tokens: u64,
    /// The part of the prompt that the server wrote into its cache, where it has a price of its own (Anthropic).
    #[serde(default, skip_serializing_if = "is_none")]
    pub cache_write_tokens: u64,
}

impl Usage {
    /// The same in kinds that do not overlap: a server counts the whole prompt, also what came out of its cache.
    pub fn tokens(self) -> Tokens {
        let cached = self
            .cache_read_tokens
            .saturating_add(self.cache_write_tokens);
        Tokens {
            input: self.prompt_tokens.saturating_sub(cached),
            output: self.output_tokens,
            cache_read: self.cache_read_tokens,
            cache_write: self.cache_write_tokens,
        }
    }
}

/// Counts that most servers do not give are left out of records.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference.
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Usage {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Usage) -> Usage {
        Usage {
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cache_read_tokens: self
                .cache_read_tokens
                .saturating_add(other.cache_read_tokens),
            cache_write_tokens: self
                .cache_write_tokens
                .saturating_add(other.cache_write_tokens),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    Stop,
    /// The answer was cut at `output_max`: its tool calls must not be executed.
    Length,
}
