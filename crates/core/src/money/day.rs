//! The day that an amount is booked on.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::civil;

const DAY_MS: i64 = 24 * 3_600_000;

/// A day in UTC, counted from the Unix epoch. Not the machine's local day: a laptop that travels, and the change to summer time,
/// would make days that a cap holds twice or not at all. A call belongs to the day on which it was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Day(pub i64);

impl Day {
    pub fn of(ms: i64) -> Day {
        Day(ms.div_euclid(DAY_MS))
    }

    /// When the next one begins, in milliseconds since the Unix epoch.
    pub fn end_ms(self) -> i64 {
        self.0.saturating_add(1).saturating_mul(DAY_MS)
    }

    /// The first of so many days that end with this one.
    #[must_use]
    pub fn first_of(self, days: u32) -> Day {
        Day(self.0.saturating_sub(i64::from(days.saturating_sub(1))))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let day = Day::of(1_795_248_300_000);
        assert_eq!(day.to_string(), "2026-11-21");
        assert_eq!(Day::of(day.end_ms()), Day(day.0 + 1));
        assert_eq!(Day::of(day.end_ms() - 1), day);
        assert_eq!(Day::of(-1), Day(-1));
        assert_eq!((day.first_of(1), day.first_of(7)), (day, Day(day.0 - 6)));
    }
}
