//! A Makefile with targets of the usual names.

use super::{Commands, Folder};

/// In the order in which GNU make looks for them.
const NAMES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];

pub(super) fn commands(folder: &Folder<'_>) -> Option<Commands> {
    let makefile = NAMES.iter().find_map(|name| folder.read(name))?;
    let targets = targets(&makefile);
    let first = |names: &[&str]| {
        names
            .iter()
            .find(|name| targets.contains(*name))
            .map(|name| format!("make {name}"))
    };
    let mut notes = Vec::new();
    let test = first(&["test", "tests", "check"]);
    if test.is_none() {
        notes.push("the Makefile has no target test or check".to_owned());
    }
    Some(Commands {
        setup: first(&["deps", "setup", "install-deps"]),
        test,
        build: first(&["build", "all"]),
        lint: first(&["lint"]),
        notes,
    })
}

/// Names before a rule's colon: no assignments, no recipes, no patterns.
fn targets(makefile: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    for line in makefile.lines() {
        if line.starts_with(['\t', ' ', '#', '.']) {
            continue;
        }
        let Some((names, rest)) = line.split_once(':') else {
            continue;
        };
        if rest.starts_with('=') || rest.starts_with(":=") || names.contains(['=', '%', '$']) {
            continue;
        }
        targets.extend(names.split_ascii_whitespace());
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[test]
    fn only_rules_are_targets() {
        let makefile = "test := no\nX ::= no\n.PHONY: lint\nbuild all: dep\n\ttest: no\n%.o: no\nA=b:c\ncheck:: x\n# test: no\n";
        assert_eq!(targets(makefile), ["build", "all", "check"]);
    }
}
