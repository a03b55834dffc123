//! `uses: scaffold`: files of templates and a patch, all of them or none, by the same hand and within the same paths as an
//! agent's writes. No model is asked; what a model said before may stand in a text or a path, and is believed nothing.

use alai_core::blueprint::{
    PATH_BYTES_MAX, SCAFFOLD_BYTES_MAX, ScaffoldFile, Status, Step, Template,
};
use serde_json::Map;

use super::{Next, course, kept};
use crate::hand::{HandError, RefusalKind};
use crate::patch::{self, Change};
use crate::report::ExitStatus;
use crate::scope::clean;
use crate::text::cut;
use crate::walk::{Walk, lost};

/// Bytes of a file at the base that are asked for: only whether it is there counts.
const LOOK_BYTES: usize = 1;

pub(super) fn scaffold(
    walk: &mut Walk<'_>,
    step: &Step,
    files: &[ScaffoldFile],
    text: Option<&str>,
    overwrite: bool,
) -> Result<Next, ExitStatus> {
    if !walk.writes() {
        let why = "a run that judges writes nothing; take the scaffold out of its blueprint";
        return Err(unwalkable(step, why.into()));
    }
    let mut changes = Vec::new();
    let mut patched = Vec::new();
    let mut lines = Vec::new();
    // What a model said has any length, and all files go to the hand in one request.
    let mut room = SCAFFOLD_BYTES_MAX;
    for file in files {
        let fill = |template: &Template, bytes_max: usize| {
            let filled = template.fill(&walk.course.results, bytes_max);
            filled.map_err(|why| unwalkable(step, why))
        };
        let path = fill(&file.path, PATH_BYTES_MAX)?;
        if !plain_path(&path) || !walk.scope.allows(&path) {
            return Err(match file.path.settled() {
                Some(_) => misplaced(walk, step, &path),
                None => outside(cut(&path, 200).escape_debug().to_string()),
            });
        }
        let content = fill(&file.content, room)?;
        room -= content.len();
        match overwrite || !there(walk, step, &path)? {
            true => changes.push(Change::Add { path, content }),
            false => lines.push(format!(
                "kept {path}, which earlier work of this task has made"
            )),
        }
    }
    if let Some(text) = text {
        patched = patch::parse(text).map_err(|why| unwalkable(step, why))?;
        let mut paths = patched.iter().flat_map(Change::paths);
        if let Some(path) = paths.find(|path| !walk.scope.allows(path)) {
            return Err(misplaced(walk, step, path));
        }
    }
    // Where the patch may have been done before, it is for itself: what it no longer finds must not keep a file back.
    if walk.is_rework() || walk.course.results.contains_key(&step.id) {
        lines.extend(write(walk, step, &changes, overwrite).map_err(|e| e.status(step))?);
        lines.extend(match write(walk, step, &patched, overwrite) {
            Err(Unwritten::NotFound(why)) => vec![format!("left out, earlier work has it: {why}")],
            written => written.map_err(|e| e.status(step))?,
        });
    } else {
        changes.append(&mut patched);
        lines.extend(write(walk, step, &changes, overwrite).map_err(|e| e.status(step))?);
    }
    kept(walk, &step.id)?;
    course::outcome(walk, step, Status::Ok, &lines.join("\n"))?;
    Ok(Next::Forward(Map::new()))
}

/// One line that names a file below the root. What it leads to, the hand finds out.
fn plain_path(path: &str) -> bool {
    !path.trim().is_empty() && !path.ends_with('/') && !path.chars().any(char::is_control)
}

