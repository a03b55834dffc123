//! Keeping the executable that this process began with: cages start it again inside, and an update may replace or remove the
//! installed one while the daemon runs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use alai_workspace::{cage, files};

use crate::home::Home;

/// Links (or copies, on another file system) the running executable into the home's cache and lets cages use that one.
/// When it cannot be done the installed one is used, and a cage that then finds it gone says so.
pub(crate) fn pin(home: &Home) {
    match kept(home) {
        Ok(path) => cage::set_launcher(path),
        Err(why) => {
            tracing::warn!("the executable is not kept, an update will stop new cages: {why}")
        }
    }
}

fn kept(home: &Home) -> Result<PathBuf, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    // A test binary is no launcher; whoever runs one names the launcher itself.
    if std::env::var_os("ALAI_LAUNCHER").is_some() {
        return Err("ALAI_LAUNCHER names another one".into());
    }
    let running = std::env::current_exe().map_err(|e| text(&e))?;
    let meta = fs::metadata(&running).map_err(|e| text(&e))?;
    let dir = home.cache().join("launcher");
    files::private_dir_all(&dir).map_err(|e| text(&e))?;
    let name = format!(
        "alai-{}-{}-{}",
        meta.dev(),
        meta.ino(),
        meta.mtime_nsec() ^ meta.mtime()
    );
    let path = dir.join(&name);
    forget_others(&dir, &name);
    if path.exists() {
        return Ok(path);
    }
    if fs::hard_link(&running, &path).is_err() {
        let building = dir.join(format!("{name}.{}", std::process::id()));
        fs::copy(&running, &building).map_err(|e| text(&e))?;
        fs::rename(&building, &path).map_err(|e| text(&e))?;
    }
    Ok(path)
}

/// Executables of former processes. Cages that still run on one keep it by their mount.
fn forget_others(dir: &Path, name: &str) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy() != name
            && let Err(e) = fs::remove_file(entry.path())
        {
            tracing::warn!("cannot remove {}: {e}", entry.path().display());
        }
    }
}
