//! Known weaknesses of packages, in the form of OSV (the Open Source Vulnerability format, 1.x), as one dated snapshot. Nothing is asked
//! over a network: a person brings files, and whoever looks something up is told how old they are.

mod archive;
mod version;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) use version::Ordered;

/// One advisory is some kilobytes; a list of a whole ecosystem in one file some hundred megabytes.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// All files of one import together, unpacked: OSV's open-source ecosystems have some gigabytes.
const IMPORT_BYTES_MAX: u64 = 4 << 30;
/// All of OSV's open-source ecosystems together are some hundred thousand.
const ENTRIES_MAX: usize = 1_000_000;
/// What OSV calls Cargo's ecosystem: by the host of its registry.
pub(crate) const CARGO: &str = concat!("crates", ".io");
/// After a quarter of a year too much is not in it; a person decides.
pub const AGE_DAYS_MAX: i64 = 90;

const DAY_MS: i64 = 24 * 3_600_000;

/// All advisories that the factory knows, with where they are from and of when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// When its newest entry was changed, as the entry says, in milliseconds since the Unix epoch.
    pub as_of_ms: i64,
    /// The same of each ecosystem; one that is not here is of no known age.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub newest_ms: BTreeMap<String, i64>,
    pub imported_ms: i64,
    /// The file or folder that a person named.
    pub source: PathBuf,
    pub entries: Vec<Advisory>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisory {
    pub id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    pub affected: Vec<Affected>,
}

/// Versions of one package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affected {
    pub ecosystem: String,
    pub package: String,
    /// From `introduced` on, and before `fixed` or up to `last`; open where there is neither.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Span>,
    /// Named one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    pub introduced: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// Why advisories could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AdvisoryError {
    #[error("cannot read {}: {why}", path.display())]
    Read { path: PathBuf, why: String },
    #[error("{} is no advisory in the form of OSV: {why}", path.display())]
    Form { path: PathBuf, why: String },
    #[error("{} holds no advisory", .0.display())]
    Empty(PathBuf),
    #[error("{} holds more than {ENTRIES_MAX} advisories", .0.display())]
    TooMany(PathBuf),
}

impl Snapshot {
    /// Reads a file (one advisory, a list of them, or one a line), a zip archive of such files as osv.dev offers them, or a folder of both. What
    /// was withdrawn is left out.
    ///
    /// # Errors
    /// When anything in it cannot be read: half a snapshot would say "nothing known" of the other half.
    pub fn read(source: &Path, now_ms: i64) -> Result<Snapshot, AdvisoryError> {
        let mut entries = BTreeMap::new();
        let mut as_of_ms = 0;
        let mut newest_ms = BTreeMap::new();
        let mut bytes = 0_u64;
        let mut take = |path: &Path, text: &str| -> Result<(), AdvisoryError> {
            bytes = bytes.saturating_add(text.len() as u64);
            if bytes > IMPORT_BYTES_MAX {
                return Err(AdvisoryError::Read {
                    path: source.to_owned(),
                    why: format!("it has more than {IMPORT_BYTES_MAX} bytes"),
                });
            }
            for value in values(path, text)? {
                let form = |why: String| AdvisoryError::Form {
                    path: path.to_owned(),
                    why,
                };
                let (changed_ms, advisory) = osv(&value).map_err(form)?;
                // An entry from the future makes nothing younger.
                let changed_ms = if changed_ms > now_ms { 0 } else { changed_ms };
                as_of_ms = as_of_ms.max(changed_ms);
                if let Some(advisory) = advisory {
                    for affected in &advisory.affected {
                        let newest = newest_ms.entry(affected.ecosystem.clone()).or_insert(0);
                        *newest = changed_ms.max(*newest);
                    }
                    entries.insert(advisory.id.clone(), advisory);
                }
                if entries.len() > ENTRIES_MAX {
                    return Err(AdvisoryError::TooMany(source.to_owned()));
                }
            }
            Ok(())
        };
        for path in files(source)? {
            match path.extension().is_some_and(|e| e == "zip") {
                true => archive::each(&path, &mut take)?,
                false => take(&path, &text(&path)?)?,
            }
        }
        if entries.is_empty() {
            return Err(AdvisoryError::Empty(source.to_owned()));
        }
        Ok(Snapshot {
            as_of_ms,
            newest_ms,
            imported_ms: now_ms,
            source: source.to_owned(),
            entries: entries.into_values().collect(),
        })
    }

