//! What a request tells the weak model: which tools it has, what it called before, and what came of it.

use serde_json::{Map, Value, json};

use super::Deed;
use crate::ollama::Answer;

/// How a result begins that says that a file was changed.
const CHANGED: [&str; 3] = ["edited ", "created ", "replaced "];
/// What a check that runs by itself says when it is red.
const RED: &str = "`: FAILED";

/// One request, read.
#[derive(Debug)]
pub(super) struct Chat {
    form: Form,
    /// What it may call.
    tools: Vec<String>,
    told_off: bool,
    pub(super) steps: Vec<Step>,
}

/// How a call is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Native,
    /// In tags, because the model has no others.
    Text,
    /// As the one JSON object that a schema allows.
    Held,
}

/// A call that was made, and what came back.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) result: String,
}

impl Chat {
    pub(super) fn read(body: &Value) -> Chat {
        let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let system = messages.first().and_then(|m| m["content"].as_str());
        let listed = |list: &Value, name: &dyn Fn(&Value) -> Value| -> Vec<String> {
            let all = list.as_array().into_iter().flatten();
            all.filter_map(|item| name(item).as_str().map(str::to_owned))
                .collect()
        };
        let form = match (&body["format"]["anyOf"], &body["tools"]) {
            (Value::Array(_), _) => Form::Held,
            (_, Value::Array(_)) => Form::Native,
            _ => Form::Text,
        };
        let tools = match form {
            Form::Held => listed(&body["format"]["anyOf"], &|form| {
                form["properties"]["name"]["enum"][0].clone()
            }),
            Form::Native => listed(&body["tools"], &|tool| tool["function"]["name"].clone()),
            Form::Text => {
                let words = system.unwrap_or_default().lines();
                words
                    .filter_map(|line| line.split_once('('))
                    .map(|(name, _)| name.to_owned())
                    .collect()
            }
        };
        let mut steps = native(messages);
        if steps.is_empty() {
            steps = tagged(messages);
        }
        Chat {
            form,
            tools,
            told_off: told_off(messages, &steps),
            steps,
        }
    }

    /// Whether this is asked of one who builds: it has a tool that writes, or is at its last turn.
    pub(super) fn is_builder(&self, body: &Value) -> bool {
        let asked = self.form != Form::Held && body["format"].is_object();
        !asked && (self.has("write") || !self.can_work())
    }

    fn has(&self, tool: &str) -> bool {
        self.tools.iter().any(|name| name == tool)
    }

    /// Whether there is more to call than `done`.
    pub(super) fn can_work(&self) -> bool {
        self.has("read")
    }

    /// Whether its server lets it write nothing but a call.
    pub(super) fn is_held(&self) -> bool {
        self.form == Form::Held
    }

    /// Whether the last thing it read says that something went wrong.
    pub(super) fn told_off(&self) -> bool {
        self.told_off
    }

    /// What a file holds, as far as its own reads and changes tell.
    pub(super) fn file(&self, path: &str) -> Option<String> {
        let mut content: Option<String> = None;
        for step in self.steps.iter().filter(|step| step.text("path") == path) {
            match step.name.as_str() {
                "read" => content = step.shown().or(content),
                "write" if step.changed() => content = Some(step.text("content").to_owned()),
                "edit" if step.changed() => {
                    let (old, new) = (step.text("old"), step.text("new"));
                    // Where the text that went is another than the one it gave, it does not know what is there now.
                    content = content
                        .filter(|content| content.contains(old))
                        .map(|content| content.replacen(old, new, 1));
                }
                _ => {}
            }
        }
        content
    }

    /// Whether a check was red after the last look at a file that it has changed: what it believes of it may be wrong.
    pub(super) fn doubtful(&self, path: &str) -> bool {
        let of_path = |step: &&Step| step.text("path") == path && step.name != "read";
        let changed = self
            .steps
            .iter()
            .any(|step| of_path(&step) && step.changed());
        let red = self
            .steps
            .iter()
            .rposition(|step| step.result.contains(RED));
        let read = self
            .steps
            .iter()
            .rposition(|step| step.name == "read" && step.text("path") == path);
        let last = self
            .steps
            .last()
            .is_some_and(|step| step.result.contains(RED) && !step.changed());
        changed && last && red > read
    }

