//! The store's own speed, measured by a bench of the room `mission`, which alone may open a store; then what a daemon holds in
//! memory over the large store that the bench leaves.

use super::memory;
use super::place::Place;
use crate::program::{self, Error};
use crate::table::table;
use std::thread;
use std::time::Duration;

/// MB of resident memory of a daemon over 100,000 tasks.
const AIM_MB: f64 = 60.0;
/// How long the daemon is looked at: it puts each task before a person, because there is no model.
const LOOKED_AT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

pub(crate) fn run() -> Result<(), Error> {
    let place = Place::on_disk()?;
    place.init("home")?;
    let mut bench = program::cargo(&[
        "bench",
        "--locked",
        "-p",
        "alai-mission",
        "--bench",
        "store",
    ]);
    bench.env("ALAI_BENCH_LARGE", place.at("home"));
    if !program::stream(bench, |_| false)?.ok {
        return Err(Error::Answer(
            "the bench of the store failed; its words are above".into(),
        ));
    }
    let daemon = place.daemon_without_model("home")?;
    let mut most = 0;
    for _ in 0..LOOKED_AT.as_millis() / LOOK.as_millis() {
        most = most.max(memory::of(daemon.pid())?.rss_kib);
        thread::sleep(LOOK);
    }
    let left =
        program::read(place.alai("home", &["mc", "list", "--status", "open", "--limit", "1"]))?;
    let mb = most as f64 * 1024.0 / 1e6;
    let verdict = if mb < AIM_MB { "held" } else { "missed" };
    print!(
        "{}",
        table(&[[
            "the daemon over that store, RSS, the most".to_owned(),
            format!("{mb:.1} MB ({most} KiB)"),
            format!("< {AIM_MB} MB: {verdict}"),
        ]])
    );
    println!(
        "{} s from its start on; no model is found, and each task is put before a person{}",
        LOOKED_AT.as_secs(),
        if left.contains('#') {
            ": not all were by then"
        } else {
            ""
        }
    );
    Ok(())
}
