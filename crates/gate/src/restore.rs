//! The head with the base's test files: what a change is judged by is what was there before it.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::{ChangedFile, Content, FILE_BYTES_MAX};
use crate::checks::gate_config::protected;
use crate::checks::manifest;
use crate::error::GateError;
use crate::measure::Gate;
use crate::paths;
use crate::source::Lang;
use crate::stage::Room;

impl Gate<'_> {
    /// Puts the base's test files back. Returns whether anything differed.
    pub(crate) fn restore(&self, room: &Room) -> Result<bool, GateError> {
        let data = self.data_of_kept_tests(room);
        let mut changed = false;
        for file in &self.change.files {
            if (file.is_new() || file.from.is_some()) && !data.contains(file.path.as_str()) {
                changed |= self.take_new_test(room, file)?;
            }
            if !file.is_new() && self.rules.is_fixed_test(file.base_path()) {
                changed = true;
                if let Some(bytes) = self.blob(self.candidate.base, file.base_path())? {
                    room.put(file.base_path(), &bytes, file.old_mode == 0o100_755)?;
                }
            }
        }
        Ok(changed)
    }

    /// A new test file could change how old ones go (a conftest, a helper that shadows another). Rust's are programs of their
    /// own, or modules that sources name: they stay.
    fn take_new_test(&self, room: &Room, file: &ChangedFile) -> Result<bool, GateError> {
        if !self.rules.is_fixed_test(&file.path) || file.is_deleted() {
            return Ok(false);
        }
        // A shipped scaffold's own are no agent's, and a runner that finds no test at all says so with an error.
        if self.rules.is_scaffolded(file) {
            return Ok(false);
        }
        if file.lang() != Lang::Rust {
            room.take(&file.path)?;
        }
        // A new file of any kind makes the head differ from the head with the base's tests, as far as its census goes.
        Ok(file.lang() != Lang::Rust)
    }

    /// New files of plain data that tests which stay ask for by their names, and no test that was there does: without them they would
    /// not even build. A test that reads whatever lies in a folder finds one file more, as it does once this is merged. Where there are
    /// more than are looked for, none.
    fn data_of_kept_tests(&self, room: &Room) -> BTreeSet<&str> {
        let kept = |other: &&ChangedFile| {
            // Rust's unit tests stand in sources, and its new test files are programs of their own.
            let of_rust = other.lang() == Lang::Rust
                && (other.is_new() || !self.rules.is_fixed_test(other.base_path()));
            let stays = of_rust || self.rules.may_change_test(&other.path);
            stays && other.lang().is_code()
        };
        let kept: Vec<&str> = { self.change.files.iter() }
            .filter(kept)
            .filter_map(|other| other.head.text())
            .collect();
        let data = { self.change.files.iter() }
            .filter(|file| is_plain_data(file) && self.rules.is_fixed_test(&file.path))
            .map(|file| file.path.as_str());
        let data: Vec<&str> = data.take(DATA_LOOKED_AT_MAX + 1).collect();
        if data.len() > DATA_LOOKED_AT_MAX {
            return BTreeSet::new();
        }
        let mut data: BTreeSet<&str> = { data.into_iter() }
            .filter(|path| kept.iter().any(|text| text.contains(paths::name(path))))
            .collect();
        let touched: BTreeMap<&str, &ChangedFile> = { self.change.files.iter() }
            .map(|file| (file.base_path(), file))
            .collect();
        for path in self.change.base_paths.keys() {
            if data.is_empty() {
                break;
            }
            if !self.rules.is_test(path) {
                continue;
            }
            let text = match touched.get(path.as_str()) {
                Some(file) => file.base.text().map(str::to_owned),
                // The clone has it as the base does.
                None => text_at(&room.repo.join(path)),
            };
            // What cannot be read might name any.
            data.retain(|path| {
                let name = paths::name(path);
                text.as_ref().is_some_and(|text| !text.contains(name))
            });
        }
        data
    }
}

/// New files of data of one change that are looked for among the tests; a change with more brings a set of them for a task that names it.
const DATA_LOOKED_AT_MAX: usize = 100;

/// What only a reader gives a meaning to: neither code nor what a runner, a tool or a package manager looks for by its name.
fn is_plain_data(file: &ChangedFile) -> bool {
    const DATA: [&str; 31] = [
        "txt", "csv", "tsv", "json", "jsonl", "ndjson", "xml", "html", "svg", "md", "sql", "log",
        "eml", "ics", "vcf", "geojson", "gpx", "png", "jpg", "jpeg", "gif", "webp", "pdf", "wav",
        "zip", "gz", "bin", "dat", "golden", "out", "diff",
    ];
    let name = paths::name(&file.path);
    DATA.contains(&paths::extension(&file.path).as_str())
        && file.is_new()
        && file.new_mode == 0o100_644
        && !name.starts_with('.')
        && protected::class(&file.path).is_none()
        && manifest::kind(&file.path).is_none()
        && matches!(file.head, Content::Text(_) | Content::Binary)
}

fn text_at(path: &std::path::Path) -> Option<String> {
    let found = std::fs::symlink_metadata(path).ok()?;
    if !found.is_file() || found.len() > FILE_BYTES_MAX {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
