//! The minimal root as a list of steps. Both layers carry out the same list, so they cannot differ in what they show.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::resolve::Mounted;
use super::spec::{Access, CageSpec, Layer, Limits, Network};
use super::text::Text;
use crate::sys;

/// Where the launcher is inside.
pub const LAUNCHER_INSIDE: &str = "/alai/launcher";

/// Where the socket of a [`super::UnixSocketForward`] is inside.
const SOCKET_INSIDE: &str = "/alai/egress.sock";

/// The name of every cage in its own uts namespace.
pub(super) const HOSTNAME: &str = "cage";

/// One part of the new root. Paths are inside, save `outside`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    Dir {
        path: PathBuf,
    },
    Symlink {
        path: PathBuf,
        target: PathBuf,
    },
    File {
        path: PathBuf,
        text: String,
    },
    Bind {
        outside: PathBuf,
        inside: PathBuf,
        access: Access,
        is_dir: bool,
    },
    /// Writable by everybody, sticky.
    Tmpfs {
        path: PathBuf,
        bytes: u64,
    },
    Proc,
    Dev,
}

impl Step {
    /// The folder whose content is memory because of this step.
    pub(super) fn in_memory(&self) -> Option<&Path> {
        match self {
            Step::Tmpfs { path, .. } => Some(path),
            Step::Dir { .. } | Step::Symlink { .. } | Step::File { .. } | Step::Bind { .. } => None,
            Step::Proc | Step::Dev => None,
        }
    }

    /// The folder inside in which programs write to the host because of this step. A single file is limited in itself.
    pub(super) fn writable(&self) -> Option<&Path> {
        match self {
            Step::Bind {
                inside,
                access: Access::ReadWrite,
                is_dir: true,
                ..
            } => Some(inside),
            Step::Bind { .. } | Step::Dir { .. } | Step::Symlink { .. } | Step::File { .. } => None,
            Step::Tmpfs { .. } | Step::Proc | Step::Dev => None,
        }
    }
}

/// Everything that the launcher needs to know. It crosses to it in a memory file, never on a command line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) layer: Layer,
    pub(super) steps: Vec<Step>,
    pub(super) argv: Vec<String>,
    pub(super) cwd: PathBuf,
    pub(super) env: Vec<(String, String)>,
    pub(super) limits: Limits,
    /// Whom to become; `None` keeps the user.
    pub(super) uid: Option<(u32, u32)>,
    /// Folders and files inside that Landlock leaves writable.
    pub(super) writable: Vec<PathBuf>,
    pub(super) forward: Option<Forward>,
    /// What must be found inside: path, device and inode of every bind that was asked for.
    pub(super) expected: Vec<(PathBuf, u64, u64)>,
    /// The cage has a control group of its own, with these limits.
    pub(super) has_group: bool,
    /// Nothing is started before a word of whoever made the cage: what it shows is still being made.
    pub(super) waits: bool,
}

/// A port inside and the socket, inside too, that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Forward {
    pub(super) port: u16,
    pub(super) socket: PathBuf,
}

/// Lays out the root for a description whose binds are resolved. Reads only what the machine offers to every program.
pub(super) fn plan(
    spec: &CageSpec,
    binds: Vec<Mounted>,
    texts: &[Text],
    launcher: &Path,
    layer: Layer,
    argv: &[String],
) -> Plan {
    let mut root = Root::default();
    base(&mut root);
    etc(&mut root, spec);
    root.steps.push(Step::Proc);
    root.steps.push(Step::Dev);
    root.tmpfs("/dev/shm", shared_memory_bytes(&spec.limits));
    if !binds.iter().any(|bind| bind.inside == Path::new("/tmp")) {
        root.tmpfs("/tmp", temporary_bytes(&spec.limits));
    }
    root.bind(
        launcher,
        Path::new(LAUNCHER_INSIDE),
        Access::ReadOnly,
        false,
    );
    let forward = match &spec.network {
        Network::Loopback => None,
        Network::LoopbackAnd(forward) => {
            let socket = PathBuf::from(SOCKET_INSIDE);
            root.bind(&forward.outside_socket, &socket, Access::ReadWrite, false);
            Some(Forward {
                port: forward.inside_port,
                socket,
            })
        }
    };
    for text in texts {
        root.file(&text.inside.to_string_lossy(), text.text.clone());
    }
    let mut writable = vec![PathBuf::from("/tmp"), PathBuf::from("/dev/shm")];
    let expected = |bind: &Mounted| (bind.inside.clone(), bind.identity.0, bind.identity.1);
    let expected = binds.iter().map(expected).collect();
    for bind in binds {
        if bind.access == Access::ReadWrite {
            writable.push(bind.inside.clone());
        }
        root.bind(&bind.outside, &bind.inside, bind.access, bind.is_dir);
    }
    root.parents(&spec.cwd.join("x"));
    let mut env = spec.env.clone();
    env.retain(|(name, _)| name != "PATH");
    env.push(("PATH".to_owned(), spec.path.clone()));
    Plan {
        layer,
        steps: root.steps,
        argv: argv.to_vec(),
        cwd: spec.cwd.clone(),
        env,
        limits: spec.limits,
        // As a normal user nobody can be become; the check that it names ourselves has been made.
        uid: spec.uid.filter(|_| sys::ids().0 == 0),
        writable,
        forward,
        expected,
        has_group: false,
        waits: false,
    }
}

