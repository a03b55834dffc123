//! `cargo xtask scaffolds`: what the shipped scaffolds write, installed, built, tested and served by the real npm, cargo and pip.
//! With `--factory`, each through the whole factory instead: from a task to merged code.

use crate::program::{self, Error};
use crate::test::{Machine, SCAFFOLD_TOOLS, Tool, prepare};

/// Which tests, all of them long.
pub(crate) struct Suite {
    pub(crate) package: &'static str,
    pub(crate) binary: &'static str,
    pub(crate) tests: &'static str,
    pub(crate) tools: &'static [Tool],
}

const BUILT: Suite = Suite {
    package: "alai-minion",
    binary: "minion",
    tests: "test(/^scaffolds_built::/)",
    tools: &SCAFFOLD_TOOLS,
};

const FACTORY: Suite = Suite {
    package: "alai",
    binary: "cli",
    tests: "test(/^scaffolds::/)",
    tools: &[Tool::Bubblewrap, Tool::Python, Tool::Node, Tool::Postgres],
};

/// Installs what is missing and may be, and runs every scaffold from an empty repository to its first answers over HTTP, or through the
/// factory. `Ok(false)` when one fails, or when a tool is missing: nothing is left out.
pub(crate) fn run(args: &[&str]) -> Result<bool, Error> {
    let (mut install, mut suite) = (true, BUILT);
    for arg in args {
        match *arg {
            "--no-install" => install = false,
            "--factory" => suite = FACTORY,
            _ => {
                return Err(Error::Usage(
                    "usage: cargo xtask scaffolds [--factory] [--no-install]".to_owned(),
                ));
            }
        }
    }
    match suite.package == FACTORY.package {
        true => println!("each scaffold installs its packages anew, through the set-up's proxy"),
        false => {
            println!("caches are kept in target/scaffolds; the first run downloads about 700 MB");
        }
    }
    suite.run(install)
}

impl Suite {
    /// Runs it; `Ok(false)` when a test fails, or when a tool is missing: nothing is left out.
    pub(crate) fn run(&self, install: bool) -> Result<bool, Error> {
        let machine = prepare(self.tools, install)?;
        if let Some(why) = lacking(&machine) {
            println!("{why}");
            return Ok(false);
        }
        let mut command = program::cargo(&[
            "nextest",
            "run",
            "--package",
            self.package,
            "--test",
            self.binary,
        ]);
        // One after the other: each has a compiler of its own that takes every core.
        command.args([
            "--profile",
            "scaffolds",
            "--run-ignored",
            "all",
            "--no-fail-fast",
            "--test-threads",
            "1",
            "-E",
            self.tests,
        ]);
        Ok(program::stream(command, |_| false)?.ok)
    }
}

fn lacking(machine: &Machine) -> Option<String> {
    let mut names: Vec<String> = machine
        .missing
        .iter()
        .map(|tool| tool.name().to_owned())
        .collect();
    names.extend(machine.needed.iter().cloned());
    if !machine.nextest {
        names.push("cargo-nextest".to_owned());
    }
    (!names.is_empty()).then(|| format!("not tried without {}", names.join(", ")))
}
