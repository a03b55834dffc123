//! When a schedule fires: the five fields of a cron line, in UTC, and what becomes of firings that nobody was there for.
//!
//! All times are milliseconds since the Unix epoch. UTC has no summer time, so no hour comes twice and none is left out.

use std::iter::successors;

use serde::{Deserialize, Serialize};

use crate::time::civil;

/// A firing younger than this is on time. The daemon looks at its schedules with each beat, and a restart takes a minute or two:
/// neither of them makes a firing a missed one.
pub const GRACE_MS: i64 = 5 * 60 * 1000;

/// So many due firings are counted and at most so many are handed out: a week of a schedule that fires each minute. It bounds the
/// work after a clock that jumped by years.
pub const DUE_MAX: usize = 10_000;

const MINUTE_MS: i64 = 60 * 1000;
const DAY_MINUTES: i64 = 24 * 60;
/// The Gregorian calendar repeats after 400 years, weekdays included: what does not fire in so many days never does.
const CYCLE_DAYS: i64 = 146_097;

/// Why a text is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    #[error(
        "`{0}` is neither five fields (minute hour day-of-month month day-of-week) nor one of @hourly, @daily, @weekly, @monthly"
    )]
    Fields(String),
    #[error(
        "the field {field} has `{found}`; allowed are {allowed}, `*`, lists `a,b`, ranges `a-b` that go up, and steps `*/n` \
         or `a-b/n` with n from 1 to the last value"
    )]
    Value {
        field: &'static str,
        found: String,
        allowed: String,
    },
    #[error(
        "it never fires: month `{1}` has no day-of-month `{0}`; allowed are days that a month has"
    )]
    Never(String, String),
}

/// One of the five fields: its name, its first and its last value, and what its values are called from the first on.
type Field = (&'static str, i64, i64, &'static str);

const MONTHS: &str = "jan feb mar apr may jun jul aug sep oct nov dec";
const WEEKDAYS: &str = "sun mon tue wed thu fri sat";

/// A cron line that was read. Each field is a set: bit n stands for the value n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// 0 is Sunday, and so is 7.
    weekdays: u64,
    /// Both day fields are restricted: one of them is enough.
    either: bool,
}

impl Cron {
    /// Reads five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`. Refuses what would never fire, such as 30 February.
    ///
    /// When day-of-month and day-of-week are both restricted, a day matches when either does. As crontab(5) has it, a
    /// field with a `*` in it is not restricted: `*/2` and a weekday must both match.
    pub fn parse(text: &str) -> Result<Cron, CronError> {
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(CronError::Fields(text.to_owned()));
        };
        let cron = Cron {
            minutes: values(("minute", 0, 59, ""), minute)?,
            hours: values(("hour", 0, 23, ""), hour)?,
            days: values(("day-of-month", 1, 31, ""), day)?,
            months: values(("month", 1, 12, MONTHS), month)?,
            weekdays: values(("day-of-week", 0, 7, WEEKDAYS), weekday)?,
            either: !day.contains('*') && !weekday.contains('*'),
        };
        let never = || CronError::Never(day.to_owned(), month.to_owned());
        cron.next_after(0).map(|_| cron).ok_or_else(never)
    }

    /// The first firing strictly after `after_ms`. None only at the end of what an `i64` of milliseconds can say.
    pub fn next_after(&self, after_ms: i64) -> Option<i64> {
        let minute = after_ms.div_euclid(MINUTE_MS) + 1;
        let today = minute.div_euclid(DAY_MINUTES);
        let rest = self.time_from(minute.rem_euclid(DAY_MINUTES));
        let (day, time) = match rest.filter(|_| self.fires_on(today)) {
            Some(time) => (today, time),
            None => (self.day_from(today + 1)?, self.time_from(0)?),
        };
        (day * DAY_MINUTES + time).checked_mul(MINUTE_MS)
    }

    /// The newest firing after `after_ms` and not after `until_ms`, by bisection: `next_after` never goes down.
    fn newest_within(&self, after_ms: i64, until_ms: i64) -> Option<i64> {
        let first_after = |at| self.next_after(at).filter(|firing| *firing <= until_ms);
        let mut newest = first_after(after_ms)?;
        // Nothing fires between here and the end. Firings are whole minutes, so what is closer to the newest holds no other.
        let mut quiet = until_ms;
        while quiet.saturating_sub(newest) >= MINUTE_MS {
            let middle = newest + quiet.saturating_sub(newest) / 2;
            match first_after(middle) {
                Some(firing) => newest = firing,
                None => quiet = middle,
            }
        }
        Some(newest)
    }

    /// The first day from `day` on that matches, in days since the epoch. Months that do not match are stepped over whole.
    fn day_from(&self, mut day: i64) -> Option<i64> {
        let end = day + CYCLE_DAYS;
        while day < end {
            let (year, month, _) = civil(day);
            let next = days_from_civil(year + month / 12, month % 12 + 1, 1);
            if has(self.months, month)
                && let Some(found) = (day..next).find(|day| self.fires_on(*day))
            {
                return Some(found);
            }
            day = next;
        }
        None
    }

    fn fires_on(&self, day: i64) -> bool {
        let (_, month, day_of_month) = civil(day);
        // The epoch was a Thursday.
        let weekday = has(
            self.weekdays | (self.weekdays >> 7),
            (day + 4).rem_euclid(7),
        );
        let day_of_month = has(self.days, day_of_month);
        let matches = (day_of_month && weekday) || (self.either && (day_of_month || weekday));
        matches && has(self.months, month)
    }

    /// The first matching minute of a day from minute `from` on, counted from midnight.
    fn time_from(&self, from: i64) -> Option<i64> {
        let mut hours = (from / 60..24).filter(|hour| has(self.hours, *hour));
        hours.find_map(|hour| {
            let mut minutes = (from - hour * 60).max(0)..60;
            let minute = minutes.find(|minute| has(self.minutes, *minute))?;
            Some(hour * 60 + minute)
        })
    }
}

