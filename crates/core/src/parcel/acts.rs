//! What of a pack can act by itself: commands, programs of MCP servers, scripts, and paths that become writable.
//!
//! Prompts and souls are advice; these are not. They are found in the raw texts and not in what they are read into, so that a key
//! that a later version adds cannot hide one: whatever stands under such a key counts.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::Files;
use crate::blueprint::yaml;

/// One thing that a pack brings and that can act.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Act {
    pub file: String,
    pub kind: ActKind,
    /// The command line, the path, the script's first line.
    pub what: String,
    /// All of it, where `what` shows a part: a script whose first line stays is another one.
    #[serde(skip)]
    pub whole: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    /// A blueprint runs it in a cage.
    Command,
    /// A value that a company puts into commands of blueprints.
    Input,
    /// A program that is started as an MCP server.
    Server,
    /// A text that a shell would run.
    Script,
    /// A file that a scaffold writes into a project, where its commands run it.
    Scaffold,
    /// A path that an agent may write, or a server that it may call.
    Wider,
    /// A path that agents may no longer be kept from.
    NoLongerForbidden,
}

impl ActKind {
    pub fn as_str(self) -> &'static str {
        match self {
            ActKind::Command => "command",
            ActKind::Input => "input",
            ActKind::Server => "mcp server",
            ActKind::Script => "script",
            ActKind::Scaffold => "scaffold",
            ActKind::Wider => "wider",
            ActKind::NoLongerForbidden => "no longer forbidden",
        }
    }

    /// Whether a person must allow it by a word of its own, and not only by saying yes to the pack.
    pub fn needs_leave(self) -> bool {
        match self {
            ActKind::Command
            | ActKind::Input
            | ActKind::Server
            | ActKind::Script
            | ActKind::Scaffold => true,
            ActKind::Wider | ActKind::NoLongerForbidden => false,
        }
    }
}

/// Keys of a blueprint whose texts reach a shell.
const COMMANDS: [&str; 3] = ["run", "check", "command"];

/// What `new` brings that `old` had not, in order of the files. `global` are the blueprints that packs extend, name to text: an input
/// acts where a command of theirs, or of the pack's own, is made with it.
pub fn acts(old: &Files, new: &Files, global: &Files) -> Vec<Act> {
    let before: BTreeSet<Act> = all(old, global).into_iter().collect();
    let after = all(new, global);
    let mut found = after.clone();
    found.retain(|act| act.kind != ActKind::NoLongerForbidden && !before.contains(act));
    let freed = before
        .iter()
        .filter(|act| act.kind == ActKind::NoLongerForbidden && !after.contains(act));
    // A role whose file is new had nothing forbidden that could be freed.
    found.extend(freed.filter(|act| new.contains_key(&act.file)).cloned());
    found.sort();
    found.dedup();
    found
}

/// Everything that can act in one pack. Forbidden paths stand for themselves here: [`acts`] looks for those that went.
fn all(files: &Files, global: &Files) -> Vec<Act> {
    let used = used_inputs(files, global);
    let mut found = Vec::new();
    for (file, text) in files {
        let mut add_whole = |kind, what: String, whole: String| {
            found.push(Act {
                file: file.clone(),
                kind,
                what,
                whole,
            });
        };
        if text.starts_with("#!") {
            let first = text.lines().next().unwrap_or_default();
            add_whole(ActKind::Script, first.to_owned(), text.clone());
        } else if file.starts_with("blueprints/templates/") {
            let what = "the text of a file".to_owned();
            add_whole(ActKind::Scaffold, what, text.clone());
        }
        if is_blueprint(file) {
            match yaml::read::<Value>(text) {
                Ok(read) => {
                    acting(&read, &mut add_whole);
                    defaults(&read, &used, &mut |what| {
                        add_whole(ActKind::Input, what, String::new());
                    });
                }
                // All of it, so that another one is not taken for it.
                Err(_) => add_whole(
                    ActKind::Command,
                    "what it runs cannot be listed".to_owned(),
                    text.clone(),
                ),
            }
            continue;
        }
        if file == "config/mcp.json" {
            servers(
                &serde_json::from_str(text).unwrap_or_default(),
                &mut add_whole,
            );
            continue;
        }
        let mut add = |kind, what: String| add_whole(kind, what, String::new());
        if file.starts_with("agents/") {
            paths(&yaml::read(text).unwrap_or_default(), &mut add);
        } else if file == "config.json" {
            let read: Value = serde_json::from_str(text).unwrap_or_default();
            let given = object(&read["blueprint_inputs"]).filter(|(name, _)| used.contains(*name));
            for (name, value) in given {
                add(ActKind::Input, format!("{name} = {}", said(value)));
            }
        } else if file == "config/tools.json" {
            let read: Value = serde_json::from_str(text).unwrap_or_default();
            for (role, allowed) in object(&read) {
                for server in list(&allowed["mcp"]) {
                    add(ActKind::Wider, format!("{role} may call {}", said(server)));
                }
            }
        }
    }
    found
}

