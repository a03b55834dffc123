//! What it costs to classify a task without a model: safety rules, then keywords.

// It is for people at a terminal.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use alai_core::routing::{Class, Source, classify};
use alai_testkit::fuzz::Dice;

/// Tasks of one round; each with another title, most with a description.
const TASKS: u64 = 5_000;
const ROUNDS: usize = 5;
/// Microseconds: a queue of a thousand new tasks is sorted in a twentieth of a second.
const MEDIAN_US_MAX: f64 = 50.0;

const VERBS: &[&str] = &[
    "Add",
    "Fix",
    "Rename",
    "Refactor",
    "Document",
    "Deploy",
    "Scaffold",
    "Design",
    "Review",
    "Speed up",
    "Popravi",
    "Write tests for",
];
const THINGS: &[&str] = &[
    "rate limiting",
    "the login endpoint",
    "a landing page",
    "the schema design",
    "a race condition",
    "the README",
    "Next.js hero",
    "Kotlin/Ktor API",
    "størrelse på bilder",
    "дизайн страницы",
    "the CI/CD pipeline",
    "CSV export",
    "a webhook for orders",
    "the parser",
    "GDPR consent",
    "the prompt of the agent",
    "BankID login",
    "a typo",
];
const PLACES: &[&str] = &[
    "of the shop",
    "in the backend",
    "for the admin",
    "on mobile",
    "behind a flag",
    "in module 7",
    "with a migration",
    "and its tests",
    "without a new dependency",
    "for tenants",
];
const SENTENCES: &[&str] = &[
    "It must answer within a second.",
    "Users see an error today.",
    "The old name stays as an alias.",
    "See the report of last week and the three tickets behind it.",
    "Nothing else changes.",
    "The table has two million rows, so the migration runs in parts.",
    "A test shows it.",
    "Acceptance: `npm test` is green, coverage does not fall, the docs say how.",
];

fn main() {
    let tasks: Vec<(String, String)> = (1..=TASKS).map(task).collect();
    let mut spent = Vec::new();
    let mut classes = Vec::new();
    for round in 0..ROUNDS {
        for (title, description) in &tasks {
            let begun = Instant::now();
            let class = classify(black_box(title), black_box(description));
            spent.push(begun.elapsed().as_secs_f64() * 1e6);
            if round == 0 {
                classes.push(class);
            }
        }
    }
    spent.sort_by(f64::total_cmp);
    let at = |part: f64| spent[((spent.len() - 1) as f64 * part) as usize];
    let median = at(0.5);
    println!(
        "classification without a model, {TASKS} tasks, {ROUNDS} rounds: median {median:.1} us  p95 {:.1}  p99 {:.1}  most {:.1}",
        at(0.95),
        at(0.99),
        at(1.0)
    );
    said(&classes);
    let held = if median <= MEDIAN_US_MAX {
        "held"
    } else {
        "missed"
    };
    println!("aim   median {median:.1} us, at most {MEDIAN_US_MAX} us: {held}");
}

/// What came out, so that nobody measures a function that says the same of all.
fn said(classes: &[Class]) {
    let railed = classes
        .iter()
        .filter(|c| c.source == Source::Safety)
        .count();
    let of = |complexity: u8| {
        classes
            .iter()
            .filter(|c| c.complexity == complexity)
            .count()
    };
    println!(
        "      complexity 1 to 5: {}, {}, {}, {}, {}; {railed} by a safety rule",
        of(1),
        of(2),
        of(3),
        of(4),
        of(5)
    );
}

fn task(seed: u64) -> (String, String) {
    let mut dice = Dice::new(seed);
    let title = format!(
        "{} {} {} {seed}",
        dice.pick(VERBS),
        dice.pick(THINGS),
        dice.pick(PLACES)
    );
    let mut description = String::new();
    for _ in 0..dice.below(7) {
        let sentence: &&str = dice.pick(SENTENCES);
        description.push_str(sentence);
        description.push(' ');
    }
    (title, description)
}
