//! Which versions of which packages a lockfile pins, with the licence where it tells.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::advisories::{CARGO, canonical};
use crate::paths;

/// A pinned version, and its licence as the lockfile has it.
pub(crate) type Pins = BTreeMap<Pin, Option<String>>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pin {
    /// As OSV names it.
    pub(crate) ecosystem: &'static str,
    pub(crate) name: String,
    pub(crate) version: String,
}

/// What a lockfile pins. `None` for a file that is none, or one whose form is not read here.
///
/// # Errors
/// The reason when it cannot be read as what its name says.
pub(crate) fn pins(path: &str, text: &str) -> Result<Option<Pins>, String> {
    let name = paths::name(path);
    match name {
        "Cargo.lock" => toml_packages(CARGO, text).map(Some),
        "uv.lock" | "poetry.lock" | "pdm.lock" => toml_packages("PyPI", text).map(Some),
        "package-lock.json" | "npm-shrinkwrap.json" => npm(text).map(Some),
        "go.sum" => Ok(Some(go_sum(text))),
        _ if is_requirements(name) => Ok(Some(requirements(text))),
        _ => Ok(None),
    }
}

/// Whether its name is that of a list of pins for pip.
pub(crate) fn is_requirements(name: &str) -> bool {
    name.ends_with(".txt") && (name.starts_with("requirements") || name.starts_with("constraints"))
}

fn pin(ecosystem: &'static str, name: &str, version: &str) -> Pin {
    Pin {
        ecosystem,
        name: canonical(ecosystem, name),
        version: version.to_owned(),
    }
}

fn toml_packages(ecosystem: &'static str, text: &str) -> Result<Pins, String> {
    let table = text
        .parse::<::toml::Table>()
        .map_err(|e| format!("it is no TOML ({})", e.message()))?;
    let packages = table.get("package").and_then(::toml::Value::as_array);
    let mut found = Pins::new();
    for package in packages.into_iter().flatten() {
        let field = |name: &str| package.get(name).and_then(::toml::Value::as_str);
        let (Some(name), Some(version)) = (field("name"), field("version")) else {
            continue;
        };
        // A member of the project has no source: cargo leaves it out, uv says `editable` or `virtual`.
        let source = package.get("source");
        let own = match ecosystem {
            CARGO => source.is_none(),
            _ => source.and_then(::toml::Value::as_table).is_some_and(|t| {
                ["editable", "virtual", "directory"]
                    .iter()
                    .any(|key| t.contains_key(*key))
            }),
        };
        if !own {
            found.insert(pin(ecosystem, name, version), None);
        }
    }
    Ok(found)
}

fn npm(text: &str) -> Result<Pins, String> {
    let json: Json = serde_json::from_str(text).map_err(|e| format!("it is no JSON ({e})"))?;
    let mut found = Pins::new();
    for (path, package) in json["packages"].as_object().into_iter().flatten() {
        let Some((_, name)) = path.rsplit_once("node_modules/") else {
            continue;
        };
        // An alias has its real name inside.
        let name = package["name"].as_str().unwrap_or(name);
        if let Some(version) = package["version"].as_str() {
            let licence = package["license"].as_str().map(str::to_owned);
            found.insert(pin("npm", name, version), licence);
        }
    }
    if json["packages"].is_null() {
        old_npm(&json["dependencies"], &mut found, 0);
    }
    Ok(found)
}

/// Deeper than any tree that npm makes; a file may be anybody's.
const DEPTH_MAX: u32 = 100;

/// Version 1 of the file: a tree.
fn old_npm(dependencies: &Json, found: &mut Pins, depth: u32) {
    for (name, package) in dependencies.as_object().into_iter().flatten() {
        if let Some(version) = package["version"].as_str() {
            found.insert(pin("npm", name, version), None);
        }
        if depth < DEPTH_MAX {
            old_npm(&package["dependencies"], found, depth + 1);
        }
    }
}

fn go_sum(text: &str) -> Pins {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next()?, words.next()?);
        // The line of a `go.mod` alone: the module was looked at and is not built.
        (!version.ends_with("/go.mod")).then(|| (pin("Go", name, version), None))
    };
    text.lines().filter_map(line).collect()
}

fn requirements(text: &str) -> Pins {
    let line = |line: &str| {
        let line = line.split('#').next()?.split(';').next()?;
        let line = line.trim().trim_end_matches('\\').trim();
        let (name, version) = line.split_once("==")?;
        let name = name.split('[').next()?.trim();
        let version = version.split_whitespace().next()?.trim_start_matches('=');
        let plain = !name.is_empty() && !version.contains(['*', ',']);
        plain.then(|| (pin("PyPI", name, version), None))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, text: &str) -> Vec<String> {
        let pins = pins(path, text).expect("readable").expect("a lockfile");
        let shown = |(pin, licence): (Pin, Option<String>)| {
            let licence = licence.map(|l| format!(" ({l})")).unwrap_or_default();
            format!("{} {} {}{licence}", pin.ecosystem, pin.name, pin.version)
        };
        pins.into_iter().map(shown).collect()
    }

    #[test]
    fn each_lockfile_names_its_versions() {
        let cargo = "[[package]]\nname='own'\nversion='0.1.0'\n[[package]]\nname='serde'\nversion='1.0.1'\nsource='registry'\n";
        assert_eq!(
            read("a/Cargo.lock", cargo),
            [format!("{CARGO} serde 1.0.1")]
        );
        let npm = r#"{"packages": {"": {"version": "1.0.0"}, "node_modules/a": {"version": "1.2.3", "license": "MIT"},
            "node_modules/a/node_modules/@x/b": {"version": "2.0.0"}, "packages/own": {"version": "1.0.0"}}}"#;
        assert_eq!(
            read("package-lock.json", npm),
            ["npm @x/b 2.0.0", "npm a 1.2.3 (MIT)"]
        );
        let old = r#"{"dependencies": {"a": {"version": "1.0.0", "dependencies": {"b": {"version": "2.0.0"}}}}}"#;
        assert_eq!(
            read("package-lock.json", old),
            ["npm a 1.0.0", "npm b 2.0.0"]
        );
        let uv = "[[package]]\nname='own'\nversion='1'\nsource={editable='.'}\n[[package]]\nname='My_Pkg'\nversion='2.0'\nsource={registry='r'}\n";
        assert_eq!(read("uv.lock", uv), ["PyPI my-pkg 2.0"]);
        let poetry = "[[package]]\nname='idna'\nversion='3.7'\n";
        assert_eq!(read("poetry.lock", poetry), ["PyPI idna 3.7"]);
        let sum = "example.org/x v1.0.0 h1:a=\nexample.org/x v1.0.0/go.mod h1:b=\nexample.org/y v0.9.0/go.mod h1:c=\n";
        assert_eq!(read("go.sum", sum), ["Go example.org/x v1.0.0"]);
        let list = "# pinned\nFlask[async]==3.0.0 ; python_version > '3'  # web\nidna==3.7 \\\n  --hash=sha256:a\nopen>=1\n-r more.txt\n";
        assert_eq!(
            read("requirements-dev.txt", list),
            ["PyPI flask 3.0.0", "PyPI idna 3.7"]
        );
        assert_eq!(pins("yarn.lock", "x"), Ok(None));
        assert!(pins("package-lock.json", "{").is_err());
    }
}
