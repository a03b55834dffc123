//! A person's editor on one of his files, with his terminal.

use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};

/// Starts the editor as a person would, in a shell, since its name may come with options (git-var(1), `GIT_EDITOR`), and waits for its end. It
/// has the terminal, and is no program of a repository's: it comes from the person's own environment.
///
/// # Errors
/// When no shell can be started.
pub fn edit(editor: &str, file: &Path) -> io::Result<ExitStatus> {
    Command::new("sh")
        .args(["-c", &format!("{editor} \"$@\""), "editor"])
        .arg(file)
        .status()
}
