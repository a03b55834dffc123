//! The most frequent words of a text.

mod command;
mod words;

pub use words::top;
