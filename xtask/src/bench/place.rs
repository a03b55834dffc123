//! A folder for one measurement: a copy of the release binary, and a home that nobody else uses.

use super::release;
use crate::program::{self, Error};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A daemon that does not answer by then is broken.
const UP_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
const UP_POLL: Duration = Duration::from_millis(50);

/// The demo's recorded replies: a daemon with a model, on any machine.
const SCRIPT: &str = "crates/cli/demo/script.yaml";

/// Removed with everything in it when dropped.
pub(super) struct Place {
    folder: TempDir,
    /// What starts `alai` in its place, given the program and its arguments.
    tracer: Vec<OsString>,
}

impl Place {
    /// Builds the release binary and copies it: cages start from the running executable, and a build in the meantime would
    /// take it away.
    pub(super) fn new() -> Result<Place, Error> {
        Place::below(&std::env::temp_dir())
    }

    /// The same on the disk of the build, where a folder for what is temporary may be one in memory.
    pub(super) fn on_disk() -> Result<Place, Error> {
        Place::below(&program::root().join("target"))
    }

    fn below(parent: &Path) -> Result<Place, Error> {
        let (binary, _) = release::build()?;
        Place::of(&binary, parent)
    }

    /// The same with this binary.
    pub(super) fn of(binary: &Path, parent: &Path) -> Result<Place, Error> {
        let folder = tempfile::Builder::new()
            .prefix("alai-bench-")
            .tempdir_in(parent)
            .map_err(file(parent))?;
        let place = Place {
            folder,
            tracer: Vec::new(),
        };
        fs::copy(binary, place.binary()).map_err(file(binary))?;
        Ok(place)
    }

    /// From now on each `alai` is started by this.
    pub(super) fn trace(&mut self, tracer: &[OsString]) {
        self.tracer = tracer.to_vec();
    }

    pub(super) fn binary(&self) -> PathBuf {
        self.folder.path().join("alai")
    }

    /// A path below the folder.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `alai` on the home of this name, with recorded replies as its model. Nothing of the caller's own settings reaches it.
    pub(super) fn alai(&self, home: &str, args: &[&str]) -> Command {
        let mut command = match self.tracer.split_first() {
            None => program::command(self.binary()),
            Some((tracer, args)) => {
                let mut command = program::command(tracer);
                command.args(args).arg(self.binary());
                command
            }
        };
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ALAI_") {
                command.env_remove(name);
            }
        }
        command
            .env("ALAI_HOME", self.at(home))
            .env("ALAI_SCRIPT", program::root().join(SCRIPT))
            .args(args)
            .current_dir(self.folder.path());
        command
    }

    pub(super) fn init(&self, home: &str) -> Result<(), Error> {
        program::read(self.alai(home, &["init"])).map(drop)
    }

    /// A repository with one commit.
    pub(super) fn repository(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.at(name);
        fs::create_dir(&folder).map_err(file(&folder))?;
        let readme = folder.join("README.md");
        fs::write(&readme, "Nothing to build here.\n").map_err(file(&readme))?;
        let who = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"];
        for args in [
            &["init", "--quiet"][..],
            &["add", "README.md"],
            &["commit", "--quiet", "--message", "One file"],
        ] {
            let mut git = program::command("git");
            git.arg("-C").arg(&folder).args(who).args(args);
            program::read(git)?;
        }
        Ok(folder)
    }

    /// `alai up`, once it answers.
    pub(super) fn daemon(&self, home: &str) -> Result<Daemon, Error> {
        self.up(home, self.alai(home, &["up"]))
    }

    /// The same where no model is found.
    pub(super) fn daemon_without_model(&self, home: &str) -> Result<Daemon, Error> {
        let mut up = self.alai(home, &["up"]);
        // Port 9 is discard's (RFC 863); nothing answers HTTP there.
        up.env_remove("ALAI_SCRIPT")
            .env("OLLAMA_HOST", "http://127.0.0.1:9");
        self.up(home, up)
    }

    fn up(&self, home: &str, mut up: Command) -> Result<Daemon, Error> {
        let shown = program::show(&up);
        let child = up
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| Error::Start {
                command: shown,
                source,
            })?;
        let mut daemon = Daemon { child };
        let socket = self.at(home).join("daemon.sock");
        let deadline = Instant::now() + UP_TIMEOUT;
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            let ended = daemon.child.try_wait().map_err(file(&socket))?;
            if ended.is_some() || Instant::now() > deadline {
                return Err(Error::Answer(format!(
                    "`alai up` does not answer on {} (ended: {ended:?})",
                    socket.display()
                )));
            }
            thread::sleep(UP_POLL);
        }
        Ok(daemon)
    }
}

/// A daemon that ends with its measurement.
pub(super) struct Daemon {
    child: Child,
}

impl Daemon {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; its caller has noticed by what it measured.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An error about this path.
pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::File { path, source }
}
