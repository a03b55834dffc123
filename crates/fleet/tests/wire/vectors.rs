//! Texts as vectors: batches, lengths, and every way in which what comes is none.

use std::time::Duration;

use alai_fleet::{
    AnthropicHost, Embedded, Host, OpenaiHost, Recorder, Script, Secret, embed, embed_by,
};
use alai_testkit::openai::{self, OpenaiTwin};
use alai_testkit::played::{Played, PlayedTwin};
use alai_testkit::vectors;

use super::*;

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("text number {n}")).collect()
}

fn ollama() -> OllamaTwin {
    let model = TwinModel::new("bge", 0.5).only(&["embedding"]);
    let chats = TwinModel::new("small", 8.0);
    OllamaTwin::start(Behaviour::in_order([]).models([model, chats]))
}

fn llama(loading: usize) -> OpenaiTwin {
    OpenaiTwin::start(openai::Behaviour {
        embeds: true,
        loading,
        ..openai::Behaviour::in_order([])
    })
}

fn asks(host: &Host, texts: &[String], dimensions: Option<usize>) -> Result<Embedded, ChatError> {
    embed(host, "bge", texts, dimensions, &|| false)
}

fn of(url: &str) -> Host {
    Host::Openai(OpenaiHost::parse(url).expect("an address"))
}

#[test]
fn texts_come_as_vectors_in_their_order_whatever_the_size_of_a_batch() {
    let (ollama, llama) = (ollama(), llama(0));
    for host in [Host::Ollama(at(&ollama)), of(&llama.url())] {
        let texts = texts(130);
        let made = asks(&host, &texts, Some(vectors::DIMENSIONS)).unwrap();
        let want: Vec<Vec<f32>> = texts.iter().map(|text| vectors::of(text)).collect();
        assert_eq!(made.dimensions, vectors::DIMENSIONS);
        assert!(made.prompt_tokens > 130, "{}", made.prompt_tokens);
        assert_eq!(made.vectors.len(), want.len());
        for (made, want) in made.vectors.iter().flatten().zip(want.iter().flatten()) {
            assert!((made - want).abs() < 1e-6);
        }
    }
    let (one, other) = (ollama.requests().len(), llama.requests().len());
    assert_eq!((one, other), (3, 3), "64 texts a request");
    let sent = &ollama.requests()[0].body;
    assert_eq!(
        (&sent["truncate"], &sent["model"]),
        (&json!(false), &json!("bge"))
    );
}

#[test]
fn a_text_that_does_not_fit_is_an_error_and_a_load_is_waited_for() {
    let (ollama, llama) = (ollama(), llama(2));
    let long = vec!["long ".repeat(50_000)];
    for host in [Host::Ollama(at(&ollama)), of(&llama.url())] {
        assert!(asks(&host, &texts(1), None).is_ok());
        let error = asks(&host, &long, None).unwrap_err();
        assert_eq!(error.class, ErrorClass::ContextTooLong, "{error}");
    }
    let llama = Host::Ollama(at(&ollama));
    let error = embed(&llama, "gone", &texts(1), None, &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::ModelMissing);
    let error = embed(&llama, "small", &texts(1), None, &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::BadRequest, "{error}");
}

#[test]
fn what_can_make_no_vectors_says_so() {
    let chats = OpenaiTwin::start(openai::Behaviour::in_order([]));
    let error = asks(&of(&chats.url()), &texts(1), None).unwrap_err();
    assert_eq!(error.class, ErrorClass::Refused, "{error}");
    assert!(error.message.contains("--embeddings"), "{error}");
    let anthropic = Host::Anthropic(AnthropicHost::parse("https://127.0.0.1").unwrap());
    for (host, texts) in [
        (&anthropic, texts(1)),
        (&of(&chats.url()), Vec::new()),
        (&of(&chats.url()), texts(alai_fleet::embed::INPUTS_MAX + 1)),
        (&of(&chats.url()), vec![" \n".to_owned()]),
    ] {
        let error = asks(host, &texts, None).unwrap_err();
        assert_eq!(error.class, ErrorClass::BadRequest, "{error}");
    }
    let (ollama, cancelled) = (ollama(), || true);
    let error = embed(&at(&ollama), "bge", &texts(1), None, &cancelled).unwrap_err();
    assert_eq!(error.class, ErrorClass::Cancelled);
}

#[test]
fn vectors_that_are_none_are_malformed() {
    let entry = |n: u64, vector: Value| json!({"index": n, "embedding": vector});
    for (data, says) in [
        (
            json!([entry(0, json!([1.0]))]),
            "1 vectors came for 2 texts",
        ),
        (
            json!([entry(0, json!([1.0])), entry(1, json!([1.0, 2.0]))]),
            "in place of",
        ),
        (
            json!([entry(0, json!([1.0])), entry(2, json!([1.0]))]),
            "not those of the texts",
        ),
        (
            json!([entry(0, json!([1.0])), entry(1, json!([null]))]),
            "no number",
        ),
        (
            json!([entry(0, json!([1e300])), entry(1, json!([1.0]))]),
            "no number",
        ),
        (
            json!([entry(0, json!([0.0])), entry(1, json!([1.0]))]),
            "no length",
        ),
        (
            json!([entry(0, json!([])), entry(1, json!([1.0]))]),
            "0 numbers",
        ),
        (json!("none"), "no vectors"),
    ] {
        let body = json!({"data": data}).to_string().into_bytes();
        let twin = PlayedTwin::start([Played {
            status: 200,
            chunks: vec![(Duration::ZERO, body)],
            breaks: false,
        }]);
        let error = asks(&of(&twin.url()), &texts(2), None).unwrap_err();
        assert_eq!(error.class, ErrorClass::Malformed, "{data}: {error}");
        assert!(error.message.contains(says), "{data}: {error}");
    }
    let llama = llama(0);
    let error = asks(&of(&llama.url()), &texts(1), Some(1_024)).unwrap_err();
    assert!(
        error.message.contains("8 numbers in place of 1024"),
        "{error}"
    );
}

