//! Moments as people read them. Times are milliseconds since the Unix epoch everywhere else.

const DAY_MS: i64 = 24 * 3_600_000;

/// A day of the proleptic Gregorian calendar: year, month from 1, day from 1.
///
/// The algorithm is Howard Hinnant's `civil_from_days` (public domain), exact for every day that fits.
pub fn civil(days_since_epoch: i64) -> (i64, i64, i64) {
    // Years that begin in March: the leap day is then the last of its year.
    let shifted = days_since_epoch + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = match month_from_march {
        0..=9 => month_from_march + 3,
        _ => month_from_march - 9,
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Such as `2026-11-21 08:05 UTC`.
pub fn utc(ms: i64) -> String {
    let (year, month, day) = civil(ms.div_euclid(DAY_MS));
    let minutes = ms.rem_euclid(DAY_MS) / 60_000;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02} UTC",
        minutes / 60,
        minutes % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_what_a_calendar_says() {
        for (ms, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400_000, "2000-02-29 00:00 UTC"),
            (1_795_248_300_000, "2026-11-21 08:05 UTC"),
            (4_107_542_399_999, "2100-02-28 23:59 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00 UTC"),
            (-1, "1969-12-31 23:59 UTC"),
        ] {
            assert_eq!(utc(ms), text);
        }
    }
}
