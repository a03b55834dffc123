//! Walks the blueprint: context, ask, agent, run, report, in the order of the data.

use alai_core::blueprint::{Action, AskSchema, Step};
use alai_core::review::Review;
use alai_fleet::Message;

use crate::agent;
use crate::conversation::{Conversation, TooLong, bytes_in};
use crate::hand::HandError;
use crate::pack::{self, Part};
use crate::plan::{self, Answer};
use crate::prompt;
use crate::recorder::Event;
use crate::report::ExitStatus;
use crate::text::{cut, head, plain};
use crate::walk::{Asked, Walk, lost};

/// Instructions that projects leave for agents, in the order they are looked for. Read from the base commit: a change
/// under review must not instruct its reviewer.
const PROJECT_RULES: [&str; 2] = ["AGENTS.md", "CLAUDE.md"];
const READMES: [&str; 3] = ["README.md", "README", "README.rst"];
/// A walk that jumps back more often than this has a blueprint that makes no sense.
const STEPS_WALKED_MAX: u32 = 200;

/// Walks all steps.
///
/// # Errors
/// How the run ended, when it did not end well.
pub(crate) fn walk(walk: &mut Walk<'_>) -> Result<(), ExitStatus> {
    walk.meta()?;
    if walk.writes() {
        walk.tree = walk.hand.scan(walk.cancel).map_err(lost)?.0;
    }
    let steps = &walk.brief.blueprint.steps;
    let mut retries = vec![0u32; steps.len()];
    let mut feedback: Option<String> = None;
    let mut at = 0;
    let mut walked = 0;
    while let Some(step) = steps.get(at) {
        walked += 1;
        if walked > STEPS_WALKED_MAX {
            return Err(ExitStatus::Stuck {
                rule: "blueprint_cycle".into(),
            });
        }
        walk.begin_step(step.timeout_s);
        walk.record(&Event::Step {
            step: &step.id,
            action: kind(&step.action),
        })?;
        let ended = one(walk, step, feedback.take().as_deref());
        let word = match &ended {
            Ok(Next::Forward) => "ok".to_owned(),
            Ok(Next::Red(_)) => "red".to_owned(),
            Err(status) => status.to_string(),
        };
        walk.log.steps.push(format!(
            "{} ({}): {}",
            step.id,
            kind(&step.action),
            cut(&word, 200)
        ));
        match ended? {
            Next::Forward => at += 1,
            Next::Red(output) => {
                at = back(step, steps, at, &mut retries[at])?;
                feedback = Some(output);
            }
        }
    }
    if walk.check_green == Some(false) {
        return Err(ExitStatus::GateFailed);
    }
    Ok(())
}

enum Next {
    Forward,
    /// A command did not exit as expected; its output.
    Red(String),
}

fn kind(action: &Action) -> &'static str {
    match action {
        Action::Context => "context",
        Action::Ask { .. } => "ask",
        Action::Agent { .. } => "agent",
        Action::Run { .. } => "run",
        Action::Report => "report",
    }
}

fn one(walk: &mut Walk<'_>, step: &Step, feedback: Option<&str>) -> Result<Next, ExitStatus> {
    match &step.action {
        Action::Context => context(walk).map(|()| Next::Forward),
        Action::Ask { prompt, schema } => {
            ask(walk, &step.id, prompt, *schema).map(|()| Next::Forward)
        }
        Action::Agent {
            prompt,
            tools,
            turns_max,
            check,
        } => {
            let work = agent::Work {
                step: &step.id,
                prompt,
                tools,
                turns_max: *turns_max,
                check: check.as_deref(),
            };
            let summary = agent::work(walk, &work, feedback)?;
            walk.earlier.retain(|(id, _)| id != &step.id);
            walk.earlier.push((step.id.clone(), summary));
            Ok(Next::Forward)
        }
        Action::Run {
            command,
            expect_exit,
            ..
        } => {
            let (captured, passed) = walk.check(&step.id, command, *expect_exit)?;
            // The command may have changed the tree, formatters and generators do; what it changed is part of the work.
            if walk.writes() {
                let (tree, _) = walk.hand.scan(walk.cancel).map_err(lost)?;
                if tree != walk.tree {
                    walk.tree = tree;
                    walk.commit(&step.id)?;
                }
            }
            if passed {
                return Ok(Next::Forward);
            }
            let output = format!(
                "$ {command}\n{}\n{}",
                captured.record.exit,
                plain(&captured.combined())
            );
            Ok(Next::Red(output))
        }
        // Its content is made from the records when the run ends, so that it also tells of runs that never come here.
        Action::Report => Ok(Next::Forward),
    }
}

