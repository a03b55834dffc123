use std::fs;
use std::path::Path;

use super::*;
use crate::blueprint::{self, Action};

type Files = BTreeMap<String, String>;

/// Every text file of a folder, by its path inside of it. The product reads folders elsewhere; core never does.
fn read_folder(root: &Path) -> Files {
    let mut files = Files::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.expect("a folder entry can be read").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path
                .strip_prefix(root)
                .expect("it lies below the root")
                .to_string_lossy()
                .replace('\\', "/");
            files.insert(name, fs::read_to_string(&path).expect("a pack holds text"));
        }
    }
    files
}

fn repository(folder: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(folder)
}

/// The packs this repository ships: folder name to files.
pub(crate) fn shipped_packs() -> BTreeMap<String, Files> {
    let root = repository("companies");
    let folders = fs::read_dir(&root).expect("the packs are part of the repository");
    folders
        .map(|entry| entry.expect("a folder entry can be read"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                read_folder(&entry.path()),
            )
        })
        .collect()
}

fn shipped_blueprints() -> BTreeMap<String, String> {
    read_folder(&repository("blueprints"))
        .into_iter()
        .map(|(file, text)| {
            (
                file.strip_suffix(".yaml")
                    .expect("only blueprints are there")
                    .to_owned(),
                text,
            )
        })
        .collect()
}

fn pack() -> Files {
    let agent = |role: &str, paths: &str, tools: &str| {
        format!(
            "role: {role}\ntier: 2\nprompt: Work as {role}.\ntools: [{tools}]\n\
             constraints: {{allowed_paths: [{paths}], write_locked: true}}\n"
        )
    };
    [
        (
            "company.json",
            r#"{"schema":2,"name":"Acme","aliases":["Old-Acme"],"kind":"Dev Shop","stage":"build","default":true,
              "routing":{"keywords":{"api":3,"rate limiting":2}}}"#
                .to_owned(),
        ),
        (
            "config.json",
            r#"{"domain":"Anvils","blueprint":"one","tier_overrides":{"debug":3,"build":"forge:coder:32b"}}"#.to_owned(),
        ),
        ("CLAUDE.md", "# Acme\n\nWe make anvils.\n".to_owned()),
        ("agents/lead.yaml", agent("lead", "'companies/Acme/**'", "read, done")),
        ("agents/builder.yaml", agent("builder", "'src/**'", "read, edit, done")),
        ("agents/reviewer.yaml", agent("reviewer", "", "read, run, done")),
        ("blueprints/one.yaml", "version: 1\nname: one\nsteps: [{id: a, uses: context}]\n".to_owned()),
        ("skills/forging/SKILL.md", "Strike while it is hot.".to_owned()),
        ("README.md", "for people".to_owned()),
    ]
    .into_iter()
    .map(|(file, text)| (file.to_owned(), text))
    .collect()
}

/// The pack with `old` replaced by `new` in one file.
fn changed(file: &str, old: &str, new: &str) -> Files {
    let mut files = pack();
    let text = files.get_mut(file).unwrap_or_else(|| panic!("no {file}"));
    assert!(text.contains(old), "{file} holds no {old}");
    *text = text.replace(old, new);
    files
}

#[test]
fn a_pack_becomes_a_company() {
    let acme = parse(&pack()).expect("the pack is good");
    assert_eq!(
        (acme.name.as_str(), acme.stage, acme.default),
        ("Acme", Stage::Build, true)
    );
    assert_eq!(
        acme.keywords[1],
        Keyword {
            word: "rate limiting".into(),
            weight: 2
        }
    );
    assert_eq!(acme.builder.allowed_paths, ["src/**"]);
    assert_eq!(
        acme.reviewer.tools,
        [ToolName::Read, ToolName::Run, ToolName::Done]
    );
    assert_eq!(acme.skills.keys().collect::<Vec<_>>(), ["forging"]);
    let voice = acme.brief(Role::Builder);
    assert_eq!(
        (voice.soul.as_str(), voice.role_prompt.as_str()),
        ("# Acme\n\nWe make anvils.", "Work as builder.")
    );

    let named = ModelChoice::Named {
        host: "forge".into(),
        model: "coder:32b".into(),
    };
    assert_eq!(acme.overrides.get(&Activity::Build), Some(&named));
    assert_eq!(
        acme.overrides.get(&Activity::Debug),
        Some(&ModelChoice::Tier(3))
    );
    assert_eq!(
        (acme.overrides.get(&Activity::Plan), &acme.lead.model),
        (None, &ModelChoice::Tier(2))
    );

    let global = BTreeMap::from([
        ("one".into(), "global one".into()),
        ("two".into(), "global two".into()),
    ]);
    let library = acme.library(&global);
    assert!(
        library["one"].starts_with("version: 1"),
        "the company's own stands before the global one"
    );
    assert_eq!(library["two"], "global two");
}

