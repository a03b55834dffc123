//! Texts as vectors, by Ollama's `/api/embed` or OpenAI's `/v1/embeddings`. A text that does not fit its model is an error and never
//! cut: half of a text would be found under the other half's name.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::call;
use crate::chat::Profile;
use crate::dialect::HostRef;
use crate::error::{ChatError, ErrorClass, Fault, Server};
use crate::ollama::body::KEEP_ALIVE;
use crate::probe::hello;
use crate::provider::Provider;
use crate::script::{self, Script};
use crate::tape::{
    AskedVectors, RecordedVectors, Recorder, VectorsKept, Wire, play_vectors, shell_of,
};
use crate::wait::{Patience, dice};
use crate::wire::{self, Failure, Watch};

/// Texts of one request: a server works on them one after another, and holds the connection for all of them.
const BATCH: usize = 64;
/// Texts of one question; more is a whole store, which its owner cuts into parts that survive a restart.
pub const INPUTS_MAX: usize = 4_096;
/// No model makes longer vectors; the longest in use have 4,096 numbers, and some servers add up several.
const DIMENSIONS_MAX: usize = 16_384;
/// Bytes of one answer: a full batch of the longest vectors, each number in 20 letters.
const BYTES_MAX: usize = BATCH * DIMENSIONS_MAX * 20;
/// All of it, a load included, which alone may take minutes.
const WHOLE: Duration = Duration::from_secs(600);

/// The vectors of some texts, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    pub vectors: Vec<Vec<f32>>,
    /// Numbers of each vector.
    pub dimensions: usize,
    /// Tokens that the server read, where it counts; else 0.
    pub prompt_tokens: u64,
    pub latency_ms: i64,
}

/// Asks for the vectors of texts, in as many requests as that takes; while the host is busy or loading, it waits. All vectors have
/// the same length, which is `dimensions` where that is given: a store holds those of one model alone.
///
/// # Errors
/// `ChatError` with an exact class: `ContextTooLong` for a text that does not fit, `Malformed` for vectors that are none, `BadRequest`
/// without texts, with too many, or on a host that makes no vectors.
///
/// # Panics
/// Inside a tokio runtime: it runs its own on the calling thread.
pub fn embed<'h>(
    host: impl Into<HostRef<'h>>,
    model: &str,
    texts: &[String],
    dimensions: Option<usize>,
    cancel: &dyn Fn() -> bool,
) -> Result<Embedded, ChatError> {
    let question = Question {
        host: host.into(),
        line: Line::Network,
        watch: Watch::new(WHOLE, cancel),
        kept: RefCell::default(),
    };
    made(&question, model, texts, dimensions)
}

/// The same of whoever answers: a host, whose answers are written into the recording where there is one, or a recording.
///
/// # Errors
/// As [`embed`]; `ScriptExhausted` where a recording has no such vectors, with what differs.
///
/// # Panics
/// As [`embed`].
pub fn embed_by(
    provider: &Provider,
    recorder: Option<(&Recorder, &dyn Fn() -> i64)>,
    model: &str,
    texts: &[String],
    dimensions: Option<usize>,
    cancel: &dyn Fn() -> bool,
) -> Result<Embedded, ChatError> {
    let asked = AskedVectors {
        model: model.to_owned(),
        texts: texts.to_vec(),
        dimensions,
    };
    let host: HostRef<'_> = match provider {
        Provider::Ollama(host) => host.into(),
        Provider::Openai(host) => host.into(),
        Provider::Anthropic(host) => host.into(),
        Provider::Scripted(script) => return played(script, &asked, cancel),
        Provider::Agent(agent) => {
            let why = format!("{agent} is a program that does whole steps, and makes no vectors");
            return Err(nobody(provider.host(), ErrorClass::BadRequest, model, why));
        }
    };
    let question = Question {
        host,
        line: Line::Network,
        watch: Watch::new(WHOLE, cancel),
        kept: RefCell::new(recorder.map(|_| VectorsKept::default())),
    };
    let made = made(&question, model, texts, dimensions);
    if let (Some((recorder, now_ms)), Some(kept)) = (recorder, question.kept.take()) {
        recorder.record_vectors(host, asked, kept, &made, now_ms());
    }
    made
}

