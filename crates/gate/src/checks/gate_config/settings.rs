//! The judging parts of manifests that also hold ordinary things.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::change::{Change, ChangedFile, Content};
use crate::paths;

/// Stands between a file and the parts that are gone with it.
pub(super) const GONE: &str = " is gone with its ";

/// The judging parts of one side, by name.
type Parts = BTreeMap<String, String>;

/// The judging parts of a manifest that became others. Of Cargo's, what the test command (a line for `sh -c`) does not build by is none.
pub(super) fn changed(file: &ChangedFile, change: &Change, test_command: &str) -> Vec<String> {
    let read: fn(&str) -> Result<Parts, String> = match paths::name(&file.path) {
        "package.json" => npm,
        "pyproject.toml" => pyproject,
        "Cargo.toml" => cargo,
        "setup.cfg" => |text| Ok(ini(text)),
        _ => return Vec::new(),
    };
    let side = |content: &Content| content.text().map(read).unwrap_or_else(|| Ok(Parts::new()));
    let (base, head) = match (side(&file.base), side(&file.head)) {
        (Ok(base), Ok(head)) => (base, head),
        (Err(why), _) | (_, Err(why)) => {
            return vec![format!("{} cannot be compared: {why}", file.path)];
        }
    };
    if file.is_deleted() {
        let lost: Vec<&str> = base.keys().map(String::as_str).collect();
        return if lost.is_empty() {
            Vec::new()
        } else {
            vec![format!("{}{GONE}{}", file.path, lost.join(", "))]
        };
    }
    // A first manifest brings its settings; nothing was judged by it before.
    let first = file.is_new() && paths::name(&file.path) != "Cargo.toml";
    let names: std::collections::BTreeSet<&String> = base.keys().chain(head.keys()).collect();
    names
        .into_iter()
        .filter(|name| !first && base.get(*name) != head.get(*name) && harmful(name, &base, &head))
        .filter(|name| {
            !tells_more(name, &base, &head, &|reporter| {
                stands_at(reporter, &file.path, &change.head_paths)
            })
        })
        .filter(|name| {
            !(is_unused_profile(name, test_command) || is_of_new_target(name, file, change))
        })
        .filter(|name| {
            *name != "imports"
                || !follows_files(
                    base.get("imports").map_or("", String::as_str),
                    head.get("imports"),
                    change,
                )
        })
        .map(|name| format!("{} changes {name}", file.path))
        .collect()
}

/// Whether Cargo builds no test by this profile. `cargo test` and nextest go by `test` and `dev` (doc.rust-lang.org/cargo/reference/profiles.html)
/// unless they are told otherwise; what a script or a Makefile tells them is not looked for.
fn is_unused_profile(name: &str, test_command: &str) -> bool {
    const CARGO: [&str; 3] = ["cargo test", "cargo nextest run", "cargo t "];
    let plain = !test_command.contains(['$', '`', ';', '|', '&', '(', '\'', '"', '\\']);
    let told = |word: &str| {
        let short = word.starts_with('-') && !word.starts_with("--") && word.contains('r');
        short || word.contains("release") || word.contains("profile") || word.contains("config")
    };
    name == "[profile.release]"
        && plain
        && CARGO.iter().any(|start| test_command.starts_with(start))
        && !test_command.split_whitespace().any(told)
}

