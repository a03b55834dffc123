//! A lying agent in its long form: as many tasks as are asked for, none of which may reach done.

use crate::program::{self, Error};

/// Tasks where no number is given.
const TASKS: u64 = 100;
const TEST: &str = "liar::no_task_of_a_liar_reaches_done";
const USAGE: &str = "usage: cargo xtask liar [--tasks N] [--seed N]";

/// Runs the test; `Ok(false)` when a lie got through.
pub(crate) fn run(args: &[&str]) -> Result<bool, Error> {
    let (tasks, seed) = asked(args).ok_or_else(|| Error::Usage(USAGE.to_owned()))?;
    let mut command = program::cargo(&["test", "--package", "alai", "--test", "cli", "--"]);
    command.args(["--exact", TEST, "--nocapture"]);
    command
        .env("ALAI_LIES", tasks.to_string())
        .env("ALAI_LIES_SEED", seed.to_string());
    let ran = program::stream(command, |line| {
        line.contains("1 passed") || line.contains("1 failed")
    })?;
    if ran.ok && ran.kept.is_empty() {
        let why = format!("there is no test `{TEST}`, so nothing was shown");
        return Err(Error::Answer(why));
    }
    Ok(ran.ok)
}

/// Tasks and seed.
fn asked(args: &[&str]) -> Option<(u64, u64)> {
    let (mut tasks, mut seed) = (TASKS, 1);
    for pair in args.chunks(2) {
        match pair {
            ["--tasks", n] => tasks = n.parse().ok().filter(|n| *n > 0)?,
            ["--seed", n] => seed = n.parse().ok()?,
            _ => return None,
        }
    }
    Some((tasks, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_and_seed_are_read_and_nothing_else() {
        assert_eq!(asked(&[]), Some((100, 1)));
        assert_eq!(asked(&["--seed", "7", "--tasks", "3"]), Some((3, 7)));
        for bad in [
            &["--tasks"][..],
            &["--tasks", "0"],
            &["--fast", "1"],
            &["3"],
        ] {
            assert_eq!(asked(bad), None, "{bad:?}");
        }
    }
}
