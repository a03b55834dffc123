/// A span of time.
///
/// ```
/// let span = units::Duration::minutes(2.0);
/// assert_eq!(span.as_seconds(), 120.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Span(f64);

impl Span {
    pub fn from_seconds(seconds: f64) -> Self {
        Self(seconds)
    }

    /// ```
    /// assert_eq!(units::Duration::minutes(0.5).as_seconds(), 30.0);
    /// ```
    pub fn from_minutes(minutes: f64) -> Self {
        Self(minutes * 60.0)
    }

    pub fn seconds(self) -> f64 {
        self.0
    }
}
