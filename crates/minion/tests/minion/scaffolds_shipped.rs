//! The shipped scaffolds through the minion, in a real cage: every file is there, filled in, of its form, and in one commit a
//! step; no model is asked. That what they write builds and serves is `scaffolds_built.rs`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use alai_core::blueprint;
use alai_core::brief::{Brief, Role};
use alai_minion::ExitStatus;

use crate::caged;
use crate::shipped;
use crate::world::{Ran, World};

/// What every project gets whatever it is.
const DELIVERY: [&str; 3] = [".dockerignore", ".github/workflows/ci.yml", "Dockerfile"];
/// With quotes, a backslash and letters that are not ASCII: it stands in JSON, TOML, Python, TypeScript and Markdown.
pub(crate) const DESCRIPTION: &str = r#"Orders "lunch" \ for små teams"#;
const NAME: &str = "bento-box";

pub(crate) const NEXTJS: &str = "codecraft-nextjs-app";
pub(crate) const API: &str = "codecraft-api-backend";
pub(crate) const FULLSTACK: &str = "codecraft-fullstack";

/// A repository that has what a new one usually has.
pub(crate) fn world() -> World {
    World::with(&[("README.md", "# New\n"), ("LICENSE", "None.\n")])
}

fn brief(world: &World, name: &str, inputs: &[(&str, &str)]) -> Brief {
    let company = shipped::company("CodeCraft");
    let mut values = BTreeMap::from([("name", NAME), ("description", DESCRIPTION)]);
    values.extend(inputs.iter().copied());
    let values = values
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let library = shipped::library(&company.name);
    let blueprint = blueprint::resolve(name, &library, &values.collect());
    let mut brief = Brief {
        company: company.brief(Role::Builder),
        blueprint: blueprint.unwrap_or_else(|error| panic!("{error}")),
        ..world.brief(Vec::new())
    };
    brief.checks = Vec::new();
    brief
}

pub(crate) fn scaffolded(world: &World, name: &str, inputs: &[(&str, &str)]) -> Ran {
    caged::run(world, &brief(world, name, inputs), &mut |_| {
        panic!("a scaffold asks no model")
    })
}

/// The files that were made, by path.
fn made(world: &World) -> BTreeMap<String, String> {
    let names = caged::git_of(world, &["diff", "--name-only", &world.base, "HEAD"]);
    names
        .lines()
        .map(|name| (name.to_owned(), world.read(name)))
        .collect()
}

/// Runs a scaffold and looks at what all of them have in common.
fn whole(name: &str, inputs: &[(&str, &str)], health: &str) -> (World, BTreeMap<String, String>) {
    let world = world();
    let ran = scaffolded(&world, name, inputs);
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
    assert_eq!(ran.kinds("request").len(), 0, "no model is asked");
    assert_eq!(
        caged::git_of(&world, &["status", "--porcelain"]),
        "",
        "all of it is committed"
    );
    let files = made(&world);
    for file in DELIVERY
        .iter()
        .chain(&["README.md", ".gitignore", ".env.example"])
    {
        assert!(
            files.contains_key(*file),
            "{file} is not among {:?}",
            files.keys()
        );
    }
    for (path, text) in &files {
        assert!(!text.contains("${{"), "{path} is not filled in");
        assert!(
            text.ends_with('\n') && !text.contains("\n\n\n\n"),
            "{path} ends as a text"
        );
        formed(path, text);
    }
    assert!(files["README.md"].contains(NAME) && files["README.md"].contains(DESCRIPTION));
    let image = &files["Dockerfile"];
    for part in ["HEALTHCHECK", health, "\nUSER ", "\nFROM "] {
        assert!(image.contains(part), "the image lacks `{part}`: {image}");
    }
    let user = image
        .lines()
        .filter_map(|line| line.strip_prefix("USER "))
        .next_back();
    assert!(
        user.is_some_and(|user| user.parse::<u32>().is_ok_and(|id| id > 0)),
        "not root: {user:?}"
    );
    pinned(&files[".github/workflows/ci.yml"]);
    let ignored = &files[".gitignore"];
    assert!(
        ignored.contains(".env"),
        "settings with secrets are no part of it: {ignored}"
    );
    (world, files)
}