fn is_blueprint(file: &str) -> bool {
    file.starts_with("blueprints/")
        && file.ends_with(".yaml")
        && !file.starts_with("blueprints/templates/")
}

/// Names of the inputs that stand in what acts: a command, a variable, a file of a scaffold.
fn used_inputs(files: &Files, global: &Files) -> BTreeSet<String> {
    let own = files.iter().filter(|(file, _)| is_blueprint(file));
    let mut used = BTreeSet::new();
    for (_, text) in own.chain(global) {
        let read = yaml::read(text).unwrap_or_default();
        acting(&read, &mut |_, what: String, whole: String| {
            for text in [what, whole] {
                for (at, word) in text.match_indices("inputs.") {
                    let rest = text[at + word.len()..].chars();
                    used.insert(
                        rest.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
                            .collect(),
                    );
                }
            }
        });
    }
    used
}

/// What of a blueprint acts by itself: kind, what is shown, and the rest of it.
fn acting(read: &Value, add: &mut impl FnMut(ActKind, String, String)) {
    commands(read, &mut |what| {
        add(ActKind::Command, what, String::new());
    });
    for part in ["env", "defaults", "steps"] {
        variables(part, &read[part], &mut |what| {
            add(ActKind::Input, what, String::new());
        });
    }
    for step in list(&read["steps"]) {
        scaffold(step, add);
    }
}

/// The files of a scaffold. What they are filled with counts too; an agent's own texts are advice.
fn scaffold(step: &Value, add: &mut impl FnMut(ActKind, String, String)) {
    let with = &step["with"];
    for (path, text) in object(&with["files"]) {
        add(ActKind::Scaffold, format!("writes {path}"), said(text));
    }
    for (path, name) in object(&with["templates"]) {
        let what = format!("writes {path} of the template {}", said(name));
        add(ActKind::Scaffold, what, String::new());
    }
    // The same files in another place are others.
    if !with["folder"].is_null() {
        let what = format!("writes below {}", said(&with["folder"]));
        add(ActKind::Scaffold, what, String::new());
    }
    if !with["patch"].is_null() {
        let patch = said(&with["patch"]);
        let touched = patch.lines().filter(|line| {
            line.starts_with("*** ") && *line != "*** Begin Patch" && *line != "*** End Patch"
        });
        let what = format!("patches {}", touched.collect::<Vec<_>>().join(", "));
        add(ActKind::Scaffold, what, patch);
    }
    if step["uses"] != "agent" {
        for (name, value) in object(&with["vars"]) {
            let what = format!("{name} = {}", said(value));
            add(ActKind::Scaffold, what, String::new());
        }
    }
}