/// Whether it says what a program, an example or a benchmark needs that came with the change: nothing that was there is left out.
fn is_of_new_target(name: &str, file: &ChangedFile, change: &Change) -> bool {
    const PLACES: [(&str, &str); 3] = [
        ("bin", "src/bin"),
        ("example", "examples"),
        ("bench", "benches"),
    ];
    let Some((target, rest)) = name.split_once(' ') else {
        return false;
    };
    let Some(own) = rest.strip_suffix(".required-features") else {
        return false;
    };
    let Some((_, place)) = PLACES.iter().find(|(kind, _)| *kind == target) else {
        return false;
    };
    let named = |content: &Content| -> Vec<::toml::Value> {
        let table = content
            .text()
            .and_then(|text| toml(text).ok())
            .unwrap_or_default();
        let mut all = targets(&table, target);
        all.retain(|one| one.get("name").and_then(::toml::Value::as_str) == Some(own));
        all
    };
    let (before, after) = (named(&file.base), named(&file.head));
    let folder = file.path.strip_suffix("Cargo.toml").unwrap_or_default();
    let places = match after.first().and_then(|one| one.get("path")?.as_str()) {
        Some(path) => vec![format!("{folder}{path}")],
        None => vec![
            format!("{folder}{place}/{own}.rs"),
            format!("{folder}{place}/{own}/main.rs"),
        ],
    };
    let is_new = |path: &String| {
        change.head_paths.contains_key(path) && !change.base_paths.contains_key(path)
    };
    let was = |path: &String| change.base_paths.contains_key(path);
    before.is_empty() && after.len() == 1 && places.iter().any(is_new) && !places.iter().any(was)
}

/// Whether a map of imports only follows files that moved: each name that it had leads to one file, and what led to a file that
/// moved leads to where it moved. A new name beside a pattern could be what a test of the base asks for.
fn follows_files(base: &str, head: Option<&String>, change: &Change) -> bool {
    let read = |text: &str| serde_json::from_str::<BTreeMap<String, String>>(text).ok();
    let (Some(base), Some(head)) = (read(base), head.and_then(|text| read(text))) else {
        return false;
    };
    let pattern = base.keys().any(|name| name.contains('*'));
    if pattern && head.keys().any(|name| !base.contains_key(name)) {
        return false;
    }
    base.iter().all(|(name, old)| {
        head.get(name).is_some_and(|new| {
            let from = source_of(&change.base_paths, old);
            let to = source_of(&change.head_paths, new);
            let moved = match (from, to) {
                // The same words in the folder of that name, or what the difference itself calls a move.
                (Some(from), Some(to)) => {
                    let gone = !change.head_paths.contains_key(from);
                    let new = !change.base_paths.contains_key(to);
                    gone && new && !paths::is_test(to) && is_move(change, from, to)
                }
                _ => false,
            };
            new == old || moved
        })
    })
}

/// The one source that a target was built from, by its path without its ending.
fn source_of<'a>(paths: &'a BTreeMap<String, u32>, target: &str) -> Option<&'a String> {
    let target = format!("/{}", stem(target.trim_start_matches("./")));
    let mut fits = { paths.keys() }.filter(|path| target.ends_with(&format!("/{}", stem(path))));
    match (fits.next(), fits.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

fn stem(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(stem, _)| stem)
}

/// A rename that the difference shows, or a module that became a folder of its own name.
fn is_move(change: &Change, from: &str, to: &str) -> bool {
    let renamed =
        { change.files.iter() }.any(|file| file.from.as_deref() == Some(from) && file.path == to);
    renamed || to.starts_with(&format!("{}/", stem(from)))
}

/// Scripts that a package manager or another script starts by itself may not even be added.
fn harmful(name: &str, base: &Parts, head: &Parts) -> bool {
    let Some(script) = name.strip_prefix("script ") else {
        return true;
    };
    if base.contains_key(name) || !head.contains_key(name) {
        return true;
    }
    const BY_THEMSELVES: [&str; 11] = [
        "install",
        "preinstall",
        "postinstall",
        "prepare",
        "preprepare",
        "postprepare",
        "prepublish",
        "prepack",
        "postpack",
        "dependencies",
        "test",
    ];
    let wraps = |start: &str| {
        script
            .strip_prefix(start)
            .is_some_and(|rest| head.contains_key(&format!("script {rest}")))
    };
    BY_THEMSELVES.contains(&script) || wraps("pre") || wraps("post")
}

