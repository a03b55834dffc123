//! A small world: a temporary repository, a hand serving it in a process of its own, and a model that reads from a script.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use alai_core::blueprint::{Action, AskSchema, Blueprint, Env, Retry, Step, ToolName};
use alai_core::brief::{
    Brief, Caps, CompanyBrief, Price, ProjectBrief, Role, RoleBrief, RunLimits,
};
use alai_core::delegation::Delegations;
use alai_core::ids::{Epoch, RunId, TaskId};
use alai_core::mode::Mode;
use alai_core::skills::Shelf;
use alai_core::task::TaskKind;
use alai_fleet::{ChatError, ChatReply, ChatRequest, Finish, Message, Profile, ToolCall, Usage};
use alai_minion::hand::Hand;
use alai_minion::mcp::Servers;
use alai_minion::{Ask, Notes, Recorder, RunReport};
use alai_workspace::command::Cancel;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The test of the sample project: green when `answer.txt` says 42.
pub(crate) const TEST: &str = "sh test.sh";
pub(crate) const TEST_SH: &str = "#!/bin/sh\nif grep -qx 42 answer.txt; then echo '1 passed'; else echo 'FAIL: answer is not 42'; exit 1; fi\n";

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) hand: Hand,
    pub(crate) base: String,
    pub(crate) cancel: Cancel,
    /// Of the model; a test may set it.
    pub(crate) price: Price,
    /// What its agents may load; a test may set it.
    pub(crate) shelf: Shelf,
    /// What a lead's proposals are judged by; a test may set it.
    pub(crate) delegations: Option<Delegations>,
    child: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World {
    /// The sample project, red.
    pub(crate) fn new() -> World {
        World::with(&[
            ("answer.txt", "41\n"),
            ("test.sh", TEST_SH),
            ("README.md", "# Sample\n"),
        ])
    }

    pub(crate) fn with(files: &[(&str, &str)]) -> World {
        World::of(|repo| {
            for (name, content) in files {
                let path = repo.join(name);
                std::fs::create_dir_all(path.parent().expect("beneath the repository"))
                    .expect("folders");
                std::fs::write(path, content).expect("a file");
            }
        })
    }

    /// A project that is filled in by the caller.
    pub(crate) fn of(fill: impl FnOnce(&Path)) -> World {
        let dir = tempfile::tempdir().expect("a temp dir");
        let repo = dir.path().join("repo");
        std::fs::create_dir(&repo).expect("a new folder");
        fill(&repo);
        git(&repo, &["init", "--quiet", "--initial-branch", "minion/1"]);
        git(&repo, &["add", "--all"]);
        git(&repo, &["commit", "--quiet", "-m", "base"]);
        let base = git(&repo, &["rev-parse", "HEAD"]);
        let mut child = probe(&repo, &dir.path().join("scratch"));
        let cancel = Cancel::new();
        let to_hand = child.stdin.take().expect("piped");
        let from_hand = child.stdout.take().expect("piped");
        let hand =
            Hand::start(to_hand, from_hand, vec!["none".into()], &cancel).expect("an honest hand");
        World {
            dir,
            hand,
            base,
            cancel,
            price: Price::FREE,
            shelf: Shelf::default(),
            delegations: None,
            child,
        }
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.repo().join(name)).expect("a file of the repository")
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.repo(), args)
    }

    /// Kills the hand's process, as a hostile program of the same user could.
    pub(crate) fn kill_hand(&mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("it was ours");
    }

    pub(crate) fn brief(&self, steps: Vec<Step>) -> Brief {
        Brief {
            run: RunId("0190b5f8-7a3c-7d21-9f3e-5a6b7c8d9e0f".into()),
            epoch: Epoch(1),
            task: TaskId(4001),
            kind: TaskKind::Build,
            title: "Correct the answer".into(),
            description: "answer.txt must say 42.".into(),
            acceptance: vec!["`sh test.sh` exits 0".into()],
            checks: vec![TEST.into()],
            attempt: 0,
            findings: Vec::new(),
            recalled: Vec::new(),
            session: String::new(),
            company: CompanyBrief {
                name: "sample".into(),
                soul: "We do careful work.".into(),
                role_prompt: "You are a builder.".into(),
                roles: BTreeMap::from([
                    (Role::Lead, role("You are a lead.")),
                    (Role::Builder, role("You are a builder.")),
                    (Role::Reviewer, role("You are a reviewer.")),
                ]),
            },
            role: Role::Builder,
            blueprint: Blueprint {
                name: "feature".into(),
                description: String::new(),
                steps,
                inputs: BTreeMap::from([("depth".into(), "small".into())]),
                limits: Caps::default(),
                example: BTreeMap::new(),
                asks_for: Vec::new(),
            },
            project: ProjectBrief {
                name: "sample".into(),
                base: self.base.clone(),
                measured_from: self.base.clone(),
                head: None,
                diff: String::new(),
                test_command: TEST.into(),
                allowed_paths: Vec::new(),
                forbidden_paths: Vec::new(),
                scaffolded: Vec::new(),
                changes_tests: Vec::new(),
                red_on_base: Vec::new(),
                author: "Ada Byron <ada@example.org>".into(),
                rules: None,
            },
            limits: RunLimits::default(),
            answers: Vec::new(),
            progress: None,
        }
    }

    /// Runs a brief with a script as the model.
    pub(crate) fn run(&mut self, brief: &Brief, script: &mut Script) -> Ran {
        self.run_with(brief, &Profile::default(), script)
    }

    pub(crate) fn run_with(
        &mut self,
        brief: &Brief,
        profile: &Profile,
        script: &mut Script,
    ) -> Ran {
        self.run_by(brief, profile, &mut |request| script.next(request))
    }

    /// Runs a brief with anything that answers.
    pub(crate) fn run_by(&mut self, brief: &Brief, profile: &Profile, ask: Ask<'_>) -> Ran {
        self.run_lent(brief, profile, ask, None)
    }

    /// The same, with servers to ask.
    pub(crate) fn run_lent(
        &mut self,
        brief: &Brief,
        profile: &Profile,
        ask: Ask<'_>,
        servers: Option<Servers<'_>>,
    ) -> Ran {
        self.run_heard(brief, profile, ask, servers, None)
    }

    /// The same, with somebody who hears its notes.
    pub(crate) fn run_heard(
        &mut self,
        brief: &Brief,
        profile: &Profile,
        ask: Ask<'_>,
        servers: Option<Servers<'_>>,
        notes: Option<Notes<'_>>,
    ) -> Ran {
        let sink = Sink::default();
        let mut recorder = Recorder::to(sink.clone());
        let report = alai_minion::run(
            brief,
            alai_minion::Means {
                profile,
                model: "small",
                price: self.price,
                ask,
                hand: &mut self.hand,
                recorder: &mut recorder,
                cancel: &self.cancel,
                passes: &|_, _| false,
                words: &mut Vec::new,
                program: None,
                shelf: &self.shelf,
                servers,
                delegations: self.delegations.clone(),
                // Taken out and put in again, it lives as long as it must and no longer.
                ahead: None,
                notes: match notes {
                    Some(notes) => Some(notes),
                    None => None,
                },
            },
        );
        let bytes = sink.0.lock().expect("one writer").clone();
        let text = String::from_utf8(bytes).expect("JSON is UTF-8");
        let events = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect();
        Ran { report, events }
    }
}

