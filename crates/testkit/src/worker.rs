//! A worker behind the twin of Ollama: plays planner, builder and reviewer over the wire, from the tasks of a sample.
//!
//! It keeps nothing between two chats. Like a model it knows only what stands in the request: who it is from the tools or the
//! answer's schema, its task from the title in the prompt, how far it is from its own earlier calls and what came back.

use serde_json::{Value, json};

use crate::ollama::{Answer, Behaviour};
use crate::samples::{Change, Edit, Task};

/// What a prompt says when a former try was found wrong, by the gate, a reviewer, or the project's own tests.
const SENT_BACK: [&str; 2] = [
    "## What was found wrong with earlier tries",
    "The last try did not pass.",
];
/// Where a prompt names the task.
const TITLE: &str = "# Task ";
/// What a file that is not there reads as.
const NOT_THERE: &str = "";

/// A builder that knows how to do some tasks, and the planner and reviewer of the same.
#[derive(Debug, Clone, Default)]
pub struct Worker {
    tasks: Vec<Task>,
    cheats: Vec<(String, Cheat)>,
    independent: bool,
}

/// What a dishonest builder does along with its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cheat {
    Edit(Edit),
    /// A shell command in the clone.
    Run(String),
}

impl Worker {
    /// Knows these tasks. Asked for a plan it plans those whose titles stand in the goal, or all of them when none does,
    /// each after the one before.
    pub fn new(tasks: impl IntoIterator<Item = Task>) -> Worker {
        Worker {
            tasks: tasks.into_iter().collect(),
            cheats: Vec::new(),
            independent: false,
        }
    }

    /// Plans its tasks side by side.
    #[must_use]
    pub fn independent(self) -> Worker {
        Worker {
            independent: true,
            ..self
        }
    }

    /// Cheats when it builds the task of this title; may be said more than once. Found out, it gives up.
    #[must_use]
    pub fn cheat(mut self, title: &str, cheat: Cheat) -> Worker {
        self.cheats.push((title.to_owned(), cheat));
        self
    }

    /// The worker as the behaviour of a twin, with one model called `small`.
    pub fn behaviour(self) -> Behaviour {
        Behaviour::by(move |chat| self.answer(chat))
    }

    /// Answers one chat by its request.
    pub fn answer(&self, chat: &Value) -> Answer {
        let asks_for = |field: &str| chat["format"]["properties"].get(field).is_some();
        let has_tool = |name: &str| list(&chat["tools"]).any(|t| t["function"]["name"] == name);
        if asks_for("tasks") {
            return say(&self.plan(prompt(chat)));
        }
        if asks_for("approach") {
            return say(&self.approach(chat));
        }
        if asks_for("verdict") {
            return say(&json!({
                "verdict": "pass", "findings": [],
                "summary": "The change does what its task asks and its tests would catch a fault.",
            }));
        }
        if has_tool("write") {
            return self.build(chat);
        }
        if has_tool("done") {
            return inspect(chat);
        }
        Answer::error(
            400,
            "the worker is neither planner, builder nor reviewer here",
        )
    }

    fn plan(&self, prompt: &str) -> Value {
        // The files and memories below it name other tasks too.
        let below = |line: &&str| !line.starts_with("# ");
        let goal: Vec<&str> = prompt.lines().skip(1).take_while(below).collect();
        let goal = goal.join("\n");
        let named = self.tasks.iter().filter(|task| goal.contains(&task.title));
        let mut planned: Vec<&Task> = named.collect();
        if planned.is_empty() {
            planned.extend(&self.tasks);
        }
        let key = |n: usize| format!("task-{}", n + 1);
        let tasks = planned.iter().enumerate().map(|(n, task)| {
            let former = n.checked_sub(1).filter(|_| !self.independent);
            let needs: Vec<String> = former.map(key).into_iter().collect();
            json!({
                "key": key(n), "title": task.title, "description": task.description, "acceptance": [],
                "needs": needs, "docs": false, "changes_tests": [],
            })
        });
        let tasks: Vec<Value> = tasks.collect();
        let titles: Vec<&str> = planned.iter().map(|t| t.title.as_str()).collect();
        let spec = format!("What must be true afterwards:\n\n- {}", titles.join("\n- "));
        json!({ "spec": spec, "tasks": tasks })
    }

