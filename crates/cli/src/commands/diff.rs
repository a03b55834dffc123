//! `alai diff`: what an approval would move.

use std::process::ExitCode;

use alai_factory::Home;
use alai_factory::diff::{self, Stage, WouldMove};
use alai_workspace::git::{ChangeStatus, FileChange};
use serde_json::json;

use crate::args::DiffArgs;
use crate::error::CliError;
use crate::{door, show};

pub(crate) fn run(home: &Home, args: &DiffArgs) -> Result<ExitCode, CliError> {
    let reader = door::reader(home)?;
    let moved = diff::of(&reader, args.task)?;
    match args.json {
        true => show::json(&object(&moved, args.stat))?,
        false => print(&moved, args.stat),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(moved: &WouldMove, stat: bool) {
    if moved.commits.is_empty() {
        show::line(format!("{} has all of {}", moved.target, moved.to.short()));
        return;
    }
    show::line(format!(
        "{} {} -> {}: {} commit(s), {} file(s)",
        show::clean(&moved.target),
        moved.from.short(),
        moved.to.short(),
        moved.commits.len(),
        moved.diff.files.len()
    ));
    for commit in &moved.commits {
        show::line(format!(
            "commit   {} {} ({})",
            commit.oid.short(),
            show::clean(&commit.subject),
            show::clean(&commit.author)
        ));
    }
    for file in &moved.diff.files {
        show::line(format!("file     {}", show::clean(&file_line(file))));
    }
    if !stat {
        show::line("");
        show::line(show::clean(&moved.diff.patch));
        if moved.diff.truncated {
            show::message("the patch is longer than what is shown; `--stat` names every file");
        }
    }
    show::message(&match moved.stage {
        Stage::Merged => format!("`alai mc approve {}` moves it", moved.by.0),
        Stage::Unmerged => format!(
            "it is not merged yet, so no approval moves it; `alai why {}`",
            moved.by.0
        ),
    });
}

fn word(status: &ChangeStatus) -> &'static str {
    match status {
        ChangeStatus::Added => "added",
        ChangeStatus::Modified => "modified",
        ChangeStatus::Deleted => "deleted",
        ChangeStatus::Renamed { .. } => "renamed",
        ChangeStatus::TypeChanged => "type_changed",
    }
}

fn file_line(file: &FileChange) -> String {
    let from = match &file.status {
        ChangeStatus::Renamed { from } => format!(" from {from}"),
        ChangeStatus::Added
        | ChangeStatus::Modified
        | ChangeStatus::Deleted
        | ChangeStatus::TypeChanged => String::new(),
    };
    let lines = match file.binary {
        true => "binary".to_owned(),
        false => format!("+{} -{}", file.added_lines, file.removed_lines),
    };
    format!("{} {}{from} ({lines})", word(&file.status), file.path)
}

fn object(moved: &WouldMove, stat: bool) -> serde_json::Value {
    let commits = moved.commits.iter().map(
        |commit| json!({"commit": commit.oid, "subject": commit.subject, "author": commit.author}),
    );
    let files = moved.diff.files.iter().map(|file| {
        json!({
            "path": file.path, "status": word(&file.status), "added_lines": file.added_lines,
            "removed_lines": file.removed_lines, "binary": file.binary,
        })
    });
    let mut object = json!({
        "by": moved.by, "target": moved.target, "from": moved.from, "to": moved.to,
        "merged": moved.stage == Stage::Merged,
        "commits": commits.collect::<Vec<_>>(), "files": files.collect::<Vec<_>>(),
    });
    if !stat {
        object["patch"] = moved.diff.patch.clone().into();
        object["truncated"] = moved.diff.truncated.into();
    }
    object
}
