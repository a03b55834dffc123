//! The use case of the seeds, a product from five tasks, in its long form: the daemon is killed at thirty moments of the work, and it
//! must end in the same tree as the demo.

use crate::program::{self, Error};

/// Kills where no number is given.
const KILLS: u64 = 30;
const TEST: &str = "bento::five_tasks_become_a_product_shown_typed_and_killed";
const USAGE: &str = "usage: cargo xtask bento [--kills N] [--seed N]";

/// Runs the test; `Ok(false)` when it fails.
pub(crate) fn run(args: &[&str]) -> Result<bool, Error> {
    let (kills, seed) = asked(args).ok_or_else(|| Error::Usage(USAGE.to_owned()))?;
    let mut command = program::cargo(&["test", "--package", "alai", "--test", "cli", "--"]);
    command.args(["--exact", TEST, "--nocapture"]);
    command
        .env("ALAI_BENTO_KILLS", kills.to_string())
        .env("ALAI_BENTO_SEED", seed.to_string());
    let ran = program::stream(command, |line| {
        line.contains("1 passed") || line.contains("1 failed")
    })?;
    if ran.ok && ran.kept.is_empty() {
        let why = format!("there is no test `{TEST}`, so nothing was shown");
        return Err(Error::Answer(why));
    }
    Ok(ran.ok)
}

/// Kills and seed.
fn asked(args: &[&str]) -> Option<(u64, u64)> {
    let (mut kills, mut seed) = (KILLS, 1);
    for pair in args.chunks(2) {
        match pair {
            ["--kills", n] => kills = n.parse().ok().filter(|n| *n > 0)?,
            ["--seed", n] => seed = n.parse().ok()?,
            _ => return None,
        }
    }
    Some((kills, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_and_seed_are_read_and_nothing_else() {
        assert_eq!(asked(&[]), Some((30, 1)));
        assert_eq!(asked(&["--seed", "7", "--kills", "3"]), Some((3, 7)));
        for bad in [&["--kills"][..], &["--kills", "0"], &["--fast", "1"]] {
            assert_eq!(asked(bad), None, "{bad:?}");
        }
    }
}
