//! How long `alai mc list` takes as a whole process, beside a program that does next to nothing.

use super::aims::Aims;
use super::place::Place;
use super::sample::{self, Spread};
use crate::program::{self, Error};
use crate::table::table;
use std::process::Command;
use std::time::{Duration, Instant};

/// Enough for a p99 that is not the slowest one.
const RUNS: usize = 200;
/// Tasks of the two homes.
const FEW: usize = 1;
const MANY: usize = 1_000;
/// Milliseconds for the median; above it a person notices that something starts.
const AIM_MS: f64 = 15.0;

pub(super) fn run(aims: &mut Aims) -> Result<(), Error> {
    let place = Place::new()?;
    for (home, tasks) in [("few", FEW), ("many", MANY)] {
        place.init(home)?;
        let _daemon = place.daemon(home)?;
        for number in 1..=tasks {
            program::read(place.alai(home, &["mc", "add", &format!("Task number {number}")]))?;
        }
    }
    let shown = program::read(place.alai("many", &["mc", "list"]))?
        .lines()
        .count();
    if shown != MANY {
        return Err(Error::Answer(format!(
            "`alai mc list` shows {shown} of {MANY} tasks"
        )));
    }
    let (mut few, mut many, mut peer) = (Vec::new(), Vec::new(), Vec::new());
    // In turns: whatever else the machine does meanwhile falls on all three alike.
    for _ in 0..RUNS {
        few.push(timed(place.alai("few", &["mc", "list"]))?);
        many.push(timed(place.alai("many", &["mc", "list"]))?);
        let mut git = program::command("git");
        git.arg("--version");
        peer.push(timed(git)?);
    }
    let [few, many, peer] = [few, many, peer]
        .map(|series| sample::spread(series).expect("each series has as many values as runs"));
    let mut rows = vec![["process", "median", "p99", "to git --version", "aim"].map(str::to_owned)];
    for (name, spread) in [
        (format!("alai mc list, {FEW} task"), few),
        (format!("alai mc list, {MANY} tasks"), many),
    ] {
        rows.push(row(&name, spread, Some((peer, aims))));
    }
    rows.push(row("git --version", peer, None));
    print!("{}", table(&rows));
    println!(
        "{RUNS} runs of each, in turns, no daemon; from before the start to the end of the process"
    );
    Ok(())
}

fn timed(command: Command) -> Result<Duration, Error> {
    let start = Instant::now();
    program::read(command)?;
    Ok(start.elapsed())
}

/// A row; of ours beside its peer, and judged.
fn row(name: &str, spread: Spread, ours: Option<(Spread, &mut Aims)>) -> [String; 5] {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let median = format!("{:.2} ms", ms(spread.median));
    let (ratio, aim) = ours.map_or_else(Default::default, |(peer, aims)| {
        let ratio = spread.median.as_secs_f64() / peer.median.as_secs_f64();
        let holds = ms(spread.median) < AIM_MS;
        let aim = aims.judge(name, &median, &format!("< {AIM_MS} ms"), holds);
        (format!("{ratio:.1} x"), aim)
    });
    [
        name.to_owned(),
        median,
        format!("{:.2} ms", ms(spread.p99)),
        ratio,
        aim,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_held_against_its_aim_and_its_peer() {
        let spread = |ms| Spread {
            median: Duration::from_millis(ms),
            p99: Duration::from_millis(2 * ms),
            count: RUNS,
        };
        let mut aims = Aims::default();
        let slow = row("x", spread(30), Some((spread(2), &mut aims)));
        assert_eq!(
            slow,
            ["x", "30.00 ms", "60.00 ms", "15.0 x", "< 15 ms: missed"]
        );
        let fast = row("x", spread(3), Some((spread(2), &mut aims)));
        assert_eq!(fast[4], "< 15 ms: held");
        assert_eq!(row("git", spread(2), None)[3..], ["", ""]);
    }
}
