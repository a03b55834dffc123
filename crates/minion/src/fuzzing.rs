//! The doors of the guided fuzz targets (`fuzz/`): any bytes, read by what the product reads them with. What must hold is asserted
//! where the ordinary fuzz tests assert it. Each panics when it does not.

use crate::edit;
use crate::engine::judge::doors;
use crate::mcp;
use crate::patch;

/// Output of `claude -p --output-format stream-json`.
pub fn claude(bytes: &[u8]) {
    doors::claude(bytes);
}

/// Output of `codex exec --json`.
pub fn codex(bytes: &[u8]) {
    doors::codex(bytes);
}

/// Output of an agent of the Agent Client Protocol.
pub fn acp(bytes: &[u8]) {
    doors::acp(bytes);
}

/// Messages of a server of the Model Context Protocol.
pub fn mcp(bytes: &[u8]) {
    mcp::judge::judge(bytes);
}

/// A file, a passage and what to put there, with a NUL between them.
pub fn edit(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\0');
    let (Some(file), Some(old), Some(new)) = (parts.next(), parts.next(), parts.next()) else {
        return;
    };
    edit::judge::judge(file, old, new, false);
    edit::judge::judge(file, old, new, true);
}

/// A file and a patch of it, with a NUL between them.
pub fn patch(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some((file, text)) = text.split_once('\0') {
        patch::judge::judge(file, text);
    }
}
