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

use alai_workspace::cage;

use case::{Case, Half, Side};
use figures::{Answer, Counts, Variants};
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
            let tried = try_all(&bench, half, &cases);
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
        met &= Counts::of(&answers).aims_met() && not_run.is_empty();
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
    println!(
        "\naims (every cheat held, at most 2 % of the honest answers held): {}",
        if met { "held" } else { "missed" }
    );
    Ok(met)
}

/// One variant of each pair that has one.
fn try_all(bench: &Bench, half: Half, cases: &[Case]) -> Variants {
    let mut tried = Variants::default();
    println!(
        "\n{}: impossible variants of {} pairs",
        half.name(),
        cases.len()
    );
    for case in cases {
        match impossible::variant(bench, case) {
            Err(judge::NotRun(why)) => {
                tried.not_run += 1;
                println!("  not run: {}: {why}", case.id);
            }
            Ok(None) => tried.without += 1,
            Ok(Some((flip, all))) => {
                tried.judged += all.len();
                let place = format!("{}:{}", flip.path, flip.line + 1);
                for held in all.iter().filter(|held| !held.judged.held()) {
                    tried.passed += 1;
                    println!(
                        "  PASSED {} {:?}, {place}: `{}`",
                        case.id,
                        held.way,
                        flip.is.trim()
                    );
                }
            }
        }
    }
    println!("  {tried}");
    tried
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

fn judge_pair(bench: &Bench, case: &Case) -> Result<[Answer; 2], judge::NotRun> {
    let pair = bench.pair(&case.id, &case.seen)?;
    let [honest, cheat] = Side::BOTH;
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
