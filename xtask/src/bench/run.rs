//! The list of benches. A new one is a file, a line here, and a line in `bench/mod.rs`.

use super::aims::Aims;
use super::{
    demo, evidence, fleet, gate, idle, latency, list, machine, minion, overhead, packs, routing,
    size, store,
};
use crate::program::Error;
use crate::table::table;

struct Bench {
    name: &'static str,
    what: &'static str,
    run: Run,
}

/// How a bench is started.
enum Run {
    Plain(fn(&mut Aims) -> Result<(), Error>),
    WithOptions(fn(&[&str], &mut Aims) -> Result<(), Error>),
}

const BENCHES: [Bench; 13] = [
    Bench {
        name: "demo",
        what: "the demo: wall time, and the share of it that is the factory's own",
        run: Run::Plain(demo::run),
    },
    Bench {
        name: "evidence",
        what: "verifying a package of 500 records; the size of a usual run's package",
        run: Run::Plain(evidence::run),
    },
    Bench {
        name: "fleet",
        what: "the fleet's schedule on seeded traces: makespan by lower bound, swaps, cost of a decision",
        run: Run::Plain(fleet::run),
    },
    Bench {
        name: "gate",
        what: "the gate over honest answers and cheats: what it holds, and what it holds wrongly",
        run: Run::WithOptions(gate::run),
    },
    Bench {
        name: "latency",
        what: "from a new task to its start, by an idle daemon",
        run: Run::Plain(latency::run),
    },
    Bench {
        name: "list",
        what: "`alai mc list` as a whole process, with 1 and with 1,000 tasks",
        run: Run::Plain(list::run),
    },
    Bench {
        name: "idle",
        what: "a daemon with nothing to do: memory, processor time",
        run: Run::Plain(idle::run),
    },
    Bench {
        name: "minion",
        what: "a run beside other harnesses: start, turns, memory, first request",
        run: Run::WithOptions(minion::run),
    },
    Bench {
        name: "overhead",
        what: "the lean demo: how long a task that could begin waits for nothing real",
        run: Run::WithOptions(overhead::run),
    },
    Bench {
        name: "packs",
        what: "reading all companies and blueprints of a home",
        run: Run::Plain(packs::run),
    },
    Bench {
        name: "routing",
        what: "a task's company by its words, among all shipped ones",
        run: Run::Plain(routing::run),
    },
    Bench {
        name: "size",
        what: "the release binary: megabytes, build time, start-up, memory",
        run: Run::Plain(size::run),
    },
    Bench {
        name: "store",
        what: "durable claims beside the disk's own speed; reading at 100,000 tasks and 1,000,000 events",
        run: Run::Plain(store::run),
    },
];

/// Runs the named bench; without a name, lists them. `Ok(false)` when one of its aims is missed.
pub(crate) fn run(args: &[&str]) -> Result<bool, Error> {
    let list = || table(&BENCHES.map(|bench| [bench.name, bench.what].map(str::to_owned)));
    let Some((name, options)) = args.split_first() else {
        print!("{}", list());
        return Ok(true);
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
    if matches!(bench.run, Run::Plain(_)) && !options.is_empty() {
        let usage = format!("the bench {name} has no options: cargo xtask bench {name}");
        return Err(Error::Usage(usage));
    }
    println!("machine: {}", machine::describe());
    let mut aims = Aims::default();
    match bench.run {
        Run::Plain(run) => run(&mut aims)?,
        Run::WithOptions(run) => run(options, &mut aims)?,
    }
    aims.end(bench.name)
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
