//! Who may know whom: `cli -> cockpit -> factory -> {minion, gate, hivemind} -> {workspace, fleet} -> core`
//! and `{cli, cockpit, factory} -> mission -> core`. Never back.

use super::finding::{Finding, Rule};
use super::metadata::{Kind, Package};

/// Each room with everything it may depend on. A new edge is a decision: write an ADR, then a word here.
const ROOMS: [(&str, &[&str]); 10] = [
    ("alai-core", &[]),
    ("alai-mission", &["alai-core"]),
    ("alai-workspace", &["alai-core"]),
    ("alai-fleet", &["alai-core"]),
    (
        "alai-minion",
        &["alai-workspace", "alai-fleet", "alai-core"],
    ),
    ("alai-gate", &["alai-workspace", "alai-fleet", "alai-core"]),
    (
        "alai-hivemind",
        &["alai-workspace", "alai-fleet", "alai-core"],
    ),
    (
        "alai-factory",
        &[
            "alai-minion",
            "alai-gate",
            "alai-hivemind",
            "alai-workspace",
            "alai-fleet",
            "alai-mission",
            "alai-core",
        ],
    ),
    (
        "alai-cockpit",
        &[
            "alai-factory",
            "alai-minion",
            "alai-gate",
            "alai-hivemind",
            "alai-workspace",
            "alai-fleet",
            "alai-mission",
            "alai-core",
        ],
    ),
    (
        "alai",
        &[
            "alai-cockpit",
            "alai-factory",
            "alai-minion",
            "alai-gate",
            "alai-hivemind",
            "alai-workspace",
            "alai-fleet",
            "alai-mission",
            "alai-core",
        ],
    ),
];

/// Never shipped: these may look at every room, and only tests may look at the testkit.
const TESTKIT: &str = "alai-testkit";
const XTASK: &str = "xtask";
const FUZZ: &str = "alai-fuzz";

/// Libraries that belong to some rooms alone, by the reason for which those exist.
const PRIVATE: [(&str, &[&str], &str); 3] = [
    (
        "rusqlite",
        &["alai-mission"],
        "the only SQL is in the mission room",
    ),
    (
        "tokio",
        &["alai-fleet", "alai-minion"],
        "the rest is synchronous: threads and blocking calls",
    ),
    (
        "rmcp",
        &["alai-minion"],
        "servers are asked by an agent's tool alone",
    ),
];

/// Judges the manifests of the workspace.
pub(crate) fn edges(packages: &[Package]) -> Vec<Finding> {
    let ours: Vec<&Package> = packages.iter().filter(|package| package.ours).collect();
    let is_ours = |name: &str| ours.iter().any(|package| package.name == name);
    let mut findings = Vec::new();
    for package in &ours {
        let path = manifest(&package.name);
        let fail = |what: String| Finding::fails(Rule::Edge, &path, 0, what);
        if !is_known(&package.name) {
            findings.push(fail(format!(
                "{} is no room of the house; a new room needs an ADR in docs/adr and a line in xtask/src/tidy/edges.rs",
                package.name
            )));
            continue;
        }
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            if is_ours(name) && !allowed(&package.name, name, dependency.kind) {
                findings.push(fail(format!(
                    "{} -> {name} is a new edge between rooms; it needs an ADR in docs/adr and a word in xtask/src/tidy/edges.rs",
                    package.name
                )));
            }
            if let Some((_, rooms, why)) = PRIVATE.iter().find(|(library, _, _)| *library == name)
                && !rooms.contains(&package.name.as_str())
            {
                findings.push(fail(format!(
                    "{name} belongs to {}: {why}",
                    rooms.join(" and ")
                )));
            }
        }
    }
    findings
}

fn allowed(from: &str, to: &str, kind: Kind) -> bool {
    if [XTASK, FUZZ].contains(&to) {
        return false;
    }
    if to == TESTKIT {
        return kind == Kind::Dev || from == XTASK;
    }
    if [TESTKIT, XTASK, FUZZ].contains(&from) {
        return true;
    }
    ROOMS
        .iter()
        .any(|(room, may)| *room == from && may.contains(&to))
}

fn is_known(name: &str) -> bool {
    [TESTKIT, XTASK, FUZZ].contains(&name) || ROOMS.iter().any(|(room, _)| *room == name)
}

/// Where a package's manifest is: the folder is the name without its prefix.
fn manifest(name: &str) -> String {
    match name {
        XTASK => "xtask/Cargo.toml".to_owned(),
        FUZZ => "fuzz/Cargo.toml".to_owned(),
        "alai" => "crates/cli/Cargo.toml".to_owned(),
        name => format!(
            "crates/{}/Cargo.toml",
            name.strip_prefix("alai-").unwrap_or(name)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::metadata::examples::{ours, theirs};
    use super::super::metadata::{Dependency, Kind};
    use super::*;

    fn house(package: Package) -> Vec<Finding> {
        let mut packages: Vec<Package> = ROOMS
            .iter()
            .map(|(room, _)| *room)
            .chain([TESTKIT, XTASK])
            .filter(|room| *room != package.name)
            .map(|room| ours(room, &[]))
            .collect();
        packages.extend([package, theirs("serde", Some("MIT"))]);
        edges(&packages)
    }

    #[test]
    fn the_drawn_edges_are_allowed() {
        for (room, may) in ROOMS {
            assert_eq!(house(ours(room, may)), [], "{room}");
        }
        assert_eq!(house(ours("alai-core", &["serde"])), []);
    }

    #[test]
    fn an_edge_back_or_across_is_refused() {
        for (from, to) in [
            ("alai-core", "alai-mission"),
            ("alai-minion", "alai-mission"),
            ("alai-gate", "alai-mission"),
            ("alai-minion", "alai-gate"),
            ("alai-workspace", "alai-fleet"),
            ("alai-mission", "alai-workspace"),
            ("alai-factory", "alai-cockpit"),
            ("alai-hivemind", "alai-mission"),
            ("alai-factory", "xtask"),
            ("alai", "alai-testkit"),
        ] {
            let findings = house(ours(from, &[to]));
            assert_eq!(findings.len(), 1, "{from} -> {to}");
            assert!(findings[0].what.contains("ADR"), "{}", findings[0]);
        }
    }

    #[test]
    fn only_tests_may_use_the_testkit_and_a_test_makes_no_other_edge() {
        let dev = |room: &str, to: &str| {
            let mut package = ours(room, &[]);
            package.dependencies.push(Dependency {
                name: to.to_owned(),
                kind: Kind::Dev,
            });
            house(package)
        };
        assert_eq!(dev("alai-gate", TESTKIT), []);
        assert_eq!(dev("alai-gate", "alai-mission").len(), 1);
    }

    #[test]
    fn a_new_room_and_a_private_library_are_refused() {
        let findings = house(ours("alai-attic", &["alai-core"]));
        assert!(findings[0].what.contains("no room"), "{findings:?}");
        let findings = house(ours("alai-factory", &["rusqlite"]));
        assert!(findings[0].what.contains("mission"), "{findings:?}");
        assert_eq!(house(ours("alai-mission", &["rusqlite"])), []);
        assert_eq!(house(ours("alai-minion", &["tokio", "rmcp"])), []);
        assert_eq!(house(ours("alai-gate", &["tokio"])).len(), 1);
        assert_eq!(house(ours("alai-factory", &["rmcp"])).len(), 1);
    }
}
