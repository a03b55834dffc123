//! Transformations of the plane.

use std::ops::Mul;

/// Entries that differ by less are taken as equal.
const EPSILON: f64 = 1e-9;

/// A 3 by 3 matrix, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Mat3(pub [[f64; 3]; 3]);

impl Mat3 {
    pub const IDENTITY: Mat3 = Mat3([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);

    pub fn rotation(angle: f64) -> Mat3 {
        let (sin, cos) = angle.sin_cos();
        Mat3([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    }

    pub fn scaling(x: f64, y: f64) -> Mat3 {
        Mat3([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]])
    }

    pub fn shear(k: f64) -> Mat3 {
        Mat3([[1.0, k, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    }

    pub fn determinant(&self) -> f64 {
        let [[a, b, c], [d, e, f], [g, h, i]] = self.0;
        a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    }

    /// The inverse, where there is one.
    pub fn inverse(&self) -> Option<Mat3> {
        unimplemented!("inverse")
    }
}

impl PartialEq for Mat3 {
    fn eq(&self, other: &Mat3) -> bool {
        let pairs = self.0.iter().flatten().zip(other.0.iter().flatten());
        pairs.into_iter().all(|(a, b)| (a - b).abs() <= EPSILON)
    }
}

impl Mul for Mat3 {
    type Output = Mat3;

    fn mul(self, other: Mat3) -> Mat3 {
        let mut product = [[0.0; 3]; 3];
        for (r, row) in product.iter_mut().enumerate() {
            for (c, entry) in row.iter_mut().enumerate() {
                *entry = (0..3).map(|k| self.0[r][k] * other.0[k][c]).sum();
            }
        }
        Mat3(product)
    }
}
