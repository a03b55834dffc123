//! The table.

use super::harness::{Harness, Seen};
use crate::bench::sample as series;
use crate::table::table;
use std::time::Duration;

/// Aims, in milliseconds, MiB and bytes.
const FIRST_MS: f64 = 50.0;
const FILE_TURN_MS: f64 = 5.0;
const RUN_TURN_MS: f64 = 20.0;
const MEMORY_MIB: f64 = 25.0;
const REQUEST_BYTES: f64 = 6.0 * 1024.0;

pub(super) fn shown(measured: &[(Harness, Seen)]) -> String {
    let head = [
        "harness",
        "sandbox",
        "to first request",
        "turn: read",
        "turn: write",
        "turn: run",
        "memory",
        "first request with tools",
    ]
    .map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(measured.iter().map(|(harness, seen)| row(*harness, seen)));
    rows.push([
        "(aim for alai)".to_owned(),
        "on".to_owned(),
        format!("< {FIRST_MS} ms"),
        format!("< {FILE_TURN_MS} ms"),
        format!("< {FILE_TURN_MS} ms"),
        format!("< {RUN_TURN_MS} ms"),
        format!("< {MEMORY_MIB} MiB"),
        format!("< {REQUEST_BYTES} bytes"),
    ]);
    table(&rows)
}

fn row(harness: Harness, seen: &Seen) -> [String; 8] {
    let ms = |series: &[Duration]| {
        let Some(spread) = series::spread(series.to_vec()) else {
            return "-".to_owned();
        };
        let least = series.iter().min().copied().unwrap_or_default();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        format!("{:.1} ms (least {:.1})", ms(spread.median), ms(least))
    };
    [
        harness.name().to_owned(),
        harness.sandbox().to_owned(),
        ms(&seen.first),
        ms(&seen.gaps.read),
        ms(&seen.gaps.write),
        ms(&seen.gaps.run),
        format!("{:.1} MiB", seen.pss_kib as f64 / 1024.0),
        format!("{} bytes, {} tools", seen.bytes, seen.tools),
    ]
}
