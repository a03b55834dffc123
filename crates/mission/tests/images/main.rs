//! What a power cut can leave: from a recorded history of writes and syncs, images of the disk with everything that was synced
//! and any part of what was not, torn and in another order. Each is opened as a factory would, and checked.
//!
//! Names in a folder are taken to be durable when they are made: only the content of files is lost here.

mod recorder;

use std::collections::BTreeMap;
use std::path::Path;

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::pipeline::Effect;
use alai_core::task::{Counters, NewTask, TaskKind};
use alai_mission::{ClaimLimits, Mission, NewProject, ProjectSettings, Reader, SlotsOf, fsck};
use recorder::Entry;

/// Images of the ordinary run; `ALAI_IMAGES=50000` is the long form, `ALAI_IMAGES_SEED=N` another series.
const IMAGES: usize = 800;

/// Rounds of the recorded history at least. It goes on until the log was folded into the file several times, which a thread beside the
/// writer does: how often depends on how fast the disk is for each of them.
const ROUNDS: i64 = 120;
const ROUNDS_MAX: i64 = 100 * ROUNDS;

/// Syncs of the file itself; one or two are of its making.
const SYNCS: usize = 5;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

fn quiet(_: &str) {}

/// Small, repeatable and good enough to choose by (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides.max(1) as u64) as usize
    }
}

fn newest(reader: &Reader) -> i64 {
    let events = reader.events_since(0, None).expect("reads");
    events.last().map_or(0, |event| event.seq)
}

/// A history with all kinds of writes; after each one it is noted what its caller was told.
fn history(home: &Path) {
    let mission = Mission::open(home, quiet).expect("a new store");
    let project = mission
        .add_project(
            NewProject {
                name: "p".into(),
                path: "/p".into(),
                target_branch: "main".into(),
                settings: ProjectSettings::default(),
            },
            "test",
            1,
        )
        .expect("a project");
    let answered = || recorder::log(Entry::Answered(newest(&mission)));
    let limits = ClaimLimits {
        total: 1_000,
        per_project: 1_000,
        run_ms_max: 3_600_000,
        slots: SlotsOf::NOTHING,
    };
    let enough = |round: i64| round >= ROUNDS && recorder::syncs("mission.db") >= SYNCS;
    for round in (0..ROUNDS_MAX).take_while(|round| !enough(*round)) {
        let mut new = NewTask::new(TaskKind::Build, format!("task {round}"));
        new.project = Some(project);
        new.solo = true;
        new.description = "what it is for; ".repeat(400);
        let task = mission.add(new, None, "test", round).expect("a task");
        answered();
        let claim = mission
            .claim(None, &limits, "w", 60_000, round)
            .expect("answers")
            .expect("a task");
        answered();
        mission
            .journal(&claim.fence, "head", "x".repeat(9_000), round)
            .expect("journals");
        let effect = match round % 3 {
            0 => Effect::Retry {
                why: "again".into(),
                findings: vec!["a finding; ".repeat(300)],
                counters: Counters::default(),
                run_at_ms: round * 1_000_000,
            },
            _ => Effect::Complete {
                base: Some("b".into()),
                head: Some("h".into()),
                note: "passed".into(),
            },
        };
        mission
            .apply(&claim.fence, "over", vec![effect], round)
            .expect("applies");
        answered();
        if round % 7 == 0 {
            let word = "a word; ".repeat(500);
            mission.note(task, word, "me", round).expect("notes");
            let _refused_when_done = mission.act(
                TaskId(round / 2 + 1),
                Event::Cancel,
                String::new(),
                "me",
                round,
            );
            answered();
        }
    }
}

type Disk = BTreeMap<String, Vec<u8>>;

fn write(disk: &mut Disk, file: &str, at: usize, bytes: &[u8]) {
    let content = disk.entry(file.to_owned()).or_default();
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Carries out some of what was asked, or some sectors of it.
fn partly(disk: &mut Disk, entry: &Entry, dice: &mut Dice) {
    match entry {
        Entry::Write { file, at, bytes } => {
            let whole = dice.roll(3) > 0;
            for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                if whole || dice.roll(2) == 0 {
                    write(disk, file, at + number * SECTOR, sector);
                }
            }
        }
        Entry::Truncate { file, size } => {
            disk.entry(file.clone()).or_default().resize(*size, 0);
        }
        Entry::Sync { .. } | Entry::Delete { .. } | Entry::Answered(_) => {}
    }
}

