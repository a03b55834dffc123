//! A company from nothing, or from another one: whole and valid from its first moment, so that changing it is all that is left.

use alai_core::company::{Company, Stage};
use alai_core::parcel::Files;
use include_dir::{Dir, include_dir};
use serde_json::{Map, Value, json};

use super::{Coming, ExchangeError, bring::judged, renamed};
use crate::home::Home;
use crate::models::Models;

static BLANK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/exchange/blank");
/// Stands in the blank pack where the company's name goes.
const NAME: &str = "NAME";
/// How much the company's own name weighs as the first of its keywords: it alone decides, and little more.
const OWN_NAME_WEIGHT: u32 = 5;

/// A new company, ready to come in. `from` is the one whose texts it begins with.
///
/// # Errors
/// When there is one of this name, or the name is none.
pub fn blank(
    home: &Home,
    models: &Models,
    name: &str,
    stages: &[Stage],
    from: Option<(&Company, Files)>,
) -> Result<Coming, ExchangeError> {
    let mut files = match from {
        Some((company, files)) => renamed(&files, &company.name, name)?,
        None => renamed(&texts(), NAME, name)?,
    };
    edit(&mut files, "company.json", |card| {
        let roles = stages
            .iter()
            .map(|stage| (stage.as_str().to_owned(), json!(stage.role().as_str())));
        card.insert("stages".into(), Value::Object(roles.collect()));
        card.insert("version".into(), json!("1.0.0"));
        // The words of the other would share its tasks out between the two.
        card.insert(
            "routing".into(),
            json!({"keywords": {name.to_lowercase(): OWN_NAME_WEIGHT}, "negative": {}}),
        );
    });
    edit(&mut files, "config.json", |config| walks(config, stages));
    let coming = judged(home, models, name.to_owned(), files, Vec::new())?;
    match coming.is_new() {
        true => Ok(coming),
        false => Err(ExchangeError::Exists {
            name: name.to_owned(),
        }),
    }
}

fn texts() -> Files {
    let mut found = Files::new();
    let mut folders = vec![&BLANK];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            let path = file.path().to_string_lossy().into_owned();
            let text = file.contents_utf8().unwrap_or_default().to_owned();
            found.insert(path, text);
        }
    }
    found
}

/// Each stage has its blueprint; those of stages that the company does not work at go.
fn walks(config: &mut Map<String, Value>, stages: &[Stage]) {
    let mut walks = match config.remove("blueprints") {
        Some(Value::Object(walks)) => walks,
        Some(_) | None => Map::new(),
    };
    for stage in Stage::ALL {
        let key = stage.as_str();
        match stages.contains(&stage) {
            true if !walks.contains_key(key) => walks.insert(key.into(), json!(usual(stage))),
            // These two are types of work as well, and a builder does them.
            false
                if matches!(stage, Stage::Docs | Stage::Review)
                    && stages.contains(&Stage::Build) =>
            {
                None
            }
            false => walks.shift_remove(key),
            true => None,
        };
    }
    config.insert("blueprints".into(), Value::Object(walks));
}

fn usual(stage: Stage) -> &'static str {
    match stage {
        Stage::Build | Stage::Ops => "minion-one-shot",
        Stage::Docs => "minion-docs",
        Stage::Review | Stage::Security => "review-readonly",
    }
}

/// What is no JSON object stays as it is, and is refused where the pack is read.
fn edit(files: &mut Files, path: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    let Some(text) = files.get_mut(path) else {
        return;
    };
    let Ok(Value::Object(mut object)) = serde_json::from_str::<Value>(text) else {
        return;
    };
    change(&mut object);
    if let Ok(written) = serde_json::to_string_pretty(&object) {
        *text = written + "\n";
    }
}
