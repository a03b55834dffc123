//! What a run lends its agents besides the tools of their step: advice to load, servers to ask, a word to those who go on, and for a
//! lead tasks to hand out.
//!
//! A step that has all six tools of its own has no place for more: then advice is read as a file is (`skill:NAME`), and what is noted
//! is written as one (`note:KIND`).

use alai_fleet::{ToolCall, ToolSpec};
use serde_json::{Map, Value, json};

use alai_core::blueprint::ToolName;
use alai_core::brief::Role;
use alai_core::delegation::Proposal;
use alai_core::session::{EntryKind, Note};

use super::{Call, TOOLS_MAX, boolean, optional, string};
use crate::mcp::Wish;
use crate::patch::Change;

pub(crate) const SKILL: &str = "skill";
pub(crate) const MCP: &str = "mcp";
pub(crate) const NOTE: &str = "note";
pub(crate) const DELEGATE: &str = "delegate";

/// Names of servers in a request, in bytes. The rest is told to whoever asks for a server that is not known.
const SERVERS_BYTES_MAX: usize = 300;

/// What the path of a `read` begins with that loads advice.
const SKILL_PATH: &str = "skill:";
/// What the path of a `write` begins with that notes something.
const NOTE_PATH: &str = "note:";

/// What is had by `read` and `write`, because there is no place for a tool of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Folded {
    skill: bool,
    note: bool,
}

/// Nothing of it is offered where there is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lent {
    /// One short line for each skill.
    pub(crate) skills: String,
    /// The names of servers.
    pub(crate) servers: Vec<String>,
    /// Whether somebody hears what is noted.
    pub(crate) notes: bool,
    /// Whether a lead works that may hand out tasks.
    pub(crate) delegates: bool,
}

impl Lent {
    /// What finds no place beside a step's own tools. The note keeps its place longer: only who may write can do without its tool.
    pub(crate) fn folded(&self, own: &[ToolName]) -> Folded {
        let (skill, note) = (!self.skills.is_empty(), self.notes);
        let taken = own.len() + usize::from(self.delegates);
        let left = TOOLS_MAX.saturating_sub(taken);
        let fits = left >= usize::from(skill) + usize::from(note);
        let note_gives_way = left == 0 || !own.contains(&ToolName::Read);
        Folded {
            skill: skill && !fits && own.contains(&ToolName::Read),
            note: note && !fits && note_gives_way && own.contains(&ToolName::Write),
        }
    }

    /// What a tool's description says of what is had by it.
    pub(crate) fn words(&self, tool: ToolName, folded: Folded) -> String {
        match tool {
            ToolName::Read if folded.skill => {
                let skills = self.skills.trim_end();
                format!(" `{SKILL_PATH}NAME` is advice, or your `soul`:\n{skills}")
            }
            ToolName::Write if folded.note => {
                format!(" `{NOTE_PATH}decision` (or blocker) tells those who go on.")
            }
            ToolName::Read
            | ToolName::Write
            | ToolName::Search
            | ToolName::Edit
            | ToolName::Run
            | ToolName::Done => String::new(),
        }
    }

    /// What a call of `read` or `write` means where more is had by them. A file of such a name is had by `./`.
    pub(crate) fn unfolded(&self, call: Call, folded: Folded) -> Result<Call, String> {
        if let Call::Read { path, .. } = &call
            && let Some(named) = path.trim().strip_prefix(SKILL_PATH)
            && folded.skill
        {
            let (name, file) = match named.split_once('/') {
                Some((name, file)) => (name, Some(file.to_owned())),
                None => (named, None),
            };
            let name = name.to_owned();
            return Ok(Call::Skill { name, file });
        }
        // The same in every step, whether or not the tool has a place of its own there.
        if !self.notes {
            return Ok(call);
        }
        if let Call::Write { path, content } = &call
            && let Some(kind) = path.trim().strip_prefix(NOTE_PATH)
        {
            return written(kind, content.clone()).map(Call::Note);
        }
        if let Call::Edit { path, .. } = &call {
            no_note(path)?;
        }
        if let Call::Patch { changes } = &call {
            changes.iter().flat_map(paths).try_for_each(no_note)?;
        }
        Ok(call)
    }

