//! What an HTTP error of Ollama means.

use serde_json::Value;

use crate::error::{ErrorClass, Fault};
use crate::wire::Refusal;
use crate::words::{error_text, is_model_fault, is_too_long, said};

/// The class of an answer that was no success. The phrases are those of its `server/routes.go`, `server/images.go` and
/// `llm/llama_server.go`; relatives that stand behind the same route say them alike.
pub(crate) fn classify(refusal: &Refusal) -> Fault {
    let json: Option<Value> = serde_json::from_str(&refusal.body).ok();
    let error = json
        .as_ref()
        .and_then(|json| json.get("error"))
        .map(error_text);
    let text = error.clone().unwrap_or_else(|| refusal.body.clone());
    let lower = text.to_ascii_lowercase();
    let says = |phrase: &str| lower.contains(phrase);
    let class = match refusal.status {
        400 | 500 if is_too_long(&text) => ErrorClass::ContextTooLong,
        400 if says("does not support") && says("tools") => ErrorClass::NoTools,
        400 => ErrorClass::BadRequest,
        // A server without this route has no words of Ollama's about a model.
        404 if error.is_some() => ErrorClass::ModelMissing,
        300..400 | 401 | 402 | 403 | 404 | 405 | 407 => ErrorClass::Refused,
        503 if says("loading") => ErrorClass::Loading,
        429 | 503 => ErrorClass::Busy,
        500 if is_model_fault(&text) => ErrorClass::Malformed,
        413 => ErrorClass::ContextTooLong,
        408 | 499 => ErrorClass::ServerFault,
        406..500 => ErrorClass::BadRequest,
        _ => ErrorClass::ServerFault,
    };
    Fault::new(class, format!("HTTP {}: {}", refusal.status, said(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> ErrorClass {
        classify(&Refusal {
            status,
            body: body.to_owned(),
            retry_after_s: None,
        })
        .class
    }

    #[test]
    fn http_errors_have_exact_classes() {
        for (status, body, expected) in [
            (
                400,
                r#"{"error":"registry/m does not support tools"}"#,
                ErrorClass::NoTools,
            ),
            (
                400,
                r#"{"error":"\"m\" does not support thinking"}"#,
                ErrorClass::BadRequest,
            ),
            (
                400,
                r#"{"error":"the prompt is longer than the context length currently available to the model"}"#,
                ErrorClass::ContextTooLong,
            ),
            (
                400,
                r#"{"error":{"message":"request exceeds the available context size"}}"#,
                ErrorClass::ContextTooLong,
            ),
            (
                400,
                r#"{"error":"invalid message content"}"#,
                ErrorClass::BadRequest,
            ),
            (
                401,
                r#"{"error":"unauthorized","signin_url":"x"}"#,
                ErrorClass::Refused,
            ),
            (403, "", ErrorClass::Refused),
            (302, "", ErrorClass::Refused),
            (
                404,
                r#"{"error":"model 'm' not found"}"#,
                ErrorClass::ModelMissing,
            ),
            (404, "404 page not found", ErrorClass::Refused),
            (429, r#"{"error":"slow down"}"#, ErrorClass::Busy),
            (422, r#"{"error":"no"}"#, ErrorClass::BadRequest),
            (
                499,
                r#"{"error":"request canceled"}"#,
                ErrorClass::ServerFault,
            ),
            (
                500,
                r#"{"error":"Context size has been exceeded"}"#,
                ErrorClass::ContextTooLong,
            ),
            (
                500,
                r#"{"error":"error parsing tool call: raw='{'"}"#,
                ErrorClass::Malformed,
            ),
            (
                500,
                r#"{"error":"model requires more system memory (9 GiB) than is available"}"#,
                ErrorClass::ServerFault,
            ),
            (502, "<html>", ErrorClass::ServerFault),
            (
                503,
                r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#,
                ErrorClass::Busy,
            ),
            (
                503,
                r#"{"error":{"message":"Loading model","type":"unavailable_error"}}"#,
                ErrorClass::Loading,
            ),
            (204, "", ErrorClass::ServerFault),
        ] {
            assert_eq!(class(status, body), expected, "{status} {body}");
        }
    }
}
