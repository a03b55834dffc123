//! One server that runs: the wire to it, by rmcp over its two pipes, on the caller's thread.
//!
//! Nothing of it runs between two calls: a server that writes meanwhile fills its pipe and waits. Whatever goes wrong is a
//! [`Broken`], after which nothing more is believed of this server.

mod hear;
mod host;

use std::future::Future;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alai_workspace::command::Cancel;
use rmcp::RoleClient;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, JsonObject, PaginatedRequestParams,
    ProtocolVersion, Tool,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, RunningService, ServiceError,
    serve_client_with_lifecycle,
};
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::net::unix::pipe;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

pub(super) use hear::Words;
use hear::{Bounded, Heard};
use host::Host;

/// How often a wait looks whether the run was cancelled, or its server has said too much.
const TICK: Duration = Duration::from_millis(50);
/// What a server that has ended may still have to say.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Pages of a list of tools; servers send one.
const PAGES_MAX: usize = 20;
/// Tools of one server. The largest ones that are known have about a hundred.
const TOOLS_MAX: usize = 512;
/// Of one list, all its pages together: as much as one message.
const LISTED_BYTES_MAX: usize = 4 << 20;

/// A server's program in its cage.
pub struct Started {
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    /// What it was given and nobody is to read.
    pub secrets: Vec<String>,
    /// How its cage holds it.
    pub layers: Vec<String>,
    /// Ends it with everything that it started; how it had ended, where it did so by itself.
    pub end: Box<dyn FnOnce() -> String>,
}

/// Why a server is ended. A detail is the server's own words as they are: whoever shows it veils and cuts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    Late { after_s: u64 },
    Flooded { what: &'static str },
    Died,
    Nonsense { detail: String },
    Cancelled,
}

/// What came of a call.
pub(super) enum Answer {
    Result(Box<CallToolResult>),
    /// The server refuses it by an error of the protocol, in its own words as they are.
    Error(String),
}

/// A wire to a server that runs.
pub(super) struct Line {
    service: RunningService<RoleClient, Host>,
    heard: Arc<Heard>,
    words: JoinHandle<()>,
    end: Box<dyn FnOnce() -> String>,
    runtime: Runtime,
}

/// How a server ended.
pub(super) struct Ended {
    pub(super) how: String,
    pub(super) last_words: Words,
}

