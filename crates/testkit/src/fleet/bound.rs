//! A time in which nobody finishes a trace, who knows all true durations beforehand.
//!
//! Let `T` be a time by which some schedule ends everything. Give each place (a model on a host) two prices at each moment of `[0, T]`, none of
//! them negative: one for a millisecond of a call, one for a millisecond of its load.
//!
//! - What is paid is at most what hosts can earn. At each moment a host is in one of its states ([`configs`]): a set of models that its memory
//!   holds together, calls of those that are there within the slots of host and place, and at most one of the set being loaded, which answers
//!   nothing. Its prices together are at most those of its dearest state, in which no model answers that cannot have been loaded yet. A model that
//!   leaves no room beside it is in no state with another, so that its calls and loads take the whole host, and not a share of its slots.
//! - What is paid is at least what the tasks must pay. Each task runs once, without a break, in one of its ways, not before what it needs can
//!   have ended and its model can be there, and early enough for what comes behind it: it pays at least the cheapest of these. Of the first load
//!   of a place each task that may run there carries an equal share, the cheapest load that is over when it starts; those that do run there
//!   carry at most the whole of that one load, and begin after it.
//!
//! What is not refuted so is held against prices of calls alone once more, more exactly: a host earns what the dearest whole course of its sets of models
//! earns, in which each load takes its time whenever it comes ([`courses`]), and a task begins after one that it needs ([`trees`]).
//!
//! When the tasks must pay more than the hosts can earn, nobody ends by `T`. The prices are looked for ([`prices`]); however bad they are, what
//! is refuted by them is refuted. The first `T` that is tried is the critical path.

mod configs;
mod courses;
mod facts;
mod prices;
mod trees;

use super::trace::Trace;
use facts::Facts;
use prices::{Look, Prices};

/// Prices are improved so many times for each time that is tried.
pub(super) const BOUND_ROUNDS: usize = 1000;
/// The exact look finds little more in more rounds than these.
const ROUNDS_OF_COURSES: usize = 300;
/// Times that are tried, as shares beyond the bound so far.
const STEPS: [f64; 5] = [0.25, 0.08, 0.02, 0.005, 0.002];
const STEPS_OF_COURSES: [f64; 4] = [0.03, 0.01, 0.004, 0.002];

/// Milliseconds from the beginning; every schedule of the trace takes at least as long.
pub fn lower_bound_ms(trace: &Trace) -> i64 {
    bound_in_rounds_ms(trace, BOUND_ROUNDS)
}

/// The same with less or more search: true for any number of rounds, and with few of them lower.
pub fn bound_in_rounds_ms(trace: &Trace, rounds: usize) -> i64 {
    let facts = Facts::of(trace);
    let mut bound_ms = facts.critical_ms;
    let mut prices = Prices::even(&facts);
    let mut raise = |look: Look, steps: &[f64], rounds: usize| {
        for step in steps {
            loop {
                // Whole milliseconds, as all times of schedules are.
                let tried_ms = (bound_ms * (1.0 + step)).ceil();
                if !prices.refute(&facts, look, tried_ms, rounds) {
                    break;
                }
                bound_ms = tried_ms;
            }
        }
    };
    raise(Look::Moments, &STEPS, rounds);
    let rounds = rounds.min(ROUNDS_OF_COURSES);
    raise(Look::Courses, &STEPS_OF_COURSES, rounds);
    bound_ms as i64
}
