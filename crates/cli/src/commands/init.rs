//! `alai init`.

use std::process::ExitCode;

use alai_factory::{Home, Models, init};

use crate::args::InitArgs;
use crate::error::CliError;
use crate::{door, show};

pub(crate) fn run(home: &Home, _args: &InitArgs) -> Result<ExitCode, CliError> {
    let report = init(home)?;
    let word = if report.fresh { "made" } else { "complete" };
    show::line(format!("home        {} ({word})", home.root().display()));
    show::line(format!("companies   {}", report.companies.join(", ")));
    show::line(format!("blueprints  {}", report.blueprints.join(", ")));
    match alai_workspace::cage::probe() {
        Ok(layers) => show::line(format!("cage        {}", layers.names.join(", "))),
        Err(e) => show::line(format!("cage        none: {e}")),
    }
    let models = Models::new(&door::config(home)?)?;
    models.look();
    let found = models.found();
    if !found.none.is_empty() {
        show::line(format!("models      none: {}", found.none));
    }
    for tier in 1..=5 {
        if let Some(best) = found.tiers.candidates(tier).first() {
            show::line(format!("tier {tier}      {} on {}", best.model, best.host));
        }
    }
    show::line(
        "next        `alai project add PATH`, then `alai start \"GOAL\" --project PATH --wait`; or `alai demo`",
    );
    Ok(ExitCode::SUCCESS)
}
