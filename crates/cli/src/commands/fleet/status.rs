//! `alai fleet status`: every host as it answers now.

use alai_core::mode::Mode;
use alai_factory::Home;
use alai_factory::fleet::{self, FleetView, HostLine};
use alai_factory::{HostView, ScheduleView, WaitView, WordView};

use super::{a_recording, agents, first_of, models, needs_one};
use crate::error::{CliError, Kind};
use crate::{door, show};

pub(super) fn run(home: &Home, json: bool) -> Result<(), CliError> {
    let mut view = fleet::view(&models(home)?);
    let schedule = door::schedule(home);
    for line in &mut view.hosts {
        let stands = schedule.as_ref().and_then(|s| {
            let mut hosts = s.hosts.iter();
            hosts.find(|host| host.address == line.address).cloned()
        });
        line.schedule = stands;
    }
    if json {
        let hosts = view.hosts.iter().map(serde_json::to_value);
        let agents = view.agents.iter().map(serde_json::to_value);
        let lines: Result<Vec<serde_json::Value>, _> = hosts.chain(agents).collect();
        show::json(&lines.map_err(|e| CliError::new(Kind::Failed, e.to_string()))?)?;
    } else if view.mode == Mode::Simulated {
        a_recording();
    } else {
        view.hosts.iter().for_each(|line| shown(&view, line));
        view.agents.iter().for_each(agents::stands);
    }
    if let Some(dir) = view.recording.as_ref().filter(|_| !json) {
        let dir = show::clean(dir);
        show::line(format!(
            "recording  every call is written to {dir}, with what it asks and what comes"
        ));
    }
    if let Some(schedule) = schedule.filter(|_| !json) {
        queue(&schedule);
    }
    needs_one(&view.none)
}

fn shown(view: &FleetView, line: &HostLine) {
    let state = match (&line.version, line.up) {
        (Some(version), true) => format!("up, {}", show::clean(version)),
        (None, true) => "up".to_owned(),
        (_, false) => "down".to_owned(),
    };
    let slots = match (line.slots, line.slots_told) {
        (Some(slots), Some(told)) if told as usize > slots => {
            format!(", {slots} slots of its {told}")
        }
        (Some(slots), Some(_)) => format!(", {slots} slots by its own word"),
        (Some(slots), None) => format!(", {slots} slots"),
        (None, _) => String::new(),
    };
    let whose = match (line.near, line.free) {
        (true, _) => "your own",
        (false, true) => "outside, free",
        (false, false) => "outside, paid",
    };
    let its = view.models.iter().filter(|model| model.host == line.host);
    let tiers = first_of(its.flat_map(|model| &model.stands));
    show::line(format!(
        "{}  {}  {state}, {whose}, {} models{slots}, first choice of tiers {tiers}",
        line.host,
        show::clean(&line.address),
        line.models,
    ));
    if line.unreadable > 0 {
        let count = line.unreadable;
        show::line(format!("    {count} models could not be described"));
    }
    if let Some(trouble) = &line.trouble {
        show::line(format!("    {}", show::clean(trouble)));
    }
    for why in line.refused.values() {
        show::line(format!("    not used: {}", show::clean(why)));
    }
    if let Some(stands) = &line.schedule {
        at_work(stands);
    }
}

/// What a daemon's scheduler has there.
fn at_work(host: &HostView) {
    let gb = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    let mut said = vec![format!(
        "{} of {} runs ({} counts)",
        host.runs, host.slots, host.bound
    )];
    if let Some(memory) = host.memory {
        said.push(format!("{} of {} held", gb(host.held), gb(memory)));
    }
    if host.foreign > 0 {
        said.push(format!("{} by other programs", gb(host.foreign)));
    }
    if !host.resident.is_empty() {
        said.push(format!("loaded {}", show::clean(&host.resident.join(", "))));
    }
    for draining in &host.draining {
        let (model, to) = (show::clean(&draining.model), show::clean(&draining.to));
        said.push(format!("{model} takes no more work, for {to}"));
    }
    if !host.unloading.is_empty() {
        said.push(format!(
            "unloads {}",
            show::clean(&host.unloading.join(", "))
        ));
    }
    if let Some(loading) = &host.loading {
        let since = show::age((door::now_ms() - loading.since_ms).max(0));
        said.push(format!("loads {} for {since}", show::clean(&loading.model)));
    }
    if let Some(model) = &host.speaks {
        said.push(format!("{} is asked for a word", show::clean(model)));
    }
    if host.queue > 0 {
        said.push(format!("{} task(s) wait for it", host.queue));
    }
    show::line(format!("    {}", said.join("; ")));
    host.words.iter().for_each(word);
}

/// What a model said when it was last asked for a word.
fn word(word: &WordView) {
    let model = show::clean(&word.model);
    let age = show::age((door::now_ms() - word.at_ms).max(0));
    show::line(match (&word.error, word.latency_ms) {
        (Some(why), _)
            if word
                .rests_until_ms
                .is_some_and(|until| until > door::now_ms()) =>
        {
            format!(
                "    {model} gets no work, since {age}: {}",
                show::clean(why)
            )
        }
        (Some(why), _) => format!(
            "    {model} said no word {age} ago, and is asked for one before its next run: {}",
            show::clean(why)
        ),
        (None, took) => format!(
            "    {model} said a word {age} ago, in {} ms",
            took.unwrap_or(0)
        ),
    });
    if let Some(window) = word.window {
        show::line(format!(
            "    {model} was given a window of {window} tokens alone, by another program or a limit of its server: prompts may not fit"
        ));
    }
}

/// What waits, and what was decided last.
fn queue(schedule: &ScheduleView) {
    show::line(format!(
        "{} of {} runs in all, {} task(s) wait for a place",
        schedule.runs, schedule.slots, schedule.waiting
    ));
    for (task, wait) in schedule.waits.iter().take(WAITS_SHOWN) {
        let why = match wait {
            WaitView::Host { host, most } => {
                format!("the model host {host} has {most} run(s), its limit")
            }
            WaitView::Schedule { text } => text.clone(),
        };
        show::line(format!("    {task}  {}", show::clean(&why)));
    }
    for decided in &schedule.decided {
        show::line(format!("    {}", show::clean(decided)));
    }
}

/// Tasks whose reasons are shown; `alai why ID` has that of each.
const WAITS_SHOWN: usize = 8;
