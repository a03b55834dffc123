//! How much of a run's wall time an eligible task waited for nothing real, counted from what the run recorded of itself.
//!
//! A task is *eligible* from the last of: it is open, each need of it is met (a build that is merged, a task that is done or has ended), and the pause
//! that was put before it is over; until its next run begins or it is moved otherwise. What counts is the time in which at least one task was
//! eligible and fewer runs were at work than the factory has slots: nothing real was in the way of beginning it. Real waits are the rest: a slot
//! that is taken, a build at its gate, a change in the merge queue, a person, a pause, and work at the same paths of the same repository, but that only
//! while a run of it is at work or its change is in the merge queue, and as far as its paths were known by then (`held.rs`). The share is that time
//! of the time from the first moment in which a task was eligible to the end of the last run or merge.
//!
//! A pause that is over is not recorded (the row has only the next one): between two runs of a task it counts as overhead, so that the figure is
//! too large rather than too small. A slot that a project's own limit, a host or a model's memory keeps empty counts as well; the demo has none of these.
//!
//! What is counted is checked before it is believed: each run of the record must begin at the end of a time in which its task was eligible by
//! these rules, or the record was read wrongly and the bench fails.

mod held;

use super::aims::Aims;
use super::place::Place;
use crate::program::{self, Error};
use crate::table::table;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Percent of the wall time.
const AIM_PERCENT: f64 = 3.0;
/// Whole demos, one after the other; the middle one is judged.
const ROUNDS: usize = 3;
/// Runs at a time, said to the demo: what it has by itself.
const SLOTS: usize = 2;
/// Five tasks with a review and an audit each are fifteen; fewer are another demo, or not a whole one.
const RUNS_MIN: usize = 20;

/// `--home DIR ALAI` counts what a home has recorded that is there already, instead of demos of its own.
pub(super) fn run(options: &[&str], aims: &mut Aims) -> Result<(), Error> {
    let counted = match options {
        [] => {
            let place = Place::new()?;
            let rounds = (0..ROUNDS).map(|round| demo(&place, round));
            rounds.collect::<Result<Vec<_>, _>>()?
        }
        ["--home", home, alai] => vec![of_home(Path::new(alai), Path::new(home))?],
        _ => {
            let usage = "the bench overhead has one option: --home DIR ALAI, a home and the program that made it";
            return Err(Error::Usage(usage.to_owned()));
        }
    };
    let mut rows = vec![["wall time", "runs", "waits", "longest", "share"].map(str::to_owned)];
    rows.extend(counted.iter().map(|one| {
        [
            format!("{:.1} s", one.wall_ms as f64 / 1_000.0),
            one.runs.to_string(),
            format!("{} ms", one.idle_ms),
            format!("{} ms", one.longest_ms),
            format!("{:.2} %", one.percent()),
        ]
    }));
    print!("{}", table(&rows));
    let mut shares: Vec<f64> = counted.iter().map(Counted::percent).collect();
    shares.sort_by(f64::total_cmp);
    let share = shares[shares.len() / 2];
    let figure = "an eligible task waits for nothing real";
    let measured = format!("{share:.2} % of the wall time");
    let aim = format!("< {AIM_PERCENT} %");
    println!(
        "{figure}: {measured}, {}",
        aims.judge(figure, &measured, &aim, share < AIM_PERCENT)
    );
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{SLOTS} slots; load at the end {}", load.trim());
    Ok(())
}

fn demo(place: &Place, round: usize) -> Result<Counted, Error> {
    let keep = place.at(&format!("overhead-{round}"));
    let args = ["demo", "bento", "--lean", "--keep", &keep.to_string_lossy()];
    let mut demo = place.alai("unused", &args);
    demo.env_remove("ALAI_SCRIPT");
    demo.env("ALAI_SLOTS", SLOTS.to_string());
    program::read(demo)?;
    of_home(&place.binary(), &keep.join("home"))
}

/// Counts what a home has recorded.
fn of_home(alai: &Path, home: &Path) -> Result<Counted, Error> {
    let mut command = program::command(alai);
    command.arg("--home").arg(home).args(["mc", "export"]);
    let text = program::read(command)?;
    let counted = Record::read(&text)
        .and_then(|record| record.counted(SLOTS))
        .map_err(Error::Answer)?;
    match counted.runs >= RUNS_MIN {
        true => Ok(counted),
        false => Err(Error::Answer(format!(
            "only {} runs are recorded, of at least {RUNS_MIN}: that was no whole run of the demo",
            counted.runs
        ))),
    }
}