#[test]
fn a_validator_is_a_reviewer() {
    let mut files = pack();
    let text = files.remove("agents/reviewer.yaml").expect("it is there");
    files.insert(
        "agents/validator.yaml".into(),
        text.replace("role: reviewer", "role: validator"),
    );
    assert_eq!(
        parse(&files).expect("the alias is known").reviewer.role,
        Role::Reviewer
    );
}

/// File, what is replaced, by what, and what the error says.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    (
        "company.json",
        r#""schema":2"#,
        r#""schema":1"#,
        "schema 1 is not known",
    ),
    (
        "company.json",
        r#""kind""#,
        r#""knid""#,
        "unknown key `knid`; did you mean `kind`?",
    ),
    (
        "company.json",
        r#""build""#,
        r#""biuld""#,
        "unknown key `biuld`; did you mean `build`?",
    ),
    (
        "company.json",
        r#""Acme""#,
        r#""../Acme""#,
        "cannot name a company",
    ),
    (
        "company.json",
        r#""api":3"#,
        r#""api":11"#,
        "keyword `api` weighs 11",
    ),
    (
        "company.json",
        r#""api":3"#,
        r#""--":3"#,
        "`--` cannot be a keyword",
    ),
    (
        "config.json",
        r#""debug":3"#,
        r#""debug":6"#,
        "a tier from 1 to 5",
    ),
    (
        "config.json",
        r#""debug":3"#,
        r#""debug":"sonnet""#,
        "a tier from 1 to 5",
    ),
    (
        "config.json",
        r#""debug":3"#,
        r#""debgu":3"#,
        "unknown key `debgu`; did you mean `debug`?",
    ),
    (
        "config.json",
        "Anvils",
        "",
        "`domain` must be one short line",
    ),
    ("config.json", "}", "", "Acme/config.json:1"),
    (
        "agents/lead.yaml",
        "tier: 2",
        "teir: 2",
        "Acme/agents/lead.yaml:2:1: unknown key `teir`; did you mean `tier`?",
    ),
    (
        "agents/lead.yaml",
        "tier: 2",
        "tier: 0",
        "`tier` must be 1 to 5",
    ),
    (
        "agents/lead.yaml",
        "tier: 2",
        "tier: 2\nmodel: a:b",
        "exclude each other",
    ),
    ("agents/lead.yaml", "tier: 2\n", "", "give `tier: 1`"),
    (
        "agents/lead.yaml",
        "role: lead",
        "role: builder",
        "in this file it must be `lead`",
    ),
    (
        "agents/lead.yaml",
        "companies/Acme/**",
        "**",
        "a lead writes only below `companies/Acme/`",
    ),
    (
        "agents/lead.yaml",
        "companies/Acme/**",
        "companies/Acme/../../x",
        "leave the folder",
    ),
    (
        "agents/lead.yaml",
        "write_locked: true",
        "write_locked: false",
        "a lead must be `write_locked: true`",
    ),
    (
        "agents/builder.yaml",
        "src/**",
        "/etc/**",
        "paths are relative",
    ),
    (
        "agents/builder.yaml",
        "src/**",
        "~/.ssh/**",
        "paths are relative",
    ),
    ("agents/builder.yaml", "'src/**'", "", "can build nothing"),
    (
        "agents/builder.yaml",
        "Work as builder.",
        "''",
        "`prompt` is empty",
    ),
    (
        "agents/builder.yaml",
        "read, edit",
        "read, eidt",
        "no tool is called `eidt`; did you mean `edit`?",
    ),
    ("agents/builder.yaml", ", done", "", "lacks `done`"),
    (
        "agents/reviewer.yaml",
        "read, run",
        "read, edit",
        "a reviewer cannot write",
    ),
    (
        "agents/reviewer.yaml",
        "allowed_paths: []",
        "allowed_paths: ['notes/**']",
        "a reviewer cannot write",
    ),
    (
        "agents/reviewer.yaml",
        "write_locked: true",
        "write_locked: false",
        "a reviewer cannot write",
    ),
    (
        "blueprints/one.yaml",
        "name: one",
        "name: two",
        "the file is `one` but calls itself `two`",
    ),
    (
        "blueprints/one.yaml",
        "uses: context",
        "uses: magic",
        "cannot use `magic`",
    ),
];

