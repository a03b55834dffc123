//! What can be made again is kept only while there is room for it: set-ups, packs of objects and the tests of known commits;
//! answers to requests only while somebody may ask for them again. What a run left is kept as long as somebody may want it, and
//! what holds work that is nowhere else for ever.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use alai_core::ids::RunId;
use alai_core::task::State;
use alai_mission::{MissionError, RunState};
use alai_workspace::clone;
use alai_workspace::files;
use alai_workspace::setup;

use crate::beat::Factory;
use crate::home::Home;
use crate::ops::from_kept_clone;
use crate::sides;
use crate::work::CLONE;
use crate::work::keep::{self, KEPT, Track};

/// Set-ups kept, the most recently used ones. Each may hold packages and builds of some gigabytes, and every change of a manifest
/// makes another.
const SETUPS_KEPT: usize = 12;

/// Tests of commits kept: a few kilobytes each.
const CENSUSES_KEPT: usize = 500;

/// Packs of a repository that no clone was made of for so long are made anew when it comes back.
const OBJECTS_UNUSED: Duration = Duration::from_secs(30 * DAY_S);

/// Runs whose trajectory is kept, the newest ones, and the bytes of all of them together: some megabytes each, and more than
/// anybody will read. Their evidence stays for ever.
const RUNS_KEPT: usize = 2_000;
const RUNS_BYTES_MAX: u64 = 20 << 30;

/// Longest that a trajectory is kept, and what is kept in any case: last week's run is still argued about.
pub(crate) const RUN_AGE_MAX: Duration = Duration::from_secs(90 * DAY_S);
const RUN_AGE_MIN: Duration = Duration::from_secs(7 * DAY_S);

/// A kept clone is tried again after this, and so many in one look: one that is slow takes a minute.
const TRIED_AGAIN: Duration = Duration::from_secs(DAY_S);
const TRIED_MAX: usize = 3;

/// A person who has more kept clones than this, or larger ones together, does not look at them.
const KEPT_MAX: usize = 10;
const KEPT_BYTES_MAX: u64 = 20 << 30;

const DAY_S: u64 = 24 * 3_600;

/// What stays of a run for ever: its evidence.
const EVIDENCE: &str = "evidence";

/// Tells when a kept clone was last tried.
const TRIED: &str = "kept-clone.tried";

/// Between two looks, in milliseconds.
pub(crate) const PAUSE_MS: i64 = 60 * 60 * 1000;

/// Files whose times tell when everything was last looked through with nothing running, and when at least the newest runs were.
const TIDIED: &str = "tidied";
const SWEPT: &str = "swept";

/// How far a clock may have been set back since then without a run being passed over; what is, is found within the hour.
const SLACK: Duration = Duration::from_secs(60);