/// Where to go on after a red command: its retry step, as often as it may, else nowhere.
fn back(step: &Step, steps: &[Step], at: usize, retries: &mut u32) -> Result<usize, ExitStatus> {
    let (target, most) = match &step.action {
        Action::Run {
            retry, retry_max, ..
        } => (retry.as_deref(), *retry_max),
        Action::Context | Action::Ask { .. } | Action::Agent { .. } | Action::Report => (None, 0),
    };
    let earlier = target.and_then(|id| steps[..at].iter().position(|s| s.id == id));
    match earlier {
        Some(index) if *retries < most => {
            *retries += 1;
            Ok(index)
        }
        Some(_) | None => Err(ExitStatus::GateFailed),
    }
}

/// Reads what the repository says about itself. What is missing is left out; only a lost hand ends the run.
fn context(walk: &mut Walk<'_>) -> Result<(), ExitStatus> {
    let brief = walk.brief;
    let mut parts = Vec::new();
    for name in PROJECT_RULES {
        let shown = walk.hand.show(
            &brief.project.base,
            name,
            pack::RULES_BYTES_MAX,
            walk.cancel,
        );
        if let Some((Some(text), was_cut)) = soft(shown)? {
            parts.push(Part::new(
                format!("{name} of the project"),
                noted(text, was_cut),
            ));
            break;
        }
    }
    let words = format!(
        "{}\n{}\n{}",
        brief.title,
        brief.description,
        brief.acceptance.join("\n")
    );
    let Some((files, more)) = soft(walk.hand.map(&words, walk.cancel))? else {
        return Ok(());
    };
    for path in pack::named(&words, &files) {
        if let Some((text, was_cut)) =
            soft(walk.hand.head(path, pack::NAMED_BYTES_MAX, walk.cancel))?
        {
            parts.push(Part::new(path, noted(text, was_cut)));
        }
    }
    // Behind what the task names itself: where room is short, a file is worth more than a list of them.
    parts.push(Part::new("files", pack::map(&files, more, &words)));
    let readme = READMES
        .iter()
        .find(|name| files.iter().any(|file| file.path == **name));
    if let Some(name) = readme
        && let Some((text, was_cut)) =
            soft(walk.hand.head(name, pack::README_BYTES_MAX, walk.cancel))?
        && !parts.iter().any(|part| part.source == **name)
    {
        parts.push(Part::new(*name, noted(text, was_cut)));
    }
    parts.push(Part::new(
        "memory of earlier work (may be wrong)",
        pack::recalled(&brief.recalled),
    ));
    walk.pack = parts;
    Ok(())
}

fn noted(text: String, was_cut: bool) -> String {
    if was_cut {
        format!("{text}\n[cut here; read the file for the rest]")
    } else {
        text
    }
}

/// A refusal is no answer; everything else that fails ends the run.
fn soft<T>(answer: Result<T, HandError>) -> Result<Option<T>, ExitStatus> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(HandError::Refused(_)) => Ok(None),
        Err(error) => Err(lost(error)),
    }
}

/// One constrained call; one repair turn with the exact error; then the run is malformed.
fn ask(walk: &mut Walk<'_>, step: &str, prompt: &str, schema: AskSchema) -> Result<(), ExitStatus> {
    let format = plan::schema(schema);
    let mut conversation = ask_conversation(walk, step, prompt, schema, &format)?;
    for turn in 0..2 {
        let asked = walk.ask(
            step,
            turn,
            conversation.messages.clone(),
            Vec::new(),
            Some(format.clone()),
        )?;
        let (text, wrong) = match asked {
            Asked::Malformed(why) => (String::new(), why),
            Asked::Reply(reply) => match judge(walk, schema, &reply.text)? {
                Ok(answer) => {
                    let message = Message::Assistant {
                        text: reply.text,
                        calls: Vec::new(),
                    };
                    walk.say(step, &mut conversation, message)?;
                    keep(walk, step, &answer);
                    return Ok(());
                }
                Err(wrong) => (reply.text, wrong),
            },
        };
        walk.log.hard.push(format!(
            "{step}: the answer did not keep its form: {}",
            cut(&wrong, 300)
        ));
        let answer = Message::Assistant {
            text: cut(&text, 16 << 10),
            calls: Vec::new(),
        };
        walk.say(step, &mut conversation, answer)?;
        let repair = format!(
            "That cannot be used: {wrong}. Answer again. {}",
            prompt::shape(schema)
        );
        walk.say(step, &mut conversation, Message::User { text: repair })?;
        conversation
            .fit(&[], walk.prompt_budget())
            .map_err(too_long)?;
    }
    Err(ExitStatus::Format)
}

