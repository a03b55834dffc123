//! Reads manifests and lockfiles by meaning: which packages a project asks for, and from where.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::origins;
use crate::paths;

/// Files that package managers write. Their lines are no work of a builder.
pub(crate) const LOCKFILES: [&str; 14] = [
    "Cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "poetry.lock",
    "uv.lock",
    "Pipfile.lock",
    "pdm.lock",
    "go.sum",
    "Gemfile.lock",
    "composer.lock",
];

/// A package by name with what is asked of it, as written.
pub(crate) type Packages = BTreeMap<String, String>;

/// What kind of file it is for the dependencies check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manifest {
    Cargo,
    Npm,
    PyProject,
    Requirements,
    GoMod,
    /// Settings of a package manager: only what they say of where packages come from is read.
    Origin,
    /// A manifest whose language is not read: any change of it counts.
    Other,
    Lock,
}

pub(crate) fn kind(path: &str) -> Option<Manifest> {
    let name = paths::name(path);
    if origins::is_one(path) {
        return Some(Manifest::Origin);
    }
    match name {
        "Cargo.toml" => Some(Manifest::Cargo),
        "package.json" => Some(Manifest::Npm),
        "pyproject.toml" | "setup.cfg" => Some(Manifest::PyProject),
        "go.mod" => Some(Manifest::GoMod),
        "Pipfile"
        | "setup.py"
        | "Gemfile"
        | "composer.json"
        | "pom.xml"
        | "build.gradle"
        | "build.gradle.kts"
        | "pnpm-workspace.yaml"
        | "deno.json"
        | "go.work" => Some(Manifest::Other),
        name if LOCKFILES.contains(&name) => Some(Manifest::Lock),
        name if name.starts_with("requirements") && name.ends_with(".txt") => {
            Some(Manifest::Requirements)
        }
        name if name.starts_with("constraints") && name.ends_with(".txt") => {
            Some(Manifest::Requirements)
        }
        _ if is_list_for_pip(path) => Some(Manifest::Requirements),
        _ => None,
    }
}

/// How lists for pip are told apart; a text about what is required has another name.
const LISTS: [&str; 22] = [
    "all",
    "base",
    "build",
    "ci",
    "common",
    "default",
    "deploy",
    "dev",
    "develop",
    "development",
    "doc",
    "docs",
    "lint",
    "local",
    "main",
    "prod",
    "production",
    "runtime",
    "staging",
    "test",
    "tests",
    "typing",
];

/// `requirements/dev.txt`, `dev-requirements.txt`, and the `.in` that pip-compile makes them of.
fn is_list_for_pip(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let Some((stem, ending @ ("txt" | "in"))) = name.rsplit_once('.') else {
        return false;
    };
    let is_list = |word: &str| word == "requirements" || word == "constraints";
    let in_folder = parts.next().is_some_and(is_list) && LISTS.contains(&stem);
    let of_kind = { stem.rsplit_once(['-', '_', '.']) }
        .is_some_and(|(kind, word)| is_list(word) && LISTS.contains(&kind));
    in_folder || of_kind || ending == "in" && (is_list(stem) || stem.starts_with("requirements-"))
}

/// The packages a manifest or lockfile names.
///
/// # Errors
/// The reason when the file cannot be read as what its name says.
pub(crate) fn packages(path: &str, text: &str) -> Result<Packages, String> {
    match kind(path) {
        Some(Manifest::Cargo) => cargo(text),
        Some(Manifest::Npm) => npm(text),
        Some(Manifest::PyProject) if paths::name(path) == "setup.cfg" => Ok(setup_cfg(text)),
        Some(Manifest::PyProject) => pyproject(text),
        Some(Manifest::Requirements) => Ok(requirements(text)),
        Some(Manifest::GoMod) => Ok(go_mod(text)),
        Some(Manifest::Origin) => origins::said(path, text),
        Some(Manifest::Lock) if paths::name(path) == "Cargo.lock" => cargo_lock(text),
        Some(Manifest::Lock | Manifest::Other) => Ok(whole(text)),
        None => Ok(Packages::new()),
    }
}

