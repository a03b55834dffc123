//! The root that a program without a cage sees: the machine's, with the clone at the path it has in a cage, and without what is
//! withheld. A mount namespace is the only one that is made, and nothing is made on the machine itself.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::super::own::{self, Reason};
use super::super::plan::LAUNCHER_INSIDE;
use super::super::spec::Access;
use super::super::{inner, own::NEW};
use super::{Plan, Shown};
use crate::clone::INSIDE_HOME;
use crate::sys;

/// Small folders, which hold mounts.
const COVER: &str = "mode=0755,size=1m";
/// What nobody but root may look into.
const SHUT: &str = "mode=0700,size=4k";

/// Makes the root and enters it. For a root process in a mount namespace of its own.
pub(super) fn build(plan: &Plan) -> Result<(), Reason> {
    sys::file_mask(0);
    own::enter_scaffold()?;
    let agent = Path::new(INSIDE_HOME);
    let home = agent.parent().unwrap_or(agent);
    let taken = |path: &Path| {
        let ours = plan.shown.iter().filter(|shown| !shown.tool);
        path == home
            || Path::new(LAUNCHER_INSIDE).starts_with(path)
            || ours.into_iter().any(|shown| shown.inside == path)
    };
    fill(Path::new("/"), &taken)?;
    own::folder(&own::inside(home)).map_err(own::on("make folder", home))?;
    if fs::symlink_metadata(own::host(home)).is_ok_and(|what| what.is_dir()) {
        fill(home, &|path| path == agent)?;
    }
    let mut root = Root::default();
    for shown in &plan.shown {
        root.show(shown)?;
    }
    let launcher = Shown {
        outside: plan.launcher.clone(),
        inside: LAUNCHER_INSIDE.into(),
        access: Access::ReadOnly,
        is_dir: false,
        identity: (0, 0),
        tool: false,
    };
    root.bind(&launcher)?;
    for path in &plan.withheld {
        // Hidden already where a folder above it is.
        if fs::symlink_metadata(own::inside(path)).is_ok() {
            own::mount("tmpfs", &new(path), "tmpfs", 0, SHUT).map_err(own::on("withhold", path))?;
        }
    }
    own::leave_scaffold()?;
    sys::file_mask(0o022);
    inner::recognise(&root.expected)?;
    gone(&plan.withheld)
}

/// Believes nothing of the above without having looked.
fn gone(withheld: &[PathBuf]) -> Result<(), Reason> {
    for path in withheld {
        let empty = match fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if !empty {
            return Err(format!("{} cannot be withheld", path.display()));
        }
    }
    Ok(())
}

/// Shows everything in a folder of the machine at its own place, mounts below it too.
fn fill(folder: &Path, taken: &dyn Fn(&Path) -> bool) -> Result<(), Reason> {
    let entries = fs::read_dir(own::host(folder)).map_err(own::on("read", folder))?;
    for entry in entries {
        let entry = entry.map_err(own::on("read", folder))?;
        let path = folder.join(entry.file_name());
        if taken(&path) {
            continue;
        }
        let what = entry.file_type().map_err(own::on("look at", &path))?;
        if what.is_symlink() {
            let target = fs::read_link(own::host(&path)).map_err(own::on("read", &path))?;
            symlink(target, own::inside(&path)).map_err(own::on("link", &path))?;
        } else if what.is_dir() || what.is_file() {
            place(&path, what.is_dir()).map_err(own::on("make", &path))?;
            again(&path, &path)?;
        }
    }
    Ok(())
}

fn place(path: &Path, is_dir: bool) -> std::io::Result<()> {
    match is_dir {
        true => own::folder(&own::inside(path)),
        false => fs::File::create_new(own::inside(path)).map(drop),
    }
}

fn again(outside: &Path, inside: &Path) -> Result<(), Reason> {
    let (from, to) = (own::host(outside), own::inside(inside));
    sys::mount(&from, &to, "", libc::MS_BIND | libc::MS_REC, "").map_err(own::on("show", outside))
}

fn new(path: &Path) -> String {
    format!("{NEW}{}", path.display())
}

/// What has been put in so far.
#[derive(Default)]
struct Root {
    /// Folders of others that the run's user could not enter, replaced by empty ones for the toolchains below them.
    covered: BTreeSet<PathBuf>,
    /// Path, device and inode of all that was shown.
    expected: Vec<(PathBuf, u64, u64)>,
}

impl Root {
    fn show(&mut self, shown: &Shown) -> Result<(), Reason> {
        if shown.tool {
            if let Some(shut) = shut_above(&shown.inside)
                && self.covered.insert(shut.clone())
            {
                own::mount("tmpfs", &new(&shut), "tmpfs", 0, COVER)
                    .map_err(own::on("cover", &shut))?;
            }
            let below = self
                .covered
                .iter()
                .any(|cover| shown.inside.starts_with(cover));
            let there = is_plain(&shown.inside);
            // At its own place already, or nowhere that could be made without writing on the machine.
            if !below && (shown.inside == shown.outside || !there) {
                return Ok(());
            }
        }
        self.bind(shown)
    }

    fn bind(&mut self, shown: &Shown) -> Result<(), Reason> {
        let inside = &shown.inside;
        let on = || own::on("show", &shown.outside);
        if !is_plain(inside) {
            let mut above: Vec<&Path> = inside.ancestors().skip(1).collect();
            above.reverse();
            for path in above.into_iter().filter(|path| !is_plain(path)) {
                place(path, true).map_err(on())?;
            }
            place(inside, shown.is_dir).map_err(on())?;
        }
        again(&shown.outside, inside)?;
        let attributes = match shown.access {
            Access::ReadOnly => own::READ_ONLY | own::NO_SUID | own::NO_DEVICES,
            Access::ReadWrite => own::NO_SUID | own::NO_DEVICES,
        };
        sys::mount_attributes(&own::inside(inside), attributes, true).map_err(on())?;
        if shown.identity != (0, 0) {
            let (dev, ino) = shown.identity;
            self.expected.push((inside.clone(), dev, ino));
        }
        Ok(())
    }
}

/// Whether it is in the new root, reached through no link.
fn is_plain(path: &Path) -> bool {
    let mut parts: Vec<&Path> = path.ancestors().collect();
    parts.pop();
    parts
        .iter()
        .all(|part| fs::symlink_metadata(own::inside(part)).is_ok_and(|what| !what.is_symlink()))
}

/// The outermost folder on the way to a path that only its owner may pass.
fn shut_above(path: &Path) -> Option<PathBuf> {
    let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
    above.reverse();
    let shut = above.into_iter().find(|part| {
        let what = fs::symlink_metadata(own::host(part));
        what.is_ok_and(|what| what.is_dir() && what.permissions().mode() & 0o001 == 0)
    });
    shut.filter(|part| is_plain(part)).map(Path::to_owned)
}
