//! A control group for each cage, where the machine lets us have one: the kernel itself then counts all memory and all
//! processes of the cage, and ends them together. Where it does not, pid 1 looks (see `memory`), and the record says so.
//!
//! Only a folder that was given to us is used (<https://systemd.io/CGROUP_DELEGATION/>): one that systemd marked as delegated
//! (a unit with `Delegate=yes`), or one that `ALAI_CGROUP` names. Everything else of that tree has another owner.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::spec::Limits;
use crate::sys;

/// Names a folder of the version 2 hierarchy in which we may make groups.
const GIVEN: &str = "ALAI_CGROUP";

/// What systemd sets to `1` on the folder of a delegated unit: for its own instance, and for that of a user.
const DELEGATED: [&str; 2] = ["trusted.delegate", "user.delegate"];

/// What a group of ours must be able to limit.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];

/// Where our own process goes: a group with processes in it cannot hand controllers on to groups below it.
const MAIN: &str = "alai-main";

/// The groups of cages are `alai-cage-PID-NUMBER`, after the process that made them.
const PREFIX: &str = "alai-cage-";

/// The layer, the launcher's first stage, and what the watchers inside need.
const PROCESSES_OURS: u64 = 8;

/// The folder in which groups can be made, looked for once.
pub(super) fn delegated() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(find).as_deref()
}

fn find() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os(GIVEN) {
        let given = PathBuf::from(given);
        return prepared(&given, None)
            .inspect_err(|error| tracing::warn!("{GIVEN}={}: {error}", given.display()))
            .is_ok()
            .then_some(given);
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own_folder(&mounts, &own)?;
    let is_delegated = |folder: &Path| {
        let values = DELEGATED
            .iter()
            .flat_map(|name| sys::attribute(folder, name));
        values.into_iter().any(|value| value == b"1")
    };
    if is_delegated(&own) && prepared(&own, Some(std::process::id())).is_ok() {
        return Some(own);
    }
    // A unit with DelegateSubgroup= puts its processes one folder below the delegated one.
    let above = own.parent()?;
    (is_delegated(above) && prepared(above, None).is_ok()).then(|| above.to_owned())
}

/// The folder of the group that we are in, by `mountinfo` and `cgroup` of `proc(5)`. Only a version 2 hierarchy has one.
fn own_folder(mounts: &str, own: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mounted = mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut fields = left.split(' ').skip(3);
        let (root, at) = (fields.next()?, fields.next()?);
        (right.split(' ').next() == Some("cgroup2")).then_some((root, at))
    });
    let (root, at) = mounted?;
    let below = Path::new(path).strip_prefix(root).ok()?;
    // `..` stands for a group outside of our cgroup namespace.
    let is_inside = !below.starts_with("..");
    is_inside.then(|| Path::new(at).join(below))
}

/// Makes a folder hand its controllers on to the groups below it. When `own` is in the folder itself, it moves aside first.
fn prepared(folder: &Path, own: Option<u32>) -> io::Result<()> {
    let offered = fs::read_to_string(folder.join("cgroup.controllers"))?;
    let has = |text: &str, name: &str| text.split_whitespace().any(|word| word == name);
    if let Some(missing) = CONTROLLERS.iter().find(|name| !has(&offered, name)) {
        let reason = format!("the controller {missing} is not delegated");
        return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
    }
    let control = folder.join("cgroup.subtree_control");
    let handed_on = fs::read_to_string(&control)?;
    if !CONTROLLERS.iter().all(|name| has(&handed_on, name)) {
        let main = folder.join(MAIN);
        if let Some(own) = own {
            make_folder(&main)?;
            fs::write(main.join("cgroup.procs"), own.to_string())?;
        }
        let wanted = CONTROLLERS.map(|name| format!("+{name}")).join(" ");
        let enabled = fs::write(&control, wanted);
        if let (Err(_), Some(own)) = (&enabled, own) {
            // Somebody else lives in the folder. We go back to where we were found.
            fs::write(folder.join("cgroup.procs"), own.to_string())?;
            fs::remove_dir(&main)?;
        }
        enabled?;
    }
    sweep(folder);
    Ok(())
}

fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Removes the groups of processes that live no more. One that still holds something cannot be removed, and is left.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let owner = owner.and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner.to_string()).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// The group of one cage. Dropping it ends what is left in it and removes it.
#[derive(Debug)]
pub(super) struct Group {
    path: PathBuf,
    procs: File,
}

impl Group {
    /// Makes a group that may use what `limits` allow.
    ///
    /// # Errors
    /// When the folder is not ours after all.
    pub(super) fn make(folder: &Path, limits: &Limits) -> io::Result<Group> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let path = folder.join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        let limited = Group::limit(&path, limits);
        let procs = limited.and_then(|()| {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false);
            options.open(path.join("cgroup.procs"))
        });
        match procs {
            Ok(procs) => Ok(Group { path, procs }),
            Err(error) => {
                // What could not be limited is not left behind.
                let _ = fs::remove_dir(&path);
                Err(error)
            }
        }
    }

    fn limit(path: &Path, limits: &Limits) -> io::Result<()> {
        let processes = limits.processes_max.saturating_add(PROCESSES_OURS);
        fs::write(path.join("memory.max"), limits.memory_bytes.to_string())?;
        fs::write(path.join("pids.max"), processes.to_string())?;
        // One that is out of memory ends whole: half a build is no build.
        fs::write(path.join("memory.oom.group"), "1")?;
        // A kernel without swap accounting has no such file, and then nothing to limit.
        let _ = fs::write(path.join("memory.swap.max"), "0");
        Ok(())
    }

    /// The descriptor through which a process joins (see [`sys::join_group`]).
    pub(super) fn door(&self) -> RawFd {
        self.procs.as_raw_fd()
    }

    /// Ends every process of the group (Linux 5.14), without waiting for it.
    pub(super) fn kill(&self) {
        // Where the kernel cannot, the end of pid 1 does the same.
        let _ = fs::write(self.path.join("cgroup.kill"), "1");
    }

    /// True when the kernel ended the group for want of memory.
    pub(super) fn ran_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        let mut counts = events.lines().filter_map(|line| line.split_once(' '));
        counts.any(|(name, count)| name == "oom_group_kill" && count.trim() != "0")
    }

    /// True when nothing of the group lives any more, false when `patience` has passed before that.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(super) fn empty_within(&self, patience: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + patience;
        let mut events = File::open(self.path.join("cgroup.events"))?;
        loop {
            let mut text = String::new();
            events.rewind()?;
            events.read_to_string(&mut text)?;
            let left = deadline.saturating_duration_since(Instant::now());
            let is_empty = text.lines().any(|line| line == "populated 0");
            if is_empty || left.is_zero() {
                return Ok(is_empty);
            }
            // The kernel tells of a change as of urgent data.
            let mut watched = [sys::Watched {
                fd: events.as_fd(),
                wanted: libc::POLLPRI,
                got: 0,
            }];
            sys::poll(&mut watched, left)?;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        /// Processes that were killed are gone within milliseconds.
        const PATIENCE: Duration = Duration::from_secs(1);
        self.kill();
        // What stays is removed by a later process of ours.
        if self.empty_within(PATIENCE).unwrap_or(false) {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::{ErrorKind, Read};
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::super::spec::Limits;
    use super::{Group, PREFIX, own_folder, prepared};
    use crate::process;

    /// A folder with the files that the kernel puts into one of cgroupfs.
    fn folder(controllers: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("cgroup.controllers"), controllers).unwrap();
        fs::write(dir.path().join("cgroup.subtree_control"), "").unwrap();
        fs::write(dir.path().join("cgroup.procs"), "").unwrap();
        dir
    }

    fn text(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap()
    }

    #[test]
    fn our_own_folder_is_the_one_of_version_2_and_nothing_outside_of_a_namespace() {
        let v2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        let hybrid = "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let container = "41 31 0:38 /box /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n";
        let cases = [
            (
                v2,
                "0::/a.slice/b.service\n",
                Some("/sys/fs/cgroup/a.slice/b.service"),
            ),
            (
                hybrid,
                "4:memory:/x\n0::/\n",
                Some("/sys/fs/cgroup/unified"),
            ),
            (hybrid, "4:memory:/x\n", None),
            (container, "0::/box/inner\n", Some("/sys/fs/cgroup/inner")),
            (container, "0::/elsewhere\n", None),
            (v2, "0::/../other\n", None),
            ("", "0::/a\n", None),
        ];
        for (mounts, own, expected) in cases {
            assert_eq!(
                own_folder(mounts, own),
                expected.map(PathBuf::from),
                "{own}"
            );
        }
    }

    #[test]
    fn a_folder_hands_its_controllers_on_once_and_its_process_moves_aside() {
        let dir = folder("cpu memory pids");
        prepared(dir.path(), Some(77)).unwrap();
        assert_eq!(text(dir.path(), "cgroup.subtree_control"), "+memory +pids");
        assert_eq!(text(dir.path(), "alai-main/cgroup.procs"), "77");
        fs::write(dir.path().join("cgroup.subtree_control"), "memory pids\n").unwrap();
        prepared(dir.path(), Some(78)).unwrap();
        assert_eq!(
            text(dir.path(), "alai-main/cgroup.procs"),
            "77",
            "it is at home"
        );
    }

    #[test]
    fn a_folder_without_the_controllers_is_refused_by_name() {
        for (controllers, missing) in [
            ("cpu memory", "pids"),
            ("hugetlb", "memory"),
            ("", "memory"),
        ] {
            let dir = folder(controllers);
            let error = prepared(dir.path(), Some(77)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(missing), "{error}");
            assert!(
                !dir.path().join("alai-main").exists(),
                "nothing was touched"
            );
        }
    }

    #[test]
    fn groups_of_the_dead_are_removed_and_of_the_living_are_not() {
        let dir = folder("memory pids");
        let living = format!("alai-cage-{}-1", std::process::id());
        for name in ["alai-cage-4194305-1", "somebody-elses", &living] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        prepared(dir.path(), None).unwrap();
        assert!(!dir.path().join("alai-cage-4194305-1").exists());
        assert!(dir.path().join("somebody-elses").exists() && dir.path().join(living).exists());
    }

    #[test]
    fn a_group_is_limited_before_anybody_joins_and_killed_at_its_end() {
        let dir = folder("memory pids");
        let limits = Limits {
            memory_bytes: 1 << 30,
            processes_max: 100,
            ..Limits::default()
        };
        let group = Group::make(dir.path(), &limits).unwrap();
        let path = group.path.clone();
        assert_eq!(text(&path, "memory.max"), "1073741824");
        assert_eq!(text(&path, "memory.swap.max"), "0");
        assert_eq!(text(&path, "memory.oom.group"), "1");
        assert_eq!(text(&path, "pids.max"), "108");
        crate::sys::join_group(group.door()).unwrap();
        assert_eq!(text(&path, "cgroup.procs"), "0", "whoever writes it joins");

        assert!(!group.ran_out_of_memory());
        fs::write(path.join("memory.events"), "oom_kill 1\noom_group_kill 0\n").unwrap();
        assert!(!group.ran_out_of_memory());
        fs::write(path.join("memory.events"), "oom_kill 9\noom_group_kill 1\n").unwrap();
        assert!(group.ran_out_of_memory());

        fs::write(path.join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
        assert!(!group.empty_within(Duration::ZERO).unwrap());
        fs::write(path.join("cgroup.events"), "populated 0\nfrozen 0\n").unwrap();
        assert!(group.empty_within(Duration::from_secs(60)).unwrap());
        drop(group);
        assert_eq!(text(&path, "cgroup.kill"), "1");
    }

    /// What a folder that only looks like one cannot show: the kernel's part.
    #[test]
    #[ignore = "makes a group in this machine's own hierarchy of version 2, which must be ours to write; run with --run-ignored"]
    fn a_real_group_holds_what_joined_it_and_what_that_started_and_is_ended_at_once() {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        let own = own_folder(&mounts, &own).expect("a hierarchy of version 2");
        let path = own.join(format!("{PREFIX}{}-real", std::process::id()));
        fs::create_dir(&path).unwrap();
        let procs = OpenOptions::new()
            .write(true)
            .open(path.join("cgroup.procs"));
        let group = Group {
            procs: procs.unwrap(),
            path: path.clone(),
        };
        assert!(group.empty_within(Duration::ZERO).unwrap());
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 600 & echo started; wait"]);
        command.stdout(Stdio::piped());
        let mut child = process::start_in_group(command, &[], Some(group.door())).unwrap();
        let mut said = [0; 8];
        child.stdout.take().unwrap().read_exact(&mut said).unwrap();
        let members = text(&path, "cgroup.procs");
        assert_eq!(members.lines().count(), 2, "{members}");
        assert!(!group.empty_within(Duration::ZERO).unwrap());
        group.kill();
        assert!(group.empty_within(Duration::from_secs(60)).unwrap());
        let signal = std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap());
        assert_eq!(signal, Some(libc::SIGKILL));
        drop(group);
        assert!(!path.exists());
    }

    /// The controllers' own limits: a program that takes memory without end, and one that starts others without end.
    #[test]
    #[ignore = "needs a folder of version 2 with memory and pids, named by ALAI_CGROUP; run with --run-ignored"]
    fn a_real_group_ends_a_memory_bomb_and_stops_a_fork_bomb() {
        let folder = PathBuf::from(std::env::var_os(super::GIVEN).expect("ALAI_CGROUP is set"));
        prepared(&folder, None).expect("it has memory and pids");
        let limits = Limits {
            memory_bytes: 64 << 20,
            processes_max: 20,
            ..Limits::default()
        };
        let started = |group: &Group, script: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]).stdout(Stdio::piped());
            process::start_in_group(command, &[], Some(group.door())).unwrap()
        };
        let group = Group::make(&folder, &limits).unwrap();
        let mut child = started(&group, "sleep 600 & tail /dev/zero; sleep 600");
        let signal = std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap());
        assert_eq!(
            signal,
            Some(libc::SIGKILL),
            "all of it, and not the largest alone"
        );
        assert!(group.ran_out_of_memory());
        assert!(group.empty_within(Duration::from_secs(60)).unwrap());

        let group = Group::make(&folder, &limits).unwrap();
        let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; \
            do sleep 600 >/dev/null & done; echo all";
        let mut child = started(&group, script);
        let mut said = String::new();
        // A shell that may not fork ends.
        let shell = child.stdout.take().unwrap().read_to_string(&mut said);
        assert!(shell.is_ok() && said.is_empty(), "{said}");
        let events = text(&group.path, "pids.events");
        assert!(
            events.starts_with("max ") && events.trim() != "max 0",
            "{events}"
        );
        let members = text(&group.path, "cgroup.procs").lines().count();
        assert!((20..=28).contains(&members), "{members}");
        group.kill();
        assert!(group.empty_within(Duration::from_secs(60)).unwrap());
        child.wait().unwrap();
    }

    #[test]
    fn two_groups_are_two_and_a_folder_that_is_not_ours_makes_none() {
        let dir = folder("memory pids");
        let limits = Limits::default();
        let (one, two) = (
            Group::make(dir.path(), &limits),
            Group::make(dir.path(), &limits),
        );
        assert_ne!(one.unwrap().path, two.unwrap().path);
        assert!(Group::make(&dir.path().join("missing"), &limits).is_err());
    }
}
