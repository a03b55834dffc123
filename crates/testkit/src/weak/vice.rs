//! The vices, and what each makes of the call that would have been right.

use serde_json::{Value, json};

use super::seen::{Chat, in_tags};
use super::{Deed, deed, done, edit, read, run, write};
use crate::ollama::Answer;
use crate::samples::Task;

/// What a weak model does instead of the right thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vice {
    /// Says what it is going to call, and calls nothing.
    Prose,
    /// The right call, as JSON in a fence, and nothing else.
    Fenced,
    /// The same with words around it, which make it an example.
    FencedInProse,
    /// The right call in tags, though it has native ones.
    Tagged,
    /// The right call under the names of another harness.
    OtherNames,
    /// The right call under a name that nobody has.
    WrongName,
    /// The right call without one of its arguments.
    LessArguments,
    /// The right call with numbers and booleans in quotes, and everything else filled in with nothing.
    Quoted,
    /// The right call, cut off at the output limit.
    HalfCall,
    /// A call in text that ends in the middle.
    HalfText,
    /// Nothing at all.
    Empty,
    /// Thoughts, and nothing else.
    Thinks,
    /// Thoughts up to the output limit.
    ThinksOn,
    /// Thoughts unless it was told to think no more.
    ThinksIfAllowed,
    /// One token over and over, until its server ends it.
    Babbles,
    /// One sentence over and over, up to the output limit.
    Loops,
    /// The same words turn after turn, with reads that differ.
    SameWords,
    /// Code with its line ends escaped once more.
    Escaped,
    /// Writes files that it has not read.
    Unread,
    /// An edit of a text that is not there.
    WrongOld,
    /// An edit of a text that is there, with other white space.
    LooseOld,
    /// The last call again.
    Again,
    /// Two reads, taking turns.
    Alternates,
    /// Files that are not there.
    MissingFiles,
    /// Searches, never the same.
    Wanders,
    /// Two searches a turn.
    WandersFast,
    /// A command with tens of megabytes of output.
    WildRun,
    /// A command that waits for something that does not come.
    Hangs,
    /// A command with ever new output.
    Random,
    /// A file beyond what may be written.
    HugeFile,
    /// Large files, one after the other.
    ManyFiles,
    /// A program that does not parse.
    BrokenSyntax,
    /// Paths outside the repository.
    Outside,
    /// The claim that all is done.
    DoneEarly,
    /// It cannot go on.
    GivesUp,
    /// A file there and back again.
    Flaps,
    /// Throws its own commits away.
    Resets,
    /// Commits by itself, on a branch of its own.
    OwnBranch,
    /// Many calls in one answer, the claim among them.
    Barrage,
}

const THOUGHT: &str = "Let me think about this carefully. The user wants the slug to be changed, so first I must understand the \
                       shell function, and what tr does with a set of characters.";

#[allow(clippy::wildcard_enum_match_arm)] // the functions share the vices out among them; each knows its own
impl Vice {
    /// Whether the right call, or what the request allows, gives an occasion for it.
    pub(super) fn tempts(self, chat: &Chat, right: &Deed, body: &Value) -> bool {
        match self {
            // A schema keeps the form, and not from writing on and on.
            Vice::HalfCall | Vice::Babbles | Vice::Loops => true,
            _ if chat.is_held() => false,
            Vice::Unread => right.name == "read",
            Vice::LooseOld => right.name == "edit",
            Vice::Escaped => matches!(right.name, "edit" | "write"),
            Vice::Quoted => matches!(right.name, "read" | "edit"),
            Vice::ThinksIfAllowed => body["think"] == true,
            _ => true,
        }
    }

