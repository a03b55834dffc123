//! The table.

use super::harness::{Harness, Seen};
use super::peers::Peer;
use super::tree::{self, Part};
use crate::bench::aims::Aims;
use crate::bench::sample as series;
use crate::table::table;
use std::time::Duration;

/// Aims, in milliseconds, MiB and bytes.
const FIRST_MS: f64 = 50.0;
/// What codex took to its first request where the aim of [`FIRST_MS`] was set. A slower machine is slower for both: there the share of codex's time in
/// the same run counts.
const FIRST_OF_CODEX_MS: f64 = 218.0;
const FILE_TURN_MS: f64 = 5.0;
const RUN_TURN_MS: f64 = 20.0;
const MEMORY_MIB: f64 = 25.0;
const REQUEST_BYTES: f64 = 6.0 * 1024.0;

/// All harnesses, then ours beside its aims. A write is held against its aim where no test runs behind it.
pub(super) fn shown(measured: &[(Harness, Seen)], aims: &mut Aims) -> String {
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
    let ours = measured
        .iter()
        .filter(|(harness, _)| matches!(harness, Harness::Alai | Harness::AlaiUnchecked));
    let codex = measured
        .iter()
        .find(|(harness, _)| *harness == Harness::Peer(Peer::Codex))
        .map(|(_, seen)| median_ms(&seen.first));
    let judged = ours.flat_map(|(harness, seen)| judged(*harness, seen, codex, aims));
    let judged: Vec<[String; 3]> = judged.collect();
    table(&rows) + &table(&judged)
}

/// Each process of one run, and the sum beside its aim.
pub(super) fn by_process(harness: Harness, parts: &[Part], aims: &mut Aims) -> String {
    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
    let row = |part: &Part| {
        let (anon, pss) = (part.memory.anon_kib, part.memory.pss_kib);
        [
            part.name.clone(),
            mib(anon),
            mib(pss.saturating_sub(anon)),
            mib(pss),
        ]
    };
    let head = [harness.name(), "its own", "of files", "in all"].map(str::to_owned);
    let rows: Vec<_> = [head].into_iter().chain(parts.iter().map(row)).collect();
    let kib = tree::pss_kib(parts);
    let figure = format!("{}, memory", harness.name());
    let held = (kib as f64) < MEMORY_MIB * 1024.0;
    let aim = aims.judge(&figure, &mib(kib), &format!("< {MEMORY_MIB} MiB"), held);
    table(&rows) + &table(&[[figure, mib(kib), aim]])
}

/// Infinite where nothing was measured: no aim is held by that.
fn median_ms(series: &[Duration]) -> f64 {
    let spread = series::spread(series.to_vec());
    spread.map_or(f64::INFINITY, |spread| spread.median.as_secs_f64() * 1000.0)
}

/// The most that the first request may take, in whole milliseconds: on a machine that is slower for codex, as much slower for us.
fn first_ms(codex: Option<f64>) -> f64 {
    let share = codex.filter(|ms| ms.is_finite()).unwrap_or_default() / FIRST_OF_CODEX_MS;
    (FIRST_MS * share.max(1.0)).floor()
}

/// The figures of one of ours, each with its aim.
fn judged(harness: Harness, seen: &Seen, codex: Option<f64>, aims: &mut Aims) -> Vec<[String; 3]> {
    let mut figures = vec![
        (
            "to first request",
            median_ms(&seen.first),
            first_ms(codex),
            "ms",
        ),
        ("turn: read", median_ms(&seen.gaps.read), FILE_TURN_MS, "ms"),
        ("turn: run", median_ms(&seen.gaps.run), RUN_TURN_MS, "ms"),
        ("memory", seen.pss_kib as f64 / 1024.0, MEMORY_MIB, "MiB"),
        (
            "first request with tools",
            seen.bytes as f64,
            REQUEST_BYTES,
            "bytes",
        ),
    ];
    if harness == Harness::AlaiUnchecked {
        figures.push((
            "turn: write",
            median_ms(&seen.gaps.write),
            FILE_TURN_MS,
            "ms",
        ));
    }
    let figures = figures.into_iter().map(|(figure, value, most, unit)| {
        let (figure, measured) = (
            format!("{}, {figure}", harness.name()),
            format!("{value:.1} {unit}"),
        );
        let aim = aims.judge(
            &figure,
            &measured,
            &format!("< {most} {unit}"),
            value < most,
        );
        [figure, measured, aim]
    });
    figures.collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slower_machine_is_as_much_slower_for_us() {
        for (codex, most) in [
            (None, 50.0),
            (Some(218.0), 50.0),
            (Some(100.0), 50.0),
            (Some(327.0), 75.0),
            (Some(f64::INFINITY), 50.0),
        ] {
            assert_eq!(first_ms(codex), most, "{codex:?}");
        }
    }
}
