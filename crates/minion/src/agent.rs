//! The tool loop of one agent step: ask, do what is called, say what came of it, until the agent claims to be done or a
//! limit or a guard ends it.

mod act;
mod claim;
mod delegate;
mod held;
pub(crate) mod lent;
mod note;

use std::collections::HashSet;

use alai_core::blueprint::{Output, ToolName};
use alai_fleet::{ChatReply, Finish, Message, ToolCall, ToolSpec};
use serde_json::{Map, Value};

use crate::conversation::Conversation;
use crate::guard::{Advice, Guard, Kind, Monologue, Seen, strongest};
use crate::pack::AGENT_PACK_BYTES_MAX;
use crate::progress::{calm, hash};
use crate::prompt::Voice;
use crate::recorder::Event;
use crate::report::ExitStatus;
use crate::steps::{announce, opening, too_long};
use crate::text::cut;
use crate::tools::{self, Call, Lent};
use crate::walk::{Asked, Walk};

use act::Acted;
pub(crate) use claim::{strayed, uncommitted, verdict};
use held::Hold;
pub use note::Notes;

/// Calls of one answer that are executed; a model that makes more does not look at results.
const CALLS_PER_TURN_MAX: usize = 16;
/// The agent is told how many turns are left when it is this many. In the last one it can only call `done`, as opencode's
/// agents at their limit can only write: work of a turn that nobody looks at any more is worth nothing.
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
    /// What `done` must hand over.
    pub(crate) outputs: &'s [Output],
}

/// What a step came to, for the steps after it. An agent's words: a claim, and no evidence.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) summary: String,
    pub(crate) outputs: Map<String, Value>,
}

/// Works through one step; gives what the agent hands over.
///
/// # Errors
/// How the run ended, when the agent did not come to claim that it is done.
pub(crate) fn work(
    walk: &mut Walk<'_>,
    work: &Work<'_>,
    feedback: Option<&str>,
) -> Result<Handed, ExitStatus> {
    let tools = walk.allowed_tools(work.tools);
    let lent = lent::of(walk, work.prompt);
    let specs = tools::specs(&tools, &lent, walk.edit_format(), work.outputs);
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
        Voice::Agent,
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
        lent,
        specs,
        conversation,
        guard,
        first_tree,
        touched: false,
        refused: false,
        misfit: false,
        last: false,
        hold: Hold::default(),
    };
    for turn in 0..work.turns_max {
        if let Some(handed) = sitting.turn(turn)? {
            return Ok(handed);
        }
    }
    Err(ExitStatus::StepLimit)
}

struct Sitting<'s, 'w> {
    walk: &'s mut Walk<'w>,
    work: &'s Work<'s>,
    tools: Vec<ToolName>,
    lent: Lent,
    specs: Vec<ToolSpec>,
    conversation: Conversation,
    guard: Guard,
    /// The tree when the step began.
    first_tree: String,
    /// A call may have changed the tree since the last look.
    touched: bool,
    /// `done` was refused once already.
    refused: bool,
    /// What `done` handed over was out of form once already.
    misfit: bool,
    /// This is the last turn, in which only `done` can be called.
    last: bool,
    hold: Hold,
}

/// What one answer's calls came to so far.
#[derive(Default)]
struct Answered<'c> {
    results: Vec<(&'c ToolCall, Acted)>,
    advice: Vec<Advice>,
    /// At least one call could be read.
    readable: bool,
    /// Looks of this answer since its last change.
    looked: HashSet<u64>,
    ended: Option<Handed>,
}

