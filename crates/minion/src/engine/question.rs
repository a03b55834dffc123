//! A question by schema that a program answers outside of any blueprint, as a goal's plan is. Nothing is changed and nothing is
//! committed: its cage shows it a tree that it can only read.

use alai_core::brief::Brief;
use serde_json::Value;

use super::Program;
use super::claim;
use super::session::{Sitting, sit};
use super::step::{ASK_TOOLS, ASK_TURNS_MAX};
use crate::conversation::Conversation;
use crate::pack;
use crate::report::{ExitStatus, RunReport};
use crate::scope::Scope;
use crate::steps::announce;
use crate::text::cut;
use crate::tools::Lent;
use crate::walk::{Means, Walk};

/// Bytes of an answer that is shown again with what is wrong with it.
const SHOWN_BYTES_MAX: usize = 8 << 10;

/// What is asked.
pub struct Question<'q> {
    /// How the record calls it.
    pub step: &'q str,
    pub system: &'q str,
    pub text: &'q str,
    pub schema: &'q Value,
    /// Sessions: the first, and one for each time that its answer cannot be used.
    pub sittings_max: u32,
    /// Says what is wrong with an answer.
    pub usable: &'q dyn Fn(&str) -> Result<(), String>,
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Question({})", self.step)
    }
}

/// Asks the program of `means`; its answer is the report's. What cannot be used is said to it, in a session of its own each time.
pub fn answer<'a>(brief: &'a Brief, question: &Question<'_>, means: Means<'a>) -> RunReport {
    let program = means.program;
    let mut walk = Walk::new(brief, Scope::nothing(), means);
    let ended = match program {
        Some(program) => asked(&mut walk, program, question),
        None => Err(ExitStatus::ProviderError {
            infrastructure: false,
            detail: "there is no program that could be asked".to_owned(),
        }),
    };
    walk.finish(ended.err().unwrap_or(ExitStatus::Done))
}

fn asked(
    walk: &mut Walk<'_>,
    program: Program<'_>,
    question: &Question<'_>,
) -> Result<(), ExitStatus> {
    let step = question.step;
    let form = format!(
        "You may look around in the repository, which you cannot change. End with one JSON object as your last message and nothing \
         else in it. Its schema: {}",
        question.schema
    );
    let (mut repair, mut last) = (String::new(), String::new());
    for _ in 0..question.sittings_max.max(1) {
        let text = format!("{}\n\n{form}{repair}", question.text.trim());
        let conversation = Conversation::new(question.system.to_owned(), text.clone());
        announce(walk, step, &conversation)?;
        let answer = sit(
            walk,
            program,
            &Sitting {
                step,
                system: question.system,
                prompt: &text,
                schema: question.schema,
                tools: &ASK_TOOLS,
                turns_max: ASK_TURNS_MAX,
                listens: false,
                lent: &Lent::default(),
            },
        )?;
        let given = match answer.by_schema {
            Some(answer) => answer.to_string(),
            None => claim::object_in(&answer.text)
                .map_or(answer.text, |object| Value::from(object).to_string()),
        };
        let wrong = match (question.usable)(&given) {
            Ok(()) => {
                walk.answer = serde_json::from_str(&given).ok();
                return Ok(());
            }
            Err(wrong) => cut(&wrong, 1_000),
        };
        walk.malformed += 1;
        walk.log
            .hard
            .push(format!("{step}: the answer cannot be used: {wrong}"));
        repair = format!(
            "\n\nYour last answer was:\n{}\nThat cannot be used: {wrong}. Answer again, with all of it, corrected.",
            pack::data("your last answer", &cut(&given, SHOWN_BYTES_MAX))
        );
        last = wrong;
    }
    Err(walk.unread(step, &last))
}
