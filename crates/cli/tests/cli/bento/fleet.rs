//! The same five tasks on the fleet that the seeds have: two hosts, of which each has a model of its own. What they say is the recording,
//! over the wire of each; who does what, side by side and when a host is lost, is the factory's.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use alai_core::ids::TaskId;
use alai_core::mode::Mode;
use alai_core::task::{State, Task, TaskKind};
use alai_mission::{MergeKind, MergeState, RunRow, RunState, fsck};
use alai_testkit::ollama::{self, OllamaTwin, TwinModel};
use alai_testkit::openai::{self, OpenaiTwin, Vice};
use serde_json::{Value, json};

use super::recital::{Asked, Recital, schema_of};
use super::{DEMO, LINES, PRODUCT, Typed, tasks};
use crate::hosts::{host, line};

const QWEN: &str = "qwen2.5-coder:32b";
const SMALL_QWEN: &str = "qwen2.5-coder:7b";
const KIMI: &str = "kimi-k2.5:tq1";
/// The fourth of the five tasks.
const API: &str = "user auth + subscription";
/// More than a conversation of the recording.
const WINDOW: u32 = 131_072;

/// What an independent verifier tries, for the lines that it is sent for here.
const VERIFIER: [(&str, &str); 3] = [
    ("user auth + subscription", "bento/routes/auth.py"),
    ("meal selection + checkout", "bento/routes/shop.py"),
    ("takes any number of tries", "tests/test_attempts.py"),
];

fn recording() -> Arc<Recital> {
    let script = std::fs::read_to_string(Path::new(DEMO).join("script.yaml")).expect("scenes");
    let verified = VERIFIER.map(|(title, path)| {
        let probe = json!({"id": "p1", "why": "the change brings it", "command": format!("test -s {path}"),
            "path": null, "content": null, "expect": "succeeds"});
        let said = |verdict: &str, probes: Value, rests_on: Value| {
            json!({"json": {"verdict": verdict, "summary": "What it brings is there.", "probes": probes,
                "rests_on": rests_on, "findings": []}})
        };
        json!({"when": {"kind": "verify", "title": title, "step": "verify"},
            "turns": [said("probe", json!([probe]), json!([])), said("pass", json!([]), json!(["p1"]))]})
    });
    let verified: Vec<String> = verified
        .iter()
        .map(|scene| format!("- {scene}\n"))
        .collect();
    Arc::new(Recital::of(&format!("{}\n{script}", verified.concat())))
}

/// Whether a builder's answer is asked for, to the second request of this task's build.
fn is_building(asked: Option<&Asked>, title: &str) -> bool {
    asked.is_some_and(|asked| {
        (asked.kind, asked.step, asked.turn) == (TaskKind::Build, "build", 1)
            && asked.title.contains(title)
    })
}

/// Ollama with one model; the build of `held` is not answered before the release.
fn anvil(said: &Arc<Recital>, model: &str, billions: f64, held: &'static str) -> OllamaTwin {
    let said = Arc::clone(said);
    let answer = move |body: &Value| {
        let asked = Asked::read(body, &body["format"]);
        let answer = said.by_ollama(body);
        match is_building(asked.as_ref(), held) {
            true => answer.held(),
            false => answer,
        }
    };
    OllamaTwin::start(ollama::Behaviour::by(answer).models([TwinModel {
        context_max: WINDOW,
        ..TwinModel::new(model, billions)
    }]))
}

/// llama-server with one model; likewise.
fn forge(said: &Arc<Recital>, held: &'static str) -> OpenaiTwin {
    let said = Arc::clone(said);
    let answer = move |body: &Value| {
        let asked = Asked::read(body, &schema_of(body));
        let answer = said.by_llama_server(body);
        match is_building(asked.as_ref(), held) {
            true => answer.but(Vice::Held),
            false => answer,
        }
    };
    OpenaiTwin::start(openai::Behaviour {
        models: vec![KIMI.to_owned()],
        parameters: 1_000_000_000_000,
        n_ctx: WINDOW,
        ..openai::Behaviour::by(answer)
    })
}

fn settings(anvil: &str, forge: &str, more: &str) -> String {
    // No model is asked what sort of task one is: whether one is heard in time would change the tier.
    format!("slots = 4\n\n[fleet]\nclassify_seconds = 0\n\n{anvil}\n{forge}\n{more}")
}

fn at_work(chats: &[Value], schema: impl Fn(&Value) -> Value, title: &str) -> bool {
    { chats.iter() }.any(|chat| is_building(Asked::read(chat, &schema(chat)).as_ref(), title))
}

/// A company's models for building, as its owner sets them.
fn overrides(typed: &Typed, company: &str, tier: u8) {
    let path = typed
        .world
        .home()
        .join("companies")
        .join(company)
        .join("config.json");
    let text = std::fs::read_to_string(&path).expect("the pack");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    for activity in ["build", "debug"] {
        config["tier_overrides"][activity] = json!(tier);
    }
    std::fs::write(&path, config.to_string()).expect("the pack");
}

