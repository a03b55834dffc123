//! What a shipped blueprint itself writes, byte for byte: known without the run, and so no agent's change.
//!
//! A scaffold makes a project from nothing, with the manifests, CI and images that no agent may touch. It is let in by its content:
//! the trusted side resolves the blueprint that the program carries, with the same inputs, and a file of the change is the
//! scaffold's when it holds exactly that text. Who wrote it does not count, nor what a run says of itself; whoever changes one
//! byte of it afterwards has made it his own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Action, Blueprint, Step};

/// The files that a shipped blueprint writes, by their paths.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scaffolded(BTreeMap<String, String>);

/// One file of a change, as the gate read it from the commit.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    pub path: &'a str,
    /// Whether the base had nothing at this path, and it came from no other.
    pub is_new: bool,
    /// Of git: an ordinary file is 100644.
    pub mode: u32,
    /// None for what is no text.
    pub text: Option<&'a str>,
}

/// The only mode that a scaffold writes.
const ORDINARY: u32 = 0o100_644;

impl Scaffolded {
    /// What a run of this blueprint writes where nothing of the run stands in it: a text with places that only a run fills in is
    /// whatever an agent said, and is not among them. Where two steps write one path, the last one that may be reached counts.
    pub fn of(shipped: &Blueprint) -> Scaffolded {
        let mut files = BTreeMap::new();
        for step in &shipped.steps {
            let condition = step.condition.as_ref();
            if condition.is_some_and(|condition| !condition.could_hold(&shipped.inputs)) {
                continue;
            }
            let Action::Scaffold { files: written, .. } = &step.action else {
                continue;
            };
            for file in written {
                let Some(path) = file.path.settled() else {
                    continue;
                };
                match file.content.settled() {
                    // The mark of bytes that are no text would stand for any of them.
                    Some(text) if !text.contains(char::REPLACEMENT_CHARACTER) => {
                        files.insert(path, text)
                    }
                    Some(_) | None => files.remove(&path),
                };
            }
        }
        Scaffolded(files)
    }

    /// Whether all of a shipped blueprint is walked: every step as it is and in its order, also those that check the values it is
    /// given. Commands may stand between them, since what they write is told by its bytes; nothing that goes elsewhere may.
    pub fn is_all_in(shipped: &Blueprint, walked: &Blueprint) -> bool {
        // A line more before it moves a step in its file, and changes nothing of it.
        let placeless = |step: &Step| Step {
            at: String::new(),
            ..step.clone()
        };
        let mut left = shipped.steps.iter().map(placeless).peekable();
        for step in walked.steps.iter().map(placeless) {
            if left.next_if_eq(&step).is_none() && !matches!(step.action, Action::Run { .. }) {
                return false;
            }
        }
        let others = Blueprint {
            steps: shipped.steps.clone(),
            ..walked.clone()
        };
        left.peek().is_none() && others == *shipped
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths that it writes.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether a file of a change is the scaffold's own: new in the project, and byte for byte what the blueprint writes there.
    pub fn wrote(&self, file: &Written<'_>) -> bool {
        let known = self.0.get(file.path).map(String::as_str);
        file.is_new && file.mode == ORDINARY && known.is_some() && known == file.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::resolve;

    const TEXT: &str = "\
version: 1
name: b
description: d
inputs:
  name: {type: string, default: shop}
  delivery: {type: string, default: 'yes'}
steps:
  - id: make
    uses: scaffold
    with:
      files:
        Cargo.toml: \"[package]\\nname = '${{ inputs.name }}'\\n\"
  - id: find
    uses: agent
    with:
      prompt: Find it.
      tools: [read, done]
      outputs: {word: {type: string}}
  - id: said
    uses: scaffold
    with:
      files:
        said.txt: ${{ steps.find.outputs.word }}
        '${{ steps.find.outputs.word }}': x
  - id: ci
    uses: scaffold
    if: inputs.delivery == 'yes'
    with:
      files: {.github/workflows/ci.yml: 'on: push'}
";

    fn of(delivery: &str) -> Scaffolded {
        let library = BTreeMap::from([("b".to_owned(), TEXT.to_owned())]);
        let inputs = BTreeMap::from([("delivery".to_owned(), delivery.to_owned())]);
        Scaffolded::of(&resolve("b", &library, &inputs).expect("it resolves"))
    }

    #[test]
    fn what_a_run_fills_in_and_what_is_not_reached_is_not_the_blueprints() {
        let paths = |delivery| of(delivery).paths().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(paths("yes"), [".github/workflows/ci.yml", "Cargo.toml"]);
        assert_eq!(paths("no"), ["Cargo.toml"]);
    }

    #[test]
    fn all_of_the_shipped_one_is_walked_with_no_more_than_commands_between() {
        let read = |steps: &str| {
            let text = format!("version: 1\nname: b\ndescription: d\nsteps:\n{steps}");
            let library = BTreeMap::from([("b".to_owned(), text)]);
            resolve("b", &library, &BTreeMap::new()).expect("it resolves")
        };
        let (check, make) = (
            "  - {id: check, run: 'true'}\n",
            "  - {id: make, uses: scaffold, with: {files: {a: x}}}\n",
        );
        let (more, ask) = (
            "  - {id: more, run: 'false'}\n",
            "  - {id: ask, uses: agent, with: {prompt: Do., tools: [edit, done]}}\n",
        );
        let shipped = read(&[check, make].concat());
        for (steps, whole) in [
            (vec![check, make], true),
            (vec![check, more, make], true),
            (
                vec![more, check, make, more.replace("more", "last").as_str()],
                true,
            ),
            (vec![make], false),
            (vec![make, check], false),
            (vec![check, ask, make], false),
            (vec![check.replace("true", "false").as_str(), make], false),
        ] {
            let walked = read(&steps.concat());
            assert_eq!(Scaffolded::is_all_in(&shipped, &walked), whole, "{steps:?}");
        }
    }

    #[test]
    fn a_file_is_the_scaffolds_by_its_bytes_alone() {
        let text = "[package]\nname = 'shop'\n";
        let file = Written {
            path: "Cargo.toml",
            is_new: true,
            mode: ORDINARY,
            text: Some(text),
        };
        assert!(of("yes").wrote(&file));
        let longer = format!("{text}\n");
        for (why, other) in [
            (
                "another text",
                Written {
                    text: Some(&longer),
                    ..file
                },
            ),
            ("no text", Written { text: None, ..file }),
            (
                "a program",
                Written {
                    mode: 0o100_755,
                    ..file
                },
            ),
            (
                "a link",
                Written {
                    mode: 0o120_000,
                    ..file
                },
            ),
            (
                "one that was there",
                Written {
                    is_new: false,
                    ..file
                },
            ),
            (
                "another path",
                Written {
                    path: "a/Cargo.toml",
                    ..file
                },
            ),
        ] {
            assert!(!of("yes").wrote(&other), "{why}");
        }
        assert!(!Scaffolded::default().wrote(&file));
    }
}
