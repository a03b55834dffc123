//! What errors of Anthropic's Messages mean, before an answer and in the middle of one.

use serde_json::Value;

use crate::error::{ErrorClass, Fault, quote};
use crate::wire::Refusal;
use crate::words::{error_of, error_text, is_too_long, said};

/// The class of an answer that was no success.
pub(crate) fn classify(refusal: &Refusal) -> Fault {
    let error = error_of(&refusal.body);
    let text = error
        .as_ref()
        .map(error_text)
        .unwrap_or_else(|| refusal.body.clone());
    let kind = error.as_ref().map(kind).unwrap_or_default();
    let class = match by_type(kind, &text) {
        Some(class) => class,
        None => match refusal.status {
            300..400 | 401 | 402 | 403 | 404 | 405 | 407 | 501 => ErrorClass::Refused,
            400 if is_too_long(&text) => ErrorClass::ContextTooLong,
            413 => ErrorClass::ContextTooLong,
            429 | 503 | 529 => ErrorClass::Busy,
            408 | 499 => ErrorClass::ServerFault,
            400..=499 => ErrorClass::BadRequest,
            _ => ErrorClass::ServerFault,
        },
    };
    Fault::new(class, format!("HTTP {}: {}", refusal.status, said(&text)))
}

/// An `error` event: it can follow a 200 and any part of an answer.
pub(crate) fn mid_stream(error: &Value) -> Fault {
    let text = error_text(error);
    let class = match by_type(kind(error), &text) {
        Some(ErrorClass::ServerFault) | None => ErrorClass::MidStream,
        Some(class) => class,
    };
    let message = format!(
        "the server reported in the middle of the answer: {}",
        quote(&text)
    );
    Fault::new(class, message)
}

fn kind(error: &Value) -> &str {
    error
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn by_type(kind: &str, text: &str) -> Option<ErrorClass> {
    let lower = text.to_ascii_lowercase();
    Some(match kind {
        "invalid_request_error" if is_too_long(text) => ErrorClass::ContextTooLong,
        // An empty purse is told as a wrong request.
        "invalid_request_error" if lower.contains("credit balance") => ErrorClass::Refused,
        "invalid_request_error" => ErrorClass::BadRequest,
        "authentication_error" | "permission_error" | "billing_error" => ErrorClass::Refused,
        "not_found_error" if lower.contains("model") => ErrorClass::ModelMissing,
        "not_found_error" => ErrorClass::Refused,
        "request_too_large" => ErrorClass::ContextTooLong,
        "rate_limit_error" | "overloaded_error" => ErrorClass::Busy,
        "api_error" | "timeout_error" => ErrorClass::ServerFault,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, type and words of an error; its class before an answer, and within one.
    const CASES: [(u16, &str, &str, ErrorClass, ErrorClass); 16] = [
        (
            400,
            "invalid_request_error",
            "max_tokens: required",
            ErrorClass::BadRequest,
            ErrorClass::BadRequest,
        ),
        (
            400,
            "invalid_request_error",
            "prompt is too long: 210000 tokens > 200000 maximum",
            ErrorClass::ContextTooLong,
            ErrorClass::ContextTooLong,
        ),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low",
            ErrorClass::Refused,
            ErrorClass::Refused,
        ),
        (
            401,
            "authentication_error",
            "invalid x-api-key",
            ErrorClass::Refused,
            ErrorClass::Refused,
        ),
        (
            403,
            "permission_error",
            "no",
            ErrorClass::Refused,
            ErrorClass::Refused,
        ),
        (
            404,
            "not_found_error",
            "model: small",
            ErrorClass::ModelMissing,
            ErrorClass::ModelMissing,
        ),
        (
            404,
            "not_found_error",
            "Not Found",
            ErrorClass::Refused,
            ErrorClass::Refused,
        ),
        (
            413,
            "request_too_large",
            "too large",
            ErrorClass::ContextTooLong,
            ErrorClass::ContextTooLong,
        ),
        (
            429,
            "rate_limit_error",
            "slow down",
            ErrorClass::Busy,
            ErrorClass::Busy,
        ),
        (
            500,
            "api_error",
            "Internal server error",
            ErrorClass::ServerFault,
            ErrorClass::MidStream,
        ),
        (
            504,
            "timeout_error",
            "late",
            ErrorClass::ServerFault,
            ErrorClass::MidStream,
        ),
        (
            529,
            "overloaded_error",
            "Overloaded",
            ErrorClass::Busy,
            ErrorClass::Busy,
        ),
        (529, "", "", ErrorClass::Busy, ErrorClass::MidStream),
        (
            503,
            "new_error",
            "",
            ErrorClass::Busy,
            ErrorClass::MidStream,
        ),
        (418, "", "", ErrorClass::BadRequest, ErrorClass::MidStream),
        (302, "", "", ErrorClass::Refused, ErrorClass::MidStream),
    ];

    #[test]
    fn errors_have_exact_classes_before_and_within_an_answer() {
        for (status, kind, text, before, within) in CASES {
            let error = serde_json::json!({"type": kind, "message": text});
            let refusal = Refusal {
                status,
                body: serde_json::json!({"type": "error", "error": error}).to_string(),
                retry_after_s: None,
            };
            assert_eq!(classify(&refusal).class, before, "{status} {kind}");
            assert_eq!(mid_stream(&error).class, within, "{kind}");
        }
        let page = Refusal {
            status: 502,
            body: "<html>".to_owned(),
            retry_after_s: None,
        };
        assert_eq!(classify(&page).class, ErrorClass::ServerFault);
    }
}