/// What came of one run of the factory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counted {
    wall_ms: i64,
    /// In which a task was eligible and a slot was free.
    idle_ms: i64,
    /// The longest of them at a stretch.
    longest_ms: i64,
    runs: usize,
}

impl Counted {
    fn percent(&self) -> f64 {
        100.0 * self.idle_ms as f64 / self.wall_ms.max(1) as f64
    }
}

/// The rows that it is counted from, of an export of the store.
#[derive(Debug, Default)]
struct Record {
    tasks: BTreeMap<i64, TaskRow>,
    needs: Vec<NeedRow>,
    runs: Vec<RunRow>,
    events: Vec<EventRow>,
    merges: Vec<MergeRow>,
    entries: Vec<EntryRow>,
    /// Projects that let all work go side by side.
    together: BTreeSet<i64>,
}

#[derive(Debug, Deserialize)]
struct TaskRow {
    id: i64,
    kind: String,
    state: String,
    project: Option<i64>,
    created_ms: i64,
    run_at_ms: i64,
    #[serde(default)]
    parent: Option<i64>,
    #[serde(default)]
    lineage: Option<i64>,
    #[serde(default)]
    priority: i64,
    #[serde(default)]
    solo: i64,
    /// Lists of text, as JSON.
    #[serde(default)]
    paths: Option<String>,
    #[serde(default)]
    changes_tests: Option<String>,
}

#[derive(Debug, Deserialize)]
struct NeedRow {
    task: i64,
    needs: i64,
    until: String,
}

#[derive(Debug, Deserialize)]
struct RunRow {
    task: i64,
    holder: String,
    started_ms: i64,
    ended_ms: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct EventRow {
    task: Option<i64>,
    kind: String,
    from_state: Option<String>,
    to_state: Option<String>,
    at_ms: i64,
}

#[derive(Debug, Deserialize)]
struct MergeRow {
    #[serde(default)]
    task: i64,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    at_ms: i64,
    ended_ms: Option<i64>,
}

/// What is said on a line of work; of it the reports of runs.
#[derive(Debug, Deserialize)]
struct EntryRow {
    task: i64,
    run: Option<String>,
    report: Option<String>,
    at_ms: i64,
}

/// A stretch of time, its end not in it.
type Span = (i64, i64);

impl Record {
    fn read(export: &str) -> Result<Record, String> {
        fn row<T: serde::de::DeserializeOwned>(line: Value) -> Result<T, String> {
            serde_json::from_value(line["row"].clone()).map_err(|e| format!("{e}: {line}"))
        }
        let mut record = Record::default();
        for line in export.lines() {
            let line: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
            match line["table"].as_str() {
                Some("task") => {
                    let task: TaskRow = row(line)?;
                    record.tasks.insert(task.id, task);
                }
                Some("need") => record.needs.push(row(line)?),
                Some("run") => record.runs.push(row(line)?),
                // In the order of their numbers.
                Some("event") => record.events.push(row(line)?),
                Some("merge") => record.merges.push(row(line)?),
                Some("entry") => record.entries.push(row(line)?),
                Some("project") => {
                    let settings = line["row"]["settings"].as_str().unwrap_or_default();
                    let settings: Value = serde_json::from_str(settings).unwrap_or_default();
                    if let (true, Some(id)) = (
                        settings["overlap"] == "together",
                        line["row"]["id"].as_i64(),
                    ) {
                        record.together.insert(id);
                    }
                }
                _ => {}
            }
        }
        record.runs.retain(|run| run.holder == "factory");
        Ok(record)
    }

    fn counted(&self, slots: usize) -> Result<Counted, String> {
        let last = self.runs.iter().filter_map(|run| run.ended_ms);
        let Some(end) = last
            .chain(self.merges.iter().filter_map(|merge| merge.ended_ms))
            .max()
        else {
            return Err("no run has ended".to_owned());
        };
        let runs: Vec<Span> = { self.runs.iter() }
            .map(|run| (run.started_ms, run.ended_ms.unwrap_or(end)))
            .collect();
        let mut eligible = Vec::new();
        for task in self.tasks.values() {
            eligible.extend(self.eligible(task, end));
        }
        let ends: Vec<(i64, i64)> = eligible
            .iter()
            .map(|(task, (_, to))| (*task, *to))
            .collect();
        if let Some(run) =
            { self.runs.iter() }.find(|run| !ends.contains(&(run.task, run.started_ms)))
        {
            return Err(format!(
                "a run of #{} began at {}, and by what was read its task was not eligible then: the record was read wrongly",
                run.task, run.started_ms
            ));
        }
        let start = eligible.iter().map(|(_, (from, _))| *from).min();
        let start = start.unwrap_or(end);
        let free = eligible.into_iter();
        let spans: Vec<Span> = free
            .flat_map(|(task, span)| self.free(task, span, end))
            .collect();
        let stretches = idle(&spans, &runs, slots)?;
        let lengths = stretches.iter().map(|(from, to)| to - from);
        Ok(Counted {
            wall_ms: end - start,
            idle_ms: lengths.clone().sum(),
            longest_ms: lengths.max().unwrap_or(0),
            runs: runs.len(),
        })
    }