    fn approach(&self, chat: &Value) -> Value {
        let edits = self.task_of(chat).map(|task| task.edits.as_slice());
        let files: Vec<String> = paths(edits.unwrap_or_default());
        json!({ "approach": "Change these files, and prove it by a new test.", "files": files, "risks": [] })
    }

    /// Reads every file first, then makes what is missing in one turn, then is done.
    fn build(&self, chat: &Value) -> Answer {
        let Some(task) = self.task_of(chat) else {
            return done("blocked", "No task of this title is known.");
        };
        let cheats = self.cheats_of(task);
        if !cheats.is_empty() && SENT_BACK.iter().any(|words| prompt(chat).contains(words)) {
            return done("blocked", "It was found out.");
        }
        let mut edits = task.edits.clone();
        edits.extend(cheats.iter().filter_map(|cheat| match cheat {
            Cheat::Edit(edit) => Some(edit.clone()),
            Cheat::Run(_) => None,
        }));
        let turn = turns(chat);
        if turn == 0 {
            let reads = paths(&edits)
                .into_iter()
                .map(|path| ("read", json!({ "path": path })));
            return Answer::calls(&reads.collect::<Vec<_>>());
        }
        let mut calls: Vec<_> = edits
            .iter()
            .filter_map(|edit| missing(chat, edit))
            .collect();
        calls.extend(cheats.iter().filter_map(|cheat| match cheat {
            Cheat::Run(command) => Some(("run", json!({ "command": command }))),
            Cheat::Edit(_) => None,
        }));
        if turn == 1 && !calls.is_empty() {
            return Answer::calls(&calls);
        }
        done("done", "It is built, and a new test shows it.")
    }

    fn task_of(&self, chat: &Value) -> Option<&Task> {
        let title = prompt(chat).lines().find(|l| l.starts_with(TITLE))?;
        self.tasks
            .iter()
            .find(|task| title.contains(task.title.as_str()))
    }

    fn cheats_of(&self, task: &Task) -> Vec<&Cheat> {
        let of_task = self.cheats.iter().filter(|(title, _)| *title == task.title);
        of_task.map(|(_, cheat)| cheat).collect()
    }
}

/// A reviewer looks at the first file of the diff before it has an opinion.
fn inspect(chat: &Value) -> Answer {
    let changed = prompt(chat).lines().find_map(|l| l.strip_prefix("+++ b/"));
    match changed {
        Some(path) if turns(chat) == 0 => Answer::calls(&[("read", json!({ "path": path }))]),
        Some(_) | None => done(
            "done",
            "Read the diff and its first file; nothing is wrong.",
        ),
    }
}

/// The call that makes an edit, unless the file reads as if it had been made.
fn missing(chat: &Value, edit: &Edit) -> Option<(&'static str, Value)> {
    let path = edit.path.to_string_lossy();
    let text = read(chat, &path);
    match &edit.change {
        Change::Replace { old, new } => {
            // Where the new text holds the old one, finding the new one is what tells.
            let made = match new.contains(old.as_str()) {
                true => text.contains(new.as_str()),
                false => !text.contains(old.as_str()),
            };
            (!made).then(|| ("edit", json!({ "path": path, "old": old, "new": new })))
        }
        Change::Write { content } => (text.trim_end() != content.trim_end())
            .then(|| ("write", json!({ "path": path, "content": content }))),
    }
}

/// What a file read as in this conversation, without the line numbers.
fn read(chat: &Value, path: &str) -> String {
    let calls = list(&chat["messages"]).flat_map(|message| list(&message["tool_calls"]));
    let call = calls.into_iter().find(|call| {
        let function = &call["function"];
        function["name"] == "read" && function["arguments"]["path"] == path
    });
    let Some(id) = call.map(|call| &call["id"]) else {
        return NOT_THERE.to_owned();
    };
    let shown = list(&chat["messages"]).find(|message| message["tool_call_id"] == *id);
    let shown = shown.and_then(|message| message["content"].as_str());
    shown
        .unwrap_or(NOT_THERE)
        .lines()
        .filter_map(|line| line.split_once("| "))
        .filter(|(number, _)| number.trim().parse::<u32>().is_ok())
        .map(|(_, text)| format!("{text}\n"))
        .collect()
}

