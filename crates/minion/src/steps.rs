//! Walks the blueprint: what each kind of step does. In which order, the course says.

mod course;
mod gate;
mod gates;
mod human;
mod scaffold;

use alai_core::blueprint::{Action, AskSchema, PROMPT_BYTES_MAX, Status, Step, Template};
use alai_core::review::Review;
use alai_fleet::Message;
use serde_json::{Map, Value};

use crate::agent;
use crate::conversation::{Conversation, TooLong, bytes_in};
use crate::engine;
use crate::hand::HandError;
use crate::pack::{self, Part};
use crate::plan::{self, Answer};
use crate::prompt::{self, Voice};
use crate::recorder::Event;
use crate::report::ExitStatus;
use crate::text::{cut, head, plain};
use crate::walk::{Asked, Walk, lost};

const READMES: [&str; 3] = ["README.md", "README", "README.rst"];

pub(crate) use course::Course;

/// Walks all steps.
///
/// # Errors
/// How the run ended, when it did not end well.
pub(crate) fn walk(walk: &mut Walk<'_>) -> Result<(), ExitStatus> {
    walk.meta()?;
    if walk.writes() {
        walk.tree = walk.hand.scan(walk.cancel).map_err(lost)?.0;
    }
    course::follow(walk)?;
    if walk.check_green == Some(false) {
        return Err(ExitStatus::GateFailed);
    }
    Ok(())
}

enum Next {
    /// With what the step hands over.
    Forward(Map<String, Value>),
    /// A command or a check was not as expected; its output.
    Red(String),
    /// On at the step with this id.
    Goto(String),
}

fn one(walk: &mut Walk<'_>, step: &Step, visit: u32) -> Result<Next, ExitStatus> {
    match &step.action {
        Action::Context => context(walk).map(|()| Next::Forward(Map::new())),
        Action::Ask { prompt, schema } => {
            let prompt = worded(walk, step, prompt)?;
            answer(walk, &step.id, &prompt, *schema).map(|()| Next::Forward(Map::new()))
        }
        Action::Agent {
            prompt,
            tools,
            turns_max,
            check,
            outputs,
            role: _,
            limits: _,
        } => {
            let prompt = &worded(walk, step, prompt)?;
            let work = agent::Work {
                step: &step.id,
                prompt,
                tools,
                // What has not come to its end by then does not (the model's profile says why); an agent of others has none.
                turns_max: (*turns_max).min(walk.turns_of_model()),
                check: check.as_deref(),
                outputs,
            };
            let feedback = walk.course.feedback.take();
            let handed = match walk.program {
                None => agent::work(walk, &work, feedback.as_deref())?,
                Some(program) => engine::work(walk, program, &work, feedback.as_deref())?,
            };
            walk.has_not_strayed(&step.id)?;
            let outputs = handed.outputs.clone();
            walk.remember(&step.id, &result(handed));
            Ok(Next::Forward(outputs))
        }
        Action::Run {
            command,
            expect_exit,
        } => {
            let (captured, passed) = walk.check(&step.id, command, *expect_exit)?;
            kept(walk, &step.id)?;
            if passed {
                return Ok(Next::Forward(Map::new()));
            }
            let output = format!(
                "$ {command}\n{}\n{}",
                captured.record.exit,
                plain(&captured.combined())
            );
            Ok(Next::Red(output))
        }
        Action::Scaffold {
            files,
            patch,
            overwrite,
        } => scaffold::scaffold(walk, step, files, patch.as_deref(), *overwrite),
        Action::Gate { checks } => gate::gate(walk, step, checks),
        Action::Branch { goto, .. } => {
            let detail = format!("on to `{goto}`");
            course::outcome(walk, step, Status::Ok, &detail)?;
            Ok(Next::Goto(goto.clone()))
        }
        Action::Human {
            question,
            options,
            deadline_s,
            wants,
        } => {
            let asking = human::Asking {
                question,
                options,
                deadline_s: *deadline_s,
                wants: wants.as_deref(),
            };
            human::human(walk, step, visit, &asking)
        }
        // Its content is made from the records when the run ends, so that it also tells of runs that never come here.
        Action::Report => Ok(Next::Forward(Map::new())),
    }
}

/// A prompt with what is known by now. What a model or a person said stands between the marks of data.
fn worded(walk: &Walk<'_>, step: &Step, prompt: &Template) -> Result<String, ExitStatus> {
    let results = &walk.course.results;
    let worded = prompt.fenced(results, PROMPT_BYTES_MAX, |said, value| {
        format!("\n{}", pack::data(said, value))
    });
    worded.map_err(|why| ExitStatus::Blueprint {
        detail: format!("step `{}`: {why}", step.id),
    })
}

