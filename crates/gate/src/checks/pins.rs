//! Which versions of which packages a lockfile pins, from where and with which checksum, with the licence where it tells.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::advisories::{CARGO, canonical};
use crate::paths;

/// What a lockfile says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pins {
    /// Each with its licence as the lockfile has it.
    pub(crate) pins: BTreeMap<Pin, Option<String>>,
    /// Packages that the lockfile takes for the project's own.
    pub(crate) own: BTreeSet<String>,
    /// What may bring a package and is not read here, as written.
    pub(crate) unread: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pin {
    /// As OSV names it.
    pub(crate) ecosystem: &'static str,
    pub(crate) name: String,
    pub(crate) version: String,
    /// `None` for the registry that the ecosystem's tools are shipped with.
    pub(crate) elsewhere: Option<String>,
    /// As written; of several files all of them, in order.
    pub(crate) checksum: Option<String>,
}

const CARGO_SOURCES: [&str; 2] = [
    "registry+https://github.com/rust-lang/crates.io-index",
    concat!("sparse+https://index.crates", ".io/"),
];
/// The second is what Yarn 1 calls the first.
const NPM: [&str; 2] = [
    concat!("https://registry.npmjs", ".org/"),
    "https://registry.yarnpkg.com/",
];
const PYTHON_INDEX: &str = concat!("https://pypi", ".org/simple");
const PYTHON_FILES: &str = concat!("https://files.pythonhosted", ".org/");
/// Where there should be a word and is none.
const NOWHERE: &str = "a place that is not said";

/// What a lockfile pins. `None` for a file that is none, or one whose form is not read here.
///
/// # Errors
/// The reason when it cannot be read as what its name says.
pub(crate) fn pins(path: &str, text: &str) -> Result<Option<Pins>, String> {
    let name = paths::name(path);
    match name {
        "Cargo.lock" => toml_packages(name, text).map(Some),
        "uv.lock" | "poetry.lock" | "pdm.lock" => toml_packages(name, text).map(Some),
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
        elsewhere: None,
        checksum: None,
    }
}

fn toml_packages(lock: &str, text: &str) -> Result<Pins, String> {
    let table = text
        .parse::<::toml::Table>()
        .map_err(|e| format!("it is no TOML ({})", e.message()))?;
    let packages = table.get("package").and_then(::toml::Value::as_array);
    let mut found = Pins::default();
    for package in packages.into_iter().flatten() {
        let field = |name: &str| package.get(name).and_then(::toml::Value::as_str);
        let ecosystem = match lock {
            "Cargo.lock" => CARGO,
            _ => "PyPI",
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
        let (Some(name), Some(version)) = (field("name"), field("version")) else {
            if !own {
                found.unread.insert(package.to_string());
            }
            continue;
        };
        if own {
            found.own.insert(canonical(ecosystem, name));
            continue;
        }
        let mut pin = pin(ecosystem, name, version);
        match ecosystem {
            CARGO => {
                let source = field("source").unwrap_or(NOWHERE);
                pin.elsewhere = (!CARGO_SOURCES.contains(&source)).then(|| source.to_owned());
                pin.checksum = field("checksum").map(str::to_owned);
            }
            _ => {
                pin.elsewhere = python_elsewhere(lock, package);
                pin.checksum = python_hashes(package);
            }
        }
        found.pins.insert(pin, None);
    }
    Ok(found)
}

/// The files of a package as uv (`sdist`, `wheels`), poetry and pdm (`files`) list them.
fn python_files(package: &::toml::Value) -> impl Iterator<Item = &::toml::Value> {
    let lists = ["wheels", "files"].into_iter();
    let lists = lists.filter_map(|key| package.get(key).and_then(::toml::Value::as_array));
    package.get("sdist").into_iter().chain(lists.flatten())
}

fn python_elsewhere(lock: &str, package: &::toml::Value) -> Option<String> {
    let places = ["git", "url", "path"].into_iter();
    if let Some(place) = places.filter_map(|key| package.get(key)).next() {
        return Some(place.to_string());
    }
    let registry = match (package.get("source"), lock) {
        (None, "uv.lock") => return Some(NOWHERE.to_owned()),
        (None, _) => PYTHON_INDEX,
        (Some(source), _) => match source.get("registry").and_then(::toml::Value::as_str) {
            Some(registry) => registry,
            None => return Some(source.to_string()),
        },
    };
    if registry.trim_end_matches('/') != PYTHON_INDEX {
        return Some(registry.to_owned());
    }
    let mut urls = python_files(package).filter_map(|file| file.get("url"));
    let other = urls.find(|url| {
        !url.as_str()
            .is_some_and(|url| url.starts_with(PYTHON_FILES))
    });
    other.map(ToString::to_string)
}

/// `None` where one of the files has no hash, or there is none.
fn python_hashes(package: &::toml::Value) -> Option<String> {
    let hash = |file: &::toml::Value| file.get("hash")?.as_str().map(str::to_owned);
    let mut hashes = python_files(package)
        .map(hash)
        .collect::<Option<Vec<String>>>()?;
    hashes.sort();
    (!hashes.is_empty()).then(|| hashes.join(" "))
}

fn npm(text: &str) -> Result<Pins, String> {
    let json: Json = serde_json::from_str(text).map_err(|e| format!("it is no JSON ({e})"))?;
    let mut found = Pins::default();
    for (path, package) in json["packages"].as_object().into_iter().flatten() {
        let Some((_, name)) = path.rsplit_once("node_modules/") else {
            continue;
        };
        // An alias has its real name inside.
        let name = package["name"].as_str().unwrap_or(name);
        let Some(version) = package["version"].as_str() else {
            match package["link"].as_bool() {
                Some(true) => found.own.insert(name.to_owned()),
                _ => found.unread.insert(format!("{path} {package}")),
            };
            continue;
        };
        let licence = package["license"].as_str().map(str::to_owned);
        found.pins.insert(npm_pin(name, version, package), licence);
    }
    if json["packages"].is_null() {
        old_npm(&json["dependencies"], &mut found, 0);
    }
    Ok(found)
}

/// The registry's file of this very package: one of another package under its name is from elsewhere.
fn npm_pin(name: &str, version: &str, package: &Json) -> Pin {
    let resolved = package["resolved"].as_str().unwrap_or(NOWHERE);
    let is_its_own = NPM.iter().any(|registry| {
        let rest = resolved.strip_prefix(registry);
        let rest = rest.and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| {
            rest.starts_with("/-/") && rest.ends_with(&format!("-{version}.tgz"))
        })
    });
    Pin {
        elsewhere: (!is_its_own).then(|| resolved.to_owned()),
        checksum: package["integrity"].as_str().map(str::to_owned),
        ..pin("npm", name, version)
    }
}

