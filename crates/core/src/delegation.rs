//! What a lead hands out while it works: proposals as data, each judged at once, so that the lead can put right what is refused.
//!
//! Invariants, stated as absences: nothing here makes a task; no proposal starts anything; of a lead's proposals either all that it
//! still stands by become tasks, or none; a text that a safety rule has stopped is not made good by other words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::blueprint::yaml;
use crate::brief::Role;
use crate::company::{Registry, Stage};
use crate::plan::{Plan, PlannedTask, SPEC_BYTES_MAX, TASKS_MAX, not_inside};
use crate::safety;
use crate::task;

/// Proposals that one run is heard with: each of the most that it may hand out, put right once.
pub const OFFERS_MAX: usize = 2 * TASKS_MAX;
/// A goal's lead, and the leads that it hands a part to. What has to be split a third time is more than one goal.
pub const LEADS_DEEP_MAX: u32 = 2;
/// Tasks that the plans and leads of one goal may make together, reviews and reworks not counted: three leads with all they may have.
pub const PLANNED_MAX: usize = 3 * TASKS_MAX;
/// More folders than this are the whole project.
const PATHS_MAX: usize = 20;
/// More than this is not read by who builds.
const CRITERIA_MAX: usize = 20;
/// A name that stands in a list of needs.
const KEY_BYTES_MAX: usize = 40;

/// One task that a lead wants done, or, with `withdraw`, no longer wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// A short name that other proposals of the run refer to.
    pub key: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub company: Option<String>,
    #[serde(default = "builder")]
    pub role: Role,
    #[serde(default)]
    pub acceptance: Vec<String>,
    #[serde(default)]
    pub paths: Vec<String>,
    /// Keys of proposals that were taken before.
    #[serde(default)]
    pub needs: Vec<String>,
    #[serde(default)]
    pub withdraw: bool,
}

fn builder() -> Role {
    Role::Builder
}

/// What proposals are judged by: read from the rows when the run begins, and again when it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub companies: Vec<Known>,
    /// 1 for the lead of a goal, 2 for a lead that this one has handed a part to.
    pub depth: u32,
    /// Tasks that the goal may still be given.
    pub left: usize,
    /// Why nothing more may be begun for the goal, if so: its money is spent.
    pub spent: Option<String>,
    /// Safety rules that a person has cleared for the lead's own task.
    pub cleared: Vec<String>,
}

/// A company that work can be handed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub name: String,
    pub aliases: Vec<String>,
    /// Whether it builds.
    pub builds: bool,
}

impl Known {
    /// All companies that are loaded.
    pub fn all(registry: &Registry) -> Vec<Known> {
        let known = |company: &crate::company::Company| Known {
            name: company.name.clone(),
            aliases: company.aliases.clone(),
            builds: company.works_at(Stage::Build),
        };
        registry.companies().iter().map(known).collect()
    }

    /// Those that take work now: what is switched off or cannot be used is not named to a model.
    pub fn open(registry: &Registry) -> Vec<Known> {
        let shut = |known: &Known| {
            let company = registry.find(&known.name);
            company.is_ok_and(|company| company.closed.is_some())
        };
        let all = Known::all(registry).into_iter();
        all.filter(|known| !shut(known)).collect()
    }

    fn answers_to(&self, name: &str) -> bool {
        let own = std::iter::once(&self.name).chain(&self.aliases);
        own.into_iter()
            .any(|own| own.to_lowercase() == name.to_lowercase())
    }
}

/// The proposals of one run, as far as they were judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegations {
    frame: Frame,
    offered: Vec<Proposal>,
    taken: Vec<PlannedTask>,
    /// Why, by key; what was put right or withdrawn is not among them.
    refused: BTreeMap<String, String>,
    /// Proposals beyond the most that are heard.
    unheard: usize,
    /// The first safety rule that a text hit, with the key.
    rail: Option<(String, safety::Rail)>,
}

