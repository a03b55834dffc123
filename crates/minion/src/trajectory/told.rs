//! The events of a trajectory, as they are read. Each is what `recorder::Event` writes; fields that came later have a default.

use alai_core::cage::{Promise, Sandbox};
use alai_core::record::CommandRecord;
use alai_fleet::{ErrorClass, Finish, Message, Profile, ToolCall, ToolSpec, Usage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::{Engine, Session};

/// What one line tells. `docs/TRAJECTORY.md` says what each means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Told {
    Meta {
        format: String,
        run: String,
        task: i64,
        epoch: i64,
        attempt: u32,
        kind: String,
        role: String,
        company: String,
        title: String,
        blueprint: String,
        model: String,
        base: String,
        #[serde(default)]
        promises: Vec<Promise>,
        #[serde(default, skip_serializing_if = "Sandbox::is_on")]
        sandbox: Sandbox,
    },
    Step {
        step: String,
        action: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        env: Vec<(String, String)>,
    },
    Message {
        step: String,
        message: Message,
    },
    Pruned {
        step: String,
        of: u64,
        message: Message,
    },
    Frame {
        step: String,
        model: String,
        tools: Vec<ToolSpec>,
        format: Option<Value>,
        profile: Profile,
    },
    Request {
        step: String,
        turn: u32,
        visit: u32,
        sha256: String,
        frame: u64,
        before: Option<u64>,
        kept: usize,
        pruned: Vec<(usize, u64)>,
        added: Vec<u64>,
        call_s_max: u64,
    },
    Call {
        step: String,
        id: String,
        name: String,
        arguments: Map<String, Value>,
    },
    Result {
        step: String,
        id: String,
        error: bool,
        text: String,
    },
    Command {
        step: String,
        record: CommandRecord,
        log: Option<String>,
        whole: bool,
    },
    Check {
        step: String,
        passed: bool,
        record: CommandRecord,
        output: String,
    },
    Reply {
        step: String,
        model: String,
        mode: String,
        finish: Finish,
        usage: Usage,
        latency_ms: i64,
        salvaged: bool,
        #[serde(default)]
        thinking: String,
        #[serde(default)]
        refused: Option<String>,
        #[serde(default)]
        cut_calls: Vec<ToolCall>,
    },
    Failed {
        step: String,
        class: ErrorClass,
        message: String,
    },
    Guard {
        step: String,
        advice: String,
    },
    Outcome {
        step: String,
        action: String,
        status: String,
        detail: String,
    },
    Skill {
        step: String,
        name: String,
        from: String,
        sha256: String,
        bytes: u64,
    },
    Server {
        step: String,
        server: String,
        what: String,
        tool: Option<String>,
        detail: String,
        arguments_sha256: Option<String>,
        bytes: u64,
        error: bool,
        duration_ms: i64,
    },
    Note {
        step: String,
        kind: String,
        text: String,
    },
    Word {
        step: String,
        number: i64,
        by: String,
        text: String,
    },
    Launched {
        step: String,
        engine: Engine,
        version: String,
        model: String,
        args: Vec<String>,
    },
    Heard {
        step: String,
        what: String,
        id: String,
        name: String,
        error: bool,
        text: String,
        input: Option<Value>,
    },
    Session {
        session: Box<Session>,
    },
    Exit {
        status: String,
        detail: String,
        turns: u32,
        usage: Usage,
        head: Option<String>,
    },
    /// An event that this version does not know, or cannot read.
    Other {
        kind: String,
        fields: Value,
    },
}

impl Told {
    /// None for what is no event at all.
    pub(super) fn from_fields(fields: Value) -> Option<Told> {
        let kind = fields.get("type")?.as_str()?.to_owned();
        // `other` is a name of ours for what is read, not one that a line has.
        if kind != "other"
            && let Ok(told) = Told::deserialize(&fields)
        {
            return Some(told);
        }
        Some(Told::Other { kind, fields })
    }

