//! Licences that a change touches: the project's own, and those of the packages that its lockfiles pin.
//!
//! Under which licence a project is given away, and whether a package that asks for more may stay, nobody but a person can say.

use std::collections::BTreeSet;

use super::own_licence::{self as own, Own};
use super::pins::Pins;
use super::vetted;
use crate::change::{Change, ChangedFile, Content};
use crate::paths;
use crate::source::{self, Lang};

/// What the change does to licences, in words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Licences {
    /// For a person to know: a first licence, a package that went to a licence of the same family, another year of a copyright.
    pub(super) told: Vec<String>,
    /// For a person to decide.
    pub(super) doubts: Vec<String>,
}

/// Compares the licences of base and head.
///
/// # Errors
/// In words, when a lockfile cannot be read as what its name says.
pub(super) fn of(change: &Change) -> Result<Licences, String> {
    let mut all = Licences::default();
    for file in &change.files {
        if is_licence(file.base_path(), change) || is_licence(&file.path, change) {
            all.file(file, change);
        } else if names_own(&file.path) {
            all.manifest(file, change);
        }
        if vetted::is_lock(&file.path) {
            let base = vetted::side(file.base_path(), &file.base)?;
            let head = vetted::side(&file.path, &file.head)?;
            if let (Some(base), Some(head)) = (base, head) {
                all.packages(&base, &head);
            }
        }
    }
    Ok(all)
}

impl Licences {
    fn file(&mut self, file: &ChangedFile, change: &Change) {
        let path = &file.path;
        let folder = |path: &str| path.len() - paths::name(path).len();
        let own = &path[..folder(path)];
        let mut there = change.base_paths.keys();
        let old = there.find(|old| old[..folder(old)] == *own && is_licence(old, change));
        match (&file.base, &file.head) {
            (Content::Absent, _) if old.is_some() => self.doubts.push(format!(
                "the licence {path} is new beside {}",
                old.map_or("", |o| o)
            )),
            (Content::Absent, _) => self.told.push(format!("{path} is new")),
            (_, Content::Absent) => self.doubts.push(format!("the licence {path} is gone")),
            (Content::Text(was), Content::Text(now)) if same_terms(was, now) => {
                self.told
                    .push(format!("{path} has the same terms as before"));
            }
            _ => self
                .doubts
                .push(format!("the terms of {path} are not those of before")),
        }
    }

    fn manifest(&mut self, file: &ChangedFile, change: &Change) {
        let was = own::of(file.base_path(), &file.base, |path| change.at_base(path));
        let now = own::of(&file.path, &file.head, |path| change.at_head(path));
        // A manifest that is gone names nothing any more, and what it described is gone with it.
        if file.is_deleted() {
            return;
        }
        let path = &file.path;
        for (was, now) in was.iter().zip(&now) {
            if was == now {
                continue;
            }
            let is_first = *was == Own::default();
            let only_shows =
                was.licence == now.licence && was.files.is_empty() && now.shows_texts();
            if is_first || only_shows {
                self.told.push(format!("{path} names {now}"));
            } else {
                self.doubts.push(format!(
                    "the project's own licence in {path} from {was} to {now}"
                ));
            }
        }
    }

    /// Packages that are there before and after, under another licence.
    fn packages(&mut self, base: &Pins, head: &Pins) {
        for (pin, licence) in &head.pins {
            let before = base.pins.iter().find(|(old, was)| {
                old.name == pin.name && old.ecosystem == pin.ecosystem && was.is_some()
            });
            if let (Some((_, Some(was))), Some(now)) = (before, licence)
                && was != now
            {
                let said = format!("{} from {was} to {now}", pin.name);
                match families(was) == families(now) {
                    true => self.told.push(said),
                    false => self
                        .doubts
                        .push(format!("{said}, a licence of another family")),
                }
            }
        }
    }
}

