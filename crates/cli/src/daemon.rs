//! The daemon's local socket: one line of JSON asks, one line answers. The folder's mode keeps others out.

pub(crate) mod client;
pub(crate) mod server;

use alai_core::ids::{RunId, TaskId};
use alai_factory::basis::Basis;
use alai_factory::{Op, OpError, Outcome, Pulse, ScheduleView};
use serde::{Deserialize, Serialize};

/// A request line is a task's text at most; more is no request of ours.
const LINE_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Raised when the wire changes; another one is refused by name.
    version: u32,
    actor: String,
    ask: Ask,
}

const VERSION: u32 = 2;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Ask {
    Pulse,
    /// How its scheduler stands. A daemon of before does not know it, and refuses.
    Fleet,
    /// What a task goes by. A daemon of before does not know it, and refuses.
    Explain {
        task: TaskId,
        run: Option<RunId>,
    },
    /// The key makes the same request, sent again after a lost answer, one request.
    Perform {
        op: Box<Op>,
        key: String,
    },
    Stop {
        now: bool,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Answer {
    Pulse { pulse: Pulse },
    Fleet { view: Box<ScheduleView> },
    Explained { basis: Box<Basis> },
    Done { outcome: Box<Outcome> },
    Refused { error: OpError },
    Stopping,
}