    /// The names of the tools that a model is shown.
    pub(crate) fn shown(&self, folded: Folded) -> Vec<&'static str> {
        let own_tool =
            |name: &&str| !(folded.skill && *name == SKILL || folded.note && *name == NOTE);
        self.names().into_iter().filter(own_tool).collect()
    }

    /// The names of the tools; a call of one that is not shown is understood, too.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let skill = (!self.skills.is_empty()).then_some(SKILL);
        let mcp = (!self.servers.is_empty()).then_some(MCP);
        let note = self.notes.then_some(NOTE);
        let delegate = self.delegates.then_some(DELEGATE);
        let lent = skill.into_iter().chain(mcp).chain(note);
        lent.chain(delegate).collect()
    }

    pub(crate) fn specs(&self, folded: Folded) -> Vec<ToolSpec> {
        self.shown(folded)
            .into_iter()
            .map(|name| self.spec(name))
            .collect()
    }

    fn spec(&self, name: &str) -> ToolSpec {
        let text = json!({"type": "string"});
        let (description, properties, required) = match name {
            SKILL => (
                format!("Read advice, or your `soul`:\n{}", self.skills.trim_end()),
                json!({"name": text, "file": text}),
                json!(["name"]),
            ),
            NOTE => (
                "Tell those who go on with the task. `kind`: decision, blocker or note.".to_owned(),
                json!({"text": text, "kind": text}),
                json!(["text"]),
            ),
            DELEGATE => (
                "Propose one task for a company to do. `acceptance`, `paths`: one a line. `needs`: keys of tasks that you proposed \
                 before. `role`: builder, or lead to have it split further. `withdraw` takes the task of that key back."
                    .to_owned(),
                json!({
                    "key": text, "title": text, "description": text, "company": text, "role": text,
                    "acceptance": text, "paths": text, "needs": text, "withdraw": {"type": "boolean"},
                }),
                json!(["key", "title"]),
            ),
            _ => {
                let names = crate::text::cut(&self.servers.join(", "), SERVERS_BYTES_MAX);
                (
                    format!(
                        "Ask a server: {names}. With `server` alone its tools are listed; then name a `tool` and its `arguments`."
                    ),
                    json!({"server": text, "tool": text, "arguments": {"type": "object"}}),
                    json!(["server"]),
                )
            }
        };
        ToolSpec {
            name: name.to_owned(),
            description,
            parameters: json!({"type": "object", "properties": properties, "required": required}),
        }
    }

    /// Reads a call of one of these tools; none where it is no such call.
    pub(crate) fn parse(&self, given: &str, call: &ToolCall) -> Option<Result<Call, String>> {
        let name = self.names().into_iter().find(|name| *name == given)?;
        let read = match name {
            SKILL => skill(&call.arguments),
            NOTE => note(&call.arguments).map(Call::Note),
            DELEGATE => proposal(&call.arguments).map(Call::Delegate),
            _ => wish(&call.arguments).map(Call::Server),
        };
        Some(read.map_err(|what| {
            let shape = self.spec(name).parameters;
            format!("The call of `{given}` was not executed: {what}. Its arguments are {shape}.")
        }))
    }
}

fn skill(args: &Map<String, Value>) -> Result<Call, String> {
    Ok(Call::Skill {
        name: string(args, "name", &["skill"])?,
        file: optional(args, "file")?,
    })
}

fn note(args: &Map<String, Value>) -> Result<Note, String> {
    let text = string(args, "text", &["note", "message", "content"])?;
    noted(text, optional(args, "kind")?.as_deref())
}

/// What is noted by a path. Its kind is no argument there.
fn written(kind: &str, text: String) -> Result<Note, String> {
    let kind = kind.trim();
    if !["decision", "blocker", "note"].contains(&kind) {
        return Err(format!(
            "`path` of a note must be `note:decision`, `note:blocker` or `note:note`; write `./note:{kind}` for a file"
        ));
    }
    if text.trim().is_empty() {
        return Err("`content` is empty".into());
    }
    noted(text, Some(kind))
}

fn paths(change: &Change) -> impl Iterator<Item = &str> {
    let (path, to) = match change {
        Change::Add { path, .. } | Change::Delete { path } => (path, None),
        Change::Update { path, to, .. } => (path, to.as_ref()),
    };
    std::iter::once(path.as_str()).chain(to.map(String::as_str))
}

/// A note is written once, and never changed.
fn no_note(path: &str) -> Result<(), String> {
    match path.trim().strip_prefix(NOTE_PATH) {
        None => Ok(()),
        Some(kind) => Err(format!(
            "`{NOTE_PATH}{kind}` is a note, which is only written; write `./{NOTE_PATH}{kind}` for a file"
        )),
    }
}

fn noted(text: String, kind: Option<&str>) -> Result<Note, String> {
    if text.trim().is_empty() {
        return Err("`text` is empty".into());
    }
    let kind = match kind.map(str::trim) {
        None | Some("note" | "") => EntryKind::Note,
        Some("decision") => EntryKind::Decision,
        Some("blocker") => EntryKind::Blocker,
        Some(_) => return Err("`kind` must be \"decision\", \"blocker\" or \"note\"".into()),
    };
    Ok(Note { kind, text })
}

