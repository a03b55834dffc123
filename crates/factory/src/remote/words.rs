//! What a pull request says: the goal, its tasks, what proves them. Titles and criteria were written by people and models; each stands as
//! code, so that none of it names a person, closes an issue or draws a picture.

use alai_core::pull::one_line;
use alai_core::safety::credential_in;
use alai_core::task::{Task, TaskKind};
use alai_mission::{MissionError, Published};

use super::Trouble;
use crate::beat::Factory;
use crate::{outbox, trust};

/// GitHub takes 256 letters.
pub(super) const TITLE_BYTES_MAX: usize = 200;
/// GitHub takes 65,536 letters.
const BODY_BYTES_MAX: usize = 60_000;
/// A goal's own words.
const DESCRIPTION_BYTES_MAX: usize = 4_000;

/// The text, or why nothing is proposed: what would show a secret is not sent.
pub(super) fn body(
    factory: &Factory,
    task: &Task,
    of: &Published,
) -> Result<Result<String, Trouble>, MissionError> {
    let mission = factory.mission();
    let mut text = format!("{}: {}\n", task.id, code(&task.title));
    if !task.description.trim().is_empty() {
        let words = alai_core::pull::quoted(&task.description);
        let words: String = words.chars().take(DESCRIPTION_BYTES_MAX).collect();
        text.push_str(&format!("\n{}\n", fenced(&words)));
    }
    text.push_str("\n| Task | | State | Trust | Evidence |\n|---|---|---|---|---|\n");
    for line in outbox::lines(mission, factory.home(), task, factory.now_ms())? {
        if line.task.kind == TaskKind::Goal {
            continue;
        }
        let run = mission.runs_of(line.task.id)?.pop().map(|run| run.id.0);
        let evidence = match (&line.evidence, run) {
            (Some(_), Some(run)) => format!("run {run}"),
            (_, _) => "none".to_owned(),
        };
        let level = line.trust.map_or("", |level| level.as_str());
        let row = format!(
            "| {} | {} | {} | {level} | {evidence} |\n",
            line.task.id,
            code(&line.task.title),
            line.shown
        );
        if text.len() + row.len() > BODY_BYTES_MAX {
            text.push_str("| … | (more than fits here) | | | |\n");
            break;
        }
        text.push_str(&row);
    }
    if let Some(standing) = trust::proven(mission, factory.home(), task)? {
        let level = standing.level.as_str();
        text.push_str(&format!("\nTrust: {level}, {}\n", code(&standing.because)));
    }
    text.push_str(&format!(
        "\nEach task passed its gate, its review and its audit, and was merged with green tests; what is merged and not yet on `{}` \
         from other goals is part of the branch. `alai evidence verify TASK` on the machine that built it checks the signed evidence, and \
         `alai evidence verify TASK --rerun` measures it again. Changes that are requested here, comments at lines and checks that fail \
         come back as tasks.\n",
        of.target
    ));
    Ok(match credential_in(&text) {
        Some(kind) => Err(format!(
            "the text of the pull request would show {kind}, and is not sent; take it out of the words of {} (`alai mc show {}`)",
            task.id, task.id.0
        )),
        None => Ok(text),
    })
}

/// A text of others as code in one line.
fn code(text: &str) -> String {
    let text = one_line(text, TITLE_BYTES_MAX).replace('`', "'");
    format!("`{}`", text.replace('|', "¦"))
}

/// The same for lines; no line of it can end the block.
fn fenced(text: &str) -> String {
    format!("~~~~~~text\n{}\n~~~~~~", text.replace("~~~~~~", "~~~~~"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_cannot_leave_its_code() {
        assert_eq!(
            code("Fix `x` | closes #1 @ada\nmore"),
            "`Fix 'x' ¦ closes #1 @ada more`"
        );
        assert!(!fenced("a\n~~~~~~\n# b").contains("\n~~~~~~\n#"));
    }
}
