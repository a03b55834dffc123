//! Failures and their classes.

use super::*;

#[test]
fn an_error_after_three_pieces_is_a_failure_that_keeps_the_text() {
    let pieces = || {
        vec!["one ", "two ", "three"]
            .into_iter()
            .map(|text| Answer::line(json!({ "content": text })))
    };
    let mut failing: Vec<_> = pieces().collect();
    failing.push(json!({"error": "an error was encountered while running the model: CUDA error"}));
    let error = refused(Answer::Lines(failing));
    assert_eq!(
        (error.class, error.partial.as_str()),
        (ErrorClass::MidStream, "one two three")
    );
    assert!(
        error.is_infrastructure() && error.message.contains("CUDA error"),
        "{error}"
    );

    for cut in [
        Answer::Lines(pieces().collect()),
        Answer::CutAfter(pieces().collect()),
    ] {
        let error = refused(cut);
        assert_eq!(
            (error.class, error.partial.as_str()),
            (ErrorClass::Cut, "one two three")
        );
        assert!(error.is_infrastructure());
    }
}

#[test]
fn a_model_that_repeats_itself_is_no_outage() {
    let error = refused(Answer::Lines(vec![
        Answer::line(json!({"content": " la"}));
        31
    ]));
    assert!(
        error.class == ErrorClass::Repeating && error.is_quality(),
        "{error}"
    );
}

#[test]
fn a_prompt_that_does_not_fit_is_an_error_and_never_a_cut() {
    let mut long = request();
    long.profile.num_ctx = 2_048;
    long.messages.push(Message::User {
        text: "A sentence of prose, as people write it. ".repeat(400),
    });

    let twin = OllamaTwin::start(Behaviour::in_order([]));
    let error = asked(&twin, &long).unwrap_err();
    assert_eq!(error.class, ErrorClass::ContextTooLong, "{error}");

    let twin = OllamaTwin::start(
        Behaviour::in_order([Answer::text("I see nothing of that.")]).cutting_silently(),
    );
    let error = asked(&twin, &long).unwrap_err();
    assert_eq!(error.class, ErrorClass::ContextTruncated, "{error}");
    assert!(
        error.message.contains("1024") && !error.is_infrastructure(),
        "{error}"
    );
    assert_eq!(error.partial, "I see nothing of that.");

    // The same text in a window that holds it is whole.
    long.profile.num_ctx = 8_192;
    let twin = OllamaTwin::start(Behaviour::in_order([Answer::text("Fine.")]).cutting_silently());
    assert_eq!(asked(&twin, &long).unwrap().text, "Fine.");
}

#[test]
fn an_outage_moves_sideways_and_never_up() {
    let twin = OllamaTwin::start(Behaviour::by(|_| Answer::Hangup));
    let error = asked(&twin, &request()).unwrap_err();
    assert!(
        error.class == ErrorClass::Unreachable && error.is_infrastructure(),
        "{error}"
    );
    assert_eq!(twin.chats().len(), 1, "nobody asks twice behind our back");
    let error = refused(Answer::error(
        500,
        "model requires more system memory (9.0 GiB) than is available (4.0 GiB)",
    ));
    assert!(
        error.class == ErrorClass::ServerFault && error.is_infrastructure(),
        "{error}"
    );
    // A port that nobody listens on: bound, so that nobody takes it, and given back.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let host = OllamaHost::parse(&format!("127.0.0.1:{port}")).unwrap();
    let error = chat(&Provider::Ollama(host), &request(), &|| false).unwrap_err();
    assert!(
        error.class == ErrorClass::Unreachable && error.is_infrastructure(),
        "{error}"
    );
    assert!(
        error.to_string().contains(&port.to_string()) && error.to_string().contains("ollama serve"),
        "{error}"
    );
}

#[test]
fn a_missing_model_says_how_to_get_it() {
    let twin = OllamaTwin::start(Behaviour::in_order([]));
    let error = asked(
        &twin,
        &ChatRequest {
            model: "other".to_owned(),
            ..request()
        },
    )
    .unwrap_err();
    assert!(error.class == ErrorClass::ModelMissing && error.is_infrastructure());
    assert!(error.to_string().contains("`ollama pull other`"), "{error}");
}

#[test]
fn code_does_not_follow_a_redirect() {
    let elsewhere = OllamaTwin::start(Behaviour::by(|_| Answer::text("thanks")));
    let error = refused(Answer::Redirect(format!("{}/api/chat", elsewhere.url())));
    assert_eq!(error.class, ErrorClass::Refused, "{error}");
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn garbage_is_malformed() {
    for pieces in [
        &b"<html>hello</html>\n"[..],
        b"{\"message\": 7}\n",
        b"\xff\xfe\n",
        b"[]\n",
    ] {
        let error = refused(Answer::Pieces(vec![pieces.to_vec()]));
        assert_eq!(error.class, ErrorClass::Malformed, "{error}");
    }
    let arguments = json!([{"function": {"name": "read", "arguments": "not an object"}}]);
    let line = Answer::line(json!({"content": "", "tool_calls": arguments}));
    assert_eq!(
        refused(Answer::Lines(vec![line, Answer::done("stop")])).class,
        ErrorClass::Malformed
    );
    assert_eq!(
        refused(Answer::Lines(vec![Answer::done("unload")])).class,
        ErrorClass::Malformed
    );
}

#[test]
fn an_encrypted_call_to_a_plain_server_fails_as_an_outage() {
    let twin = OllamaTwin::start(Behaviour::in_order([]));
    let host = OllamaHost::parse(&twin.url().replace("http:", "https:")).unwrap();
    let error = chat(&Provider::Ollama(host), &request(), &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::Unreachable, "{error}");
    assert!(twin.chats().is_empty());
}
