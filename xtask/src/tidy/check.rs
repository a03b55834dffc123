//! Runs every rule over the files of the repository and prints what was found.

use super::finding::{Finding, Rule, Weight};
use super::metadata::{self, Package};
use super::{companies, documents, edges, licences, reexports, rooms, sizes, traps, words};
use crate::program::{self, Error};
use std::collections::BTreeSet;
use std::fs;

/// A file of the repository; `text` is `None` for what is not UTF-8.
struct File {
    path: String,
    bytes: u64,
    text: Option<String>,
}

/// Projects of samples, and those that the gate is measured on, are data: they follow their own languages' rules, not the house's.
const DATA: [&str; 2] = ["crates/testkit/samples/", "corpus/gate/"];

/// Prints the findings; `Ok(false)` when one of them fails.
pub(crate) fn run() -> Result<bool, Error> {
    let (files, packages) = (files()?, metadata::read()?);
    let findings = findings(&files, &packages);
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings
        .iter()
        .filter(|finding| finding.weight == Weight::Fails)
        .count();
    let warnings = findings.len() - errors;
    println!(
        "tidy: {} files, {} packages, {errors} errors, {warnings} warnings",
        files.len(),
        packages.len()
    );
    Ok(errors == 0)
}

fn findings(files: &[File], packages: &[Package]) -> Vec<Finding> {
    let places = places(files);
    let shipped = companies::shipped(files.iter().map(|file| file.path.as_str()));
    let mut findings = [edges::edges(packages), licences::licences(packages)].concat();
    for File { path, bytes, text } in files {
        findings.extend(sizes::weight(path, *bytes));
        let Some(text) = text else { continue };
        findings.extend(words::words(path, text));
        if DATA.iter().any(|data| path.starts_with(data)) {
            continue;
        }
        if path.ends_with(".rs") {
            findings.extend(rust(path, text));
            findings.extend(companies::unnamed(path, text, &shipped));
        }
        // What tests are fed with is no page of ours.
        if path.ends_with(".md") && !path.contains("/tests/") {
            findings.extend(documents::links(path, text, |place| places.contains(place)));
        }
    }
    let text_of = |path: &str| {
        let file = files.iter().find(|file| file.path == path)?;
        file.text.as_deref()
    };
    if let Some(page) = text_of(traps::PAGE) {
        findings.extend(traps::traps(page, text_of));
    }
    let architecture = files
        .iter()
        .find(|file| file.path == documents::ARCHITECTURE);
    match architecture.and_then(|file| file.text.as_deref()) {
        Some(text) => findings.extend(documents::dependency_table(text, packages)),
        None => {
            let what = "missing; it gives every dependency a line with its reason";
            findings.push(Finding::fails(
                Rule::Documents,
                documents::ARCHITECTURE,
                0,
                what,
            ));
        }
    }
    findings
}

fn rust(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = sizes::lengths(path, text);
    findings.extend(rooms::rooms(path, text));
    let name = path.rsplit('/').next().unwrap_or(path);
    if ["lib.rs", "mod.rs"].contains(&name) && !rooms::is_test(path) {
        findings.extend(reexports::reexports(path, text));
    }
    let is_root = matches!(
        path.split('/').collect::<Vec<_>>()[..],
        ["crates", _, "src", "lib.rs" | "main.rs"] | ["xtask", "src", "main.rs"]
    );
    if is_root {
        findings.extend(documents::crate_docs(path, text));
    }
    findings
}

/// Every file and every folder that holds one.
fn places(files: &[File]) -> BTreeSet<&str> {
    let mut places = BTreeSet::new();
    for file in files {
        let mut place = file.path.as_str();
        places.insert(place);
        while let Some((folder, _)) = place.rsplit_once('/') {
            places.insert(folder);
            place = folder;
        }
    }
    places
}

/// What git keeps or would keep: a new file is judged before it is committed.
fn files() -> Result<Vec<File>, Error> {
    let mut git = program::command("git");
    // Another user may own the checkout; nothing of it is run here.
    git.args([
        "-c",
        "safe.directory=*",
        "-c",
        "core.fsmonitor=false",
        "ls-files",
        "-z",
    ]);
    git.args(["--cached", "--others", "--exclude-standard"]);
    let listed = program::read(git)?;
    let root = program::root();
    let mut files = Vec::new();
    let paths: BTreeSet<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
    for path in paths {
        let place = root.join(path);
        // Deleted but not yet committed so, or a link, whose target is judged where it is.
        if !fs::symlink_metadata(&place).is_ok_and(|found| found.is_file()) {
            continue;
        }
        let bytes = fs::read(&place).map_err(|source| Error::File {
            path: place,
            source,
        })?;
        files.push(File {
            path: path.to_owned(),
            bytes: bytes.len() as u64,
            text: String::from_utf8(bytes).ok(),
        });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::super::metadata::examples::ours;
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            bytes: text.len() as u64,
            text: Some(text.to_owned()),
        }
    }

    fn rules(files: &[File]) -> Vec<Rule> {
        let architecture = file(documents::ARCHITECTURE, "## Dependencies\n| serde | x |\n");
        let files: Vec<File> = files
            .iter()
            .map(|f| file(&f.path, f.text.as_deref().unwrap_or_default()))
            .chain([architecture])
            .collect();
        let packages = [ours("alai-core", &["serde"])];
        findings(&files, &packages)
            .into_iter()
            .map(|finding| finding.rule)
            .collect()
    }

    #[test]
    fn every_rule_is_wired_to_its_files() {
        assert_eq!(
            rules(&[file(
                "crates/core/src/lib.rs",
                "//! Core: it decides.\nmod a;\n"
            )]),
            []
        );
        for (path, text, rule) in [
            ("crates/core/src/lib.rs", "mod a;\n", Rule::Documents),
            (
                "crates/core/src/lib.rs",
                "//! Core: it decides.\nfn f() {}\n",
                Rule::Reexport,
            ),
            ("crates/cli/src/main.rs", "fn main() {}\n", Rule::Documents),
            ("crates/core/src/a.rs", "use std::fs;\n", Rule::Room),
            ("crates/core/src/a.rs", &"\n".repeat(1600), Rule::Size),
            ("docs/a.md", "[x](none.md)\n", Rule::Documents),
            (
                traps::PAGE,
                "## Traps\n| one | `fleet/src/a.rs::gone` |\n",
                Rule::Documents,
            ),
            ("any.txt", &["# TO", "DO\n"].concat(), Rule::Words),
            (
                "crates/testkit/samples/a/b.py",
                &["# TO", "DO\n"].concat(),
                Rule::Words,
            ),
        ] {
            assert_eq!(rules(&[file(path, text)]), [rule], "{path} {text:.30}");
        }
        assert_eq!(
            rules(&[file("crates/testkit/samples/a/src/lib.rs", "fn f() {}\n")]),
            []
        );
    }

    #[test]
    fn a_missing_table_of_dependencies_is_found() {
        let found = findings(&[], &[ours("alai-core", &[])]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, documents::ARCHITECTURE);
    }

    #[test]
    fn links_may_lead_to_files_and_folders() {
        let files = [file("docs/adr/one.md", "")];
        let places = places(&files);
        assert!(
            ["docs/adr/one.md", "docs/adr", "docs"]
                .iter()
                .all(|place| places.contains(place))
        );
    }
}
