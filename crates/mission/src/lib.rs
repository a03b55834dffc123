//! Mission Control: the one store and the only SQL.
//!
//! Invariants, stated as absences: nothing outside this room writes SQL; no second process ever writes (a file lock); no
//! answer is given before its commit is durable; no row of `event` is ever changed; no waiting task lacks an owner, a
//! deadline or a next action; nothing here decides what should happen next or speaks HTTP, and every time is the caller's.

mod act;
mod alarm;
mod answer;
mod apply;
mod backup;
mod claim;
mod class;
mod commit;
mod error;
mod event;
mod fold;
mod fsck;
mod gone;
mod inbox;
mod judged;
mod learned;
mod ledger;
mod merge;
mod mind;
mod no_model;
mod outbox;
mod person;
mod project;
mod queue;
mod reader;
mod ready;
mod rework;
mod run;
mod schedule;
mod schema;
mod search;
mod session;
mod slot;
mod stats;
mod step;
mod task;
mod transfer;
mod uncaged;
mod waits;
mod words;
mod writer;

pub use alarm::Alarm;
pub use answer::AnswerRow;
pub use backup::restore;
pub use claim::{Claim, ClaimLimits, Fence, Slot, SlotsOf};
pub use commit::CrashPoint;
pub use error::{EngineError, MissionError};
pub use event::EventRow;
pub use fsck::{Fault, fsck, fsck_served, invariants};
pub use inbox::{By, RequestKey};
pub use judged::JudgedRow;
pub use learned::Learned;
pub use ledger::{Call, CapRow, CostBy, CostLine, CostReport, Intent, Scope, Spend, UnknownCall};
pub use merge::{MergeKind, MergeRow, MergeState};
pub use mind::{MindEntry, MindQuery};
pub use outbox::OutboxRow;
pub use person::Handed;
pub use project::{Delivery, NewProject, Project, ProjectSettings};
pub use reader::Reader;
pub use ready::{Behind, Queue, Ready};
pub use run::{Holder, RunRow, RunState};
pub use schedule::{Fired, NewSchedule, Schedule};
pub use schema::SCHEMA_VERSION;
pub use search::Match;
pub use session::{Begun, Said, Session};
pub use slot::Borrowed;
pub use stats::{Standing, Stats, Taken};
pub use step::{StepRow, StepState};
pub use task::{Filter, NeedRow};
pub use waits::Waits;
pub use words::{SaidWord, WORDS_MAX};
pub use writer::{Mission, holder};
