//! The gate over the corpus of honest answers and cheats, measured by a bench of the room that judges, built as the product is.

use crate::program::{self, Error};

const USAGE: &str =
    "usage: cargo xtask bench gate [--half frozen|open] [--case ID] [--language NAME] [--jobs N]";

/// Whether the aims are met. The options are the bench's own.
pub(crate) fn run(args: &[&str]) -> Result<bool, Error> {
    let options = ["--half", "--case", "--language", "--jobs"];
    if !args.len().is_multiple_of(2) || args.chunks(2).any(|pair| !options.contains(&pair[0])) {
        return Err(Error::Usage(USAGE.to_owned()));
    }
    let mut bench = program::cargo(&["bench", "--locked", "-p", "alai-gate", "--bench", "corpus"]);
    bench.arg("--").args(args);
    Ok(program::stream(bench, |_| false)?.ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_options_are_refused_before_anything_is_built() {
        for bad in [&["--half"][..], &["--fast", "1"], &["frozen"]] {
            assert!(matches!(run(bad), Err(Error::Usage(_))), "{bad:?}");
        }
    }
}
