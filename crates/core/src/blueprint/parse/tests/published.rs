//! The published JSON Schema of blueprints: made of what the reader knows, and the same as the reader in both directions.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::Value;

use super::broken::table;
use super::*;

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).expect("a schema that another library reads")
}

/// A file as another library sees it.
fn value_of(text: &str) -> Option<Value> {
    yaml::read(text).ok()
}

#[test]
fn the_committed_schema_is_the_one_that_is_made() {
    let committed = include_str!("../../../../../../docs/schema/blueprint.v1.json");
    assert!(
        committed == schema_text(),
        "docs/schema/blueprint.v1.json is not what `alai schema blueprint` prints; write that there"
    );
    assert!(jsonschema::meta::is_valid(&schema()));
}

#[test]
fn every_blueprint_that_is_read_is_valid() {
    let validator = validator();
    let mut files: Vec<(String, String)> = shipped().into_iter().collect();
    let handbook = include_str!("../../../../../../docs/PACKS.md");
    let blocks = handbook.split("```").skip(1).step_by(2);
    let blocks = blocks.filter_map(|block| block.strip_prefix("yaml\n"));
    let blocks = blocks.filter(|block| block.starts_with("version:"));
    files.extend(blocks.map(|block| ("the handbook".to_owned(), block.to_owned())));
    files.push(("base".into(), BASE.to_owned()));
    for (root, depth) in [("../../blueprints", 1), ("../../companies", 3)] {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
        files.extend(found(&root, depth));
    }
    assert!(files.len() >= 10, "{} files", files.len());
    for (name, text) in files {
        let value = value_of(&text).unwrap_or_else(|| panic!("{name} is no YAML"));
        let wrong = validator.iter_errors(&value);
        let wrong: Vec<String> = wrong
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{name}: {}", wrong.join("; "));
    }
}

/// Blueprints in a folder, and in the folders of companies.
fn found(root: &std::path::Path, depth: usize) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        let name = path.display().to_string();
        if path.is_dir() {
            let other = |part: &str| name.contains(&format!("/{part}"));
            if depth > 1 && !other("agents") && !other("skills") && !other("templates") {
                files.extend(found(&path, depth - 1));
            }
        } else if name.contains("blueprints") && name.ends_with(".yaml") {
            files.push((name, std::fs::read_to_string(&path).expect("text")));
        }
    }
    files
}

#[test]
fn what_has_a_wrong_form_is_refused_by_it_and_what_has_not_is_taken() {
    let validator = validator();
    let mut wrong = Vec::new();
    for broken in table() {
        let Some(value) = value_of(&broken.text) else {
            continue;
        };
        if validator.is_valid(&value) == broken.form {
            wrong.push(format!("{}: form is {}", broken.what, broken.form));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The keys of a mapping as the reader names them, at a place that `around` leads to: an unknown key is answered with all.
fn read_at(around: &str) -> BTreeSet<String> {
    let text = around.replace("HERE", "qqqqqqqqqqqq: 1");
    match parse(&text, "b") {
        Err(BlueprintError::UnknownKey { hint, .. }) => {
            let known = hint.strip_prefix("known are ").expect(&hint);
            { known.split(", ") }
                .map(|key| key.trim_matches('`').to_owned())
                .collect()
        }
        other => panic!("{text}\n{other:?}"),
    }
}

#[test]
fn the_reader_knows_the_same_keys_everywhere() {
    const FILE: &str = "version: 1\nname: b\n";
    for (place, around) in [
        ("", "HERE"),
        ("/inputs/additionalProperties", "inputs: {a: {HERE}}"),
        ("/defaults", "defaults: {HERE}"),
        ("/defaults/limits", "defaults: {limits: {HERE}}"),
        ("/steps/items", "steps: [{HERE}]"),
        ("/steps/items/with", "steps: [{id: a, with: {HERE}}]"),
        (
            "/steps/items/with/limits",
            "steps: [{id: a, with: {limits: {HERE}}}]",
        ),
        (
            "/steps/items/with/outputs/additionalProperties",
            "steps: [{id: a, with: {outputs: {o: {HERE}}}}]",
        ),
        ("/steps/items/retry", "steps: [{id: a, retry: {HERE}}]"),
        (
            "/steps/items/gates/items",
            "steps: [{id: a, gates: [{HERE}]}]",
        ),
        (
            "/steps/items/gates/items/json_schema",
            "steps: [{id: a, gates: [{json_schema: {HERE}}]}]",
        ),
    ] {
        let at = at(place);
        let keys = at["properties"].as_object().expect(place).keys().cloned();
        let keys: BTreeSet<String> = keys.collect();
        assert_eq!(keys, read_at(&format!("{FILE}{around}\n")), "{place}");
        assert_eq!(at["additionalProperties"], false, "{place}");
    }
}

/// What is meant beside `null`.
fn plain(schema: Value) -> Value {
    match schema.get("anyOf") {
        Some(all) => all[0].clone(),
        None => schema,
    }
}

/// Each key of each mapping with values of every type: what the reader takes is valid, and what it refuses for its form is not.
#[test]
fn the_reader_takes_the_same_values_everywhere() {
    const VALUES: [&str; 9] = ["null", "5", "-5", "true", "'a b'", "word", "5m", "[]", "{}"];
    let validator = validator();
    let places = [
        ("", "HERE"),
        ("/inputs/additionalProperties", "inputs: {a: {HERE}}"),
        ("/defaults", "defaults: {HERE}"),
        ("/defaults/limits", "defaults: {limits: {HERE}}"),
        ("/steps/items", "steps: [{id: a, HERE}]"),
        ("/steps/items/with", "steps: [{id: a, with: {HERE}}]"),
        (
            "/steps/items/with/limits",
            "steps: [{id: a, with: {limits: {HERE}}}]",
        ),
        ("/steps/items/retry", "steps: [{id: a, retry: {HERE}}]"),
        (
            "/steps/items/gates/items",
            "steps: [{id: a, gates: [{HERE}]}]",
        ),
    ];
    let mut wrong = Vec::new();
    for (place, around) in places {
        for key in at(place)["properties"].as_object().expect(place).keys() {
            if ["version", "name", "id"].contains(&key.as_str()) && place.len() < 13 {
                continue;
            }
            for value in VALUES {
                // These have a language of their own.
                if ["if", "patch"].contains(&key.as_str()) && value != "null" {
                    continue;
                }
                let here = around.replace("HERE", &format!("{key}: {value}"));
                let text = format!("version: 1\nname: b\n{here}\n");
                let valid = validator.is_valid(&value_of(&text).expect("YAML"));
                let read = parse(&text, "b");
                if read.is_ok() != valid {
                    wrong.push(format!(
                        "{place} {key}: {value}: valid is {valid}, read gives {:?}",
                        read.err()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The part of the schema at a place, without `null`.
fn at(place: &str) -> Value {
    let mut at = schema();
    for part in place.split('/').filter(|part| !part.is_empty()) {
        at = plain(at);
        at = match part {
            "items" | "additionalProperties" => at[part].clone(),
            key => at["properties"][key].clone(),
        };
    }
    plain(at)
}
