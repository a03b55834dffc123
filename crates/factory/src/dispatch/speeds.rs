//! How long runs and loads take and how fast a host loads, kept over restarts in a file of the cache. Estimates: a file that is lost or
//! damaged costs some waiting for a model that was worth less than it seemed, and nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use alai_core::task::TaskKind;
use serde::{Deserialize, Serialize};

use super::roster::At;

/// How much a new measurement counts against what was known, in percent: three of them tell more than everything before.
const NEW_PERCENT: i64 = 30;
/// Measurements of each sort that are kept, the newest: a fleet has tens of models, and a stranger's names must not fill a disk.
const KEPT_MAX: usize = 1_000;
/// What was not measured again for so long says nothing any more: programs, machines and work have changed.
const AGE_MS_MAX: i64 = 90 * 24 * 60 * 60_000;
/// No run and no load takes a month.
const TOOK_MS_MAX: i64 = 30 * 24 * 60 * 60_000;
/// Bytes of a host's address or a model's name.
const NAME_BYTES_MAX: usize = 500;
/// Three times the longest file that this code writes with names of an ordinary length.
const FILE_BYTES_MAX: u64 = 2 << 20;
const SCHEMA_VERSION: u32 = 1;

/// A figure, and when it was measured last, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Measured {
    value: i64,
    at_ms: i64,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Speeds {
    /// Milliseconds of a task's run, by its kind and place.
    runs: BTreeMap<(&'static str, At), Measured>,
    /// Milliseconds of a model's load.
    loads: BTreeMap<At, Measured>,
    /// Bytes a second that a host's loads came to.
    hosts: BTreeMap<String, Measured>,
    /// Something was measured since it was kept last.
    changed: bool,
}

impl Speeds {
    /// Milliseconds that a task of this kind took there, where one did.
    pub(super) fn run_ms(&self, kind: TaskKind, at: &At) -> Option<i64> {
        let seen = self.runs.get(&(kind.as_str(), at.clone()));
        seen.map(|seen| seen.value)
    }

    /// Milliseconds that a load took there, where one did.
    pub(super) fn load_ms(&self, at: &At) -> Option<i64> {
        self.loads.get(at).map(|seen| seen.value)
    }

    pub(super) fn bytes_s(&self, host: &str) -> Option<u64> {
        self.hosts.get(host).map(|seen| seen.value.unsigned_abs())
    }

    pub(super) fn ran(&mut self, kind: TaskKind, at: &At, took_ms: i64, now_ms: i64) {
        let took_ms = took_ms.clamp(1, TOOK_MS_MAX);
        measured(&mut self.runs, (kind.as_str(), at.clone()), took_ms, now_ms);
        self.changed = true;
    }

    pub(super) fn loaded(&mut self, at: &At, bytes: u64, took_ms: i64, now_ms: i64) {
        let took_ms = took_ms.clamp(1, TOOK_MS_MAX);
        measured(&mut self.loads, at.clone(), took_ms, now_ms);
        let rate = bytes.saturating_mul(1_000) / took_ms.unsigned_abs();
        if let Some(rate) = i64::try_from(rate).ok().filter(|rate| *rate > 0) {
            measured(&mut self.hosts, at.host.clone(), rate, now_ms);
        }
        self.changed = true;
    }

    /// What is to be kept now; none when nothing was measured since.
    pub(super) fn unkept(&mut self) -> Option<Vec<u8>> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let kept = Kept {
            schema_version: SCHEMA_VERSION,
            runs: self.runs.iter().map(run_line).collect(),
            loads: self.loads.iter().map(load_line).collect(),
            hosts: self.hosts.iter().map(host_line).collect(),
        };
        serde_json::to_vec(&kept).ok()
    }

    /// What was kept, without what is too old; nothing where nothing was.
    ///
    /// # Errors
    /// What is wrong with the file. No part of such a file is used: what was damaged once may be wrong elsewhere.
    pub(crate) fn read(path: &Path, now_ms: i64) -> Result<Speeds, String> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Speeds::default()),
            Err(e) => return Err(e.to_string()),
            Ok(file) => {
                let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
                read.map_err(|e| e.to_string())?;
            }
        }
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("it has more than {FILE_BYTES_MAX} bytes"));
        }
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
        Speeds::of(kept, now_ms)
    }

    fn of(kept: Kept, now_ms: i64) -> Result<Speeds, String> {
        if kept.schema_version != SCHEMA_VERSION {
            return Err(format!("it has the form {}", kept.schema_version));
        }
        let mut speeds = Speeds::default();
        for line in kept.runs {
            let kind = TaskKind::parse(&line.kind).ok_or("it names a kind of task that is none")?;
            let at = place(line.host, line.model)?;
            let seen = sound(line.ms, TOOK_MS_MAX, line.at_ms)?;
            speeds.runs.insert((kind.as_str(), at), seen);
        }
        for line in kept.loads {
            let seen = sound(line.ms, TOOK_MS_MAX, line.at_ms)?;
            speeds.loads.insert(place(line.host, line.model)?, seen);
        }
        for line in kept.hosts {
            let seen = sound(line.bytes_s, i64::MAX / 100, line.at_ms)?;
            speeds.hosts.insert(named(line.host)?, seen);
        }
        young(&mut speeds.runs, now_ms);
        young(&mut speeds.loads, now_ms);
        young(&mut speeds.hosts, now_ms);
        Ok(speeds)
    }

    /// What was measured of a model, for people.
    pub(crate) fn of_model(&self, host: &str, model: &str) -> Vec<Took> {
        let at = At {
            host: host.to_owned(),
            model: model.to_owned(),
        };
        let took = |what: &str, seen: &Measured| Took {
            what: what.to_owned(),
            ms: seen.value,
            measured_ms: seen.at_ms,
        };
        let runs = self.runs.iter().filter(|((_, place), _)| *place == at);
        let runs = runs.map(|((kind, _), seen)| took(kind, seen));
        let load = self.loads.get(&at).map(|seen| took("load", seen));
        runs.chain(load).collect()
    }
}

