//! Matrices of whole numbers.

mod matrix;

pub use matrix::Matrix;
