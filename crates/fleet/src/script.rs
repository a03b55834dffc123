//! The scripted provider: replies from a text, so that the whole factory runs with no model. Stateless: what a call is for
//! selects the reply, so that a restart, a second worker or another order of calls gets the same one.
//!
//! ```yaml
//! - when: {kind: build, role: builder, title: "rate limiting", step: build, attempt: 0}
//!   turns:
//!     - text: I add a test first.
//!       calls: [{name: write, arguments: {path: tests/limit.rs, content: "..."}}]
//!     - json: {verdict: pass}
//!     - fail: busy
//! ```
//!
//! Every key of `when` is optional (`visit` is how often the step was walked before in the same run), `title` and `company` match as substring and name. The scene with the most keys that all
//! match wins; among equals the first. `turn` of the purpose selects its turn. Where there is none, the call fails.

use alai_core::brief::Role;
use alai_core::mode::Mode;
use alai_core::task::TaskKind;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::calls::with_ids;
use crate::chat::{ChatReply, ChatRequest, Finish, Purpose, ToolCall, Usage};
use crate::error::{ChatError, ErrorClass, Server};
use crate::tokens::{estimate_tokens, prompt_chars};

/// The name that replies, errors and records of this provider carry as their model and host.
pub const HOST: &str = "scripted";

/// A checked script.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    scenes: Vec<Scene>,
}

/// Why a script was refused, with line and remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the script: {0}")]
pub struct ScriptError(String);

/// Replies for one kind of call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scene {
    #[serde(default)]
    when: When,
    turns: Vec<Turn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    kind: Option<TaskKind>,
    role: Option<Role>,
    /// A part of the title; empty means any.
    title: Option<String>,
    company: Option<String>,
    step: Option<String>,
    attempt: Option<u32>,
    visit: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    text: Option<String>,
    thinking: Option<String>,
    #[serde(default)]
    calls: Vec<Call>,
    /// The answer of an ask step, in place of `text`.
    json: Option<Value>,
    /// Simulates this error, in place of a reply.
    fail: Option<ErrorClass>,
    /// The words of a simulated error.
    message: Option<String>,
    finish: Option<Finish>,
    /// Why a call that stands in `text` was not taken, in a recording.
    refused: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

impl Script {
    /// Reads a script from YAML or JSON.
    ///
    /// # Errors
    /// On anything that is not exactly a script, with the place and, for a misspelt key, what was probably meant.
    pub fn parse(text: &str) -> Result<Script, ScriptError> {
        let scenes: Vec<Scene> = match serde_json::from_str(text) {
            Ok(scenes) => scenes,
            Err(error) if error.is_data() => return Err(refused_json(&error)),
            Err(_) => from_yaml(text)?,
        };
        if scenes.is_empty() {
            return Err(ScriptError(
                "it has no scene; add one with `turns`".to_owned(),
            ));
        }
        for (n, scene) in scenes.iter().enumerate() {
            check_scene(scene).map_err(|why| ScriptError(format!("scene {}: {why}", n + 1)))?;
        }
        Ok(Script { scenes })
    }

    /// The reply that this call gets, every time.
    pub(crate) fn reply(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let error = |class, message| ChatError {
            class,
            server: Server::Script,
            host: HOST.to_owned(),
            model: HOST.to_owned(),
            message,
            partial: String::new(),
        };
        let purpose = &request.purpose;
        let turn = self
            .turn(purpose)
            .map_err(|why| error(ErrorClass::ScriptExhausted, why))?;
        if let Some(class) = turn.fail {
            let message = turn
                .message
                .clone()
                .unwrap_or_else(|| "the script simulates this failure".to_owned());
            return Err(error(class, message));
        }
        let text = match (&turn.json, &turn.text) {
            (Some(json), _) => json.to_string(),
            (None, text) => text.clone().unwrap_or_default(),
        };
        let calls = turn.calls.iter().map(|call| ToolCall {
            id: String::new(),
            name: call.name.clone(),
            arguments: call.arguments.clone(),
        });
        let calls = with_ids(calls.collect(), &request.messages);
        let thinking = turn.thinking.clone().unwrap_or_default();
        Ok(ChatReply {
            usage: usage(request, &text, &thinking, &calls),
            text,
            thinking,
            calls,
            usage_estimated: true,
            finish: turn.finish.unwrap_or(Finish::Stop),
            salvaged: false,
            refused: turn.refused.clone(),
            mode: Mode::Simulated,
            model: HOST.to_owned(),
            latency_ms: 0,
        })
    }

