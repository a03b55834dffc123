//! What the factory knows: how a question becomes a search, what of it reaches a brief, and the wiki's pages.
//!
//! Invariants, stated as absences: nothing here but `bookstack` waits for another machine; nothing here is evidence; no page is written through a
//! symlink or half; no entry reaches a brief without its source.

pub mod bookstack;
mod markdown;
pub mod pages;
pub mod recall;
pub mod wiki;
