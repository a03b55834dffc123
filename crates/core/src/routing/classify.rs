//! What sort of task it is, by keywords: the fallback when no small model answers in time.

use serde::{Deserialize, Serialize};

use super::{Place, TaskText};
use crate::safety;

/// Characters of a description that say that the task is large. Two screens of text.
const LONG_DESCRIPTION: usize = 1_500;
/// What a task is, as far as words tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// 1 to 5: the tier it asks for. 5 is a person and comes from the safety rails only.
    pub complexity: u8,
    pub domain: Domain,
    #[serde(rename = "type")]
    pub work: WorkType,
    pub source: Source,
    /// What spoke for it, in words.
    pub reasons: Vec<String>,
}

/// Who classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Model,
    Keyword,
    Override,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    Code,
    Frontend,
    Data,
    Security,
    Infra,
    Docs,
    Legal,
    Ai,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkType {
    Feature,
    Scaffold,
    Bugfix,
    Refactor,
    Test,
    Docs,
    Review,
    Design,
    Deploy,
    Chore,
}

/// Words of each domain. Equal counts go to the earlier row: code is what most tasks are.
const DOMAINS: &[(Domain, &str, &str)] = &[
    (
        Domain::Code,
        "code",
        "api, backend, endpoint, database, sql, schema, kotlin, rust, java, python, go, \
         server, cli, auth, parser, library, ktor, django, spring, migration, function, \
         module, scaffold, webhook",
    ),
    (
        Domain::Frontend,
        "frontend",
        "frontend, ui, ux, css, react, next.js, vue, svelte, landing page, component, layout, \
         html, accessibility, responsive, design system, hero",
    ),
    (
        Domain::Data,
        "data",
        "data, analytics, etl, dashboard, report, warehouse, csv, metrics, dataset, forecast, \
         spark",
    ),
    (
        Domain::Security,
        "security",
        "security, vulnerability, cve, xss, csrf, pentest, threat, injection, audit, \
         encryption, owasp",
    ),
    (
        Domain::Infra,
        "infra",
        "deploy, deployment, docker, kubernetes, ci, ci/cd, terraform, infra, infrastructure, \
         monitoring, helm, pipeline, nginx, backup",
    ),
    (
        Domain::Docs,
        "docs",
        "docs, documentation, readme, guide, tutorial, changelog, runbook, manual",
    ),
    (
        Domain::Legal,
        "legal",
        "legal, gdpr, privacy policy, terms of service, tos, compliance, license",
    ),
    (
        Domain::Ai,
        "ai",
        "llm, prompt, embedding, rag, fine-tuning, agent, model training, classifier, ml",
    ),
];
/// Words of each type of work; the first row that hits decides, so the telling ones come first.
const WORK: &[(WorkType, &str, &str)] = &[
    (
        WorkType::Review,
        "review",
        "code review, security audit, review, audit",
    ),
    (
        WorkType::Scaffold,
        "scaffold",
        "scaffold, skeleton, boilerplate, bootstrap, project setup, from scratch",
    ),
    (
        WorkType::Bugfix,
        "bugfix",
        "bug, fix, fixes, crash, crashes, broken, error, fails, regression, popravi, fiks, hotfix",
    ),
    (
        WorkType::Refactor,
        "refactor",
        "refactor, refactoring, clean up, cleanup, simplify, extract, restructure",
    ),
    (
        WorkType::Deploy,
        "deploy",
        "deploy, deployment, release, rollout, docker, ci/cd",
    ),
    (
        WorkType::Docs,
        "docs",
        "docs, documentation, document, readme, changelog, guide, tutorial, runbook",
    ),
    (
        WorkType::Test,
        "test",
        "test, tests, coverage, e2e, unit test",
    ),
    (
        WorkType::Design,
        "design",
        "design, architecture, schema design, wireframe, mockup",
    ),
    (
        WorkType::Chore,
        "chore",
        "typo, rename, bump, upgrade, lint, format, dependency, dependencies",
    ),
];
/// Words that make a task harder or easier, by how much.
const EFFORT: &[(i8, &str)] = &[
    (
        -1,
        "typo, rename, comment, bump, wording, readme, lint, format, whitespace, color, colour",
    ),
    (
        1,
        "scaffold, from scratch, project setup, schema design, data model, migration, auth, \
         oauth, subscription, payment, checkout, integration",
    ),
    (
        1,
        "architecture, redesign, rewrite, distributed, multi-tenant, microservice, real-time, \
         consensus",
    ),
    (
        1,
        "concurrency, race condition, deadlock, encryption, cryptography, performance, \
         scalability, parser, compiler, protocol",
    ),
];
const COMPLEXITY_PLAIN: i8 = 2;
/// Words alone never ask for a person; the rails do.
const COMPLEXITY_MAX: i8 = 4;

