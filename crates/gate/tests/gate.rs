//! Measures real commits of small projects: clones, cages and runners are real.
//!
//! The cage needs a launcher executable, which a test binary is not. It is the workspace room's test launcher: built into the
//! same target folder, made by `cargo build -p alai-workspace --bins`; `ALAI_LAUNCHER` names another one. When it is missing
//! the first test builds it.

#[path = "gate/alike.rs"]
mod alike;
#[path = "gate/asserted.rs"]
mod asserted;
#[path = "gate/boxes.rs"]
mod boxes;
#[path = "../benches/corpus/case.rs"]
mod case;
#[path = "gate/cheats.rs"]
mod cheats;
#[path = "gate/corpus.rs"]
mod corpus;
#[path = "gate/coverage.rs"]
mod coverage;
#[path = "gate/data.rs"]
mod data;
#[path = "gate/edited.rs"]
mod edited;
#[path = "gate/faults.rs"]
mod faults;
#[path = "../benches/corpus/figures.rs"]
mod figures;
#[path = "gate/go.rs"]
mod go;
#[path = "gate/honest.rs"]
mod honest;
#[path = "../benches/corpus/impossible.rs"]
mod impossible;
#[path = "../benches/corpus/judge.rs"]
mod judge;
#[path = "gate/marked.rs"]
mod marked;
#[path = "gate/reports.rs"]
mod reports;
#[path = "gate/reviews.rs"]
mod reviews;
#[path = "gate/scanners.rs"]
mod scanners;
#[path = "gate/services.rs"]
mod services;
#[path = "gate/world.rs"]
mod world;
