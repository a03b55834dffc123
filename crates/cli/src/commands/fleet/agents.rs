//! Agents of others among the hosts.

use alai_factory::fleet::AgentLine;

use crate::{door, show};

/// A line of `alai fleet status`.
pub(super) fn stands(line: &AgentLine) {
    let state = match (&line.version, line.up) {
        (Some(version), true) => format!("up, {} {}", line.engine, show::clean(version)),
        (None, true) => format!("up, {}", line.engine),
        (_, false) => format!("down, {}", line.engine),
    };
    let paid = match line.paid {
        "own" => "costs nothing",
        "flat" => "a flat rate pays it",
        "metered" => "paid by the token",
        _ => "no price is known",
    };
    let whose = if line.near { "your own" } else { "outside" };
    show::line(format!(
        "{}  agent  {state}, {whose}, {paid}, {} slots, tiers {}",
        line.host,
        line.slots,
        tiers(line)
    ));
    if let Some(trouble) = &line.trouble {
        show::line(format!("    {}", show::clean(trouble)));
    }
    if let Some((until_ms, why)) = &line.rest
        && *until_ms > door::now_ms()
    {
        let until = alai_core::time::utc(*until_ms);
        show::line(format!("    rests until {until}: {}", show::clean(why)));
    }
}

/// A line of `alai fleet models`.
pub(super) fn model(line: &AgentLine) {
    let said = match line.up {
        true => format!("whole tasks of tiers {}", tiers(line)),
        false => "not used: it is down".to_owned(),
    };
    show::line(format!(
        "{}:{}  {}, {said}",
        line.host,
        show::clean(&line.model),
        line.engine
    ));
}

fn tiers(line: &AgentLine) -> String {
    let tiers: Vec<String> = line.tiers.iter().map(u8::to_string).collect();
    tiers.join(", ")
}