pub(crate) struct Ran {
    pub(crate) report: RunReport,
    pub(crate) events: Vec<Value>,
}

impl Ran {
    pub(crate) fn kinds(&self, kind: &str) -> Vec<&Value> {
        self.events
            .iter()
            .filter(|event| event["type"] == kind)
            .collect()
    }
}

#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().expect("one writer").clone();
        String::from_utf8(bytes).expect("JSON is UTF-8")
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("one writer").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Starts the test-support hand on a folder.
pub(crate) fn probe(repo: &Path, scratch: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_hand_probe"))
        .arg("serve")
        .args([repo, scratch])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test-support binary starts")
}

pub(crate) fn git(repo: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(repo)
        .args([
            "-c",
            "user.name=Base",
            "-c",
            "user.email=base@example.org",
            "-c",
            "core.quotePath=false",
        ])
        .args(args)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git is installed");
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A model that answers from a list; the last answer repeats when `forever` is set.
#[derive(Default)]
pub(crate) struct Script {
    replies: Vec<Result<ChatReply, ChatError>>,
    forever: bool,
    pub(crate) requests: Vec<ChatRequest>,
}

impl Script {
    pub(crate) fn new(replies: Vec<Result<ChatReply, ChatError>>) -> Script {
        Script {
            replies,
            forever: false,
            requests: Vec::new(),
        }
    }

    pub(crate) fn forever(replies: Vec<Result<ChatReply, ChatError>>) -> Script {
        Script {
            forever: true,
            ..Script::new(replies)
        }
    }

    pub(crate) fn answer(&mut self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        self.next(request)
    }

    fn next(&mut self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let turn = self.requests.len();
        self.requests.push(request.clone());
        let at = if self.forever {
            turn % self.replies.len()
        } else {
            turn
        };
        self.replies
            .get(at)
            .unwrap_or_else(|| {
                panic!(
                    "the script has no answer {turn}: {:?}",
                    request.messages.last()
                )
            })
            .clone()
    }

    /// The texts of the last request, for what the model was told.
    pub(crate) fn told(&self, request: usize) -> String {
        self.requests[request]
            .messages
            .iter()
            .map(text_of)
            .collect::<Vec<_>>()
            .join("\n---\n")
    }

    /// The last message of a request.
    pub(crate) fn last(&self, request: usize) -> String {
        text_of(self.requests[request].messages.last().expect("never empty"))
    }
}

fn text_of(message: &Message) -> String {
    match message {
        Message::System { text } | Message::User { text } | Message::Tool { text, .. } => {
            text.clone()
        }
        Message::Assistant { text, calls } => format!("{text}{calls:?}"),
    }
}

pub(crate) fn says(text: &str) -> Result<ChatReply, ChatError> {
    Ok(reply(text, Vec::new(), Finish::Stop))
}

/// An answer that makes these calls.
pub(crate) fn calls(list: &[(&str, Value)]) -> Result<ChatReply, ChatError> {
    Ok(reply(
        "",
        list.iter()
            .enumerate()
            .map(|(n, (name, args))| call(n, name, args))
            .collect(),
        Finish::Stop,
    ))
}

/// An answer cut off in the middle of its calls.
pub(crate) fn cut_off(list: &[(&str, Value)]) -> Result<ChatReply, ChatError> {
    Ok(reply(
        "",
        list.iter()
            .enumerate()
            .map(|(n, (name, args))| call(n, name, args))
            .collect(),
        Finish::Length,
    ))
}

fn call(n: usize, name: &str, arguments: &Value) -> ToolCall {
    let Value::Object(arguments) = arguments.clone() else {
        panic!("arguments are an object")
    };
    ToolCall {
        id: format!("call-{n}"),
        name: name.into(),
        arguments,
    }
}

fn reply(text: &str, calls: Vec<ToolCall>, finish: Finish) -> ChatReply {
    ChatReply {
        text: text.into(),
        calls,
        usage: Usage {
            prompt_tokens: 100,
            output_tokens: 10,
            ..Usage::default()
        },
        finish,
        salvaged: false,
        refused: None,
        mode: Mode::Simulated,
        model: "scripted".into(),
        latency_ms: 0,
        thinking: String::new(),
        usage_estimated: false,
    }
}

pub(crate) fn done() -> (&'static str, Value) {
    (
        "done",
        json!({"status": "done", "summary": "The answer is 42 now."}),
    )
}

pub(crate) fn fix() -> (&'static str, Value) {
    (
        "edit",
        json!({"path": "answer.txt", "old": "41", "new": "42"}),
    )
}

fn role(prompt: &str) -> RoleBrief {
    RoleBrief {
        prompt: prompt.into(),
        tools: ToolName::ALL.to_vec(),
    }
}

pub(crate) fn agent(check: Option<&str>) -> Step {
    step(
        "build",
        Action::Agent {
            prompt: "Do the task.".into(),
            tools: ToolName::ALL.to_vec(),
            turns_max: 40,
            check: check.map(Into::into),
            outputs: Vec::new(),
            role: None,
            limits: Caps::default(),
        },
    )
}

pub(crate) fn ask(id: &str, schema: AskSchema) -> Step {
    step(
        id,
        Action::Ask {
            prompt: "Say how.".into(),
            schema,
        },
    )
}

pub(crate) fn step(id: &str, action: Action) -> Step {
    Step {
        id: id.into(),
        name: id.into(),
        action,
        timeout_s: None,
        condition: None,
        continue_on_error: false,
        at: String::new(),
        needs: Vec::new(),
        env: Env::default(),
        gates: Vec::new(),
        retry: None,
    }
}

/// The same step, going back to `build` at most so often.
pub(crate) fn retried(step: Step, ways_max: u32) -> Step {
    let retry = Retry {
        step: "build".into(),
        ways_max,
        backoff_s: 0,
    };
    Step {
        retry: Some(retry),
        ..step
    }
}
