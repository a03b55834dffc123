//! One call to a server of any dialect: the request goes out, waits for a busy host are waited, the answer becomes a reply.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::Duration;

use alai_core::mode::Mode;
use reqwest::Client;

use crate::answer::Answer;
use crate::chat::{ChatReply, ChatRequest, Finish, Profile, ToolMode, Usage};
use crate::dialect::HostRef;
use crate::ear::{Ear, Listener};
use crate::error::{ChatError, ErrorClass, Fault, Server, Spent};
use crate::inert;
use crate::openai;
use crate::reply;
use crate::script;
use crate::tagged;
use crate::tape::{self, Recorded, Tries};
use crate::timeouts::Limits;
use crate::tokens::{Verdict, prompt_chars};
use crate::wait::{Patience, dice};
use crate::wire::{self, Failure, Watch};

/// Where the server is told to end an answer by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Never,
    /// Behind the one call that a text may make.
    AfterCall,
}

impl Stop {
    fn of(request: &ChatRequest) -> Stop {
        match request.profile.tool_mode {
            // A schema's answer may hold any text.
            ToolMode::Text if request.format.is_none() => Stop::AfterCall,
            ToolMode::Text | ToolMode::Native => Stop::Never,
        }
    }
}

/// One call as it is under way.
struct Call<'c> {
    host: HostRef<'c>,
    line: Line<'c>,
    limits: Limits,
    watch: Watch<'c>,
}

/// Where the answers come from.
enum Line<'l> {
    Network,
    /// A recording of a call, and how many of its answers were played.
    Tape(&'l Recorded, Cell<usize>),
}

/// Asks one host once; waits and asks again only while it is busy or loading. `tries` keeps what came for a recording.
pub(crate) fn chat(
    host: HostRef<'_>,
    request: &ChatRequest,
    cancel: &dyn Fn() -> bool,
    listener: &mut Listener<'_>,
    tries: Option<&mut Tries>,
) -> Result<ChatReply, ChatError> {
    made(host, Line::Network, request, cancel, listener, tries)
}

/// Plays a recorded call: all of what a call does but the network and its waits.
pub(crate) fn replay(
    call: &Recorded,
    request: &ChatRequest,
    cancel: &dyn Fn() -> bool,
    listener: &mut Listener<'_>,
) -> Result<ChatReply, ChatError> {
    let mut request = request.clone();
    request.profile.tool_mode = call.profile.tool_mode;
    let host = tape::shell(call);
    let line = Line::Tape(call, Cell::new(0));
    let answered = made((&host).into(), line, &request, cancel, listener, None);
    match answered {
        Ok(reply) => Ok(ChatReply {
            mode: Mode::Simulated,
            latency_ms: call.latency_ms,
            ..reply
        }),
        Err(error) => Err(ChatError {
            server: Server::Script,
            host: script::HOST.to_owned(),
            ..error
        }),
    }
}

fn made(
    host: HostRef<'_>,
    line: Line<'_>,
    request: &ChatRequest,
    cancel: &dyn Fn() -> bool,
    listener: &mut Listener<'_>,
    mut tries: Option<&mut Tries>,
) -> Result<ChatReply, ChatError> {
    let limits = host.timeouts().within(&request.profile);
    let call = Call {
        host,
        line,
        limits,
        watch: Watch::new(limits.whole, cancel),
    };
    let request = &known_as(host, request);
    let sent = tagged::plain(request);
    if let Some(tries) = tries.as_deref_mut() {
        tries.tool_mode = request.profile.tool_mode;
    }
    let mut ear = Ear::new(host.reader(&sent), listener, tries);
    let mut before = Before::default();
    let outcome = wire::block_on(call.converse_twice(&sent, &request.tools, &mut ear, &mut before))
        .and_then(|outcome| outcome);
    let counted = counted(&ear.answer);
    let outcome =
        outcome.and_then(|()| reply::reply(host.rates(), request, &sent, &mut ear.answer));
    match outcome {
        Ok(reply) => Ok(without_key(
            host,
            ChatReply {
                latency_ms: millis(call.watch.elapsed()),
                usage: before.usage.plus(reply.usage),
                usage_estimated: before.estimated || reply.usage_estimated,
                ..reply
            },
        )),
        Err(fault) => {
            if fault.class == ErrorClass::NoTools && !request.tools.is_empty() {
                host.toolless().add(&request.model);
            }
            let spent = before.spent().plus(spent(&fault, &ear, counted));
            Err(ChatError {
                spent,
                ..failed(host, request, fault, &ear.answer.text)
            })
        }
    }
}

/// How often a call asks at most: a second time where a stop word may end its answer too early.
pub(crate) fn asks_max(host: HostRef<'_>, request: &ChatRequest) -> u64 {
    match Stop::of(&known_as(host, request)) {
        Stop::Never => 1,
        Stop::AfterCall => 2,
    }
}

/// What the first answer of a call used that was asked for twice.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    usage: Usage,
    /// It is our estimate.
    estimated: bool,
}

