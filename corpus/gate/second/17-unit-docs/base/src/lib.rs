//! Lengths and spans of time that cannot be mixed up.
//!
//! ```
//! use units::{Duration, Length};
//!
//! let way = Length::metres(100.0);
//! let speed = way / Duration::seconds(9.58);
//! assert_eq!(format!("{speed:.2}"), "10.44");
//! ```
//!
//! A length and a span cannot be added.

mod length;
mod span;

pub use length::Length;
pub use span::Span;
