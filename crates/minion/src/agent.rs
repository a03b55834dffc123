//! The tool loop of one agent step: ask, do what is called, say what came of it, until the agent claims to be done or a
//! limit or a guard ends it.

use alai_core::blueprint::ToolName;
use alai_core::record::Captured;
use alai_fleet::{ChatReply, Finish, Message, ToolCall, ToolSpec};

use crate::conversation::Conversation;
use crate::guard::{Advice, Guard, Kind, Monologue, Seen};
use crate::hand::{HandError, READ_LINES_MAX, RefusalKind};
use crate::pack::AGENT_PACK_BYTES_MAX;
use crate::patch::{self, Change};
use crate::progress::{calm, hash, test_state};
use crate::recorder::Event;
use crate::report::ExitStatus;
use crate::scope::clean;
use crate::steps::{announce, opening, too_long};
use crate::text::{cut, cut_front, plain};
use crate::tools::{self, Call, Claim};
use crate::walk::{Asked, Walk, lost};

/// Calls of one answer that are executed; a model that makes more does not look at results.
const CALLS_PER_TURN_MAX: usize = 16;
/// Writes outside the allowed paths: told twice, the third ends the run.
const SCOPE_VIOLATIONS_MAX: u32 = 3;
/// Bytes of a red check's output that go back.
const CHECK_BYTES_MAX: usize = 4 << 10;
/// The agent is told how many turns are left when it is this many.
const LAST_TURNS: u32 = 3;
/// Tokens kept free for that hint.
const HINT_TOKENS: usize = 60;
/// Lines kept for the GOTCHA's account of what was hard.
const HARD_MAX: usize = 40;

/// An agent step of the blueprint.
pub(crate) struct Work<'s> {
    pub(crate) step: &'s str,
    pub(crate) prompt: &'s str,
    pub(crate) tools: &'s [ToolName],
    pub(crate) turns_max: u32,
    pub(crate) check: Option<&'s str>,
}

/// Works through one step; gives the agent's summary.
///
/// # Errors
/// How the run ended, when the agent did not come to claim that it is done.
pub(crate) fn work(
    walk: &mut Walk<'_>,
    work: &Work<'_>,
    feedback: Option<&str>,
) -> Result<String, ExitStatus> {
    let tools = tools::allowed(walk.brief.role, work.tools);
    let specs = tools::specs(&tools, walk.edit_format());
    let specs_bytes = serde_json::to_string(&specs).map_or(0, |json| json.len());
    let prompt = match work.check {
        Some(check) => format!(
            "{}\nAfter your changes `{}` runs by itself and you see its result.",
            work.prompt.trim(),
            cut(check, 300)
        ),
        None => work.prompt.to_owned(),
    };
    let conversation = opening(
        walk,
        &prompt,
        true,
        AGENT_PACK_BYTES_MAX,
        specs_bytes,
        feedback,
    );
    announce(walk, work.step, &conversation)?;
    let mut guard = Guard::new(walk.writes());
    guard.known_state(hash(("tree", &walk.tree)));
    if work.check.is_some() {
        walk.check_green = None;
    }
    let first_tree = walk.tree.clone();
    let mut sitting = Sitting {
        walk,
        work,
        tools,
        specs,
        conversation,
        guard,
        first_tree,
        touched: false,
        refused: false,
    };
    for turn in 0..work.turns_max {
        if let Some(summary) = sitting.turn(turn)? {
            return Ok(summary);
        }
    }
    Err(ExitStatus::StepLimit)
}

struct Sitting<'s, 'w> {
    walk: &'s mut Walk<'w>,
    work: &'s Work<'s>,
    tools: Vec<ToolName>,
    specs: Vec<ToolSpec>,
    conversation: Conversation,
    guard: Guard,
    /// The tree when the step began.
    first_tree: String,
    /// A call may have changed the tree since the last look.
    touched: bool,
    /// `done` was refused once already.
    refused: bool,
}

/// What a call came to.
struct Acted {
    text: String,
    error: bool,
    kind: Kind,
}

impl Acted {
    fn fine(text: String, kind: Kind) -> Acted {
        Acted {
            text,
            error: false,
            kind,
        }
    }

    fn wrong(text: String, kind: Kind) -> Acted {
        Acted {
            text,
            error: true,
            kind,
        }
    }
}

