//! What moved in the lockfiles, held against the advisories that the factory has: weaknesses that are known, and what nobody can
//! vouch for.

use std::collections::BTreeSet;

use alai_core::qa::UNVETTED;

use super::pins::{self, Pin, Pins};
use super::{dependencies, lookalike, some};
use crate::advisories::{AGE_DAYS_MAX, Advisories, canonical};
use crate::change::{Change, Content};
use crate::paths;

/// What came of it.
pub(super) enum Vetted {
    /// Nothing is known against it, in these words.
    Clean(String),
    /// A weakness is known.
    Known(String),
    /// A person has to look, for this reason.
    Unvetted(String),
}

/// Looks up each version that the change brings. A change whose lockfiles pin nothing new, and that brings nothing beside them
/// (`doubts`, in words), passes.
pub(super) fn vet(
    change: &Change,
    advisories: Option<&Advisories>,
    mut doubts: Vec<String>,
) -> Result<Vetted, String> {
    let mut fresh: Vec<(Pin, Option<String>)> = Vec::new();
    let before = dependencies::asked_before(change);
    for file in change.files.iter().filter(|f| is_lock(&f.path)) {
        let (base, head) = (
            side(file.base_path(), &file.base)?,
            side(&file.path, &file.head)?,
        );
        let Some(head) = head else {
            doubts.push(format!("no advisory can be held against {}", file.path));
            continue;
        };
        let base = base.unwrap_or_default();
        let new = head.unread.difference(&base.unread);
        doubts.extend(new.map(|what| format!("{}: `{what}` pins no version", file.path)));
        let lost = base.pins.keys().filter(|pin| head.own.contains(&pin.name));
        doubts.extend(lost.map(|pin| format!("{} is the project's own now", shown(pin, None))));
        for (pin, licence) in head.pins {
            if base.pins.contains_key(&pin) {
                continue;
            }
            doubts.extend(doubt(&file.path, &pin, &base));
            let is_new = !before.contains(&(pin.ecosystem, canonical(pin.ecosystem, &pin.name)));
            let nearly = lookalike::told(pin.ecosystem, &pin.name)
                .filter(|told| is_new && !doubts.contains(told));
            doubts.extend(nearly);
            fresh.push((pin, licence));
        }
    }
    let names: Vec<String> = fresh
        .iter()
        .map(|(pin, licence)| shown(pin, licence.as_deref()))
        .collect();
    let mut of = String::new();
    if let Some(advisories) = advisories.filter(|_| !fresh.is_empty()) {
        of = format!(
            " ({} advisories, sha256 {})",
            advisories.count,
            advisories.sha256.get(..12).unwrap_or_default()
        );
        let mut known = Vec::new();
        for (pin, _) in &fresh {
            match advisories.about(pin.ecosystem, &pin.name, &pin.version) {
                Ok(ids) if ids.is_empty() => {}
                Ok(ids) => known.push(format!("{} has {}", shown(pin, None), ids.join(", "))),
                Err(why) => doubts.push(format!("{}: {why}", shown(pin, None))),
            }
        }
        if !known.is_empty() {
            return Ok(Vetted::Known(format!(
                "known to be weak{of}: {}",
                some(&known)
            )));
        }
        let ecosystems: BTreeSet<&str> = fresh.iter().map(|(pin, _)| pin.ecosystem).collect();
        for ecosystem in ecosystems {
            match advisories.age_days(ecosystem) {
                None => doubts.push(format!(
                    "the snapshot of advisories has none of {ecosystem} (`alai qa advisories import PATH`)"
                )),
                Some(days) if days > AGE_DAYS_MAX => doubts.push(format!(
                    "the advisories of {ecosystem} are {days} days old, and more than {AGE_DAYS_MAX} are too many (`alai qa advisories update`)"
                )),
                Some(days) => of.push_str(&format!(", those of {ecosystem} {days} days old")),
            }
        }
    } else if !fresh.is_empty() {
        doubts.push("there is no snapshot of advisories (`alai qa advisories import PATH`)".into());
    }
    if !doubts.is_empty() {
        let brings = match names.is_empty() {
            true => String::new(),
            false => format!("; it brings {}", some(&names)),
        };
        return Ok(Vetted::Unvetted(format!(
            "{UNVETTED}: {}{of}{brings}",
            some(&doubts)
        )));
    }
    Ok(Vetted::Clean(match names.is_empty() {
        true => "no lockfile pins a new version".to_owned(),
        false => format!("nothing is known against {}{of}", some(&names)),
    }))
}