/// The names under which a registry is asked, also where a manifest calls a package otherwise: `package = "x"` of cargo, `npm:x@1`, and
/// the tables of Python's tools.
pub(crate) fn asked_for(kind: Manifest, packages: &Packages) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, asked) in packages {
        let last = name.split_whitespace().next_back().unwrap_or(name);
        match kind {
            Manifest::Cargo => {
                let value = toml(&format!("x = {asked}")).ok();
                let renamed = value
                    .as_ref()
                    .and_then(|t| t.get("x")?.get("package")?.as_str());
                found.insert(renamed.unwrap_or(last).to_owned());
            }
            Manifest::Npm => {
                let aliases = asked.match_indices("npm:").map(|(at, sign)| {
                    let alias = &asked[at + sign.len()..];
                    let alias = alias.split('"').next().unwrap_or(alias);
                    let version = alias.rfind('@').filter(|at| *at > 0);
                    alias[..version.unwrap_or(alias.len())].to_owned()
                });
                let aliases: Vec<String> = aliases.collect();
                // Of several places one may say an alias, and another the name itself.
                if aliases.len() <= asked.matches(ALSO).count() {
                    found.insert(name.clone());
                }
                found.extend(aliases);
            }
            Manifest::PyProject if name.starts_with('[') => {
                let table = toml(&format!("x = {asked}")).unwrap_or_default();
                let is_group = name.ends_with(".group]");
                match (table.get("x"), is_group) {
                    (Some(::toml::Value::Table(groups)), true) => {
                        let inner = groups
                            .values()
                            .filter_map(|group| group.get("dependencies"));
                        inner.for_each(|value| python_names(value, &mut found));
                    }
                    (Some(value), _) => python_names(value, &mut found),
                    (None, _) => {}
                }
            }
            // What goes elsewhere is asked for by its own line, and a setting names no package.
            Manifest::Origin => {}
            Manifest::GoMod if name.starts_with(REPLACED) || name.starts_with(LOCAL) => {}
            Manifest::PyProject
            | Manifest::Requirements
            | Manifest::GoMod
            | Manifest::Lock
            | Manifest::Other => drop(found.insert(last.to_owned())),
        }
    }
    found
}

/// Of a table its keys, of a list its requirements, and of a table of lists theirs. `python` is the interpreter.
fn python_names(value: &::toml::Value, found: &mut BTreeSet<String>) {
    for (key, value) in value.as_table().into_iter().flatten() {
        let is_group =
            { value.as_array() }.is_some_and(|list| list.iter().all(::toml::Value::is_str));
        if is_group {
            python_names(value, found);
        } else if key != "python" {
            found.insert(python_name(key));
        }
    }
    let list = value.as_array().into_iter().flatten();
    found.extend(list.filter_map(::toml::Value::as_str).map(python_name));
}

/// A file that is only compared as a whole, line by line and whatever the order.
fn whole(text: &str) -> Packages {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.map(|line| (line.to_owned(), String::new())).collect()
}

fn toml(text: &str) -> Result<::toml::Table, String> {
    text.parse::<::toml::Table>()
        .map_err(|e| format!("it is no TOML ({})", e.message()))
}

fn cargo(text: &str) -> Result<Packages, String> {
    let mut found = Packages::new();
    let table = toml(text)?;
    cargo_tables(&table, "", &mut found);
    if let Some(workspace) = table.get("workspace").and_then(::toml::Value::as_table) {
        cargo_tables(workspace, "workspace ", &mut found);
    }
    for (target, value) in table
        .get("target")
        .and_then(::toml::Value::as_table)
        .into_iter()
        .flatten()
    {
        if let Some(inner) = value.as_table() {
            cargo_tables(inner, &format!("{target} "), &mut found);
        }
    }
    for key in ["patch", "replace"] {
        if let Some(value) = table.get(key) {
            found.insert(format!("[{key}]"), value.to_string());
        }
    }
    Ok(found)
}

