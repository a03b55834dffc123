//! `alai skill ...`.

use std::path::Path;
use std::process::ExitCode;

use alai_core::company::Company;
use alai_factory::validate::{self, Checked};
use alai_factory::{Home, Packs, PacksError, skills};
use serde::Serialize;

use crate::args::SkillCommand;
use crate::commands::{checked, company};
use crate::error::{CliError, Kind};
use crate::{door, show};

pub(crate) fn run(home: &Home, command: SkillCommand) -> Result<ExitCode, CliError> {
    match command {
        SkillCommand::List { company, json } => list(home, company.as_deref(), json)?,
        SkillCommand::Resolve {
            name,
            company,
            json,
        } => resolve(home, &name, company.as_deref(), json)?,
        SkillCommand::Validate { dir, json } => validate(home, dir.as_deref(), json)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct List<'a> {
    company: &'a str,
    skills: Vec<Line<'a>>,
    problems: &'a [String],
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    from: String,
    description: &'a str,
    files: Vec<&'a str>,
}

fn list(home: &Home, name: Option<&str>, json: bool) -> Result<(), CliError> {
    let packs = door::packs(home)?;
    let company = meant(&packs, name)?;
    let found = of(home, &packs, company);
    let lines = found.shelf.all().into_iter().map(|(skill, level)| Line {
        name: &skill.name,
        from: level.to_string(),
        description: &skill.description,
        files: skill.files.keys().map(String::as_str).collect(),
    });
    let lines: Vec<Line<'_>> = lines.collect();
    if json {
        return show::json(&List {
            company: &company.name,
            skills: lines,
            problems: &found.problems,
        });
    }
    for line in &lines {
        let told = format!("{:<28} {:<24} {}", line.name, line.from, line.description);
        show::line(show::clean(&told.replace('\n', " ")));
    }
    found
        .problems
        .iter()
        .for_each(|problem| show::message(problem));
    Ok(())
}

#[derive(Serialize)]
struct Found<'a> {
    name: &'a str,
    from: String,
    chain: Vec<Looked>,
    description: &'a str,
    files: Vec<&'a str>,
    text: &'a str,
}

/// One place that was looked at, in order.
#[derive(Serialize)]
struct Looked {
    level: String,
    has_it: bool,
}

fn resolve(home: &Home, name: &str, company: Option<&str>, json: bool) -> Result<(), CliError> {
    let packs = door::packs(home)?;
    let found = of(home, &packs, meant(&packs, company)?);
    let Some((skill, level)) = found.shelf.find(name) else {
        let why = found.shelf.load(name, None).err().unwrap_or_default();
        let why = if why.is_empty() {
            format!("`{name}` is the company's soul and no skill")
        } else {
            why
        };
        return Err(
            CliError::new(Kind::NotFound, show::clean(why.trim_end_matches('.')))
                .hinted("`alai skill list` shows the skills; `alai company info` the soul"),
        );
    };
    let chain = found
        .shelf
        .chain(name)
        .into_iter()
        .map(|(level, has_it)| Looked {
            level: level.to_string(),
            has_it,
        });
    let chain: Vec<Looked> = chain.collect();
    if json {
        return show::json(&Found {
            name: &skill.name,
            from: level.to_string(),
            chain,
            description: &skill.description,
            files: skill.files.keys().map(String::as_str).collect(),
            text: &skill.text,
        });
    }
    show::line(show::clean(&format!(
        "{} of {level}: {}",
        skill.name, skill.description
    )));
    for looked in &chain {
        let word = match (looked.has_it, looked.level == level.to_string()) {
            (true, true) => "this one",
            (true, false) => "shadowed",
            (false, _) => "none",
        };
        show::line(show::clean(&format!("  {:<28} {word}", looked.level)));
    }
    for file in skill.files.keys() {
        show::line(show::clean(&format!("  file {file}")));
    }
    Ok(())
}

/// The company that is named, else the one that the environment names, else the one that builds what nobody else takes.
fn meant<'p>(packs: &'p Packs, name: Option<&str>) -> Result<&'p Company, CliError> {
    let environment = skills::environment();
    let name = name.or(environment
        .as_deref()
        .filter(|name| !name.trim().is_empty()));
    if let Some(name) = name {
        return packs.registry.find(name).map_err(|e| company::unknown(&e));
    }
    let all = packs.registry.companies();
    let default = all
        .iter()
        .find(|company| company.is_default_of(alai_core::company::Stage::Build));
    default.or(all.first()).ok_or_else(|| {
        CliError::new(Kind::NotFound, "there is no company")
            .hinted("`alai init` writes the shipped ones")
    })
}

fn of(home: &Home, packs: &Packs, company: &Company) -> skills::Skills {
    skills::of(home, packs, company, skills::environment().as_deref())
}

fn validate(home: &Home, dir: Option<&Path>, json: bool) -> Result<(), CliError> {
    if dir.is_none() {
        door::needs_home(home)?;
    }
    let found = look(home, dir).map_err(|e| company::unread(&e))?;
    checked::told("skill", "skills", &found, json)
}

fn look(home: &Home, dir: Option<&Path>) -> Result<Vec<Checked>, PacksError> {
    match dir {
        Some(dir) => validate::skills(dir),
        None => validate::all_skills(home),
    }
}