/// What lies in `/tmp` is memory, of which the programs need the other half.
fn temporary_bytes(limits: &Limits) -> u64 {
    (limits.memory_bytes / 2).max(1 << 20)
}

/// Shared memory of tests (databases, browsers) is small beside their heap.
fn shared_memory_bytes(limits: &Limits) -> u64 {
    (limits.memory_bytes / 4).max(1 << 20)
}

/// The steps so far, and which folders exist because of them.
#[derive(Default)]
struct Root {
    steps: Vec<Step>,
    made: BTreeSet<PathBuf>,
    /// Mounts: what is below one is its own affair.
    covered: Vec<PathBuf>,
}

impl Root {
    /// Makes every missing parent, each open to be passed through. Both layers would make implicit parents private to root.
    fn parents(&mut self, path: &Path) {
        let mut missing = Vec::new();
        for parent in path.ancestors().skip(1) {
            let there = parent == Path::new("/") || self.made.contains(parent);
            if there || self.covered.iter().any(|cover| parent.starts_with(cover)) {
                break;
            }
            missing.push(parent.to_owned());
        }
        for path in missing.into_iter().rev() {
            self.made.insert(path.clone());
            self.steps.push(Step::Dir { path });
        }
    }

    fn bind(&mut self, outside: &Path, inside: &Path, access: Access, is_dir: bool) {
        self.parents(inside);
        self.covered.push(inside.to_owned());
        let (outside, inside) = (outside.to_owned(), inside.to_owned());
        self.steps.push(Step::Bind {
            outside,
            inside,
            access,
            is_dir,
        });
    }

    fn file(&mut self, path: &str, text: String) {
        let path = PathBuf::from(path);
        self.parents(&path);
        self.steps.push(Step::File { path, text });
    }

    fn symlink(&mut self, path: &Path, target: PathBuf) {
        self.parents(path);
        self.covered.push(path.to_owned());
        self.steps.push(Step::Symlink {
            path: path.to_owned(),
            target,
        });
    }

    /// Parents inside a tmpfs are made like others, so it is not a cover.
    fn tmpfs(&mut self, path: &str, bytes: u64) {
        let path = PathBuf::from(path);
        self.made.insert(path.clone());
        self.steps.push(Step::Tmpfs { path, bytes });
    }

    /// Copies what is small and shows what is not. A mount for a line of text is dear, and makes the next one dearer: bwrap
    /// reads the whole list of mounts again for each that it makes read-only.
    fn copy(&mut self, path: &Path) {
        let mut copied = Copied::default();
        if copied.add(path) {
            self.parents(path);
            self.covered.push(path.to_owned());
            self.steps.extend(copied.steps);
        } else {
            self.show(path);
        }
    }

    /// Shows a file or folder of the host at its own path, read-only, when it is there.
    fn show(&mut self, path: &Path) {
        let Ok(what) = fs::symlink_metadata(path) else {
            return;
        };
        if what.is_symlink() {
            if let Ok(target) = fs::read_link(path) {
                self.symlink(path, target);
            }
        } else {
            self.bind(path, path, Access::ReadOnly, what.is_dir());
        }
    }
}

/// What a small part of `/etc` may hold at most to be copied instead of mounted.
const COPIED_ENTRIES_MAX: usize = 24;
const COPIED_BYTES_MAX: u64 = 32 << 10;