fn wholly(disk: &mut Disk, entry: &Entry) {
    match entry {
        Entry::Write { file, at, bytes } => write(disk, file, *at, bytes),
        Entry::Truncate { file, size } => {
            disk.entry(file.clone()).or_default().resize(*size, 0);
        }
        Entry::Sync { .. } | Entry::Delete { .. } | Entry::Answered(_) => {}
    }
}

/// The disk as it is certain to be, what may be on it besides, and what people were told.
#[derive(Default)]
struct Certain {
    disk: Disk,
    pending: BTreeMap<String, Vec<Entry>>,
    answered: i64,
}

impl Certain {
    fn then(&mut self, entry: &Entry) {
        match entry {
            Entry::Write { file, .. } | Entry::Truncate { file, .. } => {
                self.pending
                    .entry(file.clone())
                    .or_default()
                    .push(entry.clone());
            }
            Entry::Sync { file } => {
                for entry in self.pending.remove(file).unwrap_or_default() {
                    wholly(&mut self.disk, &entry);
                }
            }
            Entry::Delete { file } => {
                self.pending.remove(file);
                self.disk.remove(file);
            }
            Entry::Answered(event) => self.answered = *event,
        }
    }

    /// One of the disks that a power cut could leave now.
    fn image(&self, dice: &mut Dice) -> Disk {
        let mut disk = self.disk.clone();
        let kept = dice.roll(5);
        for entries in self.pending.values() {
            let mut chosen: Vec<&Entry> = entries.iter().filter(|_| dice.roll(4) < kept).collect();
            if dice.roll(2) == 0 {
                for at in (1..chosen.len()).rev() {
                    chosen.swap(at, dice.roll(at + 1));
                }
            }
            chosen
                .into_iter()
                .for_each(|entry| partly(&mut disk, entry, dice));
        }
        disk
    }
}

fn check(disk: &Disk, answered: i64, what: &str) {
    let home = tempfile::tempdir().expect("a folder");
    for (file, content) in disk {
        let path = home.path().join(file);
        std::fs::write(&path, content).expect("written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, private).expect("private");
    }
    let mission = Mission::open(home.path(), quiet).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(fsck(&mission).expect("fsck runs"), [], "{what}");
    let events = mission.events_since(0, None).expect("reads");
    let newest = events.last().map_or(0, |event| event.seq);
    assert!(
        newest >= answered,
        "{what}: {answered} was answered, {newest} is there"
    );
    assert_eq!(events.len() as i64, newest, "{what}: no event is missing");
    let goal = NewTask::new(TaskKind::Goal, "it works on");
    mission
        .add(goal, None, "test", 1)
        .unwrap_or_else(|e| panic!("{what}: {e}"));
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_answered() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().canonicalize().expect("a path");
    recorder::record(&folder.display().to_string());
    history(&folder);
    let log = recorder::taken();
    let is_folded = |entry: &&Entry| matches!(entry, Entry::Sync { file } if file == "mission.db");
    let syncs = log.iter().filter(is_folded).count();
    assert!(syncs >= SYNCS, "the log was folded into the file: {syncs}");

    let (images, seed) = (number("ALAI_IMAGES", IMAGES), number("ALAI_IMAGES_SEED", 1));
    let mut dice = Dice(seed as u64);
    let mut moments: Vec<usize> = (0..images).map(|_| dice.roll(log.len())).collect();
    moments.sort_unstable();
    let (mut certain, mut done) = (Certain::default(), 0);
    for (image, moment) in moments.into_iter().enumerate() {
        log[done..moment]
            .iter()
            .for_each(|entry| certain.then(entry));
        done = moment;
        let what = format!(
            "seed {seed}, image {image}, after {moment} of {} writes",
            log.len()
        );
        check(&certain.image(&mut dice), certain.answered, &what);
    }
}
