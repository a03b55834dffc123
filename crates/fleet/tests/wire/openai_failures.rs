//! OpenAI's dialect: failures, their classes, waiting, and what happens to a key.

use alai_fleet::{OpenaiHost, Secret, Timeouts};
use alai_testkit::openai::{Answer, Behaviour, OpenaiTwin, Vice};

use super::openai::{asks, host, twin};
use super::*;

/// The error of one chat that gets this answer.
fn fails(answer: Answer) -> ChatError {
    asks(&twin([answer]), &request()).expect_err("this answer is a failure")
}

fn words() -> Answer {
    Answer::text("one two three")
}

#[test]
fn ends_that_are_none_are_failures_that_keep_the_text() {
    for (answer, partial) in [
        (words().but(Vice::NoEnd), "one two three"),
        (words().but(Vice::Breaks), "one "),
        (words().but(Vice::Ends("abort".to_owned())), "one two three"),
        (Answer::Pieces(vec![]), ""),
        (Answer::Pieces(vec![b": ping\n\n: ping\n\n".to_vec()]), ""),
    ] {
        let error = fails(answer.clone());
        assert_eq!(
            (error.class, error.partial.as_str()),
            (ErrorClass::Cut, partial),
            "{answer:?}"
        );
        assert!(error.is_infrastructure());
    }
    // What is whole by either sign is whole.
    for answer in [words().but(Vice::NoReason), words().but(Vice::NoDone)] {
        assert_eq!(
            asks(&twin([answer]), &request()).unwrap().text,
            "one two three"
        );
    }
}

#[test]
fn an_error_in_the_middle_keeps_the_text_and_has_a_class() {
    for (error, class) in [
        (
            json!({"code": 500, "message": "slot died", "type": "server_error"}),
            ErrorClass::MidStream,
        ),
        (json!("slot died"), ErrorClass::MidStream),
        (
            json!({"code": 500, "message": "Context size has been exceeded."}),
            ErrorClass::ContextTooLong,
        ),
        (
            json!({"message": "Invalid diff: now finding less tool calls!"}),
            ErrorClass::Malformed,
        ),
        // Something was said already: it cannot be asked for again behind the caller's back.
        (
            json!({"code": 503, "message": "Loading model"}),
            ErrorClass::MidStream,
        ),
    ] {
        let failed = fails(words().but(Vice::ErrorInside(error.clone())));
        assert_eq!(
            (failed.class, failed.partial.as_str()),
            (class, "one "),
            "{error}"
        );
    }
    let filtered = fails(words().but(Vice::Ends("content_filter".to_owned())));
    assert!(
        filtered.class == ErrorClass::Filtered && filtered.is_quality(),
        "{filtered}"
    );
    assert_eq!(
        fails(words().but(Vice::Ends("magic".to_owned()))).class,
        ErrorClass::Malformed
    );
}

#[test]
fn garbage_is_malformed() {
    for bytes in [
        &b"data: <html>\n\n"[..],
        b"data: {\"choices\":7}\n\n",
        b"data: \xff\xfe\n\n",
        b"<html>\n",
    ] {
        let error = fails(Answer::Pieces(vec![bytes.to_vec()]));
        assert_eq!(error.class, ErrorClass::Malformed, "{error}");
    }
    assert_eq!(fails(words().but(Vice::Page)).class, ErrorClass::Malformed);
    let arguments = Answer::calls(&[("read", json!("no object"))]);
    let error = asks(&twin([arguments]), &with_tools()).unwrap_err();
    assert_eq!(error.class, ErrorClass::Malformed, "{error}");
}

#[test]
fn a_prompt_that_does_not_fit_is_an_error_with_its_figures() {
    let mut long = request();
    long.messages.push(Message::User {
        text: "A sentence of prose, as people write it. ".repeat(400),
    });
    let small = |shifts| Behaviour {
        n_ctx: 2_048,
        shifts,
        ..Behaviour::by(|_| Answer::text("I see nothing of that."))
    };
    let twin = OpenaiTwin::start(small(false));
    let error = asks(&twin, &long).unwrap_err();
    assert_eq!(error.class, ErrorClass::ContextTooLong, "{error}");
    assert!(
        error.message.contains("2048") && error.to_string().contains("-c"),
        "{error}"
    );

    // A server that cuts in silence: the window is known from the probe, its exact count shows what is missing.
    let twin = OpenaiTwin::start(small(true));
    let shifting = host(&twin);
    probe(&shifting);
    let error = chat(&Provider::Openai(shifting), &long, &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::ContextTruncated, "{error}");
    assert!(
        error.message.contains("1024") && !error.is_infrastructure(),
        "{error}"
    );
    assert_eq!(error.partial, "I see nothing of that.");
    assert!(
        twin.requests()
            .iter()
            .any(|seen| seen.path.ends_with("/input_tokens"))
    );

    // More used than the window holds: the oldest part went while it wrote.
    let over =
        json!({"choices": [], "timings": {"cache_n": 1_000, "prompt_n": 900, "predicted_n": 400}});
    let twin = OpenaiTwin::start(Behaviour {
        n_ctx: 2_048,
        ..Behaviour::in_order([words().but(Vice::Counts(over))])
    });
    let shifted = host(&twin);
    probe(&shifted);
    let error = chat(&Provider::Openai(shifted), &request(), &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::ContextTruncated, "{error}");
    assert!(
        error.message.contains("2300 tokens in a window of 2048"),
        "{error}"
    );
}

