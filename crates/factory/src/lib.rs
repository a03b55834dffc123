//! The orchestrator: the only place that moves a task forward.
//!
//! Invariants, stated as absences: no SQL and no HTML here; no agent's word completes a task; neither the integration
//! branch nor the target branch moves before its intent is in the store; no run works without a lease; nothing is done in reaction to a message, which only
//! writes rows and wakes the beat.

pub mod advisories;
mod again;
mod agents;
mod around;
pub mod audit;
pub mod basis;
mod batch;
mod beat;
pub mod calibrate;
mod classify;
mod clock;
pub mod companies;
mod config;
mod console;
mod couriers;
pub mod diff;
mod dispatch;
mod evidence;
pub mod exchange;
pub mod fleet;
mod ground;
mod held;
mod home;
mod hosts;
mod housekeeping;
mod integrate;
mod landed;
mod launcher;
mod learned;
mod limits;
mod lines;
pub mod mcp;
mod models;
mod money;
pub mod notify;
mod ops;
mod outbox;
mod packs;
mod pipelines;
mod plan;
mod postflight;
pub mod publish;
mod recover;
mod remote;
mod rerun;
mod resolve;
mod room;
mod rules;
mod run;
mod saying;
mod schedule;
mod shelf;
mod sides;
pub mod skills;
mod sync;
mod tapes;
pub mod trust;
mod unasked;
pub mod validate;
mod verifier;
mod views;
mod way;
pub mod wiki;
mod wish;
mod work;

pub use advisories::ShelfError;
pub use agents::{AgentState, NamedAgent, Pay, SeenAgent};
pub use around::{Around, Life};
pub use beat::{Factory, Pulse};
pub use config::{Config, ConfigError};
pub use console::{
    Blocker, Console, ConsolePlan, ConsoleTask, ConsoleThread, console, line_is_over, under_way,
};
pub use dispatch::{Draining, HostView, Loading, ScheduleView, Took, WaitView, WordView};
pub use evidence::{evidence_dir, newest_evidence};
pub use held::Held;
pub use home::{Home, HomeError, InitReport, init};
pub use hosts::NamedHost;
pub use housekeeping::look_through_everything;
pub use lines::{LineSkip, LineTask, Lines, Pipeline, Which, lines};
pub use models::{Found, Models, Seen};
pub use money::Money;
pub use ops::{
    AddTask, CapOf, InName, Op, OpError, OpErrorKind, Outcome, ProjectChange, SessionAct, perform,
};
pub use packs::{Packs, PacksError, RefusedPacks, Source};
pub use plan::{ForGoal, outlook, plan_of, read_plan};
pub use recover::OpenError;
pub use remote::Looked;
pub use rerun::{Compared, RerunError, recipe, rerun};
pub use rules::QaRules;
pub use saying::Saying;
pub use shelf::{company_called, files_of};
pub use sync::{Synced, holds};
pub use tapes::{recording_into, turn_recording_off, turn_recording_on};
pub use views::{RunLine, ScheduleLine, Status, TaskView, Views};
pub use way::TEST_COMMAND;
pub use wish::{explain, explain_route};
pub use work::keep::kept as kept_clones;