/// What becomes of firings that were missed while nobody was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// They are gone; only a firing that is on time counts.
    Skip,
    /// The newest one stands for all of them.
    One,
    /// Each of them is made up for, within a bound.
    All,
}

impl CatchUp {
    pub const ALL: [CatchUp; 3] = [CatchUp::Skip, CatchUp::One, CatchUp::All];

    pub fn as_str(self) -> &'static str {
        match self {
            CatchUp::Skip => "skip",
            CatchUp::One => "one",
            CatchUp::All => "all",
        }
    }

    pub fn parse(text: &str) -> Option<CatchUp> {
        CatchUp::ALL.into_iter().find(|c| c.as_str() == text)
    }
}

/// What a look at a schedule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// What fires now, oldest first; the times that the schedule named.
    pub firings: Vec<i64>,
    /// What was due and does not fire. Exact while at most `DUE_MAX` firings are due; with more of them it is a lower bound.
    pub missed: u64,
    /// What the caller stores; none only at the end of time.
    pub next_ms: Option<i64>,
}

/// What fires at `now_ms` when the caller has stored `next_ms` as the next firing.
///
/// Skip: the newest due firing, when it is younger than `GRACE_MS`. One: the newest, however late. All: the newest `most` (and at
/// most `DUE_MAX`). Every other one is missed.
///
/// While `next_ms` lies ahead nothing fires and it stays as it is. So a clock that went back fires nothing twice, as long as the
/// caller stores the new `next_ms` together with what fired; and one that was far ahead leaves the schedule silent until then.
pub fn due(cron: &Cron, next_ms: i64, now_ms: i64, catch_up: CatchUp, most: usize) -> Due {
    let after_ms = next_ms.saturating_sub(1);
    let known = successors(cron.next_after(after_ms), |at| cron.next_after(*at));
    // One more than the cap, so that a count beyond it is seen to be one.
    let known = known.take(DUE_MAX + 1).take_while(|at| *at <= now_ms);
    let wanted = match catch_up {
        CatchUp::Skip | CatchUp::One => 1,
        CatchUp::All => most.min(DUE_MAX),
    };
    let newest = |until_ms| cron.newest_within(after_ms, until_ms);
    let backwards = successors(newest(now_ms), |at| newest(at.saturating_sub(1)));
    let mut firings: Vec<i64> = backwards.take(wanted).collect();
    firings.reverse();
    if catch_up == CatchUp::Skip {
        firings.retain(|firing| now_ms.saturating_sub(*firing) < GRACE_MS);
    }
    let missed = known.count().saturating_sub(firings.len());
    let ahead = Some(next_ms).filter(|at| *at > now_ms);
    Due {
        firings,
        missed: u64::try_from(missed).unwrap_or(u64::MAX),
        next_ms: ahead.or_else(|| cron.next_after(now_ms)),
    }
}

/// Whether a set holds a value, which is below 64.
fn has(set: u64, value: i64) -> bool {
    (set >> value) & 1 == 1
}

