//! The table of blueprints that are refused: each with its whole message, its line and its column.

use serde::Deserialize;

use super::*;

/// One row of `broken.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Broken {
    pub(super) what: String,
    /// Whether the published schema refuses it too.
    pub(super) form: bool,
    pub(super) text: String,
    says: String,
}

pub(super) fn table() -> Vec<Broken> {
    yaml::read(include_str!("broken.yaml")).expect("the table itself is YAML")
}

#[test]
fn each_broken_blueprint_is_refused_with_its_whole_message() {
    let table = table();
    assert!(table.len() >= 60, "{} rows", table.len());
    let mut wrong = Vec::new();
    for broken in table {
        let library = library(&[("b", broken.text.as_str()), ("minion-one-shot", BASE)]);
        let said = match resolve("b", &library, &BTreeMap::new()) {
            Err(error) => error.to_string(),
            Ok(got) => format!("it was taken: {:?}", ids(&got)),
        };
        if said != broken.says {
            wrong.push(format!(
                "{}\n  gave: {said}\n  want: {}",
                broken.what, broken.says
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
