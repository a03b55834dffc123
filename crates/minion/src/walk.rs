//! What one run carries from step to step, and the acts that every step shares: asking the model, running a command,
//! committing, recording. Each act says how the run ends when it cannot be done.

mod account;
mod author;
mod present;
mod tree;

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use alai_core::brief::{Brief, Price};
use alai_core::cage::Sandbox;
use alai_core::delegation::Delegations;
use alai_core::mode::Mode;
use alai_core::record::Captured;
use alai_core::review::criteria;
use alai_core::skills::Shelf;
use alai_fleet::{
    ChatError, ChatReply, ChatRequest, EditFormat, ErrorClass, Finish, Message, Profile, Purpose,
    ToolMode, ToolSpec, Usage,
};
use alai_workspace::command::Cancel;

use crate::agent::Notes;
use crate::ahead::Ahead;
use crate::conversation::{Conversation, budget, tokens_of, tokens_of_tools};
use crate::engine::{Program, Session};
use crate::gotcha;
use crate::hand::{Hand, HandError};
use crate::mcp::{Seats, Servers};
use crate::pack::Part;
use crate::recorder::{Event, Recorder};
use crate::redact::redact;
use crate::report::{self, ExitStatus, RunReport};
use crate::scope::Scope;
use crate::steps::Course;
use crate::text::cut;
use present::Present;

pub use account::{Word, Words};

/// How a model is asked: one request, one reply. The caller decides which host answers and who pays.
pub type Ask<'a> = &'a mut dyn FnMut(&ChatRequest) -> Result<ChatReply, ChatError>;

/// Whether a command that did not exit as expected is good enough all the same: tests that were red before the work began
/// must not keep it from ending. The caller, who knows the base, decides.
pub type Passes<'a> = &'a dyn Fn(&str, &Captured) -> bool;

/// Bytes of an agent's summary.
const SUMMARY_BYTES_MAX: usize = 4 << 10;

/// One run under way.
pub(crate) struct Walk<'a> {
    pub(crate) brief: &'a Brief,
    profile: &'a Profile,
    /// As the profile says, until the model's host says that it has no tools.
    tool_mode: ToolMode,
    /// As the profile says, until the model did nothing but think.
    think: Option<bool>,
    model: &'a str,
    price: Price,
    ask: Ask<'a>,
    pub(crate) hand: &'a mut Hand,
    recorder: &'a mut Recorder,
    pub(crate) cancel: &'a Cancel,
    passes: Passes<'a>,
    words: Words<'a>,
    /// Who hears what the agents note.
    pub(crate) notes: Option<Notes<'a>>,
    /// How often they did.
    pub(crate) noted: u32,
    /// What the lead hands out, where a lead works.
    pub(crate) delegations: Option<Delegations>,
    pub(crate) program: Option<Program<'a>>,
    /// Looks at the work with the gate's eyes, where somebody does.
    pub(crate) ahead: Option<Ahead<'a>>,
    /// What may be read on demand.
    pub(crate) shelf: &'a Shelf,
    /// The servers that may be asked.
    pub(crate) seats: Seats<'a>,
    /// What the program's sessions came to.
    pub(crate) sessions: Vec<Session>,
    /// Once it was asked for.
    pub(crate) program_version: Option<String>,
    /// How often each step was walked, by its first model calls.
    visits: BTreeMap<String, u32>,
    pub(crate) scope: Scope,
    started: Instant,
    pub(crate) present: Present,
    pub(crate) usage: Usage,
    cost_microusd: u64,
    pub(crate) turns: u32,
    simulated: bool,
    salvaged: u32,
    pub(crate) malformed: u32,
    /// What was wrong with the answer for which the run ends, and at which step.
    pub(crate) unread: Option<String>,
    fell_back: Option<String>,
    pub(crate) commands: Vec<Captured>,
    pub(crate) summary: String,
    pub(crate) answer: Option<serde_json::Value>,
    pub(crate) work_plan: Option<serde_json::Value>,
    pub(crate) last_check: Option<Captured>,
    /// Whether the last check was green on the tree as it is now.
    pub(crate) check_green: Option<bool>,
    pub(crate) head: Option<String>,
    /// Why the last commit failed, until one succeeds.
    pub(crate) uncommitted: Option<String>,
    /// Change since the base, in short.
    pub(crate) change: String,
    /// Hash of the tree at the last look.
    pub(crate) tree: String,
    pub(crate) pack: Vec<Part>,
    /// Answers of earlier steps, by step.
    pub(crate) earlier: Vec<(String, String)>,
    /// Files the agent has read or written itself, by clean path.
    pub(crate) known: HashSet<String>,
    pub(crate) course: Course,
    /// What a person is asked, when that ended the run.
    pub(crate) asked: Option<report::Asked>,
    pub(crate) bytes_written: u64,
    pub(crate) scope_violations: u32,
    pub(crate) log: Log,
}