fn model(run: &RunRow) -> &str {
    run.model.as_deref().unwrap_or_default()
}

#[test]
fn two_hosts_build_side_by_side_each_with_the_model_of_its_companies() {
    let said = recording();
    let anvil = anvil(&said, QWEN, 32.8, "Landing page design");
    let forge = forge(&said, "Database schema design");
    let typed = Typed::with(&settings(
        &host("anvil", "ollama", &anvil.url(), "tiers = [1, 2]"),
        &host("forge", "openai", &forge.url(), "tiers = [3, 4, 5]"),
        "[verifier]\nsend = true\npriorities = []\npaths = [\"auth\", \"shop\"]\n",
    ));
    overrides(&typed, "CodeCraft", 3);
    overrides(&typed, "Vizu", 2);
    typed.five_lines();
    let daemon = typed.world.up();
    let both = || {
        at_work(
            &anvil.chats(),
            |chat| chat["format"].clone(),
            "Landing page design",
        ) && at_work(&forge.chats(), schema_of, "Database schema design")
    };
    typed.until("both hosts are at work", |typed| both() || typed.rests());
    let mut live: Vec<(i64, String)> = { typed.reader.live_runs().expect("runs").into_iter() }
        .map(|run| (run.task.0, model(&run).to_owned()))
        .collect();
    live.sort();
    assert_eq!(live, [(2, KIMI.to_owned()), (3, QWEN.to_owned())]);
    anvil.release();
    forge.release();
    typed.until("all is merged", Typed::rests);
    typed.world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    is_whole(&typed);
    side_by_side(&typed);
    each_company_has_its_model(&typed);
    whoever_verifies_is_another(&typed);
}

/// By the times of their records, runs of one model and of the other were at work at the same moment.
fn side_by_side(typed: &Typed) {
    let run = |task: i64| {
        let runs = typed.reader.runs_of(TaskId(task)).expect("runs");
        (runs[0].started_ms, runs[0].ended_ms.expect("it has ended"))
    };
    let (schema, landing) = (run(2), run(3));
    assert!(
        schema.0 < landing.1 && landing.0 < schema.1,
        "{schema:?} and {landing:?}"
    );
}

fn each_company_has_its_model(typed: &Typed) {
    let mut seen = BTreeSet::new();
    for task in tasks(&typed.reader) {
        for run in typed.reader.runs_of(task.id).expect("runs") {
            let (company, model) = (run.company.clone().unwrap_or_default(), model(&run));
            let of_it = match (task.kind, company.as_str()) {
                (TaskKind::Build, "CodeCraft") => Some(KIMI),
                (TaskKind::Build, "Vizu") => Some(QWEN),
                (TaskKind::Review | TaskKind::Security, _) => Some(KIMI),
                _ => None,
            };
            assert!(
                of_it.is_none_or(|of_it| of_it == model),
                "{company}: {run:?}"
            );
            seen.insert((company, model.to_owned()));
        }
    }
    for (company, model) in [
        ("CodeCraft", KIMI),
        ("Vizu", QWEN),
        ("Proveo", KIMI),
        ("Securion", KIMI),
    ] {
        assert!(
            seen.contains(&(company.to_owned(), model.to_owned())),
            "{seen:?}"
        );
    }
}

/// Of what each model built, the other one said what it is worth, by a probe that told it from what was there before.
fn whoever_verifies_is_another(typed: &Typed) {
    let threads = typed.reader.verifications().expect("threads");
    let pairs: BTreeSet<(&str, &str)> = { threads.iter() }
        .map(|thread| (thread.built_by[0].as_str(), thread.model.as_str()))
        .collect();
    assert_eq!(
        pairs,
        BTreeSet::from([(KIMI, QWEN), (QWEN, KIMI)]),
        "{threads:?}"
    );
    for thread in &threads {
        assert!(!thread.same_model, "{thread:?}");
        assert_eq!(thread.quality.as_deref(), Some("strong"), "{thread:?}");
    }
}

/// Everything is done, and what it came to is the product.
fn is_whole(typed: &Typed) {
    assert_eq!(fsck(&typed.reader).expect("fsck runs"), []);
    let all = tasks(&typed.reader);
    let unfinished: Vec<&Task> = all.iter().filter(|t| t.state != State::Done).collect();
    assert!(unfinished.is_empty(), "{unfinished:?}");
    for task in &all {
        assert_eq!(task.counters.escalations, 0, "{task:?}");
        let runs = typed.reader.runs_of(task.id).expect("runs");
        let real = |run: &RunRow| run.mode == Some(Mode::Real);
        assert!(runs.last().is_some_and(real), "{runs:?}");
    }
    assert_eq!(typed.tree("main"), PRODUCT);
}