/// What a command or a scaffold changed in the tree is part of the work: formatters and generators do.
pub(crate) fn kept(walk: &mut Walk<'_>, step: &str) -> Result<(), ExitStatus> {
    if !walk.writes() {
        return Ok(());
    }
    walk.land(step)?;
    let (tree, _) = walk.hand.scan(walk.cancel).map_err(lost)?;
    if tree == walk.tree {
        return Ok(());
    }
    walk.tree = tree;
    // What an agent's check said was of another tree.
    walk.check_green = None;
    walk.commit(step)
}

/// What the steps after an agent's see of it. Its context ends with it, so that theirs stay short.
fn result(handed: agent::Handed) -> serde_json::Value {
    let mut result = serde_json::json!({"status": "done", "summary": handed.summary});
    if !handed.outputs.is_empty() {
        result["outputs"] = handed.outputs.into();
    }
    result
}

/// Reads what the repository says about itself. What is missing is left out; only a lost hand ends the run.
fn context(walk: &mut Walk<'_>) -> Result<(), ExitStatus> {
    let brief = walk.brief;
    let mut parts = Vec::new();
    if let Some(rules) = &brief.project.rules {
        let shown = head(&rules.text, pack::RULES_BYTES_MAX);
        parts.push(Part::new(
            format!("{} of the project", rules.file),
            noted(shown.to_owned(), shown.len() < rules.text.len()),
        ));
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

fn answer(
    walk: &mut Walk<'_>,
    step: &str,
    prompt: &str,
    schema: AskSchema,
) -> Result<(), ExitStatus> {
    match walk.program {
        None => ask(walk, step, prompt, schema),
        Some(program) => engine::ask(walk, program, step, prompt, schema),
    }
}

/// One constrained call; one repair turn with the exact error; then the run is malformed.
fn ask(walk: &mut Walk<'_>, step: &str, prompt: &str, schema: AskSchema) -> Result<(), ExitStatus> {
    let format = plan::schema(schema, walk.criteria());
    let mut conversation = ask_conversation(walk, step, prompt, schema, &format)?;
    let mut last = String::new();
    for turn in 0..2 {
        walk.hear(step, &mut conversation)?;
        conversation
            .fit(&[], walk.prompt_budget())
            .map_err(too_long)?;
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
        walk.malformed += 1;
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
            prompt::shape(schema, walk.criteria())
        );
        walk.say(step, &mut conversation, Message::User { text: repair })?;
        last = wrong;
    }
    Err(walk.unread(step, &last))
}

/// Reads an answer. A finding about a file or line that does not exist makes a review unusable.
pub(crate) fn judge(
    walk: &mut Walk<'_>,
    schema: AskSchema,
    text: &str,
) -> Result<Result<Answer, String>, ExitStatus> {
    let answer = match plan::parse(schema, text, walk.criteria()) {
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
        let who = format!("the finding \"{}\"", head(&finding.title, 100));
        if let Some(wrong) = nowhere(walk, &who, path, finding.line)? {
            return Ok(Some(wrong));
        }
    }
    let asked = 1..=walk.criteria();
    let answers = review.criteria.iter();
    for answer in answers.filter(|answer| answer.met && asked.contains(&(answer.n as usize))) {
        let Some(path) = answer.path.as_deref() else {
            continue;
        };
        let who = format!("the answer about criterion {}", answer.n);
        if let Some(wrong) = nowhere(walk, &who, path, answer.line)? {
            return Ok(Some(wrong));
        }
    }
    Ok(None)
}

fn nowhere(
    walk: &mut Walk<'_>,
    who: &str,
    path: &str,
    line: Option<u32>,
) -> Result<Option<String>, ExitStatus> {
    let shown = head(path, 200);
    let Some((lines, _)) = soft(walk.hand.stat(path, walk.cancel))? else {
        return Ok(Some(format!("{who} names {shown}, which does not exist")));
    };
    Ok(match (line, lines) {
        (Some(line), Some(lines)) if line == 0 || u64::from(line) > lines => Some(format!(
            "{who} names line {line} of {shown}, which has {lines} lines"
        )),
        _ => None,
    })
}

pub(crate) fn keep(walk: &mut Walk<'_>, step: &str, answer: &Answer) {
    let json = answer.to_json();
    walk.remember(step, &json);
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
    let shape = prompt::shape(schema, walk.criteria());
    let prompt = format!("{}\n{shape}", prompt.trim());
    let schema_bytes = format.to_string().len();
    let conversation = opening(
        walk,
        &prompt,
        Voice::Ask,
        pack::PACK_BYTES_MAX,
        schema_bytes,
        None,
    );
    announce(walk, step, &conversation)?;
    Ok(conversation)
}

/// The first two messages of a step, with as much of the context pack as fits beside everything else.
pub(crate) fn opening(
    walk: &Walk<'_>,
    prompt: &str,
    voice: Voice,
    pack_bytes_max: usize,
    tools_bytes: usize,
    feedback: Option<&str>,
) -> Conversation {
    let role = walk.rules();
    let system = prompt::system(walk.brief, walk.role_prompt(), role, voice);
    let task = prompt::task(walk.brief, role, &walk.scope);
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
