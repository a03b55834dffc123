//! Recording and playing again: what a call was, byte by byte, is there again without its host, and none of its secrets is on disk.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use alai_fleet::{
    AnthropicHost, Event, OpenaiHost, Recorder, Script, Secret, Tape, chat_heard, chat_recorded,
};
use alai_testkit::anthropic::{self, AnthropicTwin};
use alai_testkit::openai::{self, OpenaiTwin, Vice};
use alai_testkit::played::{Played, PlayedTwin};

use super::*;

const KEY: &str = "sk-twin-key";

/// Makes these calls on a host and reads what was recorded.
fn recorded(provider: &Provider, requests: &[ChatRequest]) -> (Vec<Answered>, String) {
    let dir = tempfile::tempdir().expect("as the test has it");
    let recorder = Recorder::new(dir.path()).expect("as the test has it");
    let answered = requests
        .iter()
        .map(|request| chat_recorded(provider, request, &|| false, &mut |_| (), &recorder, &|| 77))
        .collect();
    let path = recorder.path().expect("a call was recorded");
    let mode = std::fs::metadata(&path)
        .expect("as the test has it")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner alone");
    (
        answered,
        std::fs::read_to_string(path).expect("as the test has it"),
    )
}

type Answered = Result<ChatReply, ChatError>;

fn replayed(recording: &str, request: &ChatRequest) -> (Vec<Event>, Answered) {
    let provider = Provider::Scripted(Script::parse(recording).expect("a recording is a script"));
    let mut heard = Vec::new();
    let mut listener = |event: &Event| heard.push(event.clone());
    let answered = chat_heard(&provider, request, &|| false, &mut listener);
    (heard, answered)
}

/// What a reply says, without who said it and how long it took.
fn said(answered: &Answered) -> Result<ChatReply, (ErrorClass, String, String)> {
    match answered {
        Ok(reply) => Ok(ChatReply {
            mode: Mode::Real,
            latency_ms: 0,
            ..reply.clone()
        }),
        Err(e) => Err((e.class, e.message.clone(), e.partial.clone())),
    }
}

fn openai(answers: impl IntoIterator<Item = openai::Answer>) -> (OpenaiTwin, Provider) {
    let twin = OpenaiTwin::start(openai::Behaviour {
        key: Some(KEY.to_owned()),
        ..openai::Behaviour::in_order(answers)
    });
    let host = OpenaiHost::parse(&twin.url()).expect("as the test has it");
    let key = Secret::parse(KEY).expect("as the test has it");
    (twin, Provider::Openai(host.with_key(key)))
}

#[test]
fn every_dialect_is_played_again_with_the_same_words_calls_and_counts() {
    let ollama = OllamaTwin::start(Behaviour::in_order([
        Answer::text("one two"),
        Answer::calls(&[("write", json!({"path": "a", "content": "é\n"}))]),
    ]));
    let (_llama, llama) = openai([
        openai::Answer::Reasoned("hm".to_owned(), "one two".to_owned()),
        openai::Answer::calls(&[("read", json!({"path": "a"}))]).but(Vice::SingleBytes),
    ]);
    let claude = AnthropicTwin::start(anthropic::Behaviour::in_order([
        anthropic::Answer::text("one two"),
        anthropic::Answer::calls("I read.", &[("read", json!({"path": "a"}))]),
    ]));
    let key = Secret::parse(KEY).unwrap();
    let anthropic = AnthropicHost::parse(&claude.url()).unwrap().with_key(key);
    for provider in [
        Provider::Ollama(at(&ollama)),
        llama,
        Provider::Anthropic(anthropic),
    ] {
        let requests = [request(), with_tools()];
        let (answered, recording) = recorded(&provider, &requests);
        assert!(!recording.contains(KEY));
        for (request, answered) in requests.iter().zip(&answered) {
            assert!(answered.is_ok(), "{answered:?}");
            let (heard, again) = replayed(&recording, request);
            assert_eq!(said(&again), said(answered));
            let reply = again.unwrap();
            assert_eq!(reply.mode, Mode::Simulated);
            assert!(heard.contains(&Event::Usage(reply.usage)), "{heard:?}");
            assert_eq!(heard.last(), Some(&Event::Done(Finish::Stop)));
        }
    }
}

#[test]
fn what_went_wrong_goes_wrong_again_and_what_was_waited_for_is_not() {
    let words = || openai::Answer::text("one two three");
    let busy = || openai::Answer::error(503, "unavailable_error", "Loading model");
    for (answers, class) in [
        (vec![busy(), words()], None),
        (vec![words().but(Vice::Breaks)], Some(ErrorClass::Cut)),
        (
            vec![words().but(Vice::Hangs)],
            Some(ErrorClass::Unreachable),
        ),
        (
            vec![words().but(Vice::Ends("content_filter".to_owned()))],
            Some(ErrorClass::Filtered),
        ),
        (
            vec![openai::Answer::error(
                400,
                "exceed_context_size_error",
                "too long",
            )],
            Some(ErrorClass::ContextTooLong),
        ),
        (vec![words().but(Vice::Page)], Some(ErrorClass::Malformed)),
    ] {
        let (_twin, provider) = openai(answers);
        let (answered, recording) = recorded(&provider, &[request()]);
        let before = answered[0].as_ref().err();
        assert_eq!(before.map(|e| e.class), class, "{answered:?}");
        let (_, again) = replayed(&recording, &request());
        assert_eq!(said(&again), said(&answered[0]));
        if let (Some(before), Err(again)) = (before, again) {
            assert_eq!(again.spent, before.spent, "{again}");
        }
    }
}

