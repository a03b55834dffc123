//! What runs have taught about models, kept over restarts: characters a token, by which a cut prompt is seen, and how often a
//! model's calls could not be read.

use std::sync::Arc;

use alai_minion::RunReport;
use alai_mission::{Learned, MissionError, Reader};

use crate::beat::Factory;
use crate::models::Models;
use crate::pipelines;
use crate::run::RunError;
use crate::work::Desk;

/// Gives the hosts what was learned of their models before.
pub(crate) fn remember(models: &Models, reader: &Reader) -> Result<(), MissionError> {
    for one in reader.learned()? {
        if let Some(rate) = one.milli_chars_per_token {
            models.remember(&one.host, &one.model, rate);
        }
    }
    Ok(())
}

/// Keeps what one agent's run has shown of its model, and what it fell back to.
pub(crate) fn keep(
    factory: &Arc<Factory>,
    desk: &Desk,
    report: &RunReport,
) -> Result<(), RunError> {
    if let Some(why) = &report.fell_back {
        let fallen = pipelines::fallen(&desk.chosen, why);
        factory.mission().fell_back(desk.fence(), &fallen)?;
    }
    if desk.chosen.is_nobody() {
        return Ok(());
    }
    let (provider, model) = (&desk.chosen.provider, &desk.chosen.model);
    let seen = Learned {
        host: provider.host(),
        model: model.clone(),
        milli_chars_per_token: provider.milli_chars_per_token(model),
        turns: report.turns.into(),
        malformed: report.malformed.into(),
        salvaged: report.salvaged.into(),
    };
    factory.mission().learn(vec![seen], factory.now_ms())?;
    Ok(())
}
