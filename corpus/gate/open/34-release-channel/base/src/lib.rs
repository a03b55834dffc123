//! What the tool prints.

mod align;

pub use align::align;

/// What the tool says of itself.
pub fn banner() -> String {
    format!("tool {}", env!("CARGO_PKG_VERSION"))
}
