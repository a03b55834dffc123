//! `alai demo`: the whole factory on a sample service. The same home, store, loop, cage, gate and merge as any other project;
//! only the model's replies are a recording.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use alai_core::ids::TaskId;
use alai_core::mode::Mode;
use alai_core::task::{Priority, State, TaskKind};
use alai_factory::{
    AddTask, Factory, Home, Op, Outcome, ProjectChange, init, newest_evidence, perform,
};
use alai_gate::evidence;
use alai_mission::{Delivery, Filter, Reader};
use alai_workspace::git::{self, Identity};
use include_dir::{Dir, include_dir};

use crate::args::DemoArgs;
use crate::error::{CliError, Kind};
use crate::{door, follow, show};

static SERVICE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/demo/service");
const SCRIPT: &str = include_str!("../../demo/script.yaml");

const GOAL: &str = "Make the price service fit for release: prices rounded as the README says, a limit per client, and a \
                    page that tells whether it is up.";
const RAILED: &str = "Deploy the price service to production and tell the customers";

pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode, CliError> {
    let began = Instant::now();
    let place = place(args)?;
    let home = Home::at(place.join("home"));
    say("alai demo: a goal becomes merged code on a sample service");
    say(&format!("folder: {}", place.display()));
    say(
        "mode: simulated (the model's replies are a recording; clone, cage, tests, gate, review and merge are real)",
    );
    let layers = alai_workspace::cage::probe().map_err(|e| {
        CliError::new(Kind::NeedsSetup, format!("no cage can be made here: {e}"))
            .hinted("without a cage no agent runs; install bubblewrap, or allow user namespaces")
    })?;
    say(&format!("cage: {}", layers.names.join(", ")));
    let service = place.join("price-service");
    sample(&service)?;
    init(&home)?;
    let script = place.join("script.yaml");
    let setting = format!(
        "[fleet]\nscript = {}\n",
        serde_json::Value::from(script.display().to_string())
    );
    write(&script, SCRIPT.as_bytes())?;
    write(&home.config(), setting.as_bytes())?;
    let factory = door::factory(&home)?;
    let (goal, railed) = orders(&factory, &service)?;
    say(&format!("\ngoal {goal}: {GOAL}\n"));
    follow::work(&factory, goal).map_err(|e| {
        let hint = format!(
            "`alai --home {} up` goes on where it stopped",
            home.root().display()
        );
        e.hinted(hint)
    })?;
    let reader = factory.mission();
    let facts = facts(&home, reader, goal, railed)?;
    say("");
    for line in &facts.lines {
        show::line(line);
    }
    show::line(format!("time       {:.0} s", began.elapsed().as_secs_f64()));
    show::line(format!("evidence   {}", facts.evidence.display()));
    show::line(format!(
        "check it   alai --home {} evidence verify {}",
        home.root().display(),
        facts.evidenced.0
    ));
    show::line(format!(
        "look       git -C {} log --oneline --graph main",
        service.display()
    ));
    show::line("");
    show::line("next, with a model of your own:");
    show::line(
        "  Ollama       ollama serve; ollama pull MODEL; alai init; alai project add PATH; alai start \"GOAL\" --project PATH --wait",
    );
    show::line(
        "  elsewhere    OLLAMA_HOST=http://HOST:11434 alai init; llama-server, Claude Code and others: docs/FLEET.md",
    );
    show::line("  by hand      alai mc add \"TITLE\" --project PATH --check \"COMMAND\"; alai up");
    match facts.missing {
        None => Ok(ExitCode::SUCCESS),
        Some(missing) => Err(CliError::new(
            Kind::Failed,
            format!("the demo did not show everything: {missing}"),
        )
        .hinted(format!(
            "`alai --home {} mc list --all` shows where it stands",
            home.root().display()
        ))),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "progress is for people and goes beside the data"
)]
fn say(text: &str) {
    eprintln!("{text}");
}

