//! Which company does a task, and what sort of task it is: keyword scores with their reasons kept.
//!
//! The kind of a task decides the stage, the keywords decide among the companies of that stage, an operator's pin stands above
//! both. Nothing is guessed: a pin that names nobody and a stage without a company are errors.

mod answer;
mod classify;
mod lists;
mod wish;

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::company::{Company, CompanyError, Registry, Stage};
use crate::task::TaskKind;

pub use answer::{RULES, by_model, question, schema};
pub use classify::{Class, Domain, Source, WorkType, classify};
pub use wish::{By, Want, Wish, class_decides, is_worth_asking, wish};

/// A keyword counts once, at its strongest place: a tag is set on purpose, a title is chosen, a description mentions much.
const TAG_FACTOR: u32 = 3;
const TITLE_FACTOR: u32 = 2;
const DESCRIPTION_FACTOR: u32 = 1;

/// Where a task goes and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub company: String,
    pub score: u32,
    pub decided: Decided,
    /// The keywords that spoke for the company, the strongest first.
    pub reasons: Vec<Reason>,
    /// The next best company of the stage, for a classifier that breaks ties and for `--explain`.
    pub runner_up: Option<RunnerUp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub keyword: String,
    /// The keyword's weight times the factor of the place.
    pub weight: u32,
    #[serde(rename = "where")]
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerUp {
    pub company: String,
    pub score: u32,
}

/// Where a keyword was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Tag,
    Title,
    Description,
}

/// What settled the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// The operator's pin.
    Pin,
    /// The highest score of the stage.
    Keywords,
    /// No keyword spoke for anybody: the default of the stage.
    Default,
    /// The stage has this one company.
    OnlyOne,
    /// No company of the stage is loaded; the default builder stands in. OPS alone may fall back so.
    StandIn,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    #[error("cannot route \"{title}\": it is pinned to a company that is not loaded: {source}")]
    Pin {
        title: String,
        source: Box<CompanyError>,
    },
    #[error(
        "cannot route \"{title}\": no company of stage {stage} is loaded; add a pack with `\"stage\": \"{stage}\"` or pin the \
         task to a company"
    )]
    NoCompany { title: String, stage: &'static str },
    #[error(
        "cannot route \"{title}\": no keyword of {companies} is in it, and none of them is the default of stage {stage}; set \
         `\"default\": true` in one pack or pin the task"
    )]
    NoDefault {
        title: String,
        stage: &'static str,
        companies: String,
    },
}

/// Chooses the company for a task.
pub fn route(
    title: &str,
    description: &str,
    tags: &[String],
    pinned: Option<&str>,
    kind: TaskKind,
    registry: &Registry,
) -> Result<Route, RouteError> {
    let stage = Stage::of(kind);
    let text = TaskText::new(title, description, tags);
    let ranked = ranked(&text, registry.at(stage));
    if let Some(name) = pinned {
        let company = registry.find(name).map_err(|source| RouteError::Pin {
            title: title.to_owned(),
            source: Box::new(source),
        })?;
        let runner_up = ranked
            .iter()
            .find(|scored| scored.company.name != company.name)
            .map(Scored::runner_up);
        return Ok(Scored::new(&text, company).into_route(Decided::Pin, runner_up));
    }
    let Some(first) = ranked.first() else {
        return stand_in(title, stage, &text, registry);
    };
    let runner_up = ranked.get(1).map(Scored::runner_up);
    let decided = match (first.score, ranked.len()) {
        (_, 1) => Decided::OnlyOne,
        (0, _) if first.company.default => Decided::Default,
        (0, _) => {
            let names: Vec<&str> = ranked
                .iter()
                .map(|scored| scored.company.name.as_str())
                .collect();
            let (title, stage, companies) = (title.to_owned(), stage.as_str(), names.join(", "));
            return Err(RouteError::NoDefault {
                title,
                stage,
                companies,
            });
        }
        (_, _) => Decided::Keywords,
    };
    let first = ranked.into_iter().next().expect("it was looked at above");
    Ok(first.into_route(decided, runner_up))
}

/// OPS is a build with other files, so the default builder can stand in. A review by a builder would be no review, and
/// documents by nobody in particular are how documentation dies: those stages ask for a pack.
fn stand_in(
    title: &str,
    stage: Stage,
    text: &TaskText,
    registry: &Registry,
) -> Result<Route, RouteError> {
    let builder = registry.at(Stage::Build).find(|company| company.default);
    match (stage, builder) {
        (Stage::Ops, Some(builder)) => {
            Ok(Scored::new(text, builder).into_route(Decided::StandIn, None))
        }
        (Stage::Build | Stage::Review | Stage::Security | Stage::Ops | Stage::Docs, _) => {
            Err(RouteError::NoCompany {
                title: title.to_owned(),
                stage: stage.as_str(),
            })
        }
    }
}

