//! The fleet against twins of its servers, over real sockets.

use std::cell::Cell;
use std::net::TcpListener;

use alai_core::brief::Role;
use alai_core::mode::Mode;
use alai_core::task::TaskKind;
use alai_fleet::profiles::Profiles;
use alai_fleet::{
    ChatError, ChatReply, ChatRequest, ErrorClass, Finish, Message, ModelCard, OllamaHost,
    ProbeState, Profile, Provider, Purpose, ToolCall, ToolMode, ToolSpec, ask, chat, pick, ping,
    probe, usable,
};

use alai_testkit::ollama::{Answer, Behaviour, OllamaTwin, TwinModel};
use serde_json::{Value, json};

mod answers;
mod anthropic;
mod failures;
mod hosts;
mod listening;
mod openai;
mod openai_failures;
mod openai_hosts;
mod real;
mod replay;
mod residency;
mod router;
mod spent;
mod texts;
mod vectors;
mod waits;

/// How a model is run where nobody says otherwise.
fn profile_for(card: &ModelCard) -> Profile {
    Profiles::shipped().of(card)
}

fn request() -> ChatRequest {
    ChatRequest {
        model: "small".to_owned(),
        messages: vec![
            Message::System {
                text: "You build.".to_owned(),
            },
            Message::User {
                text: "Look at the file.".to_owned(),
            },
        ],
        tools: Vec::new(),
        format: None,
        profile: Profile::default(),
        purpose: Purpose {
            task_kind: TaskKind::Build,
            task_title: "a secret title".to_owned(),
            role: Role::Builder,
            company: "acme".to_owned(),
            step: "build".to_owned(),
            attempt: 0,
            visit: 0,
            turn: 0,
        },
    }
}

fn with_tools() -> ChatRequest {
    let parameters = json!({
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}, "line": {"type": "integer"}},
        "required": ["path"],
    });
    let tool = |name: &str| ToolSpec {
        name: name.to_owned(),
        description: format!("Does {name}."),
        parameters: parameters.clone(),
    };
    ChatRequest {
        tools: vec![tool("read"), tool("write")],
        ..request()
    }
}

fn at(twin: &OllamaTwin) -> OllamaHost {
    OllamaHost::parse(&twin.url()).expect("a twin has a URL")
}

fn asked(twin: &OllamaTwin, request: &ChatRequest) -> Result<ChatReply, ChatError> {
    chat(&Provider::Ollama(at(twin)), request, &|| false)
}

/// The error of one chat that gets this answer.
fn refused(answer: Answer) -> ChatError {
    asked(
        &OllamaTwin::start(Behaviour::in_order([answer])),
        &request(),
    )
    .expect_err("this answer is a failure")
}

fn call(reply: &ChatReply, n: usize) -> (&str, Value) {
    (
        &reply.calls[n].name,
        Value::Object(reply.calls[n].arguments.clone()),
    )
}