#[test]
fn broken_packs_are_refused_with_the_file() {
    let mut wrong = Vec::new();
    for (file, old, new, want) in BROKEN {
        match parse(&changed(file, old, new)) {
            Ok(_) => wrong.push(format!("{file}: {old} -> {new} was taken")),
            Err(error) if !error.to_string().contains(want) => {
                wrong.push(format!(
                    "{file}: {old} -> {new}\n  gave: {error}\n  want: {want}"
                ));
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn missing_strange_and_large_files_are_refused() {
    for file in [
        "company.json",
        "config.json",
        "CLAUDE.md",
        "agents/lead.yaml",
        "agents/builder.yaml",
        "agents/reviewer.yaml",
    ] {
        let mut files = pack();
        files.remove(file);
        let error = parse(&files).expect_err(file);
        assert!(
            matches!(&error, CompanyError::Missing { file: named, .. } if named == file),
            "{error}"
        );
    }
    let mut files = pack();
    files.insert("agents/reveiwer.yaml".into(), String::new());
    let error = parse(&files).expect_err("a stranger").to_string();
    assert!(error.contains("did you mean `reviewer.yaml`?"), "{error}");

    let mut files = pack();
    files.insert("CLAUDE.md".into(), "x".repeat(6 * 1024));
    let error = parse(&files).expect_err("too much voice").to_string();
    assert!(error.contains("at most 6144 fit a small model"), "{error}");
    files.insert("skills/big/SKILL.md".into(), "x".repeat(64 * 1024 + 1));
    assert!(matches!(parse(&files), Err(CompanyError::TooLarge { .. })));
}

#[test]
fn a_registry_finds_by_any_name_and_refuses_strangers() {
    let packs = BTreeMap::from([("Acme".to_owned(), pack())]);
    let registry =
        Registry::load(&packs, &["old-acme".into(), "ACME".into()]).expect("both names are known");
    assert_eq!(registry.companies().len(), 1);
    assert_eq!(
        registry
            .find(" old-ACME ")
            .expect("an alias in any case")
            .name,
        "Acme"
    );
    let error = Registry::load(&packs, &["Amce".into()])
        .expect_err("a stranger")
        .to_string();
    assert_eq!(error, "no company is called `Amce`; did you mean `Acme`?");
    let misplaced = BTreeMap::from([("Other".to_owned(), pack())]);
    let error = Registry::load(&misplaced, &[])
        .expect_err("a false folder")
        .to_string();
    assert!(
        error.contains("the folder is `Other` but the company calls itself `Acme`"),
        "{error}"
    );
}

#[test]
fn names_and_defaults_have_one_owner() {
    let acme = parse(&pack()).expect("the pack is good");
    let other = Company {
        name: "Other".into(),
        aliases: vec!["ACME".into()],
        default: false,
        ..acme.clone()
    };
    assert!(matches!(
        Registry::new(vec![acme.clone(), other.clone()]),
        Err(CompanyError::TwoOwners { .. })
    ));
    let other = Company {
        aliases: Vec::new(),
        default: true,
        ..other
    };
    assert!(matches!(
        Registry::new(vec![acme, other]),
        Err(CompanyError::TwoDefaults { stage: "build", .. })
    ));
}

#[test]
fn a_pack_has_templates_beside_its_blueprints() {
    let mut files = changed(
        "blueprints/one.yaml",
        "{id: a, uses: context}",
        "{id: a, uses: scaffold, with: {templates: {a.md: page.md}}}",
    );
    files.insert("blueprints/templates/page.md".into(), "own\n".into());
    let acme = parse(&files).expect("the pack is good");
    let global = [("templates/page.md".to_owned(), "global\n".to_owned())];
    let library = acme.library(&global.into_iter().collect());
    let one = blueprint::resolve("one", &library, &Default::default());
    let one = one.unwrap_or_else(|error| panic!("{error}"));
    let Action::Scaffold { files: made, .. } = &one.steps[0].action else {
        panic!("a scaffold")
    };
    assert_eq!(made[0].content.settled().as_deref(), Some("own\n"));
    files.insert("blueprints/templates/a/b".into(), String::new());
    let error = parse(&files).expect_err("a folder").to_string();
    assert!(
        error.contains("templates `blueprints/templates/NAME`"),
        "{error}"
    );
}

#[test]
fn every_shipped_pack_is_whole() {
    let registry = Registry::load(&shipped_packs(), &[]).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<&str> = registry
        .companies()
        .iter()
        .map(|company| company.name.as_str())
        .collect();
    for wanted in ["CodeCraft", "Lexicon", "Proveo", "Securion"] {
        assert!(names.contains(&wanted), "{wanted} is not shipped");
    }
    let global = shipped_blueprints();
    for company in registry.companies() {
        let name = &company.name;
        let lines = company.soul.lines().count();
        assert!(
            (30..=80).contains(&lines),
            "{name}: the soul has {lines} lines"
        );
        assert!(
            company.soul.len() < 3_000,
            "{name}: the soul has {} bytes",
            company.soul.len()
        );
        for role in [Role::Lead, Role::Builder, Role::Reviewer] {
            let agent = company.agent(role);
            assert!(
                agent.prompt.len() < 1_200,
                "{name}: {} prompt has {} bytes",
                role.as_str(),
                agent.prompt.len()
            );
            assert!(
                matches!(agent.model, ModelChoice::Tier(_)),
                "{name} names a model"
            );
            assert!(
                agent.write_locked,
                "{name}: {} is not locked",
                role.as_str()
            );
        }
        assert!(
            company
                .overrides
                .values()
                .all(|m| matches!(m, ModelChoice::Tier(_))),
            "{name} names a model"
        );

        let mut inputs = company.blueprint_inputs.clone();
        let library = company.library(&global);
        if company.stage == Stage::Build
            || company.stage == Stage::Docs
            || company.stage == Stage::Ops
        {
            inputs.insert("test_command".into(), "make test".into());
        }
        let resolved = blueprint::resolve(&company.blueprint, &library, &inputs)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let writes = resolved.steps.iter().any(|step| match &step.action {
            Action::Agent { tools, .. } => {
                tools.contains(&ToolName::Edit) || tools.contains(&ToolName::Write)
            }
            Action::Scaffold { .. } => true,
            Action::Context
            | Action::Ask { .. }
            | Action::Run { .. }
            | Action::Gate { .. }
            | Action::Branch { .. }
            | Action::Human { .. }
            | Action::Report => false,
        });
        let judges = company.stage == Stage::Review || company.stage == Stage::Security;
        assert_eq!(
            writes, !judges,
            "{name}: who judges does not write, who makes does"
        );
    }
}

#[test]
fn every_pack_says_what_it_is() {
    for (folder, files) in shipped_packs() {
        let readme = files
            .get("README.md")
            .unwrap_or_else(|| panic!("{folder} has no README.md"));
        for file in files.keys().filter(|file| file.as_str() != "README.md") {
            assert!(
                readme.contains(file.as_str()),
                "{folder}/README.md does not mention {file}"
            );
        }
    }
}

#[test]
fn model_choices_are_read_at_the_door() {
    let named = |host: &str, model: &str| {
        Some(ModelChoice::Named {
            host: host.into(),
            model: model.into(),
        })
    };
    for (text, want) in [
        ("1", Some(ModelChoice::Tier(1))),
        (" 5 ", Some(ModelChoice::Tier(5))),
        ("tier 5", Some(ModelChoice::Tier(5))),
        ("0", None),
        ("6", None),
        ("300", None),
        ("", None),
        ("coder", None),
        (":coder", None),
        ("forge:", None),
        ("forge:a b", None),
        ("forge:coder", named("forge", "coder")),
        ("forge:coder:32b", named("forge", "coder:32b")),
    ] {
        assert_eq!(ModelChoice::parse(text), want, "{text}");
        if let Some(choice) = want {
            assert_eq!(ModelChoice::parse(&choice.to_string()), Some(choice));
        }
    }
}

#[test]
fn the_example_of_the_handbook_is_an_agent() {
    let handbook = include_str!("../../../../docs/PACKS.md");
    let blocks = handbook.split("```").skip(1).step_by(2);
    let example = blocks
        .filter_map(|block| block.strip_prefix("yaml\n"))
        .find(|block| block.starts_with("role:"));
    let mut files = pack();
    files.insert(
        "agents/builder.yaml".into(),
        example.expect("the handbook shows an agent").to_owned(),
    );
    let company = parse(&files).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(company.builder.model, ModelChoice::Tier(2));
    assert_eq!(company.builder.tools.as_slice(), ToolName::ALL);
    for activity in Activity::ALL {
        assert!(
            handbook.contains(&format!("`{}`", activity.as_str())),
            "{activity:?} is not explained"
        );
    }
}
