//! An answer as a reply: names and arguments as the request's tools have them, calls that stand in the text, counts. The
//! same for every dialect.

use alai_core::mode::Mode;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::calls::with_ids;
use crate::chat::{ChatReply, ChatRequest, Finish, ToolCall, ToolMode, Usage};
use crate::error::{ErrorClass, Fault, quote};
use crate::event::RawCall;
use crate::inert;
use crate::probe::is_name;
use crate::salvage::{self, Found, Written};
use crate::tagged;
use crate::thinking;
use crate::tokens::{Rates, prompt_chars};

/// Makes the reply, or says why what came is none. `sent` is the request as the server got it.
pub(crate) fn reply(
    rates: &Rates,
    request: &ChatRequest,
    sent: &ChatRequest,
    answer: &mut Answer,
) -> Result<ChatReply, Fault> {
    let finish = answer
        .finish
        .expect("an answer that ended well has its end");
    let mut calls = named(std::mem::take(&mut answer.calls), request, finish)?;
    let (drafted, text) = thinking::split(&answer.text);
    let mut text = text.to_owned();
    let mut salvaged = false;
    let mut refused = None;
    if calls.is_empty() {
        let found = in_text(&text, request, finish);
        salvaged = !found.calls.is_empty() && request.profile.tool_mode == ToolMode::Native;
        calls = found.calls.into_iter().map(unnamed).collect();
        text = found.text;
        refused = found.refused;
        if !request.tools.is_empty()
            && text.trim().is_empty()
            && calls.is_empty()
            && thinking::holds_call(&drafted)
        {
            refused.get_or_insert_with(|| DRAFTED.to_owned());
        }
    }
    for call in &mut calls {
        inert::restore(&mut call.arguments);
    }
    let calls = with_ids(calls, &request.messages);
    let (usage, usage_estimated) = usage(rates, sent, answer);
    let said = std::mem::take(&mut answer.model);
    let model = match is_name(&said) {
        true => said,
        false => request.model.clone(),
    };
    Ok(ChatReply {
        text: inert::restored(&text).into_owned(),
        thinking: format!("{}{drafted}", answer.thinking),
        calls,
        usage,
        usage_estimated,
        finish,
        salvaged,
        refused,
        mode: Mode::Real,
        model,
        latency_ms: 0,
    })
}

/// What was used; the second is true where the server did not count, so that it is our estimate.
pub(crate) fn usage(rates: &Rates, sent: &ChatRequest, answer: &Answer) -> (Usage, bool) {
    let counted = answer.usage;
    let estimate = |chars: u64| rates.estimate(&sent.model, chars);
    let written = (answer.text.chars().count() + answer.thinking.chars().count()) as u64;
    let is_counted = counted.prompt_tokens > 0 && (counted.output_tokens > 0 || written == 0);
    let or = |count: u64, chars: u64| if count > 0 { count } else { estimate(chars) };
    let usage = Usage {
        prompt_tokens: or(counted.prompt_tokens, prompt_chars(sent)),
        output_tokens: or(counted.output_tokens, written),
        ..counted
    };
    (usage, !is_counted)
}

/// What a model is told that wrote a call where it only thinks.
const DRAFTED: &str = "it stands in your reasoning; end the reasoning, then make the call";

/// The calls of an answer's text that are the model's own. A cut answer may end inside a call, so nothing is dug out of it.
fn in_text(text: &str, request: &ChatRequest, finish: Finish) -> Found {
    let (tools, messages) = (&request.tools, &request.messages);
    match (finish, request.profile.tool_mode) {
        (Finish::Stop, ToolMode::Native) => salvage::calls_in(text, tools).own(text, messages),
        (Finish::Stop, ToolMode::Text) => tagged::decode(text, tools).own(text, messages),
        (Finish::Length, mode) => Found {
            calls: Vec::new(),
            text: text.to_owned(),
            refused: (mode == ToolMode::Text && !request.tools.is_empty()).then(|| {
                "it was cut off at its length limit; write less at a time: smaller edits, a file in several parts"
                    .to_owned()
            }),
            first: None,
        },
    }
}

/// A call without an id, which is given later.
fn unnamed(call: Written) -> ToolCall {
    ToolCall {
        id: String::new(),
        name: call.name,
        arguments: call.arguments,
    }
}

/// Native calls with the names of the request's tools. An unknown name stays, for the loop to answer it.
fn named(raw: Vec<RawCall>, request: &ChatRequest, finish: Finish) -> Result<Vec<ToolCall>, Fault> {
    raw.into_iter()
        .map(|call| {
            let tool = salvage::resolve(&call.name, &request.tools);
            let name = tool.map_or_else(|| call.name.clone(), |tool| tool.name.clone());
            let mut arguments = match (arguments(&name, call.arguments), finish) {
                (Ok(arguments), _) => arguments,
                // It was cut inside: a record of a call that is not run.
                (Err(_), Finish::Length) => Map::new(),
                (Err(fault), Finish::Stop) => return Err(fault),
            };
            if let Some(tool) = tool {
                salvage::mend(tool, &mut arguments);
            }
            Ok(ToolCall {
                id: call.id,
                arguments,
                name,
            })
        })
        .collect()
}

fn arguments(name: &str, arguments: Value) -> Result<Map<String, Value>, Fault> {
    if arguments.is_null() {
        return Ok(Map::new());
    }
    salvage::object_of(arguments).ok_or_else(|| {
        let message = format!(
            "the arguments of the call of `{}` are no JSON object",
            quote(name)
        );
        Fault::new(ErrorClass::Malformed, message)
    })
}
