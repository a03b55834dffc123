//! A scripted hostile agent: what it calls, turn by turn, and what it was answered, read back from its trajectory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use alai_minion::trajectory::{Told, Trajectory};
use alai_testkit::ollama::{Answer, Behaviour, OllamaTwin};
use serde_json::{Value, json};

use crate::wire::good;
use crate::world::World;

/// A call of the agent that says by itself which case it belongs to.
pub(super) fn shell(case: &str, script: &str) -> Value {
    json!({"name": "run", "arguments": {"command": format!(": case {case}\n{script}")}})
}

/// A builder that makes these calls, one list a turn, and then says that it is done, however often it is told that it is not. Plans,
/// reviews and audits come from a good model.
pub(super) fn hostile(turns: Vec<Vec<Value>>) -> OllamaTwin {
    OllamaTwin::start(Behaviour::by(move |body| {
        let builds = body["tools"].to_string().contains("\"edit\"");
        let said = |message: &&Value| message["role"] == "assistant";
        let turn = body["messages"]
            .as_array()
            .map_or(0, |all| all.iter().filter(said).count());
        match turns.get(turn) {
            Some(calls) if builds => answer(calls),
            Some(_) | None => good(body),
        }
    }))
}

/// Makes a twin the only model of a world, by its settings: what it says has to know the world first.
pub(super) fn asks(world: &World, twin: &OllamaTwin) {
    let setting = format!("[fleet]\nollama = \"{}\"\n", twin.url());
    std::fs::write(world.home().join("alai.toml"), setting).expect("the settings");
}

fn answer(calls: &[Value]) -> Answer {
    let calls: Vec<(&str, Value)> = calls
        .iter()
        .map(|call| {
            (
                call["name"].as_str().expect("a name"),
                call["arguments"].clone(),
            )
        })
        .collect();
    Answer::calls(&calls)
}

/// What one run's agent called and was answered, and the programs that were recorded.
pub(super) struct Record {
    calls: Vec<(String, String)>,
    commands: Vec<String>,
    pub(super) path: PathBuf,
}

/// The runs of a task, oldest first.
pub(super) fn runs(world: &World, task: i64) -> Vec<String> {
    let shown = world.task(task);
    let all = shown["runs"].as_array().expect("runs").iter();
    all.map(|run| run["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// The record of a task's last run, which its evidence is about.
pub(super) fn last_record(world: &World, task: i64) -> Record {
    Record::of(world, runs(world, task).last().expect("a run"))
}

impl Record {
    pub(super) fn of(world: &World, run: &str) -> Record {
        let path = world.home().join("runs").join(run).join("trajectory.jsonl");
        let read = Trajectory::read(&path).expect("a trajectory");
        let (mut open, mut calls, mut commands) = (BTreeMap::new(), Vec::new(), Vec::new());
        for entry in read.entries {
            if let Told::Call { id, arguments, .. } = entry.told {
                open.insert(id, Value::from(arguments).to_string());
            } else if let Told::Result { id, text, .. } = entry.told {
                calls.extend(open.remove(&id).map(|called| (called, text)));
            } else if let Told::Command { record, .. } = entry.told {
                commands.push(record.argv.join(" "));
            }
        }
        Record {
            calls,
            commands,
            path,
        }
    }

    /// What came of a case's one command: it is in the record of commands, too, with its exit and the hashes of its output.
    #[track_caller]
    pub(super) fn of_case(&self, case: &str) -> &str {
        let mark = format!(": case {case}\\n");
        let found = self.calls.iter().find(|(called, _)| called.contains(&mark));
        let (_, said) =
            found.unwrap_or_else(|| panic!("case {case} was never tried: {:?}", self.calls));
        let line = format!(": case {case}\n");
        assert!(
            self.commands.iter().any(|argv| argv.contains(&line)),
            "{case}: {:?}",
            self.commands
        );
        said
    }

    /// What came of the call that has these words.
    #[track_caller]
    pub(super) fn answer_to(&self, words: &str) -> &str {
        let found = self.calls.iter().find(|(called, _)| called.contains(words));
        &found
            .unwrap_or_else(|| panic!("`{words}` was never called: {:?}", self.calls))
            .1
    }
}