/// Some texts have more characters a token than was guessed: what the server counts exactly is believed.
#[test]
fn an_exact_count_settles_a_suspicion() {
    let mut long = request();
    long.profile.num_ctx = 8_192;
    long.messages.push(Message::User {
        text: "incomprehensibilities ".repeat(3_000),
    });
    let counting = |said: u64| {
        let counts =
            json!({"choices": [], "usage": {"prompt_tokens": said, "completion_tokens": 2}});
        OpenaiTwin::start(Behaviour {
            chars_per_token: 10,
            ..Behaviour::by(move |_| Answer::text("Fine.").but(Vice::Counts(counts.clone())))
        })
    };
    let exact = alai_fleet::count_tokens(&host(&counting(0)), &long, &|| false)
        .unwrap()
        .unwrap();
    let honest = counting(exact);
    assert_eq!(asks(&honest, &long).unwrap().text, "Fine.");
    assert!(
        honest
            .requests()
            .iter()
            .any(|seen| seen.path.ends_with("/input_tokens"))
    );
    let error = asks(&counting(1_000), &long).unwrap_err();
    assert_eq!(error.class, ErrorClass::ContextTruncated, "{error}");
    assert!(error.message.starts_with(&exact.to_string()), "{error}");
}

#[test]
fn refusals_have_exact_classes() {
    for (status, kind, message, class) in [
        (
            400,
            "invalid_request_error",
            "number of repetitions exceeds sane defaults",
            ErrorClass::BadRequest,
        ),
        (
            401,
            "authentication_error",
            "Invalid API Key",
            ErrorClass::Refused,
        ),
        (403, "permission_error", "no", ErrorClass::Refused),
        (
            404,
            "not_found_error",
            "File Not Found",
            ErrorClass::Refused,
        ),
        (
            500,
            "server_error",
            "Context size has been exceeded.",
            ErrorClass::ContextTooLong,
        ),
        (
            500,
            "server_error",
            "Compute error.",
            ErrorClass::ServerFault,
        ),
        (
            501,
            "not_supported_error",
            "This server does not support it",
            ErrorClass::Refused,
        ),
    ] {
        let error = fails(Answer::error(status, kind, message));
        assert_eq!(error.class, class, "{error}");
        assert!(error.message.contains(message), "{error}");
    }
    let vllm = OpenaiTwin::start(Behaviour {
        kind: alai_testkit::openai::Kind::Vllm,
        models: vec!["other".to_owned()],
        ..Behaviour::in_order([])
    });
    let error = asks(&vllm, &request()).unwrap_err();
    assert_eq!(error.class, ErrorClass::ModelMissing, "{error}");
    assert!(error.to_string().contains("/v1/models"), "{error}");
    let elsewhere = twin([words()]);
    let error = fails(words().but(Vice::Redirects(format!(
        "{}/v1/chat/completions",
        elsewhere.url()
    ))));
    assert_eq!(error.class, ErrorClass::Refused, "{error}");
    assert!(
        elsewhere.requests().is_empty(),
        "code does not follow a redirect"
    );
    assert_eq!(
        fails(words().but(Vice::Hangs)).class,
        ErrorClass::Unreachable
    );
}

#[test]
fn a_loading_or_busy_server_is_waited_for() {
    let busy = |retry_after_s| {
        let body = json!({"error": {"code": 429, "message": "slow down", "type": "rate_limit"}});
        words().but(Vice::Status(429, body, retry_after_s))
    };
    let twin = OpenaiTwin::start(Behaviour {
        loading: 2,
        ..Behaviour::in_order([
            busy(None),
            Answer::error(503, "unavailable_error", "no slot"),
            words(),
        ])
    });
    assert_eq!(asks(&twin, &request()).unwrap().text, "one two three");
    assert_eq!(twin.chats().len(), 5);
    // A wait that is longer than what is left of the call is not begun.
    let mut short = request();
    short.profile.call_s_max = 5;
    let error = asks(&self::twin([busy(Some(60))]), &short).unwrap_err();
    assert_eq!(error.class, ErrorClass::Busy, "{error}");
    // What is told behind the headers is waited for too, as long as nothing was said.
    let inside = json!({"error": {"code": 503, "message": "Loading model"}});
    let twin = self::twin([Answer::Chunks(vec![inside]), words()]);
    assert_eq!(asks(&twin, &request()).unwrap().text, "one two three");
}

#[test]
fn a_load_has_a_bound_of_its_own() {
    let twin = OpenaiTwin::start(Behaviour {
        loading: usize::MAX,
        ..Behaviour::in_order([])
    });
    let impatient = host(&twin).with_timeouts(Timeouts {
        load_s: Some(0),
        ..Timeouts::default()
    });
    let error = chat(&Provider::Openai(impatient), &request(), &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::Loading, "{error}");
    assert!(
        error.is_infrastructure() && error.message.contains("1 tries"),
        "{error}"
    );
}