/// Asks a host while it is recorded.
fn recorded(provider: &Provider, asked: &[(&str, &[String])]) -> (Vec<Made>, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let recorder = Recorder::new(dir.path()).expect("a folder");
    let now_ms = || 77;
    let made = asked.iter().map(|(model, texts)| {
        embed_by(
            provider,
            Some((&recorder, &now_ms)),
            model,
            texts,
            None,
            &|| false,
        )
    });
    let made = made.collect();
    let path = recorder.path().expect("something was recorded");
    (made, std::fs::read_to_string(path).expect("it is text"))
}

type Made = Result<Embedded, ChatError>;

fn played(recording: &str, model: &str, texts: &[String]) -> Made {
    let script = Provider::Scripted(Script::parse(recording).expect("a recording is a script"));
    embed_by(&script, None, model, texts, None, &|| false)
}

#[test]
fn vectors_are_recorded_and_played_again_without_their_host() {
    let (ollama, llama) = (ollama(), llama(2));
    let key = format!("AKIA{}", "Q7ZP2M4N8R5T6V3X");
    let mut many = texts(70);
    many[3] = format!("the key {key} is here");
    for host in [Host::Ollama(at(&ollama)), of(&llama.url())] {
        let host = Provider::from(host);
        let long = vec!["long ".repeat(50_000)];
        let (made, recording) = recorded(&host, &[("bge", &many), ("bge", &long)]);
        assert!(!recording.contains(&key), "a secret is on the disk");
        let first = made[0].as_ref().expect("vectors");
        let again = played(&recording, "bge", &many).expect("the same vectors");
        assert_eq!(&again, first);
        let (error, again) = (
            made[1].as_ref().unwrap_err(),
            played(&recording, "bge", &long).unwrap_err(),
        );
        assert_eq!(
            (again.class, &again.message),
            (error.class, &error.message),
            "{again}"
        );
        assert_eq!(error.class, ErrorClass::ContextTooLong);
        let mut other = many.clone();
        other[5].push('!');
        let error = played(&recording, "bge", &other).unwrap_err();
        assert_eq!(error.class, ErrorClass::ScriptExhausted);
        assert!(
            error.message.contains("request.texts[5]"),
            "{}",
            error.message
        );
        let error = played(&recording, "other", &many).unwrap_err();
        assert!(error.message.contains("request.model"), "{}", error.message);
        let changed = recording.replace("text number 1\"", "text number 0\"");
        let error = Script::parse(&changed).unwrap_err().to_string();
        assert!(error.contains("hash"), "{error}");
    }
}

/// No word of a server is kept beside its numbers, and its key in none of its refusals.
#[test]
fn nothing_but_numbers_is_kept_of_an_answer() {
    let body = json!({"data": [{"index": 0, "embedding": [0.5, -1e-7], "note": "sk-twin-key"}],
        "model": "sk-twin-key", "usage": {"prompt_tokens": 3, "words": "hush"}});
    let answers = [
        (200, body.to_string()),
        (
            401,
            "{\"error\":{\"message\":\"no sk-twin-key\"}}".to_owned(),
        ),
    ];
    let twin = PlayedTwin::start(answers.map(|(status, body)| Played {
        status,
        chunks: vec![(Duration::ZERO, body.into_bytes())],
        breaks: false,
    }));
    let key = Secret::parse("sk-twin-key").expect("a key");
    let host = OpenaiHost::parse(&twin.url()).unwrap().with_key(key);
    let one = texts(1);
    let (made, recording) = recorded(&Provider::Openai(host), &[("m", &one), ("m", &one)]);
    assert_eq!(made[0].as_ref().unwrap().vectors, [[0.5, -1e-7]]);
    assert_eq!(made[1].as_ref().unwrap_err().class, ErrorClass::Refused);
    for hidden in ["sk-twin-key", "hush"] {
        assert!(!recording.contains(hidden), "{recording}");
    }
    let script = Provider::Scripted(Script::parse(&recording).unwrap());
    let play = || embed_by(&script, None, "m", &one, None, &|| false);
    assert_eq!(play().unwrap().vectors, [[0.5, -1e-7]]);
    for _ in 0..2 {
        assert_eq!(
            play().unwrap_err().class,
            ErrorClass::Refused,
            "the last again"
        );
    }
    let scenes = Script::parse("- turns: [{text: hi}]").unwrap();
    let error = embed_by(&Provider::Scripted(scenes), None, "m", &one, None, &|| {
        false
    });
    assert_eq!(error.unwrap_err().class, ErrorClass::ScriptExhausted);
}
