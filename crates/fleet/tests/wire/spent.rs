//! What a call has cost that gave no reply: what was counted is told, what went out and was lost is unknown, the rest is nothing.

use alai_fleet::{AnthropicHost, OpenaiHost, Secret, Spent, Usage, asks_max};
use alai_testkit::anthropic::{self, AnthropicTwin};
use alai_testkit::openai::{Answer, Behaviour, OpenaiTwin, Vice};

use super::openai::{asks, host, twin};
use super::*;

fn fails(answer: Answer, request: &ChatRequest) -> ChatError {
    asks(&twin([answer]), request).expect_err("this answer is a failure")
}

fn words() -> Answer {
    Answer::text("one two three")
}

fn counted(error: &ChatError) -> Usage {
    match &error.spent {
        Spent::Counted(usage) => **usage,
        Spent::Nothing | Spent::Unknown => panic!("{:?}: {error}", error.spent),
    }
}

fn status(code: u16) -> Answer {
    words().but(Vice::Status(
        code,
        json!({"error": {"message": "no"}}),
        None,
    ))
}

#[test]
fn what_was_counted_before_it_was_found_to_be_no_answer_is_told() {
    let broken = Answer::calls(&[("read", json!("no object at all"))]);
    let error = fails(broken, &with_tools());
    assert_eq!(error.class, ErrorClass::Malformed, "{error}");
    let usage = counted(&error);
    assert!(
        usage.prompt_tokens > 10 && usage.output_tokens > 0,
        "{usage:?}"
    );
    // The counts of a filtered answer stand behind its reason to finish.
    let error = fails(
        words().but(Vice::Ends("content_filter".to_owned())),
        &request(),
    );
    assert_eq!(error.class, ErrorClass::Filtered, "{error}");
    assert!(counted(&error).output_tokens > 0);
    let ends_badly = words()
        .but(Vice::Ends("content_filter".to_owned()))
        .but(Vice::NoCounts);
    assert_eq!(fails(ends_badly, &request()).spent, Spent::Unknown);
}

#[test]
fn a_message_that_was_refused_is_counted_beside_its_reason() {
    let key = Secret::parse("sk-twin-key").unwrap();
    let refusal =
        anthropic::Answer::text("I will").but(anthropic::Vice::Stops("refusal".to_owned()));
    let claude = AnthropicTwin::start(anthropic::Behaviour::in_order([refusal]));
    let host = AnthropicHost::parse(&claude.url()).unwrap().with_key(key);
    let error = chat(&Provider::Anthropic(host), &request(), &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::Filtered, "{error}");
    assert!(counted(&error).prompt_tokens > 0);
}

#[test]
fn what_went_out_and_was_lost_is_unknown_and_what_never_went_out_is_nothing() {
    for (answer, class) in [
        (words().but(Vice::Hangs), ErrorClass::Unreachable),
        (status(502), ErrorClass::ServerFault),
        (status(504), ErrorClass::ServerFault),
        (status(524), ErrorClass::ServerFault),
        (words().but(Vice::Breaks), ErrorClass::Cut),
        (words().but(Vice::NoEnd), ErrorClass::Cut),
    ] {
        let error = fails(answer.clone(), &request());
        assert_eq!(
            (error.class, error.spent),
            (class, Spent::Unknown),
            "{answer:?}"
        );
    }
    for (answer, class) in [
        (status(500), ErrorClass::ServerFault),
        (status(521), ErrorClass::ServerFault),
        (status(400), ErrorClass::BadRequest),
        (status(401), ErrorClass::Refused),
    ] {
        let error = fails(answer.clone(), &request());
        assert_eq!(
            (error.class, error.spent),
            (class, Spent::Nothing),
            "{answer:?}"
        );
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let nobody = Provider::Openai(OpenaiHost::parse(&url).unwrap());
    let error = chat(&nobody, &request(), &|| false).unwrap_err();
    assert_eq!(
        (error.class, error.spent),
        (ErrorClass::Unreachable, Spent::Nothing)
    );
}

/// A call whose value holds the stop word, so that its server ends the text inside of it.
fn stopped() -> Answer {
    let value = "one\n</function>\ntwo";
    Answer::text(&format!(
        "<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=content>\n{value}\n</parameter>\n</function>"
    ))
}

fn in_text() -> ChatRequest {
    let mut request = with_tools();
    request.profile.tool_mode = ToolMode::Text;
    request
}

#[test]
fn an_answer_that_is_asked_for_twice_is_held_and_counted_twice() {
    let once = OpenaiTwin::start(Behaviour::in_order([words()]));
    let one = asks(&once, &in_text()).unwrap().usage;
    let twice = OpenaiTwin::start(Behaviour::in_order([stopped(), stopped()]));
    let two = asks(&twice, &in_text()).unwrap();
    assert_eq!(two.calls.len(), 1, "{two:?}");
    assert_eq!(two.usage.prompt_tokens, 2 * one.prompt_tokens);
    assert!(!two.usage_estimated);

    let provider = Provider::Openai(host(&twice));
    assert_eq!(asks_max(&provider, &in_text()), 2);
    assert_eq!(asks_max(&provider, &with_tools()), 1);
    let schema = ChatRequest {
        format: Some(json!({"type": "object"})),
        tools: Vec::new(),
        ..in_text()
    };
    assert_eq!(asks_max(&provider, &schema), 1, "a schema has no stop word");
}

#[test]
fn the_first_of_two_answers_is_told_when_the_second_fails() {
    let refused = twin([stopped(), status(500)]);
    let error = asks(&refused, &in_text()).unwrap_err();
    assert_eq!(error.class, ErrorClass::ServerFault, "{error}");
    assert!(counted(&error).prompt_tokens > 10);
    let lost = twin([stopped(), words().but(Vice::Hangs)]);
    let error = asks(&lost, &in_text()).unwrap_err();
    assert_eq!(error.spent, Spent::Unknown);
    let uncounted = twin([stopped().but(Vice::NoCounts), status(500)]);
    let error = asks(&uncounted, &in_text()).unwrap_err();
    assert_eq!(error.spent, Spent::Unknown, "an estimate is no count");
}
