//! The lines of a trajectory, as they are written. `docs/TRAJECTORY.md` says what each is for; `trajectory::Told` reads them.

use alai_core::cage::{Promise, Sandbox};
use alai_core::record::CommandRecord;
use alai_fleet::{ErrorClass, Finish, Message, Profile, ToolCall, ToolSpec, Usage};
use serde::Serialize;
use serde_json::Value;

use crate::engine::{Engine, Session};

/// One line of a trajectory.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    Meta {
        format: &'static str,
        run: &'a str,
        task: i64,
        epoch: i64,
        attempt: u32,
        kind: &'a str,
        role: &'a str,
        company: &'a str,
        title: &'a str,
        blueprint: &'a str,
        model: &'a str,
        base: &'a str,
        /// What its cage promises, and by which layers.
        promises: &'a [Promise],
        #[serde(skip_serializing_if = "Sandbox::is_on")]
        sandbox: Sandbox,
    },
    Step {
        step: &'a str,
        action: &'a str,
        /// Variables of its commands, settled.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        env: &'a [(String, String)],
    },
    /// A message of a conversation. Calls of an assistant are in their own events.
    Message {
        step: &'a str,
        message: &'a Message,
    },
    /// A message that stands in the place of an earlier one from here on: what no longer fitted was taken out of it.
    Pruned {
        step: &'a str,
        /// The `seq` of the message whose place it takes.
        of: u64,
        message: &'a Message,
    },
    /// What the requests of a step have in common.
    Frame {
        step: &'a str,
        model: &'a str,
        tools: &'a [ToolSpec],
        format: Option<&'a Value>,
        /// Without `call_s_max`, which shrinks with what is left of the run and stands in each request.
        profile: &'a Profile,
    },
    /// What was sent to the model: the messages of an earlier request, as many of them as stayed, and what came after them.
    Request {
        step: &'a str,
        turn: u32,
        visit: u32,
        /// Of the canonical request after redaction.
        sha256: &'a str,
        frame: u64,
        /// The request whose messages it begins with.
        before: Option<u64>,
        /// How many of those it has.
        kept: usize,
        /// Those among them that were pruned since: place and `seq`.
        pruned: &'a [(usize, u64)],
        /// The messages behind them, by `seq`.
        added: &'a [u64],
        call_s_max: u64,
    },
    Call {
        step: &'a str,
        id: &'a str,
        name: &'a str,
        arguments: &'a serde_json::Map<String, Value>,
    },
    Result {
        step: &'a str,
        id: &'a str,
        /// The error was the agent's, or a refusal it can act on.
        error: bool,
        text: &'a str,
    },
    /// A program that ran in the cage, with where all of its output is.
    Command {
        step: &'a str,
        record: &'a CommandRecord,
        /// Below the run's folder; none where nothing could be kept.
        log: Option<&'a str>,
        /// Whether the log has everything that was written.
        whole: bool,
    },
    /// A command that the walk ran by itself: the check of a step, or a `run:` step.
    Check {
        step: &'a str,
        passed: bool,
        record: &'a CommandRecord,
        output: &'a str,
    },
    Reply {
        step: &'a str,
        model: &'a str,
        mode: &'a str,
        finish: Finish,
        usage: Usage,
        latency_ms: i64,
        salvaged: bool,
        /// The model's reasoning, where its server keeps it apart.
        thinking: &'a str,
        /// Why a call that stands in its text was not taken.
        refused: Option<&'a str>,
        /// Calls of an answer that was cut at its length: none of them was made.
        cut_calls: &'a [ToolCall],
    },
    /// A model call that brought no reply.
    Failed {
        step: &'a str,
        class: ErrorClass,
        message: &'a str,
    },
    Guard {
        step: &'a str,
        advice: &'a str,
    },
    /// How a step ended that no model and no single command tells of: one that was skipped, a branch, a gate, a scaffold, an
    /// answered question.
    Outcome {
        step: &'a str,
        action: &'a str,
        status: &'a str,
        detail: &'a str,
    },
    /// A text of the company's that the agent has loaded; what it read is in the result of its call.
    Skill {
        step: &'a str,
        name: &'a str,
        from: &'a str,
        sha256: &'a str,
        bytes: u64,
    },
    /// What happened at a server: its start and its end, a list, a call. What the agent read of it is in the result of its call.
    Server {
        step: &'a str,
        server: &'a str,
        what: &'a str,
        tool: Option<&'a str>,
        detail: &'a str,
        arguments_sha256: Option<&'a str>,
        /// Of the answer, before it was cut.
        bytes: u64,
        error: bool,
        duration_ms: i64,
    },
    /// What an agent told those who go on with the task.
    Note {
        step: &'a str,
        kind: &'a str,
        text: &'a str,
    },
    /// What a person said to the run; the message with it follows.
    Word {
        step: &'a str,
        number: i64,
        by: &'a str,
        text: &'a str,
    },
    /// A program of others is about to be started for a step.
    Launched {
        step: &'a str,
        engine: Engine,
        version: &'a str,
        model: &'a str,
        /// Long ones are cut; the prompt stands in the messages before.
        args: &'a [String],
    },
    /// What such a program says of itself: a claim, and nothing that we did or saw.
    Heard {
        step: &'a str,
        /// `text`, `thought`, `call`, `result`, `denied` or `notice`.
        what: &'a str,
        id: &'a str,
        name: &'a str,
        error: bool,
        text: &'a str,
        input: Option<&'a Value>,
    },
    /// What a session of such a program came to.
    Session {
        session: &'a Session,
    },
    Exit {
        status: &'a str,
        detail: &'a str,
        turns: u32,
        usage: Usage,
        head: Option<&'a str>,
    },
}
