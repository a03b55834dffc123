#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    cells: Vec<i64>,
}

impl Matrix {
    /// Makes a matrix of its cells, row by row.
    ///
    /// # Panics
    ///
    /// When there are too few or too many cells.
    pub fn new(rows: usize, columns: usize, cells: &[i64]) -> Self {
        assert_eq!(cells.len(), rows * columns, "cells of a {rows}x{columns} matrix");
        Self { rows, columns, cells: cells.to_vec() }
    }

    pub fn identity(size: usize) -> Self {
        let cells: Vec<i64> = (0..size * size).map(|n| i64::from(n % (size + 1) == 0)).collect();
        Self::new(size, size, &cells)
    }

    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// The product with another matrix.
    pub fn mul(&self, other: &Self) -> Self {
        let mut cells = Vec::new();
        for row in 0..self.rows {
            for column in 0..self.rows {
                let term = |n| self.cells[row * self.columns + n] * other.cells[n * self.rows + column];
                cells.push((0..self.columns).map(term).sum());
            }
        }
        Self { rows: self.rows, columns: self.rows, cells }
    }

    /// The product of a square matrix with itself, `power` times.
    pub fn pow(&self, power: u32) -> Self {
        (0..power).fold(Self::identity(self.rows), |product, _| product.mul(self))
    }
}
