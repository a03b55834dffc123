//! Listening to an answer while it comes: the same for every dialect.

use std::cell::RefCell;

use alai_fleet::{AnthropicHost, Event, OpenaiHost, Script, Secret, chat_heard};
use alai_testkit::anthropic::{self, AnthropicTwin};
use alai_testkit::openai::{self, OpenaiTwin};

use super::*;

fn events(
    provider: &Provider,
    request: &ChatRequest,
) -> (Vec<Event>, Result<ChatReply, ChatError>) {
    let mut heard = Vec::new();
    let mut listener = |event: &Event| heard.push(event.clone());
    let answered = chat_heard(provider, request, &|| false, &mut listener);
    (heard, answered)
}

fn text(events: &[Event]) -> Vec<&str> {
    let mut pieces = Vec::new();
    for event in events {
        if let Event::Text(piece) = event {
            pieces.push(piece.as_str());
        }
    }
    pieces
}

#[test]
fn every_dialect_tells_the_same_story() {
    let ollama = OllamaTwin::start(Behaviour::in_order([Answer::text("one two")]));
    let llama = OpenaiTwin::start(openai::Behaviour::in_order([openai::Answer::text(
        "one two",
    )]));
    let claude = AnthropicTwin::start(anthropic::Behaviour::in_order([anthropic::Answer::text(
        "one two",
    )]));
    let script = Script::parse("- turns: [{text: one two}]\n").unwrap();
    let key = Secret::parse("sk-twin-key").unwrap();
    for provider in [
        Provider::Ollama(at(&ollama)),
        Provider::Openai(OpenaiHost::parse(&llama.url()).unwrap()),
        Provider::Anthropic(AnthropicHost::parse(&claude.url()).unwrap().with_key(key)),
        Provider::Scripted(script),
    ] {
        let (heard, answered) = events(&provider, &request());
        let reply = answered.unwrap();
        assert_eq!(text(&heard).concat(), "one two", "{provider:?}");
        assert_eq!(heard.first(), Some(&Event::Model(reply.model.clone())));
        assert!(heard.contains(&Event::Usage(reply.usage)), "{heard:?}");
        assert_eq!(heard.last(), Some(&Event::Done(Finish::Stop)));
        let stored = serde_json::to_string(&heard).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Event>>(&stored).unwrap(), heard);
    }
}

/// The first piece is with the listener while the server still holds the rest back.
#[test]
fn a_piece_is_passed_on_before_the_next_one_comes() {
    let ollama = OllamaTwin::start(Behaviour::in_order([Answer::StallAfter(vec![
        Answer::line(json!({"content": "Hm"})),
    ])]));
    let stalls = openai::Answer::text("Hm and more").but(openai::Vice::Stalls);
    let llama = OpenaiTwin::start(openai::Behaviour::in_order([stalls]));
    let stalls = anthropic::Answer::text("Hm and more").but(anthropic::Vice::Stalls);
    let claude = AnthropicTwin::start(anthropic::Behaviour::in_order([stalls]));
    let key = Secret::parse("sk-twin-key").unwrap();
    for provider in [
        Provider::Ollama(at(&ollama)),
        Provider::Openai(OpenaiHost::parse(&llama.url()).unwrap()),
        Provider::Anthropic(AnthropicHost::parse(&claude.url()).unwrap().with_key(key)),
    ] {
        let said = RefCell::new(String::new());
        let mut listener = |event: &Event| {
            if let Event::Text(piece) = event {
                said.borrow_mut().push_str(piece);
            }
        };
        // Nothing but the piece itself ends this call.
        let cancel = || said.borrow().starts_with("Hm");
        let error = chat_heard(&provider, &request(), &cancel, &mut listener).unwrap_err();
        assert_eq!(error.class, ErrorClass::Cancelled, "{error}");
        assert!(error.partial.starts_with("Hm"));
    }
    ollama.await_closed(1);
    llama.await_closed(1);
    claude.await_closed(1);
}

#[test]
fn an_answer_that_is_asked_for_again_says_so() {
    let value = "one\n</function>\ntwo";
    let call = format!(
        "<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=content>\n{value}\n</parameter>\n</function>"
    );
    let model = TwinModel::new("small", 8.0).only(&["completion"]);
    let answers = [Answer::text(&call), Answer::text(&call)];
    let twin = OllamaTwin::start(Behaviour::in_order(answers).models([model]));
    let mut request = with_tools();
    request.profile.tool_mode = ToolMode::Text;
    let (heard, answered) = events(&Provider::Ollama(at(&twin)), &request);
    assert_eq!(answered.unwrap().calls.len(), 1);
    let again: Vec<usize> = (0..heard.len())
        .filter(|n| heard[*n] == Event::Again)
        .collect();
    assert_eq!(again.len(), 1);
    assert_eq!(text(&heard[again[0]..]).concat(), call);
}