/// The companies by score; equal scores by default first, then by name, so that the same task always goes the same way.
fn ranked<'a>(text: &TaskText, companies: impl Iterator<Item = &'a Company>) -> Vec<Scored<'a>> {
    let mut ranked: Vec<Scored<'a>> = companies
        .map(|company| Scored::new(text, company))
        .collect();
    ranked.sort_by(|a, b| {
        b.score
            .cmp(&a.score)
            .then(b.company.default.cmp(&a.company.default))
            .then_with(|| a.company.name.cmp(&b.company.name))
    });
    ranked
}

struct Scored<'a> {
    company: &'a Company,
    score: u32,
    reasons: Vec<Reason>,
}

impl<'a> Scored<'a> {
    fn new(text: &TaskText, company: &'a Company) -> Scored<'a> {
        let mut reasons: Vec<Reason> = company
            .keywords
            .iter()
            .filter_map(|keyword| {
                let place = text.place_of(&keyword.word)?;
                let weight = keyword.weight.saturating_mul(place.factor());
                Some(Reason {
                    keyword: keyword.word.clone(),
                    weight,
                    place,
                })
            })
            .collect();
        reasons.sort_by(|a, b| {
            b.weight
                .cmp(&a.weight)
                .then_with(|| a.keyword.cmp(&b.keyword))
        });
        let score = reasons
            .iter()
            .fold(0, |sum: u32, reason| sum.saturating_add(reason.weight));
        Scored {
            company,
            score,
            reasons,
        }
    }

    fn runner_up(&self) -> RunnerUp {
        RunnerUp {
            company: self.company.name.clone(),
            score: self.score,
        }
    }

    fn into_route(self, decided: Decided, runner_up: Option<RunnerUp>) -> Route {
        let company = self.company.name.clone();
        Route {
            company,
            score: self.score,
            decided,
            reasons: self.reasons,
            runner_up,
        }
    }
}

impl Place {
    fn factor(self) -> u32 {
        match self {
            Place::Tag => TAG_FACTOR,
            Place::Title => TITLE_FACTOR,
            Place::Description => DESCRIPTION_FACTOR,
        }
    }
}

/// A task's words by place.
struct TaskText {
    tags: Vec<Vec<String>>,
    title: Vec<String>,
    description: Vec<String>,
}

impl TaskText {
    fn new(title: &str, description: &str, tags: &[String]) -> TaskText {
        TaskText {
            tags: tags.iter().map(|tag| words(tag)).collect(),
            title: words(title),
            description: words(description),
        }
    }