    fn turn(&self, purpose: &Purpose) -> Result<&Turn, String> {
        let mut best: Option<(usize, usize, &Scene)> = None;
        for (n, scene) in self.scenes.iter().enumerate() {
            if let Some(keys) = matching_keys(&scene.when, purpose)
                && best.is_none_or(|(most, _, _)| keys > most)
            {
                best = Some((keys, n + 1, scene));
            }
        }
        let call = format!(
            "kind {}, role {}, step `{}`, attempt {}, visit {}, turn {}, task `{}`",
            purpose.task_kind,
            purpose.role.as_str(),
            purpose.step,
            purpose.attempt,
            purpose.visit,
            purpose.turn,
            purpose.task_title
        );
        let (_, n, scene) =
            best.ok_or_else(|| format!("no scene of the script matches ({call})"))?;
        let turn = usize::try_from(purpose.turn)
            .ok()
            .and_then(|turn| scene.turns.get(turn));
        turn.ok_or_else(|| {
            format!(
                "scene {n} of the script has only {} turns ({call})",
                scene.turns.len()
            )
        })
    }
}

/// How many keys a scene gives, if all of them match.
fn matching_keys(when: &When, purpose: &Purpose) -> Option<usize> {
    let title = when.title.as_deref().filter(|title| !title.is_empty());
    let keys = [
        when.kind.map(|kind| kind == purpose.task_kind),
        when.role.map(|role| role == purpose.role),
        title.map(|title| purpose.task_title.contains(title)),
        when.company
            .as_ref()
            .map(|company| *company == purpose.company),
        when.step.as_ref().map(|step| *step == purpose.step),
        when.attempt.map(|attempt| attempt == purpose.attempt),
        when.visit.map(|visit| visit == purpose.visit),
    ];
    let given = keys.iter().flatten();
    given.clone().all(|matches| *matches).then(|| given.count())
}

/// A turn says one thing: a reply, an answer in JSON or a failure.
fn check_scene(scene: &Scene) -> Result<(), String> {
    if scene.turns.is_empty() {
        return Err("it has no turns".to_owned());
    }
    for (n, turn) in scene.turns.iter().enumerate() {
        let says = turn.text.is_some() || turn.thinking.is_some() || !turn.calls.is_empty();
        let kinds = [says, turn.json.is_some(), turn.fail.is_some()]
            .into_iter()
            .filter(|given| *given)
            .count();
        let turn_n = n + 1;
        if kinds != 1 {
            return Err(format!(
                "turn {turn_n} must have exactly one of: `text` with `calls`, `json`, `fail`"
            ));
        }
        if turn.message.is_some() && turn.fail.is_none() {
            return Err(format!(
                "turn {turn_n} has a `message`, which belongs to `fail`"
            ));
        }
        if turn.finish.is_some() && turn.fail.is_some() {
            return Err(format!("turn {turn_n} has a `finish`, but `fail` has none"));
        }
    }
    Ok(())
}

/// The same for the same script and request.
fn usage(request: &ChatRequest, text: &str, thinking: &str, calls: &[ToolCall]) -> Usage {
    let calls = calls.iter().map(|call| {
        call.name.chars().count()
            + serde_json::to_string(&call.arguments).map_or(0, |json| json.chars().count())
    });
    let output = text.chars().count() + thinking.chars().count() + calls.sum::<usize>();
    Usage {
        prompt_tokens: estimate_tokens(prompt_chars(request)),
        output_tokens: estimate_tokens(output as u64),
        ..Usage::default()
    }
}

fn from_yaml(text: &str) -> Result<Vec<Scene>, ScriptError> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| refused_yaml(&error))
}

fn refused_yaml(error: &serde_saphyr::Error) -> ScriptError {
    use serde_saphyr::Error::{SerdeUnknownField, SerdeUnknownVariant};
    let meant = if let SerdeUnknownField {
        field: given,
        expected,
        ..
    }
    | SerdeUnknownVariant {
        variant: given,
        expected,
        ..
    } = error.without_snippet()
    {
        nearest(given, expected.iter().copied())
    } else {
        None
    };
    refused(&error.to_string(), meant)
}

/// serde_json keeps nothing but its words: "unknown field `x`, expected one of `a`, `b` at line 1 column 2".
fn refused_json(error: &serde_json::Error) -> ScriptError {
    let why = error.to_string();
    let mut quoted = why.split('`').skip(1).step_by(2);
    let given = quoted.next().filter(|_| why.starts_with("unknown "));
    let meant = given.and_then(|given| nearest(given, quoted));
    refused(&why, meant)
}