impl Sitting<'_, '_> {
    /// One model call and what follows from it; the summary when the step is over.
    fn turn(&mut self, turn: u32) -> Result<Option<String>, ExitStatus> {
        let budget = self.walk.prompt_budget().saturating_sub(HINT_TOKENS);
        self.conversation
            .fit(&self.specs, budget)
            .map_err(too_long)?;
        let mut messages = self.conversation.messages.clone();
        messages.extend(self.hint(turn).map(|text| Message::User { text }));
        let asked = self
            .walk
            .ask(self.work.step, turn, messages, self.specs.clone(), None)?;
        let ended = match asked {
            Asked::Malformed(why) => {
                self.unreadable(format!(
                    "Your last answer could not be read: {}. Answer with one tool call.",
                    cut(&why, 500)
                ))?;
                None
            }
            Asked::Reply(reply) => self.reply(*reply)?,
        };
        if ended.is_none() {
            let advice = self.guard.turn();
            self.heed(advice)?;
        }
        Ok(ended)
    }

    /// Goes to the end of the request and is not kept: what comes before it stays the same from turn to turn.
    fn hint(&self, turn: u32) -> Option<String> {
        let run_left = self
            .walk
            .brief
            .limits
            .turns_max
            .saturating_sub(self.walk.turns);
        let left = self.work.turns_max.saturating_sub(turn).min(run_left);
        (left <= LAST_TURNS)
            .then(|| format!("[{left} turns left in this step: finish, then call `done`.]"))
    }

    fn reply(&mut self, reply: ChatReply) -> Result<Option<String>, ExitStatus> {
        let step = self.work.step;
        let text_only = Message::Assistant {
            text: reply.text.clone(),
            calls: Vec::new(),
        };
        self.walk.record(&Event::Message {
            step,
            message: &text_only,
        })?;
        let cut_off = reply.finish == Finish::Length;
        if cut_off && !reply.calls.is_empty() {
            // The last call is incomplete, and the ones before it were made for one that is not there.
            let names: Vec<&str> = reply.calls.iter().map(|call| call.name.as_str()).collect();
            self.conversation.messages.push(text_only);
            self.unreadable(format!(
                "Your answer was cut off at its length limit, so nothing of it was executed ({}). Write less at a time: one \
                 call, smaller edits, a file in several parts.",
                cut(&names.join(", "), 200)
            ))?;
            return Ok(None);
        }
        if let Some(why) = reply.refused.filter(|_| reply.calls.is_empty()) {
            self.conversation.messages.push(text_only);
            self.unreadable(format!(
                "Your call was not executed: {}. Make one call in the right form.",
                cut(&why, 500)
            ))?;
            return Ok(None);
        }
        if reply.calls.is_empty() {
            let kind = if reply.text.trim().is_empty() {
                Monologue::Empty
            } else {
                Monologue::Content
            };
            self.conversation.messages.push(text_only);
            let advice = self.guard.monologue(kind);
            self.heed(advice)?;
            return Ok(None);
        }
        self.conversation.messages.push(Message::Assistant {
            text: reply.text,
            calls: reply.calls.clone(),
        });
        self.calls(&reply.calls)
    }

    /// A turn of which nothing could be executed.
    fn unreadable(&mut self, told: String) -> Result<(), ExitStatus> {
        self.hard(&told);
        let step = self.work.step;
        self.walk
            .say(step, &mut self.conversation, Message::User { text: told })?;
        let advice = self.guard.malformed();
        self.heed(advice)
    }

