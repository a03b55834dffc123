//! What a scripted model says: a good worker by default, and where a test wants it another one.

use alai_testkit::samples;
use serde_json::{Value, json};

/// Replies by kind of call. Those that are added later go before those that are equally specific.
#[derive(Debug, Clone)]
pub(crate) struct Script(Vec<Value>);

/// The title of the sample's task that the good worker solves.
pub(crate) const TITLE: &str = "Add initials";
/// A check that fails on the sample and holds when the task is solved.
pub(crate) const CHECK: &str = "test \"$(sh words.sh initials 'ada king lovelace')\" = akl";

/// The sample's task, built and gated in one command.
pub(crate) const BUILD: [&str; 7] = [
    "minion",
    "run",
    TITLE,
    "--project",
    "tiny",
    "--check",
    CHECK,
];

impl Script {
    /// Plans one task, solves it well, and passes its review and its audit.
    pub(crate) fn good() -> Script {
        Script(Vec::new())
            .plans(&[planned("a", TITLE, &[])])
            .builds("", &solution(TITLE))
            .judges("review", "", pass())
            .judges("security", "", pass())
    }

    /// Plans these tasks.
    pub(crate) fn plans(self, tasks: &[Value]) -> Script {
        let plan = json!({"spec": "# Words\n\nWhat must be true.\n", "tasks": tasks});
        self.with(
            json!({"kind": "spec", "step": "plan"}),
            &[json!({"json": plan})],
        )
    }

    /// Builds with these calls in one turn and says that it is done; for tasks whose title has `title` in it.
    pub(crate) fn builds(self, title: &str, calls: &[Value]) -> Script {
        self.tries(title, None, calls)
    }

    /// The same for one attempt: 0 is the first, each that was sent back counts one more.
    pub(crate) fn tries(self, title: &str, attempt: Option<u32>, calls: &[Value]) -> Script {
        let mut when = json!({"kind": "build", "title": title, "step": "build"});
        if let Some(attempt) = attempt {
            when["attempt"] = attempt.into();
        }
        let mut turns = vec![done()];
        if !calls.is_empty() {
            turns.insert(0, json!({"text": "I build it.", "calls": calls}));
        }
        // Refused once when it is not true; it insists.
        turns.push(done());
        let plan = json!({"approach": "The smallest change and a test of it.", "files": ["words.sh"], "risks": []});
        self.with(
            json!({"kind": "build", "step": "plan"}),
            &[json!({"json": plan})],
        )
        .with(when, &turns)
    }

    /// Judges with this answer. `kind` is `review` or `security`.
    pub(crate) fn judges(self, kind: &str, title: &str, review: Value) -> Script {
        self.with(json!({"kind": kind, "step": "inspect"}), &[done()])
            .with(
                json!({"kind": kind, "title": title, "step": "review"}),
                &[json!({"json": review})],
            )
    }

    /// Judges so the first time, and each time that `attempt` says.
    pub(crate) fn judges_attempt(self, kind: &str, attempt: u32, review: Value) -> Script {
        self.with(
            json!({"kind": kind, "step": "review", "attempt": attempt}),
            &[json!({"json": review})],
        )
    }

    /// One more scene, as the file has it.
    pub(crate) fn with(mut self, when: Value, turns: &[Value]) -> Script {
        self.0.insert(0, json!({"when": when, "turns": turns}));
        self
    }

    pub(crate) fn text(&self) -> String {
        Value::from(self.0.clone()).to_string()
    }
}

/// A task of a plan, which needs the tasks with these keys.
pub(crate) fn planned(key: &str, title: &str, needs: &[&str]) -> Value {
    json!({
        "key": key, "title": title, "description": format!("{title}, with a test."), "acceptance": ["it is tested"],
        "needs": needs, "docs": false, "changes_tests": [],
    })
}

/// The calls that solve the sample's task of that title.
pub(crate) fn solution(title: &str) -> Vec<Value> {
    let tasks = samples::tasks("tiny-sh").expect("the sample's tasks");
    let task = tasks
        .into_iter()
        .find(|task| task.title == title)
        .expect("a task of the sample");
    let call = |edit: &samples::Edit| match &edit.change {
        samples::Change::Replace { old, new } => {
            json!({"name": "edit", "arguments": {"path": edit.path, "old": old, "new": new}})
        }
        samples::Change::Write { content } => write(&edit.path.to_string_lossy(), content),
    };
    task.edits.iter().map(call).collect()
}

/// A call that writes a file.
pub(crate) fn write(path: &str, content: &str) -> Value {
    json!({"name": "write", "arguments": {"path": path, "content": content}})
}

/// A small change with its test: a file of that name below `tests`, and the command that it tests.
pub(crate) fn small(name: &str) -> Vec<Value> {
    vec![
        write(&format!("{name}.sh"), &format!("#!/bin/sh\necho {name}\n")),
        write(
            &format!("tests/{name}.sh"),
            &format!("is \"{name} is said\" \"$(sh {name}.sh)\" \"{name}\"\n"),
        ),
    ]
}

/// A pass that answers the criterion of [`planned`] tasks, and the one more that a part's tasks have of their part.
pub(crate) fn pass() -> Value {
    json!({"verdict": "pass", "summary": "It does what the task asks.", "findings": [],
    "criteria": [
        {"n": 1, "met": true, "path": "words.sh", "line": 1},
        {"n": 2, "met": true, "path": "words.sh", "line": 2},
    ]})
}

/// A reject with one finding.
pub(crate) fn reject(finding: &str) -> Value {
    let finding = json!({"severity": "high", "title": finding, "path": "words.sh", "line": 1, "detail": "Show it with a test."});
    json!({"verdict": "reject", "summary": "It cannot stay like this.", "findings": [finding]})
}

fn done() -> Value {
    json!({"calls": [{"name": "done", "arguments": {"status": "done", "summary": "Done, and a test shows it."}}]})
}
