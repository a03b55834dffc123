//! `alai company route`: who would do a task, and why.

use alai_core::routing::{self, Ask, LEAD_MIN, Reason, Route, SCORE_MIN, Standing};
use alai_factory::Home;
use serde::Serialize;

use crate::args::CompanyRouteArgs;
use crate::error::{CliError, Kind};
use crate::{door, show};

#[derive(Serialize)]
struct Routed<'a> {
    kind: &'a str,
    route: &'a Route,
    /// Everybody who could do it, the best first.
    #[serde(skip_serializing_if = "Option::is_none")]
    ranking: Option<Vec<Standing>>,
    thresholds: Thresholds,
}

/// Below these the words alone do not decide.
#[derive(Serialize)]
struct Thresholds {
    score_min: u32,
    lead_min: u32,
}

pub(super) fn route(home: &Home, args: &CompanyRouteArgs) -> Result<(), CliError> {
    let packs = door::packs(home)?;
    let ask = Ask {
        title: &args.text,
        description: &args.description,
        tags: &args.tags,
        kind: args.kind,
        pinned: None,
        class: None,
    };
    let route = routing::route(ask, &packs.registry);
    let route = route.map_err(|e| CliError::new(Kind::NeedsSetup, show::clean(&e.to_string())))?;
    let ranking = args.explain.then(|| routing::ranking(ask, &packs.registry));
    if args.json {
        return show::json(&Routed {
            kind: args.kind.as_str(),
            route: &route,
            ranking,
            thresholds: Thresholds {
                score_min: SCORE_MIN,
                lead_min: LEAD_MIN,
            },
        });
    }
    for line in told(&route, ranking.as_deref()) {
        show::line(show::clean(&line));
    }
    Ok(())
}

fn told(route: &Route, ranking: Option<&[Standing]>) -> Vec<String> {
    let mut lines = route.said();
    let Some(ranking) = ranking else {
        lines.truncate(1);
        return lines;
    };
    lines.push(format!(
        "words decide from {SCORE_MIN} points on, {LEAD_MIN} ahead of the next; else the task's class, then the default"
    ));
    for one in ranking {
        let reasons: Vec<String> = one.reasons.iter().map(Reason::to_string).collect();
        let words = match reasons.is_empty() {
            true => "no word".to_owned(),
            false => reasons.join(", "),
        };
        lines.push(format!("{:>4}  {:<14} {words}", one.score, one.company));
    }
    lines
}
