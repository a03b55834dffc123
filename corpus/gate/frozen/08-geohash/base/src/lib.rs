//! Geohashes: places as short texts.

mod encode;

pub use encode::encode;
