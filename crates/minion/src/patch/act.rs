//! Lets the hand do one change of a patch.

use alai_core::record::Exit;

use super::{Change, Hunk, apply};
use crate::hand::{HandError, Refusal, RefusalKind};
use crate::scope::clean;
use crate::walk::Walk;

/// A file the hand shows whole. Longer ones are changed hunk by hunk.
const WHOLE_BYTES_MAX: usize = 16 << 10;
/// Seconds in which a file is removed.
const REMOVE_S_MAX: u64 = 20;

/// Does one change; gives a note for the agent and the bytes put on disk.
///
/// # Errors
/// As every act of the hand; a hunk without a place is a refusal.
pub(crate) fn act(walk: &mut Walk<'_>, change: &Change) -> Result<(String, u64), HandError> {
    match change {
        Change::Add { path, content } => {
            let replace = walk.known.contains(&clean(path));
            walk.hand.write(path, content, replace, walk.cancel)
        }
        Change::Delete { path } => remove(walk, path).map(|note| (note, 0)),
        Change::Update { path, to, hunks } => {
            let (text, more) = walk.hand.head(path, WHOLE_BYTES_MAX, walk.cancel)?;
            match to {
                None if more => one_by_one(walk, path, hunks),
                None => {
                    let text = changed(path, &text, hunks)?;
                    let (_, bytes) = walk.hand.write(path, &text, true, walk.cancel)?;
                    Ok((format!("patched {path} ({} hunks)", hunks.len()), bytes))
                }
                Some(_) if more => Err(refused(format!(
                    "{path} is too large to be moved by a patch; use `run` (git mv)"
                ))),
                Some(to) => {
                    let text = changed(path, &text, hunks)?;
                    let (_, bytes) = walk.hand.write(to, &text, false, walk.cancel)?;
                    remove(walk, path)?;
                    walk.known.insert(clean(to));
                    Ok((format!("moved {path} to {to}"), bytes))
                }
            }
        }
    }
}

fn changed(path: &str, text: &str, hunks: &[Hunk]) -> Result<String, HandError> {
    // What is shown in place of bytes that are no UTF-8 must not be written back.
    if text.contains('\u{fffd}') {
        return Err(refused(format!(
            "{path} is not valid UTF-8; change it with `run` (sed, iconv)"
        )));
    }
    apply(text, hunks).map_err(|why| refused(format!("nothing was changed in {path}: {why}")))
}

/// Each hunk as an edit of its own, which the hand finds by the same levels.
fn one_by_one(walk: &mut Walk<'_>, path: &str, hunks: &[Hunk]) -> Result<(String, u64), HandError> {
    let mut written = 0;
    for (index, hunk) in hunks.iter().enumerate() {
        match walk
            .hand
            .edit(path, &hunk.old, &hunk.new, false, walk.cancel)
        {
            Ok((_, bytes)) => written += bytes,
            Err(HandError::Refused(refusal)) => {
                let before = match index {
                    0 => String::new(),
                    count => format!(" The {count} before it are applied: do not send them again."),
                };
                return Err(HandError::Refused(Refusal {
                    message: format!("hunk {}: {}{before}", index + 1, refusal.message),
                    ..refusal
                }));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((format!("patched {path} ({} hunks)", hunks.len()), written))
}

fn remove(walk: &mut Walk<'_>, path: &str) -> Result<String, HandError> {
    // The hand says what is wrong with a path before a shell sees it.
    walk.hand.stat(path, walk.cancel)?;
    let path = clean(path);
    if path
        .split('/')
        .any(|part| part.eq_ignore_ascii_case(".git"))
    {
        return Err(HandError::Refused(Refusal {
            kind: RefusalKind::Outside,
            message: format!("{path} belongs to git; change files of the project only"),
        }));
    }
    let command = format!("rm -f -- './{}'", path.replace('\'', r"'\''"));
    let (captured, _) = walk.hand.run(&command, REMOVE_S_MAX, walk.cancel)?;
    let exit = captured.record.exit;
    if exit == (Exit::Code { code: 0 }) {
        Ok(format!("deleted {path}"))
    } else {
        Err(refused(format!("{path} was not deleted: {exit}")))
    }
}

fn refused(message: String) -> HandError {
    HandError::Refused(Refusal {
        kind: RefusalKind::NoMatch,
        message,
    })
}