/// The task as the first message of a user tells it.
fn prompt(chat: &Value) -> &str {
    let user = list(&chat["messages"]).find(|message| message["role"] == "user");
    user.and_then(|message| message["content"].as_str())
        .unwrap_or_default()
}

/// Answers that this conversation holds already.
fn turns(chat: &Value) -> usize {
    list(&chat["messages"])
        .filter(|message| message["role"] == "assistant")
        .count()
}

/// Each path once, in the order of the edits.
fn paths(edits: &[Edit]) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for edit in edits {
        let path = edit.path.to_string_lossy().into_owned();
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

fn say(answer: &Value) -> Answer {
    Answer::text(&answer.to_string())
}

fn done(status: &str, summary: &str) -> Answer {
    Answer::calls(&[("done", json!({ "status": status, "summary": summary }))])
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        let edit = |path: &str, change| Edit {
            path: path.into(),
            change,
        };
        let (old, new) = ("two\n".to_owned(), "two\n2\n".to_owned());
        Task {
            title: "Count".to_owned(),
            description: "Count to two.".to_owned(),
            check: None,
            edits: vec![
                edit("a.txt", Change::Replace { old, new }),
                edit(
                    "b.txt",
                    Change::Write {
                        content: "b\n".to_owned(),
                    },
                ),
            ],
        }
    }

    fn cheating() -> Worker {
        let command = "rm tests/a.rs".to_owned();
        Worker::new([task()]).cheat("Count", Cheat::Run(command))
    }

    /// A chat of a builder: its prompt, then calls with what each brought back.
    fn building(prompt: &str, turns: &[&[(&str, Value, &str)]]) -> Value {
        let mut messages = vec![
            json!({"role": "system", "content": "# Task in the system prompt is none"}),
            json!({"role": "user", "content": prompt}),
        ];
        for (t, calls) in turns.iter().enumerate() {
            let id = |n: usize| format!("{t}-{n}");
            let made = calls.iter().enumerate().map(|(n, (name, arguments, _))| {
                json!({"id": id(n), "function": {"name": name, "arguments": arguments}})
            });
            messages.push(
                json!({"role": "assistant", "content": "", "tool_calls": made.collect::<Vec<_>>()}),
            );
            for (n, (_, _, result)) in calls.iter().enumerate() {
                messages.push(json!({"role": "tool", "content": result, "tool_call_id": id(n)}));
            }
        }
        let tools = ["read", "write", "done"].map(|name| json!({"function": {"name": name}}));
        json!({ "messages": messages, "tools": tools })
    }

    /// Names and arguments of the calls in an answer.
    fn calls(answer: &Answer) -> Vec<(String, Value)> {
        let Answer::Lines(lines) = answer else {
            panic!("{answer:?}")
        };
        let calls = list(&lines[0]["message"]["tool_calls"]);
        let call = |call: &Value| {
            let function = &call["function"];
            (
                function["name"].as_str().unwrap().to_owned(),
                function["arguments"].clone(),
            )
        };
        calls.map(call).collect()
    }

    fn names(answer: &Answer) -> Vec<String> {
        calls(answer).into_iter().map(|(name, _)| name).collect()
    }

    fn text(answer: &Answer) -> Value {
        let Answer::Lines(lines) = answer else {
            panic!("{answer:?}")
        };
        let pieces = lines
            .iter()
            .filter_map(|line| line["message"]["content"].as_str());
        serde_json::from_str(&pieces.collect::<String>()).unwrap()
    }

    const A: &str = "a.txt, lines 1-2 of 2\n   1| one\n   2| two\n";

    #[test]
    fn it_looks_then_changes_what_is_missing_then_is_done() {
        let worker = Worker::new([task()]);
        let prompt = "# Task #7: Count\n\nCount to two.";
        let look = worker.answer(&building(prompt, &[]));
        assert_eq!(names(&look), ["read", "read"]);

        let looked = [
            ("read", json!({"path": "a.txt"}), A),
            ("read", json!({"path": "b.txt"}), "there is no b.txt"),
        ];
        let change = worker.answer(&building(prompt, &[&looked]));
        assert_eq!(names(&change), ["edit", "write"]);

        let changed = [("edit", json!({}), "changed")];
        let ended = worker.answer(&building(prompt, &[&looked, &changed]));
        assert_eq!(names(&ended), ["done"]);
        assert_eq!(calls(&ended)[0].1["status"], "done");

        let made = "a.txt, lines 1-3 of 3\n   1| one\n   2| two\n   3| 2\n";
        let looked = [
            ("read", json!({"path": "a.txt"}), made),
            ("read", json!({"path": "b.txt"}), "b.txt\n   1| b\n"),
        ];
        let nothing = worker.answer(&building(prompt, &[&looked]));
        assert_eq!(names(&nothing), ["done"], "what is there is not made twice");
    }

    #[test]
    fn a_cheat_comes_with_the_work_and_ends_when_it_is_found_out() {
        let prompt = "# Task #7: Count";
        let looked = [("read", json!({"path": "a.txt"}), A)];
        let change = cheating().answer(&building(prompt, &[&looked]));
        assert_eq!(names(&change), ["edit", "write", "run"]);

        let found_out = format!("{prompt}\n\n{}, newest last", SENT_BACK[0]);
        let ended = cheating().answer(&building(&found_out, &[]));
        assert_eq!(calls(&ended)[0].1["status"], "blocked");
        let honest = Worker::new([task()]).answer(&building(&found_out, &[]));
        assert_eq!(names(&honest), ["read", "read"]);
    }

    #[test]
    fn a_task_that_it_does_not_know_is_not_done() {
        let unknown = Worker::new([task()]).answer(&building("# Task #7: Dance", &[]));
        assert_eq!(calls(&unknown)[0].1["status"], "blocked");
    }

    #[test]
    fn planner_and_reviewer_are_told_by_what_is_asked() {
        let asked_with = |prompt: &str, field: &str| {
            let prompt = json!([{"role": "user", "content": prompt}]);
            json!({"messages": prompt, "format": {"properties": {field: {}}}})
        };
        let asked = |field: &str| asked_with("# Task #7: Count", field);
        let other = Task {
            title: "Rest".to_owned(),
            ..task()
        };
        let worker = Worker::new([task(), other]);
        let all = asked_with("# Goal\n\nMake it good.", "tasks");
        let plan = text(&worker.answer(&all));
        assert_eq!(plan["tasks"][1]["needs"], json!([plan["tasks"][0]["key"]]));
        let plan = text(&worker.clone().independent().answer(&all));
        assert_eq!(plan["tasks"][1]["needs"], json!([]));
        let plan = text(&worker.answer(&asked_with(
            "# Goal\n\nRest a bit.\n\n# Memory\n\nCount",
            "tasks",
        )));
        assert_eq!(plan["tasks"].as_array().map(Vec::len), Some(1));
        assert_eq!(plan["tasks"][0]["title"], "Rest");
        let files = text(&worker.answer(&asked("approach")))["files"].clone();
        assert_eq!(files, json!(["a.txt", "b.txt"]));
        assert_eq!(text(&worker.answer(&asked("verdict")))["verdict"], "pass");

        let diff = "# Task #8: Code review of Count\n--- a/a.txt\n+++ b/a.txt\n";
        let mut review = building(diff, &[]);
        review["tools"] = json!([{"function": {"name": "read"}}, {"function": {"name": "done"}}]);
        let look = calls(&worker.answer(&review));
        assert_eq!(look, [("read".to_owned(), json!({"path": "a.txt"}))]);
        assert!(matches!(
            worker.answer(&json!({"messages": []})),
            Answer::Status(400, _)
        ));
    }
}
