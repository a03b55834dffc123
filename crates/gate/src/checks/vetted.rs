//! What moved in the lockfiles, held against the advisories that the factory has: weaknesses that are known, licences that changed, and
//! what nobody can vouch for.

use alai_core::qa::UNVETTED;

use super::pins::{self, Pin, Pins};
use super::some;
use crate::advisories::{AGE_DAYS_MAX, Advisories};
use crate::change::{Change, ChangedFile, Content};
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

/// Looks up each version that the change brings. A change whose lockfiles pin nothing new passes.
pub(super) fn vet(change: &Change, advisories: Option<&Advisories>) -> Result<Vetted, String> {
    let mut fresh: Vec<(Pin, Option<String>)> = Vec::new();
    let (mut unread, mut licences) = (Vec::new(), Vec::new());
    for file in change.files.iter().filter(|f| is_lock(&f.path)) {
        let (base, head) = (
            side(file.base_path(), &file.base)?,
            side(&file.path, &file.head)?,
        );
        let Some(head) = head else {
            unread.push(file.path.clone());
            continue;
        };
        let base = base.unwrap_or_default();
        licences.extend(relicensed(&base, &head));
        fresh.extend(head.into_iter().filter(|(pin, _)| !base.contains_key(pin)));
    }
    let licences = match licences.is_empty() {
        true => String::new(),
        false => format!("; licences changed: {}", some(&licences)),
    };
    if !unread.is_empty() {
        let why = format!(
            "{UNVETTED}: no advisory can be held against {}{licences}",
            some(&unread)
        );
        return Ok(Vetted::Unvetted(why));
    }
    if fresh.is_empty() {
        return Ok(Vetted::Clean(format!(
            "no lockfile pins a new version{licences}"
        )));
    }
    let names: Vec<String> = fresh
        .iter()
        .map(|(pin, licence)| shown(pin, licence.as_deref()))
        .collect();
    let Some(advisories) = advisories else {
        let why = format!(
            "{UNVETTED}: there is no snapshot of advisories (`alai qa advisories import PATH`), and it brings {}{licences}",
            some(&names)
        );
        return Ok(Vetted::Unvetted(why));
    };
    let (mut known, mut unordered) = (Vec::new(), Vec::new());
    for (pin, _) in &fresh {
        match advisories.about(pin.ecosystem, &pin.name, &pin.version) {
            Ok(ids) if ids.is_empty() => {}
            Ok(ids) => known.push(format!("{} has {}", shown(pin, None), ids.join(", "))),
            Err(why) => unordered.push(format!("{}: {why}", shown(pin, None))),
        }
    }
    let of = format!(
        "{} advisories, {} days old, sha256 {}",
        advisories.count,
        advisories.age_days,
        advisories.sha256.get(..12).unwrap_or_default()
    );
    if !known.is_empty() {
        return Ok(Vetted::Known(format!(
            "known to be weak ({of}): {}{licences}",
            some(&known)
        )));
    }
    if !unordered.is_empty() {
        return Ok(Vetted::Unvetted(format!(
            "{UNVETTED}: {} ({of}){licences}",
            some(&unordered)
        )));
    }
    if advisories.age_days > AGE_DAYS_MAX {
        return Ok(Vetted::Unvetted(format!(
            "{UNVETTED}: the snapshot of advisories is {} days old, and more than {AGE_DAYS_MAX} are too many \
             (`alai qa advisories update`); it brings {}{licences}",
            advisories.age_days,
            some(&names)
        )));
    }
    Ok(Vetted::Clean(format!(
        "nothing is known against {} ({of}){licences}",
        some(&names)
    )))
}

fn is_lock(path: &str) -> bool {
    let name = paths::name(path);
    super::manifest::LOCKFILES.contains(&name) || pins::is_requirements(name)
}

fn side(path: &str, content: &Content) -> Result<Option<Pins>, String> {
    match content {
        Content::Absent => Ok(Some(Pins::new())),
        Content::Text(text) => pins::pins(path, text).map_err(|why| format!("{path}: {why}")),
        Content::Binary | Content::Unread | Content::Link(_) | Content::Submodule => Ok(None),
    }
}

fn shown(pin: &Pin, licence: Option<&str>) -> String {
    let licence = licence.map(|l| format!(" ({l})")).unwrap_or_default();
    format!("{} {}{licence}", pin.name, pin.version)
}

