//! Tests that have a long form: as many cases as are asked for, from a seed.

use crate::program::{self, Error};

/// One of them.
pub(crate) struct Long {
    /// The command's word.
    name: &'static str,
    /// The package and its target, as cargo is told.
    target: &'static [&'static str],
    test: &'static str,
    /// What is counted: the option's name, and how many where no number is given.
    count: &'static str,
    usual: u64,
    /// The variables by which the test hears of count and seed.
    variables: [&'static str; 2],
}

const CLI: [&str; 4] = ["--package", "alai", "--test", "cli"];

/// A lying agent: as many tasks as are asked for, none of which may reach done.
pub(crate) const LIAR: Long = Long {
    name: "liar",
    target: &CLI,
    test: "liar::no_task_of_a_liar_reaches_done",
    count: "--tasks",
    usual: 100,
    variables: ["ALAI_LIES", "ALAI_LIES_SEED"],
};

/// The use case of the seeds, a product from five tasks: the daemon is killed at so many moments of the work, and it must end in the same tree as the demo.
pub(crate) const BENTO: Long = Long {
    name: "bento",
    target: &CLI,
    test: "bento::five_tasks_become_a_product_shown_typed_and_killed",
    count: "--kills",
    usual: 30,
    variables: ["ALAI_BENTO_KILLS", "ALAI_BENTO_SEED"],
};

/// Many runs at once on a dollar of a provider that keeps its own books, and the daemon killed under them.
pub(crate) const PURSE: Long = Long {
    name: "purse",
    target: &CLI,
    test: "purse::parallel_runs_never_pass_a_dollar_however_often_the_daemon_is_killed",
    count: "--tasks",
    usual: 50,
    variables: ["ALAI_PURSE_TASKS", "ALAI_PURSE_SEED"],
};

/// Tasks of two tiers on three hosts whose calls and runs fail now and then: no slot too many, no task lost or done twice.
pub(crate) const FLEET: Long = Long {
    name: "fleet",
    target: &["--package", "alai-factory", "--lib"],
    test: "dispatch::tests::many_mixed_tasks_never_exceed_a_slot_and_none_is_lost_or_done_twice",
    count: "--tasks",
    usual: 1_000,
    variables: ["ALAI_FLEET_TASKS", "ALAI_FLEET_SEED"],
};

/// Runs the test; `Ok(false)` when it fails.
pub(crate) fn run(long: &Long, args: &[&str]) -> Result<bool, Error> {
    let Some((count, seed)) = asked(long, args) else {
        let (name, count) = (long.name, long.count);
        let usage = format!("usage: cargo xtask {name} [{count} N] [--seed N]");
        return Err(Error::Usage(usage));
    };
    let mut command = program::cargo(&["test"]);
    command.args(long.target);
    command.args(["--", "--exact", long.test, "--nocapture"]);
    let [of_count, of_seed] = long.variables;
    command
        .env(of_count, count.to_string())
        .env(of_seed, seed.to_string());
    let ran = program::stream(command, |line| {
        line.contains("1 passed") || line.contains("1 failed")
    })?;
    if ran.ok && ran.kept.is_empty() {
        let why = format!("there is no test `{}`, so nothing was shown", long.test);
        return Err(Error::Answer(why));
    }
    Ok(ran.ok)
}

/// Count and seed.
fn asked(long: &Long, args: &[&str]) -> Option<(u64, u64)> {
    let (mut count, mut seed) = (long.usual, 1);
    for pair in args.chunks(2) {
        match pair {
            ["--seed", n] => seed = n.parse().ok()?,
            [name, n] if *name == long.count => count = n.parse().ok().filter(|n| *n > 0)?,
            _ => return None,
        }
    }
    Some((count, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_and_seed_are_read_and_nothing_else() {
        assert_eq!(asked(&LIAR, &[]), Some((100, 1)));
        assert_eq!(asked(&LIAR, &["--seed", "7", "--tasks", "3"]), Some((3, 7)));
        assert_eq!(asked(&BENTO, &["--kills", "3"]), Some((3, 1)));
        assert_eq!(asked(&PURSE, &[]), Some((50, 1)));
        for bad in [
            &["--tasks"][..],
            &["--tasks", "0"],
            &["--kills", "1"],
            &["--fast", "1"],
            &["3"],
        ] {
            assert_eq!(asked(&LIAR, bad), None, "{bad:?}");
        }
    }
}