#[test]
fn pings_keep_no_stalled_answer_alive() {
    let mut request = request();
    request.profile.idle_s_max = 1;
    for vice in [Vice::Stalls, Vice::PingsForEver] {
        let ended = asks(&twin([words().but(vice.clone())]), &request).unwrap_err();
        // Pings of this twin end at some time; what came is no answer either way.
        let classes = [ErrorClass::Stalled, ErrorClass::Cut];
        assert!(
            classes.contains(&ended.class) && ended.partial.starts_with("one "),
            "{vice:?}: {ended}"
        );
    }
    let twin = twin([words().but(Vice::Stalls)]);
    assert_eq!(
        asks(&twin, &request).unwrap_err().class,
        ErrorClass::Stalled
    );
    twin.await_closed(1);
    // An answer that is whole does not wait for a mark that never comes, and is not lost.
    let reply = asks(&self::twin([words().but(Vice::StallsAtTheEnd)]), &request).unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.finish),
        ("one two three", Finish::Stop)
    );
}

#[test]
fn a_first_token_can_have_a_bound_and_has_none_by_itself() {
    let held = || twin([words().but(Vice::Held)]);
    let waiting = held();
    let mut request = request();
    request.profile.idle_s_max = 1;
    let looks = Cell::new(0);
    let cancel = || {
        looks.set(looks.get() + 1);
        if looks.get() == 30 {
            waiting.release();
        }
        false
    };
    let reply = chat(&Provider::Openai(host(&waiting)), &request, &cancel).unwrap();
    assert_eq!(reply.text, "one two three");
    assert!(
        reply.latency_ms > 1_000,
        "the wait was longer than the idle limit"
    );

    let silent = held();
    let bounded = host(&silent).with_timeouts(Timeouts {
        first_token_s: Some(1),
        ..Timeouts::default()
    });
    let error = chat(&Provider::Openai(bounded), &request, &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::Stalled, "{error}");
    assert!(error.message.contains("before the first token"), "{error}");
    silent.await_closed(1);
}

const KEY: &str = "sk-live/4Zq8vT1nXw";

/// A twin that wants the key, and a host that has it.
fn keyed(answers: Vec<Answer>) -> (OpenaiTwin, OpenaiHost) {
    let twin = OpenaiTwin::start(Behaviour {
        key: Some(KEY.to_owned()),
        ..Behaviour::in_order(answers)
    });
    let host = host(&twin).with_key(Secret::parse(KEY).expect("it is one"));
    (twin, host)
}

#[test]
fn a_key_goes_into_its_header_and_nowhere_else() {
    let leaks = |text: &str| text.contains("4Zq8") || text.contains(KEY);
    let (twin, host) = keyed(vec![
        words(),
        words().but(Vice::Echoes),
        Answer::text(&format!("It is {KEY}.")),
    ]);
    let without = chat(
        &Provider::Openai(OpenaiHost::parse(&twin.url()).unwrap()),
        &request(),
        &|| false,
    );
    assert_eq!(without.unwrap_err().class, ErrorClass::Refused);
    let (provider, keyed_host) = (Provider::Openai(host.clone()), host);
    let call = || chat(&provider, &request(), &|| false);
    assert_eq!(call().unwrap().text, "one two three");
    assert_eq!(
        twin.requests()[1].headers["authorization"],
        format!("Bearer {KEY}")
    );

    // The server repeats it in an error, and in an answer.
    let error = call().unwrap_err();
    assert!(
        error.message.contains("bad header") && error.message.contains("[key]"),
        "{error}"
    );
    let reply = call().unwrap();
    assert_eq!(reply.text, "It is [key].");
    let stolen = Answer::calls(&[
        ("read", json!({"path": format!("{KEY}.rs")})),
        (KEY, json!({})),
    ]);
    let (_twin, other) = keyed(vec![stolen]);
    let called = chat(&Provider::Openai(other), &with_tools(), &|| false).unwrap();
    assert!(!leaks(&format!("{called:?}")), "{called:?}");
    let stored = serde_json::to_string(&probe(&keyed_host));
    for shown in [
        format!("{provider:?} {error:?} {error} {reply:?}"),
        stored.unwrap(),
    ] {
        assert!(!leaks(&shown), "{shown}");
    }
}

#[test]
fn a_key_that_a_bound_cuts_in_two_is_not_shown_by_half() {
    // Where the words are shortened in the middle of it.
    for before in (440..=500).step_by(4) {
        let words = format!("{}{KEY} and so on {}", "x".repeat(before), "y".repeat(600));
        let body = json!({"error": {"message": words}});
        let answer = self::words().but(Vice::ErrorInside(body["error"].clone()));
        let (_twin, host) = keyed(vec![
            Answer::text("").but(Vice::Status(400, body, None)),
            answer,
        ]);
        for _ in 0..2 {
            let error = chat(&Provider::Openai(host.clone()), &request(), &|| false).unwrap_err();
            assert!(!error.to_string().contains("sk-liv"), "{before}: {error}");
        }
    }
}
