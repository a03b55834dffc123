//! Texts as vectors: batches, lengths, and every way in which what comes is none.

use std::time::Duration;

use alai_fleet::{AnthropicHost, Embedded, Host, OpenaiHost, embed};
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
