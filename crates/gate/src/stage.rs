//! Fresh clones and the runs in them. Nothing of one run reaches the next: each clone is made from the commit, used once and
//! removed.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use alai_core::record::{Captured, Exit};
use alai_core::services::Surroundings;
use alai_workspace::cage::{self, Access, Bind, CageSpec, Limits, Network};
use alai_workspace::clone::{self, INSIDE_HOME, INSIDE_REPO, Remover};
use alai_workspace::command::Cancel;
use alai_workspace::git::{Oid, Repo};
use alai_workspace::services::{self, Then};
use alai_workspace::setup::{self, Prepared};
use alai_workspace::toolchains::Toolchains;

use crate::base::BUILT;
use crate::census::{self, Census};
use crate::error::GateError;
use crate::reports::{Asked, INSIDE_GATE};

/// What is kept of an output: a census needs all of it, and 20,000 tests at 100 bytes a line are 2 MiB.
const OUTPUT_KEPT: usize = 4 << 20;

/// A clone is built once and removed, so what a tool would keep for its next build there is work for nothing. Measured on a
/// small crate without dependencies: `cargo test` in a fresh clone takes 2.1 s of processor time instead of 4.1 s.
const USED_ONCE: [(&str, &str); 1] = [("CARGO_INCREMENTAL", "0")];

/// What all clones of one measurement share.
pub(crate) struct Stage<'a> {
    pub(crate) repo: &'a Repo,
    pub(crate) toolchains: &'a Toolchains,
    /// Services start anew beside every command, so that none finds what another one left.
    pub(crate) around: &'a Surroundings,
    /// A folder of ours, for nobody else.
    pub(crate) scratch: &'a Path,
    /// Seconds that one command may take.
    pub(crate) command_s: u64,
    pub(crate) cancel: &'a Cancel,
    remover: Arc<Remover>,
}

/// One run of the tests.
pub(crate) struct Ran {
    /// The run before it, whose runner would not start for what it was asked: it is evidence too.
    pub(crate) refused: Option<Captured>,
    pub(crate) captured: Captured,
    pub(crate) census: Census,
}

/// What a run of the tests has beside what every one has.
#[derive(Default)]
pub(crate) struct With<'a> {
    pub(crate) env: Vec<(&'static str, String)>,
    /// Texts by name, read-only at [`INSIDE_GATE`].
    pub(crate) programs: Vec<(&'static str, &'a str)>,
}

/// One fresh clone with its home. Removed after it is dropped, beside the next one's work; all are gone with the stage.
pub(crate) struct Room {
    folder: PathBuf,
    remover: Arc<Remover>,
    pub(crate) repo: PathBuf,
    home: PathBuf,
}

impl Drop for Room {
    fn drop(&mut self) {
        // What stays is found and removed by whoever owns the scratch folder; a measurement does not fail by it.
        self.remover.remove(std::mem::take(&mut self.folder));
    }
}

