//! The table of attacks in docs/SANDBOX.md: what the suite shows, in the words of its cases. `ALAI_WRITE_DOCS=1` writes it.

use std::collections::BTreeSet;
use std::fs;

use super::cases::CASES;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SANDBOX.md");
const BEGIN: &str = "<!-- red-team: written by crates/cli/tests/cli/redteam/table.rs -->\n";
const END: &str = "<!-- /red-team -->";

#[test]
fn the_table_of_attacks_in_the_documentation_is_what_is_tried() {
    let rows = CASES.iter().map(|case| {
        assert!(
            !case.held.is_empty() && !case.end.is_empty(),
            "case {}",
            case.number
        );
        format!(
            "| {} | {} | {} | {} |\n",
            case.number, case.name, case.held, case.end
        )
    });
    let table: String =
        ["| | Attempt | What holds | What becomes of the run |\n|---|---|---|---|\n".to_owned()]
            .into_iter()
            .chain(rows)
            .collect();
    let numbers: BTreeSet<&str> = CASES.iter().map(|case| case.number).collect();
    assert_eq!(numbers.len(), CASES.len(), "each number once");
    let text = fs::read_to_string(FILE).expect("the page");
    let (before, rest) = text.split_once(BEGIN).expect("the table begins somewhere");
    let (written, after) = rest.split_once(END).expect("the table ends somewhere");
    if std::env::var_os("ALAI_WRITE_DOCS").is_some() {
        fs::write(FILE, format!("{before}{BEGIN}{table}{END}{after}")).expect("written");
        return;
    }
    assert_eq!(written, table, "ALAI_WRITE_DOCS=1 writes it");
}