/// What a lead's proposals come to when its run is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    Plan(Plan),
    /// Nothing of it becomes a task.
    Refused(Vec<String>),
    /// A person decides, before anything of it becomes a task.
    Railed {
        rule: String,
        detail: String,
    },
}

impl Delegations {
    pub fn new(frame: Frame) -> Delegations {
        Delegations {
            frame,
            offered: Vec::new(),
            taken: Vec::new(),
            refused: BTreeMap::new(),
            unheard: 0,
            rail: None,
        }
    }

    /// The same proposals judged once more, by what holds now.
    pub fn judged(frame: Frame, proposals: &[Proposal]) -> Delegations {
        let mut again = Delegations::new(frame);
        for proposal in proposals {
            // What was said to the lead at the time is not said again.
            let _said = again.offer(proposal.clone());
        }
        again
    }

    /// Everything that was proposed, refused or not, in its order.
    pub fn into_proposals(self) -> Vec<Proposal> {
        self.offered
    }

    /// Judges one proposal. Both answers are words for the lead.
    ///
    /// # Errors
    /// When it is refused; then nothing becomes of the run's proposals until it is put right under the same key, or withdrawn.
    pub fn offer(&mut self, proposal: Proposal) -> Result<String, String> {
        if self.offered.len() >= OFFERS_MAX {
            self.unheard += 1;
            // One of them goes with the run, so that whoever judges it again knows as well that there were more.
            if self.offered.len() == OFFERS_MAX {
                self.offered.push(proposal);
            }
            return Err(format!(
                "not heard: {OFFERS_MAX} proposals are what one run has, and this one is beyond them"
            ));
        }
        let key = proposal.key.trim().to_owned();
        let judged = match proposal.withdraw {
            true => self.withdraw(&key),
            false => self.judge(&key, &proposal).map(|task| {
                let said = said(&task);
                self.refused.remove(&key);
                self.taken.push(task);
                said
            }),
        };
        self.offered.push(proposal);
        judged.map_err(|why| {
            let said = format!("`{key}` is refused: {why}");
            self.refused.insert(key, why);
            said
        })
    }

    fn withdraw(&mut self, key: &str) -> Result<String, String> {
        if let Some(needed) = self.taken.iter().find(|t| t.needs.iter().any(|n| n == key)) {
            return Err(format!(
                "`{}` needs it; withdraw that one first",
                needed.key
            ));
        }
        if self.rail.as_ref().is_some_and(|(railed, _)| railed == key) {
            return Err("a safety rule has stopped it, and a person decides about it".into());
        }
        let before = self.taken.len();
        self.taken.retain(|task| task.key != key);
        let was = self.taken.len() < before;
        match self.refused.remove(key).is_some() || was {
            true => Ok(format!("`{key}` is withdrawn; nothing becomes of it.")),
            false => Err("nothing of that key was proposed".into()),
        }
    }

    /// The task that a proposal would be, or why it is refused. In the order in which a lead can mend it; limits before the words.
    fn judge(&mut self, key: &str, proposal: &Proposal) -> Result<PlannedTask, String> {
        self.checked_key(key)?;
        if let Some(why) = &self.frame.spent {
            return Err(why.clone());
        }
        if self.taken.len() >= TASKS_MAX {
            return Err(format!(
                "a lead hands out at most {TASKS_MAX} tasks; withdraw some, and make larger ones of them"
            ));
        }
        if self.taken.len() >= self.frame.left {
            return Err(format!(
                "all plans and leads of one goal make at most {PLANNED_MAX} tasks together, and {} are left",
                self.frame.left
            ));
        }
        let title = task::check_title(&proposal.title).map_err(|e| e.to_string())?;
        let description =
            task::check_description(&proposal.description).map_err(|e| e.to_string())?;
        self.checked_role(proposal.role)?;
        let company = proposal
            .company
            .as_deref()
            .map(|name| company_called(&self.frame.companies, name, proposal.role))
            .transpose()?;
        let acceptance = lines(&proposal.acceptance);
        if acceptance.len() > CRITERIA_MAX {
            return Err(format!("it has more than {CRITERIA_MAX} criteria"));
        }
        let criteria = task::check_description(&acceptance.join("\n"));
        criteria.map_err(|e| format!("its acceptance: {e}"))?;
        let paths = checked_paths(&proposal.paths)?;
        let needs = self.checked_needs(key, &proposal.needs)?;
        self.checked_words(
            key,
            &title,
            &[&description, &acceptance.join("\n"), &paths.join("\n")],
        )?;
        Ok(PlannedTask {
            description,
            acceptance,
            needs,
            company,
            role: proposal.role,
            paths,
            ..PlannedTask::new(key, title)
        })
    }

