//! What can be made again is kept only while there is room for it: set-ups and the tests of known commits; answers to requests only
//! while somebody may ask for them again.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use alai_workspace::setup;

use crate::beat::Factory;

/// Set-ups kept, the most recently used ones. Each may hold packages and builds of some gigabytes, and every change of a manifest
/// makes another.
const SETUPS_KEPT: usize = 12;

/// Tests of commits kept: a few kilobytes each.
const CENSUSES_KEPT: usize = 500;

/// Between two looks, in milliseconds.
pub(crate) const PAUSE_MS: i64 = 60 * 60 * 1000;

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
    if let Err(e) = factory.mission().forget_answers(factory.now_ms()) {
        tracing::warn!("old answers cannot be forgotten: {e}");
    }
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
    use super::*;

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
}