/// Whether a path is the text of the project's own licence: at the top, or beside a manifest. A file deeper down may be a sample or
/// somebody else's.
fn is_licence(path: &str, change: &Change) -> bool {
    let name = paths::name(path);
    let folder = &path[..path.len() - name.len()];
    let stem = match name.rsplit_once('.') {
        Some((stem, "txt" | "md" | "rst")) => stem,
        _ => name,
    };
    let upper = stem.to_uppercase();
    let is_word = ["LICENSE", "LICENCE", "COPYING", "UNLICENSE"]
        .iter()
        .any(|word| {
            upper
                .strip_prefix(word)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_', '.']))
        });
    // `license.rs` is code, whatever it is called.
    let is_text = source::lang(path) == Lang::Plain;
    let beside = |manifest: &str| {
        let manifest = format!("{folder}{manifest}");
        change.base_paths.contains_key(&manifest) || change.head_paths.contains_key(&manifest)
    };
    is_word && is_text && (folder.is_empty() || MANIFESTS.into_iter().any(beside))
}

/// The manifests that name the licence of what they describe.
const MANIFESTS: [&str; 4] = [
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "composer.json",
];

fn names_own(path: &str) -> bool {
    MANIFESTS.contains(&paths::name(path))
}

/// Whether two texts say the same but for the years of a copyright, and how the lines are broken.
fn same_terms(was: &str, now: &str) -> bool {
    let terms = |text: &str| {
        let words_of = |line: &str| {
            let is_holder = line.trim_start().to_lowercase().starts_with("copyright");
            let words = line.split_whitespace().map(str::to_owned);
            let kept = words.filter(|word| !is_holder || word.contains(char::is_alphabetic));
            kept.collect::<Vec<String>>()
        };
        text.lines().flat_map(words_of).collect::<Vec<String>>()
    };
    terms(was) == terms(now)
}

/// What a licence asks of who gives its work on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    /// Its notice.
    Permissive,
    /// Its own files' source.
    WeakCopyleft,
    /// The source of what it is part of.
    Copyleft,
    /// That too of who only offers it over a network.
    NetworkCopyleft,
    /// Not known here, by its own word.
    Other(String),
}

/// The families of the licences that an SPDX expression names. What else may follow from `AND`, `OR` and an exception is a
/// person's to read.
fn families(expression: &str) -> BTreeSet<Family> {
    let lower = expression.to_lowercase();
    let mut words = lower
        .split(|c: char| c.is_whitespace() || "()/,".contains(c))
        .filter(|word| !word.is_empty());
    let mut found = BTreeSet::new();
    while let Some(word) = words.next() {
        match word {
            "or" | "and" => {}
            "with" => {
                words.next();
            }
            word => {
                found.insert(family(word));
            }
        }
    }
    found
}