/// Files and folders to copy, in the order in which they are made.
#[derive(Default)]
struct Copied {
    steps: Vec<Step>,
    bytes: u64,
}

impl Copied {
    /// False when it is too much, not everybody's to read, or no text.
    fn add(&mut self, path: &Path) -> bool {
        let Ok(what) = fs::symlink_metadata(path) else {
            return false;
        };
        let open_to_all = what.permissions().mode() & 0o004 != 0;
        let path = path.to_owned();
        if self.steps.len() >= COPIED_ENTRIES_MAX || !open_to_all {
            return false;
        }
        if what.is_symlink() {
            let Ok(target) = fs::read_link(&path) else {
                return false;
            };
            self.steps.push(Step::Symlink { path, target });
            return true;
        }
        if what.is_dir() {
            let Ok(entries) = fs::read_dir(&path) else {
                return false;
            };
            self.steps.push(Step::Dir { path });
            return entries
                .into_iter()
                .all(|entry| entry.is_ok_and(|entry| self.add(&entry.path())));
        }
        self.bytes = self.bytes.saturating_add(what.len());
        if !what.is_file() || self.bytes > COPIED_BYTES_MAX {
            return false;
        }
        let Ok(text) = fs::read_to_string(&path) else {
            return false;
        };
        self.steps.push(Step::File { path, text });
        true
    }
}

/// The system's programs and libraries. On a merged-usr system all but `/usr` are links into it.
fn base(root: &mut Root) {
    for path in [
        "/usr",
        "/bin",
        "/sbin",
        "/lib",
        "/lib32",
        "/lib64",
        "/libx32",
        "/nix/store",
    ] {
        root.show(Path::new(path));
    }
}

/// What of `/etc` programs need to run and nobody needs to hide: the loader's, certificates, time, languages' own folders.
/// Nothing that names users, machines, keys or credentials.
const ETC_SHOWN: [&str; 26] = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ssl/certs",
    "ssl/cert.pem",
    "ssl/openssl.cnf",
    "pki/tls/certs",
    "pki/tls/cert.pem",
    "pki/tls/openssl.cnf",
    "pki/ca-trust/extracted",
    "crypto-policies",
    "ca-certificates",
    "ca-certificates.conf",
    "alternatives",
    "localtime",
    "timezone",
    "mime.types",
    "magic",
    "protocols",
    "services",
    "fonts",
    "perl",
    "os-release",
    "debian_version",
    "locale.alias",
    "inputrc",
];

/// Folders of a language that carry its version in their name.
const ETC_SHOWN_BY_PREFIX: [&str; 3] = ["java", "python3", "maven"];

