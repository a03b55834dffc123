//! The steps that a program does: an agent's work with its claim measured as our own loop's is, and a question with an answer by
//! schema.

use alai_core::blueprint::{AskSchema, ToolName};

use super::Program;
use super::claim;
use super::lend;
use super::session::{Answer, Sitting, sit};
use crate::agent::{Handed, Work, strayed, uncommitted, verdict};
use crate::conversation::Conversation;
use crate::pack;
use crate::plan;
use crate::prompt::{self, Voice};
use crate::recorder::Event;
use crate::report::ExitStatus;
use crate::steps::{self, announce, opening};
use crate::text::cut;
use crate::tools::{Claim, Lent};
use crate::walk::{Walk, lost};

use alai_fleet::Message;

/// Sessions of one step: what we see against the first claim is said once.
const SITTINGS_MAX: usize = 2;
/// Turns of a question: looking around for an answer, and no work.
pub(super) const ASK_TURNS_MAX: u32 = 20;
/// With what a question's answer is looked for.
pub(super) const ASK_TOOLS: [ToolName; 2] = [ToolName::Read, ToolName::Search];

/// Does an agent step; gives what the program hands over.
///
/// # Errors
/// How the run ended, when the program did not come to claim that it is done.
pub(crate) fn work(
    walk: &mut Walk<'_>,
    program: Program<'_>,
    work: &Work<'_>,
    feedback: Option<&str>,
) -> Result<Handed, ExitStatus> {
    let tools = walk.allowed_tools(work.tools);
    let schema = claim::schema(work.outputs);
    let lent = lend::of(walk, program, work)?;
    let first_tree = walk.tree.clone();
    if work.check.is_some() {
        walk.check_green = None;
    }
    let mut turns_left = work.turns_max;
    let mut feedback = feedback.map(str::to_owned);
    for sitting in 1..=SITTINGS_MAX {
        let told = prompt_of(walk, work, &schema, &lent, feedback.as_deref())?;
        let before = walk.turns;
        let answer = sit(
            walk,
            program,
            &Sitting {
                step: work.step,
                system: &told.0,
                prompt: &told.1,
                schema: &schema,
                tools: &tools,
                turns_max: turns_left,
                listens: true,
                lent: &lent,
            },
        )?;
        turns_left = turns_left.saturating_sub(walk.turns.saturating_sub(before));
        let last = sitting == SITTINGS_MAX || turns_left == 0;
        match settle(walk, work, &answer, &first_tree, last)? {
            Settled::Handed(handed) => return Ok(handed),
            Settled::Again(why) => feedback = Some(why),
        }
    }
    Err(ExitStatus::StepLimit)
}

/// The words that a session begins with: the system's and the task's.
fn prompt_of(
    walk: &mut Walk<'_>,
    work: &Work<'_>,
    schema: &serde_json::Value,
    lent: &Lent,
    feedback: Option<&str>,
) -> Result<(String, String), ExitStatus> {
    let mut text = work.prompt.trim().to_owned();
    if let Some(check) = work.check {
        text.push_str(&format!(
            "\nAfterwards `{}` is run and must pass.",
            cut(check, 300)
        ));
    }
    text.push('\n');
    text.push_str(&lend::words(lent));
    text.push_str(&claim::words(schema));
    let room = pack::AGENT_PACK_BYTES_MAX;
    let mut conversation = opening(walk, &text, Voice::Program, room, 0, feedback);
    announce(walk, work.step, &conversation)?;
    walk.hear(work.step, &mut conversation)?;
    Ok(spoken(&conversation))
}

/// A conversation that nobody has answered yet, as a program takes it: what is always so, and what is to be done.
fn spoken(conversation: &Conversation) -> (String, String) {
    let (mut system, mut user) = (Vec::new(), Vec::new());
    for message in &conversation.messages {
        match message {
            Message::System { text } => system.push(text.as_str()),
            Message::User { text }
            | Message::Assistant { text, .. }
            | Message::Tool { text, .. } => {
                user.push(text.as_str());
            }
        }
    }
    (system.join("\n\n"), user.join("\n\n"))
}

enum Settled {
    Handed(Handed),
    /// What speaks against the claim.
    Again(String),
}