/// Reads an answer. A finding about a file or line that does not exist makes a review unusable.
fn judge(
    walk: &mut Walk<'_>,
    schema: AskSchema,
    text: &str,
) -> Result<Result<Answer, String>, ExitStatus> {
    let answer = match plan::parse(schema, text) {
        Ok(answer) => answer,
        Err(wrong) => return Ok(Err(wrong)),
    };
    if let Answer::Review(review) = &answer
        && let Some(wrong) = uncited(walk, review)?
    {
        return Ok(Err(wrong));
    }
    Ok(Ok(answer))
}

fn uncited(walk: &mut Walk<'_>, review: &Review) -> Result<Option<String>, ExitStatus> {
    for finding in &review.findings {
        let Some(path) = finding.path.as_deref() else {
            continue;
        };
        let shown = head(path, 200);
        let Some((lines, _)) = soft(walk.hand.stat(path, walk.cancel))? else {
            return Ok(Some(format!(
                "the finding \"{}\" names {shown}, which does not exist",
                head(&finding.title, 100)
            )));
        };
        if let (Some(line), Some(lines)) = (finding.line, lines)
            && (line == 0 || u64::from(line) > lines)
        {
            return Ok(Some(format!(
                "a finding names line {line} of {shown}, which has {lines} lines"
            )));
        }
    }
    Ok(None)
}

fn keep(walk: &mut Walk<'_>, step: &str, answer: &Answer) {
    let json = answer.to_json();
    walk.earlier.retain(|(id, _)| id != step);
    walk.earlier.push((step.to_owned(), json.to_string()));
    match answer {
        Answer::Plan(_) => walk.work_plan = Some(json),
        Answer::Review(review) => {
            walk.summarise(&review.summary);
            walk.answer = Some(json);
        }
    }
}

fn ask_conversation(
    walk: &mut Walk<'_>,
    step: &str,
    prompt: &str,
    schema: AskSchema,
    format: &serde_json::Value,
) -> Result<Conversation, ExitStatus> {
    let prompt = format!("{}\n{}", prompt.trim(), prompt::shape(schema));
    let schema_bytes = format.to_string().len();
    let conversation = opening(
        walk,
        &prompt,
        false,
        pack::PACK_BYTES_MAX,
        schema_bytes,
        None,
    );
    announce(walk, step, &conversation)?;
    let mut conversation = conversation;
    conversation
        .fit(&[], walk.prompt_budget())
        .map_err(too_long)?;
    Ok(conversation)
}

/// The first two messages of a step, with as much of the context pack as fits beside everything else.
pub(crate) fn opening(
    walk: &Walk<'_>,
    prompt: &str,
    agent: bool,
    pack_bytes_max: usize,
    tools_bytes: usize,
    feedback: Option<&str>,
) -> Conversation {
    let system = prompt::system(walk.brief, agent);
    let task = prompt::task(walk.brief, &walk.scope);
    let bare = prompt::user(&task, "", &walk.earlier, prompt, feedback);
    let room =
        bytes_in(walk.prompt_budget()).saturating_sub(system.len() + bare.len() + tools_bytes);
    // Half of what is left, so that there is something to work in.
    let pack = pack::render(&walk.pack, pack_bytes_max.min(room / 2));
    let user = prompt::user(&task, &pack, &walk.earlier, prompt, feedback);
    Conversation::new(system, user)
}

/// Writes the first messages of a conversation to the trajectory.
pub(crate) fn announce(
    walk: &mut Walk<'_>,
    step: &str,
    conversation: &Conversation,
) -> Result<(), ExitStatus> {
    for message in &conversation.messages {
        walk.record(&Event::Message { step, message })?;
    }
    Ok(())
}

pub(crate) fn too_long(_: TooLong) -> ExitStatus {
    ExitStatus::ContextTruncated
}
