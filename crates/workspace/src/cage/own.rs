//! The layer that makes the namespaces and the root by itself, where `bwrap` is missing or forbidden. Runs in the launcher.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::inner;
use super::launcher::{OwnProgram, Report};
use super::plan::{HOSTNAME, Plan, Step};
use super::spec::Access;
use crate::sys;

/// Where the scaffold tmpfs goes, in the launcher's own mount namespace; what is there on the host stays reachable through
/// the old root.
const SCAFFOLDS: [&str; 3] = ["/tmp", "/mnt", "/var/tmp"];

/// After the first pivot: the root to be, and the host.
pub(super) const NEW: &str = "/new";
const OLD: &str = "/old";

/// Attributes of `mount_setattr(2)`, from linux/mount.h.
pub(super) const READ_ONLY: u64 = 0x1;
pub(super) const NO_SUID: u64 = 0x2;
pub(super) const NO_DEVICES: u64 = 0x4;

/// Room for folders, links and small texts of the new root; everything larger is a mount of its own.
const ROOT_OPTIONS: &str = "mode=0755,size=16m,nr_inodes=16384";

/// Device nodes that every program may expect; none of them reaches hardware.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Parts of proc that steer the whole machine.
const PROC_LOCKED: [&str; 5] = ["sys", "sysrq-trigger", "irq", "bus", "fs"];

/// An operation that failed, in words for [`super::CageError::Refused`].
pub(super) type Reason = String;

/// Makes the namespaces, forks pid 1 into them, and waits for it. Never returns in the child.
///
/// # Errors
/// With the reason when a namespace cannot be made; pid 1 reports its own reasons over `control`.
pub(super) fn run(plan: &Plan, control: OwnedFd, own: &[OwnProgram]) -> Result<(), Reason> {
    let (uid, gid) = sys::ids();
    let spaces = libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    if uid == 0 {
        sys::unshare(spaces).map_err(|error| {
            format!("root may not make namespaces here (CAP_SYS_ADMIN is missing): {error}")
        })?;
    } else {
        sys::unshare(spaces | libc::CLONE_NEWUSER)
            .map_err(|error| format!("this machine forbids user namespaces: {error}"))?;
        map_ids(uid, gid)
            .map_err(|error| format!("cannot write the user namespace's uid_map: {error}"))?;
        // The new credentials made the kernel forget it. A parent that died in between has closed the control socket.
        sys::die_with_parent().map_err(named("set the parent-death signal"))?;
    }
    let forked = sys::fork().map_err(|error| format!("cannot fork: {error}"))?;
    let Some(child) = forked else {
        let report = Report::new(control);
        let code = match sys::die_with_parent().map_err(named("set the parent-death signal")) {
            Ok(()) => match build(&plan.steps) {
                Ok(()) => inner::run(plan, &report, own),
                Err(reason) => report.refused(&reason),
            },
            Err(reason) => report.refused(&reason),
        };
        sys::exit_now(code);
    };
    drop(control);
    sys::wait_for(child).map_err(|error| format!("lost pid 1: {error}"))?;
    Ok(())
}

/// Maps our own ids to themselves: programs behave as for that user, and nothing looks like root.
pub(super) fn map_ids(uid: u32, gid: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))
}

/// Builds the root and makes it ours; the host's is out of reach afterwards.
fn build(steps: &[Step]) -> Result<(), Reason> {
    sys::new_session().map_err(named("start a session"))?;
    sys::hostname(HOSTNAME).map_err(named("set the host name"))?;
    sys::loopback_up().map_err(named("bring up lo"))?;
    sys::file_mask(0);
    enter_scaffold()?;
    for step in steps {
        carry_out(step)?;
    }
    leave_scaffold()?;
    sys::mount_attributes(Path::new("/"), READ_ONLY | NO_SUID | NO_DEVICES, false)
        .map_err(named("make the root read-only"))?;
    sys::file_mask(0o022);
    Ok(())
}

/// Makes the new root the only one.
pub(super) fn leave_scaffold() -> Result<(), Reason> {
    let (new, here) = (Path::new(NEW), Path::new("."));
    sys::detach(Path::new(OLD)).map_err(named("detach the old root"))?;
    std::env::set_current_dir(new).map_err(named("enter the new root"))?;
    sys::pivot_root(here, here).map_err(named("pivot into the new root"))?;
    sys::detach(here).map_err(named("detach the scaffold"))?;
    std::env::set_current_dir("/").map_err(named("enter the new root"))
}

