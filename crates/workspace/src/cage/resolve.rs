//! Checks a [`CageSpec`] against the machine and resolves its binds. Everything that a hostile tree could bend (symbolic
//! links, missing mount points) is refused here, before any layer runs.

use std::fs;
use std::os::unix::fs::lchown;
use std::path::{Component, Path, PathBuf};

use super::error::CageError;
use super::spec::{Access, Bind, CageSpec, Network};
use crate::sys;

/// A bind that exists: canonical outside, normal inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mounted {
    pub(super) outside: PathBuf,
    pub(super) inside: PathBuf,
    pub(super) access: Access,
    pub(super) is_dir: bool,
    /// Device and inode, by which pid 1 recognises inside what was checked here. Whoever swaps a path for another between
    /// the check and the mount, at either end, stops the run.
    pub(super) identity: (u64, u64),
}

/// Paths inside that the cage makes itself; a bind at, above or below one would change its promise.
const OURS_INSIDE: [&str; 4] = ["/proc", "/dev", "/sys", "/alai"];

/// Paths inside that the cage fills itself; a bind at or above one would change its promise, below one it is harmless.
const BASE_INSIDE: [&str; 8] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc",
];

/// Views of the kernel that would show outer processes or devices.
const NEVER_OUTSIDE: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Work trees on this tmpfs are ordinary.
const SHARED_MEMORY: &str = "/dev/shm";

/// System folders that nothing writes into from a cage, with everything below.
const NEVER_WRITABLE: [&str; 9] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/boot",
];

/// Folders that hold other people's things; only something below them can be a writable bind.
const TOO_WIDE: [&str; 8] = [
    "/", "/home", "/root", "/run", "/var", "/tmp", "/opt", "/dev/shm",
];

/// Checks the whole description and returns its binds, parents before children.
pub(super) fn resolve(spec: &CageSpec) -> Result<Vec<Mounted>, CageError> {
    check_ids(spec.uid)?;
    check_environment(spec)?;
    normal(&spec.cwd)?;
    if let Network::LoopbackAnd(forward) = &spec.network
        && forward.inside_port < 1024
    {
        return refuse(format!(
            "port {} needs privileges; take 1024 or above",
            forward.inside_port
        ));
    }
    let tools = spec.toolchains.iter().map(|bind| (bind, Access::ReadOnly));
    let binds = spec.binds.iter().map(|bind| (bind, bind.access));
    let mut mounted = Vec::new();
    for (bind, access) in tools.chain(binds) {
        let found = mount(bind, access)?;
        check_links(bind, &found, &spec.binds)?;
        mounted.push(found);
    }
    mounted.sort_by(|a, b| a.inside.cmp(&b.inside));
    mounted.dedup();
    for (at, bind) in mounted.iter().enumerate() {
        check_outside(bind)?;
        let is_tool = spec
            .toolchains
            .iter()
            .any(|tool| tool.inside == bind.inside);
        let owner = if is_tool { Some(spec.uid) } else { None };
        check_nested(bind, &mounted[..at], owner)?;
    }
    Ok(mounted)
}

fn check_ids(uid: Option<(u32, u32)>) -> Result<(), CageError> {
    let ours = sys::ids();
    match uid {
        None if ours.0 == 0 => {
            refuse("we are root and no other user is named; use agent_ids()".to_owned())
        }
        Some((0, _) | (_, 0)) => refuse("no program of an agent runs as root".to_owned()),
        Some(ids) if ours.0 != 0 && ids != ours => refuse(format!(
            "only root can become user {}; leave uid out",
            ids.0
        )),
        None | Some(_) => Ok(()),
    }
}

fn check_environment(spec: &CageSpec) -> Result<(), CageError> {
    for (name, value) in &spec.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return refuse(format!("{name:?} cannot be an environment variable"));
        }
    }
    if spec.path.contains('\0') {
        return refuse("PATH holds a zero byte".to_owned());
    }
    Ok(())
}

fn mount(bind: &Bind, access: Access) -> Result<Mounted, CageError> {
    normal(&bind.outside)?;
    normal(&bind.inside)?;
    let inside = bind.inside.as_path();
    let bad = |path: &&str| inside.starts_with(path) || Path::new(path).starts_with(inside);
    let covers = |path: &&str| Path::new(path).starts_with(inside);
    if let Some(path) = OURS_INSIDE
        .iter()
        .find(|p| bad(p))
        .or(BASE_INSIDE.iter().find(|p| covers(p)))
    {
        return refuse(format!("{inside:?} would hide the cage's own {path}"));
    }
    if inside == Path::new("/tmp") && access == Access::ReadOnly {
        return refuse("/tmp must be writable".to_owned());
    }
    let outside = bind.outside.canonicalize().map_err(|error| {
        CageError::Spec(format!(
            "{:?} cannot be shown inside: {error}; does it exist?",
            bind.outside
        ))
    })?;
    let identity = sys::identity_without_links(&outside).map_err(|error| {
        CageError::Spec(format!(
            "{outside:?} changed while it was looked at: {error}"
        ))
    })?;
    let is_dir = outside.is_dir();
    if !is_dir && !outside.is_file() {
        // A socket would be a door to whoever listens on it (a container daemon, a key agent); a device is hardware.
        return refuse(format!(
            "{outside:?} is neither a folder nor a regular file"
        ));
    }
    Ok(Mounted {
        outside,
        inside: inside.to_owned(),
        access,
        is_dir,
        identity,
    })
}