    /// Whole days from its newest entry to `now_ms`.
    pub fn age_days(&self, now_ms: i64) -> i64 {
        (now_ms - self.as_of_ms).max(0) / DAY_MS
    }

    /// Hex SHA-256 over its entries: what evidence names it by.
    pub fn sha256(&self) -> String {
        let text = serde_json::to_vec(&self.entries).expect("plain values always have a JSON form");
        hex::encode(Sha256::digest(text))
    }
}

/// A snapshot made ready to be asked, at one moment.
#[derive(Debug, Clone)]
pub struct Advisories {
    by_package: BTreeMap<(String, String), Vec<(String, Affected)>>,
    /// Whole days to the newest entry of each ecosystem that has one.
    age_days: BTreeMap<String, i64>,
    pub sha256: String,
    pub count: usize,
}

impl Advisories {
    pub fn new(snapshot: Snapshot, now_ms: i64) -> Advisories {
        let sha256 = snapshot.sha256();
        let mut age_days = BTreeMap::new();
        let count = snapshot.entries.len();
        let mut by_package: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for advisory in snapshot.entries {
            for affected in advisory.affected {
                // A snapshot of before it was written down has no times of its ecosystems: they count as old.
                let newest = snapshot.newest_ms.get(&affected.ecosystem).copied();
                let days = (now_ms - newest.unwrap_or_default()).max(0) / DAY_MS;
                age_days.insert(affected.ecosystem.clone(), days);
                let key = (affected.ecosystem.clone(), affected.package.clone());
                by_package
                    .entry(key)
                    .or_default()
                    .push((advisory.id.clone(), affected));
            }
        }
        Advisories {
            by_package,
            sha256,
            age_days,
            count,
        }
    }

    /// `None` of an ecosystem that the snapshot has no entry of.
    pub fn age_days(&self, ecosystem: &str) -> Option<i64> {
        self.age_days.get(ecosystem).copied()
    }

    /// The advisories that speak of a version.
    ///
    /// # Errors
    /// In words, when the version cannot be put in order with those of an advisory: it may be affected.
    pub fn about(
        &self,
        ecosystem: &str,
        package: &str,
        version: &str,
    ) -> Result<Vec<&str>, String> {
        let key = (ecosystem.to_owned(), package.to_owned());
        let mut found = Vec::new();
        for (id, affected) in self.by_package.get(&key).into_iter().flatten() {
            if affected.ranges.is_empty() && affected.versions.is_empty() {
                return Err(format!("{id} names the package and none of its versions"));
            }
            if is_listed(affected, version) || in_ranges(affected, version)? {
                found.push(id.as_str());
            }
        }
        found.dedup();
        Ok(found)
    }
}

/// `1.0` and `1.0.0` are one version where both can be put in order.
fn is_listed(affected: &Affected, version: &str) -> bool {
    let own = Ordered::read(&affected.ecosystem, version);
    let same = |listed: &String| {
        listed == version || own.is_some() && own == Ordered::read(&affected.ecosystem, listed)
    };
    affected.versions.iter().any(same)
}