    fn checked_key(&self, key: &str) -> Result<(), String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.chars().all(fits) {
            return Err(format!(
                "a key has 1 to {KEY_BYTES_MAX} letters, digits, `-` or `_`"
            ));
        }
        if self.taken.iter().any(|task| task.key == key) {
            return Err("that key is handed out already; withdraw it first to change it".into());
        }
        if self.rail.as_ref().is_some_and(|(railed, _)| railed == key) {
            return Err("a safety rule has stopped it, and other words do not make it good".into());
        }
        Ok(())
    }

    fn checked_role(&self, role: Role) -> Result<(), String> {
        match role {
            Role::Builder => Ok(()),
            Role::Reviewer => {
                Err("reviewing follows each build by itself; hand it to a builder or a lead".into())
            }
            Role::Lead if self.frame.depth >= LEADS_DEEP_MAX => Err(format!(
                "you are lead number {} of {LEADS_DEEP_MAX} one below the other; hand it to a builder",
                self.frame.depth
            )),
            Role::Lead => Ok(()),
        }
    }

    /// Only what was taken before can be needed, and so no circle can come to be.
    fn checked_needs(&self, key: &str, needs: &[String]) -> Result<Vec<String>, String> {
        let mut checked: Vec<String> = Vec::new();
        for need in needs
            .iter()
            .map(|need| need.trim())
            .filter(|n| !n.is_empty())
        {
            if need == key {
                return Err("it needs itself, which is a circle".into());
            }
            if !self.taken.iter().any(|task| task.key == need) {
                return Err(format!(
                    "it needs `{}`, which is not handed out yet: hand that one out first; tasks that need each other in a circle are one task",
                    need.escape_debug()
                ));
            }
            if !checked.iter().any(|known| known == need) {
                checked.push(need.to_owned());
            }
        }
        Ok(checked)
    }

    fn checked_words(&mut self, key: &str, title: &str, texts: &[&str]) -> Result<(), String> {
        // What a person has cleared is no reason to stop the lead; the task that comes of it stops by itself (`pipeline::plan_spawns`).
        let cleared = &self.frame.cleared;
        let Some(rail) = safety::judge_text_but(title, &texts.join("\n"), cleared) else {
            return Ok(());
        };
        let rule = rail.rule.as_str();
        let why = format!(
            "the safety rule {rule} stops it: {}; a person decides about it, so end with what you know",
            rail.why
        );
        self.rail.get_or_insert((key.to_owned(), rail));
        Err(why)
    }

    /// What keeps the lead from ending, in words for it.
    pub fn open(&self) -> Option<String> {
        if self.rail.is_some() || (self.refused.is_empty() && self.unheard == 0) {
            return None;
        }
        let refused = self.reasons();
        Some(format!(
            "Refused and neither put right nor withdrawn: {}. As long as that is so nothing that you hand out becomes a task. Call `delegate` \
             with the same key, corrected, or with `withdraw`.",
            refused.join("; ")
        ))
    }

    fn reasons(&self) -> Vec<String> {
        // The same mistake made ten times is said once.
        let mut by_reason: Vec<(&str, Vec<String>)> = Vec::new();
        for (key, why) in &self.refused {
            let key = format!("`{key}`");
            match by_reason.iter_mut().find(|(known, _)| known == why) {
                Some((_, keys)) => keys.push(key),
                None => by_reason.push((why, vec![key])),
            }
        }
        let mut reasons: Vec<String> = { by_reason.iter() }
            .map(|(why, keys)| format!("{}: {why}", keys.join(", ")))
            .collect();
        if self.unheard > 0 {
            reasons.push(format!(
                "{} proposals beyond the {OFFERS_MAX} that one run has",
                self.unheard
            ));
        }
        reasons
    }

    /// Whether there is nothing to go on with.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// What becomes of it all. `summary` is the lead's own word on the whole.
    pub fn handed(&self, summary: &str) -> Handed {
        if let Some((key, rail)) = &self.rail {
            return Handed::Railed {
                rule: rail.rule.as_str().to_owned(),
                detail: format!("the lead wanted to hand out `{key}`: {}", rail.why),
            };
        }
        let mut reasons = self.reasons();
        if self.taken.is_empty() {
            reasons.push("the lead handed nothing out".to_owned());
        }
        if !reasons.is_empty() {
            return Handed::Refused(reasons);
        }
        let end = summary.floor_char_boundary(SPEC_BYTES_MAX.min(summary.len()));
        let plan = Plan {
            spec: summary.get(..end).unwrap_or_default().to_owned(),
            tasks: self.taken.clone(),
        };
        match plan.check() {
            Ok(()) => Handed::Plan(plan),
            Err(e) => Handed::Refused(vec![e.to_string()]),
        }
    }
}

