//! Which company does a task, and what sort of task it is: keyword scores with their reasons kept.
//!
//! The kind of a task decides the stage, the words of the packs decide among the companies of that stage, and where they are weak
//! or tied a model's class of the task does; an operator's pin stands above all. Nothing is guessed: a pin that names nobody and a stage
//! without a company are errors.

mod answer;
mod classify;
mod code;
mod endings;
mod lists;
mod router;
mod said;
mod text;
mod wish;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::company::{Company, CompanyError, Registry, Stage};
use crate::task::{NewTask, Task, TaskKind};

use text::TaskText;

pub use answer::{RULES, by_model, question, schema};
pub use classify::{Class, Domain, Source, WorkType, classify};
pub(crate) use router::Router;
pub(crate) use text::{leads_on, product, words};
pub use wish::{By, Want, Wish, class_decides, is_worth_asking, wish};

/// A keyword counts once, at its strongest place: a tag is set on purpose (3), a title is chosen (2), a description mentions much (1),
/// and no more of it counts than tags and title say. What a title is only about ("tests for the invoice") says less than what is
/// to be made (1.5). In halves.
const TAG_FACTOR: u32 = 6;
const TITLE_FACTOR: u32 = 4;
const ABOUT_FACTOR: u32 = 3;
const DESCRIPTION_FACTOR: u32 = 2;

/// Points that decide by themselves: a word of weight 3 in the title. Less is one of the words that all trades say (`build`, `show`),
/// and a specialist may not write what a task that is not his needs.
pub const SCORE_MIN: u32 = 3 * TITLE_FACTOR;
/// Points that the first must be ahead of the next to be beyond a model's doubt: one step of one word's weight in the title. Who
/// sets weights by hand means no smaller difference.
pub const LEAD_MIN: u32 = TITLE_FACTOR;
/// Percent of a model's class that is heard: less is a coin thrown.
pub const CLASS_SURE_MIN: u8 = 50;

/// A task, as far as its way depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub title: &'a str,
    pub description: &'a str,
    pub tags: &'a [String],
    pub kind: TaskKind,
    /// The company that a person chose.
    pub pinned: Option<&'a str>,
    /// What somebody said that it is.
    pub class: Option<&'a Class>,
}

/// Where a task goes and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub company: String,
    pub stage: Stage,
    /// In halves: a word's weight counts six times in a tag, four times in the title, twice in the description.
    pub score: u32,
    pub decided: Decided,
    /// Why the words alone did not decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// What of the task's class decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Heard>,
    /// The words that spoke for the company, the strongest first, and behind them those that spoke against it.
    pub reasons: Vec<Reason>,
    /// The next best company of the stage.
    pub runner_up: Option<RunnerUp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub keyword: String,
    /// The keyword's weight times the factor of the place; less than nothing when it was taken off.
    pub weight: i32,
    #[serde(rename = "where")]
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerUp {
    pub company: String,
    pub score: u32,
}

/// One company's chances with a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub company: String,
    pub score: u32,
    pub reasons: Vec<Reason>,
}

/// What was heard of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub domain: Domain,
    pub source: Source,
    /// Percent.
    pub confidence: u8,
}

/// Where a keyword was found, the strongest place first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Tag,
    Title,
    /// In the title, behind the first word that leads to what it is about.
    About,
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
    /// The domain of the task's class, where the words were in doubt.
    Class,
    /// The default of the stage: neither words nor class decided.
    Default,
    /// The stage has this one company.
    OnlyOne,
    /// No company of the stage is loaded; the default builder stands in. OPS alone may fall back so.
    StandIn,
}

/// Why words did not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// No word spoke for anybody.
    Silent,
    /// Nobody has [`SCORE_MIN`].
    Weak,
    /// Several have the most points.
    Tied,
    /// The first is ahead, and not by [`LEAD_MIN`].
    Close,
    /// The title asks for code, and the first may write only the files of its trade.
    Code,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    #[error("cannot route \"{title}\": it is pinned to a company that is not loaded: {source}")]
    Pin {
        title: String,
        source: Box<CompanyError>,
    },
    #[error(
        "cannot route \"{title}\": no company of stage {stage} is loaded; add a pack whose `stages` list it or pin the \
         task to a company"
    )]
    NoCompany { title: String, stage: &'static str },
    #[error(
        "cannot route \"{title}\": no keyword of {companies} is in it, and none of them is the default of stage {stage}; set \
         `\"default\": [\"{stage}\"]` in one pack or pin the task"
    )]
    NoDefault {
        title: String,
        stage: &'static str,
        companies: String,
    },
}