    /// The strongest place where the keyword stands as whole words.
    fn place_of(&self, keyword: &str) -> Option<Place> {
        let keyword = words(keyword);
        if self.tags.iter().any(|tag| holds(tag, &keyword)) {
            return Some(Place::Tag);
        }
        if holds(&self.title, &keyword) {
            return Some(Place::Title);
        }
        holds(&self.description, &keyword).then_some(Place::Description)
    }
}

/// Lower-case words of letters and digits in any script; `CI/CD` and `ci cd` are the same two words.
fn words(text: &str) -> Vec<String> {
    let composed: String = text.nfkc().collect::<String>().to_lowercase();
    composed
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn holds(text: &[String], keyword: &[String]) -> bool {
    !keyword.is_empty() && text.windows(keyword.len()).any(|run| run == keyword)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Tag => "tag",
            Place::Title => "title",
            Place::Description => "description",
        };
        write!(f, "{} ({}, +{})", self.keyword, place, self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::company::{Keyword, tests::shipped_packs};

    fn shipped() -> Registry {
        Registry::load(&shipped_packs(), &[]).expect("the shipped packs are whole")
    }

    /// CodeCraft under another name with other words, so that a stage has two companies.
    fn with(registry: &Registry, name: &str, stage: Stage, words: &[(&str, u32)]) -> Registry {
        let base = registry.find("CodeCraft").expect("it is shipped").clone();
        let keywords = words
            .iter()
            .map(|(word, weight)| Keyword {
                word: (*word).to_owned(),
                weight: *weight,
            })
            .collect();
        let extra = Company {
            name: name.to_owned(),
            aliases: Vec::new(),
            default: false,
            stage,
            keywords,
            ..base
        };
        let mut companies = registry.companies().to_vec();
        companies.push(extra);
        Registry::new(companies).expect("the name is free")
    }

    fn tags(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn the_kind_decides_the_stage() {
        let registry = shipped();
        for (kind, want) in [
            (TaskKind::Build, "CodeCraft"),
            (TaskKind::Goal, "CodeCraft"),
            (TaskKind::Spec, "CodeCraft"),
            (TaskKind::Postflight, "CodeCraft"),
            (TaskKind::Review, "Proveo"),
            (TaskKind::Security, "Securion"),
            (TaskKind::Docs, "Lexicon"),
        ] {
            // The words speak for others on purpose.
            let got = route(
                "Security audit and GDPR documentation of the API",
                "",
                &[],
                None,
                kind,
                &registry,
            );
            assert_eq!(got.expect("a company").company, want, "{kind}");
        }
    }

    #[test]
    fn the_best_score_wins_with_its_reasons() {
        let registry = with(
            &shipped(),
            "Vizu",
            Stage::Build,
            &[("frontend", 4), ("landing page", 5), ("react", 3)],
        );
        let got = route(
            "Landing page, API later",
            "react",
            &[],
            None,
            TaskKind::Build,
            &registry,
        )
        .expect("a company");
        assert_eq!(
            (got.company.as_str(), got.score, got.decided),
            ("Vizu", 13, Decided::Keywords)
        );
        let shown: Vec<String> = got.reasons.iter().map(Reason::to_string).collect();
        assert_eq!(
            shown,
            ["landing page (title, +10)", "react (description, +3)"]
        );
        assert_eq!(
            got.runner_up,
            Some(RunnerUp {
                company: "CodeCraft".into(),
                score: 6
            })
        );

        let tagged = route(
            "Fix it",
            "",
            &tags(&["Frontend"]),
            None,
            TaskKind::Build,
            &registry,
        )
        .expect("a company");
        assert_eq!((tagged.company.as_str(), tagged.score), ("Vizu", 12));
    }

    #[test]
    fn words_are_whole_in_any_script_and_case() {
        let registry = with(
            &shipped(),
            "Vizu",
            Stage::Build,
            &[("ui", 5), ("ci/cd", 5), ("størrelse", 5), ("дизайн", 5)],
        );
        for (title, want) in [
            ("Build the quick guide", "CodeCraft"),
            ("Fruit basket", "CodeCraft"),
            ("New UI.", "Vizu"),
            ("ci cd", "Vizu"),
            ("CI/CD", "Vizu"),
            ("STØRRELSE på knapp", "Vizu"),
            ("sto\u{338}rrelse", "CodeCraft"),
            ("Størrelsen", "CodeCraft"),
            ("Новый ДИЗАЙН", "Vizu"),
        ] {
            let got = route(title, "", &[], None, TaskKind::Build, &registry).expect("a company");
            assert_eq!(got.company, want, "{title}");
        }
    }

    #[test]
    fn without_a_word_the_default_takes_it_and_ties_are_stable() {
        let registry = with(&shipped(), "Aaa", Stage::Build, &[("backend", 4)]);
        let got = route(
            "Something else entirely",
            "",
            &[],
            None,
            TaskKind::Build,
            &registry,
        )
        .expect("a company");
        assert_eq!(
            (got.company.as_str(), got.decided, got.score),
            ("CodeCraft", Decided::Default, 0)
        );
        let tie = route("Backend", "", &[], None, TaskKind::Build, &registry).expect("a company");
        assert_eq!(
            (tie.company.as_str(), tie.decided),
            ("CodeCraft", Decided::Keywords),
            "the default wins a tie"
        );
        let two = with(&registry, "Aab", Stage::Build, &[("backend", 9)]);
        let two = with(&two, "Aac", Stage::Build, &[("backend", 9)]);
        let got = route("Backend", "", &[], None, TaskKind::Build, &two).expect("a company");
        assert_eq!(got.company, "Aab", "then the name decides");
    }

    #[test]
    fn a_pin_wins_and_a_false_pin_is_an_error() {
        let registry = shipped();
        let got = route(
            "Add an API",
            "",
            &[],
            Some("skybound"),
            TaskKind::Docs,
            &registry,
        )
        .expect("an alias");
        assert_eq!(
            (got.company.as_str(), got.decided),
            ("CodeCraft", Decided::Pin)
        );
        assert_eq!(
            got.runner_up.map(|up| up.company).as_deref(),
            Some("Lexicon")
        );
        let error = route(
            "Add an API",
            "",
            &[],
            Some("CodeCarft"),
            TaskKind::Build,
            &registry,
        )
        .expect_err("nobody");
        assert!(
            error.to_string().contains("did you mean `CodeCraft`?"),
            "{error}"
        );
    }

    #[test]
    fn a_stage_without_a_company_is_an_error_except_ops() {
        let build_only =
            Registry::load(&shipped_packs(), &tags(&["CodeCraft"])).expect("it is shipped");
        let error = route("Review it", "", &[], None, TaskKind::Review, &build_only)
            .expect_err("nobody reviews");
        assert!(
            error.to_string().contains("no company of stage review"),
            "{error}"
        );
        let ops = route("Deploy setup", "", &[], None, TaskKind::Ops, &build_only)
            .expect("the builder stands in");
        assert_eq!(
            (ops.company.as_str(), ops.decided),
            ("CodeCraft", Decided::StandIn)
        );
        let flow = with(&build_only, "FlowForge", Stage::Ops, &[("deploy", 3)]);
        let ops = route("Deploy setup", "", &[], None, TaskKind::Ops, &flow).expect("FlowForge");
        assert_eq!(
            (ops.company.as_str(), ops.decided),
            ("FlowForge", Decided::OnlyOne)
        );

        let mut companies = with(&shipped(), "Other", Stage::Build, &[])
            .companies()
            .to_vec();
        for company in &mut companies {
            company.default = false;
        }
        let none = Registry::new(companies).expect("names are unique");
        let error = route("Zzz", "", &[], None, TaskKind::Build, &none).expect_err("no default");
        assert!(error.to_string().contains("CodeCraft, Other"), "{error}");
    }
}