    /// When a task could have been begun and was not yet.
    fn eligible(&self, task: &TaskRow, end: i64) -> Vec<(i64, Span)> {
        if task.kind == "goal" || task.project.is_none() {
            return Vec::new();
        }
        let moves: Vec<&EventRow> = { self.events.iter() }
            .filter(|event| event.task == Some(task.id) && event.to_state.is_some())
            .collect();
        let first = moves.first().and_then(|event| event.from_state.as_deref());
        let mut open = (first.unwrap_or(&task.state) == "open").then_some(task.created_ms);
        let mut spans = Vec::new();
        for event in &moves {
            let is_open = event.to_state.as_deref() == Some("open");
            match (open, is_open) {
                (Some(from), false) => {
                    spans.push((from, event.at_ms));
                    open = None;
                }
                (None, true) => open = Some(event.at_ms),
                (Some(_), true) | (None, false) => {}
            }
        }
        spans.extend(open.map(|from| (from, end)));
        let ready = |(from, to): Span| {
            let met = { self.needs.iter() }
                .filter(|need| need.task == task.id)
                .map(|need| self.met(need).unwrap_or(i64::MAX));
            // What is met only after it has begun was asked for later.
            let met = met.filter(|met| *met <= to || to == end);
            let pause = Some(task.run_at_ms).filter(|at| *at <= to || to == end);
            let from = met.chain(pause).fold(from, i64::max);
            (from <= to).then_some((task.id, (from, to)))
        };
        spans.into_iter().filter_map(ready).collect()
    }