/// Deeper than any tree that npm makes; a file may be anybody's.
const DEPTH_MAX: u32 = 100;

/// Version 1 of the file: a tree.
fn old_npm(dependencies: &Json, found: &mut Pins, depth: u32) {
    for (name, package) in dependencies.as_object().into_iter().flatten() {
        match package["version"].as_str() {
            Some(version) => found
                .pins
                .insert(npm_pin(name, version, package), None)
                .is_none(),
            None => found.unread.insert(format!("{name} {package}")),
        };
        match depth < DEPTH_MAX {
            true => old_npm(&package["dependencies"], found, depth + 1),
            false => {
                found.unread.insert(format!("{name}, which lies too deep"));
            }
        }
    }
}

fn go_sum(text: &str) -> Pins {
    let mut found = Pins::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            // The line of a `go.mod` alone: the module was looked at and is not built.
            [_, version, _] if version.ends_with("/go.mod") => {}
            [name, version, sum] => {
                let checksum = Some(sum.to_owned());
                let pin = pin("Go", name, version);
                found.pins.insert(Pin { checksum, ..pin }, None);
            }
            _ => {
                found.unread.insert(line.to_owned());
            }
        }
    }
    found
}

/// A line goes on behind a backslash. Options and whatever pins no single version may bring any package.
fn requirements(text: &str) -> Pins {
    const PLACES: [&str; 6] = [
        "-i",
        "-f",
        "--index-url",
        "--extra-index-url",
        "--find-links",
        "--pre",
    ];
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let lines = joined
        .lines()
        .map(|line| match line.trim_start().starts_with('#') {
            true => "",
            false => line.split(" #").next().unwrap_or_default().trim(),
        });
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let places = lines
        .iter()
        .filter(|line| PLACES.iter().any(|place| line.starts_with(place)));
    let places: Vec<&str> = places.copied().collect();
    let elsewhere = (!places.is_empty()).then(|| places.join(" "));
    let mut found = Pins::default();
    for line in lines {
        match requirement(line) {
            Some(pin) => {
                let elsewhere = elsewhere.clone();
                found.pins.insert(Pin { elsewhere, ..pin }, None);
            }
            None => {
                found.unread.insert(line.to_owned());
            }
        }
    }
    found
}

/// `name[extra]==version ; marker --hash=...`, and nothing else.
fn requirement(line: &str) -> Option<Pin> {
    let (line, hashes) = match line.split_once(" --hash") {
        Some((line, hashes)) => (line, Some(format!("--hash{hashes}"))),
        None => (line, None),
    };
    let mut hashes: Vec<&str> = hashes
        .iter()
        .flat_map(|all| all.split_whitespace())
        .collect();
    if hashes.iter().any(|word| !word.starts_with("--hash=")) {
        return None;
    }
    hashes.sort_unstable();
    let line = line.split(';').next()?.trim();
    let (name, version) = line.split_once("==")?;
    let name = name.split('[').next()?.trim();
    let version = version.trim_start_matches('=').trim();
    let word = |text: &str, others: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
        !text.is_empty() && text.chars().all(known)
    };
    let checksum = (!hashes.is_empty()).then(|| hashes.join(" "));
    let is_one = word(name, "-_.") && word(version, "-_.!+");
    is_one.then(|| Pin {
        checksum,
        ..pin("PyPI", name, version)
    })
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
        pins.pins.into_iter().map(shown).collect()
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
        let left = pins("requirements-dev.txt", list).expect("readable");
        let left = left.expect("a list of pins").unread;
        assert_eq!(Vec::from_iter(left), ["-r more.txt", "open>=1"]);
        assert_eq!(pins("yarn.lock", "x"), Ok(None));
        assert!(pins("package-lock.json", "{").is_err());
    }
}
