//! What a caller asks of a cage: plain values, serialisable, without any reading of the machine.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::sys;

/// The user and group that caged programs run as when we are root.
///
/// A number of its own, outside the ranges that Debian and Fedora give to people and services (1000 to 59999) and below
/// `nobody` (65534), which other programs use too: two strangers under one number could signal each other and read each
/// other's memory. No account is needed; the cage shows its own `passwd`.
pub const AGENT_ID: u32 = 64_001;

/// The user and group to give [`CageSpec::uid`] when we are root; `None` when we are not, and the cage keeps our own.
///
/// Whoever prepares a writable bind as root must give it to these ids.
pub fn agent_ids() -> Option<(u32, u32)> {
    (sys::ids().0 == 0).then_some((AGENT_ID, AGENT_ID))
}

/// What a caged program may do below a bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    ReadOnly,
    ReadWrite,
}

/// One file or folder of the host, shown inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// Absolute path on the host. Symbolic links are resolved, except below a writable bind, where they are refused: there
    /// they may be the agent's.
    pub outside: PathBuf,
    /// Absolute path in the cage.
    pub inside: PathBuf,
    pub access: Access,
}

/// What a caged program can reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// A network namespace of its own, with nothing in it but `lo`, up.
    Loopback,
    /// The same, and one port on it that leads to a socket of the host: the egress proxy of a set-up step.
    LoopbackAnd(UnixSocketForward),
}

/// Connections to `127.0.0.1:inside_port` in the cage arrive at `outside_socket` on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnixSocketForward {
    /// A listening stream socket that the cage's user may connect to. When we are root, the cage gives it to that user.
    pub outside_socket: PathBuf,
    /// 1024 or above: the forwarder is as unprivileged as the program.
    pub inside_port: u16,
}

/// What a caged program may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall-clock seconds, from outside in [`crate::cage::run`] and from inside, to a quarter of a second, in both.
    pub wall_s: u64,
    /// Memory of all processes together, and private memory of each alone. The sum, to which shared memory and what is in
    /// `/tmp` and `/dev/shm` belong, is held by the kernel where we may make control groups, and in any case looked at four
    /// times a second; the cage is ended when it is larger. Each process is held by the kernel (RLIMIT_DATA). Address space
    /// is not limited: Node, Go and Java reserve far more of it than they use.
    pub memory_bytes: u64,
    /// Processes and threads of the user inside (RLIMIT_NPROC). Counted per cage where a user namespace can be made, else
    /// over all cages of the machine.
    pub processes_max: u64,
    /// Size of one file (RLIMIT_FSIZE).
    pub file_bytes_max: u64,
    /// What all writable binds together may hold of files that the cage made or changed, in bytes on disk. Looked at four
    /// times a second; the cage is ended when it is more. What it deletes again does not count.
    pub disk_bytes_max: u64,
    /// The same in files and folders, of which a file system holds a limited number, too.
    pub disk_files_max: u64,
    /// Open descriptors of each process (RLIMIT_NOFILE).
    pub open_files_max: u64,
    /// Standard output and error together; beyond it the program is ended. Enforced by [`crate::cage::run`].
    pub output_bytes_max: u64,
    /// Bytes kept of each stream: all of it up to here, else its head and its tail.
    pub output_kept: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // A test suite that needs more than ten minutes is declared by its project.
            wall_s: 600,
            // Sixteen rustc at a time, or a few browsers under test.
            memory_bytes: 16 << 30,
            // `cargo test` on 64 cores, with as many threads per test binary.
            processes_max: 4_096,
            // Larger than any link result seen; stops a runaway log before the disk is full.
            file_bytes_max: 8 << 30,
            // A cold build of a large Rust or C++ workspace, with what it fetched, takes 20 GB.
            disk_bytes_max: 32 << 30,
            // The dependencies of a large JavaScript monorepo are half a million files.
            disk_files_max: 2_000_000,
            // What Debian gives to services.
            open_files_max: 16_384,
            // A verbose test run prints a few megabytes.
            output_bytes_max: 64 << 20,
            // What a person or a model can use of it.
            output_kept: 256 << 10,
        }
    }
}

/// A cage, as the caller wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CageSpec {
    pub binds: Vec<Bind>,
    /// Working directory, a path inside.
    pub cwd: PathBuf,
    /// The whole environment, besides `PATH`.
    pub env: Vec<(String, String)>,
    pub network: Network,
    pub limits: Limits,
    /// User and group inside: [`agent_ids`]. `None` keeps ours, and is refused when we are root.
    pub uid: Option<(u32, u32)>,
    /// Bound read-only whatever their access says: see [`crate::toolchains::toolchains`].
    pub toolchains: Vec<Bind>,
    /// `PATH` inside.
    pub path: String,
}

/// What makes the namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The program `bwrap` of the package bubblewrap, 0.8 or later.
    Bwrap,
    /// `unshare`, mounts and `pivot_root` by our own launcher.
    Own,
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Layer::Bwrap => "bwrap",
            Layer::Own => "own namespaces",
        })
    }
}
