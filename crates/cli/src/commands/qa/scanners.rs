//! `alai qa scanners`: which scanners and built-in linters the gate would find on this machine, and what installs those that it would not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alai_core::qa::scanners::{SCANNERS, TOOLS, WITHOUT};
use alai_workspace::command;
use alai_workspace::toolchains::toolchains;
use serde::Serialize;

use crate::error::CliError;
use crate::show;

/// A tool that does not say its version by then is told without one.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    /// The number of the check that runs it.
    check: u32,
    reads: &'static str,
    /// Where a cage would find it; none: it is missing.
    path: Option<PathBuf>,
    version: Option<String>,
    /// The version whose output was recorded and is tested; none where any is taken.
    pinned: Option<&'static str>,
    licence: Option<&'static str>,
    install: &'static str,
}

#[derive(Debug, Serialize)]
struct Without {
    language: &'static str,
    why: &'static str,
}

#[derive(Debug, Serialize)]
struct Report {
    scanners: Vec<Line>,
    /// Languages that no scanner was chosen for.
    without: Vec<Without>,
}

pub(super) fn run(json: bool) -> Result<(), CliError> {
    let report = report();
    if json {
        return show::json(&report);
    }
    for line in &report.scanners {
        let state = match (&line.path, line.pinned, line.version.as_deref()) {
            (None, _, _) => "missing".to_owned(),
            (Some(_), Some(pinned), Some(version)) if version != pinned => {
                format!("{version}, tested with {pinned}")
            }
            (Some(_), _, Some(version)) => version.to_owned(),
            (Some(_), _, None) => "found".to_owned(),
        };
        let state = show::clean(&state);
        show::line(format!("check {} {:<18} {state}", line.check, line.name));
        show::line(format!("         reads    {}", line.reads));
        match &line.path {
            Some(path) => show::line(format!("         at       {}", path.display())),
            None => show::line(format!("         install  {}", line.install)),
        }
    }
    for without in &report.without {
        show::line(format!("none     {}: {}", without.language, without.why));
    }
    Ok(())
}

/// As a cage would see them: by its own `PATH`.
fn report() -> Report {
    let host: BTreeMap<String, String> = std::env::vars().collect();
    let path = toolchains(&host).path;
    let scanners = SCANNERS.iter().map(|scanner| {
        let at = found(&path, scanner.name).filter(|at| has_beside(at, scanner.beside));
        let [_, option] = scanner.version_argv();
        let said = at.as_deref().and_then(|at| said(at, &[option], &path));
        Line {
            name: scanner.name,
            check: 12,
            reads: scanner.reads,
            version: said.and_then(|said| scanner.version(&said)),
            path: at,
            pinned: Some(scanner.pinned),
            licence: Some(scanner.licence),
            install: scanner.install,
        }
    });
    let tools = TOOLS.iter().map(|tool| {
        let at = found(&path, tool.program);
        let asked = at.as_deref().filter(|_| !tool.version.is_empty());
        let said = asked.and_then(|at| said(at, tool.version, &path));
        // A proxy of a version manager is there, and what it leads to may not be.
        let at = at.filter(|_| tool.version.is_empty() || said.is_some());
        Line {
            name: tool.name,
            check: 14,
            reads: tool.reads,
            version: said.and_then(|said| said.lines().next().map(|line| line.trim().to_owned())),
            path: at,
            pinned: None,
            licence: None,
            install: tool.install,
        }
    });
    let without = WITHOUT
        .iter()
        .map(|(_, language, why)| Without { language, why });
    Report {
        scanners: scanners.chain(tools).collect(),
        without: without.collect(),
    }
}

/// Whether a program's packages lie beside its own, as the gate looks for them.
fn has_beside(program: &Path, packages: &[&str]) -> bool {
    let real = std::fs::canonicalize(program).unwrap_or_default();
    let beside = real.parent().map(|folder| folder.join("../.."));
    packages.iter().all(|package| {
        let folder = beside.as_ref().map(|beside| beside.join(package));
        folder.is_some_and(|folder| folder.is_dir())
    })
}

fn found(path: &str, program: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let may_run = |at: &PathBuf| {
        let found = std::fs::metadata(at).ok();
        found.is_some_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    path.split(':')
        .map(|dir| Path::new(dir).join(program))
        .find(may_run)
}

fn said(program: &Path, words: &[&str], path: &str) -> Option<String> {
    let program = program.to_string_lossy().into_owned();
    let argv: Vec<&str> = [&[program.as_str()], words].concat();
    let home = std::env::var("HOME").unwrap_or_default();
    let env = [("PATH", path), ("HOME", home.as_str())];
    let output = command::host(&argv, Path::new("/"), &env, b"", PATIENCE).ok()?;
    output
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
