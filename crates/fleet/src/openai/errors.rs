//! What errors of such servers mean: by status and type where they have one, by their words where they have not.

use serde_json::Value;

use crate::error::{ErrorClass, Fault, quote};
use crate::probe::small;
use crate::wire::Refusal;
use crate::words::{error_of, error_text, is_model_fault, is_too_long, said};

/// The class of an answer that was no success. Types are llama-server's (`format_error_response` in its
/// `server-common.cpp`), phrases its own, vLLM's and LM Studio's.
pub(crate) fn classify(refusal: &Refusal) -> Fault {
    let error = error_of(&refusal.body);
    let text = error
        .as_ref()
        .map(error_text)
        .unwrap_or_else(|| refusal.body.clone());
    let told = Told::of(error.as_ref(), &text);
    let class = match refusal.status {
        400 | 500 if told.too_long => ErrorClass::ContextTooLong,
        400 | 500 | 501 if told.no_tools => ErrorClass::NoTools,
        // A router's word for a name that it does not have.
        400 if told.says("model '") && told.says("not found") => ErrorClass::ModelMissing,
        // A router that loads nothing by itself, asked for what it does not hold.
        400 if told.says("model is not loaded") => ErrorClass::Loading,
        400 => ErrorClass::BadRequest,
        404 if told.says("model") => ErrorClass::ModelMissing,
        429 if told.says("quota") || told.says("billing") => ErrorClass::Refused,
        // 501: this server was not made or not started for it; another one may be.
        300..400 | 401 | 402 | 403 | 404 | 405 | 407 | 501 => ErrorClass::Refused,
        503 if told.says("loading") => ErrorClass::Loading,
        429 | 503 | 529 => ErrorClass::Busy,
        500 if is_model_fault(&text) => ErrorClass::Malformed,
        413 => ErrorClass::ContextTooLong,
        408 | 499 => ErrorClass::ServerFault,
        406..500 => ErrorClass::BadRequest,
        _ => ErrorClass::ServerFault,
    };
    Fault {
        window: told.window,
        ..Fault::new(
            class,
            format!("HTTP {}: {}{}", refusal.status, said(&text), told.counts),
        )
    }
}

/// An error in the middle of an answer.
pub(crate) fn mid_stream(error: &Value) -> Fault {
    let text = error_text(error);
    let told = Told::of(Some(error), &text);
    let status = error.get("code").and_then(Value::as_u64);
    let class = match status {
        _ if told.too_long => ErrorClass::ContextTooLong,
        _ if is_model_fault(&text) => ErrorClass::Malformed,
        Some(503) if told.says("loading") => ErrorClass::Loading,
        Some(429 | 503 | 529) => ErrorClass::Busy,
        Some(_) | None => ErrorClass::MidStream,
    };
    let message = format!(
        "the server reported in the middle of the answer: {}{}",
        quote(&text),
        told.counts
    );
    Fault {
        window: told.window,
        ..Fault::new(class, message)
    }
}

/// What an error tells.
struct Told {
    lower: String,
    too_long: bool,
    no_tools: bool,
    /// The window of the model, in tokens.
    window: Option<u32>,
    /// The same for people, with the prompt's length.
    counts: String,
}

impl Told {
    fn of(error: Option<&Value>, text: &str) -> Told {
        let field = |name: &str| error.and_then(|error| error.get(name));
        let kind = field("type").and_then(Value::as_str).unwrap_or_default();
        let code = field("code").and_then(Value::as_str).unwrap_or_default();
        let lower = text.to_ascii_lowercase();
        let window = field("n_ctx").and_then(small);
        let prompt = field("n_prompt_tokens").and_then(Value::as_u64);
        let counts = match (prompt, window) {
            (Some(prompt), Some(window)) => {
                format!(" (a prompt of {prompt} tokens, a window of {window})")
            }
            (_, _) => String::new(),
        };
        Told {
            too_long: kind == "exceed_context_size_error"
                || code == "context_length_exceeded"
                || is_too_long(text),
            // llama-server without --jinja; vLLM without --enable-auto-tool-choice.
            no_tools: lower.contains("--jinja")
                || lower.contains("tool-call-parser")
                || lower.contains("auto-tool-choice")
                || (lower.contains("does not support") && lower.contains("tool")),
            lower,
            window,
            counts,
        }
    }