/// The values of one field, as a set.
fn values(field: Field, text: &str) -> Result<u64, CronError> {
    let (name, first, last, names) = field;
    let mut set = 0;
    for part in text.split(',') {
        let (low, high, step) = span(field, part).ok_or_else(|| CronError::Value {
            field: name,
            // An empty part shows nothing; the whole field does.
            found: if part.is_empty() { text } else { part }.to_owned(),
            allowed: format!("{first}-{last} {names}").trim_end().to_owned(),
        })?;
        for value in (low..=high).filter(|value| (value - low) % step == 0) {
            set |= 1 << value;
        }
    }
    Ok(set)
}

/// The first and the last value of a part of a list, and its step.
fn span(field: Field, part: &str) -> Option<(i64, i64, i64)> {
    let (_, first, last, _) = field;
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(number(step)?)),
        None => (part, None),
    };
    let (low, high) = match range.split_once('-') {
        Some((low, high)) => (value(field, low)?, value(field, high)?),
        None if range == "*" => (first, last),
        // A step needs a range to walk.
        None if step.is_some() => return None,
        None => (value(field, range)?, value(field, range)?),
    };
    let step = step.unwrap_or(1);
    (low <= high && (1..=last).contains(&step)).then_some((low, high, step))
}

fn value((_, first, last, names): Field, text: &str) -> Option<i64> {
    (first..)
        .zip(names.split_whitespace())
        .find_map(|(value, name)| name.eq_ignore_ascii_case(text).then_some(value))
        .or_else(|| number(text))
        .filter(|value| (first..=last).contains(value))
}