/// Packages that are there before and after, under another licence.
fn relicensed(base: &Pins, head: &Pins) -> Vec<String> {
    let mut found = Vec::new();
    for (pin, licence) in head {
        let before = base.iter().find(|(old, was)| {
            old.name == pin.name && old.ecosystem == pin.ecosystem && was.is_some()
        });
        if let (Some((_, Some(was))), Some(now)) = (before, licence)
            && was != now
        {
            found.push(format!("{} from {was} to {now}", pin.name));
        }
    }
    found
}

/// The project's own licence, where the change touches it: in a manifest, or the file itself.
pub(super) fn own_licence(change: &Change) -> Vec<String> {
    change.files.iter().filter_map(own_of).collect()
}

fn own_of(file: &ChangedFile) -> Option<String> {
    let name = paths::name(&file.path);
    let upper = name.to_uppercase();
    if ["LICENSE", "LICENCE", "COPYING"]
        .iter()
        .any(|word| upper.starts_with(word))
    {
        return Some(file.path.clone());
    }
    let of = |content: &Content| licence_of(name, content.text()?);
    let (was, now) = (of(&file.base), of(&file.head));
    (was != now && !file.is_new()).then(|| {
        let word = |licence: Option<String>| licence.unwrap_or_else(|| "none".to_owned());
        format!("{} from {} to {}", file.path, word(was), word(now))
    })
}

fn licence_of(name: &str, text: &str) -> Option<String> {
    match name {
        "package.json" => {
            let json: serde_json::Value = serde_json::from_str(text).ok()?;
            json["license"].as_str().map(str::to_owned)
        }
        "Cargo.toml" | "pyproject.toml" => {
            let table = text.parse::<::toml::Table>().ok()?;
            let of = table.get("package").or_else(|| table.get("project"))?;
            of.get("license").map(ToString::to_string)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisories::tests::advisories;

    fn locked(packages: &[(&str, &str)]) -> String {
        let one = |(name, version): &(&str, &str)| {
            format!("[[package]]\nname='{name}'\nversion='{version}'\nsource='r'\n")
        };
        packages.iter().map(one).collect()
    }

    fn said(base: &str, head: &str, advisories: Option<&Advisories>) -> (&'static str, String) {
        let change = Change::of(&[("Cargo.lock", Some(base), Some(head))]);
        match vet(&change, advisories).expect("readable") {
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
        let mut stale = advisories();
        stale.age_days = AGE_DAYS_MAX + 1;
        let (word, why) = said(&old, &new, Some(&stale));
        assert_eq!(word, "unvetted");
        assert!(why.contains("91 days old"), "{why}");
        let change = Change::of(&[("yarn.lock", Some("a"), Some("b"))]);
        assert!(
            matches!(vet(&change, Some(&advisories())), Ok(Vetted::Unvetted(_))),
            "not read"
        );
        let unordered = said(&old, &locked(&[("serd", "one")]), Some(&advisories()));
        assert_eq!(unordered.0, "unvetted", "{}", unordered.1);
    }

    #[test]
    fn licences_that_change_are_told() {
        let lock = |licence: &str, version: &str| {
            format!(
                "{{\"packages\": {{\"node_modules/a\": {{\"version\": \"{version}\", \"license\": \"{licence}\"}}}}}}"
            )
        };
        let (old, new) = (lock("MIT", "1.0.0"), lock("AGPL-3.0", "2.0.0"));
        let change = Change::of(&[("package-lock.json", Some(&old), Some(&new))]);
        let Ok(Vetted::Clean(why)) = vet(&change, Some(&advisories())) else {
            panic!("nothing is known against it")
        };
        assert!(
            why.contains("a 2.0.0 (AGPL-3.0)") && why.contains("a from MIT to AGPL-3.0"),
            "{why}"
        );
        let change = Change::of(&[
            (
                "package.json",
                Some("{\"license\": \"MIT\"}"),
                Some("{\"license\": \"UNLICENSED\"}"),
            ),
            ("LICENSE", Some("a"), Some("b")),
        ]);
        assert_eq!(
            own_licence(&change),
            ["package.json from MIT to UNLICENSED", "LICENSE"]
        );
    }
}
