//! Two names of one model count as one: what verifies must not be what built.

/// Marks of how a model is packed, not of which one it is. From the names that Ollama, llama-server and Hugging Face give.
const PACKED: [&str; 12] = [
    "gguf", "latest", "instruct", "it", "chat", "fp16", "bf16", "f16", "mlx", "awq", "gptq", "int8",
];

/// Whether two names mean one model: the same words, whatever the host calls it, in whatever form its weights are packed.
pub fn is_one_model(one: &str, other: &str) -> bool {
    let (one, other) = (words(one), words(other));
    !one.is_empty() && one == other
}

/// The words of a name that say which model it is, in order. `bartowski/Qwen3-8B-Q4_K_M.gguf` and `qwen3:8b` are `qwen3`, `8b`.
fn words(name: &str) -> Vec<String> {
    let name = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let parts = name.split([':', '-', '_', ' ', '@']);
    let dotted = parts.flat_map(|part| {
        let stem = part.strip_suffix(".gguf").unwrap_or(part);
        [stem.to_owned()]
    });
    let mut kept = Vec::new();
    let mut packing = false;
    for part in dotted.filter(|part| !part.is_empty()) {
        // What follows a quantisation (`q4`, `k`, `m`) belongs to it.
        packing = packing || is_quantisation(&part);
        let is_date = part.len() == 8 && part.bytes().all(|b| b.is_ascii_digit());
        if !packing && !is_date && !PACKED.contains(&part.as_str()) {
            kept.push(part);
        }
    }
    kept
}

fn is_quantisation(part: &str) -> bool {
    let rest = part.strip_prefix("iq").or_else(|| part.strip_prefix('q'));
    rest.is_some_and(|rest| {
        !rest.is_empty() && rest.len() <= 2 && rest.bytes().all(|b| b.is_ascii_digit())
    })
}
