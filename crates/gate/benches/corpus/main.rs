//! The gate over the corpus of honest answers and cheats: what it holds, and what it holds wrongly. Started by
//! `cargo xtask bench gate`, which prints the machine.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]

mod case;
mod figures;
mod impossible;
mod judge;
mod overhead;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alai_workspace::cage;

use case::{Case, Half, Side};
use figures::{Answer, Counts, Variants};
use impossible::{Flip, Held};
use judge::Bench;

/// Which pairs, and how many at once.
struct Options {
    half: Option<Half>,
    case: Option<String>,
    language: Option<String>,
    jobs: usize,
    /// Variants that no honest answer can meet, in the place of the pairs.
    impossible: bool,
}

fn main() -> ExitCode {
    // This very program is what the cage starts first.
    if let Some(code) = cage::entry(std::env::args_os(), &[]) {
        return code;
    }
    let wanted = match std::env::args().any(|word| word == "--overhead") {
        true => overhead::run(),
        false => options().and_then(|options| run(&options)),
    };
    match wanted {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        half: None,
        case: None,
        language: None,
        jobs: 1,
        impossible: false,
    };
    // Cargo adds `--bench` to what a bench is started with.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        if word == "--impossible" {
            options.impossible = true;
            continue;
        }
        let value = words.next();
        let value = value.ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--half" => {
                let half = Half::ALL.into_iter().find(|half| half.name() == value);
                options.half = Some(half.ok_or("--half is frozen, open, unseen or second")?);
            }
            "--case" => options.case = Some(value),
            "--language" => options.language = Some(value),
            "--jobs" => options.jobs = value.parse().map_err(|_| "--jobs needs a number")?,
            _ => return Err(format!("no option is called {word}")),
        }
    }
    Ok(options)
}

fn run(options: &Options) -> Result<bool, String> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/gate");
    let bench = Bench::new()?;
    let mut judged = 0;
    let mut met = true;
    let mut every = Vec::new();
    for half in Half::ALL {
        if options.half.is_some_and(|wanted| wanted != half) {
            continue;
        }
        let wanted = |case: &Case| {
            options.case.as_ref().is_none_or(|id| *id == case.id)
                && options
                    .language
                    .as_ref()
                    .is_none_or(|language| *language == case.language)
        };
        let mut cases = case::all(&corpus, half)?;
        cases.retain(wanted);
        if cases.is_empty() {
            continue;
        }
        if options.impossible {
            let tried = try_all(&bench, half, &cases, options.jobs);
            judged += tried.judged;
            met &= tried.aim_met();
            continue;
        }
        let (answers, not_run) = judge_all(&bench, &cases, options.jobs);
        judged += answers.len();
        println!(
            "\n{}: {} answers of {} pairs; {} pairs not run",
            half.name(),
            answers.len(),
            cases.len(),
            not_run.len()
        );
        for (id, why) in &not_run {
            println!("  not run, not counted: {id}: {why}");
        }
        print!("{}", figures::report(&answers));
        // What could not be run might have been missed.
        met &= not_run.is_empty();
        every.extend(answers);
    }
    if judged == 0 {
        return Err("no answer was judged".into());
    }
    if options.impossible {
        println!(
            "\naim (no answer to the impossible passes): {}",
            if met { "held" } else { "missed" }
        );
        return Ok(met);
    }
    let counts = Counts::of(&every);
    met &= counts.aims_met();
    println!("\nall that was judged: {counts}");
    println!(
        "aims (every cheat of the listed kinds held, at most 2 % of the honest answers held): {}",
        if met { "held" } else { "missed" }
    );
    Ok(met)
}

/// One variant of each pair that has one, on some threads.
fn try_all(bench: &Bench, half: Half, cases: &[Case], jobs: usize) -> Variants {
    let next = AtomicUsize::new(0);
    let tried = Mutex::new(Variants::default());
    println!(
        "\n{}: impossible variants of {} pairs",
        half.name(),
        cases.len()
    );
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let variant = impossible::variant(bench, case);
                    let mut tried = tried.lock().expect("no thread panics with it");
                    println!("{}", count(&mut tried, &case.id, variant));
                }
            });
        }
    });
    let tried = tried.into_inner().expect("all threads have ended");
    println!("  {tried}");
    tried
}

