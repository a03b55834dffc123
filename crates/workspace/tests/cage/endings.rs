//! Every cage ends, with everything in it, and its ending is told as it was.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;

use alai_core::record::{Exit, Limit};
use alai_workspace::cage::{self, CageError, Limits};
use alai_workspace::command::Cancel;

use crate::world::{INSIDE, World, holders, token, until_holders, worlds};

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn with(world: &World, limits: impl FnOnce(&mut Limits)) -> alai_workspace::cage::CageSpec {
    let mut spec = world.spec();
    limits(&mut spec.limits);
    spec
}

#[test]
fn codes_and_signals_are_told_apart() {
    for world in worlds() {
        assert_eq!(
            world.run(&[INSIDE, "exit", "0"]).record.exit,
            Exit::Code { code: 0 }
        );
        assert_eq!(
            world.run(&[INSIDE, "exit", "137"]).record.exit,
            Exit::Code { code: 137 }
        );
        assert_eq!(
            world.run(&[INSIDE, "die"]).record.exit,
            Exit::Signal {
                signal: libc::SIGTERM
            }
        );
    }
}

#[test]
fn the_record_tells_what_ran_where_and_in_which_layers() {
    for world in worlds() {
        let captured = world.run(&["/bin/sh", "-c", "pwd; printf warned >&2"]);
        let record = &captured.record;
        assert_eq!(
            (captured.stdout.as_str(), captured.stderr.as_str()),
            ("/clone\n", "warned")
        );
        assert_eq!(
            (record.cwd.as_str(), record.argv[1].as_str()),
            ("/clone", "-c")
        );
        // sha256sum of "/clone\n".
        assert_eq!(
            record.stdout_sha256,
            "fba7253f42b41452e9abdb1ca35e92625cdb547f03f6ceeb17ead1b03f385ce9"
        );
        assert_eq!(
            (record.stdout_bytes, record.stderr_bytes, captured.truncated),
            (7, 6, false)
        );
        let cage = record.cage.join(" ");
        assert!(
            !cage.contains("processes:shared"),
            "{}: {cage}",
            world.name()
        );
        for layer in [
            "landlock:",
            "seccomp",
            "no-new-privs",
            "uid:",
            "processes:",
            "memory:",
            "disk:watched",
        ] {
            assert!(cage.contains(layer), "{}: {cage}", world.name());
        }
    }
}

#[test]
fn a_daemon_that_left_the_session_and_ignores_signals_ends_with_its_cage() {
    for world in worlds() {
        let token = token();
        let captured = world.run(&[INSIDE, "daemon", &token]);
        assert_eq!(captured.stdout, "held\n", "it ran: {}", captured.combined());
        assert_eq!(holders("hold", &token), 0, "{}", world.name());
    }
}

#[test]
fn the_time_limit_ends_everything() {
    for world in worlds() {
        let token = token();
        let spec = with(&world, |limits| limits.wall_s = 2);
        let script = format!("{INSIDE} daemon {token}; exec {INSIDE} hold {token}");
        let captured = world.run_spec(&spec, &["/bin/sh", "-c", &script]);
        assert_eq!(captured.record.exit, Exit::TimedOut { after_s: 2 });
        assert_eq!(captured.stdout, "held\nheld\n", "both ran");
        assert_eq!(holders("hold", &token), 0, "{}", world.name());
    }
}

#[test]
fn a_flood_of_output_ends_the_program_at_the_limit() {
    for world in worlds() {
        let spec = with(&world, |limits| {
            limits.output_bytes_max = 1 << 20;
            limits.output_kept = 1_000;
        });
        let captured = world.run_spec(&spec, &[INSIDE, "flood"]);
        assert_eq!(
            captured.record.exit,
            Exit::TooMuchOutput {
                limit_bytes: 1 << 20
            }
        );
        assert!(captured.truncated && captured.stdout.contains("bytes left out"));
        assert!(captured.stdout.len() < 1_100);
        // Not more than one read beyond the limit.
        let read = captured.record.stdout_bytes;
        assert!(read > 1 << 20 && read <= (1 << 20) + (64 << 10), "{read}");
    }
}

#[test]
fn cancelling_ends_everything() {
    for world in worlds().into_iter().filter(World::is_ourselves) {
        let (token, cancel) = (token(), Cancel::new());
        let (spec, layer) = (world.spec(), world.layer);
        let captured = thread::scope(|scope| {
            let words = argv(&[INSIDE, "hold", &token]);
            let run = scope.spawn(|| {
                let words = words;
                cage::run_in(layer, &spec, &words, b"", &cancel)
            });
            until_holders("hold", &token, 1);
            cancel.cancel();
            run.join().unwrap().unwrap()
        });
        assert_eq!(captured.record.exit, Exit::Cancelled);
        assert_eq!(holders("hold", &token), 0);
    }
}

