//! Where calls are recorded: the folder that the settings name, else the one that a person has turned on. The switch is a file of the
//! home that is looked at before each call, so that it is heard by a daemon that runs.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use alai_fleet::Recorder;
use alai_workspace::files;

use crate::config::{Config, ConfigError};
use crate::home::Home;

/// The recordings of one process.
#[derive(Debug, Default)]
pub(crate) struct Tapes {
    /// By `fleet.record` or ALAI_RECORD; it counts before the switch.
    fixed: Option<Arc<Recorder>>,
    switch: Option<PathBuf>,
    /// What the switch says since it was looked at last. A folder that cannot be written has no recorder, and is warned of once.
    on: Mutex<Option<(PathBuf, Option<Arc<Recorder>>)>>,
}

impl Tapes {
    pub(crate) fn new(config: &Config) -> Result<Tapes, ConfigError> {
        let fixed = config.record.as_deref().map(Recorder::new).transpose();
        let fixed = fixed.map_err(|e| ConfigError::Value {
            key: "fleet.record",
            value: e.to_string(),
            want: "a folder that can be written",
        })?;
        Ok(Tapes {
            fixed: fixed.map(Arc::new),
            switch: config.recording.clone(),
            on: Mutex::default(),
        })
    }

    /// Where the next call is recorded.
    pub(crate) fn recorder(&self) -> Option<Arc<Recorder>> {
        if self.fixed.is_some() {
            return self.fixed.clone();
        }
        let dir = self.switch.as_deref().and_then(turned_on);
        let mut on = self.on.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(dir) = dir else {
            *on = None;
            return None;
        };
        if let Some((known, recorder)) = &*on
            && *known == dir
        {
            return recorder.clone();
        }
        let made = Recorder::new(&dir);
        if let Err(e) = &made {
            tracing::warn!("calls are not recorded: {e}");
        }
        let recorder = made.ok().map(Arc::new);
        *on = Some((dir, recorder.clone()));
        recorder
    }
}

/// The folder that a switch names; none where it is off. What cannot be read records nothing.
fn turned_on(switch: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(switch).ok()?;
    let dir = PathBuf::from(text.trim_end_matches('\n'));
    dir.is_absolute().then_some(dir)
}

/// The folder that calls are recorded in because a person turned that on.
pub fn recording_into(home: &Home) -> Option<PathBuf> {
    turned_on(&home.recording())
}

/// Turns recording on, into `dir` or a folder of the home. Calls that are under way are not in it.
///
/// # Errors
/// In words for people, when the folder or the switch cannot be written.
pub fn turn_recording_on(home: &Home, dir: Option<&Path>) -> Result<PathBuf, String> {
    let dir = dir.map_or_else(|| home.recordings(), Path::to_owned);
    Recorder::new(&dir).map_err(|e| e.to_string())?;
    let dir = std::fs::canonicalize(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let text = dir.to_str().filter(|text| !text.contains('\n'));
    let text = text.ok_or("the folder's name is no text of one line; name another one")?;
    let switch = home.recording();
    files::write_atomic(&switch, format!("{text}\n").as_bytes())
        .map_err(|e| format!("{}: {e}", switch.display()))?;
    Ok(dir)
}

/// Turns it off again; true when it was on.
///
/// # Errors
/// In words for people, when the switch cannot be removed.
pub fn turn_recording_off(home: &Home) -> Result<bool, String> {
    let switch = home.recording();
    match std::fs::remove_file(&switch) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(format!("{}: {e}", switch.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_is_heard_at_the_next_call_and_the_settings_count_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let config = Config {
            recording: Some(home.recording()),
            ..Config::default()
        };
        let tapes = Tapes::new(&config).unwrap();
        assert!(tapes.recorder().is_none());
        let into = turn_recording_on(&home, None).unwrap();
        let first = tapes.recorder().unwrap();
        assert_eq!(first.dir(), into);
        assert!(Arc::ptr_eq(&first, &tapes.recorder().unwrap()), "one file");
        let other = dir.path().join("other");
        turn_recording_on(&home, Some(&other)).unwrap();
        assert_ne!(tapes.recorder().unwrap().dir(), into);
        assert!(turn_recording_off(&home).unwrap());
        assert!(!turn_recording_off(&home).unwrap());
        assert!(tapes.recorder().is_none());
        for torn in ["", "relative\n"] {
            std::fs::write(home.recording(), torn).unwrap();
            assert!(tapes.recorder().is_none(), "{torn:?}");
        }
        let fixed = dir.path().join("fixed");
        let config = Config {
            record: Some(fixed.clone()),
            ..config
        };
        let tapes = Tapes::new(&config).unwrap();
        assert_eq!(tapes.recorder().unwrap().dir(), fixed);
    }
}