    /// The answer of a turn in which it falls into the vice.
    pub(super) fn commit(self, chat: &Chat, right: &Deed, task: &Task, turn: usize) -> Answer {
        match self {
            Vice::Prose
            | Vice::Fenced
            | Vice::FencedInProse
            | Vice::Tagged
            | Vice::HalfText
            | Vice::Empty
            | Vice::Babbles
            | Vice::Loops
            | Vice::Thinks
            | Vice::ThinksOn
            | Vice::ThinksIfAllowed => self.words(right, turn),
            Vice::HalfCall => cut(&[(right.name, right.arguments.clone())]),
            Vice::SameWords => with_words(THOUGHT, &look(turn)),
            Vice::Barrage => barrage(right),
            Vice::WandersFast => Answer::calls(&[search(2 * turn), search(2 * turn + 1)]),
            Vice::OtherNames
            | Vice::WrongName
            | Vice::LessArguments
            | Vice::Quoted
            | Vice::Escaped => chat.say(&self.bent(right)),
            Vice::Unread | Vice::WrongOld | Vice::LooseOld => chat.say(&self.careless(right, task)),
            Vice::Again => chat.say(&again(chat)),
            Vice::Alternates
            | Vice::MissingFiles
            | Vice::Wanders
            | Vice::WildRun
            | Vice::Hangs
            | Vice::Random
            | Vice::HugeFile
            | Vice::ManyFiles
            | Vice::BrokenSyntax
            | Vice::Outside
            | Vice::DoneEarly
            | Vice::GivesUp
            | Vice::Flaps
            | Vice::Resets
            | Vice::OwnBranch => chat.say(&self.astray(turn)),
        }
    }

    /// Text in the place of a call.
    fn words(self, right: &Deed, turn: usize) -> Answer {
        let json = json!({"name": right.name, "arguments": right.arguments}).to_string();
        let name = right.name;
        match self {
            Vice::Fenced => Answer::text(&format!("```json\n{json}\n```")),
            Vice::FencedInProse => Answer::text(&format!(
                "Step {turn}: I call this.\n```json\n{json}\n```\nIs that right?"
            )),
            Vice::Tagged => Answer::text(&format!("Now.\n{}", in_tags(name, &right.arguments))),
            Vice::HalfText => {
                let call = in_tags(name, &right.arguments);
                lines(&[json!({"content": call[..call.len() / 2]})], "stop")
            }
            Vice::Empty => Answer::text(""),
            // Ollama ends such an answer without its closing line.
            Vice::Babbles => Answer::Lines(vec![Answer::line(json!({"content": " the"})); 40]),
            Vice::Loops => lines(
                &[json!({"content": "I should look at the file once more. ".repeat(60)})],
                "length",
            ),
            Vice::Thinks => lines(
                &[json!({"content": "", "thinking": format!("Thought {turn}. {THOUGHT}")})],
                "stop",
            ),
            Vice::ThinksOn | Vice::ThinksIfAllowed => lines(
                &[json!({"content": "", "thinking": format!("Wait {turn}, actually. {THOUGHT}")})],
                "length",
            ),
            _ => Answer::text(&format!(
                "First ({turn}) I will use {name} and then look what happens."
            )),
        }
    }

    /// The right call in a wrong form.
    fn bent(self, right: &Deed) -> Deed {
        let mut bent = right.clone();
        let Some(arguments) = bent.arguments.as_object_mut() else {
            return bent;
        };
        match self {
            Vice::OtherNames => {
                for (ours, theirs) in [
                    ("path", "file_path"),
                    ("old", "old_string"),
                    ("new", "new_string"),
                ] {
                    if let Some(value) = arguments.remove(ours) {
                        arguments.insert(theirs.to_owned(), value);
                    }
                }
                bent.name = match right.name {
                    "read" => "read_file",
                    "edit" => "str_replace",
                    "write" => "create_file",
                    name => name,
                };
            }
            Vice::WrongName => bent.name = "modify_workspace",
            Vice::LessArguments => drop(arguments.remove(match right.name {
                "edit" => "new",
                "write" => "content",
                "done" => "status",
                _ => "path",
            })),
            Vice::Quoted if right.name == "read" => {
                arguments.insert("offset".to_owned(), json!("1"));
                arguments.insert("limit".to_owned(), json!("400"));
            }
            Vice::Quoted if right.name == "edit" => {
                drop(arguments.insert("all".to_owned(), json!("False")))
            }
            Vice::Quoted => drop(arguments.insert("timeout_s".to_owned(), Value::Null)),
            _ => {
                for key in ["new", "content"] {
                    if let Some(Value::String(text)) = arguments.get_mut(key) {
                        *text = text.replace('\n', "\\n");
                    }
                }
            }
        }
        bent
    }