/// How long something takes on a model of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Took {
    /// A kind of task, or `load`.
    pub what: String,
    pub ms: i64,
    /// When it was measured last, in milliseconds since the Unix epoch.
    pub measured_ms: i64,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    schema_version: u32,
    runs: Vec<RunLine>,
    loads: Vec<LoadLine>,
    hosts: Vec<HostLine>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunLine {
    kind: String,
    host: String,
    model: String,
    ms: i64,
    at_ms: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadLine {
    host: String,
    model: String,
    ms: i64,
    at_ms: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HostLine {
    host: String,
    bytes_s: i64,
    at_ms: i64,
}

fn run_line(((kind, at), seen): (&(&'static str, At), &Measured)) -> RunLine {
    RunLine {
        kind: (*kind).to_owned(),
        host: at.host.clone(),
        model: at.model.clone(),
        ms: seen.value,
        at_ms: seen.at_ms,
    }
}

fn load_line((at, seen): (&At, &Measured)) -> LoadLine {
    LoadLine {
        host: at.host.clone(),
        model: at.model.clone(),
        ms: seen.value,
        at_ms: seen.at_ms,
    }
}

fn host_line((host, seen): (&String, &Measured)) -> HostLine {
    HostLine {
        host: host.clone(),
        bytes_s: seen.value,
        at_ms: seen.at_ms,
    }
}

fn place(host: String, model: String) -> Result<At, String> {
    Ok(At {
        host: named(host)?,
        model: named(model)?,
    })
}

fn named(name: String) -> Result<String, String> {
    match name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
        true => Err("it holds a name that is none".to_owned()),
        false => Ok(name),
    }
}

fn sound(value: i64, most: i64, at_ms: i64) -> Result<Measured, String> {
    match (1..=most).contains(&value) && at_ms >= 0 {
        true => Ok(Measured { value, at_ms }),
        false => Err("it holds a figure that cannot have been measured".to_owned()),
    }
}

fn measured<K: Ord + Clone>(known: &mut BTreeMap<K, Measured>, key: K, value: i64, at_ms: i64) {
    let seen = known.entry(key);
    let seen = seen.and_modify(|seen| {
        seen.value = mixed(seen.value, value);
        seen.at_ms = at_ms;
    });
    seen.or_insert(Measured { value, at_ms });
    newest(known);
}

fn young<K: Ord + Clone>(known: &mut BTreeMap<K, Measured>, now_ms: i64) {
    known.retain(|_, seen| now_ms.saturating_sub(seen.at_ms) <= AGE_MS_MAX);
    newest(known);
}

/// Forgets what was measured longest ago, where there is more than is kept.
fn newest<K: Ord + Clone>(known: &mut BTreeMap<K, Measured>) {
    while known.len() > KEPT_MAX {
        let oldest = known.iter().min_by_key(|(_, seen)| seen.at_ms);
        let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
            return;
        };
        known.remove(&oldest);
    }
}

fn mixed(known: i64, new: i64) -> i64 {
    (known / 100).saturating_mul(100 - NEW_PERCENT)
        + (known % 100) * (100 - NEW_PERCENT) / 100
        + (new / 100).saturating_mul(NEW_PERCENT)
        + (new % 100) * NEW_PERCENT / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 60 * 60_000;

    fn at(model: &str) -> At {
        At {
            host: "http://h:1".into(),
            model: model.into(),
        }
    }

    #[test]
    fn a_host_s_speed_and_a_model_s_load_are_learned_from_loads() {
        let mut speeds = Speeds::default();
        assert_eq!(speeds.load_ms(&at("a")), None);
        assert_eq!(speeds.bytes_s("http://h:1"), None);
        speeds.loaded(&at("a"), 4_000_000, 2_000, 5);
        assert_eq!(speeds.load_ms(&at("a")), Some(2_000));
        assert_eq!(speeds.bytes_s("http://h:1"), Some(2_000_000));
        speeds.loaded(&at("a"), 4_000_000, 4_000, 9);
        assert_eq!(speeds.load_ms(&at("a")), Some(2_600));
    }

    #[test]
    fn what_was_measured_is_there_after_a_restart_until_it_is_old() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("speeds.json");
        let mut speeds = Speeds::read(&path, 0).expect("nothing is no damage");
        assert_eq!(speeds.unkept(), None, "nothing was measured");
        speeds.ran(TaskKind::Build, &at("a"), 60_000, DAY_MS);
        speeds.loaded(&at("a"), 4_000_000, 2_000, 2 * DAY_MS);
        std::fs::write(&path, speeds.unkept().expect("something new")).expect("written");
        assert_eq!(speeds.unkept(), None, "it is kept once");
        let again = Speeds::read(&path, 3 * DAY_MS).expect("sound");
        assert_eq!(again.run_ms(TaskKind::Build, &at("a")), Some(60_000));
        assert_eq!(again.run_ms(TaskKind::Review, &at("a")), None);
        assert_eq!(again.load_ms(&at("a")), Some(2_000));
        assert_eq!(again.bytes_s("http://h:1"), Some(2_000_000));
        let told = again.of_model("http://h:1", "a");
        let told: Vec<_> = told
            .iter()
            .map(|t| (t.what.as_str(), t.measured_ms))
            .collect();
        assert_eq!(told, [("build", DAY_MS), ("load", 2 * DAY_MS)]);
        let old = Speeds::read(&path, AGE_MS_MAX + DAY_MS + 1).expect("sound");
        assert_eq!(old.run_ms(TaskKind::Build, &at("a")), None);
        assert_eq!(old.load_ms(&at("a")), Some(2_000));
    }

    #[test]
    fn a_damaged_file_is_used_in_no_part() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("speeds.json");
        let line = |ms: &str, host: &str| {
            format!(r#"{{"kind":"build","host":"{host}","model":"m","ms":{ms},"at_ms":1}}"#)
        };
        let file = |version: u32, runs: &str| {
            format!(
                r#"{{"schema_version":{version},"runs":[{runs}],"loads":[],"hosts":[{{"host":"h","bytes_s":5,"at_ms":1}}]}}"#
            )
        };
        std::fs::write(&path, file(1, &line("7", "h"))).expect("written");
        assert!(Speeds::read(&path, 1).is_ok());
        let whole = file(1, &line("7", "h"));
        for damaged in [
            String::new(),
            whole[..whole.len() - 1].to_owned(),
            "\0".repeat(100),
            file(2, ""),
            file(1, &line("0", "h")),
            file(1, &line("-9", "h")),
            file(1, &line(&i64::MAX.to_string(), "h")),
            file(1, &line("7", "")),
            file(1, &line("7", "a\\u001bb")),
            file(1, &line("7", &"h".repeat(NAME_BYTES_MAX + 1))),
            file(1, &line("7", "h").replace("build", "paint")),
            file(1, &line("7", "h").replace("at_ms", "at")),
            " ".repeat(3 << 20),
        ] {
            std::fs::write(&path, &damaged).expect("written");
            let short: String = damaged.chars().take(80).collect();
            assert!(Speeds::read(&path, 1).is_err(), "{short}");
        }
    }

    #[test]
    fn no_more_is_kept_than_a_fleet_has_and_the_newest_of_it() {
        let mut speeds = Speeds::default();
        for nth in 0..i64::try_from(KEPT_MAX).expect("small") + 10 {
            speeds.ran(TaskKind::Build, &at(&format!("m{nth}")), 5, nth);
        }
        assert_eq!(speeds.runs.len(), KEPT_MAX);
        assert_eq!(speeds.run_ms(TaskKind::Build, &at("m9")), None);
        assert_eq!(speeds.run_ms(TaskKind::Build, &at("m10")), Some(5));
    }

    #[test]
    fn the_mean_of_the_largest_figures_is_between_them() {
        let most = i64::MAX / 100;
        assert_eq!(mixed(2_000, 4_000), 2_600);
        assert!((most - 100..=most).contains(&mixed(most, most)));
    }
}