/// What is wrong with the task itself is for whoever judges it.
fn proposal(args: &Map<String, Value>) -> Result<Proposal, String> {
    let withdraw = boolean(args, "withdraw")?;
    let role = match optional(args, "role")?.as_deref().map(str::trim) {
        None | Some("builder") => Role::Builder,
        Some("lead") => Role::Lead,
        Some("reviewer" | "validator") => Role::Reviewer,
        Some(_) => return Err("`role` must be \"builder\" or \"lead\"".into()),
    };
    let title = match withdraw {
        true => optional(args, "title")?.unwrap_or_default(),
        false => string(args, "title", &["name"])?,
    };
    Ok(Proposal {
        key: string(args, "key", &["id"])?.trim().to_owned(),
        title,
        description: optional(args, "description")?.unwrap_or_default(),
        company: optional(args, "company")?,
        role,
        acceptance: several(args, "acceptance", &['\n'])?,
        paths: several(args, "paths", &['\n', ','])?,
        needs: several(args, "needs", &['\n', ',', ' '])?,
        withdraw,
    })
}

/// Texts of one argument, also where they came as a list.
fn several(args: &Map<String, Value>, name: &str, between: &[char]) -> Result<Vec<String>, String> {
    let wrong = || format!("`{name}` must be a string");
    let texts = match args.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.split(between).map(str::to_owned).collect(),
        Some(Value::Array(items)) => { items.iter() }
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect::<Result<Vec<String>, String>>()?,
        Some(_) => return Err(wrong()),
    };
    let texts = texts.iter().map(|text| text.trim().to_owned());
    Ok(texts.filter(|text| !text.is_empty()).collect())
}

fn wish(args: &Map<String, Value>) -> Result<Wish, String> {
    Ok(Wish {
        server: string(args, "server", &["server_name"])?.trim().to_owned(),
        tool: optional(args, "tool")?.or(optional(args, "tool_name")?),
        arguments: arguments(args)?,
        unheard: false,
    })
}