/// Moves into a scratch root that holds the new one and the old one side by side, so that every host path, also one below
/// the scaffold's own place, stays reachable while the new root is filled.
pub(super) fn enter_scaffold() -> Result<(), Reason> {
    let private = libc::MS_REC | libc::MS_PRIVATE;
    mount("none", "/", "", private, "").map_err(named("make mounts private"))?;
    let place = SCAFFOLDS.iter().find(|place| Path::new(place).is_dir());
    let place = place.ok_or("none of /tmp, /mnt and /var/tmp is a folder")?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV;
    mount("tmpfs", place, "tmpfs", flags, ROOT_OPTIONS).map_err(named("mount a tmpfs"))?;
    let below = |path: &str| PathBuf::from(format!("{place}{path}"));
    for path in [NEW, OLD] {
        fs::create_dir(below(path)).map_err(named("make a folder in a tmpfs"))?;
    }
    sys::pivot_root(Path::new(place), &below(OLD)).map_err(named("pivot into the scaffold"))?;
    std::env::set_current_dir("/").map_err(named("enter the scaffold"))?;
    mount("tmpfs", NEW, "tmpfs", flags, ROOT_OPTIONS).map_err(named("mount the new root"))
}

fn carry_out(step: &Step) -> Result<(), Reason> {
    match step {
        Step::Dir { path } => folder(&inside(path)).map_err(on("make folder", path)),
        Step::Symlink { path, target } => symlink(target, inside(path)).map_err(on("link", path)),
        Step::File { path, text } => write_text(&inside(path), text).map_err(on("write", path)),
        Step::Bind {
            outside,
            inside: to,
            access,
            is_dir,
        } => bind(outside, &inside(to), *access, *is_dir).map_err(on("show", outside)),
        Step::Tmpfs { path, bytes } => tmpfs(&inside(path), *bytes).map_err(on("mount", path)),
        Step::Proc => proc().map_err(named("mount /proc")),
        Step::Dev => dev().map_err(named("fill /dev")),
    }
}

fn bind(outside: &Path, to: &Path, access: Access, is_dir: bool) -> io::Result<()> {
    if !to.exists() {
        if is_dir {
            folder(to)?
        } else {
            write_text(to, "")?
        }
    }
    sys::mount(&host(outside), to, "", libc::MS_BIND | libc::MS_REC, "")?;
    let attributes = match access {
        Access::ReadOnly => READ_ONLY | NO_SUID | NO_DEVICES,
        Access::ReadWrite => NO_SUID | NO_DEVICES,
    };
    sys::mount_attributes(to, attributes, true)
}

fn tmpfs(path: &Path, bytes: u64) -> io::Result<()> {
    if !path.exists() {
        folder(path)?;
    }
    let options = format!("mode=1777,size={bytes}");
    sys::mount(
        Path::new("tmpfs"),
        path,
        "tmpfs",
        libc::MS_NOSUID | libc::MS_NODEV,
        &options,
    )
}

fn proc() -> io::Result<()> {
    let path = PathBuf::from(format!("{NEW}/proc"));
    folder(&path)?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    sys::mount(Path::new("proc"), &path, "proc", flags, "")?;
    for name in PROC_LOCKED {
        let part = path.join(name);
        if part.exists() {
            sys::mount(&part, &part, "", libc::MS_BIND | libc::MS_REC, "")?;
            sys::mount_attributes(&part, READ_ONLY, true)?;
        }
    }
    Ok(())
}

fn dev() -> io::Result<()> {
    let dev = PathBuf::from(format!("{NEW}/dev"));
    folder(&dev)?;
    let flags = libc::MS_NOSUID | libc::MS_NOEXEC;
    sys::mount(
        Path::new("tmpfs"),
        &dev,
        "tmpfs",
        flags,
        "mode=0755,size=64k",
    )?;
    for name in DEVICES {
        let outside = Path::new("/dev").join(name);
        // Minimal containers lack /dev/tty; what is not there cannot be shown.
        if host(&outside).exists() {
            write_text(&dev.join(name), "")?;
            sys::mount(&host(&outside), &dev.join(name), "", libc::MS_BIND, "")?;
        }
    }
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ];
    for (name, target) in links {
        symlink(target, dev.join(name))?;
    }
    folder(&dev.join("pts"))?;
    let flags = libc::MS_NOSUID | libc::MS_NOEXEC;
    sys::mount(
        Path::new("devpts"),
        &dev.join("pts"),
        "devpts",
        flags,
        "newinstance,ptmxmode=0666,mode=620",
    )
}

pub(super) fn folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn write_text(path: &Path, text: &str) -> io::Result<()> {
    io::Write::write_all(&mut File::create_new(path)?, text.as_bytes())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

pub(super) fn inside(path: &Path) -> PathBuf {
    Path::new(NEW).join(path.strip_prefix("/").unwrap_or(path))
}

pub(super) fn host(path: &Path) -> PathBuf {
    Path::new(OLD).join(path.strip_prefix("/").unwrap_or(path))
}

pub(super) fn mount(
    source: &str,
    to: &str,
    kind: &str,
    flags: libc::c_ulong,
    options: &str,
) -> io::Result<()> {
    sys::mount(Path::new(source), Path::new(to), kind, flags, options)
}

pub(super) fn named(tried: &'static str) -> impl FnOnce(io::Error) -> Reason {
    move |error| format!("cannot {tried}: {error}")
}

pub(super) fn on<'a>(tried: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Reason + 'a {
    move |error| format!("cannot {tried} {}: {error}", path.display())
}