/// Every text below a key that reaches a shell, wherever it stands.
fn commands(value: &Value, add: &mut impl FnMut(String)) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str().filter(|_| COMMANDS.contains(&key.as_str())) {
                    Some(text) => add(text.to_owned()),
                    None => commands(value, add),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| commands(item, add)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Variables of commands, wherever they stand below a key: a command takes them as `$NAME`.
fn variables(key: &str, value: &Value, add: &mut impl FnMut(String)) {
    if key == "env" {
        for (name, value) in object(value) {
            add(format!("${name} = {}", said(value)));
        }
    }
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                variables(key, value, add);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| variables("", item, add)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Defaults of the inputs that reach what acts, by `${{ inputs.NAME }}`.
fn defaults(read: &Value, used: &BTreeSet<String>, add: &mut impl FnMut(String)) {
    for (name, input) in object(&read["inputs"]).filter(|(name, _)| used.contains(*name)) {
        if !input["default"].is_null() {
            add(format!("{name} = {}", said(&input["default"])));
        }
        // A title only says which of them it is; each is the pack's own word.
        for (value, _) in object(&input["choices"]) {
            add(format!("{name} = {value}"));
        }
    }
}

fn paths(read: &Value, add: &mut impl FnMut(ActKind, String)) {
    let role = said(&read["role"]);
    for path in list(&read["constraints"]["allowed_paths"]) {
        add(ActKind::Wider, format!("{role} may write {}", said(path)));
    }
    for path in list(&read["constraints"]["forbidden_paths"]) {
        add(
            ActKind::NoLongerForbidden,
            format!("{role}: {}", said(path)),
        );
    }
    for tool in list(&read["tools"]) {
        add(
            ActKind::Wider,
            format!("{role} has the tool {}", said(tool)),
        );
    }
}

fn servers(read: &Value, add: &mut impl FnMut(ActKind, String, String)) {
    for part in ["add", "override"] {
        for (name, server) in object(&read[part]) {
            let mut line = vec![said(&server["command"])];
            // As JSON: with blanks between them, two lists would look like one.
            if !list(&server["args"]).is_empty() {
                line.push(server["args"].to_string());
            }
            for (name, value) in object(&server["env"]) {
                line.push(format!("{name}={}", said(value)));
            }
            for host in list(&server["hosts"]) {
                line.push(format!("reaches {}", said(host)));
            }
            line.retain(|word| !word.is_empty());
            let what = format!("{name}: {}", line.join(" "));
            add(ActKind::Server, what, format!("{part} {server}"));
        }
    }
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn said(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(files: &[(&str, &str)]) -> Files {
        let owned = files.iter().map(|(p, t)| ((*p).into(), (*t).into()));
        owned.collect()
    }

    fn shown(old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<String> {
        let global = pack(&[(
            "minion-one-shot",
            "steps: [{run: '${{ inputs.test_command }} ${{inputs.focus}}'}]",
        )]);
        let found = acts(&pack(old), &pack(new), &global);
        let line = |act: &Act| format!("{} {}: {}", act.kind.as_str(), act.file, act.what);
        found.iter().map(line).collect()
    }

    #[test]
    fn commands_are_found_wherever_they_stand() {
        let blueprint = "version: 1\nname: own\nextends: minion-one-shot\ninputs:\n  test_command: {default: 'curl evil'}\n\
                         steps:\n  - id: a\n    run: make\n    env: {X: '1'}\n  - id: b\n    uses: agent\n    with: {check: ./c.sh}\n\
                         \u{20}   gates:\n      - command: rm -r x\n";
        assert_eq!(
            shown(&[], &[("blueprints/own.yaml", blueprint)]),
            [
                "command blueprints/own.yaml: ./c.sh",
                "command blueprints/own.yaml: make",
                "command blueprints/own.yaml: rm -r x",
                "input blueprints/own.yaml: $X = 1",
                "input blueprints/own.yaml: test_command = curl evil",
            ]
        );
        let known = [("blueprints/own.yaml", blueprint)];
        assert!(
            shown(&known, &known).is_empty(),
            "what is there already is no surprise"
        );
    }

    #[test]
    fn servers_inputs_scripts_and_paths_are_found() {
        let new = [
            (
                "agents/builder.yaml",
                "role: builder\ntools: [done]\nconstraints: {allowed_paths: ['**'], forbidden_paths: [a]}",
            ),
            (
                "config.json",
                r#"{"blueprint_inputs": {"focus": "; id", "tone": "plain"}}"#,
            ),
            (
                "config/mcp.json",
                r#"{"add": {"fs": {"command": "npx", "args": ["-y", "x"], "env": {"K": "${K}"}, "hosts": ["evil.example"]}}, "remove": ["git"]}"#,
            ),
            ("config/tools.json", r#"{"builder": {"mcp": ["fs/read"]}}"#),
            ("skills/a/run.txt", "#!/bin/sh\nid"),
        ];
        assert_eq!(
            shown(
                &[(
                    "agents/builder.yaml",
                    "role: builder\nconstraints: {forbidden_paths: [a, b]}"
                )],
                &new
            ),
            [
                "wider agents/builder.yaml: builder has the tool done",
                "wider agents/builder.yaml: builder may write **",
                "no longer forbidden agents/builder.yaml: builder: b",
                "input config.json: focus = ; id",
                r#"mcp server config/mcp.json: fs: npx ["-y","x"] K=${K} reaches evil.example"#,
                "wider config/tools.json: builder may call fs/read",
                "script skills/a/run.txt: #!/bin/sh",
            ]
        );
    }

    #[test]
    fn an_input_that_a_variable_or_a_scaffold_takes_acts() {
        let own = |default: &str, step: &str| {
            format!(
                "version: 1\nname: own\ninputs:\n  cmd: {{default: '{default}'}}\nsteps:\n  - {step}\n"
            )
        };
        for step in [
            "{id: a, run: 'sh -c \"$CMD\"', env: {CMD: '${{ inputs.cmd }}'}}",
            "{id: a, uses: agent, gates: [{command: 'sh -c \"$CMD\"', env: {CMD: '${{ inputs.cmd }}'}}]}",
            "{id: a, uses: scaffold, with: {files: {run.sh: '${{ inputs.cmd }}'}}}",
            "{id: a, uses: scaffold, with: {files: {'${{ inputs.cmd }}': id}}}",
            "{id: a, uses: scaffold, with: {templates: {run.sh: a.sh}, vars: {CMD: '${{ inputs.cmd }}'}}}",
            "{id: a, uses: scaffold, with: {patch: '+${{ inputs.cmd }}'}}",
            "{id: a, uses: scaffold, with: {files: {run.sh: id}, folder: '${{ inputs.cmd }}'}}",
        ] {
            let (old, new) = (own("true", step), own("curl evil", step));
            assert_eq!(
                shown(
                    &[("blueprints/own.yaml", &old)],
                    &[("blueprints/own.yaml", &new)]
                ),
                ["input blueprints/own.yaml: cmd = curl evil"],
                "{step}"
            );
            let given = |value: &str| format!(r#"{{"blueprint_inputs": {{"cmd": "{value}"}}}}"#);
            assert_eq!(
                shown(
                    &[
                        ("blueprints/own.yaml", &old),
                        ("config.json", &given("true"))
                    ],
                    &[("blueprints/own.yaml", &old), ("config.json", &given("id"))]
                ),
                ["input config.json: cmd = id"],
                "{step}"
            );
            let chosen = |value: &str| {
                let input = format!("cmd: {{from: choice, choices: {{{value}: [a]}}}}");
                own("true", step).replace("cmd: {default: 'true'}", &input)
            };
            assert_eq!(
                shown(
                    &[("blueprints/own.yaml", &chosen("tidy"))],
                    &[("blueprints/own.yaml", &chosen("evil"))]
                ),
                ["input blueprints/own.yaml: cmd = evil"],
                "{step}"
            );
        }
    }

    #[test]
    fn what_a_scaffold_writes_acts_and_so_does_each_change_of_it() {
        let own = |with: &str| {
            format!(
                "version: 1\nname: own\nsteps:\n  - {{id: a, uses: scaffold, with: {{{with}}}}}\n"
            )
        };
        let patch = "patch: \"*** Begin Patch\\n*** Add File: a.sh\\n+id\\n*** End Patch\\n\"";
        for (was, now, want) in [
            (
                "files: {Makefile: 'a: ; true'}",
                "files: {Makefile: 'a: ; id'}",
                "scaffold blueprints/own.yaml: writes Makefile",
            ),
            (
                "templates: {a.sh: harmless}",
                "templates: {a.sh: hostile}",
                "scaffold blueprints/own.yaml: writes a.sh of the template hostile",
            ),
            (
                "templates: {a.sh: t}, vars: {X: a}",
                "templates: {a.sh: t}, vars: {X: b}",
                "scaffold blueprints/own.yaml: X = b",
            ),
            (
                "files: {a.sh: id}, folder: docs",
                "files: {a.sh: id}, folder: bin",
                "scaffold blueprints/own.yaml: writes below bin",
            ),
            (
                "files: {}",
                patch,
                "scaffold blueprints/own.yaml: patches *** Add File: a.sh",
            ),
        ] {
            let (old, new) = (own(was), own(now));
            assert_eq!(
                shown(
                    &[("blueprints/own.yaml", &old)],
                    &[("blueprints/own.yaml", &new)]
                ),
                [want]
            );
        }
        let template = "blueprints/templates/run.sh";
        assert_eq!(
            shown(&[(template, "true\n")], &[(template, "id\n")]),
            ["scaffold blueprints/templates/run.sh: the text of a file"]
        );
        assert!(ActKind::Scaffold.needs_leave());
    }

    #[test]
    fn the_same_first_line_and_the_same_words_hide_no_change() {
        let script = "skills/a/go.sh";
        assert_eq!(
            shown(
                &[(script, "#!/bin/sh\ntrue\n")],
                &[(script, "#!/bin/sh\ncurl evil\n")]
            ),
            ["script skills/a/go.sh: #!/bin/sh"]
        );
        let server =
            |args: &str| format!(r#"{{"add": {{"fs": {{"command": "sh", "args": {args}}}}}}}"#);
        assert_eq!(
            shown(
                &[("config/mcp.json", &server(r#"["-c id", "x"]"#))],
                &[("config/mcp.json", &server(r#"["-c", "id x"]"#))]
            ),
            [r#"mcp server config/mcp.json: fs: sh ["-c","id x"]"#]
        );
    }
}