/// Digits and nothing else: no sign.
fn number(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Days since the epoch of a date of the Gregorian calendar. This and its inverse are Howard Hinnant's algorithms, public
/// domain: "chrono-Compatible Low-Level Date Algorithms", `howardhinnant.github.io/date_algorithms.html`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    year.div_euclid(400) * CYCLE_DAYS + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 60 * MINUTE_MS;

    fn cron(text: &str) -> Cron {
        Cron::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn ms(text: &str) -> i64 {
        let n: Vec<i64> = text.split(['-', ' ', ':']).flat_map(str::parse).collect();
        (days_from_civil(n[0], n[1], n[2]) * DAY_MINUTES + n[3] * 60 + n[4]) * MINUTE_MS
    }

    #[test]
    fn the_next_firing() {
        assert_eq!(ms("2024-02-29 00:00"), 1_709_164_800_000, "by date(1)");
        for row in [
            "* * * * *             | 2024-01-01 00:00 | 2024-01-01 00:01",
            "0 0 * * *             | 1969-12-30 12:00 | 1969-12-31 00:00",
            "*/15 9-17 * * mon-fri | 2024-03-01 17:45 | 2024-03-04 09:00",
            "5-20/7,58 3 * * *     | 2024-03-01 03:12 | 2024-03-01 03:19",
            "0 0 29 2 *            | 2024-02-29 00:00 | 2028-02-29 00:00",
            "0 0 29 Feb *          | 2096-02-29 00:00 | 2104-02-29 00:00",
            "@daily                | 2100-02-28 00:00 | 2100-03-01 00:00",
            "30 6 31 * *           | 2024-03-31 06:30 | 2024-05-31 06:30",
            "0 0 13 * FRI          | 2024-09-07 00:00 | 2024-09-13 00:00",
            "0 0 13 * FRI          | 2024-10-11 00:00 | 2024-10-13 00:00",
            "0 0 */2 * 1           | 2024-01-01 00:00 | 2024-01-15 00:00",
            "0 0 * jun-aug 7       | 2024-08-25 00:00 | 2025-06-01 00:00",
            "@weekly               | 2024-06-02 00:00 | 2024-06-09 00:00",
            "@monthly              | 2024-01-31 00:00 | 2024-02-01 00:00",
        ] {
            let (cron, after, want) = (cron(&row[..21]), ms(&row[24..40]), ms(&row[43..]));
            assert_eq!(cron.next_after(after), Some(want), "{row}");
            assert_eq!(cron.next_after(want - 1), Some(want), "{row}");
        }
        assert_eq!(cron("* * * * *").next_after(i64::MAX), None);
        assert!(cron("* * * * *").next_after(i64::MIN).is_some());
    }

    /// From 1 February 2024, a Thursday; calendar and rules by hand: neither shares anything with the code above.
    #[test]
    fn every_minute_of_eight_weeks() {
        /// From minute, hour, day, month and weekday.
        type Rule = fn([i64; 5]) -> bool;
        let rules: [(&str, Rule); 3] = [
            ("*/7 * * * *", |[m, ..]| m % 7 == 0),
            ("10,50 2-4,23 * mar 6-7", |[m, h, _, month, w]| {
                [10, 50].contains(&m) && [2, 3, 4, 23].contains(&h) && month == 3 && w % 6 == 0
            }),
            ("0 */5 1-9/4,29 * tue", |[m, h, d, _, w]| {
                m == 0 && h % 5 == 0 && ([1, 5, 9, 29].contains(&d) || w == 2)
            }),
        ];
        for (text, rule) in rules {
            let (cron, start) = (cron(text), ms("2024-02-01 00:00"));
            let mut before = start - 1;
            for minute in 0..56 * DAY_MINUTES {
                let days = minute / DAY_MINUTES;
                let (month, day) = (2 + days / 29, days % 29 + 1);
                if rule([minute % 60, minute / 60 % 24, day, month, (days + 4) % 7]) {
                    let at = start + minute * MINUTE_MS;
                    assert_eq!(cron.next_after(before), Some(at), "{text}");
                    before = at;
                }
            }
            assert!(cron.next_after(before) >= Some(start + 56 * DAY_MINUTES * MINUTE_MS));
        }
    }

    #[test]
    fn always_later_and_never_down() {
        for text in ["*/7 3 * * *", "0 0 29 2 *", "0 12 1 * mon"] {
            let (cron, mut last) = (cron(text), i64::MIN);
            for at in (-60_000_000_000..600_000_000_000).step_by(765_432_198) {
                let next = cron.next_after(at).unwrap();
                assert!(next > at && next >= last, "{text}: {next} after {at}");
                last = next;
            }
        }
    }

    #[test]
    fn refusals_name_the_field_what_was_found_and_what_is_allowed() {
        for row in [
            "* * * *        | `* * * *` | five fields | @hourly",
            "@yearly        | `@yearly` | five fields | @monthly",
            "60 * * * *     | minute | `60` | 0-59",
            "*/0 * * * *    | minute | `*/0` | n from 1",
            "5/10 * * * *   | minute | `5/10` | `a-b/n`",
            "1,,2 * * * *   | minute | `1,,2` | lists",
            "* +5 * * *     | hour | `+5` | 0-23",
            "* 22-4 * * *   | hour | `22-4` | go up",
            "* */24 * * *   | hour | `*/24` | to the last value",
            "* * 0 * *      | day-of-month | `0` | 1-31",
            "* * * january *| month | `january` | 1-12 jan feb",
            "* * * * mon-8  | day-of-week | `mon-8` | 0-7 sun mon",
            "0 0 30 feb *   | never fires | month `feb` | day-of-month `30`",
            "0 0 31 4,6 */2 | never fires | `31` | `4,6`",
        ] {
            let (text, words) = row.split_once('|').unwrap();
            let said = Cron::parse(text).unwrap_err().to_string();
            let mut words = words.split('|').map(str::trim);
            assert!(words.all(|word| said.contains(word)), "{row}: {said}");
        }
    }

    #[test]
    fn what_is_due_by_policy() {
        let (hourly, next) = (cron("@hourly"), ms("2024-03-01 10:00"));
        let late = 3 * HOUR_MS + GRACE_MS;
        // Policy, bound, how late; then firings in hours after the stored one, and how many are missed.
        for (policy, most, late, fires, missed) in [
            (CatchUp::Skip, 5, GRACE_MS - 1, vec![0], 0),
            (CatchUp::Skip, 5, late - 1, vec![3], 3),
            (CatchUp::Skip, 5, late, vec![], 4),
            (CatchUp::One, 0, late, vec![3], 3),
            (CatchUp::One, 5, 168 * HOUR_MS, vec![168], 168),
            (CatchUp::All, 5, 0, vec![0], 0),
            (CatchUp::All, 5, late, vec![0, 1, 2, 3], 0),
            (CatchUp::All, 2, 168 * HOUR_MS, vec![167, 168], 167),
            (CatchUp::All, 0, late, vec![], 4),
            // A clock that went back.
            (CatchUp::All, 5, -9 * HOUR_MS, vec![], 0),
        ] {
            let got = due(&hourly, next, next + late, policy, most);
            let firings: Vec<i64> = fires.iter().map(|h| next + h * HOUR_MS).collect();
            assert_eq!((got.firings, got.missed), (firings, missed), "{policy:?}");
            let after = next + (late.div_euclid(HOUR_MS) + 1).max(0) * HOUR_MS;
            assert_eq!(got.next_ms, Some(after));
            assert_eq!(CatchUp::parse(policy.as_str()), Some(policy));
        }
        // A clock that jumped: the newest are found, the count stays at its cap.
        let (january, now) = (cron("* * * 1 *"), ms("2090-06-01 00:00"));
        let got = due(&january, next, now, CatchUp::All, 1);
        let newest = vec![ms("2090-01-31 23:59")];
        assert_eq!((got.firings, got.missed), (newest, 10_000));
    }
}