/// Whether a file is left as it is: earlier work of the same task has made it. One that the project had before is refused.
fn there(walk: &mut Walk<'_>, step: &Step, path: &str) -> Result<bool, ExitStatus> {
    match walk.hand.stat(path, walk.cancel) {
        Ok(_) => {}
        Err(HandError::Refused(refusal)) => {
            return match refusal.kind {
                RefusalKind::Missing => Ok(false),
                RefusalKind::Outside => Err(outside(cut(path, 200))),
                RefusalKind::NotAFile
                | RefusalKind::Binary
                | RefusalKind::TooLarge
                | RefusalKind::NoMatch
                | RefusalKind::Unread
                | RefusalKind::Syntax
                | RefusalKind::BadPattern
                | RefusalKind::System
                | RefusalKind::Git
                | RefusalKind::Unkillable
                | RefusalKind::Protocol => Err(unwalkable(step, refusal.message)),
            };
        }
        Err(error) => return Err(lost(error)),
    }
    let before = walk.brief.project.measured_from.clone();
    match walk.hand.show(&before, path, LOOK_BYTES, walk.cancel) {
        Ok((None, _)) => Ok(true),
        Ok((Some(_), _)) | Err(HandError::Refused(_)) => Err(unwalkable(
            step,
            format!("{path} exists; `overwrite: true` would write it anew"),
        )),
        Err(error) => Err(lost(error)),
    }
}

/// Why nothing was written.
enum Unwritten {
    /// What a change is for is not as it says: not there any more, or there already.
    NotFound(String),
    Ended(ExitStatus),
}

impl Unwritten {
    fn status(self, step: &Step) -> ExitStatus {
        match self {
            Unwritten::NotFound(why) => unwalkable(step, why),
            Unwritten::Ended(status) => status,
        }
    }
}

/// All changes or none.
fn write(
    walk: &mut Walk<'_>,
    step: &Step,
    changes: &[Change],
    overwrite: bool,
) -> Result<Vec<String>, Unwritten> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let bytes: u64 = changes.iter().map(|change| change.bytes() as u64).sum();
    if walk.bytes_written.saturating_add(bytes) > walk.brief.limits.bytes_written_max {
        return Err(Unwritten::Ended(ExitStatus::Stuck {
            rule: "bytes_written".into(),
        }));
    }
    let known = match overwrite {
        true => changes.iter().flat_map(Change::paths).map(clean).collect(),
        false => Vec::new(),
    };
    match walk.hand.patch(changes.to_vec(), known, walk.cancel) {
        Ok((note, written)) => {
            walk.bytes_written = walk.bytes_written.saturating_add(written);
            Ok(note.lines().map(str::to_owned).collect())
        }
        Err(HandError::Refused(refusal)) => match refusal.kind {
            RefusalKind::Outside => Err(Unwritten::Ended(outside(refusal.message))),
            RefusalKind::NoMatch | RefusalKind::Unread | RefusalKind::Missing => {
                Err(Unwritten::NotFound(refusal.message))
            }
            RefusalKind::NotAFile
            | RefusalKind::Binary
            | RefusalKind::TooLarge
            | RefusalKind::Syntax
            | RefusalKind::BadPattern
            | RefusalKind::System
            | RefusalKind::Git
            | RefusalKind::Unkillable
            | RefusalKind::Protocol => Err(Unwritten::Ended(unwalkable(step, refusal.message))),
        },
        Err(error) => Err(Unwritten::Ended(lost(error))),
    }
}

fn outside(path: String) -> ExitStatus {
    ExitStatus::ScopeViolation {
        detail: format!("a scaffold may not write {path}"),
    }
}

/// A path that stands in the blueprint itself: no agent can mend it, and every attempt would end here.
fn misplaced(walk: &Walk<'_>, step: &Step, path: &str) -> ExitStatus {
    let path = cut(path, 200);
    let place = match step.at.as_str() {
        "" => &walk.brief.blueprint.name,
        at => at,
    };
    let scope = match walk.scope.shown() {
        "" => "the repository",
        shown => shown,
    };
    let why = format!(
        "{place}: it writes {}, which lies outside of what its tasks may write ({})",
        path.escape_debug(),
        cut(scope, 500)
    );
    unwalkable(step, why)
}

fn unwalkable(step: &Step, why: String) -> ExitStatus {
    ExitStatus::Blueprint {
        detail: format!("step `{}`: {why}", step.id),
    }
}