/// Whether a file or folder of the change's own could be loaded by a plain name, at the top or beside the manifest.
fn stands_at(name: &str, manifest: &str, head_paths: &BTreeMap<String, u32>) -> bool {
    const ENDS: [&str; 9] = [
        "", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".json", ".node",
    ];
    let beside = manifest.rsplit_once('/').map_or("", |(folder, _)| folder);
    ["", beside].iter().any(|folder| {
        let stem = match folder.is_empty() {
            true => name.to_owned(),
            false => format!("{folder}/{name}"),
        };
        let inside = format!("{stem}/");
        let mut below = head_paths.range(inside.clone()..);
        let is_folder = below
            .next()
            .is_some_and(|(path, _)| path.starts_with(&inside));
        is_folder
            || ENDS
                .iter()
                .any(|end| head_paths.contains_key(&format!("{stem}{end}")))
    })
}

/// What a script says more of the same run: its reporter, coverage, colours. The words that find, run and judge tests are the same.
/// `stands` tells whether the head holds something that a name would load instead of the runner's own reporter.
fn tells_more(name: &str, base: &Parts, head: &Parts, stands: &dyn Fn(&str) -> bool) -> bool {
    const TELLS: [&str; 9] = [
        "--test-reporter",
        "--test-reporter-destination",
        "--reporter",
        "--reporters",
        "--verbose",
        "--color",
        "--colors",
        "--coverage",
        "--experimental-test-coverage",
    ];
    /// What node, mocha, jest and vitest bring along. Any other word may be a program of the change's own: mocha loads
    /// `helper.js` for `--reporter helper`.
    const REPORTERS: [&str; 14] = [
        "spec", "tap", "dot", "junit", "lcov", "list", "min", "json", "nyan", "progress",
        "landing", "verbose", "default", "basic",
    ];
    let is_own = |value: &str| REPORTERS.contains(&value) && !stands(value);
    let is_word = |value: &str| value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let judging = |parts: &Parts| -> Option<Vec<String>> {
        let script: String = serde_json::from_str(parts.get(name)?).ok()?;
        let mut words = script.split_whitespace();
        let mut kept = Vec::new();
        while let Some(word) = words.next() {
            let (option, value) = word
                .split_once('=')
                .map_or((word, None), |(o, v)| (o, Some(v)));
            if !TELLS.contains(&option) {
                kept.push(word.to_owned());
                continue;
            }
            let takes = option.contains("report");
            let value = match (takes, value) {
                (true, None) => words.next(),
                (_, value) => value,
            };
            let known = |value: &str| match option {
                "--test-reporter-destination" => ["stdout", "stderr"].contains(&value),
                _ if takes => is_own(value),
                _ => is_word(value),
            };
            if !value.is_none_or(known) {
                return None;
            }
        }
        Some(kept)
    };
    name.starts_with("script ") && judging(base).is_some_and(|words| judging(head) == Some(words))
}

/// Options by which the compiler writes the same program with other companions: maps, declarations, comments
/// (typescriptlang.org/tsconfig, "Emit"). No type and no test goes by them.
const COMPANIONS: [&str; 8] = [
    "sourceMap",
    "inlineSourceMap",
    "inlineSources",
    "declaration",
    "declarationMap",
    "removeComments",
    "newLine",
    "pretty",
];