/// JSON, TOML and YAML are read; what is none of them is left to its compiler.
fn formed(path: &str, text: &str) {
    let name = path.rsplit('/').next().expect("a name");
    let wrong = match name.rsplit_once('.').map(|(_, end)| end) {
        Some("json") => serde_json::from_str::<serde_json::Value>(text)
            .err()
            .map(|e| e.to_string()),
        Some("toml") => toml::from_str::<toml::Table>(text)
            .err()
            .map(|e| e.to_string()),
        _ if name == "Cargo.lock" => toml::from_str::<toml::Table>(text)
            .err()
            .map(|e| e.to_string()),
        Some("yml") => serde_saphyr::from_str::<serde_json::Value>(text)
            .err()
            .map(|e| e.to_string()),
        Some(_) | None => None,
    };
    assert_eq!(wrong, None, "{path}");
}

/// An action is named by its commit, a job has a time, and the token may read alone.
fn pinned(workflow: &str) {
    let actions = workflow
        .lines()
        .filter_map(|line| line.split_once("uses: ").map(|(_, action)| action));
    for action in actions {
        let commit = action
            .split_once('@')
            .map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
        assert!(
            commit.is_some_and(|c| c.len() == 40),
            "not a commit: {action}"
        );
    }
    for part in [
        "timeout-minutes:",
        "permissions:\n  contents: read\n",
        "persist-credentials: false",
    ] {
        assert!(workflow.contains(part), "the workflow lacks `{part}`");
    }
}

/// Every package of the manifest, at the lockfile's version.
#[test]
fn a_nextjs_app_is_written() {
    let (_, files) = whole(NEXTJS, &[], "/api/health");
    let manifest: serde_json::Value = serde_json::from_str(&files["package.json"]).expect("JSON");
    let lock: serde_json::Value = serde_json::from_str(&files["package-lock.json"]).expect("JSON");
    assert_eq!(manifest["name"], NAME);
    assert_eq!(manifest["description"], DESCRIPTION);
    assert_eq!(lock["name"], NAME);
    for kind in ["dependencies", "devDependencies"] {
        assert_eq!(manifest[kind], lock["packages"][""][kind], "{kind}");
        for (package, version) in manifest[kind].as_object().expect("packages") {
            let locked = &lock["packages"][format!("node_modules/{package}")];
            assert_eq!(
                &locked["version"], version,
                "{package} is named once, exactly"
            );
            assert!(
                locked["integrity"]
                    .as_str()
                    .is_some_and(|hash| hash.starts_with("sha512-"))
            );
        }
    }
    let options: serde_json::Value = serde_json::from_str(&files["tsconfig.json"]).expect("JSON");
    assert_eq!(options["compilerOptions"]["strict"], true);
    assert!(files["src/lib/app.ts"].contains(&serde_json::to_string(DESCRIPTION).expect("JSON")));
}

#[test]
fn an_axum_backend_is_written() {
    let (world, files) = whole(API, &[("backend", "axum")], "health");
    let manifest: toml::Table = toml::from_str(&files["Cargo.toml"]).expect("TOML");
    assert_eq!(manifest["package"]["name"].as_str(), Some(NAME));
    assert_eq!(
        manifest["package"]["description"].as_str(),
        Some(DESCRIPTION)
    );
    let lock: toml::Table = toml::from_str(&files["Cargo.lock"]).expect("TOML");
    let locked = lock["package"].as_array().expect("packages");
    let own = locked
        .iter()
        .find(|p| p["name"].as_str() == Some(NAME))
        .expect("the project itself");
    let wanted = own["dependencies"].as_array().expect("names");
    for package in manifest["dependencies"]
        .as_table()
        .expect("packages")
        .keys()
    {
        assert!(
            wanted.iter().any(|w| w.as_str() == Some(package)),
            "{package} is not locked"
        );
    }
    for file in files.keys().filter(|file| file.ends_with(".rs")) {
        let mut rustfmt = Command::new("rustfmt");
        rustfmt
            .args(["--edition", "2024", "--check"])
            .arg(world.repo().join(file));
        succeeds(rustfmt);
    }
    contract(&files);
}