fn refused(why: &str, meant: Option<&str>) -> ScriptError {
    ScriptError(match meant {
        Some(name) => format!("{why}\ndid you mean `{name}`?"),
        None => why.to_owned(),
    })
}

/// What was probably meant. Further apart than a third they are different words.
fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, name) = known.map(|name| (distance(given, name), name)).min()?;
    (distance <= 1 + given.chars().count() / 3).then_some(name)
}

/// Edits from one word to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::request;
    use crate::provider::{Provider, ask, chat};

    fn scripted(text: &str) -> Provider {
        Provider::Scripted(Script::parse(text).unwrap())
    }

    fn said(provider: &Provider, change: impl Fn(&mut ChatRequest)) -> Result<String, ErrorClass> {
        let mut request = request("any");
        change(&mut request);
        chat(provider, &request, &|| false)
            .map(|reply| reply.text)
            .map_err(|error| error.class)
    }

    const SCENES: &str = r#"
- turns: [{text: any}]
- when: {kind: build}
  turns: [{text: build}, {text: second}]
- when: {kind: build, title: "rate"}
  turns: [{text: rate}]
- when: {kind: build, step: build}
  turns: [{text: never}]
- when: {kind: build, role: builder, company: acme, step: build, attempt: 1, title: ""}
  turns: [{text: again}]