fn said(task: &PlannedTask) -> String {
    let who = match (&task.company, task.role) {
        (Some(company), role) => format!("{company}'s {}", role.as_str()),
        (None, role) => format!("a {} of the company that its words name", role.as_str()),
    };
    format!(
        "`{}` is kept for {who}. It becomes a task when you end and nothing is refused.",
        task.key
    )
}

/// Texts without empty ones and blanks around them.
fn lines(texts: &[String]) -> Vec<String> {
    let texts = texts.iter().map(|text| text.trim().to_owned());
    texts.filter(|text| !text.is_empty()).collect()
}

/// The own name of the company that is meant, or why it cannot do this.
pub(crate) fn company_called(known: &[Known], name: &str, role: Role) -> Result<String, String> {
    let found = known.iter().find(|company| company.answers_to(name.trim()));
    let Some(found) = found else {
        let names = { known.iter() }
            .flat_map(|company| std::iter::once(&company.name).chain(&company.aliases));
        let hint = yaml::hint(name.trim(), names.map(String::as_str));
        return Err(format!(
            "no company is called `{}`; {hint}; those that build: {}",
            name.trim().escape_debug(),
            builders(known)
        ));
    };
    if role == Role::Builder && !found.builds {
        return Err(format!(
            "{} does not build; those that do: {}",
            found.name,
            builders(known)
        ));
    }
    Ok(found.name.clone())
}

/// Names of the companies that build, with commas between them.
pub fn builders(known: &[Known]) -> String {
    let builds = known.iter().filter(|company| company.builds);
    let builds: Vec<&str> = builds.map(|company| company.name.as_str()).collect();
    builds.join(", ")
}

/// The paths that a task declares, if all of them lie inside the repository and are part of the work.
///
/// # Errors
/// In words, about the first that does not, or where there are too many.
pub fn checked_paths(paths: &[String]) -> Result<Vec<String>, String> {
    let paths = lines(paths);
    if paths.len() > PATHS_MAX {
        return Err(format!("it names more than {PATHS_MAX} paths"));
    }
    for path in &paths {
        if let Some(why) = not_inside(path) {
            return Err(format!("the path `{}` {why}", path.escape_debug()));
        }
        let first = path.trim_start_matches("./").split('/').next();
        let first = first.unwrap_or_default().to_lowercase();
        if [".git", ".alai"].contains(&first.as_str()) {
            return Err(format!(
                "the path `{}` is no part of the work; nobody writes there",
                path.escape_debug()
            ));
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests;