#[test]
fn a_cage_ends_when_the_process_that_runs_it_is_killed() {
    for world in worlds() {
        let token = token();
        let script = format!("{INSIDE} daemon {token}; exec {INSIDE} hold {token}");
        let mut command = world.command(&world.spec(), &["/bin/sh", "-c", &script]);
        let mut runner = command.stdout(Stdio::null()).spawn().unwrap();
        until_holders("hold", &token, 2);
        runner.kill().unwrap();
        runner.wait().unwrap();
        until_holders("hold", &token, 0);
    }
}

#[test]
fn limits_on_memory_files_and_processes_hold() {
    for world in worlds() {
        let spec = with(&world, |limits| {
            limits.memory_bytes = 256 << 20;
            limits.file_bytes_max = 4 << 20;
            limits.processes_max = 40;
        });
        let run = |probe: &[&str]| world.run_spec(&spec, &[&[INSIDE], probe].concat());
        assert!(run(&["allocate", "67108864"]).success());
        let big = run(&["allocate", "536870912"]);
        assert!(
            big.stdout.contains("memory allocation failed"),
            "{}",
            big.combined()
        );
        assert!(run(&["grow", "/clone/file", "2097152"]).success());
        let grown = run(&["grow", "/clone/file", "8388608"]).record.exit;
        assert_eq!(
            grown,
            Exit::Signal {
                signal: libc::SIGXFSZ
            }
        );
        assert!(run(&["threads", "30"]).success());
        let many = run(&["threads", "60"]);
        assert!(many.stdout.contains("os error 11"), "{}", many.combined());
    }
}

/// Each of them stays below what one process may use.
#[test]
fn the_memory_of_a_whole_cage_is_limited() {
    for world in worlds() {
        let spec = with(&world, |limits| limits.memory_bytes = 256 << 20);
        let one = format!("{INSIDE} hold-memory 104857600");
        let four = format!("{one} & {one} & {one} & {one} & wait");
        let captured = world.run_spec(&spec, &["/bin/sh", "-c", &four]);
        let over = Exit::OverLimit {
            limit: Limit::Memory,
            max: 256 << 20,
        };
        assert_eq!(captured.record.exit, over, "{}", world.name());
        // Files in /tmp are memory, too: 100 MB of them fit into /tmp, but not beside two such processes.
        let files = format!("head -c 104857600 /dev/zero >/tmp/big; {one} & {one} & wait");
        let captured = world.run_spec(&spec, &["/bin/sh", "-c", &files]);
        assert_eq!(captured.record.exit, over, "{}", captured.combined());
    }
}

/// The kernel counts processes by user; two cages of one user must not starve each other.
#[test]
fn the_processes_of_one_cage_do_not_count_in_another() {
    for world in worlds() {
        let token = token();
        let spec = with(&world, |limits| limits.processes_max = 40);
        let mut command = world.command(&spec, &[INSIDE, "hold-threads", "30", &token]);
        let mut first = command.stdout(Stdio::null()).spawn().unwrap();
        until_holders("hold-threads", &token, 1);
        let second = world.run_spec(&spec, &[INSIDE, "threads", "30"]);
        assert!(second.success(), "{}: {}", world.name(), second.combined());
        first.kill().unwrap();
        first.wait().unwrap();
    }
}

#[test]
fn input_is_given_and_then_ends() {
    for world in worlds().into_iter().filter(World::is_ourselves) {
        let words = argv(&[INSIDE, "echo"]);
        let captured = cage::run_in(
            world.layer,
            &world.spec(),
            &words,
            b"one\ntwo\n",
            &Cancel::new(),
        )
        .unwrap();
        assert_eq!(captured.stdout, "echo one\necho two\nbye\n");
    }
}

#[test]
fn a_helper_answers_until_it_is_told_to_end() {
    for world in worlds().into_iter().filter(World::is_ourselves) {
        let (spec, layer) = (world.spec(), world.layer);
        // The thread that starts a helper may end before it.
        let start = thread::spawn(move || cage::spawn_in(layer, &spec, &argv(&[INSIDE, "echo"])));
        let mut caged = start.join().unwrap().unwrap();
        assert!(caged.layers().iter().any(|name| name == "seccomp"));
        let mut lines = BufReader::new(caged.stdout.take().unwrap()).lines();
        for word in ["one", "two"] {
            writeln!(caged.stdin.as_mut().unwrap(), "{word}").unwrap();
            assert_eq!(lines.next().unwrap().unwrap(), format!("echo {word}"));
        }
        assert_eq!(caged.wait().unwrap(), Exit::Code { code: 0 });
        assert_eq!(lines.next().unwrap().unwrap(), "bye");
    }
}

