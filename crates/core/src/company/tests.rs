use std::fs;
use std::path::Path;

use super::*;
use crate::blueprint::{self, Action};

mod broken;
mod walks;

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
        .map(|(file, text)| (file.strip_suffix(".yaml").unwrap_or(&file).to_owned(), text))
        .collect()
}

/// A whole pack, small enough to be read at a glance.
pub(crate) fn pack() -> Files {
    let agent = |role: &str, paths: &str, tools: &str| {
        format!(
            "role: {role}\nprompt: Work as {role}.\ntools: [{tools}]\nconstraints:\n  allowed_paths: [{paths}]\n  \
             forbidden_paths: ['.git/**']\n  write_locked: true\n"
        )
    };
    [
        ("company.json", CARD.to_owned()),
        ("config.json", CONFIG.to_owned()),
        ("CLAUDE.md", SOUL.to_owned()),
        ("agents/lead.yaml", agent("lead", "'companies/Acme/**'", "read, done")),
        ("agents/builder.yaml", agent("builder", "'src/**'", "read, edit, done")),
        ("agents/reviewer.yaml", agent("reviewer", "", "read, run, done")),
        ("blueprints/one.yaml", "version: 1\nname: one\nsteps: [{id: a, uses: context}]\n".to_owned()),
        (
            "skills/forging/SKILL.md",
            "---\nname: forging\ndescription: Shapes hot iron. Use it for anvils.\n---\nStrike while it is hot.\n".to_owned(),
        ),
        ("skills/forging/references/heat.md", "900 degrees\n".to_owned()),
        ("config/mcp.json", MCP.to_owned()),
        ("config/tools.json", TOOLS.to_owned()),
        ("README.md", "for people".to_owned()),
    ]
    .into_iter()
    .map(|(file, text)| (file.to_owned(), text))
    .collect()
}

const CARD: &str = r#"{
  "schema": 2,
  "name": "Acme",
  "version": "1.2.3",
  "type": "Dev Shop",
  "aliases": ["Old-Acme"],
  "stages": {"build": "builder", "review": "reviewer"},
  "default": ["build"],
  "domains": ["code", "data"],
  "routing": {
    "keywords": {
      "api": 3,
      "rate limiting": 2
    },
    "negative": {"api docs": 3}
  }
}
"#;

const CONFIG: &str = r#"{
  "domain": "Anvils",
  "agents": {
    "lead": {"type": "orchestrator", "model": 3},
    "builder": {"type": "builder", "model": 2},
    "reviewer": {"type": "reviewer", "model": "human"}
  },
  "tier_overrides": {
    "debug": 3,
    "build": "forge:coder:32b"
  },
  "blueprints": {
    "build": "one",
    "review": "two",
    "bugfix": "three",
    "docs": "four"
  },
  "blueprint_inputs": {"focus": "edges"}
}
"#;

const SOUL: &str = "# Acme\n\n## Essence\n\nWe make anvils.\n\n## Identity\n\nA forge.\n\n## Values\n\nIron.\n\n\
                    ## Standards\n\n```\n## no heading\n```\n\n## Good work\n\nIt rings.\n\n## Refuses\n\nGold.\n";

const MCP: &str = r#"{
  "add": {
    "git": {"command": "mcp-git", "args": ["--here"], "env": {"TOKEN": "${GIT_TOKEN}"}}
  },
  "remove": ["old"],
  "override": {"files": {"args": ["/repo"]}}
}
"#;

