//! Bringing a run's commits home from its clone.
//!
//! Nothing of ours ever opens the clone as a repository. An agent owns it, so its configuration, hooks and alternates are the
//! agent's: a fetch by us would read every repository that we may read (measured: a fetch as root took a commit out of a
//! repository of mode 0700 through an alternate). Instead the agent's own git, as the agent's user and inside the cage, where
//! nothing but the clone is visible, packs what the branch has beyond the base. We take that one file, check it in quarantine
//! (every object, every link, size limits), repack from it what the tip needs and nothing else, and set our ref.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use alai_core::record::{Captured, Exit};

use super::{INSIDE_HOME, INSIDE_REPO, look, unfold};
use crate::cage::{self, Access, Bind, CageError, CageSpec, Limits, Network};
use crate::command::Cancel;
use crate::crash;
use crate::files::{self, FileError};
use crate::git::run::{self, on_objects};
use crate::git::{self, GitError, Oid, Repo};
use crate::toolchains::Toolchains;

/// Largest pack that one run may bring, in bytes. It is read into memory once.
pub const PACK_BYTES_MAX: u64 = 512 << 20;

/// Most that its objects may be together when unpacked: a small pack can claim a terabyte.
pub const UNPACKED_BYTES_MAX: u64 = 4 << 30;

/// Most memory that git may ask for at once while it reads a stranger's pack: a delta of a few kilobytes can name gigabytes, and
/// git builds the object before anybody can ask for its size. Measured: a pack of 16 KB took 1 GB without the limit, and fails at
/// 20 MB with it.
const ALLOCATION_MAX: &str = "256m";

/// Larger files are read in pieces and need no such memory.
const STREAMED_FROM: &str = "core.bigFileThreshold=64m";

/// Most that all imports of one piece of work may bring together, in bytes of packs: of all runs of a task and of the tasks that go
/// on with it. A run brings its work home burst by burst, and each burst is a pack in the person's repository that only their own
/// `git gc` removes: one that rewrites large files again and again would fill the disk in an hour. Four times the largest single
/// pack is more than any change that a person will read.
pub const RUN_BYTES_MAX: u64 = 4 * PACK_BYTES_MAX;

/// Most objects that one run may bring.
pub const OBJECTS_MAX: u64 = 500_000;

/// Longest that the clone's git may take.
const PACKING_S: u64 = 300;

/// Longest that it may take to name one commit, in seconds: a factory that starts waits for it, clone by clone.
const TIP_S: u64 = 10;

/// Where the pack is left inside the cage.
pub(super) const INSIDE_OUTBOX: &str = "/outbox";
pub(super) const PACK: &str = "run.pack";

/// What to bring home, and where to.
#[derive(Debug)]
pub struct Import<'a> {
    /// The clone, on the host.
    pub clone: &'a Path,
    /// The ref in the clone, such as `refs/heads/minion/0192f`.
    pub clone_ref: &'a str,
    /// Our ref, below `refs/alai/`. Set whatever it was before.
    pub to_ref: &'a str,
    /// What the clone was made of: its history is ours already and is not taken again.
    pub base: &'a Oid,
    /// What the run may still bring.
    pub room: &'a Room,
    /// Git inside the cage comes from here.
    pub toolchains: &'a Toolchains,
}

/// How much the runs of one piece of work have brought into the repository, over all their imports, and how much they may.
#[derive(Debug)]
pub struct Room {
    spent: AtomicU64,
}

impl Room {
    /// The room after this many bytes were brought already.
    pub fn after(spent: u64) -> Room {
        Room {
            spent: AtomicU64::new(spent),
        }
    }

    /// Bytes that were brought.
    pub fn spent(&self) -> u64 {
        self.spent.load(Ordering::SeqCst)
    }

