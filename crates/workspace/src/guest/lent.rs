//! The socket by which a guest asks for what its run lends it. It is in no folder that the guest can write, and what answers it is ours,
//! outside.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::cage;
use crate::files::{self, Scratch};

/// Where its folder is inside.
pub(super) const INSIDE_LENT: &str = "/agent/lent";
/// Where the socket is inside.
pub const INSIDE_SOCKET: &str = "/agent/lent/socket";
const SOCKET: &str = "socket";

/// A socket that one guest may connect to, until it is dropped.
#[derive(Debug)]
pub struct LentSocket {
    folder: Scratch,
}

impl LentSocket {
    /// Makes one, and listens.
    ///
    /// # Errors
    /// In words.
    pub fn listen() -> Result<(LentSocket, UnixListener), String> {
        // Not in the run's folder: the path of a Unix socket has room for a hundred bytes only.
        let folder = files::scratch().map_err(|error| error.to_string())?;
        let told = |error: std::io::Error| format!("the socket of what is lent: {error}");
        let at = folder.path().join(SOCKET);
        let listener = UnixListener::bind(&at).map_err(told)?;
        // Connecting asks for write permission on it, and as root the cage's user has none before it owns both. The folder is closed to
        // everybody else.
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o600)).map_err(told)?;
        files::give_to(folder.path(), cage::agent_ids()).map_err(|error| error.to_string())?;
        Ok((LentSocket { folder }, listener))
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
