//! `alai fleet status`: every host as it answers now.

use alai_core::mode::Mode;
use alai_factory::Home;
use alai_factory::fleet::{self, FleetView, HostLine};

use super::{a_recording, first_of, models, needs_one};
use crate::error::CliError;
use crate::show;

pub(super) fn run(home: &Home, json: bool) -> Result<(), CliError> {
    let view = fleet::view(&models(home)?);
    if json {
        show::json(&view.hosts)?;
    } else if view.mode == Mode::Simulated {
        a_recording();
    } else {
        view.hosts.iter().for_each(|line| shown(&view, line));
    }
    needs_one(&view.none)
}

fn shown(view: &FleetView, line: &HostLine) {
    let state = match (&line.version, line.up) {
        (Some(version), true) => format!("up, {}", show::clean(version)),
        (None, true) => "up".to_owned(),
        (_, false) => "down".to_owned(),
    };
    let slots = match line.slots {
        Some(slots) => format!(", {slots} slots"),
        None => String::new(),
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
}