"#;

    #[test]
    fn the_most_specific_scene_wins_and_ties_go_to_the_first() {
        let script = scripted(SCENES);
        assert_eq!(said(&script, |_| {}), Ok("rate".to_owned()));
        assert_eq!(
            said(&script, |r| r.purpose.task_title.clear()),
            Ok("never".to_owned())
        );
        assert_eq!(
            said(&script, |r| r.purpose.attempt = 1),
            Ok("again".to_owned())
        );
        assert_eq!(
            said(&script, |r| r.purpose.task_kind = TaskKind::Docs),
            Ok("any".to_owned())
        );
        let other = |r: &mut ChatRequest| {
            r.purpose.task_title.clear();
            r.purpose.step = "plan".to_owned();
        };
        assert_eq!(said(&script, other), Ok("build".to_owned()));
        assert_eq!(
            said(&script, |r| {
                other(r);
                r.purpose.turn = 1;
            }),
            Ok("second".to_owned())
        );
    }

    #[test]
    fn a_step_that_is_walked_again_can_have_other_replies() {
        let script = scripted(
            "- when: {visit: 1}\n  turns: [{text: mended}]\n- turns: [{text: first, refused: its arguments are no JSON}]\n",
        );
        assert_eq!(said(&script, |_| {}), Ok("first".to_owned()));
        assert_eq!(
            said(&script, |r| r.purpose.visit = 1),
            Ok("mended".to_owned())
        );
        assert_eq!(
            said(&script, |r| r.purpose.visit = 2),
            Ok("first".to_owned())
        );
        let reply = chat(&script, &request("any"), &|| false).unwrap();
        assert_eq!(reply.refused.as_deref(), Some("its arguments are no JSON"));
    }

    #[test]
    fn nothing_passes_by_accident() {
        let script = scripted("- when: {kind: build}\n  turns: [{text: a}]\n");
        assert_eq!(
            said(&script, |r| r.purpose.turn = 1),
            Err(ErrorClass::ScriptExhausted)
        );
        assert_eq!(
            said(&script, |r| r.purpose.task_kind = TaskKind::Ops),
            Err(ErrorClass::ScriptExhausted)
        );
        assert_eq!(said(&script, |r| r.purpose.turn = 0), Ok("a".to_owned()));
    }

    #[test]
    fn a_reply_is_simulated_deterministic_and_counted() {
        let script = scripted(
            "- turns:\n    - text: I write.\n      calls:\n        - {name: write, arguments: {path: a, line: 3}}\n        \
             - {name: finish}\n",
        );
        let reply = chat(&script, &request("any"), &|| false).unwrap();
        assert_eq!(
            (reply.mode, reply.model.as_str(), reply.usage_estimated),
            (Mode::Simulated, "scripted", true)
        );
        assert_eq!(
            Value::Object(reply.calls[0].arguments.clone()),
            json!({"path": "a", "line": 3})
        );
        assert_eq!(reply.calls[1].name, "finish");
        assert_ne!(reply.calls[0].id, reply.calls[1].id);
        assert!(reply.usage.prompt_tokens > 0 && reply.usage.output_tokens > 0);
        assert_eq!(chat(&script, &request("any"), &|| false).unwrap(), reply);
    }

    #[test]
    fn json_answers_an_ask_and_a_broken_one_is_repaired_once() {
        let mut request = request("any");
        request.format = Some(
            json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}),
        );
        let good = scripted("- turns: [{json: {n: 3}}]\n");
        assert_eq!(
            ask(&good, &request, &mut |r| chat(&good, r, &|| false))
                .unwrap()
                .value,
            json!({"n": 3})
        );
        let repaired =
            scripted("- turns: [{json: {n: three}}, {text: \"```json\\n{\\\"n\\\": 4}\\n```\"}]\n");
        let answer = ask(&repaired, &request, &mut |r| chat(&repaired, r, &|| false)).unwrap();
        assert_eq!(answer.value, json!({"n": 4}));
        assert!(
            answer.reply.usage.prompt_tokens > 2 * 3,
            "both turns are counted"
        );
        let broken =
            scripted("- turns: [{text: hm}, {text: \"{\\\"n\\\": 4.5}\"}, {json: {n: 5}}]\n");
        let error = ask(&broken, &request, &mut |r| chat(&broken, r, &|| false)).unwrap_err();
        assert!(
            error.is_quality() && error.message.contains("n is not of type"),
            "{error}"
        );
        request.format = None;
        assert_eq!(
            ask(&good, &request, &mut |r| chat(&good, r, &|| false))
                .unwrap_err()
                .class,
            ErrorClass::BadRequest
        );
    }

    #[test]
    fn failures_can_be_scripted() {
        let script = scripted("- turns: [{fail: unreachable}, {fail: busy, message: full}]\n");
        let mut request = request("any");
        assert!(
            chat(&script, &request, &|| false)
                .unwrap_err()
                .is_infrastructure()
        );
        request.purpose.turn = 1;
        let error = chat(&script, &request, &|| false).unwrap_err();
        assert_eq!(
            (error.class, error.message.as_str()),
            (ErrorClass::Busy, "full")
        );
    }

    #[test]
    fn requests_are_held_to_the_same_rules_as_on_a_real_host() {
        let script = scripted("- turns: [{text: a}]\n");
        let mut both = request("any");
        both.format = Some(json!({}));
        both.tools = vec![crate::chat::ToolSpec {
            name: "read".to_owned(),
            description: String::new(),
            parameters: json!({}),
        }];
        assert_eq!(
            chat(&script, &both, &|| false).unwrap_err().class,
            ErrorClass::BadRequest
        );
        let silent = ChatRequest {
            messages: Vec::new(),
            ..request("any")
        };
        assert_eq!(
            chat(&script, &silent, &|| false).unwrap_err().class,
            ErrorClass::BadRequest
        );
        assert!(
            chat(&script, &request(""), &|| false).is_ok(),
            "a recording needs no model"
        );
        assert_eq!(
            chat(&script, &request("any"), &|| true).unwrap_err().class,
            ErrorClass::Cancelled
        );
    }

    #[test]
    fn slips_are_errors_that_say_what_was_meant() {
        for (text, said) in [
            (
                "- when: {knd: build}\n  turns: [{text: a}]\n",
                "did you mean `kind`?",
            ),
            ("- turns: [{txt: a}]\n", "did you mean `text`?"),
            (
                "- turns: [{fail: unreachabel}]\n",
                "did you mean `unreachable`?",
            ),
            (
                "- when: {kind: biuld}\n  turns: [{text: a}]\n",
                "did you mean `build`?",
            ),
            ("[{\"turns\": [{\"txt\": \"a\"}]}]", "did you mean `text`?"),
            ("- turn: [{text: a}]\n", "did you mean `turns`?"),
            ("- turns: []\n", "scene 1: it has no turns"),
            ("- turns: [{}]\n", "exactly one of"),
            ("- turns: [{text: a, json: {}}]\n", "exactly one of"),
            ("- turns: [{text: a, message: b}]\n", "belongs to `fail`"),
            ("[{turns: [{txt: a}]}]", "did you mean `text`?"),
            ("[]", "no scene"),
            ("{}", "cannot use the script"),
        ] {
            let error = Script::parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn an_unknown_key_is_shown_with_its_line() {
        let error = Script::parse("- turns:\n    - text: a\n      colour: red\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains('3') && error.contains("colour"), "{error}");
        assert!(!error.contains("did you mean"), "{error}");
    }
}