fn etc(root: &mut Root, spec: &CageSpec) {
    for name in ETC_SHOWN {
        root.copy(&Path::new("/etc").join(name));
    }
    // An unreadable /etc shows none of them, which is safe.
    let entries = fs::read_dir("/etc").into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    names.sort();
    for path in names {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if ETC_SHOWN_BY_PREFIX
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            root.copy(&path);
        }
    }
    let (uid, gid) = spec.uid.unwrap_or_else(sys::ids);
    let home = spec
        .env
        .iter()
        .find(|(name, _)| name == "HOME")
        .map(|(_, home)| home.as_str());
    // A colon or a line break in HOME would forge a field of passwd; it only fools the program itself, but also its debugging.
    let home = home
        .filter(|home| !home.contains([':', '\n']))
        .unwrap_or("/tmp");
    root.file(
        "/etc/passwd",
        format!(
            "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n\
             agent:x:{uid}:{gid}:agent:{home}:/bin/sh\n\
             nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        ),
    );
    root.file(
        "/etc/group",
        format!("root:x:0:\nagent:x:{gid}:\nnogroup:x:65534:\n"),
    );
    root.file(
        "/etc/hosts",
        format!("127.0.0.1 localhost {HOSTNAME}\n::1 localhost {HOSTNAME}\n"),
    );
    root.file("/etc/hostname", format!("{HOSTNAME}\n"));
    root.file("/etc/resolv.conf", String::new());
    root.file(
        "/etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files\nservices: files\n".into(),
    );
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    use super::super::resolve::Mounted;
    use super::super::spec::{Access, CageSpec, Layer, Limits, Network};
    use super::{Copied, Plan, Step, plan};

    fn planned(binds: &[(&str, &str, Access)]) -> Plan {
        let spec = CageSpec {
            binds: Vec::new(),
            cwd: PathBuf::from("/clone"),
            env: vec![
                ("PATH".into(), "/evil".into()),
                ("HOME".into(), "/h:0:0".into()),
            ],
            network: Network::Loopback,
            limits: Limits::default(),
            uid: Some((64_001, 64_001)),
            toolchains: Vec::new(),
            path: "/usr/bin".to_owned(),
        };
        let mounted = |(outside, inside, access): &(&str, &str, Access)| Mounted {
            outside: PathBuf::from(outside),
            inside: PathBuf::from(inside),
            access: *access,
            is_dir: true,
            identity: (1, 1),
        };
        let binds = binds.iter().map(mounted).collect();
        plan(
            &spec,
            binds,
            &[],
            Path::new("/x/launcher"),
            Layer::Own,
            &["true".to_owned()],
        )
    }

    #[test]
    fn every_parent_of_a_bind_is_made_once_before_it_and_nothing_is_made_below_a_bind() {
        let plan = planned(&[
            (
                "/home/ada/.cargo/bin",
                "/home/ada/.cargo/bin",
                Access::ReadOnly,
            ),
            (
                "/home/ada/.rustup/toolchains",
                "/home/ada/.rustup/toolchains",
                Access::ReadOnly,
            ),
            ("/w", "/clone", Access::ReadWrite),
            ("/w/target", "/clone/target", Access::ReadOnly),
        ]);
        let at = |wanted: &Path| {
            let found = plan
                .steps
                .iter()
                .enumerate()
                .filter(|(_, step)| match step {
                    Step::Dir { path } => path == wanted,
                    Step::Bind { inside, .. } => inside == wanted,
                    Step::Symlink { .. }
                    | Step::File { .. }
                    | Step::Tmpfs { .. }
                    | Step::Proc
                    | Step::Dev => false,
                });
            found.map(|(at, _)| at).collect::<Vec<usize>>()
        };
        let root = at(Path::new("/home/ada"));
        assert_eq!(root.len(), 1);
        assert!(
            root < at(Path::new("/home/ada/.cargo"))
                && at(Path::new("/home/ada/.cargo")) < at(Path::new("/home/ada/.cargo/bin"))
        );
        assert_eq!(
            (
                at(Path::new("/clone")).len(),
                at(Path::new("/clone/target")).len()
            ),
            (1, 1)
        );
    }

    #[test]
    fn only_writable_binds_tmp_and_shared_memory_are_writable() {
        let plan = planned(&[
            ("/a", "/ro", Access::ReadOnly),
            ("/b", "/rw", Access::ReadWrite),
        ]);
        assert_eq!(
            plan.writable,
            ["/tmp", "/dev/shm", "/rw"].map(PathBuf::from)
        );
    }

    #[test]
    fn the_path_is_ours_and_home_cannot_forge_a_user() {
        let plan = planned(&[]);
        let paths: Vec<_> = plan.env.iter().filter(|(name, _)| name == "PATH").collect();
        assert_eq!(paths, [&("PATH".to_owned(), "/usr/bin".to_owned())]);
        let passwd = plan.steps.iter().find_map(|step| match step {
            Step::File { path, text } if path == Path::new("/etc/passwd") => Some(text.as_str()),
            Step::Dir { .. } | Step::Symlink { .. } | Step::File { .. } | Step::Bind { .. } => None,
            Step::Tmpfs { .. } | Step::Proc | Step::Dev => None,
        });
        assert!(passwd.is_some_and(|text| text.contains("agent:x:64001:64001:agent:/tmp:/bin/sh")));
    }

    #[test]
    fn what_is_large_closed_or_no_text_is_not_copied() {
        let dir = tempfile::tempdir().unwrap();
        let add = |name: &str| {
            let mut copied = Copied::default();
            copied.add(&dir.path().join(name)).then_some(copied.steps)
        };
        let write = |name: &str, content: &[u8], mode: u32| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        write("small/a", b"text", 0o644);
        std::os::unix::fs::symlink("a", dir.path().join("small/b")).unwrap();
        write("closed/a", b"text", 0o644);
        write("closed/secret", b"text", 0o640);
        write("cache", b"\xff\xfe", 0o644);
        write("large", &[b'a'; 40 << 10], 0o644);
        assert_eq!(add("small").expect("copied").len(), 3);
        for name in ["closed", "cache", "large", "missing"] {
            assert_eq!(add(name), None, "{name}");
        }
    }
}