/// Chooses the company for a task.
pub fn route(ask: Ask<'_>, registry: &Registry) -> Result<Route, RouteError> {
    let stage = Stage::of(ask.kind);
    let text = ask.text();
    if let Some(name) = ask.pinned {
        return pinned(ask, &text, name, registry);
    }
    let ranked = ranked(&text, stage, registry, |company| company.works_at(stage));
    let Some(first) = ranked.first() else {
        return stand_in(ask, &text, registry);
    };
    if ranked.len() == 1 {
        return Ok(at(&ranked, 0, stage, Decided::OnlyOne));
    }
    let doubt = match doubt(&ranked) {
        None | Some(Doubt::Close) if is_beyond(first.company, stage, &text) => Some(Doubt::Code),
        doubt => doubt,
    };
    let Some(doubt) = doubt else {
        return Ok(at(&ranked, 0, stage, Decided::Keywords));
    };
    let among: Vec<&Ranked<'_>> = ranked
        .iter()
        .take_while(|one| doubt.is_about(first.score(), one.score()))
        .collect();
    let chosen = match (by_class(ask, &among), default_of(&ranked, stage)) {
        (Some((company, heard)), _) => Route {
            heard: Some(heard),
            ..at(&ranked, place_of(&ranked, company), stage, Decided::Class)
        },
        (None, _) if doubt == Doubt::Close => at(&ranked, 0, stage, Decided::Keywords),
        (None, Some(default)) => at(&ranked, default, stage, Decided::Default),
        (None, None) if doubt == Doubt::Silent => return Err(no_default(ask, stage, &ranked)),
        // Nobody is named for what is in doubt: the best is still the best.
        (None, None) => at(&ranked, 0, stage, Decided::Keywords),
    };
    Ok(Route {
        doubt: Some(doubt),
        ..chosen
    })
}

/// Every company that could do the task, the best first.
pub fn ranking(ask: Ask<'_>, registry: &Registry) -> Vec<Standing> {
    let stage = Stage::of(ask.kind);
    let ranked = ranked(&ask.text(), stage, registry, |company| {
        company.works_at(stage)
    });
    ranked.into_iter().map(Ranked::standing).collect()
}

fn pinned(
    ask: Ask<'_>,
    text: &TaskText,
    name: &str,
    registry: &Registry,
) -> Result<Route, RouteError> {
    let stage = Stage::of(ask.kind);
    let company = registry.find(name).map_err(|source| RouteError::Pin {
        title: ask.title.to_owned(),
        source: Box::new(source),
    })?;
    let ranked = ranked(text, stage, registry, |one| {
        one.name == company.name || one.works_at(stage)
    });
    let place = place_of(&ranked, company);
    Ok(at(&ranked, place, stage, Decided::Pin))
}

/// OPS is a build with other files, so the default builder can stand in. A review by a builder would be no review, and
/// documents by nobody in particular are how documentation dies: those stages ask for a pack.
fn stand_in(ask: Ask<'_>, text: &TaskText, registry: &Registry) -> Result<Route, RouteError> {
    let stage = Stage::of(ask.kind);
    let ranked = ranked(text, stage, registry, |one| one.is_default_of(Stage::Build));
    if stage == Stage::Ops && !ranked.is_empty() {
        return Ok(at(&ranked, 0, stage, Decided::StandIn));
    }
    Err(RouteError::NoCompany {
        title: ask.title.to_owned(),
        stage: stage.as_str(),
    })
}

fn no_default(ask: Ask<'_>, stage: Stage, ranked: &[Ranked<'_>]) -> RouteError {
    let names: Vec<&str> = ranked.iter().map(|one| one.company.name.as_str()).collect();
    RouteError::NoDefault {
        title: ask.title.to_owned(),
        stage: stage.as_str(),
        companies: names.join(", "),
    }
}

/// A company and what the words say for it.
struct Ranked<'a> {
    company: &'a Company,
    tally: router::Tally,
}

/// The companies by score; equal scores by default first, then by name, so that the same task always goes the same way.
fn ranked<'a>(
    text: &TaskText,
    stage: Stage,
    registry: &'a Registry,
    takes_part: impl Fn(&Company) -> bool,
) -> Vec<Ranked<'a>> {
    let companies = registry.companies();
    let heard: Vec<bool> = companies.iter().map(takes_part).collect();
    let tallies = registry.router().tallies(text, companies, &heard);
    let mut ranked: Vec<Ranked<'a>> = companies
        .iter()
        .zip(tallies)
        .zip(&heard)
        .filter(|(_, heard)| **heard)
        .map(|((company, tally), _)| Ranked { company, tally })
        .collect();
    let order = |one: &Ranked<'_>| {
        let is_default = one.company.is_default_of(stage);
        (std::cmp::Reverse(one.score()), !is_default)
    };
    // They come in order of their names.
    ranked.sort_by_key(order);
    ranked
}

/// Whether a build asks for code that the company's builder may not write.
fn is_beyond(company: &Company, stage: Stage, text: &TaskText) -> bool {
    let writes_all = company
        .builder
        .allowed_paths
        .iter()
        .any(|glob| glob == "**");
    stage == Stage::Build && !writes_all && code::is_asked_for(text)
}