impl Sitting<'_, '_> {
    /// One model call and what follows from it; what is handed over when the step is over.
    fn turn(&mut self, turn: u32) -> Result<Option<Handed>, ExitStatus> {
        let left = self.turns_left(turn);
        // A step of a single turn is not all end.
        if left == 1 && turn > 0 && !self.last {
            self.last = true;
            self.tools = vec![ToolName::Done];
            self.lent = Lent::default();
            let format = self.walk.edit_format();
            self.specs = tools::specs(&self.tools, &self.lent, format, self.work.outputs);
        }
        let budget = self.walk.prompt_budget().saturating_sub(HINT_TOKENS);
        self.walk.hear(self.work.step, &mut self.conversation)?;
        self.conversation
            .fit(&self.specs, budget)
            .map_err(too_long)?;
        let mut messages = self.conversation.messages.clone();
        messages.extend(self.hint(left).map(|text| Message::User { text }));
        let ended = match self.hold {
            Hold::Next => self.held(turn, messages)?,
            Hold::Free | Hold::Spent => self.free(turn, messages)?,
        };
        if ended.is_none() {
            let advice = self.guard.turn();
            self.heed(advice)?;
        }
        Ok(ended)
    }

    /// One model call with tools, and what follows from it.
    fn free(&mut self, turn: u32, messages: Vec<Message>) -> Result<Option<Handed>, ExitStatus> {
        let asked = self
            .walk
            .ask(self.work.step, turn, messages, self.specs.clone(), None)?;
        match asked {
            Asked::Malformed(why) => {
                self.unreadable(format!(
                    "Your last answer could not be read: {}. Answer with one tool call.",
                    cut(&why, 500)
                ))?;
                Ok(None)
            }
            Asked::Reply(reply) => self.reply(*reply),
        }
    }

    /// Turns of the step from this one on, as far as the run has them.
    fn turns_left(&self, turn: u32) -> u32 {
        let run = self.walk.brief.limits.turns_max;
        let left = self.work.turns_max.saturating_sub(turn);
        left.min(run.saturating_sub(self.walk.turns))
    }

    /// Goes to the end of the request and is not kept: what comes before it stays the same from turn to turn.
    fn hint(&self, left: u32) -> Option<String> {
        if self.last {
            return Some(
                "[This is the last turn of this step. Only `done` is left: say what is done and what is not.]".into(),
            );
        }
        (left <= LAST_TURNS)
            .then(|| format!("[{left} turns left in this step: finish, then call `done`.]"))
    }