/// By the identifiers of the SPDX list, in lower case.
fn family(id: &str) -> Family {
    let begins = |words: &[&str]| words.iter().any(|word| id.starts_with(word));
    if begins(&["agpl"]) {
        Family::NetworkCopyleft
    } else if begins(&["lgpl", "mpl-", "epl-", "cddl"]) {
        Family::WeakCopyleft
    } else if begins(&["gpl", "eupl"]) {
        Family::Copyleft
    } else if [
        "mit",
        "mit-0",
        "isc",
        "zlib",
        "unlicense",
        "0bsd",
        "blueoak-1.0.0",
        "wtfpl",
    ]
    .contains(&id)
        || begins(&[
            "apache-2", "bsd-", "bsl-1", "cc0-", "python-2", "psf-2", "unicode-",
        ])
    {
        Family::Permissive
    } else {
        Family::Other(id.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use alai_core::qa::{CheckResult, Measurement, UNVETTED};

    use super::super::dependencies;
    use super::super::testing::Task;
    use super::*;

    fn judged(files: &[(&str, Option<&str>, Option<&str>)]) -> Measurement {
        dependencies::check(&Change::of(files), &Task::build().rules())
    }

    fn is_for_a_person(files: &[(&str, Option<&str>, Option<&str>)]) -> bool {
        let m = judged(files);
        match m.result {
            CheckResult::Fail => {
                assert!(m.is_unvetted() && m.detail.starts_with(UNVETTED), "{m:?}");
                true
            }
            CheckResult::Pass => false,
            CheckResult::NotApplicable => panic!("{m:?}"),
        }
    }

    const MIT: &str =
        "MIT License\n\nCopyright (c) 2024 Ada\n\nPermission is hereby granted, free of charge\n";

    #[test]
    fn the_project_s_own_licence_is_a_persons_to_change_where_no_package_moved() {
        let cargo = |licence: &str| format!("[package]\nname='x'\n{licence}\n");
        let (mit, agpl) = (cargo("license='MIT'"), cargo("license='AGPL-3.0'"));
        let workspace = |id: &str| format!("[workspace.package]\nlicense='{id}'\n");
        let (one, other) = (workspace("MIT"), workspace("Apache-2.0"));
        let gpl = "GNU GENERAL PUBLIC LICENSE\n";
        let other_holder = MIT.replace("Ada", "Eve");
        for files in [
            ("Cargo.toml", Some(mit.as_str()), Some(agpl.as_str())),
            (
                "Cargo.toml",
                Some(mit.as_str()),
                Some("[package]\nname='x'\n"),
            ),
            ("Cargo.toml", Some(one.as_str()), Some(other.as_str())),
            (
                "package.json",
                Some("{\"license\": \"MIT\"}"),
                Some("{\"license\": \"UNLICENSED\"}"),
            ),
            (
                "pyproject.toml",
                Some("[project]\nlicense={text='MIT'}\n"),
                Some("[project]\nlicense={text='GPL-3.0'}\n"),
            ),
            ("LICENSE", Some(MIT), Some(gpl)),
            ("LICENSE-MIT.txt", Some(MIT), None),
            ("COPYING", Some(gpl), Some(MIT)),
            ("LICENSE", Some(MIT), Some(other_holder.as_str())),
        ] {
            assert!(is_for_a_person(&[files]), "{files:?}");
        }
        let said = judged(&[("LICENSE", Some(MIT), Some(gpl))]).detail;
        assert!(said.contains("the terms of LICENSE"), "{said}");
        let below = [
            ("sub/package.json", Some("{}"), Some("{}")),
            ("sub/LICENSE", Some(MIT), Some(gpl)),
        ];
        assert!(is_for_a_person(&below));
        let second = [
            ("LICENSE-MIT", Some(MIT), Some(MIT)),
            ("LICENSE-APACHE-2.0", None, Some("x")),
        ];
        assert!(is_for_a_person(&second));
    }

    #[test]
    fn what_gives_nobody_other_rights_is_told_at_most() {
        let next_year = MIT.replace("2024", "2024-2026");
        for (files, word) in [
            (
                ("LICENSE", Some(MIT), Some(next_year.as_str())),
                "the same terms",
            ),
            (("LICENSE", None, Some(MIT)), "LICENSE is new"),
            (
                ("package.json", Some("{}"), Some("{\"license\": \"MIT\"}")),
                "package.json names MIT",
            ),
        ] {
            assert!(!is_for_a_person(&[files]), "{files:?}");
            let said = judged(&[files]).detail;
            assert!(said.contains(word), "{said}");
        }
        for files in [
            ("src/license.py", Some("a = 1\n"), Some("a = 2\n")),
            ("licenses.md", Some("a"), Some("b")),
            ("tests/samples/LICENSE", Some(MIT), Some("x")),
            (
                "package.json",
                Some("{\"license\": \"MIT\"}"),
                Some("{\"license\": \"MIT\", \"version\": \"2\"}"),
            ),
        ] {
            assert!(!is_for_a_person(&[files]), "{files:?}");
            assert!(!judged(&[files]).detail.contains("licences"), "{files:?}");
        }
    }

    const A: &str = "a/Cargo.toml";
    const TOP: &str = "Cargo.toml";
    const PY: &str = "pyproject.toml";

    type Sides<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

    fn pair<'a>(path: &'a str, was: &'a str, now: &'a str) -> Sides<'a> {
        (path, Some(was), Some(now))
    }

    #[test]
    fn the_same_licence_named_in_another_way_is_the_same() {
        let member = |licence: &str| format!("[package]\nname='x'\n{licence}\n");
        let plain = member("license='MIT'");
        let inherits = member("license.workspace=true");
        let root =
            |licence: &str| format!("[workspace]\nmembers=['a']\n[workspace.package]\n{licence}\n");
        let (mit, gpl, none) = (root("license='MIT'"), root("license='GPL-3.0'"), root(""));
        let both = format!("{inherits}{mit}");
        let poetry = "[tool.poetry]\nlicense='MIT'\n";
        let project = |rest: &str| format!("[project]\nname='x'\n{rest}\n");
        let (text, id) = (project("license={text='MIT'}"), project("license='MIT'"));
        let shows = project("license='MIT'\nlicense-files=['LICENSE*', 'NOTICE']");
        let eula = project("license='MIT'\nlicense-files=['EULA.txt']");
        let other = project("license='GPL-3.0'\nlicense-files=['LICENSE*']");
        let by_file = project("license={file='LICENSE'}");
        let by_files = project("license-files=['LICENSE']");
        let said_too = project("license='MIT'\nlicense-files=['LICENSE']");
        let elsewhere = member("workspace='../b'\nlicense.workspace=true");
        let cases: Vec<(Vec<Sides<'_>>, bool)> = vec![
            (
                vec![pair(A, &plain, &inherits), pair(TOP, &mit, &mit)],
                false,
            ),
            (
                vec![pair(A, &plain, &inherits), pair(TOP, &none, &mit)],
                false,
            ),
            (
                vec![pair(A, &inherits, &plain), pair(TOP, &mit, &mit)],
                false,
            ),
            (vec![pair(TOP, &plain, &both)], false),
            (
                vec![pair(A, &plain, &inherits), pair(TOP, &gpl, &gpl)],
                true,
            ),
            (
                vec![pair(A, &plain, &inherits), pair(TOP, &none, &gpl)],
                true,
            ),
            (
                vec![pair(A, &plain, &inherits), pair(TOP, &none, &none)],
                true,
            ),
            (vec![pair(A, &plain, &inherits)], true),
            (
                vec![pair(A, &plain, &elsewhere), pair(TOP, &mit, &mit)],
                true,
            ),
            (vec![pair(PY, &text, &id)], false),
            (vec![pair(PY, poetry, &id)], false),
            (vec![pair(PY, &id, &shows)], false),
            (vec![pair(PY, &by_file, &by_files)], false),
            (vec![pair(PY, &id, &eula)], true),
            (vec![pair(PY, &id, &other)], true),
            (vec![pair(PY, &shows, &eula)], true),
            (vec![pair(PY, &shows, &by_files)], true),
            (vec![pair(PY, &by_file, &said_too)], true),
        ];
        for (files, person) in cases {
            assert_eq!(is_for_a_person(&files), person, "{files:?}");
        }
    }

    #[test]
    fn a_package_of_another_family_is_a_persons_where_nothing_else_of_it_moved() {
        let lock = |licence: &str| {
            format!(
                "{{\"packages\": {{\"node_modules/a\": {{\"version\": \"1.0.0\", \"license\": \"{licence}\", \
                 \"integrity\": \"sha512-a\", \"resolved\": \"{}/a/-/a-1.0.0.tgz\"}}}}}}",
                concat!("https://registry.npmjs", ".org")
            )
        };
        for (was, now, person) in [
            ("MIT", "AGPL-3.0", true),
            ("MIT", "BUSL-1.1", true),
            ("GPL-3.0-only", "AGPL-3.0-only", true),
            ("MIT", "MIT AND LGPL-2.1", true),
            ("MIT", "(MIT OR Apache-2.0)", false),
            ("Apache-2.0 WITH LLVM-exception", "ISC", false),
            ("MIT", "MIT", false),
        ] {
            let (old, new) = (lock(was), lock(now));
            let files = [("package-lock.json", Some(old.as_str()), Some(new.as_str()))];
            let task = Task {
                allow_dependency_changes: true,
                ..Task::build()
            };
            let m = dependencies::check(&Change::of(&files), &task.rules());
            assert_eq!(m.is_unvetted(), person, "{was} to {now}: {m:?}");
            assert_eq!(m.result == CheckResult::Pass, !person, "{m:?}");
            assert_eq!(m.detail.contains("a from "), was != now, "{m:?}");
            if was != now {
                let unasked = judged(&files);
                assert_eq!(
                    unasked.result,
                    CheckResult::Fail,
                    "the plan did not ask for it"
                );
            }
        }
    }
}