    pub(super) fn take(&self, clone: &Path, pack: &[u8]) -> Result<(), ImportError> {
        let bytes = pack.len() as u64;
        let fits = |spent: u64| spent.checked_add(bytes).filter(|sum| *sum <= RUN_BYTES_MAX);
        let taken = self
            .spent
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits);
        taken.map(drop).map_err(|spent| ImportError::NoRoom {
            clone: clone.to_path_buf(),
            bytes,
            spent,
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("`{name}` is no ref that a run's work may be kept under; use refs/alai/NAME")]
    BadTarget { name: String },
    #[error(
        "{clone} is no clone of ours any more: {reason}; the run's work cannot be taken from it"
    )]
    NotOurClone {
        clone: PathBuf,
        reason: &'static str,
    },
    #[error("{clone_ref} of {clone} cannot be read: {reason}")]
    NoSuchRef {
        clone: PathBuf,
        clone_ref: String,
        reason: String,
    },
    #[error("git inside the cage could not pack {clone_ref} of {clone}: {reason}")]
    Packing {
        clone: PathBuf,
        clone_ref: String,
        reason: String,
    },
    #[error("what {clone} handed out is refused: {reason}")]
    Refused { clone: PathBuf, reason: String },
    #[error(
        "{clone} hands out another {bytes} bytes; the runs of its task have brought {spent} already, and together they may bring \
         {RUN_BYTES_MAX}: they rewrite large files again and again. The clone is kept; take out of it what is worth it"
    )]
    NoRoom {
        clone: PathBuf,
        bytes: u64,
        spent: u64,
    },
    #[error("reading {clone} was stopped: {why}")]
    Stopped { clone: PathBuf, why: String },
    #[error("the cage for the import failed: {0}")]
    Cage(#[from] CageError),
    #[error("cannot import into the repository: {0}")]
    Git(#[from] GitError),
    #[error("cannot import: {0}")]
    File(#[from] FileError),
}

/// Brings the tip of a run's branch and what it needs into the repository, under `to_ref`, and returns it.
///
/// # Errors
/// Every way in which the clone is not what we made, or hands out what is broken, too large or not linked to the base.
pub fn import(repo: &Repo, import: &Import<'_>, cancel: &Cancel) -> Result<Oid, ImportError> {
    if !import.to_ref.starts_with("refs/alai/") || !git::is_ref_name(import.to_ref) {
        return Err(ImportError::BadTarget {
            name: import.to_ref.chars().take(200).collect(),
        });
    }
    if !git::is_ref_name(import.clone_ref) {
        return Err(no_such_ref(import, "its name is not one that git accepts"));
    }
    is_our_clone(import.clone, cancel)?;
    let scratch = files::scratch()?;
    let caged = Caged {
        import,
        scratch: scratch.path(),
        cancel,
    };
    let tip = caged.tip()?;
    let old = git::resolve(repo, import.to_ref)?;
    if old.as_ref() == Some(&tip) {
        return Ok(tip);
    }
    let has_more = !git::is_ancestor(repo, &tip, import.base).unwrap_or(false);
    if has_more {
        let pack = caged.pack(&tip)?;
        import.room.take(import.clone, &pack)?;
        take(
            repo,
            import.clone,
            import.base,
            std::slice::from_ref(&tip),
            &pack,
        )?;
    }
    git::update_ref(repo, import.to_ref, &tip, old.as_ref())?;
    Ok(tip)
}

/// The clone's `.git` must still be the folder that we made: a file or a symlink in its place points elsewhere, and a pipe
/// in it makes git wait for ever.
pub(super) fn is_our_clone(clone: &Path, cancel: &Cancel) -> Result<(), ImportError> {
    let refused = |reason| ImportError::NotOurClone {
        clone: clone.to_path_buf(),
        reason,
    };
    for (path, reason) in [
        (clone.to_path_buf(), "the clone itself is not a folder"),
        (clone.join(".git"), "its .git is not a folder"),
        (
            clone.join(".git/objects"),
            "its .git/objects is not a folder",
        ),
    ] {
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            return Err(refused(reason));
        }
    }
    if look::is_odd(clone, ".git", cancel) {
        return Err(refused(
            "its .git holds a pipe, a socket or a device, or more than can be looked at",
        ));
    }
    Ok(())
}

fn no_such_ref(import: &Import<'_>, reason: &str) -> ImportError {
    ImportError::NoSuchRef {
        clone: import.clone.to_path_buf(),
        clone_ref: import.clone_ref.chars().take(200).collect(),
        reason: reason.to_owned(),
    }
}

/// The agent's side of an import.
struct Caged<'a> {
    import: &'a Import<'a>,
    scratch: &'a Path,
    cancel: &'a Cancel,
}