    fn reply(&mut self, reply: ChatReply) -> Result<Option<Handed>, ExitStatus> {
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
        let thought = self.guard.thought(&reply.text, &reply.thinking);
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
            let kind = Monologue::of(&reply.text, &reply.thinking, cut_off);
            if kind == Monologue::Reasoning {
                self.walk.think_no_more();
            }
            self.conversation.messages.push(text_only);
            let advice = self.guard.monologue(kind);
            let both = match kind {
                // The words themselves say more than that nothing was called.
                Monologue::Content => [thought, advice],
                Monologue::Empty | Monologue::Reasoning | Monologue::Cut | Monologue::Repeating => {
                    [advice, thought]
                }
            };
            self.heed(strongest(both))?;
            return Ok(None);
        }
        self.conversation.messages.push(Message::Assistant {
            text: reply.text,
            calls: reply.calls.clone(),
        });
        self.calls(&reply.calls, thought)
    }

    /// A turn of which nothing could be executed.
    fn unreadable(&mut self, told: String) -> Result<(), ExitStatus> {
        self.walk.malformed += 1;
        self.hard(&told);
        let step = self.work.step;
        self.walk
            .say(step, &mut self.conversation, Message::User { text: told })?;
        let advice = self.guard.malformed();
        self.heed(advice)
    }

    /// Does the calls of one answer in their order. `thought` is the guard's advice about the words around them.
    fn calls(&mut self, calls: &[ToolCall], thought: Advice) -> Result<Option<Handed>, ExitStatus> {
        let mut done = Answered::default();
        for (index, call) in calls.iter().enumerate() {
            self.walk.record(&Event::Call {
                step: self.work.step,
                id: &call.id,
                name: &call.name,
                arguments: &call.arguments,
            })?;
            let acted = if index >= CALLS_PER_TURN_MAX || done.ended.is_some() {
                Acted::wrong("Not executed.".into(), Kind::Other)
            } else {
                self.one(call, &mut done)?
            };
            done.results.push((call, acted));
        }
        if done.ended.is_none()
            && let Some(settled) = self.settle()?
            && let Some((_, last)) = done.results.last_mut()
        {
            last.text.push_str(&settled);
        }
        self.answer(done.results)?;
        if let Some(handed) = done.ended {
            self.walk.summarise(&handed.summary);
            let summary = self.walk.summary.clone();
            return Ok(Some(Handed { summary, ..handed }));
        }
        let mut advice = unwarned(done.advice);
        if !done.readable {
            self.walk.malformed += 1;
            advice.push(self.guard.malformed());
        }
        // Words that repeat are no loop where the work went on.
        if !self.guard.went_on() {
            advice.push(thought);
        }
        self.heed(strongest(advice))?;
        Ok(None)
    }

    /// Does one call, and lets the guard see it.
    fn one(&mut self, call: &ToolCall, done: &mut Answered<'_>) -> Result<Acted, ExitStatus> {
        let format = self.walk.edit_format();
        let outputs = self.work.outputs;
        let parsed = match tools::parse(call, &self.tools, &self.lent, format, outputs) {
            Ok(parsed) => parsed,
            Err(wrong) => {
                self.hard(&wrong);
                return Ok(Acted::wrong(wrong, Kind::Other));
            }
        };
        done.readable = true;
        let key = key(call);
        match parsed {
            // What changes nothing gives the same again.
            Call::Read { .. } | Call::Search { .. } if !done.looked.insert(key) => {
                let said = "Not executed: this very call stands above in the same answer.";
                return Ok(Acted::wrong(said.into(), Kind::Read));
            }
            Call::Read { .. } | Call::Search { .. } => {}
            Call::Edit { .. } | Call::Write { .. } | Call::Patch { .. } => done.looked.clear(),
            Call::Run { .. } | Call::Server(_) | Call::Done { .. } => done.looked.clear(),
            Call::Skill { .. } | Call::Note(_) | Call::Delegate(_) => {}
        }
        let acted = match parsed {
            Call::Done {
                claim,
                summary,
                handed,
            } => match self.claim(claim, &summary, handed)? {
                Ok(outputs) => {
                    done.ended = Some(Handed { summary, outputs });
                    Acted::fine("Accepted as a claim.".into(), Kind::Other)
                }
                Err(not_yet) => Acted::wrong(not_yet, Kind::Other),
            },
            act @ (Call::Read { .. }
            | Call::Search { .. }
            | Call::Edit { .. }
            | Call::Write { .. }
            | Call::Patch { .. }
            | Call::Run { .. }
            | Call::Skill { .. }
            | Call::Note(_)
            | Call::Delegate(_)
            | Call::Server(_)) => self.act(act)?,
        };
        done.advice.push(self.guard.call(Seen {
            call: key,
            result: hash(calm(&acted.text)),
            kind: acted.kind,
            error: acted.error.then_some(acted.text.as_str()),
        }));
        Ok(acted)
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
                let advice = "malformed three turns in a row";
                self.walk.record(&Event::Guard { step, advice })?;
                if self.hold != Hold::Free {
                    return Err(self.walk.unread(step, advice));
                }
                self.hold = Hold::Next;
                Ok(())
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
}

fn key(call: &ToolCall) -> u64 {
    let arguments = serde_json::to_string(&call.arguments).unwrap_or_default();
    hash((&call.name, arguments))
}

/// A warning that came with the answer that broke the rule could not be heeded yet: then it is only said.
fn unwarned(mut advice: Vec<Advice>) -> Vec<Advice> {
    let first = |advice: &[Advice], is: fn(&Advice) -> bool| advice.iter().position(is);
    let nudge = first(&advice, |a| matches!(a, Advice::Nudge(_)));
    let stop = first(&advice, |a| matches!(a, Advice::Stop(_)));
    if let (Some(nudge), Some(stop)) = (nudge, stop)
        && nudge < stop
    {
        advice.truncate(stop);
    }
    advice
}