/// An object, also one that was written as a text.
fn arguments(args: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let wrong = || "`arguments` must be an object of JSON".to_owned();
    match args.get("arguments") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields.clone()),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(Map::new()),
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) | Err(_) => Err(wrong()),
        },
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lent() -> Lent {
        Lent {
            skills: "- api: Designs interfaces.\n".to_owned(),
            servers: vec!["files".to_owned(), "memory".to_owned()],
            notes: true,
            delegates: true,
        }
    }

    fn parse(lent: &Lent, name: &str, arguments: Value) -> Option<Result<Call, String>> {
        let Value::Object(arguments) = arguments else {
            panic!("an object")
        };
        let call = ToolCall {
            id: "1".into(),
            name: name.into(),
            arguments,
        };
        lent.parse(name, &call)
    }

    #[test]
    fn what_is_not_there_is_not_offered() {
        assert!(Lent::default().specs(Folded::default()).is_empty());
        assert_eq!(
            parse(&Lent::default(), "skill", json!({"name": "api"})),
            None
        );
        assert_eq!(parse(&Lent::default(), "mcp", json!({"server": "x"})), None);
        assert_eq!(parse(&Lent::default(), "note", json!({"text": "x"})), None);
        let delegate = json!({"key": "a", "title": "t"});
        assert_eq!(parse(&Lent::default(), "delegate", delegate), None);
        assert_eq!(lent().names(), ["skill", "mcp", "note", "delegate"]);
        let all = serde_json::to_string(&lent().specs(Folded::default())).expect("JSON");
        assert!(all.len() < 1_600, "{} bytes: {all}", all.len());
        assert!(
            all.contains("api: Designs") && all.contains("files, memory"),
            "{all}"
        );
    }

    #[test]
    fn a_proposal_is_read_as_text_and_as_lists_and_judged_elsewhere() {
        let want = Proposal {
            key: "a".into(),
            title: "Add a".into(),
            description: String::new(),
            company: Some("Vizu".into()),
            role: Role::Lead,
            acceptance: vec!["one, two".into(), "three".into()],
            paths: vec!["src".into(), "docs/**".into()],
            needs: vec!["b".into(), "c".into()],
            withdraw: false,
        };
        for given in [
            json!({"key": " a ", "title": "Add a", "company": "Vizu", "role": "lead", "acceptance": "one, two\n\nthree",
                   "paths": "src, docs/**", "needs": "b c"}),
            json!({"id": "a", "title": "Add a", "company": "Vizu", "role": "lead", "acceptance": ["one, two", "three"],
                   "paths": ["src", "docs/**"], "needs": ["b", "c"], "withdraw": false}),
        ] {
            let read = parse(&lent(), "delegate", given);
            assert_eq!(read, Some(Ok(Call::Delegate(want.clone()))));
        }
        let taken_back = parse(&lent(), "delegate", json!({"key": "a", "withdraw": true}));
        assert!(matches!(taken_back, Some(Ok(Call::Delegate(p))) if p.withdraw));
        for (given, says) in [
            (json!({"title": "x"}), "`key` is missing"),
            (json!({"key": "x"}), "`title` is missing"),
            (
                json!({"key": "x", "title": "x", "role": "ceo"}),
                "`role` must be",
            ),
            (
                json!({"key": "x", "title": "x", "paths": 1}),
                "`paths` must be a string",
            ),
            (
                json!({"key": "x", "title": "x", "needs": [1]}),
                "`needs` must be a string",
            ),
        ] {
            let said = parse(&lent(), "delegate", given)
                .expect("ours")
                .expect_err(says);
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn calls_are_read_in_the_forms_that_models_write() {
        let lent = lent();
        let server = |tool: Option<&str>, arguments: Value| {
            let Value::Object(arguments) = arguments else {
                panic!("an object")
            };
            Some(Ok(Call::Server(Wish {
                server: "files".to_owned(),
                tool: tool.map(str::to_owned),
                arguments,
                unheard: false,
            })))
        };
        for (given, want) in [
            (json!({"server": "files"}), server(None, json!({}))),
            (
                json!({"server": " files ", "tool": ""}),
                server(None, json!({})),
            ),
            (
                json!({"server": "files", "tool": "read", "arguments": {"path": "a"}}),
                server(Some("read"), json!({"path": "a"})),
            ),
            (
                json!({"server": "files", "tool": "read", "arguments": "{\"path\": \"a\"}"}),
                server(Some("read"), json!({"path": "a"})),
            ),
        ] {
            assert_eq!(parse(&lent, "mcp", given), want);
        }
        for (name, given, says) in [
            ("mcp", json!({}), "`server` is missing"),
            (
                "mcp",
                json!({"server": "files", "arguments": [1]}),
                "must be an object",
            ),
            (
                "mcp",
                json!({"server": "files", "arguments": "no"}),
                "must be an object",
            ),
            ("skill", json!({}), "`name` is missing"),
            ("note", json!({}), "`text` is missing"),
            ("note", json!({"text": " "}), "`text` is empty"),
            (
                "note",
                json!({"text": "x", "kind": "report"}),
                "`kind` must be",
            ),
        ] {
            let said = parse(&lent, name, given).expect("ours").expect_err(says);
            assert!(
                said.contains(says) && said.contains("Its arguments are"),
                "{said}"
            );
        }
        for (kind, want) in [
            (json!(null), EntryKind::Note),
            (json!("decision"), EntryKind::Decision),
            (json!(" blocker "), EntryKind::Blocker),
        ] {
            let read = parse(&lent, "note", json!({"text": "x", "kind": kind}));
            let text = "x".to_owned();
            assert_eq!(read, Some(Ok(Call::Note(Note { kind: want, text }))));
        }
        let loaded = parse(&lent, "skill", json!({"skill": "api", "file": null}));
        let want = Call::Skill {
            name: "api".to_owned(),
            file: None,
        };
        assert_eq!(loaded, Some(Ok(want)));
    }

    /// A step with room for the tool of its own understands the path, too, and none takes it for a file.
    #[test]
    fn a_path_of_a_note_is_one_in_every_step_in_which_notes_are_lent() {
        let (lent, nobody) = (lent(), Lent::default());
        let write = |path: &str| Call::Write {
            path: path.into(),
            content: "x".into(),
        };
        let edit = |path: &str| Call::Edit {
            path: path.into(),
            old: "a".into(),
            new: "b".into(),
            all: false,
        };
        let patch = |path: &str, to: Option<&str>| Call::Patch {
            changes: vec![Change::Update {
                path: path.into(),
                to: to.map(str::to_owned),
                hunks: Vec::new(),
            }],
        };
        let plain = Folded::default();
        let noted = lent.unfolded(write(" note:decision"), plain);
        assert!(matches!(noted, Ok(Call::Note(note)) if note.kind == EntryKind::Decision));
        for call in [
            write("note:todo"),
            edit("note:decision"),
            patch("note:decision", None),
            patch("a", Some("note:todo")),
        ] {
            let said = lent.unfolded(call.clone(), plain).expect_err("refused");
            assert!(said.contains("write `./note:"), "{said}");
            assert_eq!(nobody.unfolded(call.clone(), plain), Ok(call));
        }
        for call in [write("./note:todo"), edit("a"), patch("a", Some("b"))] {
            assert_eq!(lent.unfolded(call.clone(), plain), Ok(call));
        }
    }
}