fn in_ranges(affected: &Affected, version: &str) -> Result<bool, String> {
    let read = |text: &str| {
        Ordered::read(&affected.ecosystem, text)
            .ok_or_else(|| format!("`{text}` is no version that {} orders", affected.ecosystem))
    };
    for span in &affected.ranges {
        let version = read(version)?;
        let after = span.introduced == "0" || version >= read(&span.introduced)?;
        let before = match (&span.fixed, &span.last) {
            (Some(fixed), _) => version < read(fixed)?,
            (None, Some(last)) => version <= read(last)?,
            (None, None) => true,
        };
        if after && before {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The files of a source, in the order of their paths. Links are not followed.
fn files(source: &Path) -> Result<Vec<PathBuf>, AdvisoryError> {
    let read = |path: &Path, e: std::io::Error| AdvisoryError::Read {
        path: path.to_owned(),
        why: e.to_string(),
    };
    let seen = std::fs::metadata(source).map_err(|e| read(source, e))?;
    if seen.is_file() {
        return Ok(vec![source.to_owned()]);
    }
    let (mut found, mut open) = (Vec::new(), vec![source.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|e| read(&folder, e))? {
            let entry = entry.map_err(|e| read(&folder, e))?;
            let kind = entry.file_type().map_err(|e| read(&folder, e))?;
            let path = entry.path();
            let json = path
                .extension()
                .is_some_and(|e| e == "json" || e == "jsonl" || e == "zip");
            match (kind.is_dir(), kind.is_file() && json) {
                (true, _) => open.push(path),
                (false, true) => found.push(path),
                (false, false) => {}
            }
            if found.len() > ENTRIES_MAX {
                return Err(AdvisoryError::TooMany(source.to_owned()));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn text(path: &Path) -> Result<String, AdvisoryError> {
    let unread = |why: String| AdvisoryError::Read {
        path: path.to_owned(),
        why,
    };
    let file = std::fs::File::open(path).map_err(|e| unread(e.to_string()))?;
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|e| unread(e.to_string()))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(unread(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}

fn values(path: &Path, text: &str) -> Result<Vec<Value>, AdvisoryError> {
    let form = |why: serde_json::Error| AdvisoryError::Form {
        path: path.to_owned(),
        why: why.to_string(),
    };
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return Ok(match value {
            Value::Array(all) => all,
            one @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_)) => vec![one],
        });
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| serde_json::from_str(line).map_err(form))
        .collect()
}

/// One entry of OSV, and when it was changed. What was withdrawn is no advisory any more.
fn osv(value: &Value) -> Result<(i64, Option<Advisory>), String> {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let id = text("id")
        .filter(|id| !id.is_empty())
        .ok_or("it has no `id`")?;
    let changed = text("modified").ok_or_else(|| format!("{id} has no `modified`"))?;
    let changed_ms = alai_core::time::parse_rfc3339_ms(&changed)
        .ok_or_else(|| format!("{id}: `{changed}` is no time of RFC 3339"))?;
    if !value["withdrawn"].is_null() {
        return Ok((changed_ms, None));
    }
    let all = value["affected"].as_array().into_iter().flatten();
    let affected = all.filter_map(|one| affected(one).transpose());
    let affected = affected.collect::<Result<Vec<_>, _>>();
    let advisory = Advisory {
        affected: affected.map_err(|why| format!("{id}: {why}"))?,
        summary: text("summary")
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect(),
        id,
    };
    Ok((changed_ms, Some(advisory)))
}

/// What speaks of commits alone has no package and is nothing that a lockfile could be held against.
fn affected(value: &Value) -> Result<Option<Affected>, String> {
    let package = &value["package"];
    let (Some(ecosystem), Some(name)) = (package["ecosystem"].as_str(), package["name"].as_str())
    else {
        return Ok(None);
    };
    // `Debian:12` is one of several of Debian.
    let ecosystem = ecosystem.split(':').next().unwrap_or(ecosystem).to_owned();
    let package = canonical(&ecosystem, name);
    let mut ranges = Vec::new();
    for range in value["ranges"].as_array().into_iter().flatten() {
        if range["type"] != "GIT" {
            spans(range, &mut ranges)?;
        }
    }
    let versions = value["versions"].as_array().into_iter().flatten();
    let versions = versions.filter_map(Value::as_str).map(str::to_owned);
    Ok(Some(Affected {
        ecosystem,
        package,
        ranges,
        versions: versions.collect(),
    }))
}

fn spans(range: &Value, into: &mut Vec<Span>) -> Result<(), String> {
    let mut open: Option<Span> = None;
    for event in range["events"].as_array().into_iter().flatten() {
        let text = |key: &str| event[key].as_str().map(str::to_owned);
        if let Some(introduced) = text("introduced") {
            into.extend(open.take());
            open = Some(Span {
                introduced,
                fixed: None,
                last: None,
            });
            continue;
        }
        let (fixed, last) = (text("fixed"), text("last_affected"));
        if fixed.is_none() && last.is_none() {
            continue;
        }
        let mut span = open.take().ok_or("a range ends before it begins")?;
        (span.fixed, span.last) = (fixed, last);
        into.push(span);
    }
    into.extend(open);
    Ok(())
}

/// Reads bytes as an archive of advisories, and as advisories themselves.
///
/// # Panics
/// When an archive gives a file under another ending, another text at another reading, or an entry is kept that nobody can name.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn judge(bytes: &[u8]) {
    let each = |take: &mut dyn FnMut(&Path, &str) -> Result<(), AdvisoryError>| {
        archive::each_of(&mut std::io::Cursor::new(bytes), Path::new("all.zip"), take)
    };
    let mut seen = Vec::new();
    let mut keep = |path: &Path, text: &str| {
        let name = path.to_string_lossy();
        assert!(
            name.ends_with(".json") || name.ends_with(".jsonl"),
            "{name}"
        );
        judge_entries(text);
        seen.push((path.to_owned(), Sha256::digest(text)));
        Ok(())
    };
    let read = each(&mut keep).is_ok();
    let mut again = seen.iter();
    let same = each(&mut |path, text| {
        let expected = again.next().expect("as many as before");
        assert_eq!((path.to_owned(), Sha256::digest(text)), *expected);
        Ok(())
    });
    assert_eq!((same.is_ok(), again.next()), (read, None));
    judge_entries(&String::from_utf8_lossy(bytes));
}

#[cfg(any(test, feature = "fuzzing"))]
fn judge_entries(text: &str) {
    let values = values(Path::new("x.json"), text).unwrap_or_default();
    let read = values.iter().filter_map(|value| osv(value).ok());
    let entries: Vec<Advisory> = read.filter_map(|(_, advisory)| advisory).collect();
    let named = |entry: &Advisory| !entry.id.is_empty() && entry.summary.chars().count() <= 200;
    assert!(entries.iter().all(named));
    let asked: Vec<(String, String)> = { entries.iter().flat_map(|entry| &entry.affected) }
        .map(|affected| (affected.ecosystem.clone(), affected.package.clone()))
        .collect();
    let known: std::collections::BTreeSet<String> =
        entries.iter().map(|entry| entry.id.clone()).collect();
    let snapshot = Snapshot {
        as_of_ms: 0,
        newest_ms: BTreeMap::new(),
        imported_ms: 0,
        source: PathBuf::new(),
        entries,
    };
    let advisories = Advisories::new(snapshot, 0);
    for (ecosystem, package) in asked.iter().take(ASKED_MAX) {
        for version in ["0.0.1", "1.2.3", "v2.0.0-rc.1", "x"] {
            let about = advisories.about(ecosystem, package, version);
            let named = about.unwrap_or_default();
            assert!(named.iter().all(|id| known.contains(*id)));
        }
    }
}

/// More packages only cost time.
#[cfg(any(test, feature = "fuzzing"))]
const ASKED_MAX: usize = 16;

/// The name that an ecosystem takes for the same: PyPI's is small with dashes (PEP 503).
pub(crate) fn canonical(ecosystem: &str, name: &str) -> String {
    match ecosystem {
        "PyPI" => {
            let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join("-").to_lowercase()
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) const NOW: i64 = 1_800_000_000_000;

    /// One advisory each for Cargo, npm, PyPI and Go.
    pub(crate) fn entries() -> Vec<Value> {
        let one = |id: &str, ecosystem: &str, name: &str, events: Value| {
            json!({"id": id, "modified": "2027-01-10T08:00:00Z", "summary": "bad",
                "affected": [{"package": {"ecosystem": ecosystem, "name": name},
                    "ranges": [{"type": "SEMVER", "events": events}]}]})
        };
        vec![
            one(
                "RUSTSEC-2027-1",
                CARGO,
                "serd",
                json!([{"introduced": "0"}, {"fixed": "1.2.3"}]),
            ),
            one(
                "GHSA-1",
                "npm",
                "left-pad",
                json!([{"introduced": "1.0.0"}, {"last_affected": "1.3.0"}]),
            ),
            one(
                "PYSEC-1",
                "PyPI",
                "My_Pkg",
                json!([{"introduced": "0"}, {"fixed": "2.0rc1"}]),
            ),
            one(
                "GO-1",
                "Go",
                "example.org/x",
                json!([{"introduced": "1.0.0"}, {"fixed": "1.0.5"}, {"introduced": "1.1.0"}]),
            ),
        ]
    }

    pub(crate) fn advisories() -> Advisories {
        Advisories::new(snapshot(), NOW)
    }

    pub(crate) fn snapshot() -> Snapshot {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("all.json");
        std::fs::write(&path, Value::from(entries()).to_string()).expect("written");
        Snapshot::read(&path, NOW).expect("a snapshot")
    }

    #[test]
    fn versions_are_looked_up_by_the_order_of_their_ecosystem() {
        let all = advisories();
        let known =
            |ecosystem, name, version| all.about(ecosystem, name, version).expect("ordered").len();
        assert_eq!(known(CARGO, "serd", "1.2.2"), 1);
        assert_eq!(known(CARGO, "serd", "1.2.3-rc.1"), 1, "before its release");
        assert_eq!(known(CARGO, "serd", "1.2.3"), 0);
        assert_eq!(known(CARGO, "serde", "1.0.0"), 0, "another package");
        assert_eq!(
            known("npm", "left-pad", "1.3.0"),
            1,
            "the last one is affected"
        );
        assert_eq!(known("npm", "left-pad", "1.3.1"), 0);
        assert_eq!(known("PyPI", "my-pkg", "1.9.post1"), 1);
        assert_eq!(known("PyPI", "my-pkg", "2.0"), 0);
        assert_eq!(known("Go", "example.org/x", "v1.0.5"), 0);
        assert_eq!(
            known("Go", "example.org/x", "v1.4.0"),
            1,
            "introduced anew and never fixed"
        );
        assert!(
            all.about("npm", "left-pad", "github:a/b").is_err(),
            "no order, no word"
        );
    }

    #[test]
    fn names_and_versions_are_the_same_however_they_are_spelt() {
        assert_eq!(canonical("PyPI", "My.-_Pkg"), "my-pkg");
        let one = |versions: Value| {
            json!({"id": "PYSEC-2", "modified": "2027-01-10T08:00:00Z",
                "affected": [{"package": {"ecosystem": "PyPI", "name": "my__pkg"}, "versions": versions}]})
        };
        let read = |value: Value| {
            let dir = tempfile::tempdir().expect("a folder");
            let path = dir.path().join("one.json");
            std::fs::write(&path, value.to_string()).expect("written");
            Advisories::new(Snapshot::read(&path, NOW).expect("a snapshot"), NOW)
        };
        let listed = read(one(json!(["1.0"])));
        let about = |version| {
            listed
                .about("PyPI", "my-pkg", version)
                .expect("ordered")
                .len()
        };
        assert_eq!((about("1.0.0"), about("1.0"), about("1.1")), (1, 1, 0));
        let none = read(one(json!([])));
        assert!(none.about("PyPI", "my-pkg", "1.0").is_err(), "which ones?");
    }

    #[test]
    fn an_entry_of_the_future_makes_nothing_younger() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("all.json");
        let mut all = entries();
        all[0]["modified"] = json!("2031-01-01T00:00:00Z");
        all[1]["modified"] = json!("2026-01-10T08:00:00Z");
        std::fs::write(&path, Value::from(all).to_string()).expect("written");
        let read = Snapshot::read(&path, NOW).expect("a snapshot");
        assert!(read.as_of_ms < NOW, "{}", read.as_of_ms);
        let all = Advisories::new(read, NOW);
        let old = |ecosystem| {
            all.age_days(ecosystem)
                .is_none_or(|days| days > AGE_DAYS_MAX)
        };
        assert!(old(CARGO), "only of the future");
        assert!(old("npm"), "as old as its own newest one");
        assert!(!old("PyPI"));
        assert!(old("RubyGems"), "none at all");
    }

    #[test]
    fn a_snapshot_is_read_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        assert!(matches!(
            Snapshot::read(dir.path(), NOW),
            Err(AdvisoryError::Empty(_))
        ));
        let all = entries();
        std::fs::create_dir(at("deep")).expect("a folder");
        std::fs::write(at("deep/a.json"), all[0].to_string()).expect("written");
        let lines: Vec<String> = all[1..].iter().map(Value::to_string).collect();
        std::fs::write(at("b.jsonl"), lines.join("\n")).expect("written");
        std::fs::write(at("README.md"), "not one").expect("written");
        let read = Snapshot::read(dir.path(), NOW).expect("a snapshot");
        assert_eq!(read.entries.len(), 4);
        assert_eq!(read.age_days(read.as_of_ms + 3 * DAY_MS), 3);
        assert_eq!(read.sha256().len(), 64);
        let mut gone = all[0].clone();
        gone["withdrawn"] = json!("2027-01-11T00:00:00Z");
        std::fs::write(at("deep/a.json"), gone.to_string()).expect("written");
        assert_eq!(
            Snapshot::read(dir.path(), NOW).expect("read").entries.len(),
            3
        );
        for bad in [
            "{",
            "{\"id\": \"A\"}",
            "{\"id\": \"A\", \"modified\": \"yesterday\"}",
        ] {
            std::fs::write(at("c.json"), bad).expect("written");
            let refused = Snapshot::read(dir.path(), NOW);
            assert!(
                matches!(refused, Err(AdvisoryError::Form { .. })),
                "{bad}: {refused:?}"
            );
        }
    }
}