/// Begins the name of a package that lies in the repository; its value is the folder, relative to the manifest's.
pub(crate) const LOCAL: &str = "path ";

fn cargo_tables(table: &::toml::Table, prefix: &str, found: &mut Packages) {
    for key in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, value) in table
            .get(key)
            .and_then(::toml::Value::as_table)
            .into_iter()
            .flatten()
        {
            if is_inherited(value) {
                continue;
            }
            let own = value.as_table().filter(|t| !t.contains_key("git"));
            match own
                .and_then(|t| t.get("path"))
                .and_then(::toml::Value::as_str)
            {
                // Part of the project, when it was there before: `dependencies` looks.
                Some(path) => found.insert(format!("{LOCAL}{prefix}{name}"), path.to_owned()),
                None => found.insert(format!("{prefix}{name}"), value.to_string()),
            };
        }
    }
}

/// `name.workspace = true` asks for what the workspace already names.
fn is_inherited(value: &::toml::Value) -> bool {
    value
        .as_table()
        .and_then(|t| t.get("workspace"))
        .and_then(::toml::Value::as_bool)
        == Some(true)
}

fn cargo_lock(text: &str) -> Result<Packages, String> {
    let table = toml(text)?;
    let packages = table
        .get("package")
        .and_then(::toml::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut found = Packages::new();
    for package in packages {
        let field = |name: &str| {
            package
                .get(name)
                .and_then(::toml::Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let source = field("source");
        // Without a source it is a member of the workspace.
        if !source.is_empty() {
            found.insert(
                format!("{} {}", field("name"), field("version")),
                format!("{source} {}", field("checksum")),
            );
        }
    }
    Ok(found)
}

fn npm(text: &str) -> Result<Packages, String> {
    let json: Json = serde_json::from_str(text).map_err(|e| format!("it is no JSON ({e})"))?;
    let mut found = Packages::new();
    for key in [
        "dependencies",
        "devDependencies",
        "peerDependencies",
        "optionalDependencies",
    ] {
        for (name, value) in json
            .get(key)
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
        {
            also(&mut found, name.clone(), value.to_string());
        }
    }
    for key in [
        "overrides",
        "resolutions",
        "bundleDependencies",
        "bundledDependencies",
        "packageManager",
        "workspaces",
    ] {
        if let Some(value) = json.get(key) {
            found.insert(format!("[{key}]"), value.to_string());
        }
    }
    for key in ["overrides", "packageExtensions", "patchedDependencies"] {
        if let Some(value) = json.get("pnpm").and_then(|pnpm| pnpm.get(key)) {
            found.insert(format!("[pnpm.{key}]"), value.to_string());
        }
    }
    Ok(found)
}

fn pyproject(text: &str) -> Result<Packages, String> {
    let table = toml(text)?;
    let mut found = Packages::new();
    let mut take = |place: &str, value: &::toml::Value| {
        for item in value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(::toml::Value::as_str)
        {
            also(&mut found, python_name(item), format!("{place} {item}"));
        }
    };
    if let Some(project) = table.get("project").and_then(::toml::Value::as_table) {
        project.get("dependencies").inspect(|v| take("", v));
        for (group, value) in project
            .get("optional-dependencies")
            .and_then(::toml::Value::as_table)
            .into_iter()
            .flatten()
        {
            take(group, value);
        }
    }
    for (group, value) in table
        .get("dependency-groups")
        .and_then(::toml::Value::as_table)
        .into_iter()
        .flatten()
    {
        take(group, value);
    }
    if let Some(requires) = table.get("build-system").and_then(|b| b.get("requires")) {
        take("build", requires);
    }
    for tool in ["poetry", "pdm", "uv"] {
        if let Some(tool_table) = table
            .get("tool")
            .and_then(|t| t.get(tool))
            .and_then(::toml::Value::as_table)
        {
            for (key, value) in tool_table.iter().filter(|(key, _)| {
                key.contains("dependencies")
                    || *key == "source"
                    || *key == "sources"
                    || *key == "group"
                    || origins::PYTHON.contains(&key.as_str())
            }) {
                found.insert(format!("[{tool}.{key}]"), value.to_string());
            }
        }
    }
    Ok(found)
}

/// What setuptools reads of `setup.cfg`: values on the key's line, or below it and set in.
fn setup_cfg(text: &str) -> Packages {
    let mut found = Packages::new();
    let (mut section, mut place) = (String::new(), None::<String>);
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        let value = if line.starts_with(char::is_whitespace) {
            bare
        } else if let Some(name) = bare.strip_prefix('[').and_then(|b| b.strip_suffix(']')) {
            (section, place) = (name.trim().to_owned(), None);
            continue;
        } else {
            let Some((key, value)) = bare.split_once(['=', ':']) else {
                continue;
            };
            let key = key.trim().to_lowercase().replace('-', "_");
            place = match (section.as_str(), key.as_str()) {
                ("options", "install_requires" | "setup_requires" | "tests_require") => Some(key),
                ("options", "dependency_links") => Some(key),
                ("options.extras_require", _) => Some(key),
                _ => None,
            };
            value.trim()
        };
        let Some(place) = &place else { continue };
        // A comma is also part of `a>=1,<2`, so that a line is one requirement; a `;` begins what it is asked for on.
        if !value.is_empty() {
            also(&mut found, python_name(value), format!("{place} {value}"));
        }
    }
    found
}

/// Between what several places ask of one package.
const ALSO: &str = "; also ";

/// A package may be asked for at several places: a change at any of them is one of what is asked.
fn also(found: &mut Packages, name: String, asked: String) {
    match found.entry(name) {
        Entry::Vacant(free) => drop(free.insert(asked)),
        Entry::Occupied(mut there) => there.get_mut().push_str(&format!("{ALSO}{asked}")),
    }
}

fn python_name(requirement: &str) -> String {
    let end = requirement
        .find(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)))
        .unwrap_or(requirement.len());
    requirement[..end].to_lowercase().replace(['_', '.'], "-")
}

