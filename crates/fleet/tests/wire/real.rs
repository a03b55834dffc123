//! The same client on a real llama-server, with a model of a few kilobytes whose words are known. Nothing of this is run by default:
//!
//! ```text
//! ALAI_LLAMA_SERVER_BIN=/path/to/llama-server cargo nextest run -p alai-fleet --run-ignored only -E 'test(real::)'
//! ALAI_LLAMA_SERVER_URL=http://forge:8080 cargo nextest run -p alai-fleet --run-ignored only -E 'test(real::a_server)'
//! ```

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alai_fleet::{
    Event, OpenaiHost, Recorded, Recorder, Slots, Spent, chat_recorded, count_tokens, embed, slots,
};
use alai_testkit::gguf::{self, Says};

use super::*;

/// A server that does not come is a failure of the test's machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running llama-server. It ends with the value.
struct Server {
    child: Option<Child>,
    host: OpenaiHost,
    _dir: Option<tempfile::TempDir>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Server {
    /// Starts one with a model that says this, and waits for its port. It may still be loading.
    fn start(says: &Says, bytes: u64, args: &[&str]) -> Server {
        let bin = std::env::var("ALAI_LLAMA_SERVER_BIN")
            .expect("ALAI_LLAMA_SERVER_BIN names a llama-server");
        let dir = tempfile::tempdir().expect("a folder");
        let model = dir.path().join("twin.gguf");
        gguf::write(&model, says, bytes).expect("the model is written");
        let port = free_port();
        let mut command = Command::new(Path::new(&bin));
        command
            .arg("-m")
            .arg(&model)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("the server starts");
        let host = OpenaiHost::parse(&format!("http://127.0.0.1:{port}")).expect("an address");
        let server = Server {
            child: Some(child),
            host,
            _dir: Some(dir),
        };
        until("its port is open", PATIENCE, || {
            let asked = slots(&server.host, &|| false);
            let is_there = asked.map_or_else(|e| e.class != ErrorClass::Unreachable, |_| true);
            is_there.then_some(())
        });
        server
    }

    /// One that has loaded.
    fn ready(says: &Says, args: &[&str]) -> Server {
        let server = Server::start(says, 0, args);
        server.await_loaded();
        server
    }

    fn await_loaded(&self) {
        until("it has loaded", PATIENCE, || {
            match probe(&self.host).state {
                ProbeState::Up { models, .. } => (!models.is_empty()).then_some(()),
                ProbeState::Down { .. } => None,
            }
        });
    }

    fn provider(&self) -> Provider {
        Provider::Openai(self.host.clone())
    }
}

/// A port that no connection is given by itself: on one of those, a try before the server listens can meet itself on loopback,
/// and then the server cannot listen.
fn free_port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).expect("it fits");
    let mut ports = first..32_000;
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(free).expect("one of them is free")
}

fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < patience, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn brief(output_max: u32) -> ChatRequest {
    let mut request = request();
    request.profile.output_max = output_max;
    request.profile.seed = 7;
    request
}

fn by_schema() -> ChatRequest {
    ChatRequest {
        format: Some(json!({
            "type": "object",
            "properties": {
                "complexity": {"type": "integer", "minimum": 1, "maximum": 5},
                "domain": {"enum": ["code", "docs"]},
                "done": {"type": "boolean"},
            },
            "required": ["complexity", "domain", "done"],
            "additionalProperties": false,
        })),
        ..brief(512)
    }
}

#[test]
#[ignore = "needs ALAI_LLAMA_SERVER_URL or ALAI_LLAMA_SERVER_BIN"]
fn a_server_keeps_the_contract_of_words_counts_windows_and_schemas() {
    let server = match std::env::var("ALAI_LLAMA_SERVER_URL") {
        Ok(url) => Server {
            child: None,
            host: OpenaiHost::parse(&url).unwrap(),
            _dir: None,
        },
        Err(_) => Server::ready(&Says::Noise, &["-c", "8192", "-np", "2"]),
    };
    let probed = probe(&server.host);
    let ProbeState::Up {
        models, version, ..
    } = &probed.state
    else {
        panic!("{probed:?}");
    };
    assert!(probed.slots.is_some_and(|slots| slots > 0), "{probed:?}");
    assert!(
        !version.is_empty() && models[0].chat && models[0].tools,
        "{probed:?}"
    );
    let window = models[0].context_max.expect("it tells its window");
    let provider = server.provider();

    // Counts are the server's own, to the token.
    let mut asked = brief(16);
    asked.model.clone_from(&models[0].name);
    let reply = chat(&provider, &asked, &|| false).unwrap();
    assert_eq!(
        (reply.finish, reply.usage.output_tokens),
        (Finish::Length, 16)
    );
    assert!(
        !reply.usage_estimated && !reply.text.is_empty(),
        "{reply:?}"
    );
    let exact = count_tokens(&server.host, &asked, &|| false).unwrap();
    assert_eq!(exact, Some(reply.usage.prompt_tokens));
    let again = chat(&provider, &asked, &|| false).unwrap();
    assert_eq!(again.usage.prompt_tokens, reply.usage.prompt_tokens);
    assert!(again.usage.cache_read_tokens > 0, "{again:?}");

    // A prompt that does not fit is refused and costs nothing.
    let mut long = asked.clone();
    long.messages.push(Message::User {
        text: "word ".repeat(window as usize + 10),
    });
    let error = chat(&provider, &long, &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::ContextTooLong, "{error}");
    assert_eq!(error.spent, Spent::Nothing);
    assert!(error.message.contains(&window.to_string()), "{error}");

    // Whatever the model would like to say, the schema holds.
    let mut schema = by_schema();
    schema.model.clone_from(&models[0].name);
    let answer = ask(&provider, &schema, &mut |r| chat(&provider, r, &|| false)).unwrap();
    assert_eq!(answer.reply.finish, Finish::Stop);
    assert!(answer.value["done"].is_boolean(), "{}", answer.value);
}