#[test]
fn a_host_that_is_lost_in_the_middle_leaves_its_work_to_the_other_and_the_product_is_the_same() {
    let said = recording();
    let anvil = anvil(&said, SMALL_QWEN, 7.6, "nothing of it");
    let forge = forge(&said, API);
    // Both were given tier 3. The model of the first is too small for it by its size: it stands in where the other one is lost.
    let typed = Typed::with(&settings(
        &host("anvil", "ollama", &anvil.url(), "tiers = [1, 2, 3]"),
        &host("forge", "openai", &forge.url(), "tiers = [3, 4, 5]"),
        "",
    ));
    overrides(&typed, "CodeCraft", 3);
    overrides(&typed, "Vizu", 2);
    typed.five_lines();
    let daemon = typed.world.up();
    let building = || at_work(&forge.chats(), schema_of, API);
    typed.until("the API is built there", |typed| {
        building() || typed.rests()
    });
    forge.goes_away(true);
    typed.until("all is merged", Typed::rests);
    let is_up = |name: &str| {
        let status = typed.world.alai(["fleet", "status", "--json"]).exits(0);
        line(&status.json(), name)["up"] == true
    };
    let shown = typed.world.alai(["fleet", "status"]).exits(0);
    let lost = format!("forge  {}  down", forge.url());
    assert!(shown.out.contains(&lost), "{shown}");
    assert!(is_up("anvil") && !is_up("forge"), "{shown}");
    // There again, it is seen without a word of anybody.
    forge.goes_away(false);
    assert!(is_up("forge"), "it is there again");
    typed.world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    is_whole(&typed);
    the_api_has_moved(&typed, &forge.url());
    nothing_is_done_twice(&typed);
}

/// The run that the host took with it is an attempt of the machine, which its task tells by the host's address; the next one is the other
/// host's, for the same tier, as is all that began behind it.
fn the_api_has_moved(typed: &Typed, forge: &str) {
    let api = typed.reader.task(TaskId(4)).expect("the task");
    assert!(api.title.contains(API), "{api:?}");
    let runs = typed.reader.runs_of(api.id).expect("runs");
    let models: Vec<&str> = runs.iter().map(model).collect();
    assert_eq!(models, [KIMI, SMALL_QWEN], "{runs:?}");
    assert_eq!(runs[0].choice, runs[1].choice, "the same is asked for");
    assert_eq!(api.counters.infra_attempts, 1, "{api:?}");
    assert_eq!(runs[1].resumes.as_ref(), Some(&runs[0].id), "{runs:?}");
    let tier = |run: &RunRow| { run.choice.as_ref() }.is_some_and(|c| c.starts_with("tier 3: "));
    assert!(runs.iter().all(tier), "{runs:?}");
    let told = format!("infrastructure: no reply from model `{KIMI}` at {forge}: ");
    let events = typed.reader.events(api.id).expect("events");
    let moves: Vec<_> = events.iter().filter(|e| e.kind == "retry").collect();
    assert!(
        matches!(moves[..], [event] if event.run.as_ref() == Some(&runs[0].id)
            && (event.from, event.to) == (Some(State::Started), Some(State::Open))
            && event.detail.starts_with(&told)),
        "{moves:?}"
    );
    let shown = typed.world.alai(["mc", "show", "4", "--explain"]).exits(0);
    let line = format!("retry by factory started -> open {told}");
    assert!(shown.out.contains(&line), "{shown}");
    let over_ms = runs[1].ended_ms.expect("it has ended");
    for task in tasks(&typed.reader) {
        let runs = typed.reader.runs_of(task.id).expect("runs");
        let mut behind = runs.iter().filter(|run| run.started_ms > over_ms);
        assert!(behind.all(|run| model(run) == SMALL_QWEN), "{runs:?}");
    }
}

/// Each task has come to its end in one run, the last; runs before it are the lost host's, which handed nothing in. Each line of work is merged once, and there
/// are as many tasks of each kind as the demo has.
fn nothing_is_done_twice(typed: &Typed) {
    let all = tasks(&typed.reader);
    for task in &all {
        let runs = typed.reader.runs_of(task.id).expect("runs");
        let (last, lost) = runs.split_last().expect("a run");
        assert_eq!(last.state, RunState::Succeeded, "{runs:?}");
        assert!(lost.is_empty() || model(last) == SMALL_QWEN, "{runs:?}");
        let of_it = |run: &RunRow| run.state == RunState::Failed && model(run) == KIMI;
        assert!(lost.iter().all(of_it), "{runs:?}");
        let counters = &task.counters;
        assert_eq!((counters.qa_retries, counters.interruptions), (0, 0));
    }
    let of = |kind: TaskKind| all.iter().filter(|task| task.kind == kind).count();
    let kinds = [
        TaskKind::Build,
        TaskKind::Review,
        TaskKind::Security,
        TaskKind::Ops,
        TaskKind::Docs,
    ];
    assert_eq!((kinds.map(of), all.len()), ([9, 9, 8, 1, 1], 28));
    let merges = typed.reader.merges().expect("merges");
    let merged: Vec<TaskId> = { merges.iter() }
        .filter(|m| m.kind == MergeKind::Integrate && m.state == MergeState::Merged)
        .map(|m| m.task)
        .collect();
    let lines: BTreeSet<TaskId> = merged.iter().copied().collect();
    assert_eq!((merged.len(), lines.len()), (LINES, LINES), "{merges:?}");
}