#[test]
fn killing_and_dropping_a_helper_end_its_cage() {
    for world in worlds().into_iter().filter(World::is_ourselves) {
        let start = |token: &str| {
            let script = format!("{INSIDE} daemon {token}; exec {INSIDE} hold {token}");
            let words = argv(&["/bin/sh", "-c", &script]);
            let mut caged = cage::spawn_in(world.layer, &world.spec(), &words).unwrap();
            let mut lines = BufReader::new(caged.stdout.take().unwrap()).lines();
            assert_eq!(
                [
                    lines.next().unwrap().unwrap(),
                    lines.next().unwrap().unwrap()
                ],
                ["held", "held"]
            );
            assert_eq!(holders("hold", token), 2);
            caged
        };
        let (first, second) = (token(), token());
        let mut caged = start(&first);
        caged.kill().unwrap();
        assert_eq!(holders("hold", &first), 0);
        assert_eq!(
            caged.wait().unwrap(),
            Exit::Signal {
                signal: libc::SIGKILL
            }
        );
        drop(start(&second));
        assert_eq!(holders("hold", &second), 0);
    }
}

/// Nobody outside watches the clock of a helper, so pid 1 does.
#[test]
fn a_helper_ends_at_its_time_limit() {
    for world in worlds().into_iter().filter(World::is_ourselves) {
        let token = token();
        let spec = with(&world, |limits| limits.wall_s = 1);
        let words = argv(&[INSIDE, "hold", &token]);
        let mut caged = cage::spawn_in(world.layer, &spec, &words).unwrap();
        assert_eq!(caged.wait().unwrap(), Exit::TimedOut { after_s: 1 });
        assert_eq!(holders("hold", &token), 0);
    }
}

/// Whoever holds a helper sees only that its pipes are closed; the reason can be asked for, also after it was told to end.
#[test]
fn a_helper_tells_which_limit_ended_it() {
    let over = |limit, max| Exit::OverLimit { limit, max };
    for world in worlds().into_iter().filter(World::is_ourselves) {
        let spec = with(&world, |limits| limits.disk_files_max = 50);
        let words = argv(&[INSIDE, "bomb", "files", "/clone", "100", "0"]);
        let mut caged = cage::spawn_in(world.layer, &spec, &words).unwrap();
        assert_eq!(caged.wait().unwrap(), over(Limit::Files, 50));

        let spec = with(&world, |limits| limits.memory_bytes = 96 << 20);
        let words = argv(&[INSIDE, "bomb", "shared", "268435456"]);
        let mut caged = cage::spawn_in(world.layer, &spec, &words).unwrap();
        let said = BufReader::new(caged.stdout.take().unwrap()).lines();
        // It holds its memory until its end, which is the end of its output.
        let said: Vec<String> = said.map(Result::unwrap).collect();
        assert!(
            said.iter().all(|line| line == "full" || line == "held"),
            "{said:?}"
        );
        caged.kill().unwrap();
        assert_eq!(caged.wait().unwrap(), over(Limit::Memory, 96 << 20));
    }
}

#[test]
fn no_limit_on_time_is_no_overflow() {
    for world in worlds().into_iter().filter(World::is_ourselves) {
        let spec = with(&world, |limits| limits.wall_s = u64::MAX);
        assert!(world.run_spec(&spec, &["true"]).success());
    }
}

#[test]
fn a_program_that_is_not_there_is_an_error_and_not_an_exit_code() {
    for world in worlds().into_iter().filter(World::is_ourselves) {
        let spec = world.spec();
        let error = cage::run_in(
            world.layer,
            &spec,
            &argv(&["no-such-tool"]),
            b"",
            &Cancel::new(),
        );
        let error = error.unwrap_err();
        assert!(matches!(error, CageError::Program { .. }), "{error}");
        assert!(error.to_string().contains("no-such-tool"), "{error}");
        let mut spec = world.spec();
        spec.cwd = PathBuf::from("/clone/missing");
        let error = cage::run_in(world.layer, &spec, &argv(&["true"]), b"", &Cancel::new());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("/clone/missing"), "{error}");
    }
}
