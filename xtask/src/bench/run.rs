//! The list of benches. A new one is a file, a line here, and a line in `bench/mod.rs`.

use super::{demo, fleet, idle, latency, list, machine, minion, packs, routing, size, store};
use crate::program::Error;
use crate::table::table;

struct Bench {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<(), Error>,
}

const BENCHES: [Bench; 10] = [
    Bench {
        name: "demo",
        what: "the demo: wall time, and the share of it that is the factory's own",
        run: demo::run,
    },
    Bench {
        name: "fleet",
        what: "the fleet's schedule on seeded traces: makespan by lower bound, swaps, cost of a decision",
        run: fleet::run,
    },
    Bench {
        name: "latency",
        what: "from a new task to its start, by an idle daemon",
        run: latency::run,
    },
    Bench {
        name: "list",
        what: "`alai mc list` as a whole process, with 1 and with 1,000 tasks",
        run: list::run,
    },
    Bench {
        name: "idle",
        what: "a daemon with nothing to do: memory, processor time",
        run: idle::run,
    },
    Bench {
        name: "minion",
        what: "a run beside other harnesses: start, turns, memory, first request",
        run: minion::run,
    },
    Bench {
        name: "packs",
        what: "reading all companies and blueprints of a home",
        run: packs::run,
    },
    Bench {
        name: "routing",
        what: "a task's company by its words, among all shipped ones",
        run: routing::run,
    },
    Bench {
        name: "size",
        what: "the release binary: megabytes, build time, start-up, memory",
        run: size::run,
    },
    Bench {
        name: "store",
        what: "durable claims beside the disk's own speed; reading at 100,000 tasks and 1,000,000 events",
        run: store::run,
    },
];

/// Runs the named bench; without a name, lists them.
pub(crate) fn run(args: &[&str]) -> Result<bool, Error> {
    let list = || table(&BENCHES.map(|bench| [bench.name, bench.what].map(str::to_owned)));
    let [name] = args else {
        if args.is_empty() {
            print!("{}", list());
            return Ok(true);
        }
        return Err(Error::Usage("usage: cargo xtask bench NAME".to_owned()));
    };
    let bench = BENCHES
        .iter()
        .find(|bench| bench.name == *name)
        .ok_or_else(|| {
            Error::Usage(format!(
                "no bench is called {name:?}; there are\n{}",
                list().trim_end()
            ))
        })?;
    println!("machine: {}", machine::describe());
    (bench.run)()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_bench_is_refused_with_the_known_ones() {
        let refused = run(&["lunch"]).unwrap_err().to_string();
        assert!(
            refused.contains("\"lunch\"") && refused.contains("size"),
            "{refused}"
        );
        assert!(run(&["size", "more"]).is_err());
        assert!(run(&[]).unwrap());
    }
}