fn check_outside(bind: &Mounted) -> Result<(), CageError> {
    let path = bind.outside.as_path();
    let kernel = NEVER_OUTSIDE.iter().any(|never| path.starts_with(never));
    if path == Path::new("/") || (kernel && !path.starts_with(SHARED_MEMORY)) {
        return refuse(format!("{path:?} shows the machine itself"));
    }
    let wide = TOO_WIDE.iter().any(|wide| path == Path::new(wide));
    let system = NEVER_WRITABLE.iter().any(|system| path.starts_with(system));
    if bind.access == Access::ReadWrite && (wide || system) {
        return refuse(format!("{path:?} is not a work folder; bind one below it"));
    }
    Ok(())
}

/// A mount point inside another bind must be there already, reached through no link: making it would write into the other
/// bind, and a link would take the mount elsewhere and leave the place unprotected.
///
/// A toolchain is the exception: when the home inside has the path of the home outside, its mount points are made in the
/// writable home, for `tool_owner`.
fn check_nested(
    bind: &Mounted,
    earlier: &[Mounted],
    tool_owner: Option<Option<(u32, u32)>>,
) -> Result<(), CageError> {
    let parent = earlier
        .iter()
        .rev()
        .find(|parent| bind.inside.starts_with(&parent.inside));
    let Some(parent) = parent else { return Ok(()) };
    if parent.inside == bind.inside {
        return refuse(format!("two different binds at {:?}", bind.inside));
    }
    let below = bind
        .inside
        .strip_prefix(&parent.inside)
        .expect("starts_with was checked");
    if let (Some(owner), Access::ReadWrite) = (tool_owner, parent.access) {
        make_mount_point(&parent.outside, below, bind.is_dir, owner)?;
    }
    let point = without_links(&parent.outside, below)?;
    if point.is_dir() != bind.is_dir {
        return refuse(format!(
            "{point:?} and {:?} are not both files or both folders",
            bind.outside
        ));
    }
    Ok(())
}

/// Makes what is missing on the way, one part at a time, through no link.
pub(super) fn make_mount_point(
    root: &Path,
    below: &Path,
    is_dir: bool,
    owner: Option<(u32, u32)>,
) -> Result<(), CageError> {
    let mut path = root.to_owned();
    let mut parts = below.components().peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        if fs::symlink_metadata(&path).is_ok() {
            without_links(root, path.strip_prefix(root).expect("it was pushed to"))?;
            continue;
        }
        let is_last = parts.peek().is_none();
        let made = if is_dir || !is_last {
            fs::create_dir(&path)
        } else {
            fs::File::create_new(&path).map(drop)
        };
        let given = made.and_then(|()| match owner {
            Some((uid, gid)) if sys::ids().0 == 0 => lchown(&path, Some(uid), Some(gid)),
            Some(_) | None => Ok(()),
        });
        given.map_err(|error| {
            CageError::Spec(format!(
                "cannot make the place {path:?} for a toolchain: {error}"
            ))
        })?;
    }
    Ok(())
}

/// Below a writable bind every link may be the agent's, and would name what is mounted. So would one that was there only
/// while the path was resolved: what was found must lie where the path says.
fn check_links(bind: &Bind, found: &Mounted, all: &[Bind]) -> Result<(), CageError> {
    for parent in all
        .iter()
        .filter(|parent| parent.access == Access::ReadWrite)
    {
        let Ok(below) = bind.outside.strip_prefix(&parent.outside) else {
            continue;
        };
        let root = parent.outside.canonicalize().map_err(|error| {
            CageError::Spec(format!(
                "{:?} cannot be shown inside: {error}",
                parent.outside
            ))
        })?;
        if without_links(&root, below)? != found.outside {
            return refuse(format!(
                "{:?} was a symbolic link where an agent may write",
                bind.outside
            ));
        }
    }
    Ok(())
}

fn without_links(root: &Path, below: &Path) -> Result<PathBuf, CageError> {
    let mut path = root.to_owned();
    for part in below.components() {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Err(error) => return refuse(format!("{path:?} must exist: {error}")),
            Ok(what) if what.is_symlink() => {
                return refuse(format!(
                    "{path:?} is a symbolic link where an agent may write"
                ));
            }
            Ok(_) => {}
        }
    }
    Ok(path)
}