const TOOLS: &str = r#"{
  "builder": {"mcp": ["git", "files/read_file"]},
  "reviewer": {"mcp": []}
}
"#;

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
    let (acme, texts) = parse(&pack()).expect("the pack is good");
    assert_eq!(
        (
            acme.name.as_str(),
            acme.version.as_str(),
            acme.house.as_str()
        ),
        ("Acme", "1.2.3", "Dev Shop")
    );
    assert_eq!(
        acme.stages.clone().into_iter().collect::<Vec<_>>(),
        [
            (Stage::Build, Role::Builder),
            (Stage::Review, Role::Reviewer)
        ]
    );
    assert!(acme.is_default_of(Stage::Build) && !acme.is_default_of(Stage::Review));
    assert_eq!(acme.domains, [Domain::Code, Domain::Data]);
    assert_eq!(
        acme.negative,
        [Keyword {
            word: "api docs".into(),
            weight: 3
        }]
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
    let voice = acme.brief(Role::Builder);
    assert_eq!(
        (voice.soul.as_str(), voice.role_prompt.as_str()),
        ("# Acme\n\nWe make anvils.", "Work as builder.")
    );
    assert!(texts.soul.ends_with("Gold."), "the whole soul is kept");

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
        (None, &ModelChoice::Tier(3))
    );
    assert_eq!(acme.reviewer.model, ModelChoice::Human);

    let global = BTreeMap::from([
        ("one".into(), "global one".into()),
        ("two".into(), "global two".into()),
    ]);
    let library = texts.library(&global);
    assert!(
        library["one"].starts_with("version: 1"),
        "the company's own stands before the global one"
    );
    assert_eq!(library["two"], "global two");
}

#[test]
fn skills_servers_and_grants_are_parsed_data() {
    let (acme, texts) = parse(&pack()).expect("the pack is good");
    let skill = &texts.skills["forging"];
    assert_eq!(
        (
            skill.name.as_str(),
            skill.description.as_str(),
            skill.text.as_str()
        ),
        (
            "forging",
            "Shapes hot iron. Use it for anvils.",
            "Strike while it is hot."
        )
    );
    assert_eq!(skill.files["references/heat.md"], "900 degrees\n");
    let git = &acme.mcp.add["git"];
    assert_eq!(
        (git.command.as_str(), git.args.as_slice()),
        ("mcp-git", ["--here".to_owned()].as_slice())
    );
    assert_eq!(git.env["TOKEN"], "${GIT_TOKEN}");
    assert_eq!(acme.mcp.remove, ["old"]);
    assert_eq!(
        acme.mcp.change["files"].args.as_deref(),
        Some(["/repo".to_owned()].as_slice())
    );
    let grant = |server: &str, tool: Option<&str>| mcp::Grant {
        server: server.into(),
        tool: tool.map(Into::into),
    };
    assert_eq!(
        acme.grants[&Role::Builder],
        [grant("git", None), grant("files", Some("read_file"))]
    );
    assert_eq!(acme.grants.get(&Role::Lead), None);
    let mut bare = pack();
    bare.retain(|file, _| !file.starts_with("config/") && !file.starts_with("skills/"));
    let (bare, texts) = parse(&bare).expect("neither must be there");
    assert!(
        bare.mcp == mcp::Overlay::default() && bare.grants.is_empty() && texts.skills.is_empty()
    );
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
        parse(&files).expect("the alias is known").0.reviewer.role,
        Role::Reviewer
    );
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

    let mut files = changed(
        "agents/builder.yaml",
        "Work as builder.",
        &"x".repeat(6 * 1024),
    );
    let error = parse(&files).expect_err("too much voice").to_string();
    assert!(
        error.starts_with("Acme/agents/builder.yaml:2:1: essence and builder prompt are"),
        "{error}"
    );
    files.insert("skills/forging/big.txt".into(), "x".repeat(64 * 1024 + 1));
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
    let (acme, _) = parse(&pack()).expect("the pack is good");
    let other = Company {
        name: "Other".into(),
        aliases: vec!["ACME".into()],
        default: BTreeSet::new(),
        ..acme.clone()
    };
    assert!(matches!(
        Registry::new(vec![acme.clone(), other.clone()]),
        Err(CompanyError::TwoOwners { .. })
    ));
    let other = Company {
        aliases: Vec::new(),
        default: [Stage::Build].into(),
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
    let (_, acme) = parse(&files).expect("the pack is good");
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
fn every_shipped_blueprint_can_be_tried() {
    let global = shipped_blueprints();
    let packs = shipped_packs();
    let own = { packs.values() }.map(|files| texts(files).library(&global));
    let handbook = fs::read_to_string(repository("docs/PACKS.md")).expect("it is there");
    let (_, table) = handbook
        .split_once("### Shipped blueprints")
        .expect("a table");
    let mut tried = std::collections::BTreeSet::new();
    for library in own.chain([global.clone()]) {
        for (name, text) in { &library }
            .iter()
            .filter(|(name, _)| !name.starts_with(blueprint::TEMPLATES))
        {
            assert!(text.contains("\nexample:"), "{name} has no example");
            assert!(
                table.contains(&format!("`{name}`")),
                "{name} is nowhere named"
            );
            let example = blueprint::example(name, &library).unwrap_or_else(|e| panic!("{e}"));
            blueprint::resolve(name, &library, &example).unwrap_or_else(|e| panic!("{e}"));
            tried.insert(name.clone());
        }
    }
    assert!(tried.len() > global.len(), "{tried:?}");
}

#[test]
fn every_shipped_pack_is_whole() {
    let packs = shipped_packs();
    let registry = Registry::load(&packs, &[]).unwrap_or_else(|error| panic!("{error}"));
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

        let texts = texts(&packs[name]);
        let wrong = check_names(company, &texts, &packs[name], &global);
        assert!(wrong.is_empty(), "{}", wrong[0]);
        for (stage, blueprint) in &company.walks.stages {
            assert_eq!(
                writes(company, &texts, blueprint, &global, ""),
                stage.builds(),
                "{name}: who judges does not write, who makes does"
            );
        }
        let by_work = company.walks.work.values().flatten();
        for blueprint in by_work.chain(company.walks.firsts.values().flatten()) {
            let mut titles = TELLING.iter();
            assert!(
                titles.any(|title| writes(company, &texts, blueprint, &global, title)),
                "{name}: no title lets {blueprint} write"
            );
        }
    }
}