impl<'a> Stage<'a> {
    pub(crate) fn new(
        repo: &'a Repo,
        toolchains: &'a Toolchains,
        around: &'a Surroundings,
        scratch: &'a Path,
        command_s: u64,
        cancel: &'a Cancel,
    ) -> Stage<'a> {
        Stage {
            repo,
            toolchains,
            around,
            scratch,
            command_s,
            cancel,
            remover: Arc::default(),
        }
    }

    /// Makes a clone of a commit with the set-up in it.
    pub(crate) fn room(
        &self,
        purpose: &str,
        commit: &Oid,
        prepared: &Prepared,
    ) -> Result<Room, GateError> {
        if self.cancel.is_cancelled() {
            return Err(GateError::Cancelled);
        }
        // Two measurements may share a scratch folder.
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| GateError::Clone {
            purpose: purpose.to_owned(),
            path: self.scratch.to_owned(),
            why: e.to_string(),
        })?;
        let folder = self.scratch.join(format!("gate-{}", hex::encode(random)));
        let failed = |why: String| GateError::Clone {
            purpose: purpose.to_owned(),
            path: folder.clone(),
            why,
        };
        make_folder(&folder).map_err(|e| failed(e.to_string()))?;
        let room = Room {
            repo: folder.join("repo"),
            home: folder.join("home"),
            folder: folder.clone(),
            remover: Arc::clone(&self.remover),
        };
        let owner = cage::agent_ids();
        clone::checkout_fresh(self.repo, commit, &room.repo, owner)
            .map_err(|e| failed(e.to_string()))?;
        setup::install_into(prepared, &room.repo, &room.home, owner)
            .map_err(|e| failed(e.to_string()))?;
        discard_later_build(&room.repo).map_err(|e| failed(e.to_string()))?;
        Ok(room)
    }

    /// Runs a line of shell at the top of a clone, without a network. Both streams are joined, in the order of their writing:
    /// Cargo names a test binary on one of them and libtest its tests on the other.
    pub(crate) fn run(&self, room: &Room, command: &str) -> Result<Captured, GateError> {
        self.run_with(room, command, &[])
    }

    /// The same with more variables. What is there of `NODE_OPTIONS` and `GOFLAGS` stays in force.
    pub(crate) fn run_with(
        &self,
        room: &Room,
        command: &str,
        more: &[(&str, String)],
    ) -> Result<Captured, GateError> {
        self.start(command, self.spec(room, more, self.command_s))
    }

    /// Runs the tests, whose runner is asked for a report for machines too.
    pub(crate) fn tests(&self, room: &Room, command: &str) -> Result<Ran, GateError> {
        self.asked(room, command, &With::default(), self.command_s)
    }

    /// The same with more variables and programs.
    pub(crate) fn tests_with(
        &self,
        room: &Room,
        command: &str,
        with: &With<'_>,
    ) -> Result<Ran, GateError> {
        self.asked(room, command, with, self.command_s)
    }

    /// The same for at most so many seconds.
    pub(crate) fn tests_for(
        &self,
        room: &Room,
        command: &str,
        wall_s: u64,
    ) -> Result<Ran, GateError> {
        self.asked(room, command, &With::default(), wall_s)
    }

    fn asked(
        &self,
        room: &Room,
        command: &str,
        with: &With<'_>,
        wall_s: u64,
    ) -> Result<Ran, GateError> {
        let asked = Asked::of(room, command)?;
        for (name, text) in &with.programs {
            place_program(&asked.programs, name, text.as_bytes())
                .map_err(|why| room.failed(name, why))?;
        }
        let spec_with = |env: &[(&'static str, String)]| {
            let mut spec = self.spec(room, env, wall_s);
            spec.binds.push(Bind {
                outside: asked.programs.clone(),
                inside: PathBuf::from(INSIDE_GATE),
                access: Access::ReadOnly,
            });
            spec
        };
        let all: Vec<(&str, String)> = { with.env.iter().cloned() }
            .chain(asked.env.iter().cloned())
            .collect();
        let mut spec = spec_with(&all);
        if asked.on_path {
            spec.path = format!("{INSIDE_GATE}:{}", spec.path);
        }
        let began = SystemTime::now();
        let captured = self.start(command, spec)?;
        // Whoever had changed a test before would be measured by what he wrote.
        if asked.was_refused(&captured) && room.is_untouched_since(began) {
            let refused = Some(captured);
            let captured = self.start(command, spec_with(&with.env))?;
            let mut census = census::read(&captured);
            census.read = vec!["by its lines, since its runner refused to report".into()];
            return Ok(Ran {
                refused,
                captured,
                census,
            });
        }
        let census = census::read_with(&captured, &asked.forms, &asked.read(room));
        Ok(Ran {
            refused: None,
            captured,
            census,
        })
    }

    fn start(&self, command: &str, spec: CageSpec) -> Result<Captured, GateError> {
        let argv = ["sh".to_owned(), "-c".to_owned(), merged(command)];
        let argv = services::with_services(&self.around.services, &argv, Then::RunAndTell);
        let captured = cage::run(&spec, &argv, b"", self.cancel).map_err(|e| GateError::Cage {
            command: command.to_owned(),
            why: e.to_string(),
        })?;
        if captured.record.exit == Exit::Cancelled || self.cancel.is_cancelled() {
            return Err(GateError::Cancelled);
        }
        Ok(captured)
    }

    fn spec(&self, room: &Room, more: &[(&str, String)], wall_s: u64) -> CageSpec {
        let bind = |outside: &Path, inside: &str| Bind {
            outside: outside.to_owned(),
            inside: PathBuf::from(inside),
            access: Access::ReadWrite,
        };
        let mut env: BTreeMap<String, String> =
            setup::run_env(self.toolchains).into_iter().collect();
        env.extend(self.around.env());
        for (name, value) in census::runner_env() {
            // Flags of the set-up (such as -mod=vendor) stay in force.
            let joined = env
                .get(&name)
                .filter(|_| name == "GOFLAGS")
                .map(|old| format!("{old} {value}"));
            env.insert(name, joined.unwrap_or(value));
        }
        for (name, value) in USED_ONCE {
            env.insert(name.to_owned(), value.to_owned());
        }
        for (name, value) in more {
            let old = env.get(*name).map(|old| format!("{old} "));
            env.insert((*name).to_owned(), old.unwrap_or_default() + value);
        }
        CageSpec {
            binds: vec![bind(&room.repo, INSIDE_REPO), bind(&room.home, INSIDE_HOME)],
            cwd: PathBuf::from(INSIDE_REPO),
            env: env.into_iter().collect(),
            network: Network::Loopback,
            limits: Limits {
                wall_s,
                output_kept: OUTPUT_KEPT,
                ..Limits::default()
            },
            uid: cage::agent_ids(),
            toolchains: self.toolchains.binds.clone(),
            path: self.toolchains.path.clone(),
        }
    }
}