/// Why an advisory, which speaks of a name and a version, may speak of something else than what this pin brings.
fn doubt(path: &str, pin: &Pin, base: &Pins) -> Option<String> {
    let of = |old: &&Pin| {
        (old.ecosystem, &old.name, &old.version) == (pin.ecosystem, &pin.name, &pin.version)
    };
    let before = base.pins.keys().find(of);
    match (&pin.elsewhere, &pin.checksum, before) {
        (Some(place), _, _) => Some(format!("{} is from {place}", shown(pin, None))),
        (None, _, Some(_)) => Some(format!(
            "{} has another source or checksum than before at the same version",
            shown(pin, None)
        )),
        // pip's list may be without, and the registry's own file is taken.
        (None, None, None) if !pins::is_requirements(paths::name(path)) => {
            Some(format!("{} has no checksum", shown(pin, None)))
        }
        (None, _, None) => None,
    }
}

pub(super) fn is_lock(path: &str) -> bool {
    let name = paths::name(path);
    super::manifest::LOCKFILES.contains(&name) || pins::is_requirements(name)
}

pub(super) fn side(path: &str, content: &Content) -> Result<Option<Pins>, String> {
    match content {
        Content::Absent => Ok(Some(Pins::default())),
        Content::Text(text) => pins::pins(path, text).map_err(|why| format!("{path}: {why}")),
        Content::Binary | Content::Unread | Content::Link(_) | Content::Submodule => Ok(None),
    }
}

