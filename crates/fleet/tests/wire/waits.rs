//! Waiting: for a slot, for a busy host, for the next token; and being cancelled meanwhile.

use super::*;

#[test]
fn a_busy_or_loading_host_is_waited_for() {
    let loading = Answer::error(503, "Loading model");
    let twin = OllamaTwin::start(Behaviour::in_order([
        Answer::busy(),
        loading,
        Answer::text("now"),
    ]));
    assert_eq!(asked(&twin, &request()).unwrap().text, "now");
    assert_eq!(twin.chats().len(), 3);
}

#[test]
fn a_host_that_stays_busy_is_busy_and_not_late() {
    let twin = OllamaTwin::start(Behaviour::by(|_| Answer::busy()));
    let mut request = request();
    request.profile.call_s_max = 1;
    let error = asked(&twin, &request).unwrap_err();
    assert!(
        error.class == ErrorClass::Busy && error.is_infrastructure(),
        "{error}"
    );
    assert!(
        error.message.contains("tries") && twin.chats().len() >= 2,
        "{error}"
    );
}

#[test]
fn waiting_for_a_busy_host_can_be_cancelled() {
    let twin = OllamaTwin::start(Behaviour::by(|_| Answer::busy()));
    let cancel = || twin.chats().len() >= 2;
    let error = chat(&Provider::Ollama(at(&twin)), &request(), &cancel).unwrap_err();
    assert_eq!(error.class, ErrorClass::Cancelled);
}

#[test]
fn a_wait_for_a_slot_is_no_stall() {
    let twin = OllamaTwin::start(Behaviour::in_order([Answer::text("at last").held()]));
    let mut request = request();
    request.profile.idle_s_max = 1;
    // Asked every 50 ms: at the thirtieth time the slot has been silent for longer than the idle limit.
    let looks = Cell::new(0);
    let cancel = || {
        looks.set(looks.get() + 1);
        if looks.get() == 30 {
            twin.release();
        }
        false
    };
    let reply = chat(&Provider::Ollama(at(&twin)), &request, &cancel).unwrap();
    assert!(
        looks.get() >= 30 && reply.latency_ms > 1_000,
        "the wait was longer than the idle limit"
    );
    assert_eq!(reply.text, "at last");
}

#[test]
fn a_host_can_bound_the_wait_for_its_first_token() {
    let twin = OllamaTwin::start(Behaviour::in_order([Answer::text("never").held()]));
    let bounded = at(&twin).with_timeouts(alai_fleet::Timeouts {
        first_token_s: Some(1),
        ..alai_fleet::Timeouts::default()
    });
    let error = chat(&Provider::Ollama(bounded), &request(), &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::Stalled, "{error}");
    assert!(error.message.contains("before the first token"), "{error}");
    twin.await_closed(1);
}

#[test]
fn a_stall_after_the_first_token_ends_the_call_and_closes_the_connection() {
    let twin = OllamaTwin::start(Behaviour::in_order([Answer::StallAfter(vec![
        Answer::line(json!({"content": "Hm"})),
    ])]));
    let mut request = request();
    request.profile.idle_s_max = 1;
    let error = asked(&twin, &request).unwrap_err();
    assert_eq!(
        (error.class, error.partial.as_str()),
        (ErrorClass::Stalled, "Hm")
    );
    assert!(error.is_infrastructure());
    twin.await_closed(1);
}

#[test]
fn a_call_ends_at_its_limit_while_it_waits_for_a_slot() {
    let twin = OllamaTwin::start(Behaviour::in_order([Answer::text("never").held()]));
    let mut request = request();
    request.profile.call_s_max = 1;
    assert_eq!(
        asked(&twin, &request).unwrap_err().class,
        ErrorClass::TimedOut
    );
    twin.await_closed(1);
}

#[test]
fn a_cancelled_call_closes_its_connection_with_and_without_headers() {
    for answer in [
        Answer::text("never").held(),
        Answer::StallAfter(vec![Answer::line(json!({"content": "Hm"}))]),
    ] {
        let twin = OllamaTwin::start(Behaviour::in_order([answer]));
        let cancel = || !twin.chats().is_empty();
        let error = chat(&Provider::Ollama(at(&twin)), &request(), &cancel).unwrap_err();
        assert_eq!(error.class, ErrorClass::Cancelled);
        assert!(!error.is_infrastructure() && !error.is_quality());
        twin.await_closed(1);
    }
}

#[test]
fn threads_share_a_host() {
    let twin = OllamaTwin::start(Behaviour::by(|body| {
        Answer::text(body["messages"][1]["content"].as_str().unwrap_or_default()).held()
    }));
    let provider = Provider::Ollama(at(&twin));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let provider = provider.clone();
                scope.spawn(move || {
                    let mut request = request();
                    request.messages[1] = Message::User {
                        text: format!("number {n}"),
                    };
                    (n, chat(&provider, &request, &|| false).unwrap().text)
                })
            })
            .collect();
        twin.await_chats(8);
        twin.release();
        for thread in threads {
            let (n, text) = thread.join().unwrap();
            assert_eq!(text, format!("number {n}"));
        }
    });
    assert_eq!(twin.in_flight_most(), 8);
}