#[test]
fn a_fastapi_backend_is_written_needs_python() {
    let (world, files) = whole(API, &[("backend", "fastapi")], "/healthz");
    for (asked, locked) in [
        ("requirements.in", "requirements.txt"),
        ("requirements-dev.in", "requirements-dev.txt"),
    ] {
        for package in files[asked].lines().filter(|line| line.contains("==")) {
            let name = package.split(['=', '[']).next().expect("a name");
            let version = package.split("==").nth(1).expect("a version");
            assert!(
                files[locked].contains(&format!("{name}==")) && files[locked].contains(version),
                "{package}"
            );
        }
        let packages = files[locked].lines().filter(|line| line.contains("=="));
        assert!(
            packages.count() <= files[locked].matches("--hash=sha256:").count(),
            "{locked}"
        );
    }
    let mut compile = Command::new("python3");
    compile
        .args(["-m", "compileall", "-q", "app", "tests"])
        .current_dir(world.repo());
    succeeds(compile);
    let mut says = Command::new("python3");
    says.args(["-c", "from app import about; print(about.DESCRIPTION)"])
        .current_dir(world.repo());
    assert_eq!(succeeds(says).trim(), DESCRIPTION);
    contract(&files);
}

/// Versions stand in the catalogue and nowhere else, and everything that is asked for is in it.
#[test]
fn a_ktor_backend_is_written() {
    let (_, files) = whole(API, &[("backend", "ktor")], "/healthz");
    let catalogue: toml::Table = toml::from_str(&files["gradle/libs.versions.toml"]).expect("TOML");
    let versions = catalogue["versions"].as_table().expect("versions");
    for kind in ["libraries", "plugins"] {
        for (name, entry) in catalogue[kind].as_table().expect("entries") {
            let version = entry["version"]["ref"].as_str().expect("a reference");
            assert!(
                versions.contains_key(version),
                "{name} has the version {version}"
            );
        }
    }
    let build = &files["build.gradle.kts"];
    for alias in build
        .split("libs.")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap_or_default())
    {
        let (kind, alias) = match alias.strip_prefix("plugins.") {
            Some(alias) => ("plugins", alias),
            None => ("libraries", alias),
        };
        assert!(
            catalogue[kind]
                .as_table()
                .is_some_and(|all| all.contains_key(&alias.replace('.', "-"))),
            "{alias}"
        );
    }
    for version in versions.values().filter_map(toml::Value::as_str) {
        let elsewhere: Vec<&String> = files
            .iter()
            .filter(|(path, text)| !path.ends_with("libs.versions.toml") && text.contains(version))
            .map(|(path, _)| path)
            .collect();
        assert!(
            elsewhere.is_empty(),
            "{version} stands in {elsewhere:?} too"
        );
    }
    contract(&files);
}

/// What the three languages have in common: the same schema, the same settings, the same paths and headers.
fn contract(files: &BTreeMap<String, String>) {
    let schema = &files["migrations/0001_notes.sql"];
    assert!(
        schema.contains("CREATE TABLE IF NOT EXISTS note") && schema.contains("CHECK"),
        "{schema}"
    );
    let code: String = files
        .iter()
        .filter(|(path, _)| {
            ["rs", "py", "kt"]
                .iter()
                .any(|end| path.ends_with(&format!(".{end}")))
        })
        .map(|(_, text)| text.as_str().to_lowercase())
        .collect();
    for setting in files[".env.example"]
        .lines()
        .filter_map(|line| line.split_once('='))
    {
        let (name, _) = setting;
        assert!(
            name.starts_with('#') || code.contains(&format!("\"{}\"", name.to_lowercase())),
            "{name} is read by nobody"
        );
    }
    for said in [
        "/healthz",
        "/readyz",
        "/api/v1/notes",
        "application/problem+json",
        "retry-after",
        "content-security-policy",
        "nosniff",
    ] {
        let said = if said == "retry-after" && code.contains("httpheaders.retryafter") {
            "httpheaders.retryafter"
        } else {
            said
        };
        let spelled = [
            said.to_owned(),
            said.replace("application/problem+json", "problem+json"),
        ];
        assert!(spelled.iter().any(|said| code.contains(said)), "{said}");
    }
}

