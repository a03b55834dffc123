//! The JSON Schema (2020-12) of our own predicate, for whoever reads packages by another program. The words that a field may have
//! come from the types that write them.

use alai_core::brief::Role;
use alai_core::cage::Property;
use alai_core::mode::Mode;
use alai_core::qa::{Check, Untried};
use alai_core::record::Limit;
use alai_core::task::TaskKind;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Where the committed copy is found by its users.
const ID: &str = "https://github.com/alai-factory/alai/blob/main/docs/schema/evidence.v1.json";

/// The schema of the predicate `https://alai.dev/evidence/v1` as the committed file has it.
pub fn schema_text() -> String {
    let text = serde_json::to_string_pretty(&schema()).expect("a JSON value has a text");
    format!("{text}\n")
}

fn schema() -> Value {
    let mut predicate = object(
        "What one run did, as the gate recorded it: the predicate https://alai.dev/evidence/v1 of an in-toto Statement v1.",
        &[
            "about",
            "cage",
            "commands",
            "outcome",
            "checks",
            "artifacts",
        ],
        vec![
            ("about", about()),
            (
                "cage",
                said("The layers of all cages that held a command.", list(text())),
            ),
            (
                "promises",
                said(
                    "What every one of those cages promised, and the layers that kept it.",
                    list(object(
                        "One promise.",
                        &["property", "by"],
                        vec![("property", words(&Property::ALL)), ("by", list(text()))],
                    )),
                ),
            ),
            (
                "commands",
                said("Every program that was started, in order.", list(command())),
            ),
            ("outcome", outcome()),
            (
                "checks",
                said(
                    "What was measured. A BUILD has all nineteen, in order.",
                    list(object(
                        "One check.",
                        &["check", "result", "detail"],
                        vec![
                            ("check", words(&Check::ALL)),
                            ("result", one_of(&["pass", "fail", "not_applicable"])),
                            ("detail", text()),
                        ],
                    )),
                ),
            ),
            ("policy", policy()),
            (
                "artifacts",
                said(
                    "Every file of the package but the envelope of this statement.",
                    list(object(
                        "One file.",
                        &["path", "sha256", "bytes"],
                        vec![("path", text()), ("sha256", sha256()), ("bytes", count())],
                    )),
                ),
            ),
        ],
    );
    if let Value::Object(keys) = &mut predicate {
        keys.insert(
            "$schema".to_owned(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        keys.insert("$id".to_owned(), ID.into());
    }
    predicate
}

fn about() -> Value {
    let usage = object(
        "What the run used; the cost in millionths of a US dollar.",
        &[
            "input_tokens",
            "output_tokens",
            "cost_microusd",
            "duration_ms",
        ],
        [
            "input_tokens",
            "output_tokens",
            "cost_microusd",
            "duration_ms",
        ]
        .map(|name| (name, count()))
        .to_vec(),
    );
    let fields = vec![
        ("run", text()),
        ("epoch", whole()),
        ("task", whole()),
        ("kind", words(&TaskKind::ALL)),
        ("company", text()),
        ("role", words(&[Role::Lead, Role::Builder, Role::Reviewer])),
        ("model", text()),
        ("mode", words(&[Mode::Real, Mode::Simulated])),
        ("base", commit()),
        ("head", commit()),
        ("tree_sha256", sha256()),
        ("usage", usage),
        ("recorded_ms", whole()),
    ];
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    object("Which run it is of, and which commit.", &names, fields)
}

fn command() -> Value {
    let record = vec![
        ("argv", list(text())),
        ("cwd", text()),
        ("exit", exit()),
        ("started_ms", whole()),
        ("duration_ms", whole()),
        ("stdout_sha256", sha256()),
        ("stderr_sha256", sha256()),
        ("stdout_bytes", count()),
        ("stderr_bytes", count()),
        ("cage", list(text())),
    ];
    let names: Vec<&str> = record.iter().map(|(name, _)| *name).collect();
    let kept = || {
        object(
            "What is kept of one stream, below `blobs/`.",
            &["sha256", "bytes", "whole"],
            vec![
                ("sha256", sha256()),
                ("bytes", count()),
                ("whole", json!({"type": "boolean"})),
            ],
        )
    };
    object(
        "One program and its outputs.",
        &["record", "stdout", "stderr"],
        vec![
            ("record", object("What was seen of it.", &names, record)),
            ("stdout", kept()),
            ("stderr", kept()),
        ],
    )
}

fn exit() -> Value {
    let limits = words(&[Limit::Memory, Limit::Disk, Limit::Files, Limit::Uncounted]);
    kinds(vec![
        ("code", vec![("code", whole())]),
        ("signal", vec![("signal", whole())]),
        ("timed_out", vec![("after_s", count())]),
        ("cancelled", Vec::new()),
        ("too_much_output", vec![("limit_bytes", count())]),
        ("over_limit", vec![("limit", limits), ("max", count())]),
    ])
}

fn outcome() -> Value {
    kinds(vec![
        ("passed", Vec::new()),
        ("failed", vec![("reasons", list(text()))]),
        ("needs_human", vec![("reason", text())]),
    ])
}

fn policy() -> Value {
    let untried = [Untried::Allow, Untried::Verifier, Untried::Person];
    object(
        "What the outcome was judged by; a short table has none.",
        &[],
        vec![
            ("score_min", count()),
            ("applicable_min", count()),
            ("required", list(words(&Check::ALL))),
            ("untried", words(&untried)),
        ],
    )
}

/// One of several forms, told by its `kind`.
fn kinds(forms: Vec<(&str, Vec<(&'static str, Value)>)>) -> Value {
    let form = |(kind, mut fields): (&str, Vec<(&'static str, Value)>)| {
        fields.insert(0, ("kind", json!({"const": kind})));
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        bare(&names, fields)
    };
    json!({"oneOf": forms.into_iter().map(form).collect::<Vec<_>>()})
}

fn object(what: &str, required: &[&str], fields: Vec<(&'static str, Value)>) -> Value {
    said(what, bare(required, fields))
}

fn bare(required: &[&str], fields: Vec<(&'static str, Value)>) -> Value {
    let fields = fields.into_iter().map(|(name, of)| (name.to_owned(), of));
    json!({
        "type": "object",
        "properties": fields.collect::<Map<_, _>>(),
        "required": required,
        "additionalProperties": false,
    })
}

fn said(what: &str, mut schema: Value) -> Value {
    if let Value::Object(keys) = &mut schema {
        keys.insert("description".to_owned(), what.into());
    }
    schema
}

fn list(of: Value) -> Value {
    json!({"type": "array", "items": of})
}

/// The words that a type is stored by.
fn words<T: Serialize>(all: &[T]) -> Value {
    json!({"enum": serde_json::to_value(all).expect("words have a JSON form")})
}

fn one_of(all: &[&str]) -> Value {
    json!({"enum": all})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn whole() -> Value {
    json!({"type": "integer"})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

/// Lower-case hex; 64 digits.
fn sha256() -> Value {
    json!({"type": "string", "minLength": 64, "maxLength": 64})
}

/// The full hex of a commit, by SHA-1 or by SHA-256.
fn commit() -> Value {
    json!({"type": "string", "minLength": 40, "maxLength": 64})
}

#[cfg(test)]
mod tests {
    use alai_core::json_schema::JsonSchema;
    use alai_core::qa::{Policy, judge};

    use super::super::verify::testing::{made_with, measured};
    use super::super::verify::verify;
    use super::*;

    #[test]
    fn the_committed_schema_is_the_one_that_is_made() {
        let committed = include_str!("../../../../docs/schema/evidence.v1.json");
        assert!(
            committed == schema_text(),
            "write this to docs/schema/evidence.v1.json:\n{}",
            schema_text()
        );
    }

    fn reads(mut schema: Value) -> JsonSchema {
        // An id is where the file lies and holds a value to nothing.
        schema.as_object_mut().expect("an object").remove("$id");
        JsonSchema::read(schema).expect("a schema that is checked whole")
    }

    #[test]
    fn what_is_sealed_is_valid_and_a_slip_is_not() {
        let schema = reads(schema());
        let policy = Policy {
            required: [Check::LintFormatTypes].into(),
            ..Policy::default()
        };
        for failing in [None, Some(Check::NoSecrets)] {
            let made = made_with(&judge(&measured(failing), policy.clone()));
            let verified = verify(&made.dir(), &made.key.public()).expect("untouched");
            let sealed = serde_json::to_value(&verified.statement.predicate).expect("JSON");
            assert_eq!(schema.wrong(&sealed), Vec::<String>::new());
            let slips: [(&str, Value); 6] = [
                ("/about/head", "main".into()),
                ("/about/kind", "party".into()),
                ("/commands/0/record/exit", json!({"kind": "code"})),
                ("/checks/0/result", "skipped".into()),
                ("/outcome", json!({"kind": "passed", "reasons": []})),
                ("/artifacts/0/bytes", json!(-1)),
            ];
            for (at, slip) in slips {
                let mut changed = sealed.clone();
                *changed.pointer_mut(at).expect("a place") = slip;
                assert!(!schema.wrong(&changed).is_empty(), "{at}");
            }
            let mut more = sealed.clone();
            more["memory"] = "a note".into();
            assert!(!schema.wrong(&more).is_empty(), "memory is no evidence");
        }
    }

    #[test]
    fn every_way_to_end_has_a_form() {
        use alai_core::record::Exit;
        let schema = reads(exit());
        for exit in [
            Exit::Code { code: -1 },
            Exit::Signal { signal: 9 },
            Exit::TimedOut { after_s: 1 },
            Exit::Cancelled,
            Exit::TooMuchOutput { limit_bytes: 1 },
            Exit::OverLimit {
                limit: Limit::Disk,
                max: 1,
            },
        ] {
            let value = serde_json::to_value(exit).expect("JSON");
            assert_eq!(schema.wrong(&value), Vec::<String>::new(), "{value}");
        }
    }
}
