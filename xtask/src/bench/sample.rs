//! What a series of measurements says.

use std::time::Duration;

/// The middle and the worst of a series, by nearest rank: both are values that were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spread {
    pub(crate) median: Duration,
    /// 99 of 100 were not slower. Of fewer than 100 this is the slowest.
    pub(crate) p99: Duration,
    pub(crate) count: usize,
}

/// `None` for an empty series.
pub(crate) fn spread(mut series: Vec<Duration>) -> Option<Spread> {
    series.sort_unstable();
    let count = series.len();
    let rank = |percent: usize| {
        series
            .get((count * percent).div_ceil(100).saturating_sub(1))
            .copied()
    };
    Some(Spread {
        median: rank(50)?,
        p99: rank(99)?,
        count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(series: impl IntoIterator<Item = u64>) -> Option<(u128, u128, usize)> {
        let spread = spread(series.into_iter().map(Duration::from_millis).collect())?;
        Some((
            spread.median.as_millis(),
            spread.p99.as_millis(),
            spread.count,
        ))
    }

    #[test]
    fn median_and_p99_are_measured_values() {
        assert_eq!(of([]), None);
        assert_eq!(of([7]), Some((7, 7, 1)));
        assert_eq!(of([9, 1, 5]), Some((5, 9, 3)));
        assert_eq!(of((1..=100).rev()), Some((50, 99, 100)));
        assert_eq!(of(1..=1000), Some((500, 990, 1000)));
    }
}
