//! What is ticked off as done is a claim, and a claim has a record: of items whose names the change writes into the product, no test
//! says anything.
//!
//! Only lists are read that name what the product knows (codes, commands, formats); that the docs were written is no test's to say.

use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use super::copied::{Tests, strings};
use crate::change::{Change, ChangedFile};
use crate::mutants;
use crate::paths;
use crate::source::Lang;

/// One or two may be tried by what tests the others.
const ITEMS_MIN: usize = 3;
/// More items are not looked up.
const ITEMS_MAX: usize = 500;

static OPEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[ \]").expect("a fixed pattern"));
static DONE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[[xX]\]").expect("a fixed pattern"));
/// A name within an item that is none of a table: in backticks, or a code in capitals.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"`([^`]{2,60})`|\b([A-Z][A-Z0-9_-]{1,20})\b").expect("a fixed pattern")
});

pub(super) fn found(
    file: &ChangedFile,
    change: &Change,
    rules: &Rules<'_>,
    tests: &Tests,
) -> Option<String> {
    if file.lang().is_code() || file.is_new() || file.is_deleted() {
        return None;
    }
    let (base, head) = (file.base.text()?, file.head.text()?);
    let base: Vec<&str> = base.lines().collect();
    let open: Vec<String> = { file.removed.iter() }
        .filter_map(|at| base.get(*at))
        .filter(|line| OPEN.is_match(line))
        .map(|line| OPEN.replace(line, "[x]").trim().to_owned())
        .collect();
    let lines: Vec<&str> = head.lines().collect();
    let ticked: Vec<(usize, Vec<String>)> = { file.added.iter() }
        .filter_map(|at| Some((*at, lines.get(*at)?)))
        .filter(|(_, line)| open.contains(&DONE.replace(line, "[x]").trim().to_owned()))
        .take(ITEMS_MAX)
        .map(|(at, line)| (at, names(line)))
        .collect();
    let units = unit_tests(change);
    let list = paths::name(&file.path);
    if ticked.len() < ITEMS_MIN || tests.name(list) || units.contains(list) {
        return None;
    }
    let known = product(change, rules);
    let of_product: Vec<&(usize, Vec<String>)> = { ticked.iter() }
        .filter(|(_, names)| names.iter().any(|name| known.contains(name)))
        .collect();
    let untold: Vec<&&(usize, Vec<String>)> = { of_product.iter() }
        .filter(|(_, names)| {
            !names
                .iter()
                .any(|name| tests.say(name) || units.contains(name.as_str()))
        })
        .collect();
    let many = untold.len() >= ITEMS_MIN && untold.len() * 2 >= of_product.len();
    let first = untold.first().filter(|_| many)?;
    Some(format!(
        "{} ticks off what no test tries: {} of {} items are in no test; test them, or leave them open",
        file.at(first.0),
        untold.len(),
        of_product.len()
    ))
}

/// What an item names: the cells of a row, or names within its text.
fn names(line: &str) -> Vec<String> {
    if line.trim_start().starts_with('|') {
        let cells = line.split('|').map(str::trim);
        let named = |cell: &&str| {
            cell.chars().count() >= 2 && !DONE.is_match(cell) && cell.contains(char::is_alphabetic)
        };
        return cells
            .filter(named)
            .map(|cell| cell.trim_matches('`').to_owned())
            .collect();
    }
    { NAME.captures_iter(line) }
        .filter_map(|seen| seen.get(1).or(seen.get(2)))
        .map(|name| name.as_str().to_owned())
        .collect()
}

/// The tests within sources of Rust that the change touches, as one text.
fn unit_tests(change: &Change) -> String {
    let mut units = String::new();
    for file in &change.files {
        let (Lang::Rust, Some(source), Some(text)) =
            (file.lang(), file.head_source(), file.head.text())
        else {
            continue;
        };
        for at in mutants::test_lines(&source, text, Lang::Rust)
            .into_iter()
            .flatten()
        {
            units.push_str(source.raw.get(at).map_or("", String::as_str));
            units.push('\n');
        }
    }
    units
}

/// Texts on lines that the change wrote into the product.
fn product(change: &Change, rules: &Rules<'_>) -> Vec<String> {
    let mut known = Vec::new();
    for file in &change.files {
        if rules.is_test(&file.path) || !file.lang().is_code() {
            continue;
        }
        let Some(source) = file.head_source() else {
            continue;
        };
        let own = mutants::test_lines(&source, file.head.text().unwrap_or_default(), file.lang());
        let written = file
            .added
            .iter()
            .filter(|at| !own.iter().any(|range| range.contains(at)));
        known.extend(written.flat_map(|at| strings(&source.uncommented(*at))));
    }
    known
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::examples::run;

    const LIST: &str = "# Units\n\n| done | unit | is |\n|---|---|---|\n| [ ] | km | 1000 m |\n| [ ] | mile | 1609 m |\n| [ ] | inch | 0.0254 m |\n| [ ] | yard | 0.9144 m |\n";

    fn judged(list: &str, done: &str, test: &str) -> CheckResult {
        let files = [
            ("UNITS.md", Some(list), Some(done)),
            (
                "units.py",
                Some("UNITS = {}\n"),
                Some(
                    "UNITS = {\n    \"km\": 1000,\n    \"mile\": 1609,\n    \"inch\": 0.0254,\n    \"yard\": 0.9144,\n}\n",
                ),
            ),
            ("tests/test_units.py", None, Some(test)),
        ];
        run(&files, &[]).result
    }

    #[test]
    fn what_is_ticked_off_is_tried() {
        let done = LIST.replace("[ ]", "[x]");
        let one =
            "from units import UNITS\n\n\ndef test_units():\n    assert UNITS['km'] == 1000\n";
        assert_eq!(judged(LIST, &done, one), CheckResult::Fail);
        let most = "from units import UNITS\n\n\ndef test_units():\n    for unit in ('km', 'mile', 'yard'):\n        assert UNITS[unit] > 0.5\n";
        assert_eq!(judged(LIST, &done, most), CheckResult::Pass);
        let reads = "from units import UNITS\n\n\ndef test_units():\n    with open('UNITS.md') as rows:\n        assert len(list(rows)) > len(UNITS)\n";
        assert_eq!(
            judged(LIST, &done, reads),
            CheckResult::Pass,
            "they read the list itself"
        );
        let two = LIST
            .replace("[ ] | km", "[x] | km")
            .replace("[ ] | mile", "[x] | mile");
        assert_eq!(judged(LIST, &two, one), CheckResult::Pass);
    }

    #[test]
    fn work_that_no_test_tries_may_be_done() {
        let list = "# To do\n\n- [ ] describe the API\n- [ ] release `1.2`\n- [ ] rename the folder of docs\n- [ ] tell the users\n";
        let test =
            "from units import UNITS\n\n\ndef test_units():\n    assert UNITS['km'] == 1000\n";
        assert_eq!(
            judged(list, &list.replace("[ ]", "[x]"), test),
            CheckResult::Pass
        );
    }
}