impl Line {
    /// Greets a server that was just started.
    ///
    /// # Errors
    /// What was wrong with it, and how it ended: it has.
    pub(super) fn open(
        started: Started,
        after_s: u64,
        cancel: &Cancel,
    ) -> Result<Line, (Broken, Ended)> {
        let Started {
            stdin,
            stdout,
            stderr,
            end,
            ..
        } = started;
        let heard = Arc::new(Heard::default());
        let failed = |why: std::io::Error| Broken::Nonsense {
            detail: format!("its pipes cannot be used: {why}"),
        };
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(why) => return Err((failed(why), Ended::of(end(), &heard))),
        };
        let wires = {
            let _within = runtime.enter();
            pipe::Receiver::from_owned_fd(stdout).and_then(|out| {
                let err = pipe::Receiver::from_owned_fd(stderr)?;
                Ok((out, err, pipe::Sender::from_owned_fd(stdin)?))
            })
        };
        let (out, err, to) = match wires {
            Ok(wires) => wires,
            Err(why) => return Err((failed(why), Ended::of(end(), &heard))),
        };
        let words = runtime.spawn(hear::last_words(err, Arc::clone(&heard)));
        let out = Bounded::new(out, Arc::clone(&heard));
        let transport = AsyncRwTransport::new(out, to).with_max_line_length(hear::LINE_BYTES_MAX);
        let host = Host(Arc::clone(&heard));
        let greeting = serve_client_with_lifecycle(host, transport, lifecycle());
        let greeted = runtime.block_on(patient(greeting, after_s, cancel, &heard));
        let greeted = greeted.and_then(|done| done.map_err(|why| refused(&why, &heard)));
        match greeted {
            Ok(service) => Ok(Line {
                service,
                heard,
                words,
                end,
                runtime,
            }),
            Err(broken) => {
                let how = end();
                drain(&runtime, words);
                runtime.shutdown_background();
                Err((broken, Ended::of(how, &heard)))
            }
        }
    }

    /// The revision of the protocol that is spoken.
    pub(super) fn version(&self) -> String {
        let info = self.service.peer_info();
        info.map_or_else(String::new, |info| info.protocol_version.to_string())
    }

    /// All its tools, as it lists them now.
    ///
    /// # Errors
    /// [`Broken`].
    pub(super) fn tools(&self, after_s: u64, cancel: &Cancel) -> Result<Vec<Tool>, Broken> {
        let listing = async {
            let mut all = Vec::new();
            let mut cursor = None;
            let mut bytes = 0;
            for _ in 0..PAGES_MAX {
                let params = PaginatedRequestParams::default().with_cursor(cursor);
                let page = self.service.list_tools(Some(params)).await?;
                bytes += page.tools.iter().map(size).sum::<usize>();
                if bytes > LISTED_BYTES_MAX {
                    return Ok(None);
                }
                all.extend(page.tools);
                cursor = page.next_cursor;
                if cursor.is_none() || all.len() >= TOOLS_MAX {
                    break;
                }
            }
            all.truncate(TOOLS_MAX);
            Ok(Some(all))
        };
        let waited = patient(listing, after_s, cancel, &self.heard);
        let listed = self.runtime.block_on(waited)?;
        self.heard.tools_are_known();
        match listed {
            Ok(Some(all)) => Ok(all),
            Ok(None) => Err(Broken::Flooded {
                what: "more than 4 MiB of tools",
            }),
            Err(ServiceError::McpError(error)) => Err(Broken::Nonsense {
                detail: format!("it lists no tools: {}", error.message),
            }),
            Err(why) => Err(self.broken(&why)),
        }
    }

    /// Calls a tool once.
    ///
    /// # Errors
    /// [`Broken`]; an error that the server tells is an [`Answer`].
    pub(super) fn call(
        &self,
        tool: &str,
        arguments: JsonObject,
        after_s: u64,
        cancel: &Cancel,
    ) -> Result<Answer, Broken> {
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let calling = self.service.call_tool_once(params);
        let waited = patient(calling, after_s, cancel, &self.heard);
        let odd = |what: &str| Ok(Answer::Error(what.to_owned()));
        match self.runtime.block_on(waited)? {
            Ok(CallToolResponse::Complete(result)) => Ok(Answer::Result(Box::new(result))),
            Ok(CallToolResponse::InputRequired(_)) => {
                self.heard.asked("input");
                odd("the server asks for more input before it answers, which nobody gives here")
            }
            Ok(CallToolResponse::Task(_)) => odd(
                "the server made a task of it that is to be asked for later, which is not done here",
            ),
            Ok(_) => odd("the server answered with what is no result of a tool"),
            Err(ServiceError::McpError(error)) => Ok(Answer::Error(error.message.into_owned())),
            Err(ServiceError::UnexpectedResponse) => {
                odd("the server answered with what is no result of a tool")
            }
            Err(why) => Err(self.broken(&why)),
        }
    }

    /// Whether the server has said since the last list that its tools changed.
    pub(super) fn tools_changed(&self) -> bool {
        self.heard.tools_changed()
    }

    /// What the server has asked of us, which was refused; each kind is said once.
    pub(super) fn requests(&self) -> Vec<&'static str> {
        self.heard.requests()
    }

    /// Ends the server.
    pub(super) fn close(self) -> Ended {
        let Line {
            service,
            heard,
            words,
            end,
            runtime,
        } = self;
        let how = end();
        drain(&runtime, words);
        // What nobody waits for any more is dropped with the runtime.
        drop(service);
        runtime.shutdown_background();
        Ended::of(how, &heard)
    }

    fn broken(&self, why: &ServiceError) -> Broken {
        if let Some(what) = self.heard.flooded() {
            return Broken::Flooded { what };
        }
        let is_gone = matches!(
            why,
            ServiceError::TransportClosed
                | ServiceError::TransportSend(_)
                | ServiceError::Cancelled { .. }
        );
        match is_gone {
            true => Broken::Died,
            false => Broken::Nonsense {
                detail: why.to_string(),
            },
        }
    }
}

impl Ended {
    fn of(how: String, heard: &Heard) -> Ended {
        Ended {
            how,
            last_words: heard.words(),
        }
    }
}

/// Reads what a server that has ended left on its standard error.
fn drain(runtime: &Runtime, words: JoinHandle<()>) {
    // Something that it left behind may hold the pipe; then what was read until now is all.
    let _ = runtime.block_on(async { tokio::time::timeout(LAST_WORDS, words).await });
}

/// The newest revision first, which has no greeting; the older ones' where the server knows only them.
fn lifecycle() -> ClientLifecycleMode {
    ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: Some(ProtocolVersion::V_2025_11_25),
    }
}

/// Waits for an answer, as long as the run is wanted, its server keeps within its bounds, and there is time.
async fn patient<F: Future>(
    future: F,
    after_s: u64,
    cancel: &Cancel,
    heard: &Heard,
) -> Result<F::Output, Broken> {
    let started = Instant::now();
    let limit = Duration::from_secs(after_s);
    let mut future = pin!(future);
    loop {
        if cancel.is_cancelled() {
            return Err(Broken::Cancelled);
        }
        let left = limit.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err(Broken::Late { after_s });
        }
        if let Ok(answer) = tokio::time::timeout(left.min(TICK), future.as_mut()).await {
            return Ok(answer);
        }
        if let Some(what) = heard.flooded() {
            return Err(Broken::Flooded { what });
        }
    }
}

fn refused(why: &ClientInitializeError, heard: &Heard) -> Broken {
    match (heard.flooded(), why) {
        (Some(what), _) => Broken::Flooded { what },
        (None, ClientInitializeError::ConnectionClosed(_)) => Broken::Died,
        (None, ClientInitializeError::TransportError { .. }) => Broken::Died,
        (None, other) => Broken::Nonsense {
            detail: other.to_string(),
        },
    }
}

/// Bytes of a tool as its server describes it.
fn size(tool: &Tool) -> usize {
    serde_json::to_vec(tool).map_or(0, |json| json.len())
}
