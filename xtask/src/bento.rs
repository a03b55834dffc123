//! `cargo xtask bento --full`: the use case of the seeds with Next.js, FastAPI and PostgreSQL, first piece by piece outside of the factory, then
//! the whole cascade through it. Without `--full` it is the lean form under kills (`long.rs`).

use crate::long;
use crate::program::Error;
use crate::scaffolds::Suite;
use crate::test::Tool;

const TOOLS: [Tool; 4] = [Tool::Bubblewrap, Tool::Python, Tool::Node, Tool::Postgres];

/// What finds a fault of the data in minutes comes before what finds one of the factory.
const FULL: [Suite; 2] = [
    Suite {
        package: "alai-minion",
        binary: "minion",
        tests: "test(/^bento_pieces::/)",
        tools: &TOOLS,
    },
    Suite {
        package: "alai",
        binary: "cli",
        tests: "test(/^bento::full::/)",
        tools: &TOOLS,
    },
];

/// `Ok(false)` when a test fails, or when a tool is missing.
pub(crate) fn run(args: &[&str]) -> Result<bool, Error> {
    let install = match args {
        ["--full"] => true,
        ["--full", "--no-install"] => false,
        ["--full", ..] => {
            let usage = "usage: cargo xtask bento --full [--no-install]";
            return Err(Error::Usage(usage.to_owned()));
        }
        _ => return long::run(&long::BENTO, args),
    };
    println!(
        "packages are installed through the set-up's proxy, and for the pieces into target/scaffolds"
    );
    for suite in &FULL {
        if !suite.run(install)? {
            return Ok(false);
        }
    }
    Ok(true)
}