/// Whether a type checker is only made stricter: every difference turns a check on, or is about what lies beside its output.
pub(super) fn stricter_types(base: &str, head: &str) -> bool {
    const CHECKS: [&str; 20] = [
        "strict",
        "strictNullChecks",
        "strictFunctionTypes",
        "strictBindCallApply",
        "strictPropertyInitialization",
        "strictBuiltinIteratorReturn",
        "noImplicitAny",
        "noImplicitThis",
        "noImplicitReturns",
        "noImplicitOverride",
        "noUncheckedIndexedAccess",
        "noPropertyAccessFromIndexSignature",
        "noFallthroughCasesInSwitch",
        "noUnusedLocals",
        "noUnusedParameters",
        "exactOptionalPropertyTypes",
        "useUnknownInCatchVariables",
        "alwaysStrict",
        "forceConsistentCasingInFileNames",
        "noEmitOnError",
    ];
    let read = |text: &str| serde_json::from_str::<Json>(text).ok();
    let (Some(mut base), Some(mut head)) = (read(base), read(head)) else {
        return false;
    };
    let options = |side: &mut Json| -> BTreeMap<String, Json> {
        let options = side
            .get_mut("compilerOptions")
            .and_then(Json::as_object_mut);
        let taken = |options: &mut serde_json::Map<String, Json>| {
            options.retain(|name, _| !COMPANIONS.contains(&name.as_str()));
            let known = CHECKS.iter().filter_map(|name| options.remove_entry(*name));
            known.collect()
        };
        options.map(taken).unwrap_or_default()
    };
    let (before, after) = (options(&mut base), options(&mut head));
    let on = |value: Option<&Json>| value == Some(&Json::Bool(true));
    let kept = before
        .iter()
        .all(|(name, value)| !on(Some(value)) || on(after.get(name)));
    // Off where `strict` would have it on is a loosening, also where it was not named.
    let turned_on = after
        .iter()
        .all(|(name, value)| on(Some(value)) || before.get(name) == Some(value));
    let without_options = |side: &mut Json| {
        if side.get("compilerOptions") == Some(&Json::Object(Default::default()))
            && let Some(top) = side.as_object_mut()
        {
            top.remove("compilerOptions");
        }
    };
    without_options(&mut base);
    without_options(&mut head);
    kept && turned_on && base == head
}

fn npm(text: &str) -> Result<Parts, String> {
    let json: Json = serde_json::from_str(text).map_err(|e| format!("it is no JSON ({e})"))?;
    let mut parts = Parts::new();
    for (name, value) in json
        .get("scripts")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
    {
        parts.insert(format!("script {name}"), value.to_string());
    }
    for key in [
        "jest",
        "vitest",
        "mocha",
        "ava",
        "nyc",
        "c8",
        "tap",
        "husky",
        "lint-staged",
        "eslintConfig",
        "babel",
        "imports",
        "type",
    ] {
        if let Some(value) = json.get(key) {
            parts.insert(key.to_owned(), value.to_string());
        }
    }
    Ok(parts)
}

fn toml(text: &str) -> Result<::toml::Table, String> {
    text.parse::<::toml::Table>()
        .map_err(|e| format!("it is no TOML ({})", e.message()))
}

fn pyproject(text: &str) -> Result<Parts, String> {
    let table = toml(text)?;
    let mut parts = Parts::new();
    for tool in [
        "pytest", "coverage", "tox", "nox", "hatch", "ruff", "mypy", "pyright", "flake8", "pylint",
        "black", "isort",
    ] {
        if let Some(value) = table.get("tool").and_then(|t| t.get(tool)) {
            parts.insert(format!("[tool.{tool}]"), value.to_string());
        }
    }
    if let Some(value) = table.get("build-system") {
        parts.insert("[build-system]".into(), value.to_string());
    }
    if let Some(value) = table
        .get("project")
        .and_then(|p| p.get("entry-points"))
        .and_then(|e| e.get("pytest11"))
    {
        parts.insert("the plugins of pytest".into(), value.to_string());
    }
    Ok(parts)
}

