//! The shipped packs' words on two tables of task titles. One half was written before the rules by somebody who had not seen them and
//! is frozen; what goes elsewhere than its writers meant is listed by name, and the list must be exactly true.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use alai_core::company::{Registry, Stage};
use alai_core::routing::{
    Ask, Class, Decided, Domain, Place, Source, classify, instead, ranking, route,
};
use alai_core::task::TaskKind;

/// Titles of each half, and how many of a hundred must go where their writer meant.
const HALVES: [(&str, usize); 2] = [("blind", 76), ("known", 95)];
const RIGHT_PERCENT_MIN: usize = 95;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The packs of the repository.
fn shipped() -> Registry {
    let mut packs = BTreeMap::new();
    for entry in
        fs::read_dir(repository("companies")).expect("the packs are part of the repository")
    {
        let folder = entry.expect("an entry").path();
        let mut files = BTreeMap::new();
        let mut open = vec![folder.clone()];
        while let Some(inside) = open.pop() {
            for entry in fs::read_dir(&inside).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(&folder).expect("it lies below");
                    files.insert(name.to_string_lossy().into_owned(), read(&path));
                }
            }
        }
        let name = folder
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        packs.insert(name, files);
    }
    Registry::load(&packs, &[]).expect("the shipped packs are whole")
}

/// One line of a table.
#[derive(Debug)]
struct Row {
    company: String,
    title: String,
    tags: Vec<String>,
    description: String,
}

fn table(name: &str) -> Vec<Row> {
    let text = read(&repository("crates/core/tests/routing").join(name));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            let mut next = || fields.next().unwrap_or_default();
            let (company, title, tags, description) = (next(), next(), next(), next());
            let tags = tags.split(',').filter(|tag| !tag.is_empty());
            Row {
                company,
                title,
                tags: tags.map(str::to_owned).collect(),
                description,
            }
        })
        .collect()
}

fn build(row: &Row) -> Ask<'_> {
    Ask {
        title: &row.title,
        description: &row.description,
        tags: &row.tags,
        kind: TaskKind::Build,
        pinned: None,
        class: None,
    }
}

fn titled(title: &str, kind: TaskKind) -> Ask<'_> {
    Ask {
        title,
        description: "",
        tags: &[],
        kind,
        pinned: None,
        class: None,
    }
}

#[test]
fn both_halves_go_where_their_writers_meant_and_every_miss_is_listed() {
    let registry = shipped();
    let mut misses = Vec::new();
    let mut explained = String::new();
    for (half, titles) in HALVES {
        let rows = table(&format!("{half}.tsv"));
        assert_eq!(rows.len(), titles, "{half}");
        let before = misses.len();
        for row in &rows {
            let wanted = registry.find(&row.company).expect("a shipped company");
            let got = route(build(row), &registry).expect("a company");
            if got.company != wanted.name {
                misses.push(format!(
                    "{half}\t{}\t{}\t{}",
                    row.company, got.company, row.title
                ));
                explained.push_str(&format!("{}: {}\n", row.title, got.said().join("; ")));
            }
        }
        let right = titles - (misses.len() - before);
        assert!(
            right * 100 >= titles * RIGHT_PERCENT_MIN,
            "{half}: {right} of {titles}\n{}\n{explained}",
            misses.join("\n")
        );
    }
    let listed = read(&repository("crates/core/tests/routing/misses.tsv"));
    let listed: Vec<&str> = listed
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(
        misses, listed,
        "the list of misses is not true\n{explained}"
    );
}

/// Words of a trade and words of code in one title: who may write no code does not win by its own words, and who knows better is heard.
#[test]
fn who_may_not_write_code_does_not_win_a_title_of_code_outright() {
    let registry = shipped();
    let title = "Add a health endpoint for Kubernetes liveness probe";
    let silent = route(titled(title, TaskKind::Build), &registry).expect("a company");
    assert_eq!(
        (silent.company.as_str(), silent.decided),
        ("CodeCraft", Decided::Default),
        "{:?}",
        silent.said()
    );
    assert!(silent.said()[0].contains("may not write"));
    let class = |domain| Class {
        domain,
        source: Source::Model,
        confidence: 90,
        ..classify(title, "")
    };
    for (domain, want) in [
        (Domain::Infra, "FlowForge"),
        (Domain::Code, "CodeCraft"),
        (Domain::Frontend, "Vizu"),
    ] {
        let class = class(domain);
        let ask = Ask {
            class: Some(&class),
            ..titled(title, TaskKind::Build)
        };
        let got = route(ask, &registry).expect("a company");
        assert_eq!((got.company.as_str(), got.decided), (want, Decided::Class));
    }
    // Its own stage, and code that a title is only about.
    for (title, kind, want) in [
        (title, TaskKind::Ops, "FlowForge"),
        ("Unit tests for the login page", TaskKind::Build, "Proveo"),
        (
            "Add end-to-end tests for the checkout",
            TaskKind::Build,
            "Proveo",
        ),
    ] {
        let got = route(titled(title, kind), &registry).expect("a company");
        assert_eq!((got.company.as_str(), got.doubt), (want, None), "{title}");
    }
}