    fn says(&self, phrase: &str) -> bool {
        self.lower.contains(phrase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: u16, body: &str) -> Fault {
        classify(&Refusal {
            status,
            body: body.to_owned(),
            retry_after_s: None,
        })
    }

    const CASES: [(u16, &str, ErrorClass); 22] = [
        (
            400,
            r#"{"error":{"code":400,"message":"request (4476 tokens) exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":4476,"n_ctx":4096}}"#,
            ErrorClass::ContextTooLong,
        ),
        (
            500,
            r#"{"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}"#,
            ErrorClass::ContextTooLong,
        ),
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}"#,
            ErrorClass::ContextTooLong,
        ),
        (
            400,
            r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#,
            ErrorClass::ContextTooLong,
        ),
        (413, "", ErrorClass::ContextTooLong),
        (
            400,
            r#"{"error":{"code":400,"message":"number of repetitions exceeds sane defaults","type":"invalid_request_error"}}"#,
            ErrorClass::BadRequest,
        ),
        (
            422,
            r#"{"detail":[{"msg":"field required"}]}"#,
            ErrorClass::BadRequest,
        ),
        (
            500,
            r#"{"error":{"code":500,"message":"tools param requires --jinja flag","type":"server_error"}}"#,
            ErrorClass::NoTools,
        ),
        (
            400,
            r#"{"error":{"message":"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set"}}"#,
            ErrorClass::NoTools,
        ),
        (
            401,
            r#"{"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}}"#,
            ErrorClass::Refused,
        ),
        (403, "", ErrorClass::Refused),
        (302, "", ErrorClass::Refused),
        (
            404,
            r#"{"error":{"message":"The model `m` does not exist.","type":"NotFoundError","code":404}}"#,
            ErrorClass::ModelMissing,
        ),
        (
            404,
            r#"{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}"#,
            ErrorClass::Refused,
        ),
        (
            429,
            r#"{"error":{"message":"slow down"}}"#,
            ErrorClass::Busy,
        ),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#,
            ErrorClass::Refused,
        ),
        (
            500,
            r#"{"error":{"code":500,"message":"Invalid diff: now finding less tool calls!","type":"server_error"}}"#,
            ErrorClass::Malformed,
        ),
        (
            500,
            r#"{"error":{"code":500,"message":"Compute error","type":"server_error"}}"#,
            ErrorClass::ServerFault,
        ),
        (
            501,
            r#"{"error":{"code":501,"message":"This server does not support completions","type":"not_supported_error"}}"#,
            ErrorClass::Refused,
        ),
        (502, "<html>", ErrorClass::ServerFault),
        (
            503,
            r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
            ErrorClass::Loading,
        ),
        (503, "", ErrorClass::Busy),
    ];

    #[test]
    fn http_errors_have_exact_classes() {
        for (status, body, expected) in CASES {
            assert_eq!(fault(status, body).class, expected, "{status} {body}");
        }
    }

    #[test]
    fn a_prompt_that_is_too_long_is_counted() {
        let body = r#"{"error":{"code":400,"message":"exceeds","type":"exceed_context_size_error","n_prompt_tokens":4476,"n_ctx":4096}}"#;
        let told = fault(400, body);
        assert_eq!(told.window, Some(4_096));
        assert!(
            told.message.contains("4476") && told.message.contains("4096"),
            "{}",
            told.message
        );
        let hostile = fault(
            400,
            r#"{"error":{"message":"context size","n_ctx":-1,"n_prompt_tokens":"x"}}"#,
        );
        assert_eq!(
            (hostile.class, hostile.window),
            (ErrorClass::ContextTooLong, None)
        );
    }

    #[test]
    fn an_error_behind_the_headers_has_a_class_too() {
        for (error, expected) in [
            (
                r#"{"code":500,"message":"slot died","type":"server_error"}"#,
                ErrorClass::MidStream,
            ),
            (r#""slot died""#, ErrorClass::MidStream),
            (
                r#"{"code":503,"message":"Loading model"}"#,
                ErrorClass::Loading,
            ),
            (r#"{"code":429,"message":"slow"}"#, ErrorClass::Busy),
            (
                r#"{"message":"Context size has been exceeded."}"#,
                ErrorClass::ContextTooLong,
            ),
            (
                r#"{"message":"Failed to parse input at pos 12"}"#,
                ErrorClass::Malformed,
            ),
            ("7", ErrorClass::MidStream),
        ] {
            assert_eq!(
                mid_stream(&serde_json::from_str(error).unwrap()).class,
                expected,
                "{error}"
            );
        }
    }
}
