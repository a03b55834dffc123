//! `alai minion log`: what an agent was told, said and did, line by line; with `-f` until its run has ended.

use std::time::Duration;

use alai_factory::{Home, Life, Saying};
use alai_minion::trajectory::{Entry, Message, Tail, Told, Trajectory};
use alai_mission::RunRow;

use crate::commands::console::screen;
use crate::error::{CliError, Kind};
use crate::{door, show};

/// How often a file that grows is looked at.
const POLL: Duration = Duration::from_millis(150);
/// Looks between two questions whether anybody still works on the run.
const LOOKS: u32 = 14;
/// Characters and lines of one text; the file has all of it.
const CHARS_MAX: usize = 2_000;
const LINES_MAX: usize = 20;
/// Columns before a text.
const INDENT: usize = 11;

pub(super) fn log(home: &Home, run: &str, follow: bool, json: bool) -> Result<(), CliError> {
    let mut run = super::find(home, run)?;
    let reader = door::reader(home)?;
    let path = super::trajectory(home, &run);
    let mut printer = Printer {
        json,
        began_ms: None,
        redraws: follow && !json && screen::redraws(),
        drawn: None,
    };
    let mut tail = Tail::of(&path);
    let look = |tail: &mut Tail| {
        tail.more().map_err(|e| {
            CliError::new(Kind::Failed, format!("cannot read {}: {e}", path.display()))
        })
    };
    let mut looks = 0;
    loop {
        // The row first: what is written after it is read once more.
        run = reader.run(&run.id)?.unwrap_or(run);
        let ended = run.ended_ms.is_some();
        let more = look(&mut tail)?;
        let all = more.entries.is_empty() && more.unreadable == 0;
        printer.print(&more)?;
        if !all {
            continue;
        }
        printer.draw(Saying::of(home, &run.id).filter(|_| !ended));
        if ended || !follow {
            return printer.end(&tail, &run, follow);
        }
        looks += 1;
        if looks % LOOKS == 0 && matches!(door::life(home), Life::Down) {
            printer.draw(None);
            let message = format!("nobody works on run {} any more; nothing is lost", run.id);
            return Err(CliError::new(Kind::Unreachable, message)
                .hinted("`alai up` goes on where it stopped"));
        }
        std::thread::sleep(POLL);
    }
}

struct Printer {
    json: bool,
    began_ms: Option<i64>,
    /// Under the last line stands what the model says now.
    redraws: bool,
    drawn: Option<Saying>,
}

impl Printer {
    /// Shows what the model says while its answer is on its way; where the cursor cannot be moved it is not shown.
    fn draw(&mut self, saying: Option<Saying>) {
        if !self.redraws || saying == self.drawn {
            return;
        }
        match &saying {
            Some(now) => {
                let room =
                    screen::columns().map_or(usize::MAX, |all| all.saturating_sub(INDENT + 1));
                let line = super::saying(now, room);
                screen::draw_line(&format!("{:INDENT$}{line}", ""));
            }
            None => screen::leave_line(),
        }
        self.drawn = saying;
    }

    fn print(&mut self, more: &Trajectory) -> Result<(), CliError> {
        if !more.entries.is_empty() || more.unreadable > 0 {
            self.draw(None);
        }
        for entry in &more.entries {
            let began_ms = *self.began_ms.get_or_insert(entry.t_ms);
            if self.json {
                let fields: serde_json::Value = serde_json::from_str(&entry.line)
                    .map_err(|e| CliError::new(Kind::Failed, e))?;
                show::json(&fields)?;
            } else if let Some(text) = sentence(entry) {
                let text = show::clean(&text).replace('\n', "\n           ");
                show::line(format!("{} {text}", offset(entry.t_ms - began_ms)));
            }
        }
        if more.unreadable > 0 {
            show::message(&format!("{} lines are no events", more.unreadable));
        }
        Ok(())
    }

    fn end(&self, tail: &Tail, run: &RunRow, follow: bool) -> Result<(), CliError> {
        if self.began_ms.is_none() {
            let message = format!(
                "run {} has no log: no agent has begun in it, or it is removed by age",
                run.id
            );
            return Err(CliError::new(Kind::NotFound, message)
                .hinted(format!("`alai minion show {}` says how it stands", run.id)));
        }
        if tail.cut() && run.ended_ms.is_some() {
            show::message("the last line was never ended: the run was killed while it wrote it");
        }
        if follow {
            let outcome = run.outcome.as_deref().unwrap_or_default();
            show::message(&format!(
                "run {} has {}: {outcome}",
                run.id,
                run.state.as_str()
            ));
        }
        Ok(())
    }
}

/// Seconds since the first line.
fn offset(ms: i64) -> String {
    let ms = ms.max(0);
    format!("{:>6}.{}s ", ms / 1000, ms % 1000 / 100)
}

/// What a program of others does for the run, for a person.
fn foreign(told: &Told) -> Option<String> {
    if let Told::Launched {
        engine, version, ..
    } = told
    {
        return Some(format!("starts {} {version}", engine.as_str()));
    }
    if let Told::Heard {
        what, name, text, ..
    } = told
    {
        return Some(format!("{what} {}", short(&format!("{name} {text}"))));
    }
    let Told::Session { session } = told else {
        return None;
    };
    let cost = session.cost_microusd.map(alai_core::money::dollars);
    let cost = cost.unwrap_or_else(|| "an unknown cost".to_owned());
    let word = session.cost_word.map_or("", alai_core::money::Word::as_str);
    let (engine, outcome) = (session.engine.as_str(), session.outcome.as_str());
    let turns = session.turns;
    Some(format!(
        "{engine} ended: {outcome}, {turns} turns, {cost} {word}"
    ))
}