    /// When a need was met; none when it is not yet.
    fn met(&self, need: &NeedRow) -> Option<i64> {
        let of_needed = |event: &&EventRow| event.task == Some(need.needs);
        let ended = |event: &&EventRow| {
            let to = event.to_state.as_deref();
            matches!(to, Some("cancelled" | "failed"))
                || (to == Some("done") && need.until == "done")
        };
        let merged = |event: &&EventRow| event.kind == "integrated" && need.until == "integrated";
        let met = self.events.iter().filter(of_needed);
        met.filter(|event| ended(event) || merged(event))
            .map(|event| event.at_ms)
            .min()
    }
}

/// The stretches in which something was eligible while fewer runs than `slots` were at work.
///
/// # Errors
/// When more runs than that were at work: the slots are others than those.
fn idle(eligible: &[Span], runs: &[Span], slots: usize) -> Result<Vec<Span>, String> {
    let mut moments: Vec<i64> = { eligible.iter().chain(runs) }
        .flat_map(|(from, to)| [*from, *to])
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let holds = |spans: &[Span], at: i64| {
        let within = |(from, to): &&Span| (*from..*to).contains(&at);
        spans.iter().filter(within).count()
    };
    let mut found: Vec<Span> = Vec::new();
    for pair in moments.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let busy = holds(runs, from);
        if busy > slots {
            return Err(format!(
                "{busy} runs were at work at once, of {slots} slots"
            ));
        }
        if busy == slots || holds(eligible, from) == 0 {
            continue;
        }
        match found.last_mut() {
            Some((_, last)) if *last == from => *last = to,
            Some(_) | None => found.push((from, to)),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_task_that_waits_beside_a_free_slot_counts() {
        for (what, eligible, runs, slots, want) in [
            ("nothing waits", &[][..], &[(0, 10)][..], 2, &[][..]),
            ("it begins at once", &[(0, 0)], &[(0, 10)], 1, &[]),
            (
                "the only slot is taken",
                &[(0, 10)],
                &[(0, 10), (10, 20)],
                1,
                &[],
            ),
            (
                "a slot is free",
                &[(0, 10)],
                &[(0, 10), (10, 20)],
                2,
                &[(0, 10)],
            ),
            (
                "30 ms after the slot was given back",
                &[(0, 40)],
                &[(0, 10), (40, 50)],
                1,
                &[(10, 40)],
            ),
            (
                "nobody works and nothing could",
                &[(50, 50)],
                &[(0, 10), (50, 60)],
                1,
                &[],
            ),
            (
                "two that wait count once",
                &[(0, 7), (3, 9)],
                &[(9, 12)],
                3,
                &[(0, 9)],
            ),
            (
                "two stretches",
                &[(0, 2), (8, 9)],
                &[(2, 8), (9, 12)],
                1,
                &[(0, 2), (8, 9)],
            ),
        ] {
            assert_eq!(idle(eligible, runs, slots).unwrap(), want, "{what}");
        }
        assert!(
            idle(&[], &[(0, 10), (5, 9)], 1).is_err(),
            "more than there are"
        );
    }

    /// Two tasks, the second of which needs the merge of the first; a review of the first between. `late` is how long after
    /// the merge the second begins.
    fn export(late: i64, more: &str) -> String {
        let begun = 100 + late;
        let done = begun + 50;
        let mut lines = vec![
            r#"{"alai_export": 1, "schema": 1}"#.to_owned(),
            more.to_owned(),
        ];
        let task = |id: i64, created: i64| {
            format!(
                r#"{{"table":"task","row":{{"id":{id},"kind":"build","state":"done","project":1,"created_ms":{created},"run_at_ms":0,"title":"x"}}}}"#
            )
        };
        let run = |task: i64, from: i64, to: i64| {
            format!(
                r#"{{"table":"run","row":{{"task":{task},"holder":"factory","started_ms":{from},"ended_ms":{to}}}}}"#
            )
        };
        let moved = |task: i64, from: &str, to: &str, at: i64| {
            format!(
                r#"{{"table":"event","row":{{"task":{task},"kind":"x","from_state":"{from}","to_state":"{to}","at_ms":{at}}}}}"#
            )
        };
        lines.extend([
            task(1, 0),
            task(2, 0),
            task(3, 60),
            r#"{"table":"need","row":{"task":2,"needs":1,"until":"integrated","satisfied":1}}"#.into(),
            run(1, 0, 60),
            run(3, 60, 80),
            run(2, begun, done),
            moved(1, "open", "started", 0),
            moved(1, "started", "done", 60),
            moved(3, "open", "started", 60),
            moved(3, "started", "done", 80),
            r#"{"table":"merge","row":{"ended_ms":100}}"#.into(),
            r#"{"table":"event","row":{"task":1,"kind":"integrated","from_state":null,"to_state":null,"at_ms":100}}"#.into(),
            moved(2, "open", "started", begun),
            moved(2, "started", "done", done),
        ]);
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }

    fn counted(export: &str) -> Result<Counted, String> {
        Record::read(export)?.counted(2)
    }

    #[test]
    fn gates_needs_and_the_merge_queue_are_real_waits_and_what_follows_them_is_not() {
        // From 80 to 100 nothing runs: the change is in the queue.
        let none = counted(&export(0, "")).unwrap();
        assert_eq!((none.wall_ms, none.idle_ms, none.runs), (150, 0, 3));
        let late = counted(&export(30, "")).unwrap();
        assert_eq!((late.wall_ms, late.idle_ms, late.longest_ms), (180, 30, 30));
        assert!((late.percent() - 100.0 * 30.0 / 180.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_held_or_put_off_is_not_eligible() {
        let held = r#"{"table":"task","row":{"id":9,"kind":"build","state":"paused","project":1,"created_ms":0,"run_at_ms":0}}"#;
        assert_eq!(counted(&export(0, held)).unwrap().idle_ms, 0);
        let off = held
            .replace("paused", "open")
            .replace("\"run_at_ms\":0", "\"run_at_ms\":900");
        assert_eq!(counted(&export(0, &off)).unwrap().idle_ms, 0);
        let open = held.replace("paused", "open");
        assert_eq!(counted(&export(0, &open)).unwrap().idle_ms, 150);
        let goal = open.replace("build", "goal");
        assert_eq!(counted(&export(0, &goal)).unwrap().idle_ms, 0);
    }

    #[test]
    fn a_record_that_is_read_wrongly_is_an_error() {
        // A need whose end nobody recorded makes the figure larger, never smaller.
        let unmet = export(0, "").replace("\"integrated\",\"from", "\"another\",\"from");
        assert_eq!(counted(&unmet).unwrap().idle_ms, 100);
        let stray =
            r#"{"table":"run","row":{"task":1,"holder":"factory","started_ms":5,"ended_ms":6}}"#;
        assert!(
            counted(&export(0, stray))
                .unwrap_err()
                .contains("#1 began at 5")
        );
        assert!(counted("{}").is_err(), "no run at all");
    }
}