impl Caged<'_> {
    fn tip(&self) -> Result<Oid, ImportError> {
        let commit = format!("{}^{{commit}}", self.import.clone_ref);
        let outbox = self.folder("first")?;
        let home = self.folder("first-home")?;
        let mut spec = self.spec(&outbox, &home);
        spec.limits.wall_s = TIP_S;
        let argv = git_argv(&["rev-parse", "--verify", "--end-of-options", &commit]);
        crash::point("import.tip");
        let captured = cage::run(&spec, &argv, &[], self.cancel)?;
        if let Some(why) = too_slow(&captured).or_else(|| killed(&captured)) {
            return Err(stopped(self.import.clone, why));
        }
        if !captured.success() {
            return Err(no_such_ref(self.import, &reason(&captured)));
        }
        captured
            .stdout
            .trim()
            .parse()
            .map_err(|_| no_such_ref(self.import, "its git named no commit"))
    }

    /// Everything that the tip has beyond the base, as the agent's git packs it.
    fn pack(&self, tip: &Oid) -> Result<Vec<u8>, ImportError> {
        let outbox = self.folder("second")?;
        let home = self.folder("second-home")?;
        let spec = self.spec(&outbox, &home);
        // The clone is read-only in there, so git may not make its temporary file in it; a redirection needs none.
        let script = format!("exec \"$@\" > {INSIDE_OUTBOX}/{PACK}");
        let mut argv = ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
        argv.extend(git_argv(&[
            "pack-objects",
            "--revs",
            "--stdout",
            "--quiet",
            "--delta-base-offset",
        ]));
        let wanted = format!("{tip}\n^{}\n", self.import.base);
        crash::point("fetch.before");
        let captured = cage::run(&spec, &argv, wanted.as_bytes(), self.cancel)?;
        crash::point("fetch.after");
        let failed = |reason: String| ImportError::Packing {
            clone: self.import.clone.to_path_buf(),
            clone_ref: self.import.clone_ref.to_owned(),
            reason,
        };
        if let Some(why) = too_slow(&captured).or_else(|| killed(&captured)) {
            return Err(stopped(self.import.clone, why));
        }
        if !captured.success() {
            return Err(failed(reason(&captured)));
        }
        read_pack(&outbox.join(PACK)).map_err(failed)
    }

    fn folder(&self, name: &str) -> Result<PathBuf, ImportError> {
        let path = self.scratch.join(name);
        files::private_dir(&path)?;
        files::give_to(&path, cage::agent_ids())?;
        Ok(path)
    }

    fn spec(&self, outbox: &Path, home: &Path) -> CageSpec {
        let mut spec = git_cage(self.import.clone, self.import.toolchains, outbox, home);
        spec.env
            .push(("GIT_DIR".to_owned(), "/repo/.git".to_owned()));
        spec
    }
}

/// A cage in which the agent's side runs git: the clone read-only, one writable folder for what it hands out.
pub(super) fn git_cage(
    clone: &Path,
    toolchains: &Toolchains,
    outbox: &Path,
    home: &Path,
) -> CageSpec {
    let bind = |outside: &Path, inside: &str, access| Bind {
        outside: outside.to_path_buf(),
        inside: PathBuf::from(inside),
        access,
    };
    let mut env = vec![("HOME".to_owned(), INSIDE_HOME.to_owned())];
    for (name, value) in [
        ("LC_ALL", "C"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
    ] {
        env.push((name.to_owned(), value.to_owned()));
    }
    CageSpec {
        binds: vec![
            bind(clone, INSIDE_REPO, Access::ReadOnly),
            bind(outbox, INSIDE_OUTBOX, Access::ReadWrite),
            bind(home, INSIDE_HOME, Access::ReadWrite),
        ],
        cwd: PathBuf::from(INSIDE_REPO),
        env,
        network: Network::Loopback,
        limits: Limits {
            wall_s: PACKING_S,
            memory_bytes: 4 << 30,
            processes_max: 256,
            file_bytes_max: PACK_BYTES_MAX,
            open_files_max: 1_024,
            output_bytes_max: 1 << 20,
            output_kept: 64 << 10,
            ..Limits::default()
        },
        uid: cage::agent_ids(),
        toolchains: toolchains.binds.clone(),
        path: toolchains.path.clone(),
    }
}

fn git_argv(args: &[&str]) -> Vec<String> {
    let settings = [
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "safe.directory=*",
    ];
    ["git"]
        .iter()
        .chain(&settings)
        .chain(args)
        .map(|arg| (*arg).to_owned())
        .collect()
}

/// A stranger's program that was ended by us will take as long again.
pub(super) fn too_slow(captured: &Captured) -> Option<String> {
    match captured.record.exit {
        Exit::TimedOut { .. }
        | Exit::Cancelled
        | Exit::TooMuchOutput { .. }
        | Exit::OverLimit { .. } => Some(captured.record.exit.to_string()),
        Exit::Code { .. } | Exit::Signal { .. } => None,
    }
}

/// Git that somebody killed says nothing about the clone.
fn killed(captured: &Captured) -> Option<String> {
    match captured.record.exit {
        Exit::Signal { .. } => Some(captured.record.exit.to_string()),
        Exit::Code { .. }
        | Exit::TimedOut { .. }
        | Exit::Cancelled
        | Exit::TooMuchOutput { .. }
        | Exit::OverLimit { .. } => None,
    }
}

pub(super) fn stopped(clone: &Path, why: String) -> ImportError {
    ImportError::Stopped {
        clone: clone.to_path_buf(),
        why,
    }
}

pub(super) fn reason(captured: &Captured) -> String {
    let said: String = captured.stderr.trim().chars().take(500).collect();
    format!("{} ({said})", captured.record.exit)
}

/// Reads the one file that the agent's side may leave, as a stranger's: no links, no pipes, no more than fits.
pub(super) fn read_pack(path: &Path) -> Result<Vec<u8>, String> {
    let opened = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| format!("its pack cannot be opened: {error}"))?;
    let found = opened
        .metadata()
        .map_err(|error| format!("its pack cannot be looked at: {error}"))?;
    if !found.is_file() {
        return Err("its pack is not a plain file".to_owned());
    }
    if found.size() > PACK_BYTES_MAX {
        return Err(format!("its pack is larger than {PACK_BYTES_MAX} bytes"));
    }
    let mut bytes = Vec::new();
    opened
        .take(PACK_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("its pack cannot be read: {error}"))?;
    Ok(bytes)
}

