//! A fleet that is simulated: seeded traces of work, the physics of hosts that load and serve models, what a plain proxy would do, a
//! time that nobody can beat, and the best there is for a handful of jobs.
//!
//! Time is virtual: nothing here waits, and a trace gives the same figures on every machine.

mod bound;
mod clairvoyant;
mod families;
mod figures;
mod optimum;
mod proxy;
mod simulation;
mod trace;

pub use bound::{bound_in_rounds_ms, lower_bound_ms};
pub use clairvoyant::clairvoyant_ms;
pub use families::{FAMILIES, Family, tiny};
pub use figures::{Figures, Measured, figures, measured, measured_in_rounds};
pub use optimum::optimum_ms;
pub use simulation::{Ended, Fault, Outcome, Policy, simulate};
pub use trace::{Task, Trace, Way};
