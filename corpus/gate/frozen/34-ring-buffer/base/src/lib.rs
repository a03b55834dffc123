//! A queue of fixed size.

mod ring;

pub use ring::Ring;
