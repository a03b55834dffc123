//! How a run's model is called: the execution pipelines, by their names in the seeds. A model without tools falls from the first
//! of its server to the second, where its calls are text.

use alai_fleet::{Provider, ToolMode};

use crate::models::Chosen;

/// The pipeline that a run begins with.
pub(crate) fn of(chosen: &Chosen) -> String {
    let text = chosen.profile.tool_mode == ToolMode::Text;
    if !text && chosen.provider.calls_in_text(&chosen.model) {
        return fallen(chosen, "its host said before that it calls no tools");
    }
    name(&chosen.provider, text).to_owned()
}

/// From the first to the second one, and why.
pub(crate) fn fallen(chosen: &Chosen, why: &str) -> String {
    let (first, second) = (name(&chosen.provider, false), name(&chosen.provider, true));
    format!("{first} -> {second}: {why}")
}

fn name(provider: &Provider, text: bool) -> &'static str {
    match (provider, text) {
        (Provider::Ollama(_), false) => "ollama-tool",
        (Provider::Ollama(_), true) => "ollama-simple",
        (Provider::Openai(_), false) => "llama-tool",
        (Provider::Openai(_), true) => "llama-server",
        (Provider::Anthropic(_), false) => "anthropic-tool",
        (Provider::Anthropic(_), true) => "anthropic-text",
        (Provider::Scripted(_), _) => "scripted",
        (Provider::Agent(agent), _) => agent.engine,
    }
}
