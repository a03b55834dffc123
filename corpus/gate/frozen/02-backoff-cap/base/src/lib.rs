//! How long to wait before the next try.

mod policy;

pub use policy::Backoff;