impl Before {
    fn spent(self) -> Spent {
        match (self.usage == Usage::default(), self.estimated) {
            (true, _) => Spent::Nothing,
            (false, false) => Spent::Counted(Box::new(self.usage)),
            (false, true) => Spent::Unknown,
        }
    }
}

/// A server's whole count of an answer; an estimate of ours is none.
fn counted(answer: &Answer) -> Option<Usage> {
    let usage = answer.usage;
    (usage.prompt_tokens > 0 && usage.output_tokens > 0).then_some(usage)
}

/// What the request has cost whose answer failed so.
fn spent(fault: &Fault, ear: &Ear<'_>, counted: Option<Usage>) -> Spent {
    if !ear.open {
        return Spent::Nothing;
    }
    let has_ended = fault.at_the_end || ear.answer.finish.is_some();
    match (counted, ear.status) {
        (Some(usage), _) if has_ended => Spent::Counted(Box::new(usage)),
        // Words that came have to be paid, whatever the server calls its error. Without any, an error that it told behind the
        // headers is one that it told in their place.
        (_, Some(200)) if ear.answer.is_empty() => fault.class.usually_spent(),
        (_, _) => Spent::Unknown,
    }
}

/// The request as the host can take it by what it said before: a model without tools calls them in text.
fn known_as<'r>(host: HostRef<'_>, request: &'r ChatRequest) -> Cow<'r, ChatRequest> {
    if request.tools.is_empty() || !host.toolless().has(&request.model) {
        return Cow::Borrowed(request);
    }
    let profile = Profile {
        tool_mode: ToolMode::Text,
        ..request.profile
    };
    Cow::Owned(ChatRequest {
        profile,
        ..request.clone()
    })
}

/// An error of this host, in which its key does not stand, whatever the server said.
pub(crate) fn failed(
    host: HostRef<'_>,
    request: &ChatRequest,
    fault: Fault,
    partial: &str,
) -> ChatError {
    let clean = |text: &str| match host.key() {
        Some(key) => key.redact_quote(text),
        None => text.to_owned(),
    };
    ChatError {
        class: fault.class,
        server: host.server(),
        host: host.to_string(),
        model: request.model.clone(),
        message: clean(&fault.message),
        partial: clean(partial),
        spent: Spent::Nothing,
    }
}

/// A server that has the key could write it into an answer, which is kept.
fn without_key(host: HostRef<'_>, mut reply: ChatReply) -> ChatReply {
    let Some(key) = host.key() else {
        return reply;
    };
    let clean = |text: &mut String| {
        if let Cow::Owned(clean) = key.redact(text) {
            *text = clean;
        }
    };
    [&mut reply.text, &mut reply.thinking, &mut reply.model]
        .into_iter()
        .chain(reply.refused.as_mut())
        .for_each(clean);
    for call in &mut reply.calls {
        clean(&mut call.id);
        clean(&mut call.name);
        inert::each_text(&mut call.arguments, &|text| key.redact(text));
    }
    reply
}