/// Classifies by keywords: what is used when no small model answers in time.
pub fn classify(title: &str, description: &str) -> Class {
    let text = TaskText::new(title, description, &[]);
    let mut reasons = Vec::new();
    let domain = domain_of(&text, &mut reasons);
    let work = work_of(&text, &mut reasons);
    let complexity = complexity_of(&text, title, description, &mut reasons);
    Class {
        complexity,
        domain,
        work,
        source: Source::Keyword,
        reasons,
    }
}

/// The words and phrases of a list that is written as one text.
fn named(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split(',').map(str::trim)
}

fn domain_of(text: &TaskText, reasons: &mut Vec<String>) -> Domain {
    let mut best: Option<(u32, Domain, &str, Vec<&str>)> = None;
    for (domain, name, list) in DOMAINS {
        let hits: Vec<(&str, Place)> = named(list)
            .filter_map(|w| Some((w, text.place_of(w)?)))
            .collect();
        let score: u32 = hits.iter().map(|(_, place)| place.factor()).sum();
        if score > best.as_ref().map_or(0, |(most, ..)| *most) {
            best = Some((
                score,
                *domain,
                *name,
                hits.into_iter().map(|(word, _)| word).collect(),
            ));
        }
    }
    match best {
        Some((_, domain, name, hits)) => {
            reasons.push(format!("domain {name}: {}", hits.join(", ")));
            domain
        }
        None => {
            reasons.push("domain code: no word of another domain".to_owned());
            Domain::Code
        }
    }
}

fn work_of(text: &TaskText, reasons: &mut Vec<String>) -> WorkType {
    // The title says what a task is; a description mentions bugs and tests of every sort.
    for (place, whole) in [(Place::Title, false), (Place::Description, true)] {
        for (work, name, list) in WORK {
            let hit =
                named(list).find(|word| text.place_of(word).is_some_and(|at| at <= place || whole));
            if let Some(word) = hit {
                reasons.push(format!("type {name}: {word}"));
                return *work;
            }
        }
    }
    reasons.push("type feature: nothing says otherwise".to_owned());
    WorkType::Feature
}

fn complexity_of(text: &TaskText, title: &str, description: &str, reasons: &mut Vec<String>) -> u8 {
    if let Some(rail) = safety::judge_text(title, description) {
        reasons.push(format!(
            "complexity 5: safety rail {} ({})",
            rail.rule.as_str(),
            rail.matched
        ));
        return 5;
    }
    let mut complexity = COMPLEXITY_PLAIN;
    let mut said = Vec::new();
    for (change, list) in EFFORT {
        if let Some(word) =
            named(list).find(|word| text.place_of(word).is_some_and(|at| at <= Place::Title))
        {
            complexity += change;
            said.push(format!("{word} {change:+}"));
        }
    }
    if description.chars().count() > LONG_DESCRIPTION {
        complexity += 1;
        said.push("long description +1".to_owned());
    }
    let complexity = complexity.clamp(1, COMPLEXITY_MAX);
    let said = if said.is_empty() {
        "nothing unusual".to_owned()
    } else {
        said.join(", ")
    };
    reasons.push(format!("complexity {complexity}: {said}"));
    complexity.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_by_keyword() {
        use Domain::*;
        for (title, description, complexity, domain, work) in [
            (
                "Bento: Project scaffold — Next.js frontend + Kotlin/Ktor API",
                "",
                3,
                Code,
                WorkType::Scaffold,
            ),
            (
                "Bento: Database schema design — users, meals",
                "",
                3,
                Code,
                WorkType::Design,
            ),
            (
                "Bento: Landing page design — Nordic, hero + pricing + CTA",
                "",
                2,
                Frontend,
                WorkType::Design,
            ),
            ("Fix typo in README", "", 1, Docs, WorkType::Bugfix),
            (
                "Fix race condition in the payment architecture",
                "",
                4,
                Code,
                WorkType::Bugfix,
            ),
            (
                "Add rate limiting to the login endpoint",
                "",
                2,
                Code,
                WorkType::Feature,
            ),
            (
                "Security audit of project scaffold",
                "",
                3,
                Security,
                WorkType::Review,
            ),
            ("Write the privacy policy", "", 2, Legal, WorkType::Feature),
            ("Deploy setup", "", 2, Infra, WorkType::Deploy),
            (
                "Rename the module",
                "there is a bug somewhere",
                1,
                Code,
                WorkType::Chore,
            ),
            ("Greeting", "the test is broken", 2, Code, WorkType::Bugfix),
            ("Xyz", "", 2, Code, WorkType::Feature),
            ("CEO: typo", "", 5, Code, WorkType::Chore),
            ("Deploy to production", "", 5, Infra, WorkType::Deploy),
        ] {
            let got = classify(title, description);
            assert_eq!(
                (got.complexity, got.domain, got.work),
                (complexity, domain, work),
                "{title}: {:?}",
                got.reasons
            );
            assert_eq!(
                (got.source, got.reasons.len()),
                (Source::Keyword, 3),
                "{title}"
            );
        }
        let long = classify("Add a page", &"word ".repeat(400));
        assert_eq!(long.complexity, 3, "{:?}", long.reasons);
    }
}
