//! Which model runs how, and that no other code knows.

use std::path::Path;

use super::*;

fn card(name: &str, tools: bool) -> ModelCard {
    ModelCard {
        name: name.to_owned(),
        size_bytes: 1,
        parameters: None,
        parameter_count: None,
        context_max: Some(40_960),
        chat: true,
        tools,
        thinking: false,
        embedding_only: false,
        slots: None,
        remote: None,
        digest: String::new(),
    }
}

#[test]
fn the_families_run_as_the_shipped_table_says() {
    use EditFormat::{Patch, Replace, Whole};
    use ToolMode::{Native, Text};
    let table = Profiles::shipped();
    for (name, mode, format) in [
        ("qwen3:8b", Native, Whole),
        ("qwen3:32b", Native, Whole),
        ("qwen3-coder:30b", Text, Whole),
        ("qwen2.5-coder:32b", Text, Whole),
        (
            "hf.co/Qwen/Qwen2.5-Coder-7B-Instruct-GGUF:Q4_K_M",
            Text,
            Whole,
        ),
        ("qwen2.5:7b", Native, Replace),
        ("kimi-k2.5:tq1", Native, Replace),
        ("deepseek-r1:70b", Text, Whole),
        ("deepseek-v3.1", Native, Replace),
        ("llama3.1:8b", Native, Whole),
        ("Meta-Llama-3.1-8B", Native, Whole),
        ("gpt-oss:20b", Native, Patch),
        ("mistral-small:24b", Native, Whole),
        ("mistralite:7b", Native, Replace),
        ("devstral:24b", Native, Replace),
        ("gemma3:12b", Text, Whole),
        ("another", Native, Replace),
        ("", Native, Replace),
    ] {
        let profile = table.of(&card(name, true));
        assert_eq!(
            (profile.tool_mode, profile.edit_format),
            (mode, format),
            "{name}"
        );
        let without = table.of(&card(name, false));
        assert_eq!(
            (without.tool_mode, without.edit_format),
            (Text, format),
            "{name}"
        );
    }
}

#[test]
fn a_family_whose_long_runs_fail_has_fewer_turns_and_an_unknown_one_all() {
    let table = Profiles::shipped();
    for (name, turns) in [
        ("qwen2.5-coder:7b", 30),
        ("llama3.1:8b", 30),
        ("gemma3:4b", 30),
        ("qwen3:8b", 40),
        ("kimi-k2:1t", 80),
        ("nobody-knows:1b", 80),
    ] {
        assert_eq!(table.of(&card(name, true)).turns_max, turns, "{name}");
    }
    let before = serde_json::json!({"num_ctx": 1, "output_max": 1, "temperature": 0.0, "seed": 1, "think": null,
        "idle_s_max": 1, "call_s_max": 1});
    let of_a_recording: crate::Profile = serde_json::from_value(before).expect("an older profile");
    assert_eq!(of_a_recording.turns_max, 80);
}

#[test]
fn a_users_table_goes_before_the_shipped_one() {
    let own = Profiles::parse(
        "- {names: [qwen3], num_ctx: 16384, output_max: 100000, temperature: 0.6, think: true, edit_format: replace, turns_max: 9, why: tried}\n\
         - {names: [mine], tool_mode: text, why: tried}\n",
    )
    .unwrap();
    let table = Profiles::shipped().overridden(own);
    let thinker = ModelCard {
        thinking: true,
        ..card("qwen3:8b", true)
    };
    let profile = table.of(&thinker);
    assert_eq!(profile.edit_format, EditFormat::Replace);
    assert_eq!((profile.num_ctx, profile.output_max), (16_384, 8_192));
    assert_eq!((profile.temperature, profile.think), (0.6, Some(true)));
    assert_eq!(profile.turns_max, 9);
    assert_eq!(table.of(&card("mine:1b", true)).tool_mode, ToolMode::Text);
    // What it does not name stays, the longer name too.
    assert_eq!(
        table.of(&card("qwen3-coder:30b", true)).tool_mode,
        ToolMode::Text
    );
}

#[test]
fn a_table_that_makes_no_sense_is_refused() {
    for (text, says) in [
        ("- {names: [a], tool_mode: magic, why: x}", "magic"),
        ("- {names: [a], mode: text, why: x}", "mode"),
        ("- {names: [a], num_ctx: 0, why: x}", "no tokens"),
        ("- {names: [a], temperature: 9, why: x}", "temperature"),
        ("- {names: [a], turns_max: 0, why: x}", "between 1 and 80"),
        ("- {names: [a], turns_max: 81, why: x}", "between 1 and 80"),
        ("- {names: [A], why: x}", "lower case"),
        ("- {names: [], why: x}", "lower case"),
        ("- {names: [a]}", "why"),
        ("names: a", ""),
    ] {
        let error = Profiles::parse(text).expect_err(text).to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

/// The rule of the whole program: a model's name in code would be a decision that no table shows.
#[test]
fn no_other_code_knows_a_model_by_name() {
    let names: Vec<String> = Profiles::shipped()
        .families
        .into_iter()
        .flat_map(|family| family.names)
        .collect();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut read = 0;
    for room in std::fs::read_dir(crates).unwrap() {
        let room = room.unwrap().path();
        // A twin of a server may say any name.
        if !room.ends_with("testkit") {
            read += named_in(&room.join("src"), &names);
        }
    }
    assert!(read > 100, "{read} files");
}

/// Pipelines that are called after their server, as in the seeds, and a proxy that is.
const AFTER_A_SERVER: [&str; 3] = ["llama-tool", "llama-server", "llama-swap"];

/// Asserts that no file of a folder has a text that is a model's name; gives the files read.
fn named_in(folder: &Path, names: &[String]) -> usize {
    let mut read = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read += named_in(&path, names);
            continue;
        }
        if path.extension().is_none_or(|kind| kind != "rs") || path.ends_with("tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        // Comments, and examples in comments of a file that is written for people, decide nothing.
        let lines = code
            .lines()
            .filter(|line| !line.trim_start().starts_with(['/', '#']));
        for literal in lines.flat_map(|line| line.split('"').skip(1).step_by(2)) {
            let literal = literal.to_lowercase();
            let mut named = names.iter().filter(|name| begins(&literal, name));
            let named = named.find(|_| !AFTER_A_SERVER.contains(&literal.as_str()));
            assert_eq!(named, None, "{}: {literal}", path.display());
        }
        read += 1;
    }
    read
}
