//! What an agent tells of its work while a turn goes on: `session/update`.

use serde_json::{Value, json};

use super::permit::Wish;
use super::{Act, CALLS_MAX, Client, WORDS_BYTES_MAX, microusd};
use crate::engine::heard::{Heard, Spent, text_of};
use crate::text::cut;

/// Files of one call that are looked at; one that names more is refused by the first that is outside all the same.
const PATHS_MAX: usize = 500;

/// A call that is under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    wish: Wish,
    told: bool,
}

impl Client {
    pub(super) fn update(&mut self, params: &Value) -> Vec<Act> {
        if !self.ours(params) {
            let what = "tells of a session that is not ours".to_owned();
            return vec![Act::Heard(Heard::Notice(what))];
        }
        let update = &params["update"];
        match update["sessionUpdate"].as_str().unwrap_or_default() {
            "agent_message_chunk" => self.chunk(update, false),
            "agent_thought_chunk" => self.chunk(update, true),
            "tool_call" | "tool_call_update" => self.call(update),
            "usage_update" => usage(update),
            // Plans, commands, modes, and what later versions bring.
            _ => Vec::new(),
        }
    }

    /// Words come in pieces of a few letters; they are told of in one.
    fn chunk(&mut self, update: &Value, thought: bool) -> Vec<Act> {
        let content = &update["content"];
        let Some(text) = content["text"].as_str() else {
            let what = format!(
                "content of the type {}",
                cut(&content["type"].to_string(), 60)
            );
            return vec![Act::Heard(Heard::Notice(what))];
        };
        let mut acts = Vec::new();
        let other = if thought { &self.words } else { &self.thoughts };
        if !other.is_empty() {
            acts = self.flush();
        }
        let slot = if thought {
            &mut self.thoughts
        } else {
            &mut self.words
        };
        slot.push_str(text);
        if slot.len() >= WORDS_BYTES_MAX {
            acts.extend(self.flush());
        }
        acts
    }

    /// A call, or more of one: it is told of when it is known what it does, and again when it is over.
    fn call(&mut self, update: &Value) -> Vec<Act> {
        let mut acts = self.flush();
        let id = cut(update["toolCallId"].as_str().unwrap_or_default(), 100);
        let under_way = update["status"]
            .as_str()
            .is_some_and(|status| status != "pending");
        acts.extend(self.known(&id, update, under_way));
        acts.extend(self.result(&id, update));
        acts
    }

    /// The result of a call that is over.
    fn result(&mut self, id: &str, update: &Value) -> Option<Act> {
        let error = match update["status"].as_str() {
            Some("completed") => false,
            Some("failed") => true,
            Some(_) | None => return None,
        };
        self.calls.remove(id);
        Some(Act::Heard(Heard::Result {
            id: id.to_owned(),
            error,
            text: content_of(update),
        }))
    }

    /// Takes in what a message says of a call, of which only what changes is sent again. Tells of it once: when it says with what
    /// it is called, or when it goes on without.
    pub(super) fn known(&mut self, id: &str, update: &Value, goes_on: bool) -> Vec<Act> {
        if self.calls.len() >= CALLS_MAX && !self.calls.contains_key(id) {
            let what =
                format!("more than {CALLS_MAX} calls are under way; this one is not followed");
            return vec![Act::Heard(Heard::Notice(what))];
        }
        let known = self.calls.entry(id.to_owned()).or_default();
        let wish = &mut known.wish;
        if let Some(kind) = text_of(update, "kind") {
            wish.kind = cut(&kind, 60);
        }
        if let Some(title) = text_of(update, "title") {
            wish.title = cut(&title, 300);
        }
        for path in paths(update) {
            if wish.paths.len() < PATHS_MAX && !wish.paths.contains(&path) {
                wish.paths.push(path);
            }
        }
        let input = update.get("rawInput").filter(|input| match input {
            Value::Null => false,
            Value::Object(fields) => !fields.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => true,
        });
        let named = input.is_some() || !wish.paths.is_empty();
        if known.told || !(goes_on || named) {
            return Vec::new();
        }
        known.told = true;
        let heard = Heard::Call {
            id: id.to_owned(),
            name: [&wish.kind, &wish.title].map(|t| cut(t, 200)).join(": "),
            input: input
                .cloned()
                .unwrap_or_else(|| json!({"paths": wish.paths})),
        };
        vec![Act::Heard(Heard::Turn), Act::Heard(heard)]
    }

    /// What a call wants, as far as it is known.
    pub(super) fn wish(&self, id: &str) -> Wish {
        self.calls
            .get(id)
            .map(|known| known.wish.clone())
            .unwrap_or_default()
    }
}

/// The files that a call names: where it is, what its differences are of, and what its input says that it is.
fn paths(update: &Value) -> Vec<String> {
    let places = update["locations"].as_array().into_iter().flatten();
    let contents = update["content"].as_array().into_iter().flatten();
    let diffs = contents.filter(|content| content["type"] == "diff");
    let named = places.chain(diffs).filter_map(|v| text_of(v, "path"));
    let input = &update["rawInput"];
    let keys = ["path", "file_path", "abs_path", "filePath", "notebook_path"];
    let asked = keys.iter().filter_map(|key| text_of(input, key));
    named.chain(asked).collect()
}

fn content_of(update: &Value) -> String {
    let contents = update["content"].as_array().into_iter().flatten();
    let texts: Vec<&str> = contents
        .filter_map(|c| match c["type"].as_str() {
            Some("content") => c["content"]["text"].as_str(),
            Some("diff") => c["path"].as_str(),
            Some(_) | None => None,
        })
        .collect();
    match (texts.is_empty(), update.get("rawOutput")) {
        (true, Some(raw)) if !raw.is_null() => raw.to_string(),
        _ => texts.join("\n"),
    }
}

/// What the session has cost so far; in another currency it is not known.
fn usage(update: &Value) -> Vec<Act> {
    let cost = &update["cost"];
    if cost["currency"] != "USD" {
        return Vec::new();
    }
    let spent = Spent {
        usage: None,
        microusd: microusd(&cost["amount"]),
    };
    vec![Act::Heard(Heard::Spent(spent))]
}
