//! The table of what is a call and what is not: each case of `cases.yaml` by itself.

use super::judge::tools;
use super::*;
use serde::Deserialize;

const TABLE: &str = include_str!("cases.yaml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case is about; unique.
    name: String,
    /// The message of the model, as it came.
    text: String,
    /// Results that the model was shown before.
    #[serde(default)]
    shown: Vec<String>,
    /// The tools of the request; all of them where none are named.
    tools: Option<Vec<String>>,
    /// The calls that must be found, in their order.
    #[serde(default)]
    calls: Vec<Expected>,
    /// Words of the reason why a call in it is not taken. Without them, it must be passed over as prose.
    refused: Option<String>,
    /// What is left of the message.
    left: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Expected(String, Value);

#[test]
fn every_case_of_the_table_is_judged_as_it_says() {
    let cases: Vec<Case> = serde_saphyr::from_str(TABLE).expect("the table is YAML");
    assert!(cases.len() >= 150, "{} cases", cases.len());
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let wrong: Vec<String> = cases.iter().filter_map(|case| judge(case).err()).collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// The messages of the table, each in a file of its own, are what the guided fuzz targets begin from: of a whole table they would
/// change one place at a time. `ALAI_CORPUS=write` writes them.
#[test]
fn the_corpus_is_the_table() {
    let cases: Vec<Case> = serde_saphyr::from_str(TABLE).expect("the table is YAML");
    let folder = crate::every_trap::corpus("salvage");
    for (nth, case) in cases.iter().enumerate() {
        let file = folder.join(format!("{nth:03}.txt"));
        if std::env::var("ALAI_CORPUS").is_ok_and(|said| said == "write") {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(&file, &case.text).expect("a file");
        }
        let kept =
            std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert_eq!(
            kept, case.text,
            "{}: written anew by ALAI_CORPUS=write",
            case.name
        );
    }
}

fn judge(case: &Case) -> Result<(), String> {
    let mut tools = tools();
    if let Some(named) = &case.tools {
        tools.retain(|tool| named.contains(&tool.name));
    }
    let shown = case.shown.iter().map(|text| Message::Tool {
        call_id: "c".to_owned(),
        name: "read".to_owned(),
        text: text.clone(),
    });
    let found = calls_in(&case.text, &tools).own(&case.text, &shown.collect::<Vec<_>>());
    let calls: Vec<Expected> = found
        .calls
        .into_iter()
        .map(|call| Expected(call.name, Value::Object(call.arguments)))
        .collect();
    let wrong = |what: String| Err(format!("- {}: {what}\n  in {:?}", case.name, case.text));
    if calls != case.calls {
        return wrong(format!("{calls:?}, refused {:?}", found.refused));
    }
    let refusal = match (&case.refused, &found.refused) {
        (None, None) => true,
        (Some(words), Some(why)) => why.contains(words.as_str()),
        (Some(_), None) | (None, Some(_)) => false,
    };
    if !refusal {
        return wrong(format!("refused {:?}", found.refused));
    }
    if let Some(left) = &case.left
        && *left != found.text
    {
        return wrong(format!("left {:?}", found.text));
    }
    Ok(())
}