/// Plays recorded vectors: all of what a question does but the network and its waits.
fn played(
    script: &Script,
    asked: &AskedVectors,
    cancel: &dyn Fn() -> bool,
) -> Result<Embedded, ChatError> {
    let refused = |class, why| nobody(script::HOST.to_owned(), class, &asked.model, why);
    if cancel() {
        let why = "the call was cancelled before it began".to_owned();
        return Err(refused(ErrorClass::Cancelled, why));
    }
    let found = script.vectors(asked);
    let call = found.map_err(|why| refused(ErrorClass::ScriptExhausted, why))?;
    let first = call.answers.first().map(|first| first.wire);
    let shell = shell_of(first.unwrap_or(Wire::Ollama));
    let question = Question {
        host: (&shell).into(),
        line: Line::Tape(call, Cell::new(0)),
        watch: Watch::new(WHOLE, cancel),
        kept: RefCell::default(),
    };
    match made(&question, &asked.model, &asked.texts, asked.dimensions) {
        Ok(made) => Ok(Embedded {
            latency_ms: call.latency_ms,
            ..made
        }),
        Err(error) => Err(ChatError {
            server: Server::Script,
            host: script::HOST.to_owned(),
            ..error
        }),
    }
}

fn nobody(host: String, class: ErrorClass, model: &str, message: String) -> ChatError {
    ChatError {
        class,
        server: Server::Script,
        host,
        model: model.to_owned(),
        message,
        partial: String::new(),
        spent: class.usually_spent(),
    }
}

/// One question as it is under way.
struct Question<'q> {
    host: HostRef<'q>,
    line: Line<'q>,
    watch: Watch<'q>,
    /// What came, for a recording.
    kept: RefCell<Option<VectorsKept>>,
}

/// Where the answers come from.
enum Line<'l> {
    Network,
    /// A recording, and how many of its answers were played.
    Tape(&'l RecordedVectors, Cell<usize>),
}

fn made(
    question: &Question<'_>,
    model: &str,
    texts: &[String],
    dimensions: Option<usize>,
) -> Result<Embedded, ChatError> {
    let host = question.host;
    let begun = Instant::now();
    let all = wire::block_on(all(question, model, texts, dimensions));
    let (vectors, prompt_tokens) = all.and_then(|made| made).map_err(|fault| {
        let request = hello(model, &Profile::default());
        ChatError {
            spent: fault.class.usually_spent(),
            ..call::failed(host, &request, fault, "")
        }
    })?;
    Ok(Embedded {
        dimensions: vectors.first().map_or(0, Vec::len),
        vectors,
        prompt_tokens,
        latency_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
    })
}

async fn all(
    question: &Question<'_>,
    model: &str,
    texts: &[String],
    dimensions: Option<usize>,
) -> Result<(Vec<Vec<f32>>, u64), Fault> {
    let refuse = |why: String| Err(Fault::new(ErrorClass::BadRequest, why));
    if texts.is_empty() || texts.len() > INPUTS_MAX {
        return refuse(format!(
            "{} texts; 1 to {INPUTS_MAX} can be asked for",
            texts.len()
        ));
    }
    if texts.iter().any(|text| text.trim().is_empty()) {
        return refuse("a text is empty, which has no vector".to_owned());
    }
    let mut vectors: Vec<Vec<f32>> = Vec::new();
    let mut tokens = 0_u64;
    for batch in texts.chunks(BATCH) {
        let answer = asked(question, model, batch).await?;
        let (made, read) = read(question.host, &answer)?;
        if made.len() != batch.len() {
            return Err(malformed(format!(
                "{} vectors came for {} texts",
                made.len(),
                batch.len()
            )));
        }
        tokens = tokens.saturating_add(read);
        vectors.extend(made);
    }
    let want = dimensions.or(vectors.first().map(Vec::len)).unwrap_or(0);
    match vectors.iter().find(|vector| vector.len() != want) {
        Some(odd) => Err(malformed(format!(
            "a vector has {} numbers in place of {want}",
            odd.len()
        ))),
        None => Ok((vectors, tokens)),
    }
}