fn requirements(text: &str) -> Packages {
    let mut found = Packages::new();
    for line in text
        .lines()
        .map(|l| l.split(" #").next().unwrap_or(l).trim())
    {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // An option such as `--index-url` decides where all packages come from.
        let name = if line.starts_with('-') {
            line.to_owned()
        } else {
            python_name(line)
        };
        also(&mut found, name, line.to_owned());
    }
    found
}

fn go_mod(text: &str) -> Packages {
    let mut found = Packages::new();
    let mut block = String::new();
    for line in text
        .lines()
        .map(|l| l.split("//").next().unwrap_or(l).trim())
        .filter(|l| !l.is_empty())
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [word, "("] => block = (*word).to_owned(),
            [")"] => block.clear(),
            ["require" | "exclude", name, rest @ ..] => {
                also(&mut found, (*name).to_owned(), rest.join(" "));
            }
            ["replace", rest @ ..] => replaced(rest, &mut found),
            rest if block == "replace" => replaced(rest, &mut found),
            [name, rest @ ..] if !block.is_empty() => {
                let asked = format!("{block} {}", rest.join(" "));
                also(&mut found, (*name).to_owned(), asked);
            }
            _ => {}
        }
    }
    own_modules(&mut found);
    found
}

/// A module of whatever version that goes to a folder of the repository is no foreign one: the line that asks for it fetches nothing.
fn own_modules(found: &mut Packages) {
    let folders: Vec<(String, String)> = found
        .iter()
        .filter_map(|(name, to)| Some((name.strip_prefix(REPLACED)?, to)))
        .filter(|(name, to)| !name.contains(' ') && to.starts_with(['.']))
        .map(|(name, to)| (name.to_owned(), to.clone()))
        .collect();
    for (name, to) in folders {
        found.remove(&name);
        found.remove(&format!("{REPLACED}{name}"));
        found.insert(format!("{LOCAL}{name}"), to);
    }
}

