//! Measures one commit by the nineteen checks and seals what was seen.
//!
//! Invariants, stated as absences: nothing here trusts a file that an agent could write; no program of a repository runs
//! outside a cage or with a network; no clone is used by two
//! purposes of the table in `measure`; nothing here knows the store or a model.

pub mod advisories;
mod ahead;
mod alone;
mod asleep;
mod asserted;
mod base;
mod builtin;
pub mod census;
mod change;
mod checks;
mod configuration;
mod coverage;
mod docs;
mod edited;
mod error;
pub mod evidence;
mod functions;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod load;
mod measure;
mod mutants;
mod notice;
mod operators;
mod optional;
mod patched;
mod paths;
mod probe;
mod reports;
mod restore;
mod review;
mod runs;
mod scan;
mod source;
mod stage;
mod testfns;
mod written;

pub use ahead::{reproduced, tests_touched};
pub use base::{Base, Ground, base, base_keeping};
pub use checks::secrets::{Spot, blacken, secrets_in};
pub use docs::{DOCS_CHECKS, DOCS_PATHS, DocsCandidate, DocsMeasured, judge_docs, measure_docs};
pub use error::{GateError, Refused};
pub use measure::{Behind, Candidate, Measured, Summary, measure, refused_unrun, tree_digest};
pub use paths::{Globs, changeable, frees_nothing, is_test, no_test, pattern_of, test_places};
pub use probe::{probe, probe_seen};
pub use review::{check_criteria, check_review};
pub use source::code_of;
