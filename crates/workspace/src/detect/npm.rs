//! JavaScript and TypeScript with npm, pnpm or yarn.

use serde_json::{Map, Value};

use super::{Commands, Folder};

/// What `npm init` writes as a test, and what is left of it by those who edit it.
const NO_TEST: &str = "no test specified";

pub(super) fn commands(folder: &Folder<'_>) -> Option<Commands> {
    let manifest = folder.read("package.json")?;
    let mut notes = Vec::new();
    let Ok(Value::Object(manifest)) = serde_json::from_str::<Value>(&manifest) else {
        notes.push("package.json is not a JSON object; set the commands yourself".to_owned());
        return Some(Commands {
            notes,
            ..Commands::default()
        });
    };
    let (runner, setup) = setup(folder, &manifest, &mut notes);
    let script = |name: &str| {
        let text = manifest.get("scripts")?.get(name)?.as_str()?.trim();
        (!text.is_empty() && !text.contains(NO_TEST)).then_some(())
    };
    let test = script("test").map(|()| format!("{runner} test"));
    if test.is_none() {
        notes.push("package.json has no test script".to_owned());
    }
    Some(Commands {
        setup,
        test,
        build: script("build").map(|()| format!("{runner} run build")),
        lint: script("lint").map(|()| format!("{runner} run lint")),
        notes,
    })
}

fn setup(
    folder: &Folder<'_>,
    manifest: &Map<String, Value>,
    notes: &mut Vec<String>,
) -> (&'static str, Option<String>) {
    if folder.has("package-lock.json") || folder.has("npm-shrinkwrap.json") {
        return ("npm", Some("npm ci".to_owned()));
    }
    if folder.has("pnpm-lock.yaml") {
        notes.push("pnpm-lock.yaml: pnpm must be installed on this machine".to_owned());
        return ("pnpm", Some("pnpm install --frozen-lockfile".to_owned()));
    }
    if folder.has("yarn.lock") {
        notes.push("yarn.lock: yarn must be installed on this machine".to_owned());
        // Yarn 2 and later have their own configuration file and another word for the same.
        let word = if folder.has(".yarnrc.yml") {
            "--immutable"
        } else {
            "--frozen-lockfile"
        };
        return ("yarn", Some(format!("yarn install {word}")));
    }
    let wants_some = [
        "dependencies",
        "devDependencies",
        "optionalDependencies",
        "workspaces",
    ]
    .iter()
    .any(|kind| match manifest.get(*kind) {
        Some(Value::Object(wanted)) => !wanted.is_empty(),
        Some(Value::Array(wanted)) => !wanted.is_empty(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => false,
    });
    if !wants_some {
        return ("npm", None);
    }
    notes.push("no lockfile: versions are chosen at set-up; commit package-lock.json for repeatable builds".to_owned());
    ("npm", Some("npm install --no-audit --no-fund".to_owned()))
}