#[test]
fn without_delivery_neither_image_nor_workflow_is_written() {
    let world = world();
    let ran = scaffolded(&world, API, &[("backend", "axum"), ("delivery", "no")]);
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
    let files = made(&world);
    assert!(
        DELIVERY.iter().all(|file| !files.contains_key(*file)),
        "{:?}",
        files.keys()
    );
}

/// The same files below the folder, and a workflow at the root that says where it works.
#[test]
fn a_scaffold_is_written_into_a_folder() {
    for (name, inputs, below, locked) in [
        (NEXTJS, vec![], "apps/web", "package-lock.json"),
        (API, vec![("backend", "axum")], "services/api", ""),
        (
            API,
            vec![("backend", "fastapi")],
            "api",
            "requirements-dev.txt",
        ),
        (API, vec![("backend", "ktor")], "api", ""),
    ] {
        let at_root = world();
        let ran = scaffolded(&at_root, name, &inputs);
        assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
        let inside = world();
        let ran = scaffolded(
            &inside,
            name,
            &[inputs.as_slice(), &[("folder", below)]].concat(),
        );
        assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
        let (at_root, mut inside) = (made(&at_root), made(&inside));
        let workflow = format!(".github/workflows/{NAME}.yml");
        let workflow = inside.remove(&workflow).expect("a workflow at the root");
        formed("ci.yml", &workflow);
        pinned(&workflow);
        assert!(
            workflow.contains(&format!("working-directory: \"{below}\"")),
            "{workflow}"
        );
        assert!(
            workflow.contains(&format!("path: {below}/{locked}")) || locked.is_empty(),
            "{workflow}"
        );
        let moved: BTreeMap<String, String> = at_root
            .into_iter()
            .filter(|(path, _)| !path.starts_with(".github/"))
            .map(|(path, text)| (format!("{below}/{path}"), text))
            .collect();
        assert_eq!(
            inside.keys().collect::<Vec<_>>(),
            moved.keys().collect::<Vec<_>>()
        );
        assert!(inside == moved, "{name}: the same bytes in another place");
    }
}

#[test]
fn a_folder_that_leads_elsewhere_is_refused_before_anything_runs() {
    let company = shipped::company("CodeCraft");
    let library = shipped::library(&company.name);
    for folder in [
        "..",
        "../out",
        "/tmp/x",
        ".github",
        "a/../..",
        "a b",
        "a\nb: c",
        "${{ inputs.name }}",
    ] {
        for (blueprint, input) in [
            (NEXTJS, "folder"),
            (API, "folder"),
            (FULLSTACK, "web"),
            (FULLSTACK, "api"),
        ] {
            let inputs = [("name", NAME), (input, folder)];
            let inputs = inputs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let refused = blueprint::resolve(blueprint, &library, &inputs.into());
            let why = refused.expect_err(folder).to_string();
            assert!(
                why.contains("is none that files can be put into"),
                "{blueprint} {folder:?}: {why}"
            );
        }
    }
    for (web, api) in [
        ("web", "web"),
        ("web", "web/api"),
        ("both/web", "both"),
        ("", "api"),
        ("web", ""),
    ] {
        let world = world();
        let ran = scaffolded(&world, FULLSTACK, &[("web", web), ("api", api)]);
        assert_eq!(
            ran.report.status,
            ExitStatus::GateFailed,
            "{web} {api}: {}",
            ran.report.gotcha
        );
        assert!(made(&world).is_empty(), "{web} {api}");
    }
}

