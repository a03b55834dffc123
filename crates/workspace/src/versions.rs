//! Which version a program is, asked once: a command that lives for a second does not start two programs to hear what the last
//! command heard.
//!
//! It is only ever a choice of what to start. Another file at the same place, or one that somebody wrote to, is asked again.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::files;

/// Of a file that we have written: a few names and a line for each.
const BYTES_MAX: u64 = 16 << 10;

/// A program that updates a hundred times leaves no hundred lines.
const PROGRAMS_MAX: usize = 16;

static PLACE: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Names the file in which this process looks up, and keeps, what programs said. Only we may write to its folder.
pub fn set_versions(file: PathBuf) {
    *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
}

/// What `program` says of its version: what it said when it was asked before, or what `ask` hears of it now. Nothing is kept of a
/// program that gives no answer.
pub(crate) fn version<E>(
    program: &Path,
    ask: impl FnOnce() -> Result<String, E>,
) -> Result<String, E> {
    let stamp = stamp(program);
    let placed = || PLACE.lock().unwrap_or_else(PoisonError::into_inner);
    let known = placed().as_deref().map(read).unwrap_or_default();
    if let Some(said) = stamp.as_ref().and_then(|stamp| known.get(stamp)) {
        return Ok(said.clone());
    }
    // Not under the lock: a program that is asked in a cage has the jailer asked for its version.
    let said = ask()?;
    let place = placed();
    if let (Some(place), Some(stamp)) = (place.as_deref(), stamp)
        && !said.is_empty()
    {
        let mut known = read(place);
        if known.len() >= PROGRAMS_MAX {
            known.clear();
        }
        known.insert(stamp, said.clone());
        // Where it cannot be kept, the next process asks for itself.
        let _ = serde_json::to_vec(&known).map(|text| files::write_atomic(place, &text));
    }
    Ok(said)
}

fn read(file: &Path) -> BTreeMap<String, String> {
    let found = fs::symlink_metadata(file).ok();
    let found = found.filter(|found| found.is_file() && found.len() <= BYTES_MAX);
    let text = found.and_then(|_| fs::read(file).ok());
    text.and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default()
}

/// Which file this is, and that nobody has written to it.
pub(crate) fn stamp(path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    Some(format!(
        "{} {} {} {} {}.{}",
        path.display(),
        found.dev(),
        found.ino(),
        found.len(),
        found.ctime(),
        found.ctime_nsec()
    ))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn a_program_is_asked_again_only_when_it_is_another_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, program) = (dir.path().join("versions.json"), dir.path().join("tool"));
        fs::write(&program, "1").expect("written");
        let asked = Cell::new(0);
        let say = |said: &'static str| {
            let asked = &asked;
            version(&program, || {
                asked.set(asked.get() + 1);
                Ok::<_, Infallible>(said.to_owned())
            })
            .expect("it answers")
        };
        // Without a place, each time.
        assert_eq!(say("one"), "one");
        assert_eq!(say("two"), "two");
        set_versions(file.clone());
        assert_eq!(
            (say("three"), say("four")),
            ("three".into(), "three".into())
        );
        assert_eq!(asked.get(), 3);
        fs::write(&program, "22").expect("written");
        assert_eq!(say("five"), "five");
        // Half written, or not ours to read.
        fs::write(&file, "{").expect("written");
        assert_eq!(say("six"), "six");
        fs::remove_file(&file).expect("removed");
        std::os::unix::fs::symlink("/dev/zero", &file).expect("a link");
        assert_eq!(say("seven"), "seven");
        // What gives no answer is asked again.
        fs::remove_file(&file).expect("removed");
        assert_eq!((say(""), say("eight")), (String::new(), "eight".into()));
    }
}
