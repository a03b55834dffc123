//! The whole output of each command of a run, beside its trajectory: what an agent reads is its two ends, and the scratch space
//! that has the rest goes with the cage.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use alai_core::record::Captured;

/// Bytes kept of one command. A build log that people read has a tenth of it.
const COMMAND_BYTES_MAX: usize = 16 << 20;
/// Bytes kept of one run, as much as its trajectory may have.
const RUN_BYTES_MAX: usize = 256 << 20;
/// The folder beside the trajectory.
const FOLDER: &str = "commands";

/// Where the outputs of a run are kept.
pub(super) struct Outputs {
    dir: PathBuf,
    count: u32,
    left: usize,
}

/// One command's kept output.
pub(crate) struct Kept {
    /// Below the run's folder.
    pub(crate) name: String,
    pub(crate) whole: bool,
}

/// How much of an output is worth asking for.
pub(crate) const fn worth(bytes: u64) -> u64 {
    if bytes < COMMAND_BYTES_MAX as u64 {
        bytes
    } else {
        COMMAND_BYTES_MAX as u64
    }
}

impl Outputs {
    pub(super) fn beside(trajectory: &Path) -> Outputs {
        let dir = trajectory.parent().unwrap_or(Path::new(".")).join(FOLDER);
        Outputs {
            dir,
            count: 0,
            left: RUN_BYTES_MAX,
        }
    }

    /// Keeps one output, without its secrets: `full` where it was fetched, else what the record has.
    pub(super) fn keep(
        &mut self,
        captured: &Captured,
        full: Option<&[u8]>,
        redact: super::Redact,
    ) -> std::io::Result<Option<Kept>> {
        let text = match full {
            Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            None => captured.combined(),
        };
        let cleaned = redact(&text);
        let most = self.left.min(COMMAND_BYTES_MAX);
        let bytes = crate::text::head(&cleaned, most).as_bytes();
        let written = captured.record.stdout_bytes + captured.record.stderr_bytes;
        let had = full.map_or(0, |full| full.len() as u64);
        let whole = bytes.len() == cleaned.len() && (!captured.truncated || had == written);
        if bytes.is_empty() {
            return Ok(None);
        }
        std::fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&self.dir)?;
        self.count += 1;
        let name = format!("{:04}.log", self.count);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.dir.join(&name))?;
        file.write_all(bytes)?;
        self.left -= bytes.len();
        Ok(Some(Kept {
            name: format!("{FOLDER}/{name}"),
            whole,
        }))
    }
}