/// Both sides hold what their own scaffolds write, byte for byte, but for the few files by which they know each other.
#[test]
fn a_front_end_and_a_back_end_are_written_into_one_repository() {
    const SHARED: [&str; 4] = [
        ".github/workflows/ci.yml",
        ".gitignore",
        "README.md",
        "compose.yaml",
    ];
    const OWN: [&str; 4] = [
        ".env.example",
        "src/app/page.tsx",
        "src/lib/api.ts",
        "tests/api.test.ts",
    ];
    for (backend, url, test) in [
        (
            "fastapi",
            "postgres://app@database:5432/app",
            "python -m pytest",
        ),
        (
            "axum",
            "postgres://app@database:5432/app",
            "cargo test --locked",
        ),
        (
            "ktor",
            "jdbc:postgresql://database:5432/app?user=app",
            "gradle build",
        ),
    ] {
        let world = world();
        let ran = scaffolded(&world, FULLSTACK, &[("backend", backend)]);
        assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
        assert_eq!(ran.kinds("request").len(), 0, "no model is asked");
        let files = made(&world);
        for (path, text) in &files {
            assert!(!text.contains("${{"), "{path} is not filled in");
            assert!(text.ends_with('\n'), "{path} ends as a text");
            formed(path, text);
        }
        let at_root: Vec<&str> = { files.keys().map(String::as_str) }
            .filter(|path| !path.starts_with("web/") && !path.starts_with("api/"))
            .collect();
        assert_eq!(at_root, SHARED);
        for (below, name, inputs) in [
            ("web", NEXTJS, vec![]),
            ("api", API, vec![("backend", backend)]),
        ] {
            let alone = world_of(name, &inputs);
            let sides = |path: &&String| !path.starts_with(".github/") && *path != "README.md";
            let mut want: Vec<String> = alone.keys().filter(sides).cloned().collect();
            if below == "web" {
                want.extend(["src/lib/api.ts", "tests/api.test.ts"].map(str::to_owned));
                want.sort();
            }
            let inside = files.iter().filter_map(|(path, text)| {
                let path = path.strip_prefix(below)?.strip_prefix('/')?;
                Some((path.to_owned(), text))
            });
            let inside: BTreeMap<String, &String> = inside.collect();
            assert_eq!(
                inside.keys().cloned().collect::<Vec<_>>(),
                want,
                "{backend}: {below}"
            );
            for (path, text) in inside {
                let same = alone.get(&path) == Some(text);
                let own = below == "web" && OWN.contains(&path.as_str());
                assert_eq!(same, !own, "{below}/{path}");
            }
        }
        let workflow = &files[".github/workflows/ci.yml"];
        pinned(workflow);
        for part in [
            "working-directory: \"web\"",
            "working-directory: \"api\"",
            "npm test",
            test,
            "docker compose up --build",
        ] {
            assert!(
                workflow.contains(part),
                "the workflow lacks `{part}`: {workflow}"
            );
        }
        let compose: serde_json::Value =
            serde_saphyr::from_str(&files["compose.yaml"]).expect("YAML");
        let services = &compose["services"];
        assert_eq!(services["web"]["build"]["context"], "web");
        assert_eq!(services["api"]["build"]["context"], "api");
        assert_eq!(services["api"]["environment"]["DATABASE_URL"], url);
        assert_eq!(
            services["database"]["ports"],
            serde_json::Value::Null,
            "no port of the host"
        );
        let readme = &files["README.md"];
        for part in [NAME, DESCRIPTION, backend, "`web`", "`api`"] {
            assert!(readme.contains(part), "the README lacks `{part}`");
        }
        let settings = &files["web/.env.example"];
        assert!(
            settings.contains("API_URL=") && settings.contains("RATE_LIMIT_PER_S="),
            "{settings}"
        );
    }
}