/// The command with its two streams joined.
pub(crate) fn merged(command: &str) -> String {
    format!("exec 2>&1\n{command}")
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(folder)
}

impl Room {
    /// Puts a file into the clone, whatever stands in its place. Nothing runs in the clone while this happens; a symbolic
    /// link on the way is replaced by a folder and never followed.
    pub(crate) fn put(&self, path: &str, bytes: &[u8], executable: bool) -> Result<(), GateError> {
        self.place(path, Some((bytes, executable)))
            .map_err(|why| self.failed(path, why))
    }

    /// Takes a file out of the clone.
    pub(crate) fn take(&self, path: &str) -> Result<(), GateError> {
        self.place(path, None).map_err(|why| self.failed(path, why))
    }

    pub(crate) fn failed(&self, path: &str, why: std::io::Error) -> GateError {
        GateError::Clone {
            purpose: format!("the file {path}"),
            path: self.repo.clone(),
            why: why.to_string(),
        }
    }

    /// Whether a command that has ended left all as it was: nothing in the tree or the home was written, moved, removed or given
    /// another mode since. The time of such a change is the kernel's to set, and no cage has the clock.
    fn is_untouched_since(&self, began: SystemTime) -> bool {
        let since = began.duration_since(SystemTime::UNIX_EPOCH);
        let Ok(since) = since.map(|since| since.as_nanos() as i128) else {
            return false;
        };
        let mut waiting = vec![self.repo.clone(), self.home.clone()];
        while let Some(at) = waiting.pop() {
            let Ok(found) = std::fs::symlink_metadata(&at) else {
                return false;
            };
            let changed =
                i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec());
            if changed >= since {
                return false;
            }
            if found.is_dir() {
                let Ok(entries) = std::fs::read_dir(&at) else {
                    return false;
                };
                for entry in entries {
                    let Ok(entry) = entry else { return false };
                    waiting.push(entry.path());
                }
            }
        }
        true
    }

    /// The home of the cage, as it lies outside. What is in it is the tests'.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Makes a folder for programs of ours beside tree and home: none of its parents is shown in a cage.
    pub(crate) fn programs(&self, name: &str) -> std::io::Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder)?;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755))?;
        Ok(folder)
    }

    fn place(&self, path: &str, content: Option<(&[u8], bool)>) -> std::io::Result<()> {
        let owner = cage::agent_ids();
        let parts: Vec<Component<'_>> = Path::new(path).components().collect();
        if parts.is_empty()
            || !parts
                .iter()
                .all(|part| matches!(part, Component::Normal(_)))
        {
            return Err(std::io::Error::other(
                "it is no path below the top of the repository",
            ));
        }
        let mut at = self.repo.clone();
        for part in &parts[..parts.len() - 1] {
            at.push(part);
            let seen = std::fs::symlink_metadata(&at);
            if seen.as_ref().is_ok_and(std::fs::Metadata::is_dir) {
                continue;
            }
            if content.is_none() {
                return Ok(());
            }
            if seen.is_ok() {
                std::fs::remove_file(&at)?;
            }
            std::fs::create_dir(&at)?;
            give(&at, owner, 0o755)?;
        }
        at.push(parts[parts.len() - 1]);
        clear(&at)?;
        let Some((bytes, executable)) = content else {
            return Ok(());
        };
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&at)?;
        std::io::Write::write_all(&mut file, bytes)?;
        give(&at, owner, if executable { 0o755 } else { 0o644 })
    }
}

/// Puts a new program into a folder of [`Room::programs`]. It stays ours.
pub(crate) fn place_program(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let path = folder.join(name);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    std::io::Write::write_all(&mut file, bytes)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
}

/// A build that came with the set-up is believed by its times: Cargo takes for fresh whatever is newer than its sources. When the
/// clock was set back since, it would be newer than a change that it does not hold; then it is built anew.
fn discard_later_build(repo: &Path) -> std::io::Result<()> {
    let built = repo.join(BUILT);
    let written = |name: &str| {
        let found = std::fs::symlink_metadata(built.join(name));
        found.and_then(|found| found.modified()).ok()
    };
    // Cargo writes the one at each end of a build, the other with the folder.
    let newest = [".rustc_info.json", "CACHEDIR.TAG"]
        .into_iter()
        .filter_map(written)
        .max();
    match newest {
        Some(newest) if newest >= SystemTime::now() => clear(&built),
        Some(_) | None => Ok(()),
    }
}