/// What the GOTCHA file is made of.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Steps in the order they were walked, with how they ended.
    pub(crate) steps: Vec<String>,
    /// Calls by tool: all, and those that failed.
    pub(crate) tools: BTreeMap<&'static str, (u32, u32)>,
    /// What made it hard: nudges, refusals, malformed calls.
    pub(crate) hard: Vec<String>,
}

/// A model's reply, or one that broke the protocol and is worth another try.
pub(crate) enum Asked {
    Reply(Box<ChatReply>),
    Malformed(String),
}

/// What the caller lends a run.
pub struct Means<'a> {
    pub profile: &'a Profile,
    /// The model's name on its host.
    pub model: &'a str,
    /// What its tokens cost: the run ends before a call whose worst case would pass the limit.
    pub price: Price,
    pub ask: Ask<'a>,
    pub hand: &'a mut Hand,
    pub recorder: &'a mut Recorder,
    pub cancel: &'a Cancel,
    pub passes: Passes<'a>,
    /// Asked before each model call of an agent or a question.
    pub words: Words<'a>,
    /// Does the agent steps, and answers the questions, in the place of our own loop; then nothing asks the model.
    pub program: Option<Program<'a>>,
    /// What the company's agents may read on demand; a prompt has the names alone.
    pub shelf: &'a Shelf,
    /// The MCP servers that the role may ask.
    pub servers: Option<Servers<'a>>,
    /// Compares the work with the base, outside of the cage; a blueprint that wants it cannot be walked where nobody does.
    pub ahead: Option<Ahead<'a>>,
    /// Hears what agents note for those who go on with the task; the tool is offered where somebody does.
    pub notes: Option<Notes<'a>>,
    /// Judges what a lead hands out; the tool is offered where a lead works that may. What was proposed is in the report.
    pub delegations: Option<Delegations>,
}

impl<'a> Walk<'a> {
    /// How many acceptance criteria a judgement of this run has to answer.
    pub(crate) fn criteria(&self) -> usize {
        criteria::asked(self.brief.kind, &self.brief.acceptance).len()
    }

