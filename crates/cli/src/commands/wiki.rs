//! `alai wiki ...`: pages of goals and of people.

use std::process::ExitCode;

use std::time::{Duration, Instant};

use alai_factory::wiki::{self, Keeper, Overwritten, PageKind, PageName, PagesError};
use alai_factory::{Home, Op, publish as copies};
use alai_mission::Publication;
use serde::Serialize;

use crate::args::{Template, WikiCommand};
use crate::error::{CliError, Kind};
use crate::{door, show};

pub(crate) fn run(home: &Home, command: WikiCommand) -> Result<ExitCode, CliError> {
    door::needs_home(home)?;
    match command {
        WikiCommand::List { json } => list(home, json)?,
        WikiCommand::Show { page, json } => print(home, &named(&page)?, json)?,
        WikiCommand::New {
            title,
            template,
            json,
        } => new(home, &title, template, json)?,
        WikiCommand::Publish {
            pages,
            overwrite,
            json,
        } => return publish(home, pages, overwrite, json),
        WikiCommand::Sync {
            page: Some(page),
            json,
            ..
        } => overwrite(home, &named(&page)?, json)?,
        WikiCommand::Sync {
            page: None, json, ..
        } => sync(home, json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn named(page: &str) -> Result<PageName, CliError> {
    PageName::parse(page).ok_or_else(|| {
        let message = format!("`{}` is no name of a page", show::clean(page));
        CliError::new(Kind::NotFound, message).hinted("`alai wiki list` shows them")
    })
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::new(Kind::Failed, show::clean(&error.to_string()))
}

#[derive(Serialize)]
struct Row {
    page: String,
    title: String,
    keeper: &'static str,
    /// How its copy in BookStack stands; none where there never was one.
    copy: Option<Publication>,
}

#[derive(Serialize)]
struct List {
    pages: Vec<Row>,
}

fn list(home: &Home, json: bool) -> Result<(), CliError> {
    let pages = wiki::list(home).map_err(failed)?;
    let copies = door::reader(home)?.publications()?;
    let copy_of = |page: &PageName| {
        let mut all = copies.iter();
        all.find(|copy| copy.page == page.as_str()).cloned()
    };
    let pages: Vec<Row> = pages
        .into_iter()
        .map(|listed| Row {
            copy: copy_of(&listed.page),
            page: listed.page.as_str().to_owned(),
            title: listed.title,
            keeper: listed.keeper.as_str(),
        })
        .collect();
    if json {
        return show::json(&List { pages });
    }
    for row in &pages {
        let line = format!("{:<7} {}  {}", row.keeper, row.page, row.title);
        show::line(show::clean(&line));
        if let Some(copy) = row.copy.as_ref().filter(|copy| copy.state != "delivered") {
            show::line(show::clean(&format!("        {}", copied(copy))));
        }
        if row.keeper == Keeper::Edited.as_str() {
            show::line(show::clean(&format!(
                "        a person changed what alai had written: it is kept as it is; `alai wiki sync {} --overwrite`",
                row.page
            )));
        }
    }
    if pages.is_empty() {
        show::line("no pages yet: `alai start` and `alai wiki new` make some");
    }
    Ok(())
}

#[derive(Serialize)]
struct Shown {
    page: String,
    text: String,
}

fn print(home: &Home, page: &PageName, json: bool) -> Result<(), CliError> {
    let Some(text) = wiki::show(home, page).map_err(failed)? else {
        let message = format!("there is no page {}", page.as_str());
        return Err(CliError::new(Kind::NotFound, message).hinted("`alai wiki list` shows them"));
    };
    if json {
        let page = page.as_str().to_owned();
        return show::json(&Shown { page, text });
    }
    text.lines().for_each(|line| show::line(show::clean(line)));
    Ok(())
}

#[derive(Serialize)]
struct Made {
    page: String,
    path: String,
}

fn new(home: &Home, title: &str, template: Template, json: bool) -> Result<(), CliError> {
    let Some(page) = PageName::own(title) else {
        let message = "cannot make a page of this title: nothing of it can stand in a file's name";
        return Err(CliError::new(Kind::Usage, message).hinted("use letters or digits"));
    };
    let kind = match template {
        Template::Request => PageKind::Request,
        Template::Status => PageKind::Status,
        Template::Evidence => PageKind::Evidence,
        Template::Postflight => PageKind::Postflight,
    };
    let path = wiki::create(home, &page, kind, title).map_err(failed)?;
    if json {
        let page = page.as_str().to_owned();
        return show::json(&Made { page, path });
    }
    show::line(path);
    Ok(())
}

/// Pages that are not copied by then go on by themselves.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the store is asked what came of it.
const POLL: Duration = Duration::from_millis(50);

#[derive(Serialize)]
struct Published {
    pages: Vec<Publication>,
}

fn publish(
    home: &Home,
    pages: Vec<String>,
    overwrite: bool,
    json: bool,
) -> Result<ExitCode, CliError> {
    let names = pages
        .iter()
        .map(|page| named(page))
        .collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    let daemon = door::pulse(home).is_some();
    let asked = Op::Publish {
        pages: names.clone(),
        overwrite,
    };
    door::ask(home, asked)?;
    if !daemon {
        let (mission, config) = (door::writer(home)?, door::config(home)?);
        let began = Instant::now();
        while began.elapsed() < PATIENCE && !mission.pages_due(1, door::now_ms())?.is_empty() {
            copies::deliver(&mission, home, &config, &door::now_ms, &|| false)?;
        }
    }
    let mut all = settled(home)?;
    all.retain(|copy| names.is_empty() || names.contains(&copy.page));
    let failed = all.iter().any(|copy| copy.state != "delivered");
    if json {
        show::json(&Published { pages: all })?;
    } else {
        all.iter()
            .for_each(|copy| show::line(show::clean(&copied(copy))));
    }
    Ok(match failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// How the copies stand once each of them was tried.
fn settled(home: &Home) -> Result<Vec<Publication>, CliError> {
    let (reader, began) = (door::reader(home)?, Instant::now());
    loop {
        let all = reader.publications()?;
        // One that failed for the moment holds up the others.
        let failed = all
            .iter()
            .any(|copy| copy.state == "pending" && copy.last_error.is_some());
        let open = all.iter().any(|copy| copy.state == "pending");
        if failed || !open || began.elapsed() > PATIENCE {
            return Ok(all);
        }
        std::thread::sleep(POLL);
    }
}

fn copied(copy: &Publication) -> String {
    let why = copy
        .last_error
        .as_deref()
        .unwrap_or("its turn has not come");
    match copy.state.as_str() {
        "delivered" => format!("copied  {}", copy.page),
        "pending" => format!("waits   {}: {why}", copy.page),
        _ => format!("refused {}: {why}", copy.page),
    }
}

#[derive(Serialize)]
struct Synced {
    /// Pages that a person has edited.
    edited: Vec<String>,
}

fn sync(home: &Home, json: bool) -> Result<(), CliError> {
    let edited = wiki::sync(&door::reader(home)?, home, door::now_ms()).map_err(pages)?;
    let edited: Vec<String> = edited.iter().map(|page| page.as_str().to_owned()).collect();
    if json {
        return show::json(&Synced { edited });
    }
    if door::config(home)?.bookstack.is_some() {
        let pages = Vec::new();
        door::ask(
            home,
            Op::Publish {
                pages,
                overwrite: false,
            },
        )?;
    }
    for page in &edited {
        show::line(format!(
            "edited  {page}: kept as it is; `alai wiki sync {page} --overwrite`"
        ));
    }
    show::line(format!(
        "the pages are current, {} of them kept as a person edited them",
        edited.len()
    ));
    Ok(())
}

fn overwrite(home: &Home, page: &PageName, json: bool) -> Result<(), CliError> {
    let done = wiki::overwrite(&door::reader(home)?, home, page, door::now_ms()).map_err(pages)?;
    let name = page.as_str();
    let path = match done {
        Overwritten::Beside(path) => Some(path),
        Overwritten::Written => None,
        Overwritten::NotOurs => {
            let message = format!("cannot write {name} anew: it is not made from tasks");
            return Err(CliError::new(Kind::Usage, message)
                .hinted("status and evidence pages are; a request or postflight page is written once, by a run"));
        }
    };
    if json {
        let page = name.to_owned();
        return show::json(&serde_json::json!({"page": page, "beside": path}));
    }
    show::line(match path {
        Some(path) => format!("{name} is written; what a person had is in {path}"),
        None => format!("{name} is written; nobody had edited it"),
    });
    Ok(())
}

fn pages(error: PagesError) -> CliError {
    match error {
        PagesError::Mission(error) => error.into(),
        error @ PagesError::Wiki(_) => failed(error),
    }
}
