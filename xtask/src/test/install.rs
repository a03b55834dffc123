//! Installs what the tests need and says what it does.

use super::tools::{MANAGERS, Manager, Plan, Right, Tool, plan};
use crate::program::{self, Error};
use std::process::Command;

/// Known to build with the toolchain that the workspace asks for.
const NEXTEST_VERSION: &str = "0.9.143";

/// What the other steps must know about this machine.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) missing: Vec<Tool>,
    pub(crate) nextest: bool,
    /// What the tests cannot do without and could not be had; each with the way to get it.
    pub(crate) needed: Vec<String>,
}

/// Looks for these tools, installs where it may, and looks again.
pub(crate) fn prepare(tools: &[Tool], install: bool) -> Result<Machine, Error> {
    let missing = missing(tools);
    let missing = match plan(&missing, manager(), right(install)) {
        Plan::Nothing => missing,
        Plan::Install(commands) => {
            println!("missing: {}; installing", names(&missing));
            for words in commands {
                system(&words)?;
            }
            self::missing(tools)
        }
        Plan::ByHand(command) => {
            println!("missing: {}; to install: {command}", names(&missing));
            missing
        }
        Plan::Unknown => {
            println!(
                "missing: {}; no package manager that we know is here",
                names(&missing)
            );
            missing
        }
    };
    for tool in &missing {
        println!(
            "not run without {}: tests named *{}*",
            tool.name(),
            tool.mark()
        );
    }
    let needed = components(install)?;
    Ok(Machine {
        missing,
        nextest: nextest(install)?,
        needed,
    })
}

fn names(tools: &[Tool]) -> String {
    tools
        .iter()
        .map(|tool| tool.name())
        .collect::<Vec<_>>()
        .join(", ")
}

fn missing(tools: &[Tool]) -> Vec<Tool> {
    let missing = tools.iter().filter(|tool| !shell(tool.probe()));
    missing.copied().collect()
}

fn manager() -> Option<Manager> {
    MANAGERS
        .into_iter()
        .find(|manager| shell(&format!("command -v {}", manager.program())))
}

fn right(install: bool) -> Right {
    if !install {
        return Right::Ask;
    }
    let mut id = program::command("id");
    id.arg("-u");
    if program::read(id).is_ok_and(|uid| uid.trim() == "0") {
        return Right::Root;
    }
    if shell("sudo -n true") {
        Right::Sudo
    } else {
        Right::Ask
    }
}

/// A failed package command is said and not fatal: what it would have brought stays missing.
fn system(words: &[String]) -> Result<(), Error> {
    let [program, args @ ..] = words else {
        return Ok(());
    };
    let mut command: Command = program::command(program);
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    let shown = program::show(&command);
    if !program::stream(command, |_| false)?.ok {
        println!("`{shown}` failed; going on with what is here");
    }
    Ok(())
}

/// rustfmt and clippy come with the toolchain, git and a C compiler with the machine.
fn components(install: bool) -> Result<Vec<String>, Error> {
    let mut needed = Vec::new();
    for (component, probe) in [
        ("rustfmt", ["fmt", "--version"]),
        ("clippy", ["clippy", "--version"]),
    ] {
        if program::works(program::cargo(&probe)) {
            continue;
        }
        let add = format!("rustup component add {component}");
        if install && shell("command -v rustup") {
            println!("missing: {component}; installing");
            let mut rustup = program::command("rustup");
            rustup.args(["component", "add", component]);
            if program::stream(rustup, |_| false)?.ok && program::works(program::cargo(&probe)) {
                continue;
            }
        }
        needed.push(format!("{component} (`{add}`)"));
    }
    if !shell("git --version") {
        needed.push("git (install it with the system's package manager)".to_owned());
    }
    Ok(needed)
}

fn nextest(install: bool) -> Result<bool, Error> {
    let there = || program::works(program::cargo(&["nextest", "--version"]));
    if there() {
        return Ok(true);
    }
    if install {
        println!("missing: cargo-nextest; building it takes some minutes, once");
        let version = ["--version", NEXTEST_VERSION];
        let mut build = program::cargo(&["install", "--locked", "cargo-nextest"]);
        build.args(version);
        if program::stream(build, |_| false)?.ok && there() {
            return Ok(true);
        }
    }
    println!("cargo-nextest is not here; `cargo test` runs the same tests, one after the other");
    Ok(false)
}

fn shell(line: &str) -> bool {
    let mut sh = program::command("sh");
    sh.args(["-c", line]);
    program::works(sh)
}