/// One request, as often as the host says that it is busy or loading.
async fn asked(question: &Question<'_>, model: &str, texts: &[String]) -> Result<Value, Fault> {
    let (host, watch) = (question.host, &question.watch);
    let (url, body) = match host {
        HostRef::Ollama(host) => {
            let body = json!({"model": model, "input": texts, "truncate": false, "keep_alive": KEEP_ALIVE});
            (host.route("api/embed"), body)
        }
        HostRef::Openai(host) => {
            let body = json!({"model": model, "input": texts, "encoding_format": "float"});
            (host.base().route("v1/embeddings"), body)
        }
        HostRef::Anthropic(_) => {
            let why = "this host's protocol has no vectors";
            return Err(Fault::new(ErrorClass::BadRequest, why));
        }
    };
    let client = wire::client(host)?;
    let body = body.to_string().into_bytes();
    let mut patience = Patience::new(None);
    loop {
        let got = match &question.line {
            Line::Network => wire::fetch(&client, &url, Some(body.clone()), watch, BYTES_MAX).await,
            Line::Tape(call, played) => play_vectors(call, played),
        };
        if let Some(kept) = question.kept.borrow_mut().as_mut() {
            kept.came(host, &got);
        }
        let (fault, asked_s) = match got {
            Ok(answer) => return Ok(answer),
            Err(Failure::Fault(fault)) => return Err(fault),
            Err(Failure::Refused(refusal)) => (host.classify(&refusal), refusal.retry_after_s),
        };
        if !fault.class.is_wait() {
            return Err(fault);
        }
        let (now, left) = (watch.elapsed(), watch.left());
        let Some(wait) = patience.next(fault.class, asked_s, now, left, dice()) else {
            return Err(fault);
        };
        if let Line::Network = question.line {
            watch.sleep(wait).await?;
        }
    }
}

/// The vectors of one answer in the order of its texts, and the tokens that were read.
fn read(host: HostRef<'_>, answer: &Value) -> Result<(Vec<Vec<f32>>, u64), Fault> {
    let none = || malformed("the answer holds no vectors".to_owned());
    let count = |value: Option<&Value>| value.and_then(Value::as_u64).unwrap_or(0);
    match host {
        HostRef::Ollama(_) => {
            let all = answer.get("embeddings").and_then(Value::as_array);
            let vectors = all.ok_or_else(none)?.iter().map(vector);
            Ok((
                vectors.collect::<Result<_, _>>()?,
                count(answer.get("prompt_eval_count")),
            ))
        }
        HostRef::Openai(_) | HostRef::Anthropic(_) => {
            let data = answer.get("data").and_then(Value::as_array);
            let mut placed: Vec<(u64, Vec<f32>)> = Vec::new();
            for (n, entry) in (0..).zip(data.ok_or_else(none)?) {
                let place = entry.get("index").and_then(Value::as_u64).unwrap_or(n);
                let made = vector(entry.get("embedding").unwrap_or(&Value::Null))?;
                placed.push((place, made));
            }
            // They may come in any order.
            placed.sort_by_key(|(place, _)| *place);
            let in_order = (0..).zip(&placed).all(|(n, (place, _))| n == *place);
            if !in_order {
                return Err(malformed(
                    "the vectors' numbers are not those of the texts".to_owned(),
                ));
            }
            let tokens = answer
                .get("usage")
                .and_then(|usage| usage.get("prompt_tokens"));
            let vectors = placed.into_iter().map(|(_, vector)| vector);
            Ok((vectors.collect(), count(tokens)))
        }
    }
}

fn vector(value: &Value) -> Result<Vec<f32>, Fault> {
    let numbers = value.as_array().map(Vec::as_slice).unwrap_or_default();
    if numbers.is_empty() || numbers.len() > DIMENSIONS_MAX {
        let many = numbers.len();
        return Err(malformed(format!(
            "a vector has {many} numbers; 1 to {DIMENSIONS_MAX} make sense"
        )));
    }
    let mut made = Vec::with_capacity(numbers.len());
    for number in numbers {
        #[allow(clippy::cast_possible_truncation)] // a vector's numbers have single precision
        let number = number.as_f64().map(|number| number as f32);
        match number.filter(|number| number.is_finite()) {
            Some(number) => made.push(number),
            None => return Err(malformed("a vector holds what is no number".to_owned())),
        }
    }
    match made.iter().all(|number| *number == 0.0) {
        true => Err(malformed("a vector has no length".to_owned())),
        false => Ok(made),
    }
}

/// For the fuzz target: what is read of any answer are vectors with a length, of numbers.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn judge(answer: &Value) {
    let (ollama, openai) = (
        crate::host::OllamaHost::default(),
        crate::openai::OpenaiHost::parse("http://h:1").expect("an address"),
    );
    for host in [HostRef::Ollama(&ollama), HostRef::Openai(&openai)] {
        let Ok((vectors, _tokens)) = read(host, answer) else {
            continue;
        };
        for vector in vectors {
            assert!(vector.len() <= DIMENSIONS_MAX, "{} numbers", vector.len());
            assert!(vector.iter().all(|number| number.is_finite()), "{answer}");
            assert!(vector.iter().any(|number| *number != 0.0), "{answer}");
        }
    }
}

fn malformed(why: String) -> Fault {
    Fault::new(ErrorClass::Malformed, why)
}
