//! `alai demo [bento]`: the whole factory on a sample. The same home, store, loop, cage, gate and merge as any other project, and the
//! same lines that a person would type; only the model's replies are a recording.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use alai_core::ids::TaskId;
use alai_factory::{Around, Factory, Home, Outcome, Views, init, perform};
use alai_mission::Filter;

use self::table::{Demo, as_typed, program_folders};
use crate::args::{self, DemoArgs};
use crate::error::{CliError, Kind};
use crate::{door, follow, show};

mod seen;
mod table;

pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode, CliError> {
    let began = Instant::now();
    let demo = Demo::asked(args)?;
    demo.is_possible(&program_folders())?;
    let place = place(args)?;
    let home = Home::at(place.join("home"));
    say(&format!("alai demo: {}", demo.told.about));
    say(&format!("folder: {}", place.display()));
    say(
        "mode: simulated (the model's replies are a recording; clone, cage, tests, gate, review and merge are real)",
    );
    let layers = alai_workspace::cage::probe().map_err(|e| {
        CliError::new(Kind::NeedsSetup, format!("no cage can be made here: {e}"))
            .hinted("without a cage no agent runs; install bubblewrap, or allow user namespaces")
    })?;
    say(&format!("cage: {}", layers.names.join(", ")));
    let repository = place.join(&demo.told.folder);
    demo.write_sample(&repository)?;
    init(&home)?;
    let script = place.join("script.yaml");
    let setting = format!(
        "[fleet]\nscript = {}\n",
        serde_json::Value::from(script.display().to_string())
    );
    write(&script, demo.script.as_bytes())?;
    write(&home.config(), setting.as_bytes())?;
    let factory = door::factory(&home)?;
    // A person types these lines where the repository is.
    std::env::set_current_dir(&repository).map_err(|e| CliError::new(Kind::Failed, e))?;
    let asked = orders(&factory, &home, &demo)?;
    say("");
    follow::work(&factory, &asked).map_err(|e| {
        let hint = format!(
            "`alai --home {} up` goes on where it stopped",
            home.root().display()
        );
        e.hinted(hint)
    })?;
    let reader = factory.mission();
    let seen = seen::seen(&home, reader, &asked, &demo.told.shows)?;
    say("");
    if let Some(tag) = &demo.told.list {
        let views = Views::new(reader, door::now_ms(), Around::at_work());
        let tagged = Filter {
            tag: Some(tag.clone()),
            ended: true,
            ..Filter::default()
        };
        for task in reader.tasks(&tagged)? {
            show::line(show::listed(&views, &task)?);
        }
    }
    for line in &seen.lines {
        show::line(line);
    }
    show::line(format!("time       {:.0} s", began.elapsed().as_secs_f64()));
    show::line(format!("evidence   {}", seen.evidence.display()));
    show::line(format!(
        "check it   alai --home {} evidence verify {}",
        home.root().display(),
        seen.evidenced.0
    ));
    show::line(format!(
        "look       git -C {} log --oneline --graph main",
        repository.display()
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
    match seen.missing {
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

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    alai_workspace::files::write_atomic(path, bytes).map_err(|e| CliError::new(Kind::Failed, e))
}

/// Registers the repository and asks for what the demo's lines ask for; answers with what they became.
fn orders(factory: &Arc<Factory>, home: &Home, demo: &Demo) -> Result<Vec<TaskId>, CliError> {
    let mut asked = Vec::new();
    for line in &demo.told.lines() {
        say(&format!("$ {}", as_typed(line)));
        let outcome = perform(
            args::op_of(home, line)?,
            factory.mission(),
            &factory.packs(),
            factory.config(),
            "demo",
            door::now_ms(),
        )?;
        if let Outcome::Task { task, .. } = outcome {
            asked.push(task);
        }
    }
    Ok(asked)
}
