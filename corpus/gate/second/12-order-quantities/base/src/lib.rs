//! Orders as our shops send them: one item in a line, `ARTICLE;QUANTITY`.

mod item;
mod order;

pub use item::{Item, OrderError};
pub use order::Order;
