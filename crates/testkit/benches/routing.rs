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
/// Microseconds, for the median and for the p99: a queue of a thousand tasks is sorted in a twentieth of a second.
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
        let (mut spent, mut chosen) = (Vec::new(), BTreeSet::new());
        for _ in 0..ROUNDS {
            for title in &titles {
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
        spent.sort_by(f64::total_cmp);
        let at = |part: f64| spent[((spent.len() - 1) as f64 * part) as usize];
        let (median, p99) = (at(0.5), at(0.99));
        println!(
            "      {what}: median {median:.1} us  p99 {p99:.1}  most {:.1}; {} companies chosen",
            at(1.0),
            chosen.len()
        );
        held &= !description.is_empty() || p99 <= US_MAX;
    }
    let verdict = if held { "held" } else { "MISSED" };
    println!("aim   p99 of a title at most {US_MAX} us: {verdict}");
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
