//! How long an idle daemon takes from a new task to its start.

use super::aims::Aims;
use super::place::{Place, file};
use super::sample::{self, Spread};
use crate::program::{self, Error};
use crate::table::table;
use serde::Deserialize;
use std::fs;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Enough for a p99 that is not the slowest one.
const ADDS: usize = 200;
/// Milliseconds for the p99.
const AIM_MS: f64 = 20.0;
/// What a commit of the store writes at least: one page of its log.
const SYNCED_BYTES: usize = 4096;
/// A task that has not ended by then does not end by itself.
const END_TIMEOUT: Duration = Duration::from_secs(30);
/// How often its rows are read meanwhile; the daemon is not asked.
const END_POLL: Duration = Duration::from_millis(20);

/// What `alai mc show --json` says, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Shown {
    history: Vec<Happened>,
}

#[derive(Debug, Deserialize)]
struct Happened {
    kind: String,
    at_ms: i64,
}

pub(super) fn run(aims: &mut Aims) -> Result<(), Error> {
    let place = Place::new()?;
    place.init("home")?;
    // Its tests cannot start: a run ends before an agent is asked, its task waits for a person, and the daemon is idle again.
    let project = place.repository("project")?;
    let project = project.to_string_lossy();
    let add = ["project", "add", &project, "--test", "no-such-program"];
    program::read(place.alai("home", &add))?;
    let _daemon = place.daemon("home")?;
    let (mut sent, mut committed, mut peer) = (Vec::new(), Vec::new(), Vec::new());
    let path = place.at("synced");
    let mut synced = fs::File::create(&path).map_err(file(&path))?;
    for number in 0..=ADDS {
        let title = format!("Task number {number}");
        let before = now();
        let line =
            program::read(place.alai("home", &["mc", "add", &title, "--project", &project]))?;
        let task = id(&line)?;
        let (created, claimed) = ended(&place, &task)?;
        // The first one also pays for what a daemon does once, such as looking for git.
        if number > 0 {
            sent.push(claimed.saturating_sub(before));
            committed.push(claimed.saturating_sub(created));
            let start = Instant::now();
            synced.write_all(&[0; SYNCED_BYTES]).map_err(file(&path))?;
            synced.sync_data().map_err(file(&path))?;
            peer.push(start.elapsed());
        }
    }
    let [sent, committed, peer] = [sent, committed, peer]
        .map(|series| sample::spread(series).expect("each series has as many values as adds"));
    let rows = [
        ["from, to the claim", "median", "p99", "aim"].map(str::to_owned),
        row("the task's row", committed, Some(aims)),
        row("the start of `alai mc add`", sent, Some(aims)),
        row("(peer) one write and fdatasync", peer, None),
    ];
    print!("{}", table(&rows));
    println!(
        "{ADDS} tasks, one at a time, the daemon idle before each; rows have whole milliseconds"
    );
    Ok(())
}

/// A row; of ours judged.
fn row(name: &str, spread: Spread, ours: Option<&mut Aims>) -> [String; 4] {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let p99 = format!("{:.1} ms", ms(spread.p99));
    let judged = |aims: &mut Aims| {
        let holds = ms(spread.p99) < AIM_MS;
        aims.judge(name, &p99, &format!("p99 < {AIM_MS} ms"), holds)
    };
    let aim = ours.map_or_else(String::new, judged);
    [
        name.to_owned(),
        format!("{:.1} ms", ms(spread.median)),
        p99,
        aim,
    ]
}

/// Since the Unix epoch, as the rows say it.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The number in `#12 [M] [open] ...`.
fn id(line: &str) -> Result<String, Error> {
    let number = line
        .strip_prefix('#')
        .and_then(|rest| rest.split(' ').next());
    let number = number.filter(|number| number.parse::<u64>().is_ok());
    number
        .map(str::to_owned)
        .ok_or_else(|| Error::Answer(format!("`alai mc add` names no task: {line:?}")))
}

/// When the task was added and when it was claimed; waits until its run has ended.
fn ended(place: &Place, task: &str) -> Result<(Duration, Duration), Error> {
    let deadline = Instant::now() + END_TIMEOUT;
    loop {
        let text = program::read(place.alai("home", &["mc", "show", task, "--json"]))?;
        let shown: Shown = serde_json::from_str(&text)
            .map_err(|e| Error::Answer(format!("`alai mc show --json` is not understood: {e}")))?;
        if let Some(found) = between(&shown) {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(Error::Answer(format!(
                "task {task} neither started nor ended: {shown:?}"
            )));
        }
        thread::sleep(END_POLL);
    }
}

/// The times of its row and of its claim, once something came after the claim.
fn between(shown: &Shown) -> Option<(Duration, Duration)> {
    let at = |kind: &str| shown.history.iter().position(|event| event.kind == kind);
    let (created, claim) = (at("created")?, at("claim")?);
    let time = |place: usize| {
        u64::try_from(shown.history[place].at_ms)
            .ok()
            .map(Duration::from_millis)
    };
    (shown.history.len() > claim + 1).then_some(())?;
    Some((time(created)?, time(claim)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_counts_once_its_run_has_ended() {
        let shown = |kinds: &[(&str, i64)]| Shown {
            history: kinds
                .iter()
                .map(|(kind, at_ms)| Happened {
                    kind: (*kind).to_owned(),
                    at_ms: *at_ms,
                })
                .collect(),
        };
        let ms = Duration::from_millis;
        assert_eq!(between(&shown(&[("created", 5)])), None);
        assert_eq!(between(&shown(&[("created", 5), ("claim", 9)])), None);
        let whole = shown(&[("created", 5), ("claim", 9), ("ask", 30)]);
        assert_eq!(between(&whole), Some((ms(5), ms(9))));
    }

    #[test]
    fn the_number_is_read_from_the_list_line() {
        assert_eq!(id("#12 [M] [open] a title").unwrap(), "12");
        assert!(id("nothing").is_err());
        assert!(id("#x [M]").is_err());
    }
}
