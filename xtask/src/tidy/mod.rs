//! `cargo xtask tidy`: the house rules as tests. Each rule is a pure function over paths and texts.

mod check;
mod companies;
mod documents;
mod edges;
mod finding;
mod licences;
mod metadata;
mod reexports;
mod rooms;
mod rust_code;
mod sizes;
mod traps;
mod words;

pub(crate) use check::run;
