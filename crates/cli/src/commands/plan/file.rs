//! A plan as a file: printed, read, or opened in a person's editor until it can be carried out.

use std::io::{IsTerminal, Read};
use std::path::Path;

use alai_core::plan::{FILE_BYTES_MAX, Outlook, Plan};
use alai_core::task::Priority;
use alai_factory::{Config, ForGoal, Home, Packs, outlook, read_plan};
use alai_mission::{Project, Reader};
use alai_workspace::editor;
use serde::Serialize;

use crate::error::{CliError, Kind};
use crate::{door, show};

/// What begins the line that says what is wrong; it stands above the file, and goes when the file is right.
const WRONG: &str = "# wrong: ";
/// The form that `--json` prints.
const SCHEMA_VERSION: u32 = 1;

/// What plans of a project are judged by.
pub(crate) struct Desk {
    packs: Packs,
    config: Config,
    reader: Reader,
    pub(crate) project: Project,
    priority: Priority,
    tags: Vec<String>,
}

/// What came of a person's editor.
pub(crate) enum Edited {
    As(Plan),
    /// Nothing is to be begun, and why.
    CalledOff(CliError),
}

#[derive(Serialize)]
struct Printed<'a> {
    schema_version: u32,
    #[serde(flatten)]
    outlook: Outlook,
    #[serde(flatten)]
    plan: &'a Plan,
}

impl Desk {
    /// For a goal with this priority and these tags.
    pub(crate) fn new(
        home: &Home,
        project: Project,
        priority: Priority,
        tags: Vec<String>,
    ) -> Result<Desk, CliError> {
        Ok(Desk {
            packs: door::packs(home)?,
            config: door::config(home)?,
            reader: door::reader(home)?,
            project,
            priority,
            tags,
        })
    }

    /// The plan on standard output, with what it comes to.
    pub(crate) fn print(&self, plan: &Plan, json: bool) -> Result<(), CliError> {
        let outlook = self.outlook(plan)?;
        if json {
            return show::json(&Printed {
                schema_version: SCHEMA_VERSION,
                outlook,
                plan,
            });
        }
        // As it is, so that it can be read again: a plan's text has no control characters outside of quotes.
        show::line(plan.write(&outlook).trim_end());
        Ok(())
    }

    /// What it comes to, all of it and each task.
    fn outlook(&self, plan: &Plan) -> Result<Outlook, CliError> {
        let goal = ForGoal {
            project: &self.project,
            priority: self.priority,
            tags: &self.tags,
        };
        Ok(outlook(plan, goal, &self.reader, &self.config)?)
    }

    pub(crate) fn read(&self, path: &Path) -> Result<Plan, CliError> {
        let shown = path.display();
        let text = match path.as_os_str() == "-" {
            true => bounded(std::io::stdin().lock()),
            false => std::fs::File::open(path).and_then(bounded),
        };
        let text = text.map_err(|e| {
            CliError::new(Kind::NotFound, format!("cannot read the plan {shown}: {e}"))
        })?;
        read_plan(&text, &self.packs, &self.project).map_err(|e| {
            let message = show::clean(&format!("the plan {shown} cannot be carried out: {e}"));
            CliError::new(Kind::Usage, message)
                .hinted("`alai start \"GOAL\" --project PATH --dry-run` prints one that can")
        })
    }

    /// As `git commit` does with a message: the editor has the file until it can be used; an editor that fails or a file without anything in it
    /// calls it off. A file that comes back as it was refused is kept.
    pub(crate) fn edit(&self, plan: &Plan) -> Result<Edited, CliError> {
        let editor = match editor() {
            Ok(editor) => editor,
            Err(none) => return Ok(Edited::CalledOff(none)),
        };
        let failed = |what: &str, e: &dyn std::fmt::Display| {
            CliError::new(Kind::Failed, format!("cannot {what} the plan: {e}"))
        };
        let file = tempfile::Builder::new()
            .prefix("alai-plan-")
            .suffix(".yaml")
            .tempfile()
            .map_err(|e| failed("write", &e))?;
        let mut text = plan.write(&self.outlook(plan)?);
        // Ctrl-C in the editor is the editor's.
        door::take_signals()?;
        loop {
            // Some editors put another file in its place: it is written and read by its name.
            std::fs::write(file.path(), &text).map_err(|e| failed("write", &e))?;
            let ended = editor::edit(&editor, file.path()).map_err(|e| failed("edit", &e))?;
            if !ended.success() {
                let editor = show::clean(&editor);
                let message = format!("the editor `{editor}` ended with {ended}");
                return Ok(Edited::CalledOff(CliError::new(Kind::Failed, message)));
            }
            let back = std::fs::File::open(file.path()).and_then(bounded);
            let back = back.map_err(|e| failed("read", &e))?;
            if is_empty(&back) {
                let empty = CliError::new(Kind::Failed, "the plan is empty");
                return Ok(Edited::CalledOff(empty));
            }
            let wrong = match read_plan(&back, &self.packs, &self.project) {
                Ok(plan) => return Ok(Edited::As(plan)),
                Err(e) => show::clean(&e.to_string()),
            };
            let message = format!("the plan cannot be carried out: {wrong}");
            let again = marked(&back, &wrong);
            if again == text {
                std::fs::write(file.path(), &again).map_err(|e| failed("write", &e))?;
                let (_, kept) = file.keep().map_err(|e| failed("keep", &e))?;
                let error = CliError::new(Kind::Usage, message).hinted(format!(
                    "it came back as it was; it is kept as {}, and `--plan FILE` takes it when it is right",
                    kept.display()
                ));
                return Ok(Edited::CalledOff(error));
            }
            show::message(&message);
            text = again;
        }
    }
}

/// The person's editor, looked for as git does.
fn editor() -> Result<String, CliError> {
    let named = ["VISUAL", "EDITOR"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|editor| !editor.trim().is_empty());
    match named {
        Some(editor) => Ok(editor),
        None if std::io::stdin().is_terminal() => Ok("vi".to_owned()),
        None => {
            let message = "there is no terminal to edit the plan on, and neither VISUAL nor EDITOR names an editor";
            Err(CliError::new(Kind::NeedsSetup, message)
                .hinted("`--dry-run` prints a plan, and `--plan FILE` takes it back"))
        }
    }
}

/// One byte more than fits shows that it does not.
fn bounded(from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    from.take(FILE_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}

fn is_empty(text: &str) -> bool {
    text.lines()
        .all(|line| line.trim().is_empty() || line.starts_with('#'))
}

/// The file with what is wrong above it, in the place of what was wrong before.
fn marked(text: &str, wrong: &str) -> String {
    let wrong = wrong.split_whitespace().collect::<Vec<_>>().join(" ");
    let rest = match text.starts_with(WRONG) {
        true => text.split_once('\n').map_or("", |(_, rest)| rest),
        false => text,
    };
    format!("{WRONG}{wrong}\n{rest}")
}
