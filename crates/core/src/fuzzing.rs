//! The doors of the guided fuzz targets (`fuzz/`): any bytes, read by what the product reads them with. Each panics when what must hold
//! of them does not.

use std::collections::BTreeMap;

use crate::sarif::RESULTS_MAX;
use crate::{blueprint, company, patch, plan, qa, review, sarif};

/// A table of prices is read or refused, and holds no price above its dearest; panics when it does.
pub fn prices(bytes: &[u8]) {
    crate::money::judge_table(&String::from_utf8_lossy(bytes));
}

/// What analysers, linters and scanners print: SARIF, their own JSON, lines for people.
///
/// # Panics
/// When there are more findings than are read, one of a file that a scanner was not given, or something else at another reading.
pub fn reports(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let log = sarif::read(&text);
    assert_eq!(log, sarif::read(&text));
    assert!(log.map_or(0, |found| found.len()) <= RESULTS_MAX);
    let printed = qa::linters::read(&text);
    assert!(printed.findings.len() <= RESULTS_MAX);
    assert!(
        printed.since(&printed).is_empty(),
        "it is new beside itself"
    );
    for (scanner, file) in qa::scanners::SCANNERS.iter().zip(["a.py", "a.sh"]) {
        let found = scanner.read(1, &text, &[file]).unwrap_or_default();
        let is_given =
            |finding: &review::Finding| finding.path.as_deref().is_none_or(|path| path == file);
        assert!(
            found.len() <= RESULTS_MAX && found.iter().all(is_given),
            "{found:?}"
        );
    }
}

/// Files of packs that were imported, and what models write in forms of ours: a plan, a review, a patch.
///
/// # Panics
/// When a blueprint that can be walked is another one at another reading, a refusal names nothing, or a change of a patch no file.
pub fn packs(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if let Ok(raw) = blueprint::parse(&text, "it") {
        let library = BTreeMap::from([(raw.name.clone(), text.clone())]);
        let walked = || blueprint::resolve(&raw.name, &library, &BTreeMap::new());
        assert_eq!(format!("{:?}", walked()), format!("{:?}", walked()));
    }
    for file in [
        "company.json",
        "config.json",
        "CLAUDE.md",
        "agents/builder.yaml",
        "config/mcp.json",
        "config/tools.json",
        "skills/a/SKILL.md",
        "blueprints/a.yaml",
    ] {
        let files = BTreeMap::from([(file.to_owned(), text.clone())]);
        let problems = company::check("acme", &files)
            .map(drop)
            .expect_err("files are missing");
        assert!(!problems.is_empty());
    }
    let _skill = company::skill::parse("a", &text);
    let _plan = plan::Plan::parse(&text, &[]);
    let _review = review::Review::parse(&text);
    if let Ok(changes) = patch::parse(&text) {
        let named = |change: &patch::Change| change.paths().iter().all(|path| !path.is_empty());
        assert!(!changes.is_empty() && changes.iter().all(named));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use alai_testkit::fuzz;

    use super::*;

    #[test]
    fn reports() {
        const PIECES: [&str; 12] = [
            "{",
            "[",
            "]",
            "}",
            "\n",
            ",",
            "null",
            "1e99",
            "\"%zz\"",
            "a.py:1:2: E1 x\n",
            "-1",
            "\\ud800",
        ];
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/reports");
        fuzz::door("reports", &folder, &PIECES, super::reports);
    }

    /// Cases begin from what is read, not from what is refused at its first byte.
    #[test]
    fn the_seeds_are_read() {
        let reports = |name: &str| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/reports");
            std::fs::read_to_string(folder.join(name)).expect("a seed")
        };
        assert_eq!(
            sarif::read(&reports("sarif.json")).map(|found| found.len()),
            Ok(1)
        );
        for (scanner, file, name) in [(0, "a.py", "bandit.json"), (1, "a.sh", "shellcheck.json")] {
            let found = qa::scanners::SCANNERS[scanner].read(1, &reports(name), &[file]);
            assert_eq!(found.map(|found| found.len()), Ok(1), "{name}");
        }
        assert!(qa::linters::read(&reports("lines.txt")).findings.len() >= 5);
        let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/packs");
        let read = |name: &str| std::fs::read_to_string(packs.join(name)).expect("a seed");
        assert!(blueprint::parse(&read("one.yaml"), "it").is_ok());
        assert_eq!(
            patch::parse(&read("patch.txt")).map(|changes| changes.len()),
            Ok(3)
        );
        assert!(company::skill::parse("a", &read("skill.md")).is_ok());
        assert!(review::Review::parse(&read("review.json")).is_ok());
    }

    #[test]
    fn packs() {
        const PIECES: [&str; 15] = [
            "\n",
            "  ",
            "- ",
            ": ",
            "{",
            "}",
            "${{",
            "}}",
            "&a ",
            "*a",
            "\"",
            "|\n",
            "~",
            "\t",
            "*** End Patch\n",
        ];
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/packs");
        fuzz::door("packs", &folder, &PIECES, super::packs);
    }
}
