//! The cage: starts a program of an agent or a repository such that it can write nowhere outside, reaches no network but its
//! own loopback, sees no outer process or secret, and ends with everything that it started. Or refuses, with the reason.
//!
//! Three stages, of which the launcher (our own executable, see [`set_launcher`]) runs the last two:
//!
//! 1. [`run`] and [`spawn`] turn a [`CageSpec`] into a list of mounts and start a *layer*: `bwrap`, or our own `unshare`.
//! 2. The layer makes new mount, pid, network, ipc and uts namespaces (as a normal user, a user namespace too) and a minimal root.
//! 3. Pid 1 of the new pid namespace gives up its user and capabilities, adds Landlock and seccomp, starts the program, reaps,
//!    and exits when the program ends or when our end of its control socket closes. The kernel then ends everything else in it.
//!
//! The order is forced: namespaces cannot be made below Landlock or seccomp. Pid 1 is as unprivileged as the program itself.
//!
//! Two things end a cage whose owner is gone. The closing of the control socket always does. The parent-death signal is the
//! second, and not enough alone: a `bwrap` that root started holds no capability any more with which it could signal pid 1
//! after that has become another user (measured with 0.8 on Linux 6.18).
//!
//! What a cage does not promise: what a whole cage uses of memory (where there is no control group) and of its writable binds is
//! looked at four times a second and can be passed in between; `chmod` and timestamps inside writable binds are free; a socket
//! that lies inside a bound folder can be connected to.

mod bwrap;
mod cgroup;
mod disk;
mod error;
mod forward;
mod held;
mod inner;
mod known;
mod landlock;
mod launcher;
mod memory;
mod off;
mod orphans;
mod own;
mod plan;
mod probe;
mod resolve;
mod run;
mod scope;
pub mod seatbelt;
mod seccomp;
mod spec;
mod standing;
mod text;

pub use error::CageError;
pub use known::set_known;
pub use launcher::{OwnProgram, entry, set_launcher};
pub use off::{RunUser, end_user, spawn_off, take_user};
pub use orphans::end_orphans;
pub use plan::LAUNCHER_INSIDE;
pub use probe::{Layers, probe, probe_anew, probe_layer};
pub use run::{Caged, run, run_in, spawn, spawn_in, spawn_with};
pub use scope::{Scope, Scoped, binds_ahead, builder_binds};
pub use spec::{
    AGENT_ID, Access, Bind, CageSpec, Layer, Limits, Network, UnixSocketForward, agent_ids,
};
pub use standing::{Standing, spawn_by, stand, stand_in};
pub use text::Text;