    /// Does the calls of one answer in their order.
    fn calls(&mut self, calls: &[ToolCall]) -> Result<Option<String>, ExitStatus> {
        let mut results: Vec<(&ToolCall, Acted)> = Vec::new();
        let mut advice: Vec<Advice> = Vec::new();
        let mut readable = false;
        let mut ended = None;
        for (index, call) in calls.iter().enumerate() {
            self.walk.record(&Event::Call {
                step: self.work.step,
                id: &call.id,
                name: &call.name,
                arguments: &call.arguments,
            })?;
            if index >= CALLS_PER_TURN_MAX || ended.is_some() {
                results.push((call, Acted::wrong("Not executed.".into(), Kind::Other)));
                continue;
            }
            let acted = match tools::parse(call, &self.tools, self.walk.edit_format()) {
                Err(wrong) => {
                    self.hard(&wrong);
                    results.push((call, Acted::wrong(wrong, Kind::Other)));
                    continue;
                }
                Ok(Call::Done { claim, summary }) => {
                    readable = true;
                    match self.claim(claim, &summary)? {
                        Ok(()) => {
                            ended = Some(summary);
                            Acted::fine("Accepted as a claim.".into(), Kind::Other)
                        }
                        Err(not_yet) => Acted::wrong(not_yet, Kind::Other),
                    }
                }
                Ok(act) => {
                    readable = true;
                    self.act(act)?
                }
            };
            advice.push(self.see(call, &acted));
            results.push((call, acted));
        }
        if ended.is_none()
            && let Some(settled) = self.settle()?
            && let Some((_, last)) = results.last_mut()
        {
            last.text.push_str(&settled);
        }
        self.answer(results)?;
        if !readable {
            advice.push(self.guard.malformed());
        }
        self.heed(merged(advice))?;
        Ok(ended.map(|summary| {
            self.walk.summarise(&summary);
            self.walk.summary.clone()
        }))
    }

    /// Puts the results where the model and the trajectory see them.
    fn answer(&mut self, results: Vec<(&ToolCall, Acted)>) -> Result<(), ExitStatus> {
        for (call, acted) in results {
            let tally = tools::tally(&call.name);
            let (all, failed) = self.walk.log.tools.entry(tally).or_default();
            *all += 1;
            *failed += u32::from(acted.error);
            let event = Event::Result {
                step: self.work.step,
                id: &call.id,
                error: acted.error,
                text: &acted.text,
            };
            self.walk.record(&event)?;
            let message = Message::Tool {
                call_id: call.id.clone(),
                name: call.name.clone(),
                text: acted.text,
            };
            self.conversation.messages.push(message);
        }
        Ok(())
    }

    fn see(&mut self, call: &ToolCall, acted: &Acted) -> Advice {
        let arguments = serde_json::to_string(&call.arguments).unwrap_or_default();
        self.guard.call(Seen {
            call: hash((&call.name, arguments)),
            result: hash(calm(&acted.text)),
            kind: acted.kind,
            error: acted.error.then_some(acted.text.as_str()),
        })
    }

    /// Follows the guard's advice: nothing, a message at the end, or the end.
    fn heed(&mut self, advice: Advice) -> Result<(), ExitStatus> {
        let step = self.work.step;
        match advice {
            Advice::GoOn => Ok(()),
            Advice::Nudge(text) => {
                self.walk.record(&Event::Guard {
                    step,
                    advice: &text,
                })?;
                self.hard(&text);
                self.walk
                    .say(step, &mut self.conversation, Message::User { text })
            }
            Advice::Stop(rule) => {
                self.walk.record(&Event::Guard { step, advice: rule })?;
                Err(ExitStatus::Stuck {
                    rule: rule.to_owned(),
                })
            }
            Advice::Malformed => {
                self.walk.record(&Event::Guard {
                    step,
                    advice: "malformed three turns in a row",
                })?;
                Err(ExitStatus::Format)
            }
        }
    }

    fn hard(&mut self, what: &str) {
        if self.walk.log.hard.len() < HARD_MAX {
            let line = format!(
                "{}: {}",
                self.work.step,
                cut(what.lines().next().unwrap_or(""), 300)
            );
            self.walk.log.hard.push(line);
        }
    }

    /// Executes everything but `done`.
    fn act(&mut self, call: Call) -> Result<Acted, ExitStatus> {
        let cancel = self.walk.cancel;
        match call {
            Call::Read {
                path,
                offset,
                limit,
            } => {
                let limit = Some(limit.unwrap_or(READ_LINES_MAX));
                let read = self.walk.hand.read(&path, offset, limit, cancel);
                let acted = told(read, Kind::Read)?;
                if !acted.error {
                    self.walk.known.insert(clean(&path));
                }
                Ok(acted)
            }
            Call::Search {
                pattern,
                path,
                glob,
            } => told(
                self.walk
                    .hand
                    .search(&pattern, path.as_deref(), glob.as_deref(), cancel),
                Kind::Read,
            ),
            Call::Edit {
                path,
                old,
                new,
                all,
            } => self.change(&path, new.len(), |walk| {
                walk.hand.edit(&path, &old, &new, all, walk.cancel)
            }),
            Call::Write { path, content } => {
                let replace = self.walk.known.contains(&clean(&path));
                self.change(&path, content.len(), |walk| {
                    walk.hand.write(&path, &content, replace, walk.cancel)
                })
            }
            Call::Patch { changes } => self.patch(&changes),
            Call::Run { command, timeout_s } => {
                let captured = self.walk.command(&command, timeout_s)?;
                self.touched = true;
                Ok(Acted::fine(shown(&captured), Kind::Other))
            }
            Call::Done { .. } => Ok(Acted::fine(String::new(), Kind::Other)),
        }
    }