impl Call<'_> {
    /// The answer, asked for once more where the stop word ended it too early. What the first one used is told in `before`.
    async fn converse_twice(
        &self,
        sent: &ChatRequest,
        tools: &[crate::chat::ToolSpec],
        ear: &mut Ear<'_>,
        before: &mut Before,
    ) -> Result<(), Fault> {
        let stop = Stop::of(sent);
        self.converse(sent, stop, ear).await?;
        // A value or a reasoning that holds the stop word cannot be written with it.
        if ear.answer.finish == Some(Finish::Stop)
            && stop == Stop::AfterCall
            && tagged::stopped_early(&ear.answer.text, tools)
        {
            let (usage, estimated) = reply::usage(self.host.rates(), sent, &ear.answer);
            *before = Before { usage, estimated };
            ear.again();
            self.converse(sent, Stop::Never, ear).await?;
        }
        self.check_whole(sent, ear).await
    }

    async fn converse(
        &self,
        request: &ChatRequest,
        stop: Stop,
        ear: &mut Ear<'_>,
    ) -> Result<(), Fault> {
        let client = match self.line {
            Line::Network => Some(wire::client(self.host)?),
            Line::Tape(..) => None,
        };
        let body = self.host.body(request, stop)?;
        let mut patience = Patience::new(self.limits.load);
        loop {
            let sent = self.exchange(client.as_ref(), request, &body, ear).await;
            let (fault, asked_s) = match sent {
                Ok(()) => return Ok(()),
                Err(Failure::Refused(refusal)) => {
                    ear.refused(refusal.retry_after_s);
                    (self.host.classify(&refusal), refusal.retry_after_s)
                }
                // An overload that was told behind the headers is waited for like one that was told in them, as long
                // as nothing was said.
                Err(Failure::Fault(fault)) if fault.class.is_wait() && ear.answer.is_empty() => {
                    ear.again();
                    (fault, None)
                }
                Err(Failure::Fault(fault)) if fault.class.is_wait() => {
                    return Err(Fault::new(ErrorClass::MidStream, fault.message));
                }
                // Words that came have to be paid, whatever the server calls its error.
                Err(Failure::Fault(fault)) if self.is_refusal_behind_words(&fault, ear) => {
                    return Err(Fault::new(ErrorClass::MidStream, fault.message));
                }
                Err(Failure::Fault(fault)) => return Err(fault),
            };
            if !fault.class.is_wait() {
                return Err(self.learned(&request.model, fault));
            }
            ear.open = false;
            if let Line::Tape(call, played) = &self.line {
                // What was waited for then is not waited for again; one that was given up is given up.
                if played.get() >= call.tries.len() {
                    return Err(fault);
                }
                continue;
            }
            let (now, left) = (self.watch.elapsed(), self.watch.left());
            let Some(wait) = patience.next(fault.class, asked_s, now, left, dice()) else {
                let message = format!(
                    "{} ({} tries in {} s)",
                    fault.message,
                    patience.tries(),
                    now.as_secs()
                );
                return Err(Fault::new(fault.class, message));
            };
            tracing::debug!(host = %self.host, model = request.model, class = %fault.class, ?wait, "waiting for a busy host");
            self.watch.sleep(wait).await?;
        }
    }

    /// One request and its answer.
    async fn exchange(
        &self,
        client: Option<&Client>,
        request: &ChatRequest,
        body: &[u8],
        ear: &mut Ear<'_>,
    ) -> Result<(), Failure> {
        let sent = match (&self.line, client) {
            (Line::Tape(call, played), _) => tape::play(call, played, request, ear),
            (Line::Network, Some(client)) => {
                ear.begin(self.host.reader(request));
                let url = self.host.chat_url();
                let body = body.to_vec();
                wire::post_stream(client, &url, body, &self.watch, self.limits, ear).await
            }
            (Line::Network, None) => Err(Failure::Fault(Fault::new(
                ErrorClass::Unreachable,
                "there is no client",
            ))),
        };
        if let Err(Failure::Fault(fault)) = &sent {
            ear.failed(fault);
        }
        sent
    }

    /// An error that would say that nothing was used, behind a part of an answer. On a host of one's own it keeps its class.
    fn is_refusal_behind_words(&self, fault: &Fault, ear: &Ear<'_>) -> bool {
        let refusals = [
            ErrorClass::BadRequest,
            ErrorClass::Refused,
            ErrorClass::ModelMissing,
            ErrorClass::NoTools,
            ErrorClass::ServerFault,
        ];
        let is_own = matches!(self.host, HostRef::Ollama(_));
        !is_own && !ear.answer.is_empty() && refusals.contains(&fault.class)
    }

    /// A server that refuses a prompt as too long may say how long its window is.
    fn learned(&self, model: &str, fault: Fault) -> Fault {
        if let (HostRef::Openai(host), Some(window)) = (self.host, fault.window) {
            host.windows.learn(model, window);
        }
        fault
    }

    /// Whether the server has read all of the prompt. One that cuts prompts does so with HTTP 200.
    async fn check_whole(&self, sent: &ChatRequest, ear: &Ear<'_>) -> Result<(), Fault> {
        if let Line::Tape(call, _) = self.line {
            // It was judged by what was known then.
            let cut = call.failed.as_ref();
            let cut = cut.filter(|failed| failed.class == ErrorClass::ContextTruncated);
            return cut.map_or(Ok(()), |failed| Err(failed.fault()));
        }
        let usage = ear.answer.usage;
        let window = match self.host {
            HostRef::Ollama(_) => sent.profile.num_ctx,
            HostRef::Openai(host) => {
                let known = host.windows.of(&sent.model);
                let used = usage.prompt_tokens.saturating_add(usage.output_tokens);
                // llama-server counts what it took from its cache, read and wrote: with a context that shifts, this is
                // more than it can hold at once, and the oldest part is gone.
                if let Some(window) = known.filter(|window| used > u64::from(*window)) {
                    let message = format!(
                        "the server used {used} tokens in a window of {window}, so it dropped the oldest of them"
                    );
                    return Err(Fault::new(ErrorClass::ContextTruncated, message));
                }
                known.unwrap_or(sent.profile.num_ctx)
            }
            // It refuses a prompt that does not fit, and never cuts one.
            HostRef::Anthropic(_) => u32::MAX,
        };
        let rates = self.host.rates();
        let verdict = rates.judge(&sent.model, prompt_chars(sent), usage.prompt_tokens, window);
        let Verdict::Truncated { expected } = verdict else {
            return Ok(());
        };
        // Where the server counts exactly, our estimate is only a reason to ask it.
        let exact = match self.host {
            HostRef::Openai(host) => openai::probe::input_tokens(host, sent, &self.watch)
                .await
                .ok()
                .flatten(),
            HostRef::Ollama(_) | HostRef::Anthropic(_) => None,
        };
        if exact.is_some_and(|exact| exact <= usage.prompt_tokens) {
            return Ok(());
        }
        let (about, expected) = exact.map_or(("about ", expected), |exact| ("", exact));
        let message = format!(
            "{about}{expected} prompt tokens were sent, the server counted {} in a window of {window}",
            usage.prompt_tokens
        );
        Err(Fault::new(ErrorClass::ContextTruncated, message))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