/// Looks at what was done, commits it, runs the check, and judges the claim as our own loop does: what we see against it is said
/// once and accepted after that, as a claim.
fn settle(
    walk: &mut Walk<'_>,
    work: &Work<'_>,
    answer: &Answer,
    first_tree: &str,
    last: bool,
) -> Result<Settled, ExitStatus> {
    let outside = look(walk, work.step)?;
    let read = claim::read(answer.by_schema.as_ref(), &answer.text, work.outputs);
    if let Ok((Claim::Blocked, summary, _)) = &read {
        walk.summarise(summary);
        return Err(ExitStatus::Stuck {
            rule: "gave_up".into(),
        });
    }
    let mut against = String::new();
    if walk.writes() {
        if let Some(check) = work.check {
            let captured = measured(walk, work.step, check)?;
            if walk.check_green == Some(false) {
                against.push_str(&verdict(check, &captured));
            }
        }
        if walk.tree == first_tree {
            against.push_str("\nNothing was changed in this step.");
        }
        if !outside.is_empty() {
            against.push_str(&strayed(&outside, &walk.brief.project.base));
        }
        if let Some(why) = &walk.uncommitted {
            against.push_str(&uncommitted(why));
        }
    }
    match read {
        Ok((_, summary, outputs)) if against.is_empty() || last => {
            walk.summarise(&summary);
            let summary = walk.summary.clone();
            Ok(Settled::Handed(Handed { summary, outputs }))
        }
        Err(wrong) if last => {
            let advice = format!("what the step hands over has no form: {wrong}");
            let step = work.step;
            walk.record(&Event::Guard {
                step,
                advice: &cut(&advice, 1_000),
            })?;
            Err(walk.unread(step, &advice))
        }
        read => {
            if let Err(wrong) = read {
                walk.malformed += 1;
                against.push_str(&format!("\n{}.", cut(&wrong, 1_000)));
            }
            let line = format!("{}: the claim was refused once", work.step);
            walk.log.hard.push(line);
            Ok(Settled::Again(against.trim().to_owned()))
        }
    }
}

/// Commits what the program left in the tree; gives what of it lies outside the allowed paths.
fn look(walk: &mut Walk<'_>, step: &str) -> Result<Vec<String>, ExitStatus> {
    if !walk.writes() {
        return Ok(Vec::new());
    }
    walk.land(step)?;
    let (tree, changed) = walk.hand.scan(walk.cancel).map_err(lost)?;
    if tree != walk.tree {
        walk.tree = tree;
        walk.check_green = None;
        walk.commit(step)?;
    }
    let outside = |path: &String| !walk.scope.allows(path);
    Ok(changed.into_iter().filter(outside).collect())
}

/// Runs the step's check. It may write too: part of the work.
fn measured(
    walk: &mut Walk<'_>,
    step: &str,
    check: &str,
) -> Result<alai_core::record::Captured, ExitStatus> {
    let (captured, passed) = walk.check(step, check, 0)?;
    let (tree, _) = walk.hand.scan(walk.cancel).map_err(lost)?;
    if tree != walk.tree {
        walk.tree = tree;
        walk.commit(step)?;
    }
    walk.check_green = Some(passed);
    walk.last_check = Some(captured.clone());
    Ok(captured)
}

/// A question by schema, with one more session when the answer cannot be used.
///
/// # Errors
/// `Format` when the second answer cannot be used either, or how the run ended.
pub(crate) fn ask(
    walk: &mut Walk<'_>,
    program: Program<'_>,
    step: &str,
    words: &str,
    schema: AskSchema,
) -> Result<(), ExitStatus> {
    let format = plan::schema(schema, walk.criteria());
    let shape = prompt::shape(schema, walk.criteria());
    let text = format!("{}\n{shape}", words.trim());
    let mut repair: Option<String> = None;
    let mut last = String::new();
    for _ in 0..SITTINGS_MAX {
        let mut conversation = opening(walk, &text, Voice::Ask, pack::PACK_BYTES_MAX, 0, None);
        announce(walk, step, &conversation)?;
        if let Some(text) = repair.take() {
            walk.say(step, &mut conversation, Message::User { text })?;
        }
        walk.hear(step, &mut conversation)?;
        let (system, user) = spoken(&conversation);
        let answer = sit(
            walk,
            program,
            &Sitting {
                step,
                system: &system,
                prompt: &user,
                schema: &format,
                tools: &ASK_TOOLS,
                turns_max: ASK_TURNS_MAX,
                listens: false,
                lent: &Lent::default(),
            },
        )?;
        // A question changes nothing, but what was changed is not lost.
        steps::kept(walk, step)?;
        let given = match answer.by_schema {
            Some(answer) => answer.to_string(),
            None => claim::object_in(&answer.text).map_or(answer.text, |object| {
                serde_json::Value::from(object).to_string()
            }),
        };
        match steps::judge(walk, schema, &given)? {
            Ok(answer) => {
                steps::keep(walk, step, &answer);
                return Ok(());
            }
            Err(wrong) => {
                walk.malformed += 1;
                let line = format!(
                    "{step}: the answer did not keep its form: {}",
                    cut(&wrong, 300)
                );
                walk.log.hard.push(line);
                repair = Some(format!(
                    "Your last answer was:\n{}\nThat cannot be used: {wrong}. Answer again. {shape}",
                    pack::data("your last answer", &cut(&given, 8 << 10))
                ));
                last = wrong;
            }
        }
    }
    Err(walk.unread(step, &last))
}