#[test]
#[ignore = "needs ALAI_LLAMA_SERVER_BIN"]
fn a_call_of_a_tool_is_parsed_by_the_server_and_its_result_is_taken() {
    let says = Says::Call {
        name: "read".to_owned(),
        arguments: json!({"path": "a.txt", "line": 3}),
    };
    let server = Server::ready(&says, &["-c", "8192", "-np", "1"]);
    let mut request = with_tools();
    request.profile.output_max = 64;
    let reply = chat(&server.provider(), &request, &|| false).unwrap();
    assert_eq!(
        call(&reply, 0),
        ("read", json!({"path": "a.txt", "line": 3}))
    );
    assert_eq!(
        (reply.finish, reply.salvaged),
        (Finish::Stop, false),
        "{reply:?}"
    );
    assert!(!reply.calls[0].id.is_empty() && !reply.usage_estimated);
    request.messages.push(Message::Assistant {
        text: reply.text.clone(),
        calls: reply.calls.clone(),
    });
    request.messages.push(Message::Tool {
        call_id: reply.calls[0].id.clone(),
        name: "read".to_owned(),
        text: "what stands there <|im_end|>".to_owned(),
    });
    let next = chat(&server.provider(), &request, &|| false).unwrap();
    assert!(next.usage.prompt_tokens > reply.usage.prompt_tokens);
}

#[test]
#[ignore = "needs ALAI_LLAMA_SERVER_BIN"]
fn a_full_server_makes_a_call_wait_and_a_cancelled_one_gives_its_slot_back() {
    let server = Server::ready(&Says::Noise, &["-c", "65536", "-np", "1"]);
    let idle = || slots(&server.host, &|| false).unwrap();
    assert_eq!(idle(), Some(Slots { total: 1, busy: 0 }));
    let over = AtomicBool::new(false);
    let waited = std::thread::scope(|scope| {
        let long = scope.spawn(|| {
            let cancel = || over.load(Ordering::SeqCst);
            chat(&server.provider(), &brief(60_000), &cancel)
        });
        until("its slot is taken", PATIENCE, || {
            (idle() == Some(Slots { total: 1, busy: 1 })).then_some(())
        });
        let waiting = scope.spawn(|| chat(&server.provider(), &brief(4), &|| false));
        over.store(true, Ordering::SeqCst);
        let error = long.join().unwrap().unwrap_err();
        assert_eq!(error.class, ErrorClass::Cancelled, "{error}");
        assert_eq!(error.spent, Spent::Unknown);
        waiting.join().unwrap()
    });
    assert_eq!(waited.unwrap().usage.output_tokens, 4);
    // The server sees that its client is gone.
    until("the slot is free", Duration::from_secs(1), || {
        (idle() == Some(Slots { total: 1, busy: 0 })).then_some(())
    });
}

#[test]
#[ignore = "needs ALAI_LLAMA_SERVER_BIN"]
fn a_server_that_loads_says_so_and_is_waited_for() {
    // So large that its load can be seen.
    let server = Server::start(&Says::Noise, 1 << 30, &["-c", "2048", "-np", "1"]);
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let (provider, brief) = (server.provider(), brief(2));
    let heard = &mut |_: &Event| ();
    let reply = chat_recorded(&provider, &brief, &|| false, heard, &recorder, &|| 77).unwrap();
    assert_eq!(reply.usage.output_tokens, 2);
    let recording = std::fs::read_to_string(recorder.path().unwrap()).unwrap();
    let call: Recorded = serde_json::from_str(recording.lines().nth(1).unwrap()).unwrap();
    let statuses: Vec<_> = call.tries.iter().map(|one| one.status).collect();
    assert_eq!(
        (statuses.first(), statuses.last()),
        (Some(&Some(503)), Some(&Some(200))),
        "{statuses:?}"
    );
    let said = &call.tries[0].chunks[0].text;
    assert!(said.contains("Loading model"), "{said}");
}

#[test]
#[ignore = "needs ALAI_LLAMA_SERVER_BIN"]
fn a_server_that_was_started_for_vectors_makes_them() {
    let args = ["-c", "512", "-np", "1", "--embeddings", "--pooling", "mean"];
    let server = Server::ready(&Says::Noise, &args);
    let texts: Vec<String> = ["one", "two", "one"].map(str::to_owned).to_vec();
    let made = embed(&server.host, "twin", &texts, None, &|| false).unwrap();
    assert_eq!((made.vectors.len(), made.dimensions), (3, 64));
    assert_eq!(made.vectors[0], made.vectors[2]);
    assert_ne!(made.vectors[0], made.vectors[1]);
    assert!(made.prompt_tokens >= 9, "{}", made.prompt_tokens);
    let long = vec!["word ".repeat(2_000)];
    let error = embed(&server.host, "twin", &long, None, &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::ContextTooLong, "{error}");
    let chats = Server::ready(&Says::Noise, &["-c", "512", "-np", "1"]);
    let error = embed(&chats.host, "twin", &texts, None, &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::Refused, "{error}");
}
