//! The repository's own tools: the one test command, the house rules as tests, the benches.
//!
//! `cargo xtask test` is all that a fresh machine needs to know.

// These are programs for people at a terminal; what they print is what they are for.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod bento;
mod crash;
mod deny;
mod fuzz;
mod long;
mod order;
mod program;
mod scaffolds;
mod table;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--only STEP]... [--no-install] [--offline] [-- FILTER...]
               installs what the tests need, then runs every check and every test
               STEP: tools, fmt, clippy, tidy, build, tests, docs, deny
               --no-install changes nothing on the machine and says what is left out
               --offline also leaves out the tests that download packages (*needs_registry*)
  tidy         the house rules alone: edges between rooms, lengths, words, links, licences
  bench NAME   one measurement on this machine; `bench` alone lists them
  crash        the crash suite alone, with its long rounds
  fuzz [TARGET] [--seconds N] [--seed N]
               random cases for what reads hostile text, each parser by its name; `fuzz x` lists them
  fuzz --guided [TARGET] [--seconds N]
               the same, guided by coverage; needs a nightly toolchain and cargo-fuzz
  liar [--tasks N] [--seed N]
               an agent that lies, over 100 tasks: none reaches done
  bento [--kills N] [--seed N]
               a product from five tasks, its daemon killed at 30 moments: it ends in the same tree;
               --full: with Next.js, FastAPI and PostgreSQL, each piece and then the whole cascade (many minutes)
  purse [--tasks N] [--seed N]
               50 runs at once on one dollar, the daemon killed under them: the provider's own books never pass it
  fleet [--tasks N] [--seed N]
               1,000 tasks on hosts that fail now and then: no slot too many, none lost or done twice
  scaffolds    what the shipped scaffolds write, built and served by the real npm, cargo and pip (minutes when cold);
               --factory: each through the whole factory to merged code;
               installs what is missing, or with --no-install says what is
  order [--check]
               runs the executable and writes down in which order its functions are entered, for the linker;
               --check: whether the executable still has the functions of the list
  deny         installs cargo-deny when it is missing (minutes) and runs it, advisories included";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.split_first() {
        Some((&"test", rest)) => test::run(rest),
        Some((&"tidy", [])) => tidy::run(),
        Some((&"bench", rest)) => bench::run(rest),
        Some((&"crash", rest)) => crash::run(rest),
        Some((&"fuzz", rest)) => fuzz::run(rest),
        Some((&"liar", rest)) => long::run(&long::LIAR, rest),
        Some((&"bento", rest)) => bento::run(rest),
        Some((&"purse", rest)) => long::run(&long::PURSE, rest),
        Some((&"fleet", rest)) => long::run(&long::FLEET, rest),
        Some((&"order", rest)) => order::run(rest),
        Some((&order::TRACE, rest)) => order::traced(rest),
        Some((&"deny", [])) => deny::run(),
        Some((&"scaffolds", rest)) => scaffolds::run(rest),
        Some((&("help" | "--help" | "-h"), _)) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some(_) | None => Err(program::Error::Usage(USAGE.to_owned())),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e @ program::Error::Usage(_)) => {
            eprintln!("{e}");
            ExitCode::from(2)
        }
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}
