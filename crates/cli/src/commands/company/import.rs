//! `alai company import`: shows what would change, asks, then does it.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::Path;

use alai_core::parcel::{Act, Change};
use alai_factory::exchange::{self, ARCHIVE_BYTES_MAX, Coming, FileChange};
use alai_factory::{Home, Models};
use serde::Serialize;

use crate::args::CompanyImportArgs;
use crate::error::{CliError, Kind};
use crate::{door, show};

#[derive(Serialize)]
struct Told<'a> {
    name: &'a str,
    version: &'a str,
    was: Option<&'a str>,
    changes: &'a [FileChange],
    acts: &'a [Act],
    placeholders: &'a [String],
    imported: bool,
}

pub(super) fn import(home: &Home, args: &CompanyImportArgs) -> Result<(), CliError> {
    door::needs_home(home)?;
    let archive = read(&args.file)?;
    let parcel = exchange::unpack(&archive).map_err(super::exchange)?;
    let models = Models::new(&door::config(home)?)?;
    let coming = exchange::weigh(home, &models, parcel, args.name.as_deref());
    let coming = coming.map_err(super::exchange)?;
    if !args.json {
        print(&coming);
    }
    let wanted = !args.dry_run && !coming.changes.is_empty();
    if wanted {
        may_act(&coming, args.allow_commands)?;
        agreed(&coming, args)?;
        exchange::bring_in(home, &coming).map_err(super::exchange)?;
    }
    if args.json {
        return show::json(&Told {
            name: &coming.name,
            version: &coming.version,
            was: coming.was.as_deref(),
            changes: &coming.changes,
            acts: &coming.acts,
            placeholders: &coming.placeholders,
            imported: wanted,
        });
    }
    if wanted {
        show::line(format!("imported  {} {}", coming.name, coming.version));
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |e: std::io::Error| super::file("read", path, &e);
    let found = std::fs::metadata(path).map_err(failed)?;
    // A pipe has no end that could be known before, and a device none at all.
    if !found.is_file() || found.len() > ARCHIVE_BYTES_MAX {
        let message = format!(
            "{} is no archive of a company: a plain file of at most {ARCHIVE_BYTES_MAX} bytes is",
            path.display()
        );
        return Err(CliError::new(Kind::Usage, message));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bounded = file.take(ARCHIVE_BYTES_MAX);
    bounded.read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn print(coming: &Coming) {
    let was = match &coming.was {
        Some(was) => format!("{was} is here"),
        None => "new here".to_owned(),
    };
    show::line(show::clean(&format!(
        "{} {} ({was})",
        coming.name, coming.version
    )));
    if coming.changes.is_empty() {
        show::line("nothing changes");
    }
    for FileChange {
        path,
        change,
        bytes,
        diff,
    } in &coming.changes
    {
        let size = match change {
            Change::New | Change::Changed => format!("  ({bytes} bytes)"),
            Change::Removed => String::new(),
        };
        show::line(show::clean(&format!("{:<8} {path}{size}", change.as_str())));
        for line in diff.iter().flat_map(|diff| diff.lines()) {
            show::line(show::clean(&format!("    {line}")));
        }
    }
    if !coming.acts.is_empty() {
        show::line("can act:");
    }
    for act in &coming.acts {
        // One line each, however many its text has.
        let what = act.what.replace(['\n', '\t'], " ");
        let line = format!("  {:<19} {}: {what}", act.kind.as_str(), act.file);
        show::line(show::clean(&line));
    }
    for name in &coming.placeholders {
        show::line(show::clean(&format!("wants a value: {name}")));
    }
}

fn may_act(coming: &Coming, allowed: bool) -> Result<(), CliError> {
    let acting: Vec<&Act> = coming
        .acts
        .iter()
        .filter(|act| act.kind.needs_leave())
        .collect();
    let Some(first) = acting.first().filter(|_| !allowed) else {
        return Ok(());
    };
    let message = format!(
        "{} brings what runs programs ({} of them), the first in {}: {}",
        coming.name,
        acting.len(),
        first.file,
        first.what.replace(['\n', '\t'], " ")
    );
    Err(CliError::new(Kind::Failed, show::clean(&message))
        .hinted("read them under `can act`; `--allow-commands` takes them in"))
}

fn agreed(coming: &Coming, args: &CompanyImportArgs) -> Result<(), CliError> {
    if args.yes {
        return Ok(());
    }
    let input = std::io::stdin();
    if args.json || !input.is_terminal() {
        let message = "nobody is here to be asked whether it may come in";
        return Err(CliError::new(Kind::Usage, message)
            .hinted("`--yes` takes it in, `--dry-run` only shows what would change"));
    }
    match asked(&coming.name, &mut input.lock(), &mut std::io::stderr()) {
        true => Ok(()),
        false => Err(CliError::new(
            Kind::Failed,
            "nothing was changed: it was not wanted",
        )),
    }
}

/// Only a written yes is one: the end of the input and whatever else is typed are none.
fn asked(name: &str, input: &mut impl BufRead, out: &mut impl Write) -> bool {
    let mut said = String::new();
    let heard = write!(out, "take {name} in? [y/N] ")
        .and_then(|()| out.flush())
        .and_then(|()| input.take(16).read_line(&mut said));
    heard.is_ok() && matches!(said.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::asked;

    #[test]
    fn only_a_written_yes_is_one() {
        for (typed, want) in [
            ("y\n", true),
            ("YES\n", true),
            ("\n", false),
            ("", false),
            ("no\n", false),
            ("yes, but later\n", false),
        ] {
            let mut out = Vec::new();
            assert_eq!(
                asked("Acme", &mut typed.as_bytes(), &mut out),
                want,
                "{typed:?}"
            );
            assert_eq!(out, b"take Acme in? [y/N] ");
        }
    }
}
