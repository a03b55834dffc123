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

/// Reads a time of RFC 3339, such as `2026-11-21T08:05:00.25Z`, in whole milliseconds. `None` for what is none.
pub fn parse_rfc3339_ms(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = text.get(range)?;
        part.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    let mark = |at: usize, of: &str| text.get(at..at + 1).filter(|c| of.contains(*c)).map(|_| ());
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    for (at, of) in [(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")] {
        mark(at, of)?;
    }
    let rest = text.get(19..)?;
    let digits = rest.strip_prefix('.').map_or("", |rest| {
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        &rest[..end]
    });
    let zone = rest.get(digits.len() + usize::from(rest.starts_with('.'))..)?;
    let offset_min = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            match zone.get(..1)? {
                "+" => minutes,
                "-" => -minutes,
                _ => return None,
            }
        }
    };
    let milli: i64 = format!("{digits:0<3}").get(..3)?.parse().ok()?;
    let days = days_from_civil(year, month, day)?;
    let within = hour < 24 && minute < 60 && second < 61;
    within.then(|| days * DAY_MS + ((hour * 60 + minute - offset_min) * 60 + second) * 1000 + milli)
}

/// The inverse of [`civil`]; `None` for a day that no month has.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let shifted = year - i64::from(month <= 2);
    let era = shifted.div_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let year_of_era = shifted.rem_euclid(400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    (civil(days) == (year, month, day)).then_some(days)
}

/// Such as `2026-11-21T08:05:09.120Z` (RFC 3339).
pub fn rfc3339(ms: i64) -> String {
    let (year, month, day) = civil(ms.div_euclid(DAY_MS));
    let ms = ms.rem_euclid(DAY_MS);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        ms / 3_600_000,
        ms / 60_000 % 60,
        ms / 1_000 % 60,
        ms % 1_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_rfc_3339_are_read_and_nothing_else_is() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00z", 951_782_400_000),
            ("2026-11-21T08:05:00.2569Z", 1_795_248_300_256),
            ("2026-11-21T10:05:00+02:00", 1_795_248_300_000),
            ("2026-11-21 07:35:00-00:30", 1_795_248_300_000),
        ] {
            assert_eq!(parse_rfc3339_ms(text), Some(ms), "{text}");
        }
        for bad in [
            "",
            "2026-02-30T00:00:00Z",
            "2026-11-21",
            "2026-11-21T25:00:00Z",
            "2026-11-21T08:05:00",
            "soon",
        ] {
            assert_eq!(parse_rfc3339_ms(bad), None, "{bad}");
        }
    }

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

    #[test]
    fn moments_for_programs_have_seconds_and_a_zone() {
        assert_eq!(rfc3339(1_795_248_309_120), "2026-11-21T08:05:09.120Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
    }
}