/// Since when there can be anything to clean up, in milliseconds since 1970: all that was there before has been looked through within
/// the last hour, by whichever process. Every command that does work itself asks, and a home may hold thousands of runs. None where
/// everything is to be looked through.
pub(crate) fn clean_since(factory: &Factory) -> Option<i64> {
    let cache = factory.home().cache();
    let at = |name: &str| {
        let found = fs::metadata(cache.join(name)).ok()?;
        found.modified().ok()
    };
    let tidied = at(TIDIED)?;
    // A time that is still to come is an error of the clock.
    let age = SystemTime::now().duration_since(tidied).ok()?;
    if age >= Duration::from_millis(PAUSE_MS.unsigned_abs()) {
        return None;
    }
    let swept = at(SWEPT).filter(|swept| *swept <= SystemTime::now());
    let since = tidied.max(swept.unwrap_or(tidied)).checked_sub(SLACK)?;
    let since = since.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// Makes the next process that opens this home look through everything: what a daemon does when it begins, which may take longer.
pub fn look_through_everything(home: &Home) {
    // One that is not there needs no removal, and one that stays is looked past for an hour at most.
    let _ = fs::remove_file(home.cache().join(TIDIED));
}

/// Everything has been looked through, or at least the newest runs, and nothing runs yet.
pub(crate) fn note_clean(factory: &Factory, everything: bool) {
    let name = if everything { TIDIED } else { SWEPT };
    let path = factory.home().cache().join(name);
    if let Err(e) = fs::write(&path, "") {
        tracing::warn!("{}: {e}", path.display());
    }
}

/// Removes what is too much. Only while nothing runs: a run installs its set-up some time after it has found it.
pub(crate) fn tidy(factory: &Factory) {
    let cache = factory.home().cache();
    match setup::prune(&cache.join("setup"), SETUPS_KEPT) {
        Ok(removed) if removed.is_empty() => {}
        Ok(removed) => tracing::info!("removed {} old set-up(s)", removed.len()),
        Err(e) => tracing::warn!("old set-ups cannot be removed: {e}"),
    }
    if let Err(e) = keep_newest(&cache.join("base"), CENSUSES_KEPT) {
        tracing::warn!("{}: {e}", cache.join("base").display());
    }
    if let Err(e) = clone::prune_stock(&factory.home().objects(), OBJECTS_UNUSED) {
        tracing::warn!("old packs of objects cannot be removed: {e}");
    }
    if let Err(e) = factory.mission().forget_answers(factory.now_ms()) {
        tracing::warn!("old answers cannot be forgotten: {e}");
    }
    try_kept(factory, SystemTime::now());
    if let Err(e) = forget_runs(factory, SystemTime::now()) {
        tracing::warn!("old runs cannot be reclaimed: {e}");
    }
    if let Err(e) = sides::forget(factory, SystemTime::now()) {
        tracing::warn!("old commits of both sides cannot be removed: {e}");
    }
}

/// Tries to bring home what kept clones hold: the disk has room again, the repository is back, a person has removed what was
/// in the way. One that is proven empty goes; every other one stays, however many there are.
fn try_kept(factory: &Factory, now: SystemTime) {
    let home = factory.home();
    let age = |run: &RunId| {
        let tried = home.run(run).join(TRIED);
        let at = fs::metadata(tried)
            .and_then(|found| found.modified())
            .ok()?;
        now.duration_since(at).ok()
    };
    let due = |run: &RunId| age(run).is_none_or(|age| age >= TRIED_AGAIN);
    let kept = keep::kept(home);
    for (run, clone) in kept.iter().filter(|(run, _)| due(run)).take(TRIED_MAX) {
        let tried = home.run(run).join(TRIED);
        if let Err(e) = fs::write(&tried, "") {
            tracing::warn!("{}: {e}", tried.display());
        }
        let track = match factory.mission().run(run) {
            Ok(Some(row)) => Track::of(factory.mission(), factory.toolchains(), &row),
            // Of another store than this one: nobody can tell what it holds.
            Ok(None) => Ok(None),
            Err(e) => Err(e.to_string()),
        };
        match track {
            Ok(Some(track)) => match from_kept_clone(home, &track, run) {
                Ok(notes) if notes.is_empty() => {
                    let _ = fs::remove_file(&tried);
                }
                Ok(notes) => tracing::info!("run {run}: {}", notes.join("; ")),
                Err(e) => tracing::info!("run {run}: {e}"),
            },
            Ok(None) => {}
            Err(why) => tracing::info!("{}: {why}", clone.display()),
        }
    }
    let left = keep::kept(home);
    let bytes: u64 = left.iter().map(|(_, clone)| bytes_of(clone)).sum();
    if left.len() > KEPT_MAX || bytes > KEPT_BYTES_MAX {
        tracing::warn!(
            "{} kept clones take {} MB and are never removed unasked: `alai minion list` names them, `alai minion recover RUN` \
             takes out what can be taken",
            left.len(),
            bytes >> 20
        );
    }
}

/// A run that has ended, as far as its folder may be reclaimed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Old {
    folder: PathBuf,
    age: Duration,
    bytes: u64,
}

