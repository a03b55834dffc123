//! Every way in which a program can change a file or its folder, tried one after the other on each path that is given. One line for
//! each: path, act, and `done` or the kernel's word. What destroys the file comes last.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::Outcome;

type Act = fn(&Path, &Path) -> io::Result<()>;

/// An act gets the file, and a name beside it that is free.
const ACTS: [(&str, Act); 17] = [
    ("write", |file, _| written(file)),
    ("append", |file, _| appended(file)),
    ("chmod", |file, _| {
        fs::set_permissions(file, fs::Permissions::from_mode(0o777))
    }),
    ("chmod-by-descriptor", |file, _| chmod_by_descriptor(file)),
    ("utimes", |file, _| utimes(file)),
    ("truncate", |file, _| truncate(file)),
    ("create", |_, free| {
        let made = OpenOptions::new().write(true).create_new(true).open(free);
        made.map(drop)
    }),
    ("mkdir", |_, free| fs::create_dir(free)),
    ("mkfifo", |_, free| mkfifo(free)),
    ("symlink", |_, free| symlink("/etc/passwd", free)),
    ("write-through-symlink", through_symlink),
    ("write-through-proc-self-cwd", |file, _| through_cwd(file)),
    ("write-through-proc-self-root", |file, _| {
        written(&Path::new("/proc/self/root").join(file.strip_prefix("/").unwrap_or(file)))
    }),
    ("hard-link", |file, free| fs::hard_link(file, free)),
    ("link-nameless-file", link_nameless),
    ("rename", |file, free| fs::rename(file, free)),
    ("unlink", |file, _| fs::remove_file(file)),
];

pub(crate) fn all(paths: &[&str]) -> Outcome {
    let mut said = String::new();
    for path in paths {
        for (number, (name, act)) in ACTS.iter().enumerate() {
            let file = Path::new(path);
            let free = file.with_file_name(format!("free-{number}"));
            let ended = act(file, &free);
            if *name == "rename" && ended.is_ok() {
                // The last act needs it where it was.
                fs::rename(&free, file)?;
            }
            let word = match ended {
                Ok(()) => "done".to_owned(),
                Err(e) => e.to_string(),
            };
            said.push_str(&format!("{path}\t{name}\t{word}\n"));
        }
    }
    Ok(said)
}

fn written(file: &Path) -> io::Result<()> {
    let mut open = OpenOptions::new().write(true).open(file)?;
    open.write_all(b"changed")
}

fn appended(file: &Path) -> io::Result<()> {
    let mut open = OpenOptions::new().append(true).open(file)?;
    open.write_all(b"more")
}

/// By a descriptor that was opened for nothing, and its name below `/proc`.
fn chmod_by_descriptor(file: &Path) -> io::Result<()> {
    let open = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH)
        .open(file)?;
    let name = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd()));
    fs::set_permissions(name, fs::Permissions::from_mode(0o777))
}

/// A link in scratch, which everybody may make.
fn through_symlink(file: &Path, free: &Path) -> io::Result<()> {
    let name = format!("link-{}-{:?}", std::process::id(), free).replace(['/', '"'], "-");
    let link = std::env::temp_dir().join(name);
    symlink(file, &link)?;
    let ended = written(&link);
    fs::remove_file(link)?;
    ended
}

fn through_cwd(file: &Path) -> io::Result<()> {
    let before = std::env::current_dir()?;
    let folder = file.parent().unwrap_or(file);
    std::env::set_current_dir(folder)?;
    let name = file.file_name().unwrap_or_default();
    let ended = written(&Path::new("/proc/self/cwd").join(name));
    std::env::set_current_dir(before)?;
    ended
}

/// A file without a name, made in the folder, that is then given one.
#[allow(
    unsafe_code,
    reason = "the standard library gives no nameless file a name"
)]
fn link_nameless(file: &Path, free: &Path) -> io::Result<()> {
    let nameless: File = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_TMPFILE)
        .mode(0o600)
        .open(file.parent().unwrap_or(file))?;
    let from = CString::new(format!("/proc/self/fd/{}", nameless.as_raw_fd()))?;
    let to = c_path(free)?;
    // SAFETY: two live C strings; the kernel only reads them.
    checked(unsafe {
        libc::linkat(
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::AT_SYMLINK_FOLLOW,
        )
    })
}

#[allow(unsafe_code, reason = "the standard library makes no pipes with names")]
fn mkfifo(free: &Path) -> io::Result<()> {
    let path = c_path(free)?;
    // SAFETY: one live C string.
    checked(unsafe { libc::mkfifo(path.as_ptr(), 0o600) })
}

#[allow(unsafe_code, reason = "the standard library truncates only open files")]
fn truncate(file: &Path) -> io::Result<()> {
    let path = c_path(file)?;
    // SAFETY: one live C string.
    checked(unsafe { libc::truncate(path.as_ptr(), 0) })
}

#[allow(unsafe_code, reason = "the standard library stamps only open files")]
fn utimes(file: &Path) -> io::Result<()> {
    let path = c_path(file)?;
    let long_ago = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let times = [long_ago; 2];
    // SAFETY: a live C string and two live times; the kernel only reads them.
    checked(unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), times.as_ptr(), 0) })
}

fn c_path(path: &Path) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

fn checked(result: libc::c_int) -> io::Result<()> {
    match result {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
