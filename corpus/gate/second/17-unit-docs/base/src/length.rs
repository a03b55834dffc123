use std::ops::{Add, Div};

use crate::Span;

/// A length.
///
/// ```
/// use units::Length;
///
/// let way = Length::metres(1.5) + Length::millimetres(20.0);
/// assert_eq!(way.as_metres(), 1.52);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Length(f64);

impl Length {
    pub fn from_metres(metres: f64) -> Self {
        Self(metres)
    }

    pub fn from_millimetres(millimetres: f64) -> Self {
        Self(millimetres / 1000.0)
    }

    pub fn metres(self) -> f64 {
        self.0
    }
}

impl Add for Length {
    type Output = Length;

    fn add(self, other: Length) -> Length {
        Length(self.0 + other.0)
    }
}

/// Metres in a second.
impl Div<Span> for Length {
    type Output = f64;

    fn div(self, span: Span) -> f64 {
        self.0 / span.seconds()
    }
}
