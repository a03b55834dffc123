//! What `alai up` costs while there is nothing to do.

use super::aims::Aims;
use super::memory::{self, Memory};
use super::place::{Place, file};
use crate::program::{self, Error};
use crate::table::table;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// Daemons, one after the other.
const ROUNDS: usize = 3;
/// How long each is left alone before and while it is measured.
const IDLE: Duration = Duration::from_secs(10);
/// MB of resident memory.
const AIM_MB: f64 = 30.0;

pub(super) fn run(aims: &mut Aims) -> Result<(), Error> {
    let place = Place::new()?;
    let ticks = ticks_per_second()?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let home = format!("home-{round}");
        place.init(&home)?;
        let daemon = place.daemon(&home)?;
        thread::sleep(IDLE);
        let held = memory::of(daemon.pid())?;
        let before = cpu_ticks(daemon.pid())?;
        thread::sleep(IDLE);
        let used = cpu_ticks(daemon.pid())? - before;
        rounds.push((held, Duration::from_millis(used * 1000 / ticks)));
    }
    let (rss, pss, cpu) = medians(&rounds);
    let mb = |kib: u64| kib as f64 * 1024.0 / 1e6;
    let measured = format!("{:.1} MB ({rss} KiB)", mb(rss));
    let holds = mb(rss) < AIM_MB;
    let aim = aims.judge("RSS", &measured, &format!("< {AIM_MB} MB"), holds);
    let row = |name: &str, value: String, aim: String| [name.to_owned(), value, aim];
    print!(
        "{}",
        table(&[
            row("figure", "median".to_owned(), "aim".to_owned()),
            row("RSS", measured, aim),
            row(
                "PSS",
                format!("{:.1} MB ({pss} KiB)", mb(pss)),
                String::new()
            ),
            row(
                "processor",
                format!(
                    "{} ms in {} s, in steps of {} ms",
                    cpu.as_millis(),
                    IDLE.as_secs(),
                    1000 / ticks
                ),
                String::new(),
            ),
        ])
    );
    println!(
        "{ROUNDS} daemons, each {} s after its start; a new home, recorded replies as its model",
        IDLE.as_secs()
    );
    Ok(())
}

/// The middle of each figure; an odd number of rounds has one.
fn medians(rounds: &[(Memory, Duration)]) -> (u64, u64, Duration) {
    let mut rss: Vec<u64> = rounds.iter().map(|(held, _)| held.rss_kib).collect();
    let mut pss: Vec<u64> = rounds.iter().map(|(held, _)| held.pss_kib).collect();
    let mut cpu: Vec<Duration> = rounds.iter().map(|(_, cpu)| *cpu).collect();
    rss.sort_unstable();
    pss.sort_unstable();
    cpu.sort_unstable();
    let middle = rounds.len() / 2;
    (rss[middle], pss[middle], cpu[middle])
}

fn ticks_per_second() -> Result<u64, Error> {
    let mut getconf = program::command("getconf");
    getconf.arg("CLK_TCK");
    let text = program::read(getconf)?;
    let ticks = text.trim().parse().ok().filter(|ticks| *ticks > 0);
    ticks.ok_or_else(|| Error::Answer(format!("`getconf CLK_TCK` says {:?}", text.trim())))
}

/// Processor time of a process so far, its ended threads included, in ticks.
fn cpu_ticks(pid: u32) -> Result<u64, Error> {
    let path = PathBuf::from(format!("/proc/{pid}/stat"));
    let text = fs::read_to_string(&path).map_err(file(&path))?;
    used(&text).ok_or_else(|| Error::Answer(format!("{} is not understood", path.display())))
}

/// Fields 14 and 15 of proc_pid_stat(5); the name in field 2 may hold anything, brackets too.
fn used(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 12 30 5 6 20 0 1 0 99 1 2";
        assert_eq!(used(stat), Some(42));
        assert_eq!(used("7 (short) S 1"), None);
    }

    #[test]
    fn the_middle_of_three_is_taken_for_each_figure_alone() {
        let round = |rss_kib, pss_kib, ms| {
            let memory = Memory {
                rss_kib,
                pss_kib,
                anon_kib: 0,
            };
            (memory, Duration::from_millis(ms))
        };
        let rounds = [round(3, 10, 0), round(1, 30, 20), round(2, 20, 10)];
        assert_eq!(medians(&rounds), (2, 20, Duration::from_millis(10)));
    }
}