fn cargo(text: &str) -> Result<Parts, String> {
    let table = toml(text)?;
    let mut parts = Parts::new();
    let mut note = |name: String, value: &::toml::Value| parts.insert(name, value.to_string());
    for key in [
        "build",
        "autotests",
        "autobins",
        "autoexamples",
        "autolib",
        "links",
        "rust-version",
    ] {
        table
            .get("package")
            .and_then(|p| p.get(key))
            .and_then(|v| note(format!("package.{key}"), v));
    }
    for target in ["lib", "bin", "test", "example", "bench"] {
        for (at, one) in targets(&table, target).iter().enumerate() {
            for key in ["test", "doctest", "harness", "path", "required-features"] {
                let Some(value) = one.get(key) else { continue };
                let name = one
                    .get("name")
                    .and_then(::toml::Value::as_str)
                    .map_or_else(|| at.to_string(), str::to_owned);
                // A target elsewhere is ordinary; one that is not tested, or tests by a program of its own, is not.
                let ordinary = key == "path" && target != "test" || value.as_bool() == Some(true);
                if !ordinary {
                    note(format!("{target} {name}.{key}"), value);
                }
            }
        }
    }
    for profile in ["test", "dev", "release"] {
        table
            .get("profile")
            .and_then(|p| p.get(profile))
            .and_then(|v| note(format!("[profile.{profile}]"), v));
    }
    if let Some(value) = table.get("lints").filter(|v| v.get("workspace").is_none()) {
        note("[lints]".into(), value);
    }
    table
        .get("workspace")
        .and_then(|w| w.get("lints"))
        .and_then(|v| note("[workspace.lints]".into(), v));
    Ok(parts)
}