fn doubt(ranked: &[Ranked<'_>]) -> Option<Doubt> {
    let score = |place: usize| ranked.get(place).map_or(0, Ranked::score);
    match (score(0), score(1)) {
        (0, _) => Some(Doubt::Silent),
        (first, _) if first < SCORE_MIN => Some(Doubt::Weak),
        (first, next) if first == next => Some(Doubt::Tied),
        (first, next) if first - next < LEAD_MIN => Some(Doubt::Close),
        (_, _) => None,
    }
}

/// The company whose domains hold what a model said; of several the stage's default, and of several others none. A class by words is
/// the same evidence as the packs' own words, and poorer; what a text says of itself is not believed where it hits a safety rule.
fn by_class<'a>(ask: Ask<'_>, among: &[&Ranked<'a>]) -> Option<(&'a Company, Heard)> {
    let class = ask.class.filter(|class| {
        class.source == Source::Model && class.confidence >= CLASS_SURE_MIN && class.rail.is_none()
    })?;
    let heard = Heard {
        domain: class.domain,
        source: class.source,
        confidence: class.confidence,
    };
    let serves = |one: &&&Ranked<'a>| one.company.domains.contains(&class.domain);
    let serving: Vec<&Company> = among.iter().filter(serves).map(|one| one.company).collect();
    let stage = Stage::of(ask.kind);
    let company = match serving.as_slice() {
        [one] => Some(*one),
        several => several.iter().copied().find(|one| one.is_default_of(stage)),
    };
    company.map(|company| (company, heard))
}

/// Where a task goes once whom its words chose has proved unable to write it: the default of its stage, when that is another.
pub fn instead<'a>(route: &Route, registry: &'a Registry) -> Option<&'a Company> {
    let by_words = route.decided == Decided::Keywords;
    let default = registry
        .at(route.stage)
        .find(|one| one.is_default_of(route.stage));
    default.filter(|one| by_words && one.name != route.company)
}

fn default_of(ranked: &[Ranked<'_>], stage: Stage) -> Option<usize> {
    ranked
        .iter()
        .position(|one| one.company.is_default_of(stage))
}

fn place_of(ranked: &[Ranked<'_>], company: &Company) -> usize {
    let found = ranked
        .iter()
        .position(|one| one.company.name == company.name);
    found.expect("the company was chosen from the ranked ones")
}

/// The route to one of the ranked companies.
fn at(ranked: &[Ranked<'_>], place: usize, stage: Stage, decided: Decided) -> Route {
    let others = ranked.iter().enumerate().filter(|(at, _)| *at != place);
    let runner_up = others.map(|(_, one)| one).next().map(|one| RunnerUp {
        company: one.company.name.clone(),
        score: one.score(),
    });
    let chosen = ranked.get(place).expect("it is one of the ranked ones");
    Route {
        company: chosen.company.name.clone(),
        stage,
        score: chosen.score(),
        decided,
        doubt: None,
        heard: None,
        reasons: chosen.tally.reasons.clone(),
        runner_up,
    }
}

impl Ranked<'_> {
    fn score(&self) -> u32 {
        self.tally.score
    }

    fn standing(self) -> Standing {
        Standing {
            company: self.company.name.clone(),
            score: self.tally.score,
            reasons: self.tally.reasons,
        }
    }
}

impl Doubt {
    /// Whether it is about a company with this score, when the first has the other.
    fn is_about(self, first: u32, score: u32) -> bool {
        match self {
            Doubt::Silent | Doubt::Weak | Doubt::Code => true,
            Doubt::Tied => score == first,
            Doubt::Close => score + LEAD_MIN > first,
        }
    }
}

impl Place {
    fn factor(self) -> u32 {
        match self {
            Place::Tag => TAG_FACTOR,
            Place::Title => TITLE_FACTOR,
            Place::About => ABOUT_FACTOR,
            Place::Description => DESCRIPTION_FACTOR,
        }
    }
}

impl<'a> Ask<'a> {
    fn text(&self) -> TaskText {
        TaskText::new(self.title, self.description, self.tags)
    }

    pub fn of(task: &'a Task) -> Ask<'a> {
        Ask {
            title: &task.title,
            description: &task.description,
            tags: &task.tags,
            kind: task.kind,
            pinned: task.company_pin.as_deref(),
            class: task.class.as_ref(),
        }
    }

    /// A task that is not stored yet, and that nobody has classified.
    pub fn of_new(task: &'a NewTask) -> Ask<'a> {
        Ask {
            title: &task.title,
            description: &task.description,
            tags: &task.tags,
            kind: task.kind,
            pinned: task.company_pin.as_deref(),
            class: None,
        }
    }
}