/// Checks a pack in quarantine and takes over what the tips (commits or trees) need beyond the base.
pub(super) fn take(
    repo: &Repo,
    clone: &Path,
    base: &Oid,
    tips: &[Oid],
    pack: &[u8],
) -> Result<(), ImportError> {
    let refused = |reason: String| ImportError::Refused {
        clone: clone.to_path_buf(),
        reason,
    };
    // Beside the objects, under the prefix that git's own quarantines have: `git gc` removes what a crash leaves, and a
    // finished pack is renamed, not copied.
    let objects = repo.objects_dir();
    let quarantine = tempfile::Builder::new()
        .prefix("tmp_objdir-incoming-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(&objects)
        .map_err(FileError::on("make a quarantine in", &objects))?;
    let folder = quarantine.path().join("pack");
    files::private_dir(&folder)?;
    let within = || {
        on_objects(repo)
            .env("GIT_ALLOC_LIMIT", ALLOCATION_MAX)
            .args(["-c", STREAMED_FROM])
            .env("GIT_OBJECT_DIRECTORY", &run::text(quarantine.path()))
            .env(
                "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                &run::alternate(&objects),
            )
    };
    let indexed = within()
        .args(["index-pack", "--stdin", "--strict", "--fsck-objects"])
        .stdin(pack)
        .run()?;
    if indexed.code != 0 {
        return Err(refused(format!(
            "its pack does not pass git's checks: {}",
            indexed.stderr
        )));
    }
    let names = names(&within, &folder).map_err(|error| refused(error.to_string()))?;
    judge_sizes(&within, &names).map_err(refused)?;
    unfold::judge(repo, &within, &names, base).map_err(refused)?;
    let mut wanted = format!("^{base}\n");
    for tip in tips {
        if !names.iter().any(|name| name == tip.as_str()) {
            return Err(refused(format!("its pack does not hold the tip {tip}")));
        }
        wanted.push_str(&format!("{tip}\n"));
    }
    crash::point("import.before");
    // Walks everything from the tip to the base and fails where anything is missing.
    let packed = within()
        .args(["pack-objects", "--revs", "--quiet", "--delta-base-offset"])
        // Deltas that exist are kept, none are looked for: the search holds ten objects at once.
        .args(["--window=0"])
        .args([run::text(&objects.join("pack/pack"))])
        .stdin(wanted.as_bytes())
        .run()?;
    crash::point("import.after");
    if packed.code != 0 {
        return Err(refused(format!("it is not complete: {}", packed.stderr)));
    }
    Ok(())
}

/// The objects of the one pack in quarantine, by its index.
fn names(within: &dyn Fn() -> run::Call<'static>, folder: &Path) -> Result<Vec<String>, GitError> {
    let mut names = Vec::new();
    let listed = files::list(folder)?;
    for index in listed
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| path.extension().is_some_and(|e| e == "idx"))
    {
        let bytes = fs::read(&index).map_err(GitError::io("read", &index))?;
        let listing = within().args(["show-index"]).stdin(&bytes).ok()?;
        let listing = String::from_utf8_lossy(&listing).into_owned();
        names.extend(
            listing
                .lines()
                .filter_map(|line| line.split(' ').nth(1))
                .map(str::to_owned),
        );
    }
    Ok(names)
}

fn judge_sizes(within: &dyn Fn() -> run::Call<'static>, names: &[String]) -> Result<(), String> {
    if names.len() as u64 > OBJECTS_MAX {
        return Err(format!(
            "it brings {} objects; at most {OBJECTS_MAX} are taken",
            names.len()
        ));
    }
    let asked = names.join("\n") + "\n";
    let answer = within()
        .args(["cat-file", "--batch-check=%(objectsize)"])
        .stdin(asked.as_bytes())
        .ok()
        .map_err(|error| error.to_string())?;
    let mut total = 0u64;
    for line in String::from_utf8_lossy(&answer).lines() {
        let size: u64 = line
            .trim()
            .parse()
            .map_err(|_| format!("an object has no size: {line}"))?;
        total = total.saturating_add(size);
    }
    if total > UNPACKED_BYTES_MAX {
        return Err(format!(
            "it unpacks to {total} bytes; at most {UNPACKED_BYTES_MAX} are taken"
        ));
    }
    Ok(())
}
