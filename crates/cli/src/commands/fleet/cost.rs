//! `alai fleet cost`: the bill, what is left of the caps, and how old the prices are.

use alai_core::money::{Caps, Day, Sum, dollars};
use alai_factory::Home;
use alai_mission::{CapRow, CostBy, CostLine, CostReport, Reader, Scope};
use serde::Serialize;

use crate::args::FleetCostArgs;
use crate::commands::took;
use crate::error::CliError;
use crate::{door, show};

/// The whole answer.
#[derive(Debug, Serialize)]
struct Cost {
    /// Days in UTC, `YYYY-MM-DD`.
    from: String,
    to: String,
    by: CostBy,
    report: CostReport,
    today: Sum,
    /// Of today, with what a person has set; none is no cap.
    left_microusd: Option<u64>,
    caps: Caps,
    caps_set: Vec<CapRow>,
    prices_as_of: String,
    prices_from: String,
    own_prices: usize,
}

pub(super) fn run(home: &Home, args: &FleetCostArgs) -> Result<(), CliError> {
    if let Some(goal) = args.goal {
        return took::run(home, goal, args.json);
    }
    let reader = door::reader(home)?;
    let config = door::config(home)?;
    let cost = look(&reader, &config.money, args, Day::of(door::now_ms()))?;
    if args.json {
        return show::json(&cost);
    }
    shown(&cost);
    Ok(())
}

fn look(
    reader: &Reader,
    money: &alai_factory::Money,
    args: &FleetCostArgs,
    today: Day,
) -> Result<Cost, CliError> {
    let from = today.first_of(args.days);
    let caps = reader.caps_of(&money.caps, today)?;
    let sum = reader.sum_of(Scope::Day(today))?;
    Ok(Cost {
        from: from.to_string(),
        to: today.to_string(),
        by: args.by,
        report: reader.cost(from, args.by)?,
        today: sum,
        left_microusd: caps.day().map(|cap| cap.saturating_sub(sum.held())),
        caps,
        caps_set: reader.caps_set()?,
        prices_as_of: money.prices.as_of.clone(),
        prices_from: money.prices.source.clone(),
        own_prices: money.prices.own(),
    })
}

fn shown(cost: &Cost) {
    let days = match cost.from == cost.to {
        true => format!("{} (UTC)", cost.to),
        false => format!("{} to {} (UTC)", cost.from, cost.to),
    };
    show::line(format!(
        "{:<8}{days}: {}",
        "cost",
        amounts(&cost.report.total)
    ));
    show::line(format!("{:<8}{}", "today", today(cost)));
    show::line(format!("{:<8}{}", "caps", caps(&cost.caps)));
    for set in &cost.caps_set {
        let of = match set.scope.as_str() {
            "day" => format!("the day {}", Day(set.key)),
            scope => format!("{scope} #{}", set.key),
        };
        let by = show::clean(&set.actor);
        show::line(format!(
            "{:<8}{of} at {}, set by {by}",
            "",
            dollars(set.microusd)
        ));
    }
    let own = match cost.own_prices {
        0 => String::new(),
        own => format!(", {own} of your own"),
    };
    show::line(format!(
        "{:<8}as of {} ({}){own}",
        "prices", cost.prices_as_of, cost.prices_from
    ));
    for line in &cost.report.lines {
        let key = match (cost.by, line.key.as_str()) {
            (_, "") => "(none)".to_owned(),
            (CostBy::Task | CostBy::Goal, id) => format!("#{id}"),
            (CostBy::Model | CostBy::Company | CostBy::Day, name) => show::clean(name),
        };
        show::line(format!("{key:<24} {}", amounts(line)));
    }
    for call in &cost.report.unknown {
        show::line(format!(
            "unknown {}/{} of {} with {}: at most {}; `alai fleet settle {}/{} DOLLARS` when you know",
            call.run,
            call.call,
            call.task,
            show::clean(&call.model),
            dollars(call.worst_microusd),
            call.run,
            call.call
        ));
    }
}

/// What is nothing is not said, but for what is spent.
fn amounts(line: &CostLine) -> String {
    let mut words = vec![format!("{} spent", dollars(line.spent_microusd))];
    let mut say = |microusd: u64, word: &str| {
        if microusd > 0 {
            words.push(format!("{} {word}", dollars(microusd)));
        }
    };
    say(line.estimated_microusd, "of it estimated");
    say(line.simulated_microusd, "of it simulated");
    say(line.excess_microusd, "above its worst case");
    say(line.reserved_microusd, "reserved");
    say(line.unknown_microusd, "unknown");
    say(
        line.list_equivalent_microusd,
        "list equivalent (a subscription's, not spent)",
    );
    words.push(format!(
        "{} call(s), {} + {} tokens",
        line.calls, line.prompt_tokens, line.output_tokens
    ));
    words.join(", ")
}

fn today(cost: &Cost) -> String {
    let sum = &cost.today;
    let held = format!(
        "{} spent, {} reserved, {} unknown",
        dollars(sum.spent),
        dollars(sum.reserved),
        dollars(sum.unknown)
    );
    match (cost.left_microusd, cost.caps.day()) {
        (Some(left), Some(cap)) => format!("{held}; {} left of {}", dollars(left), dollars(cap)),
        _ => format!("{held}; no cap"),
    }
}

fn caps(caps: &Caps) -> String {
    let all = [
        ("call", caps.call),
        ("task", caps.task),
        ("lineage", caps.lineage),
        ("goal", caps.goal),
        ("verifier's call", caps.verifier_call),
        ("verifier's task", caps.verifier_task),
        ("day warn", caps.day_warn),
        ("day block", caps.day_block),
        ("day kill", caps.day_kill),
    ];
    let all = all.map(|(name, cap)| match cap {
        Some(cap) => format!("{name} {}", dollars(cap)),
        None => format!("{name} none"),
    });
    all.join(", ")
}