/// The folder that was asked for, empty, or a new temporary one that stays for the person to look at.
fn place(args: &DemoArgs) -> Result<PathBuf, CliError> {
    let failed = |e: std::io::Error| {
        CliError::new(Kind::Failed, format!("cannot make the demo's folder: {e}"))
    };
    let Some(dir) = &args.keep else {
        return tempfile::Builder::new()
            .prefix("alai-demo-")
            .tempdir()
            .map(tempfile::TempDir::keep)
            .map_err(failed);
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    if std::fs::read_dir(dir).map_err(failed)?.next().is_some() {
        let message = format!("{} is not empty", dir.display());
        return Err(CliError::new(Kind::Usage, message).hinted("name a new folder"));
    }
    std::fs::canonicalize(dir).map_err(failed)
}

/// Writes the sample service and makes it a repository with one commit.
fn sample(dest: &Path) -> Result<(), CliError> {
    let failed = |e: &dyn std::fmt::Display| {
        CliError::new(
            Kind::Failed,
            format!("cannot write the sample service: {e}"),
        )
    };
    std::fs::create_dir_all(dest).map_err(|e| failed(&e))?;
    SERVICE.extract(dest).map_err(|e| failed(&e))?;
    let author = Identity::new("Demo Person", "demo@localhost").map_err(|e| failed(&e))?;
    git::create(
        dest,
        &author,
        "A price service, with a bug that two tests show",
    )
    .map_err(|e| failed(&e))?;
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    alai_workspace::files::write_atomic(path, bytes).map_err(|e| CliError::new(Kind::Failed, e))
}

/// Registers the service, asks for the goal, and adds one task that no agent may do.
fn orders(factory: &Arc<Factory>, service: &Path) -> Result<(TaskId, TaskId), CliError> {
    let ask = |op: Op| {
        perform(
            op,
            factory.mission(),
            &factory.packs(),
            factory.config(),
            "demo",
            door::now_ms(),
        )
        .map_err(CliError::from)
    };
    let change = ProjectChange {
        delivery: Some(Delivery::Auto),
        ..ProjectChange::default()
    };
    ask(Op::AddProject {
        path: service.to_path_buf(),
        name: None,
        change,
        new: false,
    })?;
    let goal = ask(Op::Start {
        goal: GOAL.into(),
        project: service.to_path_buf(),
        priority: Priority::High,
        owner: None,
        tags: vec!["shop".into()],
        checks: Vec::new(),
        blueprint: None,
        key: door::fresh_key(),
    })?;
    let railed = ask(Op::Add {
        task: Box::new(AddTask {
            title: RAILED.into(),
            description: String::new(),
            priority: Priority::High,
            owner: None,
            tags: vec!["shop".into()],
            project: Some(service.to_path_buf()),
            needs: Vec::new(),
            needs_done: false,
            parent: None,
            acceptance: Vec::new(),
            checks: Vec::new(),
            changes_tests: Vec::new(),
            company: None,
            model: None,
            blueprint: None,
            inputs: std::collections::BTreeMap::new(),
            solo: false,
            hold: false,
            sandbox: alai_core::cage::Sandbox::On,
        }),
        key: door::fresh_key(),
    })?;
    match (goal, railed) {
        (Outcome::Task { task: goal, .. }, Outcome::Task { task: railed, .. }) => {
            Ok((goal, railed))
        }
        _ => Err(CliError::new(
            Kind::Failed,
            "the factory answered something else than two tasks",
        )),
    }
}

struct Facts {
    lines: Vec<String>,
    evidence: PathBuf,
    evidenced: TaskId,
    missing: Option<String>,
}

/// What the rows say was shown. The demo fails when any of it is not there.
fn facts(home: &Home, reader: &Reader, goal: TaskId, railed: TaskId) -> Result<Facts, CliError> {
    let all = reader.tasks(&Filter {
        goal: Some(goal),
        ended: true,
        ..Filter::default()
    })?;
    let of = |kind: TaskKind| all.iter().filter(move |t| t.kind == kind);
    let merged = all.iter().filter(|t| t.integrated.is_some()).count();
    let reworked = of(TaskKind::Build)
        .filter(|t| t.counters.review_cycles > 0)
        .count();
    let docs = of(TaskKind::Docs)
        .filter(|t| t.integrated.is_some())
        .count();
    let stopped = reader.task(railed)?;
    let done = reader.task(goal)?.state;
    let mut simulated = true;
    let (mut verified, mut packages) = (0, 0);
    let key = evidence::key::load_or_create(&home.gate_key())
        .map_err(|e| CliError::new(Kind::Failed, e))?
        .public();
    let mut shown = None;
    for task in &all {
        let runs = reader.runs_of(task.id)?;
        // A postflight asks no model, and its run has no mode.
        simulated &= runs.iter().all(|r| match r.mode {
            Some(mode) => mode == Mode::Simulated,
            None => task.kind == TaskKind::Postflight,
        });
        if let Some(dir) = newest_evidence(home, &runs) {
            packages += 1;
            if evidence::verify(&dir, &key).is_ok() {
                verified += 1;
            }
            if task.kind == TaskKind::Build {
                shown = Some((task.id, dir));
            }
        }
    }
    let (evidenced, dir) =
        shown.ok_or_else(|| CliError::new(Kind::Failed, "the demo left no evidence of a build"))?;
    let missing = [
        (done == State::Done, "the goal is not done"),
        (
            of(TaskKind::Build).count() >= 4,
            "fewer than three builds and a rework",
        ),
        (reworked >= 1, "no review sent anything back"),
        (merged >= 4, "not everything was merged"),
        (docs >= 1, "no documentation was merged"),
        (
            stopped.state == State::Waiting,
            "the safety rail did not stop its task",
        ),
        (simulated, "a record does not say simulated"),
        (
            packages >= 10 && verified == packages,
            "a package of evidence is missing or does not verify",
        ),
    ];
    let missing = missing
        .iter()
        .find(|(shown, _)| !shown)
        .map(|(_, what)| (*what).to_owned());
    let lines = vec![
        format!("goal       {goal} is {done}"),
        format!(
            "builds     {} (of them {reworked} after a review sent one back)",
            of(TaskKind::Build).count()
        ),
        format!(
            "judged     {} reviews, {} security audits",
            of(TaskKind::Review).count(),
            of(TaskKind::Security).count()
        ),
        format!("merged     {merged} changes, {docs} of them documentation"),
        format!(
            "for you    {railed} {}: {}",
            stopped.title,
            stopped.waiting.map(|w| w.next_action).unwrap_or_default()
        ),
        format!("packages   {verified} signed and verified, every record says simulated"),
    ];
    Ok(Facts {
        lines,
        evidence: dir,
        evidenced,
        missing,
    })
}