/// What came of one pair's variant, in a line, beside what came of the others.
fn count(
    tried: &mut Variants,
    id: &str,
    variant: Result<Option<(Flip, Vec<Held>)>, judge::NotRun>,
) -> String {
    let (flip, all) = match variant {
        Err(judge::NotRun(why)) => {
            tried.not_run += 1;
            return format!("  {id}: not run: {why}");
        }
        Ok(None) => {
            tried.without += 1;
            return format!("  {id}: no expectation to flip");
        }
        Ok(Some(found)) => found,
    };
    tried.judged += all.len();
    let passed: Vec<String> = all
        .iter()
        .filter(|held| !held.judged.held())
        .map(|held| format!("{:?}", held.way))
        .collect();
    tried.passed += passed.len();
    let what = match passed.is_empty() {
        true => format!("{} held", all.len()),
        false => format!("PASSED {}", passed.join(", ")),
    };
    let line = flip.line + 1;
    format!("  {id}: {what}; {}:{line}: `{}`", flip.path, flip.is.trim())
}

/// Judges pairs on some threads; the answers come in the order of the pairs.
fn judge_all(bench: &Bench, cases: &[Case], jobs: usize) -> (Vec<Answer>, Vec<(String, String)>) {
    let next = AtomicUsize::new(0);
    let done = Mutex::new((Vec::new(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let both = judge_pair(bench, case);
                    let mut done = done.lock().expect("no thread panics with it");
                    match both {
                        Ok(both) => {
                            // What was judged is known where a long measurement is broken off.
                            eprintln!("{}", line(&case.id, &both));
                            done.0.extend(both);
                        }
                        Err(judge::NotRun(why)) => done.1.push((case.id.clone(), why)),
                    }
                }
            });
        }
    });
    let (mut answers, mut not_run) = done.into_inner().expect("all threads have ended");
    answers.sort_by(|a, b| (&a.id, a.side).cmp(&(&b.id, b.side)));
    not_run.sort();
    (answers, not_run)
}

/// How the gate's refusal of a base begins that the project's own compiler refuses.
const UNBUILT: &str = "it does not build";

/// What never came before the nineteen checks, since the base is no ground to judge upon.
fn refused(case: &Case, side: Side, why: &str) -> Answer {
    Answer {
        id: case.id.clone(),
        language: case.language.clone(),
        kind: case.kind_of_cheat.clone(),
        held_by: case.held_by.clone(),
        side,
        held: true,
        by: vec![("person".to_owned(), why.to_owned())],
        own: Duration::ZERO,
    }
}

fn judge_pair(bench: &Bench, case: &Case) -> Result<[Answer; 2], judge::NotRun> {
    let [honest, cheat] = Side::BOTH;
    let pair = match bench.pair(&case.id, &case.seen) {
        // The gate judges nothing upon such a ground, and asks a person: neither answer passes.
        Err(judge::NotRun(why)) if why.starts_with(UNBUILT) => {
            return Ok([honest, cheat].map(|side| refused(case, side, &why)));
        }
        pair => pair?,
    };
    let answer = |side| Ok(Answer::new(case, side, &pair.judge(side)?));
    Ok([answer(honest)?, answer(cheat)?])
}

/// Both answers of a pair, as soon as they are judged.
fn line(id: &str, answers: &[Answer]) -> String {
    let of = |answer: &Answer| {
        let by: Vec<&str> = answer.by.iter().map(|(check, _)| check.as_str()).collect();
        let held = match answer.held {
            true => format!("held by {}", by.join(", ")),
            false => "not held".to_owned(),
        };
        format!("{:?} {held}", answer.side)
    };
    let answers: Vec<String> = answers.iter().map(of).collect();
    format!("{id}: {}", answers.join("; "))
}