#[test]
fn an_answer_that_was_asked_for_twice_is_played_twice() {
    let value = "one\n</function>\ntwo";
    let call = format!(
        "<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=content>\n{value}\n</parameter>\n</function>"
    );
    // A host that knows no tools is asked for them in text, which the recording knows.
    let no_tools = openai::Answer::error(500, "server_error", "tools param requires --jinja flag");
    let (_twin, provider) = openai([
        no_tools,
        openai::Answer::text(&call),
        openai::Answer::text(&call),
    ]);
    let (answered, recording) = recorded(&provider, &[with_tools(), with_tools()]);
    assert_eq!(answered[0].as_ref().unwrap_err().class, ErrorClass::NoTools);
    let reply = answered[1].as_ref().unwrap();
    assert_eq!(call_of(reply), json!({"path": "a", "content": value}));
    let script = Provider::Scripted(Script::parse(&recording).unwrap());
    let first = chat(&script, &with_tools(), &|| false);
    assert_eq!(first.unwrap_err().class, ErrorClass::NoTools);
    let second = chat(&script, &with_tools(), &|| false);
    assert_eq!(said(&second), said(&answered[1]));
}

fn call_of(reply: &ChatReply) -> Value {
    Value::Object(reply.calls[0].arguments.clone())
}

#[test]
fn a_key_that_a_server_writes_into_its_answer_is_on_no_disk() {
    let echo = format!("your key is {KEY} and that");
    let (twin, provider) = openai([
        openai::Answer::text(&echo).but(Vice::SingleBytes),
        openai::Answer::text("").but(Vice::Echoes),
        openai::Answer::calls(&[("read", json!({"path": KEY}))]),
    ]);
    let mut told = request();
    told.messages.push(Message::User {
        text: format!("is it {KEY}?"),
    });
    let (answered, recording) = recorded(&provider, &[told.clone(), request(), with_tools()]);
    assert!(twin.requests().iter().all(|seen| {
        let sent = seen.headers.get("authorization");
        sent.is_some_and(|sent| sent.ends_with(KEY))
    }));
    assert!(!recording.contains(KEY), "{recording}");
    assert_eq!(recording.matches("[key]").count().min(4), 4, "{recording}");
    let tape = Tape::parse(&recording).unwrap();
    assert!(tape.calls()[0].tries[0].is_rewritten);
    let (_, again) = replayed(&recording, &with_tools());
    assert_eq!(said(&again), said(&answered[2]));
    assert_eq!(call_of(&again.unwrap()), json!({"path": "[key]"}));
}

#[test]
fn another_request_fails_with_the_difference() {
    let (_twin, provider) = openai([openai::Answer::text("one")]);
    let (_, recording) = recorded(&provider, &[request()]);
    let mut other = request();
    other.messages[1] = Message::User {
        text: "Look at the door.".to_owned(),
    };
    let (_, again) = replayed(&recording, &other);
    let error = again.unwrap_err();
    assert_eq!(error.class, ErrorClass::ScriptExhausted);
    let words = error.to_string();
    for part in [
        "request.messages[1].text",
        "Look at the file.",
        "Look at the door.",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[test]
fn a_recording_has_a_bound_and_what_a_person_ended_is_not_in_it() {
    let (_twin, provider) = openai([
        openai::Answer::text("one"),
        openai::Answer::text("two"),
        openai::Answer::text("three").but(Vice::Stalls),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(&dir.path().join("new")).unwrap();
    let asks = |cancel: &dyn Fn() -> bool, recorder: &Recorder| {
        chat_recorded(&provider, &request(), cancel, &mut |_| (), recorder, &|| 77)
    };
    assert!(asks(&|| false, &recorder).is_ok());
    let path = recorder.path().unwrap();
    let one = std::fs::metadata(&path).unwrap().len();
    let small = Recorder::new(&dir.path().join("small"))
        .unwrap()
        .bounded(100);
    assert!(
        asks(&|| false, &small).is_ok(),
        "the call is made all the same"
    );
    let full = small.path().unwrap();
    let text = std::fs::read_to_string(full).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let looks = Cell::new(0);
    let cancel = || looks.replace(looks.get() + 1) > 3;
    assert_eq!(
        asks(&cancel, &recorder).unwrap_err().class,
        ErrorClass::Cancelled
    );
    assert_eq!(std::fs::metadata(&path).unwrap().len(), one);
}

/// What was recorded of a server can be served again, to any client, in its own time.
#[test]
fn a_twin_can_serve_a_recording() {
    let (_twin, provider) = openai([openai::Answer::text("one two three")]);
    let (answered, recording) = recorded(&provider, &[request()]);
    let tape = Tape::parse(&recording).unwrap();
    let tries = tape.calls().iter().flat_map(|call| &call.tries);
    let mut last = 0;
    for chunk in tries.clone().flat_map(|one| &one.chunks) {
        assert!(chunk.us >= last, "chunks come one after another");
        last = chunk.us;
    }
    let played = tries.map(|one| Played {
        status: one.status.expect("it answered"),
        chunks: one
            .chunks
            .iter()
            .map(|c| (Duration::from_micros(c.us), c.bytes().unwrap()))
            .collect(),
        breaks: one.failed.is_some(),
    });
    let twin = PlayedTwin::start(played);
    let host = Provider::Openai(OpenaiHost::parse(&twin.url()).unwrap());
    let again = chat(&host, &request(), &|| false);
    assert_eq!(said(&again), said(&answered[0]));
    assert_eq!(again.unwrap().mode, Mode::Real);
    assert_eq!(twin.requests().len(), 1);
}