fn texts(files: &Files) -> Texts {
    let (_, texts) = parse(files).unwrap_or_else(|error| panic!("{error}"));
    texts
}

/// Titles that say all that a blueprint for a type of work may take from one.
const TELLING: [&str; 13] = [
    "Decide how src/price.py is cut",
    "Scaffold a full-stack app called shop",
    "Scaffold a Next.js app called shop",
    "Scaffold an axum API called shop",
    "Staging environment for the service called shop",
    "Dockerfile for the Node.js service called shop that starts `server.js`",
    "Database schema of the double-entry ledger",
    "Database design for tenants",
    "Monitoring of the service called orders, probed at https://orders.example.org/healthz",
    "Write the runbook for the alerts of the service called orders",
    "Migration: the column total of customer_order becomes total_minor",
    "Privacy policy and user guide",
    "Document openapi.json: OpenAPI",
];

/// Whether a blueprint of a company changes files, for a task of this title: nobody gives it an input.
fn writes(
    company: &Company,
    texts: &Texts,
    name: &str,
    global: &BTreeMap<String, String>,
    title: &str,
) -> bool {
    let mut inputs = company.blueprint_inputs.clone();
    inputs.insert("test_command".into(), "make test".into());
    let library = texts.library(global);
    let resolved = loop {
        let task = blueprint::OfTask {
            title: title.to_owned(),
            ..blueprint::OfTask::default()
        };
        match blueprint::resolve_for_task(name, &library, &inputs, &task) {
            Err(blueprint::BlueprintError::UnknownInput { input, .. }) => inputs.remove(&input),
            Ok(resolved) => break resolved,
            // This title does not say enough for it.
            Err(blueprint::BlueprintError::MissingInput { .. }) => return false,
            Err(error) => panic!("{}: {error}", company.name),
        };
    };
    resolved.steps.iter().any(|step| match &step.action {
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
    })
}

#[test]
fn every_pack_says_what_it_is() {
    for (folder, files) in shipped_packs() {
        let readme = files
            .get("README.md")
            .unwrap_or_else(|| panic!("{folder} has no README.md"));
        for file in files.keys().filter(|file| file.as_str() != "README.md") {
            // A skill and the templates are each told as one.
            let told = match file
                .strip_prefix("skills/")
                .and_then(|inside| inside.split_once('/'))
            {
                Some((skill, _)) => format!("skills/{skill}"),
                None if file.starts_with("blueprints/templates/") => {
                    "blueprints/templates".to_owned()
                }
                None => file.clone(),
            };
            assert!(
                readme.contains(&told),
                "{folder}/README.md does not mention {told}"
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
    let (company, _) = parse(&files).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(company.builder.tools.as_slice(), ToolName::ALL);
    for activity in Activity::ALL {
        assert!(
            handbook.contains(&format!("`{}`", activity.as_str())),
            "{activity:?} is not explained"
        );
    }
}
