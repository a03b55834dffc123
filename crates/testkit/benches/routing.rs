//! What it costs to find a task's company among the shipped ones: the titles of both routing tables, each with and without a description.

// It is for people at a terminal.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use alai_core::company::Registry;
use alai_core::routing::{Ask, route};
use alai_core::task::TaskKind;

const ROUNDS: usize = 200;
/// Registries that are made: the index is made with each.
const LOADS: usize = 20;
/// Microseconds for each title: a queue of a thousand tasks is sorted in a twentieth of a second. A title's figure is the median of its
/// rounds, so that the slowest title is a title and not a moment in which the machine did something else; the p99 of all is shown beside.
const US_MAX: f64 = 50.0;
/// Some two hundred words, as a careful person writes them.
const DESCRIPTION: &str = "It must answer within a second. Users see an error today. The old name stays as an alias. See the report of \
    last week and the three tickets behind it. Nothing else changes. The table has two million rows, so the migration runs in parts. ";

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let packs = packs(&root.join("companies"));
    let begun = Instant::now();
    for _ in 1..LOADS {
        black_box(Registry::load(black_box(&packs), &[])).expect("the shipped packs are whole");
    }
    let load_ms = begun.elapsed().as_secs_f64() * 1e3 / (LOADS - 1) as f64;
    let registry = Registry::load(&packs, &[]).expect("the shipped packs are whole");
    let titles = titles(&root.join("crates/core/tests/routing"));
    let long = DESCRIPTION.repeat(4);
    let count = registry.companies().len();
    println!(
        "routing of {} titles among {count} companies, {ROUNDS} rounds; reading the packs and making the index {load_ms:.1} ms",
        titles.len()
    );
    let mut held = true;
    for (what, description) in [("title alone", ""), ("200 words more", long.as_str())] {
        let mut spent = vec![Vec::with_capacity(ROUNDS); titles.len()];
        let mut chosen = BTreeSet::new();
        for _ in 0..ROUNDS {
            for (title, spent) in titles.iter().zip(&mut spent) {
                let ask = Ask {
                    title: black_box(title),
                    description: black_box(description),
                    tags: &[],
                    kind: TaskKind::Build,
                    pinned: None,
                    class: None,
                };
                let begun = Instant::now();
                let route = route(ask, &registry);
                spent.push(begun.elapsed().as_secs_f64() * 1e6);
                chosen.insert(route.expect("a company").company);
            }
        }
        let mut all = spent.concat();
        let (slowest, title) = spent
            .iter_mut()
            .zip(&titles)
            .map(|(rounds, title)| (at(rounds, 0.5), title))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .expect("there are titles");
        println!(
            "      {what}: median {:.1} us  p99 {:.1}  most {:.1}; {} companies chosen",
            at(&mut all, 0.5),
            at(&mut all, 0.99),
            at(&mut all, 1.0),
            chosen.len()
        );
        println!("      the slowest title: {slowest:.1} us, `{title}`");
        held &= !description.is_empty() || slowest <= US_MAX;
    }
    let verdict = if held { "held" } else { "missed" };
    println!("aim   each title in at most {US_MAX} us: {verdict}");
}

fn at(spent: &mut [f64], part: f64) -> f64 {
    spent.sort_by(f64::total_cmp);
    spent[((spent.len() - 1) as f64 * part) as usize]
}

fn titles(dir: &Path) -> Vec<String> {
    let mut titles = Vec::new();
    for half in ["blind.tsv", "known.tsv"] {
        let text = fs::read_to_string(dir.join(half)).expect("a table of titles");
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        titles.extend(rows.filter_map(|row| Some(row.split('\t').nth(1)?.to_owned())));
    }
    titles
}

fn packs(root: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut packs = BTreeMap::new();
    for entry in fs::read_dir(root).expect("the packs are part of the repository") {
        let folder = entry.expect("an entry").path();
        let mut files = BTreeMap::new();
        read(&folder, &folder, &mut files);
        let name = folder.file_name().expect("a name").to_string_lossy();
        packs.insert(name.into_owned(), files);
    }
    packs
}

fn read(pack: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(pack, &path, files);
        } else {
            let name = path.strip_prefix(pack).expect("it lies below");
            let text = fs::read_to_string(&path).expect("a pack holds text");
            files.insert(name.to_string_lossy().into_owned(), text);
        }
    }
}