/// Whom words chose is not asked again for what it may not write; whom a person chose is.
#[test]
fn a_company_that_words_chose_has_the_default_of_its_stage_behind_it() {
    let registry = shipped();
    let behind = |ask: Ask<'_>| {
        let route = route(ask, &registry).expect("a company");
        instead(&route, &registry).map(|other| other.name.clone())
    };
    let newsletter = titled("Newsletter for the autumn launch", TaskKind::Build);
    assert_eq!(behind(newsletter).as_deref(), Some("CodeCraft"));
    let pinned = Ask {
        pinned: Some("Proxima"),
        ..newsletter
    };
    assert_eq!(behind(pinned), None);
    assert_eq!(behind(titled("Database schema", TaskKind::Build)), None);
}

#[test]
fn every_company_has_titles_in_both_halves() {
    let registry = shipped();
    for half in ["blind.tsv", "known.tsv"] {
        let rows = table(half);
        for company in registry.companies() {
            let own = rows
                .iter()
                .filter(|row| row.company == company.name)
                .count();
            assert!(own >= 3, "{half} has {own} of {}", company.name);
        }
    }
}

/// Chapter 2 of the system's description: its table of words, each as a title of its own.
#[test]
fn the_words_of_the_original_table_lead_to_their_companies() {
    let registry = shipped();
    for (words, want) in [
        (&["frontend", "UI", "react"][..], "Vizu"),
        (&["data", "analytics", "ML"], "Datavera"),
        (&["security", "audit", "CVE"], "Securion"),
        (&["deploy", "CI/CD", "infra"], "FlowForge"),
        (&["legal", "GDPR", "ToS"], "Lexicon"),
        (&["backend", "API", "anything else"], "CodeCraft"),
    ] {
        for word in words {
            let got = route(titled(word, TaskKind::Build), &registry).expect("a company");
            assert_eq!(got.company, want, "{word}: {:?}", got.said());
        }
    }
}

#[test]
fn the_first_product_goes_where_the_original_system_sent_it() {
    let registry = shipped();
    for (title, kind, want) in [
        (
            "Bento: Project scaffold — Next.js frontend + Kotlin/Ktor API",
            TaskKind::Build,
            "CodeCraft",
        ),
        (
            "Bento: Database schema design — users, subscriptions, meals, deliveries",
            TaskKind::Build,
            "CodeCraft",
        ),
        (
            "Bento: Landing page design — Nordic minimalist, hero + pricing + CTA",
            TaskKind::Build,
            "Vizu",
        ),
        (
            "Bento: API — user auth + subscription management endpoints",
            TaskKind::Build,
            "CodeCraft",
        ),
        (
            "Bento: Frontend — meal selection + checkout flow",
            TaskKind::Build,
            "Vizu",
        ),
        (
            "[BENTO-REVIEW] Code review of project scaffold",
            TaskKind::Review,
            "Proveo",
        ),
        (
            "[BENTO-SECURITY] Security audit of project scaffold",
            TaskKind::Security,
            "Securion",
        ),
        (
            "[BENTO-OPS] Deploy setup for project scaffold",
            TaskKind::Ops,
            "FlowForge",
        ),
        (
            "[BENTO-DOCS] Documentation for project scaffold",
            TaskKind::Docs,
            "Lexicon",
        ),
    ] {
        let got = route(titled(title, kind), &registry).expect("a company");
        assert_eq!(got.company, want, "{title}: {:?}", got.said());
    }
}

#[test]
fn each_domain_has_one_company_and_each_stage_a_default() {
    let registry = shipped();
    for domain in Domain::ALL {
        let serving = registry
            .at(Stage::Build)
            .filter(|c| c.domains.contains(&domain));
        assert_eq!(serving.count(), 1, "{}", domain.as_str());
    }
    for stage in Stage::ALL {
        let defaults = registry.at(stage).filter(|c| c.is_default_of(stage));
        assert_eq!(defaults.count(), 1, "{}", stage.as_str());
    }
}

/// A pack's own word, alone in a title, is found: no keyword is spelled so that it can never be heard.
#[test]
fn every_shipped_keyword_can_be_heard() {
    let registry = shipped();
    for company in registry.companies() {
        let stage = *company.stages.keys().next().expect("a stage");
        let kind = match stage {
            Stage::Build => TaskKind::Build,
            Stage::Review => TaskKind::Review,
            Stage::Security => TaskKind::Security,
            Stage::Ops => TaskKind::Ops,
            Stage::Docs => TaskKind::Docs,
        };
        for keyword in &company.keywords {
            let standings = ranking(titled(&keyword.word, kind), &registry);
            let own = standings.iter().find(|one| one.company == company.name);
            let heard = own.is_some_and(|own| own.reasons.iter().any(|r| r.place == Place::Title));
            assert!(heard, "{}: {}", company.name, keyword.word);
        }
    }
}