    /// The step that it belongs to.
    pub fn step(&self) -> Option<&str> {
        match self {
            Told::Step { step, .. }
            | Told::Message { step, .. }
            | Told::Pruned { step, .. }
            | Told::Frame { step, .. }
            | Told::Request { step, .. }
            | Told::Call { step, .. }
            | Told::Result { step, .. }
            | Told::Command { step, .. }
            | Told::Check { step, .. }
            | Told::Reply { step, .. }
            | Told::Failed { step, .. }
            | Told::Guard { step, .. }
            | Told::Outcome { step, .. }
            | Told::Skill { step, .. }
            | Told::Server { step, .. }
            | Told::Note { step, .. }
            | Told::Word { step, .. }
            | Told::Launched { step, .. }
            | Told::Heard { step, .. } => Some(step),
            Told::Session { session } => Some(&session.step),
            Told::Meta { .. } | Told::Exit { .. } | Told::Other { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use alai_core::record::Exit;
    use serde_json::json;

    use super::*;
    use crate::engine::Outcome;
    use crate::recorder::Event;

    /// What events point at.
    struct Parts {
        message: Message,
        tool: Message,
        record: CommandRecord,
        call: ToolCall,
        spec: ToolSpec,
        profile: Profile,
        schema: Value,
        session: Session,
    }

    fn parts() -> Parts {
        Parts {
            message: Message::Assistant {
                text: "I look.".into(),
                calls: Vec::new(),
            },
            tool: Message::Tool {
                call_id: "1".into(),
                name: "read".into(),
                text: "[pruned]".into(),
            },
            record: CommandRecord {
                argv: vec!["true".into()],
                cwd: "/repo".into(),
                exit: Exit::Code { code: 0 },
                started_ms: 1,
                duration_ms: 2,
                stdout_sha256: "a".into(),
                stderr_sha256: "b".into(),
                stdout_bytes: 3,
                stderr_bytes: 4,
                cage: vec!["none".into()],
            },
            call: ToolCall {
                id: "1".into(),
                name: "read".into(),
                arguments: Map::from_iter([("path".to_owned(), json!("a"))]),
            },
            spec: ToolSpec {
                name: "read".into(),
                description: "Reads.".into(),
                parameters: json!({"type": "object"}),
            },
            profile: Profile {
                temperature: 0.2,
                ..Profile::default()
            },
            schema: json!({"type": "object"}),
            session: Session {
                step: "build".into(),
                engine: Engine::CodexCli,
                version: "0.169.0".into(),
                id: "s".into(),
                model: "m".into(),
                outcome: Outcome::Hung { after_s: 9 },
                turns: 3,
                usage: Usage::default(),
                cost_microusd: Some(7),
                cost_word: Some(alai_core::money::Word::Estimated),
                told_microusd: Some(90),
                turned_away: true,
                denials: vec!["Write: no".into()],
                duration_ms: 4,
            },
        }
    }

    /// Shows one of each event.
    fn with_each(see: &mut dyn FnMut(&Event<'_>)) {
        let parts = parts();
        sent(&parts, see);
        done(&parts, see);
        foreign(&parts, see);
    }

    /// Shows an event. A new kind does not compile here until it is added below.
    fn show(event: &Event<'_>, see: &mut dyn FnMut(&Event<'_>)) {
        match event {
            Event::Meta { .. }
            | Event::Step { .. }
            | Event::Message { .. }
            | Event::Pruned { .. }
            | Event::Frame { .. }
            | Event::Request { .. }
            | Event::Call { .. }
            | Event::Result { .. }
            | Event::Command { .. }
            | Event::Check { .. }
            | Event::Reply { .. }
            | Event::Failed { .. }
            | Event::Guard { .. }
            | Event::Outcome { .. }
            | Event::Skill { .. }
            | Event::Server { .. }
            | Event::Note { .. }
            | Event::Word { .. }
            | Event::Launched { .. }
            | Event::Heard { .. }
            | Event::Session { .. }
            | Event::Exit { .. } => see(event),
        }
    }

    /// Up to what a model is sent.
    fn sent(parts: &Parts, see: &mut dyn FnMut(&Event<'_>)) {
        let step = "build";
        let events = [
            Event::Meta {
                format: crate::recorder::FORMAT,
                run: "r",
                task: 1,
                epoch: 1,
                attempt: 0,
                kind: "build",
                role: "builder",
                company: "c",
                title: "t",
                blueprint: "b",
                model: "m",
                base: "x",
                promises: &[],
                sandbox: Sandbox::Off,
            },
            Event::Step {
                step,
                action: "agent",
                env: &[("LEVEL".to_owned(), "1".to_owned())],
            },
            Event::Message {
                step,
                message: &parts.message,
            },
            Event::Pruned {
                step,
                of: 7,
                message: &parts.tool,
            },
            Event::Frame {
                step,
                model: "m",
                tools: std::slice::from_ref(&parts.spec),
                format: Some(&parts.schema),
                profile: &parts.profile,
            },
            Event::Request {
                step,
                turn: 1,
                visit: 0,
                sha256: "h",
                frame: 3,
                before: Some(4),
                kept: 2,
                pruned: &[(1, 6)],
                added: &[8, 9],
                call_s_max: 60,
            },
        ];
        events.iter().for_each(|event| show(event, see));
    }

    /// What it answers, and what comes of it.
    fn done(parts: &Parts, see: &mut dyn FnMut(&Event<'_>)) {
        let (usage, step) = (Usage::default(), "build");
        let events = [
            Event::Call {
                step,
                id: "1",
                name: "read",
                arguments: &parts.call.arguments,
            },
            Event::Result {
                step,
                id: "1",
                error: false,
                text: "fine",
            },
            Event::Command {
                step,
                record: &parts.record,
                log: Some("commands/0001.log"),
                whole: true,
            },
            Event::Check {
                step,
                passed: true,
                record: &parts.record,
                output: "1 passed",
            },
            Event::Reply {
                step,
                model: "m",
                mode: "real",
                finish: Finish::Length,
                usage,
                latency_ms: 3,
                salvaged: true,
                thinking: "hm",
                refused: Some("no"),
                cut_calls: std::slice::from_ref(&parts.call),
            },
            Event::Failed {
                step,
                class: ErrorClass::Busy,
                message: "full",
            },
            Event::Guard {
                step,
                advice: "look elsewhere",
            },
            Event::Outcome {
                step,
                action: "branch",
                status: "skipped",
                detail: "not so: attempt == 2",
            },
            Event::Skill {
                step,
                name: "api-design",
                from: "the company Own",
                sha256: "c",
                bytes: 10,
            },
            Event::Server {
                step,
                server: "files",
                what: "called",
                tool: Some("read_file"),
                detail: "",
                arguments_sha256: Some("d"),
                bytes: 11,
                error: true,
                duration_ms: 12,
            },
            Event::Note {
                step,
                kind: "decision",
                text: "the old name stays",
            },
            Event::Word {
                step,
                number: 1,
                by: "ada",
                text: "leave that file",
            },
        ];
        events.iter().for_each(|event| show(event, see));
    }

    /// What a program of others says, and the end.
    fn foreign(parts: &Parts, see: &mut dyn FnMut(&Event<'_>)) {
        let (usage, step) = (Usage::default(), "build");
        let events = [
            Event::Launched {
                step,
                engine: Engine::ClaudeCli,
                version: "2.1.330",
                model: "m",
                args: &parts.record.argv,
            },
            Event::Heard {
                step,
                what: "call",
                id: "1",
                name: "Bash",
                error: false,
                text: "",
                input: Some(&parts.schema),
            },
            Event::Session {
                session: &parts.session,
            },
            Event::Exit {
                status: "done",
                detail: "",
                turns: 2,
                usage,
                head: Some("c0ffee"),
            },
        ];
        events.iter().for_each(|event| show(event, see));
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut seen = 0;
        with_each(&mut |event| {
            let written = serde_json::to_value(event).expect("JSON");
            let told = Told::from_fields(written.clone()).expect("an event");
            assert!(!matches!(told, Told::Other { .. }), "{written}");
            assert_eq!(serde_json::to_value(&told).expect("JSON"), written);
            seen += 1;
        });
        assert_eq!(seen, 22);
    }

    /// The page has a section per event, with a row per field, and nothing else.
    #[test]
    fn the_page_of_the_format_has_every_event_with_every_field() {
        let page = include_str!("../../../../docs/TRAJECTORY.md");
        let documented: Vec<(String, Vec<String>)> = page
            .split("\n### `")
            .skip(1)
            .map(|section| {
                let (kind, rest) = section.split_once('`').expect("a name in quotes");
                let rest = rest.split("\n## ").next().unwrap_or(rest);
                let fields = rest.lines().filter_map(|line| {
                    let name = line.strip_prefix("| `")?.split_once('`')?.0;
                    Some(name.to_owned())
                });
                (kind.to_owned(), fields.collect())
            })
            .collect();
        let mut written = Vec::new();
        with_each(&mut |event| {
            let Value::Object(fields) = serde_json::to_value(event).expect("JSON") else {
                panic!("an event is an object")
            };
            let kind = fields["type"].as_str().expect("a word").to_owned();
            let fields = fields.keys().filter(|name| *name != "type").cloned();
            written.push((kind, fields.collect::<Vec<_>>()));
        });
        assert_eq!(documented, written);
    }
}