/// Removes all but the evidence of old runs, when nothing of theirs can still be wanted by the factory itself: the run is over,
/// so is its task, and it holds no clone.
fn forget_runs(factory: &Factory, now: SystemTime) -> Result<(), MissionError> {
    let Ok(entries) = fs::read_dir(factory.home().runs()) else {
        return Ok(());
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let folder = entry.path();
        let is_there = |name: &str| fs::symlink_metadata(folder.join(name)).is_ok();
        if is_there(CLONE) || is_there(KEPT) || !reclaimable(&folder) {
            continue;
        }
        let run = RunId(entry.file_name().to_string_lossy().into_owned());
        let Some(row) = factory.mission().run(&run)? else {
            continue;
        };
        let task = factory.mission().task(row.task)?;
        let is_over = matches!(task.state, State::Done | State::Failed | State::Cancelled);
        let (Some(ended_ms), true) = (row.ended_ms, is_over && row.state != RunState::Live) else {
            continue;
        };
        let ended = SystemTime::UNIX_EPOCH + Duration::from_millis(ended_ms.max(0).unsigned_abs());
        found.push(Old {
            age: now.duration_since(ended).unwrap_or_default(),
            bytes: bytes_of(&folder),
            folder,
        });
    }
    for old in surplus(found) {
        if let Err(e) = strip(&old.folder) {
            tracing::warn!("{e}");
        }
    }
    Ok(())
}

/// Whether anything but evidence lies there.
fn reclaimable(folder: &Path) -> bool {
    fs::read_dir(folder)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name() != EVIDENCE))
}

/// What is too much: older than may be, or beyond the number or the bytes, the oldest first.
fn surplus(mut found: Vec<Old>) -> Vec<Old> {
    found.sort_by(|a, b| (a.age, &a.folder).cmp(&(b.age, &b.folder)));
    let mut bytes = 0u64;
    let mut too_much = Vec::new();
    for (number, old) in found.into_iter().enumerate() {
        bytes = bytes.saturating_add(old.bytes);
        let is_much = number >= RUNS_KEPT || bytes > RUNS_BYTES_MAX || old.age > RUN_AGE_MAX;
        if is_much && old.age > RUN_AGE_MIN {
            too_much.push(old);
        }
    }
    too_much
}

fn strip(folder: &Path) -> Result<(), files::FileError> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name() != EVIDENCE) {
        files::remove(&entry.path())?;
    }
    Ok(())
}

/// Bytes on disk of everything below a folder, without following a link; what cannot be looked at counts as nothing.
fn bytes_of(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0u64;
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else {
                continue;
            };
            bytes = bytes.saturating_add(found.blocks().saturating_mul(512));
            if found.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    bytes
}