/// A project that has code keeps its README and its .gitignore, whoever asks for a scaffold in it; documents are no code.
#[test]
fn a_scaffold_does_not_write_over_a_project_that_is_there() {
    let made_in = |files: &[(&str, &str)], name: &str, inputs: &[(&str, &str)]| {
        let world = World::with(files);
        let ran = scaffolded(&world, name, inputs);
        (
            ran.report.status.clone(),
            ran.report.gotcha,
            made(&world).len(),
        )
    };
    let old = [
        ("README.md", "# Ours\n"),
        ("lib/a.py", "pass\n"),
        ("web/README.md", "# Web\n"),
    ];
    for (name, inputs) in [
        (NEXTJS, vec![]),
        (API, vec![("folder", "lib")]),
        (FULLSTACK, vec![]),
    ] {
        let (status, said, files) = made_in(&old, name, &inputs);
        assert_eq!(
            (status, files),
            (ExitStatus::GateFailed, 0),
            "{name}: {said}"
        );
        assert!(said.contains("place (run): red"), "{said}");
    }
    let (status, said, files) = made_in(&old, API, &[("folder", "web")]);
    assert!(status == ExitStatus::Done && files == 20, "{files}: {said}");
    let documents = [
        ("README.md", "# New\n"),
        ("docs/idea.md", "x\n"),
        (".editorconfig", "x\n"),
        ("LICENSE", "x\n"),
    ];
    let (status, said, files) = made_in(&documents, FULLSTACK, &[]);
    assert!(status == ExitStatus::Done && files > 40, "{said}");
}

fn world_of(name: &str, inputs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let world = world();
    let ran = scaffolded(&world, name, inputs);
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
    made(&world)
}

#[test]
fn a_name_that_is_none_and_a_backend_that_is_none_write_nothing() {
    let sly = "x\"; touch /tmp/alai-out; \"";
    for name in [
        "Bento",
        "1st",
        "-a",
        "a-",
        "a--b",
        "a_b",
        "a b",
        "a/b",
        sly,
        &"a".repeat(61),
    ] {
        let world = world();
        let ran = scaffolded(&world, NEXTJS, &[("name", name)]);
        assert_eq!(
            ran.report.status,
            ExitStatus::GateFailed,
            "{name:?}: {}",
            ran.report.gotcha
        );
        assert!(made(&world).is_empty(), "{name:?}");
        assert!(!Path::new("/tmp/alai-out").exists());
    }
    // One that leads out of the repository does not even come to its first step.
    let company = shipped::company("CodeCraft");
    let given = [("name".to_owned(), "../a".to_owned())].into();
    let refused = blueprint::resolve(NEXTJS, &shipped::library(&company.name), &given);
    let why = refused.expect_err("no name").to_string();
    assert!(why.contains("leads out of the repository"), "{why}");
    let world = world();
    let ran = scaffolded(&world, API, &[("backend", "axum2")]);
    assert_eq!(
        ran.report.status,
        ExitStatus::GateFailed,
        "{}",
        ran.report.gotcha
    );
    assert!(made(&world).is_empty());
}

/// The shipped examples can be walked as they are.
#[test]
fn the_examples_name_every_input_that_must_be_named() {
    let company = shipped::company("CodeCraft");
    let library = shipped::library(&company.name);
    for name in [
        NEXTJS,
        API,
        FULLSTACK,
        "minion-bugfix",
        "minion-refactor",
        "minion-security-fix",
    ] {
        let example = blueprint::example(name, &library).unwrap_or_else(|error| panic!("{error}"));
        assert!(!example.is_empty(), "{name}");
        let resolved = blueprint::resolve(name, &library, &example);
        assert!(resolved.is_ok(), "{name}: {resolved:?}");
    }
}

/// What a program printed that ended well.
pub(crate) fn succeeds(mut command: Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}\n{errors}",
        output.status
    );
    said
}
