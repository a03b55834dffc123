//! `alai fleet probe`: one real word from the first model of each tier.

use alai_core::mode::Mode;
use alai_factory::Home;
use alai_factory::fleet::{self, Heard};

use super::{a_recording, models, needs_one};
use crate::error::{CliError, Kind};
use crate::show;

pub(super) fn run(home: &Home, paid: bool, json: bool) -> Result<(), CliError> {
    let models = models(home)?;
    let view = fleet::view(&models);
    if view.mode == Mode::Simulated {
        a_recording();
        return Ok(());
    }
    needs_one(&view.none)?;
    let heard = fleet::hear(&models, paid);
    match json {
        true => show::json(&heard)?,
        false => heard.iter().for_each(shown),
    }
    match heard.iter().all(|line| line.error.is_none()) {
        true => Ok(()),
        false => Err(CliError::new(
            Kind::Unreachable,
            "not every tier has a model that answers",
        )),
    }
}

fn shown(line: &Heard) {
    let what = match (&line.error, line.latency_ms) {
        (Some(error), _) => show::clean(error),
        (None, Some(ms)) => match line.dimensions {
            Some(dimensions) => format!("a vector of {dimensions} numbers in {ms} ms"),
            None => format!("answered in {ms} ms"),
        },
        (None, None) => String::new(),
    };
    let window = match line.context {
        Some(tokens) => format!(", window {tokens}"),
        None => String::new(),
    };
    let place = match line.tier {
        Some(tier) => format!("tier {tier}"),
        None => "vectors".to_owned(),
    };
    show::line(format!(
        "{place}  {} on {}  {what}{window}",
        show::clean(&line.model),
        show::clean(&line.host)
    ));
}