fn clear(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(seen) if seen.is_dir() => {
            clone::remove(path).map_err(|e| std::io::Error::other(e.to_string()))
        }
        Ok(_) => std::fs::remove_file(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn give(path: &Path, owner: Option<(u32, u32)>, mode: u32) -> std::io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    match owner {
        Some((uid, gid)) => std::os::unix::fs::lchown(path, Some(uid), Some(gid)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> (tempfile::TempDir, Room) {
        let folder = tempfile::tempdir().expect("a folder");
        let repo = folder.path().join("room/repo");
        std::fs::create_dir_all(&repo).expect("made");
        let room = Room {
            remover: Arc::default(),
            folder: folder.path().join("room"),
            home: folder.path().join("room/home"),
            repo,
        };
        (folder, room)
    }

    /// A second run is for a runner that did nothing at all.
    #[test]
    fn a_clone_in_which_anything_was_written_is_not_untouched() {
        let (_outside, room) = room();
        std::fs::create_dir_all(room.home.join("deep")).unwrap();
        std::fs::create_dir_all(room.repo.join("tests")).unwrap();
        std::fs::write(room.repo.join("tests/a.py"), "x").unwrap();
        let changes: [(&str, &dyn Fn()); 4] = [
            ("a test", &|| {
                let (path, aside) = (room.repo.join("tests/a.py"), room.home.join("aside"));
                std::fs::copy(&path, aside).unwrap();
                let old = std::fs::metadata(&path).unwrap().modified().unwrap();
                std::fs::write(&path, "y").unwrap();
                let file = std::fs::File::options().write(true).open(&path).unwrap();
                file.set_modified(old).unwrap();
            }),
            ("a new file", &|| {
                std::fs::write(room.repo.join("conftest.py"), "x").unwrap();
            }),
            ("one at home", &|| {
                std::fs::write(room.home.join("deep/x"), "x").unwrap();
            }),
            ("a file that is gone", &|| {
                std::fs::remove_file(room.repo.join("tests/a.py")).unwrap();
            }),
        ];
        for (what, change) in changes {
            // The kernel's stamps go by ticks of some milliseconds: the next one is waited for, as a cage's start does.
            let probe = room.folder.join("tick");
            let tick = || {
                std::fs::write(&probe, "x").unwrap();
                std::fs::metadata(&probe).unwrap().modified().unwrap()
            };
            let mut began = SystemTime::now();
            while tick() < began {
                std::hint::spin_loop();
            }
            began = SystemTime::now();
            assert!(room.is_untouched_since(began), "before: {what}");
            while tick() < began {
                std::hint::spin_loop();
            }
            change();
            assert!(!room.is_untouched_since(began), "{what}");
        }
    }

    #[test]
    fn a_file_is_put_beside_links_and_never_through_them() {
        let (outside, room) = room();
        let secret = outside.path().join("secret");
        std::fs::create_dir(&secret).unwrap();
        std::os::unix::fs::symlink(&secret, room.repo.join("tests")).unwrap();
        room.put("tests/a.py", b"x", false).expect("put");
        assert_eq!(
            std::fs::read_dir(&secret).unwrap().count(),
            0,
            "nothing was written through the link"
        );
        assert_eq!(std::fs::read(room.repo.join("tests/a.py")).unwrap(), b"x");
        let file = outside.path().join("file");
        std::fs::write(&file, "kept").unwrap();
        std::os::unix::fs::symlink(&file, room.repo.join("b")).unwrap();
        room.put("b", b"y", true).expect("put");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
        room.put("b/c", b"z", false)
            .expect("a file gives way to a folder");
        room.put("b", b"w", false)
            .expect("a folder gives way to a file");
        room.take("b").expect("taken");
        room.take("never/there").expect("nothing to take");
        assert!(!room.repo.join("b").exists());
    }

    #[test]
    fn a_build_from_the_future_is_not_believed() {
        let (_outside, room) = room();
        let made = |ahead: u64| {
            let tag = room.repo.join("target/CACHEDIR.TAG");
            std::fs::create_dir_all(tag.parent().unwrap()).unwrap();
            let file = std::fs::File::create(&tag).unwrap();
            let ahead = std::time::Duration::from_secs(ahead);
            file.set_modified(SystemTime::now() + ahead).unwrap();
            discard_later_build(&room.repo).unwrap();
            tag.exists()
        };
        assert!(made(0), "one of just now stays");
        assert!(!made(7_200));
        discard_later_build(&room.repo).expect("nothing to discard");
    }

    #[test]
    fn paths_that_climb_are_refused() {
        let (_outside, room) = room();
        for path in ["../a", "/etc/a", "a/../../b", "", "."] {
            assert!(room.put(path, b"x", false).is_err(), "{path:?}");
        }
    }
}