fn keep_newest(folder: &Path, keep: usize) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let written = entry
            .metadata()?
            .modified()
            .unwrap_or(SystemTime::UNIX_EPOCH);
        found.push((written, entry.path()));
    }
    found.sort();
    let surplus = found.len().saturating_sub(keep);
    found
        .into_iter()
        .take(surplus)
        .try_for_each(|(_, path)| fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use alai_core::ids::ProjectId;
    use alai_core::pipeline::Effect;
    use alai_core::task::{NewTask, TaskKind};
    use alai_mission::{Claim, ClaimLimits, NewProject, ProjectSettings, SlotsOf};

    use super::*;
    use crate::config::Config;
    use crate::home::init;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn the_newest_stay() {
        let dir = tempfile::tempdir().expect("a folder");
        for n in 0..5u64 {
            let path = dir.path().join(n.to_string());
            let file = fs::File::create(path).expect("made");
            let written = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(n);
            file.set_modified(written).expect("dated");
        }
        keep_newest(dir.path(), 2).expect("tidied");
        let mut left: Vec<_> = fs::read_dir(dir.path())
            .expect("listed")
            .flatten()
            .map(|e| e.file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["3", "4"]);
        keep_newest(&dir.path().join("none"), 2).expect("nothing to do");
    }

    fn old(days: u64, bytes: u64) -> Old {
        Old {
            folder: PathBuf::from(days.to_string()),
            age: Duration::from_secs(days * DAY_S + 1),
            bytes,
        }
    }

    #[test]
    fn age_number_and_bytes_each_make_a_run_too_much_and_last_weeks_stay() {
        let days = |found: Vec<Old>| -> Vec<String> {
            let names = surplus(found).into_iter();
            names.map(|old| old.folder.display().to_string()).collect()
        };
        assert_eq!(days(vec![old(100, 1), old(89, 1), old(1, 1)]), ["100"]);
        let half = RUNS_BYTES_MAX / 2;
        assert_eq!(
            days(vec![old(30, half), old(20, half), old(10, half)]),
            ["30"]
        );
        let recent = vec![old(3, RUNS_BYTES_MAX), old(2, RUNS_BYTES_MAX), old(8, 1)];
        assert_eq!(days(recent), ["8"], "what is new is kept, however large");
        let many: Vec<Old> = (0..RUNS_KEPT as u64 + 5).map(|_| old(30, 1)).collect();
        assert_eq!(surplus(many).len(), 5);
    }

    /// A run that has ended, of a task that is done or not, with what it may have left.
    fn ended(factory: &Factory, project: ProjectId, is_done: bool) -> RunId {
        let mission = factory.mission();
        let from_ms = factory.now_ms();
        let mut task = NewTask::new(TaskKind::Build, "Say alpha");
        task.project = Some(project);
        let task = mission.add(task, None, "t", from_ms).expect("new");
        let limits = ClaimLimits {
            total: 10,
            per_project: 10,
            run_ms_max: HOUR_MS,
            slots: SlotsOf::NOTHING,
        };
        let claim: Claim = mission
            .claim(Some(task), &limits, "factory", HOUR_MS, from_ms)
            .expect("the store answers")
            .expect("it is eligible");
        let counters = claim.task.counters;
        let effect = match is_done {
            true => Effect::Complete {
                base: None,
                head: None,
                note: String::new(),
            },
            false => Effect::Retry {
                why: "again".into(),
                findings: Vec::new(),
                counters,
                run_at_ms: from_ms + 1_000 * HOUR_MS,
            },
        };
        mission
            .apply(&claim.fence, "ended", vec![effect], from_ms)
            .expect("applied");
        let dir = factory.home().run(&claim.fence.run);
        fs::create_dir_all(dir.join(EVIDENCE)).expect("made");
        fs::write(dir.join(EVIDENCE).join("statement"), "x").expect("written");
        fs::write(dir.join("trajectory.jsonl"), "x").expect("written");
        claim.fence.run
    }

    #[test]
    fn an_old_run_keeps_its_evidence_and_one_that_may_hold_work_keeps_everything() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let home = Home::at(dir.path().join("home"));
        init(&home).expect("a home");
        let config = Config::load(&home.config(), &BTreeMap::new()).expect("they are valid");
        let factory = Factory::open(home, config).expect("a factory");
        let project = NewProject {
            name: "p".into(),
            path: dir.path().join("p"),
            target_branch: "main".into(),
            settings: ProjectSettings::default(),
        };
        let mission = factory.mission();
        let project = mission.add_project(project, "t", factory.now_ms());
        let project = project.expect("new");
        let ended = |is_done: bool| ended(&factory, project, is_done);
        let (done, again) = (ended(true), ended(false));
        let (holds, kept) = (ended(true), ended(true));
        fs::create_dir(factory.home().run(&holds).join(CLONE)).expect("made");
        fs::create_dir(factory.home().run(&kept).join(KEPT)).expect("made");
        let foreign = factory.home().runs().join("of-another-store");
        fs::create_dir(&foreign).expect("made");
        fs::write(foreign.join("trajectory.jsonl"), "x").expect("written");
        let has = |run: &RunId, name: &str| factory.home().run(run).join(name).exists();
        forget_runs(&factory, SystemTime::now()).expect("looked");
        assert!(has(&done, "trajectory.jsonl"), "it is too new");
        let later = SystemTime::now() + RUN_AGE_MAX + Duration::from_secs(DAY_S);
        forget_runs(&factory, later).expect("looked");
        assert!(!has(&done, "trajectory.jsonl") && has(&done, "evidence/statement"));
        for run in [&again, &holds, &kept] {
            assert!(has(run, "trajectory.jsonl"), "{run}");
        }
        assert!(foreign.join("trajectory.jsonl").exists());
        // Nobody can prove what these hold: they stay, however often and late it is tried.
        for days in 1..4 {
            try_kept(&factory, later + Duration::from_secs(days * 2 * DAY_S));
        }
        assert!(has(&kept, KEPT));
    }
}
