//! A weak model behind the twin of Ollama: it knows how to do one task, and has the vices of a poor model of eight billion
//! parameters. A small machine of states and dice, and no script: what it says next follows from what stands in the request, and
//! the dice are seeded, so that the same run is the same run again.
//!
//! It builds; where a plan of a goal or a review is asked for, a good worker answers in its place.
//!
//! Told that something went wrong, it heeds it as often as a test says, and does the right thing next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::ollama::{Answer, Behaviour};
use crate::samples::{self, Task};
use crate::worker::Worker;

mod seen;
mod vice;

use seen::Chat;
pub use vice::Vice;

/// A weak model, before it is started.
#[derive(Debug, Clone)]
pub struct Weak {
    task: Task,
    /// What the files of the task hold when it is done.
    target: BTreeMap<String, String>,
    vices: Vec<(Vice, u8)>,
    heeds: u8,
    seed: u64,
    fallen: Fallen,
}

/// The vices that a model fell into so far, in order.
#[derive(Debug, Clone, Default)]
pub struct Fallen(Arc<Mutex<Vec<Vice>>>);

impl Fallen {
    pub fn had(&self, vice: Vice) -> bool {
        self.lock().contains(&vice)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vice>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What it does in a turn: one call.
#[derive(Debug, Clone, PartialEq)]
struct Deed {
    name: &'static str,
    arguments: Value,
}

/// What it carries from turn to turn beside the conversation.
#[derive(Debug)]
struct Mood {
    dice: u64,
    /// Answers given so far, also those that no conversation keeps.
    turn: usize,
}

impl Weak {
    /// One that knows the `nth` task of a sample, without vices.
    ///
    /// # Panics
    /// When there is no such sample or task, or its edits do not fit.
    pub fn knowing(sample: &str, nth: usize) -> Weak {
        let task = samples::tasks(sample).expect("a sample's tasks")[nth].clone();
        let dir = tempfile::tempdir().expect("a temporary folder");
        samples::write(sample, dir.path()).expect("a sample");
        task.apply(dir.path())
            .expect("the edits of a task fit its sample");
        let target = task.edits.iter().map(|edit| {
            let text = std::fs::read_to_string(dir.path().join(&edit.path));
            (
                edit.path.to_string_lossy().into_owned(),
                text.expect("a file of the task"),
            )
        });
        Weak {
            target: target.collect(),
            task,
            vices: Vec::new(),
            heeds: 0,
            seed: 1,
            fallen: Fallen::default(),
        }
    }

    /// What it falls into once it is started.
    pub fn fallen(&self) -> Fallen {
        self.fallen.clone()
    }

    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Falls into each of these vices at its first occasion, and then in so many percent of its turns; the first one that its
    /// dice name wins.
    #[must_use]
    pub fn vices(self, vices: &[(Vice, u8)]) -> Weak {
        Weak {
            vices: vices.to_vec(),
            ..self
        }
    }

    /// Does the right thing in so many percent of the turns after it was told that something went wrong.
    #[must_use]
    pub fn heeding(self, percent: u8) -> Weak {
        Weak {
            heeds: percent,
            ..self
        }
    }

    #[must_use]
    pub fn seeded(self, seed: u64) -> Weak {
        Weak { seed, ..self }
    }

    /// As the behaviour of a twin, with one model called `small`.
    pub fn behaviour(self) -> Behaviour {
        let mood = Mutex::new(Mood {
            dice: self.seed,
            turn: 0,
        });
        Behaviour::by(move |body| {
            let mut mood = mood.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = self.answer(body, &mut mood);
            mood.turn += 1;
            answer
        })
    }

    fn answer(&self, body: &Value, mood: &mut Mood) -> Answer {
        if body["format"]["properties"].get("approach").is_some() {
            return Answer::text(&format!("```json\n{}\n```", self.approach()));
        }
        let chat = Chat::read(body);
        if !chat.is_builder(body) {
            return Worker::new([self.task.clone()]).answer(body);
        }
        let right = self.right(&chat);
        if chat.told_off() && mood.happens(self.heeds) {
            return chat.say(&right);
        }
        let mut vices = self
            .vices
            .iter()
            .filter(|v| v.0.tempts(&chat, &right, body));
        let falls =
            |(vice, percent): &&(Vice, u8)| !self.fallen.had(*vice) || mood.happens(*percent);
        let Some((vice, _)) = vices.find(falls) else {
            return chat.say(&right);
        };
        self.fallen.lock().push(*vice);
        vice.commit(&chat, &right, &self.task, mood.turn)
    }

    fn approach(&self) -> Value {
        let files: Vec<&String> = self.target.keys().collect();
        json!({"approach": "Change these files and add a test.", "files": files, "risks": []})
    }

    /// What a good model would do now: read what is to be changed, change it, and say so.
    fn right(&self, chat: &Chat) -> Deed {
        if !chat.can_work() {
            return done("It is built, as far as the turns went.");
        }
        for (path, target) in &self.target {
            let there = chat.file(path);
            let known = there.is_some() || self.is_new(path);
            if !known || chat.doubtful(path) {
                return read(path);
            }
            let there = there.unwrap_or_default();
            if there.trim_end() != target.trim_end() {
                return self.change(path, &there, target);
            }
        }
        done("It is built, and a new test shows it.")
    }

    fn is_new(&self, path: &str) -> bool {
        let mut edits = self.task.edits.iter();
        edits.all(|edit| edit.path.to_string_lossy() != path || edit.is_whole())
    }

    /// The next edit that fits, or the whole file when none does.
    fn change(&self, path: &str, there: &str, target: &str) -> Deed {
        let own = self
            .task
            .edits
            .iter()
            .filter(|edit| edit.path.to_string_lossy() == path);
        for (old, new) in own.filter_map(|edit| edit.passage()) {
            let made = new.contains(old) && there.contains(new);
            if !made && there.matches(old).count() == 1 {
                return edit(path, old, new);
            }
        }
        write(path, target)
    }
}

impl Mood {
    /// Whether something of so many percent happens.
    fn happens(&mut self, percent: u8) -> bool {
        // SplitMix64: a step that mixes well, of a state of one number.
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 100 < u64::from(percent)
    }
}

fn deed(name: &'static str, arguments: Value) -> Deed {
    Deed { name, arguments }
}

fn read(path: &str) -> Deed {
    deed("read", json!({"path": path}))
}

fn edit(path: &str, old: &str, new: &str) -> Deed {
    deed("edit", json!({"path": path, "old": old, "new": new}))
}

fn write(path: &str, content: &str) -> Deed {
    deed("write", json!({"path": path, "content": content}))
}

fn run(command: &str) -> Deed {
    deed("run", json!({"command": command}))
}

fn done(summary: &str) -> Deed {
    deed("done", json!({"status": "done", "summary": summary}))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A builder's request before its first call.
    fn body() -> Value {
        let tools =
            ["read", "edit", "write", "done"].map(|name| json!({"function": {"name": name}}));
        let messages = [json!({"role": "user", "content": "# Task #7: Make slugs"})];
        json!({"messages": messages, "tools": tools})
    }

    fn said(seed: u64) -> Vec<Answer> {
        let weak = Weak::knowing("tiny-sh", 0)
            .vices(&[(Vice::Prose, 50)])
            .seeded(seed);
        let mut mood = Mood {
            dice: seed,
            turn: 0,
        };
        (0..20).map(|_| weak.answer(&body(), &mut mood)).collect()
    }

    #[test]
    fn the_same_dice_say_the_same_and_others_something_else() {
        assert_eq!(said(1), said(1));
        assert_ne!(said(1), said(2));
    }

    #[test]
    fn without_vices_it_does_the_task_and_a_review_is_a_good_worker_s() {
        let weak = Weak::knowing("tiny-sh", 0);
        let mut mood = Mood { dice: 1, turn: 0 };
        let target = &weak.target["tests/slug.sh"];
        let first =
            Answer::calls(&[("write", json!({"path": "tests/slug.sh", "content": target}))]);
        assert_eq!(weak.answer(&body(), &mut mood), first);
        let review = json!({"messages": [], "format": {"properties": {"verdict": {}}}});
        let Answer::Lines(lines) = weak.answer(&review, &mut mood) else {
            panic!("an answer")
        };
        let text: String = lines
            .iter()
            .filter_map(|l| l["message"]["content"].as_str())
            .collect();
        assert!(text.contains("\"pass\""), "{text}");
    }
}
