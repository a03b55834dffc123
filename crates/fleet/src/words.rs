//! What servers say in words: the phrases by which an error is known where its code tells too little.

use serde_json::Value;

/// Whether an error text of the server says that its parser could not read what the model wrote. The phrases are those of
/// Ollama's `harmony` and `model/parsers`, and of Go's JSON and XML decoders, which they wrap; the last two are
/// llama-server's, whose parser gives up on a call that it had begun to send.
pub(crate) fn is_model_fault(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    // The same decoder's words about Ollama's own runner are no fault of the model.
    if text.contains("unmarshalling llama-server") {
        return false;
    }
    [
        "parsing tool call",
        "tool call",
        "invalid character",
        "unexpected end of json input",
        "xml syntax error",
        "failed to parse xml",
        "empty function name",
        "mismatched arg_key",
        "invalid diff",
        "failed to parse input",
    ]
    .iter()
    .any(|phrase| text.contains(phrase))
}

/// Whether an error text says that the prompt does not fit (Ollama's `llm/llama_server.go`, llama-server, vLLM and
/// Anthropic in their own words).
pub(crate) fn is_too_long(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "context length",
        "context size",
        "available context",
        // llama-server's word for a text that it should make a vector of.
        "too large to process",
        "prompt is too long",
    ]
    .iter()
    .any(|phrase| text.contains(phrase))
}

/// `"text"` as Ollama has it, or `{"message": "text"}` as its relatives have it.
pub(crate) fn error_text(error: &Value) -> String {
    error
        .as_str()
        .or_else(|| error.get("message").and_then(Value::as_str))
        .map_or_else(|| error.to_string(), str::to_owned)
}

/// The error of a body: under `error`, or the whole of it where a server puts `message` or `detail` at its top (vLLM).
pub(crate) fn error_of(body: &str) -> Option<Value> {
    let json: Value = serde_json::from_str(body).ok()?;
    if let Some(error) = json.get("error").filter(|error| !error.is_null()) {
        return Some(error.clone());
    }
    if json.get("message").is_some() {
        return Some(json);
    }
    json.get("detail").cloned()
}

/// A server's words, or that there were none.
pub(crate) fn said(text: &str) -> String {
    if text.trim().is_empty() {
        "nothing more".to_owned()
    } else {
        crate::error::quote(text)
    }
}