    /// A deed, in the form in which this model makes calls.
    pub(super) fn say(&self, deed: &Deed) -> Answer {
        match self.form {
            Form::Native => Answer::calls(&[(deed.name, deed.arguments.clone())]),
            Form::Text => Answer::text(&in_tags(deed.name, &deed.arguments)),
            Form::Held => {
                Answer::text(&json!({"name": deed.name, "arguments": deed.arguments}).to_string())
            }
        }
    }
}

impl Step {
    fn text(&self, key: &str) -> &str {
        self.arguments
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or("")
    }

    fn changed(&self) -> bool {
        CHANGED.iter().any(|words| self.result.starts_with(words))
    }

    /// The file of a `read`, without its line numbers.
    fn shown(&self) -> Option<String> {
        if !self.result.contains(", lines 1-") {
            return None;
        }
        let lines = self.result.lines().filter_map(|line| line.split_once("| "));
        let lines = lines.filter(|(number, _)| number.trim().parse::<u32>().is_ok());
        Some(lines.map(|(_, text)| format!("{text}\n")).collect())
    }
}

/// A call in the form of coder models, with its values as they are.
pub(super) fn in_tags(name: &str, arguments: &Value) -> String {
    let values = arguments.as_object().into_iter().flatten();
    let parameters: String = values
        .map(|(key, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            format!("<parameter={key}>\n{value}\n</parameter>\n")
        })
        .collect();
    format!("<function={name}>\n{parameters}</function>")
}

fn native(messages: &[Value]) -> Vec<Step> {
    let calls = messages
        .iter()
        .flat_map(|m| m["tool_calls"].as_array().into_iter().flatten());
    calls
        .map(|call| {
            let result = messages
                .iter()
                .find(|m| m["tool_call_id"] == call["id"] && m["role"] == "tool");
            Step {
                name: call["function"]["name"].as_str().unwrap_or("").to_owned(),
                arguments: call["function"]["arguments"]
                    .as_object()
                    .cloned()
                    .unwrap_or_default(),
                result: result
                    .and_then(|m| m["content"].as_str())
                    .unwrap_or("")
                    .to_owned(),
            }
        })
        .collect()
}

/// The same of a conversation in plain text: a call in tags, its result as the next words of the user.
fn tagged(messages: &[Value]) -> Vec<Step> {
    let pairs = messages
        .windows(2)
        .filter(|pair| pair[0]["role"] == "assistant");
    pairs
        .filter_map(|pair| {
            let said = pair[0]["content"].as_str()?;
            let (name, rest) = said.split_once("<function=")?.1.split_once(">\n")?;
            let mut arguments = Map::new();
            for parameter in rest.split("<parameter=").skip(1) {
                let (key, value) = parameter.split_once(">\n")?;
                let value = value.split_once("\n</parameter>")?.0;
                arguments.insert(key.to_owned(), json!(value));
            }
            let said = pair[1]["content"].as_str()?;
            let result = result_of(said).map_or(said, |(result, _)| result);
            Some(Step {
                name: name.to_owned(),
                arguments,
                result: result.to_owned(),
            })
        })
        .collect()
}

/// The result that a message of the user begins with, and what follows it: `Result of NAME, up to WORD:`, lines, WORD.
fn result_of(said: &str) -> Option<(&str, &str)> {
    let (head, rest) = said.strip_prefix("Result of ")?.split_once(":\n")?;
    let end = head.split_once(", up to ")?.1;
    rest.split_once(&format!("\n{end}"))
}

/// A word of the harness after its first one, or a result that is no success. How many turns are left is neither.
fn told_off(messages: &[Value], steps: &[Step]) -> bool {
    let is_hint = |m: &&Value| m["content"].as_str().is_some_and(|c| c.starts_with('['));
    let mut last = messages.iter().rev().skip_while(is_hint);
    let Some(last) = last.next() else {
        return false;
    };
    let said = last["content"].as_str().unwrap_or_default();
    let more = result_of(said).map_or(said, |(_, more)| more);
    if last["role"] == "user" && !more.trim().is_empty() && !more.trim_start().starts_with('[') {
        return messages.iter().any(|m| m["role"] == "assistant");
    }
    steps.last().is_some_and(|step| {
        let fine = step.changed() || step.shown().is_some() || step.result.starts_with("exit 0");
        !fine || step.result.contains(RED)
    })
}