fn shown(pin: &Pin, licence: Option<&str>) -> String {
    let licence = licence.map(|l| format!(" ({l})")).unwrap_or_default();
    format!("{} {}{licence}", pin.name, pin.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisories::tests::advisories;

    fn locked(packages: &[(&str, &str)]) -> String {
        let one = |(name, version): &(&str, &str)| {
            format!(
                "[[package]]\nname='{name}'\nversion='{version}'\nsource='{SOURCE}'\nchecksum='c{version}'\n"
            )
        };
        packages.iter().map(one).collect()
    }

    const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

    #[test]
    fn another_source_or_checksum_is_a_persons_to_judge() {
        let all = advisories();
        let old = locked(&[("serde", "1.0.0")]);
        for head in [
            old.replace("checksum='c", "checksum='d"),
            old.replace("checksum='c1.0.0'\n", ""),
            old.replace(SOURCE, "registry+https://example.org/index"),
            old.replace(SOURCE, "git+https://example.org/serde#abc"),
            old.replace(&format!("source='{SOURCE}'\n"), ""),
        ] {
            let (word, why) = said(&old, &head, Some(&all));
            assert_eq!(word, "unvetted", "{head}: {why}");
        }
        let other = locked(&[("new", "1.0.0")]).replace(SOURCE, "registry+https://example.org/i");
        assert_eq!(said(&old, &other, Some(&all)).0, "unvetted");
        let weak = locked(&[("serd", "1.0.0")]).replace(SOURCE, "registry+https://example.org/i");
        assert_eq!(
            said(&old, &weak, Some(&all)).0,
            "known",
            "the worse is said"
        );
    }

    fn of(path: &str, base: &str, head: &str) -> &'static str {
        let change = Change::of(&[(path, Some(base), Some(head))]);
        match vet(&change, Some(&advisories()), Vec::new()).expect("readable") {
            Vetted::Clean(_) => "clean",
            Vetted::Known(_) => "known",
            Vetted::Unvetted(_) => "unvetted",
        }
    }

    #[test]
    fn what_pins_no_version_is_a_persons_to_judge() {
        let list = |line: &str| format!("idna==3.7\n{line}\n");
        for line in [
            "flask>=3",
            "flask",
            "flask==3.*",
            "flask==3.0,>2",
            "flask @ https://example.org/flask.tar.gz",
            "https://example.org/flask.tar.gz",
            "-r more.txt",
            "-e .",
            "--index-url https://example.org/simple",
            "--extra-index-url=https://example.org/simple",
        ] {
            let path = "requirements.txt";
            assert_eq!(of(path, &list(""), &list(line)), "unvetted", "{line}");
            assert_eq!(of(path, &list(line), &list(line)), "clean", "{line}");
        }
        for line in [
            "flask==3.0.0",
            "Flask[async]==3.0.0 ; python_version > '3'  # web",
            "flask==3.0.0 \\\n  --hash=sha256:a \\\n  --hash=sha256:b",
        ] {
            assert_eq!(
                of("requirements.txt", &list(""), &list(line)),
                "clean",
                "{line}"
            );
        }
        let npm = |resolved: &str| {
            format!(
                "{{\"packages\": {{\"node_modules/a\": {{\"version\": \"1.0.0\", \"resolved\": \"{resolved}\", \"integrity\": \"sha512-a\"}}}}}}"
            )
        };
        let own = concat!("https://registry.npmjs", ".org/a/-/a-1.0.0.tgz");
        let others = [
            concat!("https://registry.npmjs", ".org/b/-/b-1.0.0.tgz"),
            "https://example.org/a/-/a-1.0.0.tgz",
            "git+ssh://git@example.org/a.git#abc",
        ];
        assert_eq!(of("package-lock.json", "{}", &npm(own)), "clean");
        for other in others {
            assert_eq!(
                of("package-lock.json", "{}", &npm(other)),
                "unvetted",
                "{other}"
            );
            assert_eq!(of("package-lock.json", &npm(own), &npm(other)), "unvetted");
        }
        let uv = |registry: &str, hash: &str| {
            format!(
                "[[package]]\nname='a'\nversion='1.0'\nsource={{registry='{registry}'}}\nwheels=[{{hash='{hash}'}}]\n"
            )
        };
        let index = concat!("https://pypi", ".org/simple");
        assert_eq!(of("uv.lock", "", &uv(index, "sha256:a")), "clean");
        let elsewhere = uv("https://example.org/simple", "sha256:a");
        assert_eq!(of("uv.lock", "", &elsewhere), "unvetted");
        assert_eq!(
            of("uv.lock", &uv(index, "sha256:a"), &uv(index, "sha256:b")),
            "unvetted"
        );
        let poetry =
            "[[package]]\nname='a'\nversion='1.0'\nfiles=[{file='a.whl', hash='sha256:a'}]\n";
        assert_eq!(of("poetry.lock", "", poetry), "clean");
        let from = format!("{poetry}[package.source]\ntype='legacy'\nurl='https://example.org'\n");
        assert_eq!(of("poetry.lock", poetry, &from), "unvetted");
    }

    #[test]
    fn an_ecosystem_without_advisories_or_with_old_ones_is_a_persons_to_judge() {
        let (old, new) = (locked(&[("serd", "1.0.0")]), locked(&[("serd", "1.2.3")]));
        let kept = |ecosystem: &str| {
            let mut snapshot = crate::advisories::tests::snapshot();
            snapshot
                .entries
                .retain(|a| a.affected[0].ecosystem == ecosystem);
            Advisories::new(snapshot, crate::advisories::tests::NOW)
        };
        let (word, why) = said(&old, &new, Some(&kept("npm")));
        assert_eq!(word, "unvetted");
        assert!(why.contains("has none of"), "{why}");
        assert_eq!(
            said(&old, &new, Some(&kept(crate::advisories::CARGO))).0,
            "clean"
        );
    }

    fn said(base: &str, head: &str, advisories: Option<&Advisories>) -> (&'static str, String) {
        let change = Change::of(&[("Cargo.lock", Some(base), Some(head))]);
        match vet(&change, advisories, Vec::new()).expect("readable") {
            Vetted::Clean(why) => ("clean", why),
            Vetted::Known(why) => ("known", why),
            Vetted::Unvetted(why) => ("unvetted", why),
        }
    }

    #[test]
    fn what_a_lockfile_brings_is_looked_up_and_what_stayed_is_not() {
        let all = advisories();
        let old = locked(&[("serd", "1.0.0")]);
        let more = locked(&[("serd", "1.0.0"), ("serde", "1.0.0")]);
        // The weak one was there before: it is not this change's.
        let (word, why) = said(&old, &more, Some(&all));
        assert_eq!(word, "clean", "{why}");
        assert!(
            why.contains("serde 1.0.0") && why.contains("4 advisories") && why.contains("days old"),
            "{why}"
        );
        let (word, why) = said(&old, &locked(&[("serd", "1.1.0")]), Some(&all));
        assert_eq!(word, "known");
        assert!(why.contains("serd 1.1.0 has RUSTSEC-2027-1"), "{why}");
        assert_eq!(
            said(&old, &locked(&[("serd", "1.2.3")]), Some(&all)).0,
            "clean",
            "the fixed one"
        );
    }

    #[test]
    fn without_advisories_a_person_looks_and_an_unchanged_lockfile_passes() {
        let (old, new) = (locked(&[("serd", "1.0.0")]), locked(&[("serd", "1.2.3")]));
        let (word, why) = said(&old, &new, None);
        assert_eq!(word, "unvetted");
        assert!(
            why.starts_with(UNVETTED) && why.contains("alai qa advisories import"),
            "{why}"
        );
        assert_eq!(said(&old, &old, None).0, "clean");
        assert_eq!(said(&old, "", None).0, "clean", "a package less");
        let mut stale = crate::advisories::tests::snapshot();
        let now = crate::advisories::tests::NOW;
        let days_91 = now - (AGE_DAYS_MAX + 1) * 24 * 3_600_000;
        stale
            .newest_ms
            .insert(crate::advisories::CARGO.to_owned(), days_91);
        let stale = Advisories::new(stale, now);
        let (word, why) = said(&old, &new, Some(&stale));
        assert_eq!(word, "unvetted");
        assert!(why.contains("91 days old"), "{why}");
        let change = Change::of(&[("yarn.lock", Some("a"), Some("b"))]);
        assert!(
            matches!(
                vet(&change, Some(&advisories()), Vec::new()),
                Ok(Vetted::Unvetted(_))
            ),
            "not read"
        );
        let unordered = said(&old, &locked(&[("serd", "one")]), Some(&advisories()));
        assert_eq!(unordered.0, "unvetted", "{}", unordered.1);
    }
}