/// One event for a person; none for what only a machine reads.
fn sentence(entry: &Entry) -> Option<String> {
    let text = match &entry.told {
        Told::Meta {
            run,
            task,
            title,
            model,
            company,
            blueprint,
            sandbox,
            ..
        } => format!(
            "run {run} of #{task}: {title} ({model}, {company}, {blueprint}{})",
            show::sandbox(*sandbox, ", ", "")
        ),
        Told::Step { step, action, .. } => format!("== {step} ({action})"),
        Told::Message { message, .. } => said(message)?,
        Told::Request { turn, .. } => format!("asks, turn {}", turn + 1),
        Told::Reply {
            usage,
            latency_ms,
            refused,
            ..
        } => {
            let refused = refused.as_ref().map(|why| format!("; not taken: {why}"));
            format!(
                "answered in {:.1} s, {} + {} tokens{}",
                seconds(*latency_ms),
                usage.prompt_tokens,
                usage.output_tokens,
                refused.unwrap_or_default()
            )
        }
        Told::Call {
            name, arguments, ..
        } => {
            let shown = arguments.iter().map(|(name, value)| {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                format!(" {name}={}", short(&value))
            });
            format!("> {name}{}", shown.collect::<String>())
        }
        Told::Result { error, text, .. } => {
            let mark = if *error { "! " } else { "< " };
            format!("{mark}{}", short(text.trim_end()))
        }
        Told::Command { record, log, .. } => {
            let command = short(record.argv.last().map_or("", String::as_str));
            let log = log.as_ref().map(|log| format!(", output in {log}"));
            let took = seconds(record.duration_ms);
            format!(
                "$ {command}: {}, {took:.1} s{}",
                record.exit,
                log.unwrap_or_default()
            )
        }
        Told::Check { passed, record, .. } => {
            let word = if *passed { "passed" } else { "FAILED" };
            let command = record.argv.last().map_or("", String::as_str);
            format!("check {word}: {}", short(command))
        }
        Told::Failed { class, message, .. } => {
            format!("no answer ({class}): {}", short(message))
        }
        Told::Guard { advice, .. } => format!("guard: {}", short(advice)),
        Told::Outcome {
            step,
            action,
            status,
            detail,
        } => format!("{step} ({action}) {status}: {}", short(detail)),
        Told::Skill { name, from, .. } => format!("loaded {name} of {from}"),
        Told::Server {
            server,
            what,
            tool,
            detail,
            error,
            ..
        } => {
            let tool = tool.as_deref().unwrap_or_default();
            let word = if *error { " FAILED" } else { "" };
            format!("server {server} {what} {tool}{word}: {}", short(detail))
        }
        Told::Note { kind, text, .. } => format!("notes a {kind}: {}", short(text)),
        Told::Word { by, text, .. } => format!("{by} says: {}", short(text)),
        Told::Launched { .. } | Told::Heard { .. } | Told::Session { .. } => foreign(&entry.told)?,
        Told::Exit {
            status,
            detail,
            turns,
            head,
            ..
        } => {
            let detail = match detail.as_str() {
                "" => String::new(),
                detail => format!(": {}", short(detail)),
            };
            let head = head.as_deref().unwrap_or("nothing committed");
            format!("exit {status}{detail}, {turns} turns, {head}")
        }
        Told::Pruned { .. } | Told::Frame { .. } => return None,
        Told::Other { kind, .. } => format!("{kind} (an event that this alai does not know)"),
    };
    Some(text)
}

/// What an assistant says; what it is told is long and the same in every run, so only its beginning.
fn said(message: &Message) -> Option<String> {
    let told = |who: &str, text: &str| {
        let first = text.lines().next().unwrap_or_default();
        Some(format!("{who} ({} bytes): {}", text.len(), short(first)))
    };
    match message {
        Message::System { text } => told("system", text),
        Message::User { text } => told("told", text),
        Message::Assistant { text, .. } if text.trim().is_empty() => None,
        Message::Assistant { text, .. } => Some(format!("says: {}", short(text.trim()))),
        Message::Tool { .. } => None,
    }
}

fn short(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let more = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    let mut out: String = lines.join("\n");
    if let Some((at, _)) = out.char_indices().nth(CHARS_MAX) {
        out.truncate(at);
        out.push('…');
    }
    if more > 0 {
        out.push_str(&format!("\n… {more} more lines"));
    }
    out
}

#[expect(clippy::cast_precision_loss, reason = "for a screen")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_stand_in_a_column() {
        assert_eq!(offset(0), "     0.0s ");
        assert_eq!(offset(61_250), "    61.2s ");
        assert_eq!(offset(-5), "     0.0s ");
    }

    #[test]
    fn long_texts_are_cut_by_lines_and_by_characters() {
        let lines: String = (0..30).map(|n| format!("{n}\n")).collect();
        assert!(short(&lines).ends_with("19\n… 10 more lines"));
        assert_eq!(short(&"ä".repeat(3_000)).chars().count(), CHARS_MAX + 1);
    }
}
