//! `alai company info`: all of one company.

use alai_core::company::Keyword;
use alai_factory::Home;
use alai_factory::companies::{self, AgentView, CompanyPage, PageError};

use crate::error::{CliError, Kind};
use crate::{door, show};

pub(super) fn info(home: &Home, name: &str, json: bool) -> Result<(), CliError> {
    let packs = door::packs(home)?;
    let page = companies::company(home, &packs, name).map_err(|e| match &e {
        PageError::Closed { said, remedy } => {
            CliError::new(Kind::NeedsSetup, show::clean(said)).hinted(show::clean(remedy))
        }
        PageError::Company(e) => super::unknown(e),
        PageError::Mcp(e) => CliError::new(Kind::NeedsSetup, show::clean(&e.to_string())),
    })?;
    if json {
        return show::json(&page);
    }
    for line in head(&page).into_iter().chain(body(&page)) {
        show::line(show::clean(&line));
    }
    Ok(())
}

fn head(page: &CompanyPage) -> Vec<String> {
    let line = &page.line;
    let stages = line.stages.iter().map(|(stage, role)| {
        let default = if page.default.contains(stage) {
            ", default"
        } else {
            ""
        };
        format!("{stage} ({role}{default})")
    });
    let stages: Vec<String> = stages.collect();
    let mut lines = vec![
        format!(
            "{} {}  {}  ({})",
            line.name,
            line.version,
            line.house,
            line.source.as_str()
        ),
        format!("domain    {}", page.domain),
        format!("stages    {}", stages.join(", ")),
    ];
    let pairs = [
        ("domains", page.domains.join(", ")),
        ("aliases", page.aliases.join(", ")),
        ("keywords", words(&page.keywords)),
        ("against", words(&page.negative)),
    ];
    let there = pairs.iter().filter(|(_, value)| !value.is_empty());
    lines.extend(there.map(|(name, value)| format!("{name:<9} {value}")));
    lines
}

fn body(page: &CompanyPage) -> Vec<String> {
    let mut lines = Vec::new();
    for agent in &page.agents {
        lines.extend(of_agent(agent));
    }
    for (activity, model) in &page.tier_overrides {
        lines.push(format!("model     {activity}: {model}"));
    }
    for walk in &page.walks {
        let source = walk.source.as_str();
        lines.push(format!(
            "walks     {}: {} ({source})",
            walk.on, walk.blueprint
        ));
    }
    for (name, value) in &page.blueprint_inputs {
        lines.push(format!("input     {name} = {value}"));
    }
    for skill in &page.skills {
        lines.push(format!(
            "skill     {} ({}): {}",
            skill.name, skill.from, skill.description
        ));
    }
    // Its first line says whose the servers are, which stands above here.
    let mcp = page.mcp.lines();
    lines.extend(mcp.iter().skip(1).map(|line| format!("mcp       {line}")));
    lines.push(String::new());
    lines.push(page.essence.clone());
    lines
}

fn of_agent(agent: &AgentView) -> Vec<String> {
    let paths = |paths: &[String]| match paths.is_empty() {
        true => "nothing".to_owned(),
        false => paths.join(", "),
    };
    let mut lines = vec![
        format!(
            "{:<9} {}; {}",
            agent.role,
            agent.model,
            agent.tools.join(", ")
        ),
        format!("{:<9} writes {}", "", paths(&agent.allowed_paths)),
    ];
    if !agent.forbidden_paths.is_empty() {
        lines.push(format!("{:<9} never {}", "", paths(&agent.forbidden_paths)));
    }
    lines
}

fn words(words: &[Keyword]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|k| format!("{} {}", k.word, k.weight))
        .collect();
    words.join(", ")
}
