//! The store's own speed, measured by a bench of the room `mission`, which alone may open a store; then what a daemon holds in
//! memory over the large store that the bench leaves.

use super::aims::Aims;
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

pub(super) fn run(aims: &mut Aims) -> Result<(), Error> {
    let place = Place::on_disk()?;
    place.init("home")?;
    let large = [("ALAI_BENCH_LARGE", place.at("home"))];
    aims.bench("alai-mission", "store", &[], &large)?;
    let daemon = place.daemon_without_model("home")?;
    let mut most = 0;
    for _ in 0..LOOKED_AT.as_millis() / LOOK.as_millis() {
        most = most.max(memory::of(daemon.pid())?.rss_kib);
        thread::sleep(LOOK);
    }
    let left =
        program::read(place.alai("home", &["mc", "list", "--status", "open", "--limit", "1"]))?;
    let mb = most as f64 * 1024.0 / 1e6;
    let (what, measured) = (
        "the daemon over that store, RSS, the most",
        format!("{mb:.1} MB ({most} KiB)"),
    );
    let aim = aims.judge(what, &measured, &format!("< {AIM_MB} MB"), mb < AIM_MB);
    print!("{}", table(&[[what.to_owned(), measured, aim]]));
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