fn targets(table: &::toml::Table, key: &str) -> Vec<::toml::Value> {
    match table.get(key) {
        Some(::toml::Value::Array(many)) => many.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

fn ini(text: &str) -> Parts {
    let mut parts = Parts::new();
    let mut section = String::new();
    for line in text.lines() {
        let line = line.trim_end();
        if line.starts_with('[') && line.ends_with(']') {
            section = line.to_owned();
        } else if judges(&section) && !line.trim().is_empty() && !line.starts_with(['#', ';']) {
            let part = parts.entry(section.clone()).or_default();
            part.push_str(line);
            part.push('\n');
        }
    }
    parts
}

fn judges(section: &str) -> bool {
    [
        "[tool:",
        "[flake8",
        "[mypy",
        "[coverage",
        "[pylint",
        "[tox",
        "[isort",
        "[pycodestyle",
    ]
    .iter()
    .any(|s| section.starts_with(s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_may_tell_more_of_the_same_run() {
        let among = |there: &[&str], base: &str, head: &str| {
            let head_paths = there
                .iter()
                .map(|path| ((*path).to_owned(), 0o100_644))
                .collect();
            let parts = |script: &str| {
                npm(&serde_json::json!({"scripts": {"test": script}}).to_string()).unwrap()
            };
            let stands = |name: &str| stands_at(name, "pkg/package.json", &head_paths);
            tells_more("script test", &parts(base), &parts(head), &stands)
        };
        let same = |base: &str, head: &str| among(&["specs/a.js", "pkg/dots.js"], base, head);
        assert!(same("node --test", "node --test --test-reporter=spec"));
        assert!(same(
            "node --test --test-reporter=dot",
            "node --test --experimental-test-coverage"
        ));
        assert!(same("vitest run --reporter dot", "vitest run --coverage"));
        for cheat in [
            "node --test || true",
            "node --test; exit 0",
            "node --test --test-reporter=./mine.js",
            "node --test --test-reporter=mine",
            "node --test --test-reporter-destination=calc",
            "node --test --test-name-pattern=easy",
            "node --test test/easy.test.js",
            "true",
        ] {
            assert!(!same("node --test", cheat), "{cheat}");
        }
        for there in [
            "dot",
            "dot.js",
            "dot.mjs",
            "dot.cjs",
            "dot.ts",
            "dot/index.js",
            "pkg/dot.js",
        ] {
            assert!(!among(&[there], "mocha", "mocha --reporter dot"), "{there}");
        }
    }

    #[test]
    fn a_type_checker_may_be_made_stricter_and_not_looser() {
        let loose =
            r#"{"compilerOptions": {"target": "es2022", "strict": false}, "include": ["src"]}"#;
        let strict = r#"{"compilerOptions": {"target": "es2022", "strict": true, "noImplicitReturns": true}, "include": ["src"]}"#;
        assert!(stricter_types(loose, strict) && !stricter_types(strict, loose));
        assert!(!stricter_types(
            strict,
            &strict.replace("\"src\"", "\"src/a\"")
        ));
        assert!(!stricter_types(
            strict,
            &strict.replace("\"noImplicitReturns\": true", "\"noImplicitAny\": false")
        ));
        assert!(!stricter_types(loose, &strict.replace("es2022", "es5")));
        let maps = strict.replace("\"strict\": true", "\"strict\": true, \"sourceMap\": true");
        assert!(stricter_types(strict, &maps) && stricter_types(&maps, strict));
        assert!(!stricter_types(
            strict,
            &maps.replace("\"sourceMap\": true", "\"skipLibCheck\": true")
        ));
        assert!(
            !stricter_types(loose, "// a comment\n{}"),
            "what cannot be read is not believed"
        );
    }
    fn of_cargo(command: &str, base: &str, head: &str, paths: [&[&str]; 2]) -> Vec<String> {
        let mut change = Change::of(&[("Cargo.toml", Some(base), Some(head))]);
        let [before, after] =
            paths.map(|paths| paths.iter().map(|path| ((*path).to_owned(), 0o100_644)));
        change.base_paths.extend(before);
        change.head_paths.extend(after);
        changed(&change.files[0], &change, command)
    }

    #[test]
    fn a_profile_that_no_test_is_built_by_decides_nothing() {
        let base = "[package]\nname='a'\n";
        let release = format!("{base}[profile.release]\noverflow-checks=true\n");
        let free = |command: &str, head: &str| of_cargo(command, base, head, [&[], &[]]).is_empty();
        assert!(free("cargo test --offline", &release));
        assert!(free("cargo nextest run --workspace", &release));
        for by_it in [
            "cargo test --release",
            "cargo test -r",
            "cargo test -qr",
            "cargo nextest run --cargo-profile release",
            "cargo test --config profile.test.inherits='release'",
            "cargo test && cargo test $MORE",
            "make test",
            "sh ci.sh",
        ] {
            assert!(!free(by_it, &release), "{by_it}");
        }
        for profile in ["test", "dev"] {
            let head = format!("{base}[profile.{profile}]\noverflow-checks=false\n");
            assert!(!free("cargo test", &head), "{profile}");
        }
    }

    #[test]
    fn a_new_target_may_need_a_feature_and_an_old_one_may_not() {
        let base = "[package]\nname='a'\n";
        let with = |target: &str, more: &str| {
            format!(
                "{base}[features]\ndemo=[]\n[[{target}]]\nname='wrap'\nrequired-features=['demo']\n{more}"
            )
        };
        let free = |head: &str, before: &[&str], after: &[&str]| {
            of_cargo("cargo test", base, head, [before, after]).is_empty()
        };
        let example = with("example", "");
        assert!(free(&example, &[], &["examples/wrap.rs"]));
        assert!(free(&with("bin", ""), &[], &["src/bin/wrap/main.rs"]));
        assert!(!free(
            &example,
            &["examples/wrap.rs"],
            &["examples/wrap.rs"]
        ));
        assert!(!free(&example, &[], &[]), "it is nowhere");
        let elsewhere = with("example", "path='src/old.rs'\n");
        assert!(!free(
            &elsewhere,
            &["src/old.rs"],
            &["src/old.rs", "examples/wrap.rs"]
        ));
        assert!(!free(&with("test", ""), &[], &["tests/wrap.rs"]));
        assert!(!free(
            &with("example", "test=false\n"),
            &[],
            &["examples/wrap.rs"]
        ));
    }
}
