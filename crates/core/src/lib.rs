//! Decisions of the factory: pure values in, values out.
//!
//! Invariants, stated as absences: nothing here reads a file, a clock, an environment variable or a model; nothing here
//! knows SQL, HTTP or git; nothing here is async.

pub mod ahead;
pub mod blueprint;
pub mod breaker;
pub mod brief;
pub mod cage;
pub mod calibrate;
pub mod company;
pub mod cron;
pub mod delegation;
pub mod evidence_ref;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod ids;
pub mod json_schema;
pub mod lifecycle;
pub mod line;
pub mod mcp;
pub mod mode;
pub mod money;
pub mod notify;
pub mod overlap;
pub mod parcel;
pub mod patch;
pub mod pipeline;
pub mod plan;
pub mod pull;
pub mod qa;
pub mod queue;
pub mod record;
pub mod review;
pub mod routing;
pub mod safety;
pub mod sarif;
pub mod schedule;
pub mod services;
pub mod session;
pub mod skills;
pub mod task;
pub mod time;
pub mod transition;
pub mod trust;
pub mod verify;
pub mod why;