    pub(crate) fn new(brief: &'a Brief, scope: Scope, means: Means<'a>) -> Walk<'a> {
        let Means {
            profile,
            model,
            price,
            ask,
            hand,
            recorder,
            cancel,
            passes,
            words,
            program,
            shelf,
            servers,
            ahead,
            notes,
            delegations,
        } = means;
        Walk {
            brief,
            profile,
            tool_mode: profile.tool_mode,
            think: profile.think,
            model,
            price,
            ask,
            hand,
            recorder,
            cancel,
            passes,
            words,
            notes,
            noted: 0,
            delegations,
            program,
            ahead,
            shelf,
            seats: Seats::new(servers),
            sessions: Vec::new(),
            program_version: None,
            visits: BTreeMap::new(),
            scope,
            started: Instant::now(),
            present: Present::default(),
            usage: Usage::default(),
            cost_microusd: 0,
            turns: 0,
            simulated: false,
            salvaged: 0,
            malformed: 0,
            unread: None,
            fell_back: None,
            commands: Vec::new(),
            summary: String::new(),
            answer: None,
            work_plan: None,
            last_check: None,
            check_green: None,
            head: None,
            uncommitted: None,
            change: String::new(),
            tree: String::new(),
            pack: Vec::new(),
            earlier: Vec::new(),
            known: HashSet::new(),
            course: Course::default(),
            asked: None,
            bytes_written: 0,
            scope_violations: 0,
            log: Log::default(),
        }
    }

    pub(crate) fn record(&mut self, event: &Event<'_>) -> Result<(), ExitStatus> {
        self.recorder.write(event).map_err(|e| ExitStatus::Killed {
            detail: e.to_string(),
        })
    }

    /// Whole seconds left to the run and to the step; none is the end.
    pub(crate) fn seconds_left(&self) -> Result<u64, ExitStatus> {
        if self.cancel.is_cancelled() {
            return Err(ExitStatus::Cancelled);
        }
        let run = Duration::from_secs(self.brief.limits.wall_s_max)
            .saturating_sub(self.started.elapsed());
        let step =
            { self.present.until }.map(|until| until.saturating_duration_since(Instant::now()));
        let left = step.map_or(run, |step| step.min(run));
        // A second begun is a second: the last one counts whole.
        if left.is_zero() {
            Err(ExitStatus::TimeLimit)
        } else {
            Ok(left.as_secs().max(1))
        }
    }

    /// Turns that one step may have with this model.
    pub(crate) fn turns_of_model(&self) -> u32 {
        self.profile.turns_max
    }

    /// Tokens a prompt of this run may have.
    pub(crate) fn prompt_budget(&self) -> usize {
        budget(self.profile.num_ctx, self.profile.output_max)
    }

    /// Whole seconds left for another call, or which limit forbids it.
    pub(crate) fn may_ask(&self) -> Result<u64, ExitStatus> {
        let left_s = self.seconds_left()?;
        if self.turns >= self.brief.limits.turns_max {
            return Err(ExitStatus::StepLimit);
        }
        let tokens = self
            .usage
            .prompt_tokens
            .saturating_add(self.usage.output_tokens);
        let most = self.present.tokens_until.unwrap_or(u64::MAX);
        if tokens >= self.brief.limits.tokens_max.min(most) {
            return Err(ExitStatus::CostLimit);
        }
        Ok(left_s)
    }

    /// One model call within the limits of the run.
    pub(crate) fn ask(
        &mut self,
        step: &str,
        turn: u32,
        messages: Vec<Message>,
        tools: Vec<ToolSpec>,
        format: Option<serde_json::Value>,
    ) -> Result<Asked, ExitStatus> {
        let left_s = self.may_ask()?;
        let prompt_tokens = (tokens_of(&messages) + tokens_of_tools(&tools)) as u64;
        self.can_pay(prompt_tokens)?;
        let profile = Profile {
            call_s_max: self.profile.call_s_max.min(left_s),
            tool_mode: self.tool_mode,
            think: self.think,
            ..*self.profile
        };
        let visits = self.visits.entry(step.to_owned()).or_default();
        *visits += u32::from(turn == 0);
        let visit = visits.saturating_sub(1);
        let purpose = Purpose {
            task_kind: self.brief.kind,
            task_title: self.brief.title.clone(),
            role: self.role(),
            company: self.brief.company.name.clone(),
            step: step.to_owned(),
            attempt: self.brief.attempt,
            visit,
            turn,
        };
        let mut request = ChatRequest {
            model: self.model.to_owned(),
            messages,
            tools,
            format,
            profile,
            purpose,
        };
        self.turns += 1;
        let mut answered = self.call(&request)?;
        if let Err(error) = &answered
            && error.class == ErrorClass::NoTools
            && self.tool_mode == ToolMode::Native
        {
            // Its calls go as text from here on; the host refused before it loaded anything.
            let said = format!("{error}; tools are called in text from here on");
            self.told_failure(step, error)?;
            self.record(&Event::Guard {
                step,
                advice: &said,
            })?;
            self.tool_mode = ToolMode::Text;
            self.fell_back = Some("its host says that it calls no tools".to_owned());
            request.profile.tool_mode = ToolMode::Text;
            answered = self.call(&request)?;
        }
        match answered {
            Ok(reply) => self
                .replied(step, reply)
                .map(|reply| Asked::Reply(Box::new(reply))),
            Err(error) => self.failed(step, &error),
        }
    }

    /// The next call's worst case, a prompt of this size and the longest answer, must fit into what may be spent.
    fn can_pay(&self, prompt_tokens: u64) -> Result<(), ExitStatus> {
        let output_max = u64::from(self.profile.output_max);
        let worst = self.price.of(prompt_tokens, output_max);
        if self.cost_microusd.saturating_add(worst) > self.microusd_max() {
            return Err(ExitStatus::CostLimit);
        }
        Ok(())
    }

    /// From here on the model answers without thinking first, where it can be told to.
    pub(crate) fn think_no_more(&mut self) {
        self.think = self.think.map(|_| false);
    }

    /// Keeps what a step came to for the prompts of later ones, the newest for each step.
    pub(crate) fn remember(&mut self, step: &str, result: &serde_json::Value) {
        self.earlier.retain(|(id, _)| id != step);
        self.earlier.push((step.to_owned(), result.to_string()));
    }

    fn replied(&mut self, step: &str, reply: ChatReply) -> Result<ChatReply, ExitStatus> {
        let add = u64::saturating_add;
        self.usage.prompt_tokens = add(self.usage.prompt_tokens, reply.usage.prompt_tokens);
        self.usage.output_tokens = add(self.usage.output_tokens, reply.usage.output_tokens);
        let cost = self
            .price
            .of(reply.usage.prompt_tokens, reply.usage.output_tokens);
        self.cost_microusd = self.cost_microusd.saturating_add(cost);
        self.salvaged += u32::from(reply.salvaged);
        self.simulated |= reply.mode == Mode::Simulated;
        let event = Event::Reply {
            step,
            model: &reply.model,
            mode: reply.mode.as_str(),
            finish: reply.finish,
            usage: reply.usage,
            latency_ms: reply.latency_ms,
            salvaged: reply.salvaged,
            thinking: &reply.thinking,
            refused: reply.refused.as_deref(),
            cut_calls: match reply.finish {
                Finish::Length => &reply.calls,
                Finish::Stop => &[],
            },
        };
        self.record(&event)?;
        Ok(reply)
    }

    fn failed(&mut self, step: &str, error: &ChatError) -> Result<Asked, ExitStatus> {
        let said = error.to_string();
        self.told_failure(step, error)?;
        match error.class {
            ErrorClass::Cancelled => Err(ExitStatus::Cancelled),
            ErrorClass::OverBudget => Err(ExitStatus::CostLimit),
            ErrorClass::ContextTooLong | ErrorClass::ContextTruncated => {
                Err(ExitStatus::ContextTruncated)
            }
            ErrorClass::Malformed | ErrorClass::Repeating | ErrorClass::Filtered => {
                Ok(Asked::Malformed(error.message.clone()))
            }
            ErrorClass::TimedOut if self.seconds_left().is_err() => Err(ExitStatus::TimeLimit),
            ErrorClass::Unreachable
            | ErrorClass::Busy
            | ErrorClass::Loading
            | ErrorClass::ModelMissing
            | ErrorClass::BadRequest
            | ErrorClass::NoTools
            | ErrorClass::MidStream
            | ErrorClass::Cut
            | ErrorClass::Stalled
            | ErrorClass::TimedOut
            | ErrorClass::Refused
            | ErrorClass::ServerFault
            | ErrorClass::ScriptExhausted => Err(ExitStatus::ProviderError {
                infrastructure: error.is_infrastructure(),
                detail: said,
            }),
        }
    }

    /// Adds a message to a conversation and to the trajectory.
    pub(crate) fn say(
        &mut self,
        step: &str,
        conversation: &mut Conversation,
        message: Message,
    ) -> Result<(), ExitStatus> {
        self.record(&Event::Message {
            step,
            message: &message,
        })?;
        conversation.messages.push(message);
        Ok(())
    }

    pub(crate) fn summarise(&mut self, summary: &str) {
        self.summary = cut(summary.trim(), SUMMARY_BYTES_MAX);
    }

    /// Ends the run because its model, or its program, gives nothing in the asked form: `wrong` says what was wrong with the last of it.
    pub(crate) fn unread(&mut self, step: &str, wrong: &str) -> ExitStatus {
        self.unread = Some(redact(&format!("{step}: {}", cut(wrong, 1_000))).into_owned());
        ExitStatus::Format
    }

    /// Records the end and makes the report. A record that fails here makes the run a killed one.
    pub(crate) fn finish(mut self, status: ExitStatus) -> RunReport {
        let mode = if self.simulated {
            Mode::Simulated
        } else {
            Mode::Real
        };
        let head = self.head.clone();
        let detail = status.detail().to_owned();
        let (turns, usage) = (self.turns, self.usage);
        let exit = Event::Exit {
            status: status.as_str(),
            detail: &detail,
            turns,
            usage,
            head: head.as_deref(),
        };
        let status = match self.record(&exit) {
            Ok(()) => status,
            Err(killed) => killed,
        };
        let gotcha = gotcha::write(&self, &status, mode);
        RunReport {
            status,
            summary: self.summary,
            answer: self.answer,
            usage: self.usage,
            cost_microusd: self.cost_microusd,
            turns: self.turns,
            mode,
            commands: self.commands,
            work_plan: self.work_plan,
            last_check: self.last_check,
            head: self.head,
            salvaged: self.salvaged,
            malformed: self.malformed,
            unread: self.unread,
            fell_back: self.fell_back,
            sessions: self.sessions,
            asked: self.asked,
            proposals: self
                .delegations
                .map(Delegations::into_proposals)
                .unwrap_or_default(),
            gotcha,
        }
    }

    pub(crate) fn meta(&mut self) -> Result<(), ExitStatus> {
        let brief = self.brief;
        let promises = alai_core::cage::promises(self.hand.layers()).kept;
        self.record(&Event::Meta {
            format: crate::recorder::FORMAT,
            run: &brief.run.0,
            task: brief.task.0,
            epoch: brief.epoch.0,
            attempt: brief.attempt,
            kind: brief.kind.as_str(),
            role: brief.role.as_str(),
            company: &brief.company.name,
            title: &brief.title,
            blueprint: &brief.blueprint.name,
            model: self.model,
            base: &brief.project.base,
            promises: &promises,
            sandbox: Sandbox::of(self.hand.layers()),
        })
    }

    /// How the model changes files best.
    pub(crate) fn edit_format(&self) -> EditFormat {
        self.profile.edit_format
    }

    pub(crate) fn model(&self) -> &str {
        self.model
    }
}

/// How a run ends when its hand gives no answer that the agent could act on.
pub(crate) fn lost(error: HandError) -> ExitStatus {
    match error {
        HandError::Cancelled { .. } => ExitStatus::Cancelled,
        error @ (HandError::Refused(_)
        | HandError::Late { .. }
        | HandError::Gone { .. }
        | HandError::Garbled { .. }) => ExitStatus::Killed {
            detail: error.to_string(),
        },
    }
}