fn normal(path: &Path) -> Result<(), CageError> {
    let text = path.to_str();
    let parts = path
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !path.is_absolute() || !parts || text.is_none_or(|text| text.contains('\0')) {
        return refuse(format!(
            "{path:?} is not an absolute path without .. in valid UTF-8"
        ));
    }
    Ok(())
}

fn refuse<T>(why: String) -> Result<T, CageError> {
    Err(CageError::Spec(why))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use super::super::spec::{Access, Bind, CageSpec, Limits, Network, agent_ids};
    use super::resolve;

    fn spec(binds: Vec<Bind>) -> CageSpec {
        CageSpec {
            binds,
            cwd: PathBuf::from("/tmp"),
            env: Vec::new(),
            network: Network::Loopback,
            limits: Limits::default(),
            uid: agent_ids(),
            toolchains: Vec::new(),
            path: "/usr/bin".to_owned(),
        }
    }

    fn bind(outside: &Path, inside: &str, access: Access) -> Bind {
        Bind {
            outside: outside.to_owned(),
            inside: PathBuf::from(inside),
            access,
        }
    }

    #[test]
    fn refuses_what_would_open_the_machine() {
        let cases = [
            ("/", "/host", Access::ReadOnly),
            ("/proc/self", "/host", Access::ReadOnly),
            ("/dev/null", "/host", Access::ReadOnly),
            ("/usr/lib", "/host", Access::ReadWrite),
            ("/tmp", "/host", Access::ReadWrite),
            ("/tmp", "/proc/x", Access::ReadOnly),
            ("/tmp", "/", Access::ReadOnly),
            ("/tmp", "/etc", Access::ReadOnly),
            ("/tmp", "/clone/../etc", Access::ReadOnly),
            ("relative", "/clone", Access::ReadOnly),
            ("/no/such/folder", "/clone", Access::ReadOnly),
        ];
        for (outside, inside, access) in cases {
            let result = resolve(&spec(vec![bind(Path::new(outside), inside, access)]));
            assert!(result.is_err(), "{outside} at {inside} was accepted");
        }
    }

    #[test]
    fn a_link_that_an_agent_planted_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let secret = tempfile::tempdir().unwrap();
        let work = root.path().join("clone");
        fs::create_dir(&work).unwrap();
        symlink(secret.path(), work.join(".git")).unwrap();
        let binds = vec![
            bind(&work, "/clone", Access::ReadWrite),
            bind(&work.join(".git"), "/clone/.git", Access::ReadOnly),
        ];
        let error = resolve(&spec(binds)).unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        fs::remove_file(work.join(".git")).unwrap();
        let binds = vec![
            bind(&work, "/clone", Access::ReadWrite),
            bind(secret.path(), "/clone/.git", Access::ReadOnly),
        ];
        let error = resolve(&spec(binds.clone())).unwrap_err().to_string();
        assert!(error.contains("must exist"), "{error}");
        fs::create_dir(work.join(".git")).unwrap();
        let mounted = resolve(&spec(binds)).unwrap();
        assert_eq!(mounted[0].inside, Path::new("/clone"), "parents come first");
    }

    #[test]
    fn a_socket_is_no_bind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("docker.sock");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let error = resolve(&spec(vec![bind(&path, "/docker.sock", Access::ReadWrite)]));
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("neither a folder nor a regular file")
        );
    }

    #[test]
    fn toolchains_get_their_places_in_a_home_of_the_same_path() {
        let home = tempfile::tempdir().unwrap();
        let tools = tempfile::tempdir().unwrap();
        fs::write(tools.path().join("settings"), "").unwrap();
        let mut spec = spec(vec![bind(home.path(), "/home/agent", Access::ReadWrite)]);
        spec.toolchains = vec![
            bind(tools.path(), "/home/agent/.tool/bin", Access::ReadOnly),
            bind(
                &tools.path().join("settings"),
                "/home/agent/.tool/settings",
                Access::ReadOnly,
            ),
        ];
        assert_eq!(resolve(&spec).unwrap().len(), 3);
        assert!(home.path().join(".tool/bin").is_dir());
        assert!(home.path().join(".tool/settings").is_file());
        // An agent that replaced one by a link does not make us write behind it.
        let outside = tempfile::tempdir().unwrap();
        fs::remove_dir_all(home.path().join(".tool")).unwrap();
        symlink(outside.path(), home.path().join(".tool")).unwrap();
        let error = resolve(&spec).unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn two_binds_in_one_place_are_refused_but_one_named_twice_is_not() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let of = |dir: &tempfile::TempDir| bind(dir.path(), "/clone", Access::ReadOnly);
        assert!(resolve(&spec(vec![of(&a), of(&b)])).is_err());
        assert_eq!(resolve(&spec(vec![of(&a), of(&a)])).unwrap().len(), 1);
    }
}
