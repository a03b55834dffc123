//! A key-value store in one append-only file, with a line protocol over TCP.

pub mod protocol;
pub mod record;
pub mod server;
pub mod store;

pub use store::Store;
