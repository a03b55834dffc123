//! The evidence package: a folder that says what one run did, each byte of it under the gate's signature.
//!
//! A signature proves who recorded the evidence, not that it is true; repeating the deterministic checks proves that.
//! Memory is no evidence: the statement has no place for it.

pub mod advice;
mod attest;
pub(crate) mod dsse;
mod files;
pub mod head;
pub mod key;
mod older;
mod package;
mod quality;
mod recipe;
mod schema;
mod script;
mod statement;
mod verify;

pub use attest::{SUMMARY_TYPE, TEST_RESULT_TYPE};
pub use files::EvidenceError;
pub use key::{GateKey, PinnedKey};
pub use older::lacks;
pub use package::{Contents, complete, promises, sandbox, seal, write};
pub use quality::quality;
pub use recipe::{Recipe, Sources, point, recipe_of, sources_of};
pub use schema::schema_text;
pub use statement::{
    About, Artifact, CommandEntry, Kept, PREDICATE_TYPE, Predicate, Statement, Subject, Usage,
};
pub use verify::{Fault, Verified, verify};