/// Begins the name of a module that goes elsewhere, so that it stands beside the line that asks for it, whichever comes first.
const REPLACED: &str = "replace ";

fn replaced(words: &[&str], found: &mut Packages) {
    let mut sides = words.split(|word| *word == "=>");
    let from = sides.next().unwrap_or_default().join(" ");
    let to = sides.next().unwrap_or_default().join(" ");
    found.insert(format!("{REPLACED}{from}"), to);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one place asks anew must not hide behind another that asks for the same package as before.
    #[test]
    fn a_package_that_two_places_ask_for_is_compared_at_both() {
        for (path, text, new) in [
            (
                "pyproject.toml",
                "[project]\ndependencies = [\"requests==2\"]\n[dependency-groups]\ndev = [\"requests\"]\n",
                "[project]\ndependencies = [\"requests @ https://example.org/r.whl\"]\n[dependency-groups]\ndev = [\"requests\"]\n",
            ),
            (
                "requirements.txt",
                "requests==2 ; python_version < '4'\nrequests==2\n",
                "requests==1 ; python_version < '4'\nrequests==2\n",
            ),
            (
                "package.json",
                r#"{"dependencies": {"a": "1"}, "optionalDependencies": {"a": "1"}}"#,
                r#"{"dependencies": {"a": "git+https://example.org/a"}, "optionalDependencies": {"a": "1"}}"#,
            ),
            (
                "setup.cfg",
                "[options]\ninstall_requires =\n    requests>=2,<3\n[options.extras_require]\ndev = requests\n",
                "[options]\ninstall_requires =\n    requests>=1,<3\n[options.extras_require]\ndev = requests\n",
            ),
        ] {
            let of = |text| packages(path, text).expect(text);
            assert_ne!(of(text), of(new), "{path}");
            assert_eq!(of(text).len(), 1, "{path}");
        }
    }

    #[test]
    fn an_alias_at_one_place_does_not_hide_the_name_at_another() {
        let text = r#"{"dependencies": {"evil": "1"}, "optionalDependencies": {"evil": "npm:left-pad@1"}}"#;
        let found = asked_for(Manifest::Npm, &packages("package.json", text).expect(text));
        assert_eq!(found, ["evil", "left-pad"].map(str::to_owned).into());
        let alone = r#"{"dependencies": {"pad": "npm:left-pad@1"}}"#;
        let found = asked_for(
            Manifest::Npm,
            &packages("package.json", alone).expect(alone),
        );
        assert_eq!(found, ["left-pad"].map(str::to_owned).into());
    }

    #[test]
    fn what_setuptools_reads_of_its_configuration_is_a_dependency_and_the_rest_is_none() {
        let text = "[metadata]\nname = shop\nrequires = no\n\n[options]\npackages = find:\ninstall_requires =\n    Requests >= 2\n    \
                    # why\n    attrs\nsetup-requires = wheel\n[options.extras_require]\ndev =\n  pytest; python_version > '3'\n\
                    [flake8]\nmax-line-length = 100\nextend_ignore =\n  E203\n";
        assert_eq!(
            names("a/setup.cfg", text),
            ["attrs", "pytest", "requests", "wheel"]
        );
        assert_eq!(names("setup.cfg", "[tool:pytest]\naddopts = -q\n"), [""; 0]);
    }

    fn names(path: &str, text: &str) -> Vec<String> {
        packages(path, text).expect(text).into_keys().collect()
    }

    #[test]
    fn packages_are_named() {
        let cargo = "[package]\nname='x'\n[dependencies]\nserde='1'\nown={path='../own'}\nshared={workspace=true}\n[target.'cfg(unix)'.dev-dependencies]\nlibc='0.2'\n[workspace.dependencies]\nhex='0.4'\n[patch.crates-io]\nserde={git='https://x'}\n";
        assert_eq!(
            names("Cargo.toml", cargo),
            [
                "[patch]",
                "cfg(unix) libc",
                "path own",
                "serde",
                "workspace hex"
            ]
        );
        let lock = "version=4\n[[package]]\nname='own'\nversion='0.1.0'\n[[package]]\nname='serde'\nversion='1.0.0'\nsource='registry'\nchecksum='abc'\n";
        assert_eq!(names("a/Cargo.lock", lock), ["serde 1.0.0"]);
        assert_eq!(
            names(
                "package.json",
                r#"{"scripts":{"a":"b"},"dependencies":{"x":"1"},"devDependencies":{"y":"2"}}"#
            ),
            ["x", "y"]
        );
        assert_eq!(
            names(
                "pyproject.toml",
                "[project]\ndependencies=['Flask_Cors>=1', 'x[y]==2']\n[tool.poetry.dependencies]\na='1'\n"
            ),
            ["[poetry.dependencies]", "flask-cors", "x"]
        );
        assert_eq!(
            names(
                "requirements-dev.txt",
                "# c\n--index-url https://x\nPyYAML==6 # why\n\n"
            ),
            ["--index-url https://x", "pyyaml"]
        );
        assert_eq!(
            names(
                "go.mod",
                "module a\ngo 1.19\nrequire b v1 // indirect\nrequire (\n\tc v2\n)\nreplace d => ../d\n"
            ),
            ["b", "c", "path d"]
        );
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (path, text) in [
            ("Cargo.toml", "[["),
            ("package.json", "{"),
            ("pyproject.toml", "a=="),
            ("Cargo.lock", "x"),
        ] {
            assert!(packages(path, text).is_err(), "{path}");
        }
        assert_eq!(kind("src/main.rs"), None);
        for path in [
            "deep/requirements.txt",
            "requirements/dev.txt",
            "a/requirements/base.in",
            "dev-requirements.txt",
            "requirements.in",
        ] {
            assert_eq!(kind(path), Some(Manifest::Requirements), "{path}");
        }
        for path in [
            "docs/notes.txt",
            "MANIFEST.in",
            "docs/requirement.txt",
            "docs/requirements/login.txt",
            "customer-requirements.txt",
            "requirements/README.md",
        ] {
            assert_eq!(kind(path), None, "{path}");
        }
    }

    #[test]
    fn a_package_is_asked_for_by_its_own_name_whatever_it_is_called() {
        let of = |path: &str, text: &str| {
            let packages = packages(path, text).expect("readable");
            let kind = kind(path).expect("a manifest");
            asked_for(kind, &packages).into_iter().collect::<Vec<_>>()
        };
        let cargo = "[dependencies]\nhex='1'\nserde={package='serd',version='1'}\n[dev-dependencies]\nlibc={version='1'}\n";
        assert_eq!(of("Cargo.toml", cargo), ["hex", "libc", "serd"]);
        let npm = r#"{"dependencies":{"a":"^1","lodash":"npm:lodahs@^4","b":"npm:@bable/core@7"}}"#;
        assert_eq!(of("package.json", npm), ["@bable/core", "a", "lodahs"]);
        let poetry = "[tool.poetry.dependencies]\npython='^3'\nreqeusts='^2'\n[tool.poetry.group.dev.dependencies]\nblack={version='1'}\n";
        assert_eq!(of("pyproject.toml", poetry), ["black", "reqeusts"]);
        let uv = "[tool.uv]\ndev-dependencies=['Flask_Cors>=1']\n[tool.pdm.dev-dependencies]\ntest=['pytest']\n";
        assert_eq!(of("pyproject.toml", uv), ["flask-cors", "pytest"]);
    }
}
