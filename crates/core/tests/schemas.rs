//! The published JSON Schemas of a pack's files and the reader of packs say the same: what is shipped passes both, and what a slip
//! makes of it passes neither.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alai_core::company::check;
use serde_json::{Value, json};

type Files = BTreeMap<String, String>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(dir: &Path, root: &Path, files: &mut Files) {
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(&path, root, files);
        } else {
            let inside = path
                .strip_prefix(root)
                .expect("inside")
                .display()
                .to_string();
            files.insert(inside, std::fs::read_to_string(&path).expect("a text"));
        }
    }
}

/// Every shipped pack by its name.
fn packs() -> BTreeMap<String, Files> {
    let companies = std::fs::read_dir(root().join("companies"))
        .expect("companies")
        .flatten();
    let packs = companies.map(|entry| {
        let mut files = Files::new();
        read(&entry.path(), &entry.path(), &mut files);
        (entry.file_name().to_string_lossy().into_owned(), files)
    });
    packs.collect()
}

fn schema(name: &str) -> jsonschema::Validator {
    let text = std::fs::read_to_string(root().join("docs/schema").join(name)).expect("a schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema of draft 2020-12")
}

/// The schema that a file is held to.
fn schema_of(file: &str) -> Option<&'static str> {
    match file {
        "company.json" => Some("company.v2.json"),
        "config.json" => Some("config.v2.json"),
        "config/mcp.json" => Some("mcp.v1.json"),
        _ if file.starts_with("agents/") => Some("agent.v2.json"),
        _ => None,
    }
}

/// YAML or JSON: the second is a part of the first.
fn value(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("it is read")
}

#[test]
fn what_is_shipped_passes() {
    let mut seen = 0;
    for (name, files) in packs() {
        for (file, text) in &files {
            let Some(schema_name) = schema_of(file) else {
                continue;
            };
            seen += 1;
            let value = value(text);
            let schema = schema(schema_name);
            let wrong = schema.validate(&value).err();
            assert!(
                wrong.is_none(),
                "{name}/{file}: {}",
                wrong.expect("it is there")
            );
        }
    }
    assert!(seen >= 4 * 5, "{seen} files");
}

#[test]
fn a_slip_passes_neither() {
    let whole = packs().remove("CodeCraft").expect("it is shipped");
    let server = |server: Value| json!({"add": {"git": server}});
    let mut slips: Vec<(&str, Value)> = Vec::new();
    let mut slip = |file: &'static str, change: &dyn Fn(&mut Value)| {
        let mut changed = value(&whole[file]);
        change(&mut changed);
        slips.push((file, changed));
    };
    slip("company.json", &|v| v["schema"] = json!(1));
    slip("company.json", &|v| v["kind"] = json!("x"));
    slip("company.json", &|v| v["version"] = json!("1.0"));
    slip("company.json", &|v| v["version"] = json!("01.0.0"));
    slip("company.json", &|v| v["type"] = json!(""));
    slip("company.json", &|v| v["stages"] = json!({}));
    slip("company.json", &|v| {
        v["stages"] = json!({"build": "reviewer"})
    });
    slip("company.json", &|v| {
        v["stages"] = json!({"buid": "builder"})
    });
    slip("company.json", &|v| v["default"] = json!(["nothing"]));
    slip("company.json", &|v| v["domains"] = json!(["cooking"]));
    slip("company.json", &|v| {
        v["routing"]["keywords"]["api"] = json!(11)
    });
    slip("company.json", &|v| v["routing"]["keyword"] = json!({}));
    slip("company.json", &|v| v["aliases"] = json!(["../x"]));
    slip("config.json", &|v| {
        v["blueprint"] = json!("minion-one-shot")
    });
    slip("config.json", &|v| v["agents"]["lead"]["model"] = json!(6));
    slip("config.json", &|v| {
        v["agents"]["lead"]["model"] = json!("a model")
    });
    slip("config.json", &|v| {
        v["agents"]["lead"]["type"] = json!("builder")
    });
    slip("config.json", &|v| v["agents"]["tester"] = json!({}));
    slip("config.json", &|v| {
        v["tier_overrides"]["nothing"] = json!(1)
    });
    slip("config.json", &|v| {
        v["blueprints"]["nothing"] = json!("minion-one-shot")
    });
    slip("config.json", &|v| v["blueprints"]["build"] = json!("../x"));
    slip("config.json", &|v| v["blueprints"]["build"] = json!([]));
    slip("config.json", &|v| {
        v["blueprints"]["build"] = json!(["minion-docs", "minion-docs"])
    });
    slip("config.json", &|v| {
        v["blueprints"]["plan"] = json!(["lead-delegates", "minion-docs"])
    });
    slip("agents/builder.yaml", &|v| v["tier"] = json!(2));
    slip("agents/builder.yaml", &|v| v["prompt"] = json!(""));
    slip("agents/builder.yaml", &|v| v["tools"] = json!(["read"]));
    slip("agents/builder.yaml", &|v| {
        v["tools"] = json!(["read", "read", "done"])
    });
    slip("agents/builder.yaml", &|v| {
        v["tools"] = json!(["fly", "done"])
    });
    slip("agents/builder.yaml", &|v| {
        v["constraints"]["allowed_paths"] = json!(["/etc/**"])
    });
    slip("agents/builder.yaml", &|v| {
        v["constraints"]["allowed_paths"] = json!(["src/../**"])
    });
    slip("config/mcp.json", &|v| v["servers"] = json!({}));
    slip("config/mcp.json", &|v| *v = server(json!({"args": []})));
    slip("config/mcp.json", &|v| *v = server(json!({"command": ""})));
    slip("config/mcp.json", &|v| {
        *v = server(json!({"command": "x", "env": {"A-B": "1"}}))
    });
    slip("config/mcp.json", &|v| {
        *v = server(json!({"command": "x", "cwd": "/"}))
    });
    slip("config/mcp.json", &|v| {
        *v = json!({"override": {"git": {}}})
    });
    for (file, changed) in slips {
        let name = schema_of(file).expect("it has one");
        assert!(!schema(name).is_valid(&changed), "{name} takes {changed}");
        let mut files = whole.clone();
        files.insert(file.to_owned(), changed.to_string());
        let wrong = check("CodeCraft", &files).err().unwrap_or_default();
        assert!(
            wrong.iter().any(|e| e.to_string().contains(file)),
            "the reader takes {changed}"
        );
    }
}