    /// File after file, until one is refused: what was done before it stays and is said.
    fn patch(&mut self, changes: &[Change]) -> Result<Acted, ExitStatus> {
        let mut paths = changes.iter().flat_map(Change::paths);
        if let Some(outside) = paths.find(|path| !self.walk.scope.allows(path)) {
            return self.violation(outside);
        }
        // A change that is refused may have been done in part.
        self.touched = true;
        let mut notes: Vec<String> = Vec::new();
        for change in changes {
            let path = change.paths()[0].to_owned();
            let acted = self.change(&path, change.bytes(), |walk| patch::act(walk, change))?;
            if acted.error {
                let before = match notes.is_empty() {
                    true => String::new(),
                    false => format!("\nDone, do not send it again: {}.", notes.join("; ")),
                };
                return Ok(Acted::wrong(format!("{}{before}", acted.text), acted.kind));
            }
            notes.push(acted.text);
        }
        Ok(Acted::fine(notes.join("\n"), Kind::Write))
    }

    /// An edit or a write: within the scope and the byte limit, else told or ended.
    fn change(
        &mut self,
        path: &str,
        bytes: usize,
        act: impl FnOnce(&mut Walk<'_>) -> Result<(String, u64), HandError>,
    ) -> Result<Acted, ExitStatus> {
        if !self.walk.scope.allows(path) {
            return self.violation(path);
        }
        if self.walk.bytes_written.saturating_add(bytes as u64)
            > self.walk.brief.limits.bytes_written_max
        {
            return Err(ExitStatus::Stuck {
                rule: "bytes_written".into(),
            });
        }
        match act(self.walk) {
            Ok((note, written)) => {
                self.walk.bytes_written = self.walk.bytes_written.saturating_add(written);
                self.walk.known.insert(clean(path));
                self.touched = true;
                Ok(Acted::fine(note, Kind::Write))
            }
            Err(HandError::Refused(refusal)) if refusal.kind == RefusalKind::Outside => {
                self.violation(path)
            }
            Err(HandError::Refused(refusal)) => Ok(Acted::wrong(refusal.message, Kind::Other)),
            Err(error) => Err(lost(error)),
        }
    }

    fn violation(&mut self, path: &str) -> Result<Acted, ExitStatus> {
        self.walk.scope_violations += 1;
        let path = cut(path, 200);
        let detail = match self.walk.scope.shown() {
            "" => format!("{path} is not a file of the project that may be written"),
            allowed => format!(
                "{path} is outside the paths this task may write: {}",
                cut(allowed, 500)
            ),
        };
        if self.walk.scope_violations >= SCOPE_VIOLATIONS_MAX {
            return Err(ExitStatus::ScopeViolation { detail });
        }
        self.hard(&detail);
        Ok(Acted::wrong(
            format!(
                "Refused: {detail}. Do the task within them, or call `done` with status blocked."
            ),
            Kind::Other,
        ))
    }

    /// After a burst: looks whether the tree changed; if so commits, runs the check, and says how it went.
    fn settle(&mut self) -> Result<Option<String>, ExitStatus> {
        if !std::mem::take(&mut self.touched) || !self.walk.writes() {
            return Ok(None);
        }
        let (tree, changed) = self.walk.hand.scan(self.walk.cancel).map_err(lost)?;
        if tree == self.walk.tree {
            return Ok(None);
        }
        self.guard.state(hash(("tree", &tree)));
        self.walk.tree = tree;
        self.walk.check_green = None;
        self.walk.commit(self.work.step)?;
        let mut said = String::new();
        let outside: Vec<&str> = changed
            .iter()
            .map(String::as_str)
            .filter(|path| !self.walk.scope.allows(path))
            .collect();
        if !outside.is_empty() {
            said.push_str(&format!(
                "\n[Changed outside the allowed paths: {}. Undo that (git checkout {} -- PATH, or delete it).]",
                cut(&outside.join(", "), 500),
                self.walk.brief.project.base
            ));
        }
        if let Some(check) = self.work.check {
            let captured = self.run_check(check)?;
            said.push_str(&verdict(check, &captured));
        }
        if let Some(why) = &self.walk.uncommitted {
            said.push_str(&format!(
                "\n[The work could not be committed: {}]",
                cut(why, 500)
            ));
        }
        Ok(Some(said))
    }

    fn run_check(&mut self, check: &str) -> Result<Captured, ExitStatus> {
        let (captured, passed) = self.walk.check(self.work.step, check, 0)?;
        self.guard.state(hash(("test", test_state(&captured))));
        // A check may write too (a lock file, a snapshot): part of the work, but not the agent's next change.
        let (tree, _) = self.walk.hand.scan(self.walk.cancel).map_err(lost)?;
        if tree != self.walk.tree {
            self.walk.tree = tree;
            if self.walk.writes() {
                self.walk.commit(self.work.step)?;
            }
        }
        self.walk.check_green = Some(passed);
        self.walk.last_check = Some(captured.clone());
        Ok(captured)
    }

    /// The agent's claim: refused once when something we can see speaks against it, accepted as a claim after that.
    fn claim(&mut self, claim: Claim, summary: &str) -> Result<Result<(), String>, ExitStatus> {
        self.settle()?;
        if claim == Claim::Blocked {
            self.walk.summarise(summary);
            return Err(ExitStatus::Stuck {
                rule: "gave_up".into(),
            });
        }
        if !self.walk.writes() {
            return Ok(Ok(()));
        }
        if let Some(check) = self.work.check
            && self.walk.check_green.is_none()
        {
            self.run_check(check)?;
        }
        let mut against = String::new();
        if self.walk.tree == self.first_tree {
            against.push_str("Nothing was changed in this step.\n");
        }
        if let (Some(false), Some(check), Some(captured)) = (
            self.walk.check_green,
            self.work.check,
            &self.walk.last_check,
        ) {
            against.push_str(&verdict(check, captured));
        }
        if against.is_empty() || std::mem::replace(&mut self.refused, true) {
            return Ok(Ok(()));
        }
        self.hard("done was refused once");
        let change = if self.walk.change.is_empty() {
            "none"
        } else {
            &self.walk.change
        };
        Ok(Err(format!(
            "Not yet.\n{against}\nYour change so far:\n{change}\nMend this, then call `done` again; if it is right as it is, \
             call `done` again and say why."
        )))
    }
}

/// One nudge a turn is enough; a stop goes before all.
fn merged(advice: Vec<Advice>) -> Advice {
    let weight = |advice: &Advice| match advice {
        Advice::GoOn => 0,
        Advice::Nudge(_) => 1,
        Advice::Malformed => 2,
        Advice::Stop(_) => 3,
    };
    advice
        .into_iter()
        .rev()
        .max_by_key(weight)
        .unwrap_or(Advice::GoOn)
}

fn told(answer: Result<String, HandError>, kind: Kind) -> Result<Acted, ExitStatus> {
    match answer {
        Ok(text) => Ok(Acted::fine(text, kind)),
        Err(HandError::Refused(refusal)) => Ok(Acted::wrong(refusal.message, kind)),
        Err(error) => Err(lost(error)),
    }
}

/// A command's end and output as the agent reads it. No duration: the same result must read the same.
fn shown(captured: &Captured) -> String {
    let mut text = format!("{}\n", captured.record.exit);
    for (name, output) in [("", &captured.stdout), ("[stderr]\n", &captured.stderr)] {
        let output = plain(output);
        if !output.trim().is_empty() {
            text.push_str(name);
            text.push_str(output.trim_end());
            text.push('\n');
        }
    }
    text
}

fn verdict(check: &str, captured: &Captured) -> String {
    if captured.success() {
        return format!("\n[check `{}`: passed]", cut(check, 200));
    }
    let output = plain(&captured.combined());
    format!(
        "\n[check `{}`: FAILED, {}]\n{}",
        cut(check, 200),
        captured.record.exit,
        cut_front(output.trim_end(), CHECK_BYTES_MAX)
    )
}