    /// A change made without looking.
    fn careless(self, right: &Deed, task: &Task) -> Deed {
        let path = right.arguments["path"].as_str().unwrap_or("words.sh");
        match self {
            Vice::Unread => write(path, "#!/bin/sh\necho rewritten\n"),
            Vice::LooseOld => {
                let mut loose = right.clone();
                let old = right.arguments["old"].as_str().unwrap_or_default();
                // Either without its indentation, or with blanks at the ends of its lines.
                let dedented = old.lines().map(|line| line.strip_prefix("  "));
                loose.arguments["old"] = match dedented.collect::<Option<Vec<_>>>() {
                    Some(lines) => json!(format!("{}\n", lines.join("\n"))),
                    None => json!(old.replace('\n', " \n")),
                };
                loose
            }
            _ => {
                let first = task.edits.iter().find_map(|edit| edit.passage());
                let new = first.map_or("x", |(_, new)| new);
                edit(
                    "words.sh",
                    "function make_slug(text):\n    return text.lower()\n",
                    new,
                )
            }
        }
    }

    /// Something that has nothing to do with the right call.
    fn astray(self, turn: usize) -> Deed {
        let even = turn.is_multiple_of(2);
        match self {
            Vice::Alternates => read(if even { "words.sh" } else { "test.sh" }),
            Vice::MissingFiles => read(&format!("src/part{turn}/main.rs")),
            Vice::Wanders => deed("search", search(turn).1),
            Vice::WildRun => run("yes 'all work and no play' | head -c 30000000"),
            Vice::Hangs => deed("run", json!({"command": "sleep 300", "timeout_s": 1})),
            Vice::Random => run("head -c 16 /dev/urandom | od -An -tx1"),
            Vice::HugeFile => write("data.txt", &"0123456789abcdef\n".repeat(20_000)),
            Vice::ManyFiles => write(
                &format!("data{turn}.txt"),
                &format!("{turn} 456789abcdef\n").repeat(10_000),
            ),
            Vice::BrokenSyntax => {
                write("tools/slug.py", "def slug(text:\n    return [text.lower(\n")
            }
            Vice::Outside => {
                let paths = ["../notes.txt", "/etc/cron.d/slug", ".git/hooks/post-commit"];
                write(paths[turn % paths.len()], "x\n")
            }
            Vice::GivesUp => deed(
                "done",
                json!({"status": "blocked", "summary": "I am a language model and cannot run code."}),
            ),
            Vice::Flaps => write("notes.txt", if even { "here\n" } else { "there\n" }),
            Vice::Resets => run("git reset -q --hard HEAD~1 2>/dev/null || git checkout -q -- ."),
            Vice::OwnBranch => run(
                "git checkout -q -b my-work; git -c user.name=me -c user.email=m@e commit -q -am wip",
            ),
            _ => done("Everything is done and all tests pass."),
        }
    }
}

fn search(n: usize) -> (&'static str, Value) {
    ("search", json!({"pattern": format!("slug_{n}")}))
}

/// Reads and searches of which no two are alike.
fn look(turn: usize) -> Deed {
    match turn % 4 {
        0 => read("words.sh"),
        1 => read("test.sh"),
        2 => read("README.md"),
        _ => deed("search", search(turn).1),
    }
}

fn again(chat: &Chat) -> Deed {
    let Some(last) = chat.steps.last() else {
        return read("words.sh");
    };
    let names = ["read", "search", "edit", "write", "run", "done"];
    let name = names
        .into_iter()
        .find(|name| *name == last.name)
        .unwrap_or("read");
    deed(name, Value::Object(last.arguments.clone()))
}

/// Thirty calls, the right one first and the claim last.
fn barrage(right: &Deed) -> Answer {
    let mut calls = vec![(right.name, right.arguments.clone())];
    calls.extend((0..28).map(|n| {
        (
            "read",
            json!({"path": if n % 2 == 0 { "README.md" } else { "test.sh" }}),
        )
    }));
    let claim = done("All done.");
    calls.push((claim.name, claim.arguments));
    Answer::calls(&calls)
}

fn with_words(words: &str, deed: &Deed) -> Answer {
    let call = json!({"function": {"name": deed.name, "arguments": deed.arguments}});
    lines(&[json!({"content": words, "tool_calls": [call]})], "stop")
}

fn cut(calls: &[(&str, Value)]) -> Answer {
    let Answer::Lines(mut all) = Answer::calls(calls) else {
        return Answer::text("");
    };
    all.pop();
    all.push(Answer::done("length"));
    Answer::Lines(all)
}

fn lines(messages: &[Value], end: &str) -> Answer {
    let mut all: Vec<Value> = messages.iter().cloned().map(Answer::line).collect();
    all.push(Answer::done(end));
    Answer::Lines(all)
}
