//! `alai fleet models`: what every host has.

use alai_core::mode::Mode;
use alai_factory::Home;
use alai_factory::fleet::{self, ModelLine};
use alai_mission::Learned;

use super::{a_recording, agents, first_of, models, needs_one};
use crate::error::CliError;
use crate::{door, show};

pub(super) fn run(home: &Home, json: bool) -> Result<(), CliError> {
    // A home whose store was never written has learned nothing.
    let learned = door::reader(home).and_then(|reader| Ok(reader.learned()?));
    let learned = learned.unwrap_or_default();
    let (view, sound) = fleet::view(&models(home)?).with(&learned, home, door::now_ms());
    if let Err(why) = sound {
        show::message(&format!("{why}; how long things take is measured anew"));
    }
    for host in view.hosts.iter().filter(|host| !host.up) {
        show::message(&format!(
            "{} is down; `alai fleet status` says why",
            host.host
        ));
    }
    if json {
        show::json(&view.models)?;
    } else if view.mode == Mode::Simulated {
        a_recording();
    } else {
        view.models.iter().for_each(shown);
        view.agents.iter().for_each(agents::model);
    }
    needs_one(&view.none)
}

fn shown(line: &ModelLine) {
    let mut said = Vec::new();
    said.extend(line.parameters.as_deref().map(show::clean));
    match &line.not_used {
        Some(why) => said.push(format!("not used: {}", show::clean(why))),
        None => {
            let most = match line.context_max {
                Some(most) => most.to_string(),
                None => "an unknown one".to_owned(),
            };
            said.push(format!("window {} of {most}", line.num_ctx));
            said.push(match line.native_tools {
                true => "tools".to_owned(),
                false => "tools in text".to_owned(),
            });
            said.push(format!("{} turns a step", line.turns_max));
            if line.thinks {
                said.push("thinks".to_owned());
            }
            if let Some(learned) = &line.learned {
                said.extend(learned_of(learned));
            }
            let took = line.took.iter();
            said.extend(
                took.map(|took| format!("{} {} s", took.what, took.ms.saturating_add(999) / 1_000)),
            );
            let first = first_of(&line.stands);
            said.push(format!("first choice of tiers {first}"));
        }
    }
    show::line(format!(
        "{}:{}  {}",
        line.host,
        show::clean(&line.model),
        said.join(", ")
    ));
}

/// What runs have seen of a model.
fn learned_of(learned: &Learned) -> Vec<String> {
    let rate = learned.milli_chars_per_token;
    let mut said: Vec<String> = rate
        .map(|rate| {
            format!(
                "{}.{:02} characters a token",
                rate / 1_000,
                rate % 1_000 / 10
            )
        })
        .into_iter()
        .collect();
    if learned.turns > 0 {
        said.push(format!(
            "{} of {} turns malformed, {} salvaged",
            learned.malformed, learned.turns, learned.salvaged
        ));
    }
    said
}
