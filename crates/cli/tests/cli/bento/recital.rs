//! The lean recording as a model server says it: what a call is for is read from the request, as a model reads it.

use alai_core::task::TaskKind;
use alai_testkit::{ollama, openai};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::wire::is_a_ping;

/// The scenes of a recording.
pub(super) struct Recital(Vec<Scene>);

#[derive(Deserialize)]
struct Scene {
    when: When,
    turns: Vec<Turn>,
}

#[derive(Deserialize)]
struct When {
    kind: TaskKind,
    title: Option<String>,
    step: String,
    attempt: Option<u32>,
}

#[derive(Deserialize)]
struct Turn {
    #[serde(default)]
    calls: Vec<Call>,
    json: Option<Value>,
}

#[derive(Deserialize)]
struct Call {
    name: String,
    arguments: Value,
}

/// An answer, before a server puts it into its own words.
pub(super) enum Said {
    Words(String),
    Calls(Vec<(String, Value)>),
}

/// What a request is for, by what stands in it.
#[derive(Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) kind: TaskKind,
    pub(super) title: String,
    pub(super) step: &'static str,
    /// It is told what was wrong before: a rework by its title, who judges it by the words of the one reject that is recorded.
    again: bool,
    /// Answers that it has already.
    pub(super) turn: usize,
}

impl Asked {
    /// None for what no task asks: a first word, and what sort of task one is.
    pub(super) fn read(body: &Value, schema: &Value) -> Option<Asked> {
        let messages = body["messages"].as_array()?;
        let words = |role: &str| {
            let mut of = messages.iter().filter(|m| m["role"] == role);
            of.next().and_then(|m| m["content"].as_str())
        };
        let said = messages.iter().filter(|m| m["role"] == "assistant");
        let text = words("user")?.strip_prefix("# Task")?;
        let asks_for = |field: &str| schema["properties"].get(field).is_some();
        let writes = || {
            let mut tools = body["tools"].as_array().into_iter().flatten();
            let told = words("system").unwrap_or_default();
            tools.any(|t| t["function"]["name"] == "write")
                || told.lines().any(|line| line.starts_with("write("))
        };
        let step = match () {
            () if asks_for("rests_on") => "verify",
            () if asks_for("verdict") => "review",
            () if asks_for("approach") => "plan",
            () if writes() => "build",
            () => "inspect",
        };
        let title = match step {
            "verify" => text.trim_start().lines().next()?,
            _ => text.lines().next()?.split_once(": ")?.1,
        };
        let kind = match (step, title.split_once("] ").map(|(stage, _)| stage)) {
            ("verify", _) => TaskKind::Verify,
            (_, Some("[BENTO-REVIEW")) => TaskKind::Review,
            (_, Some("[BENTO-SECURITY")) => TaskKind::Security,
            (_, Some("[BENTO-OPS")) => TaskKind::Ops,
            (_, Some("[BENTO-DOCS")) => TaskKind::Docs,
            _ => TaskKind::Build,
        };
        Some(Asked {
            kind,
            title: title.to_owned(),
            step,
            again: title.contains("Rework: ") || text.contains("prices are taken from the request"),
            turn: said.count(),
        })
    }
}

impl Recital {
    pub(super) fn of(script: &str) -> Recital {
        Recital(serde_saphyr::from_str(script).expect("scenes"))
    }

    /// What the recording has for a request, by the rule of the scripted provider: of the scenes that fit, the one with the most keys.
    ///
    /// # Panics
    /// When it has nothing.
    pub(super) fn says(&self, body: &Value, schema: &Value) -> Said {
        if is_a_ping(body) {
            return Said::Words("ok".to_owned());
        }
        let Some(asked) = Asked::read(body, schema) else {
            let class =
                json!({"complexity": 2, "domain": "code", "type": "feature", "confidence": 90});
            return Said::Words(class.to_string());
        };
        let fits = |when: &When| {
            when.kind == asked.kind
                && when.step == asked.step
                && { when.title.as_ref() }.is_none_or(|title| asked.title.contains(title.as_str()))
                && when.attempt.is_none_or(|n| (n > 0) == asked.again)
        };
        let keys =
            |when: &When| usize::from(when.title.is_some()) + usize::from(when.attempt.is_some());
        let fitting = self.0.iter().rev().filter(|scene| fits(&scene.when));
        let scene = fitting.max_by_key(|scene| keys(&scene.when));
        let turns = scene.map_or(&[][..], |scene| &scene.turns);
        let said = match schema.is_null() && body["tools"].is_null() {
            true => in_text(turns, asked.turn),
            false => turns.get(asked.turn).map(Turn::said),
        };
        said.unwrap_or_else(|| panic!("nothing is recorded for {asked:?}"))
    }

    /// As Ollama sends it.
    pub(super) fn by_ollama(&self, body: &Value) -> ollama::Answer {
        match self.says(body, &body["format"]) {
            Said::Words(words) => ollama::Answer::text(&words),
            Said::Calls(calls) => {
                let calls: Vec<(&str, Value)> = { calls.iter() }
                    .map(|(name, arguments)| (name.as_str(), arguments.clone()))
                    .collect();
                ollama::Answer::calls(&calls)
            }
        }
    }

    /// As llama-server sends it.
    pub(super) fn by_llama_server(&self, body: &Value) -> openai::Answer {
        match self.says(body, &schema_of(body)) {
            Said::Words(words) => openai::Answer::text(&words),
            Said::Calls(calls) => openai::Answer::Calls(calls),
        }
    }
}

impl Turn {
    fn said(&self) -> Said {
        let calls = self.calls.iter();
        match &self.json {
            Some(answer) => Said::Words(answer.to_string()),
            None => Said::Calls(
                calls
                    .map(|call| (call.name.clone(), call.arguments.clone()))
                    .collect(),
            ),
        }
    }
}

/// The same of a model that makes its calls in text, one a turn, as `fleet/profiles.yaml` has it for that family.
fn in_text(turns: &[Turn], turn: usize) -> Option<Said> {
    let call = turns.iter().flat_map(|turn| &turn.calls).nth(turn)?;
    let arguments = call.arguments.as_object().into_iter().flatten();
    let parameters: String = arguments
        .map(|(key, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            format!("<parameter={key} until=END>\n{value}\nEND\n</parameter>\n")
        })
        .collect();
    Some(Said::Words(format!(
        "<function={}>\n{parameters}</function>",
        call.name
    )))
}

/// The form that llama-server is asked to hold an answer to.
pub(super) fn schema_of(body: &Value) -> Value {
    body["response_format"]["json_schema"]["schema"].clone()
}
