//! Another's program behind a package: what it was, what its own cage did not promise, and what it was lent.

use std::path::Path;

use alai_core::cage::{breakers, promises};
use alai_core::money::dollars;
use serde_json::Value;

use crate::show;

/// What the package's report says of it, where the run had one. It is shown as it lies there, like all of the report.
pub(super) fn of(dir: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(dir.join("report.json")).ok()?;
    let mut report: Value = serde_json::from_str(&text).ok()?;
    report.get_mut("agent").map(Value::take)
}

pub(super) fn shown(agent: &Value) {
    let text = |key: &str| show::clean(agent[key].as_str().unwrap_or_default());
    show::line(format!(
        "agent    {}: {}, {}",
        text("name"),
        text("engine"),
        text("program")
    ));
    let amount = |key: &str| agent[key].as_u64().unwrap_or(0);
    if amount("held_microusd") > 0 {
        let (held, told) = (
            dollars(amount("held_microusd")),
            dollars(amount("told_microusd")),
        );
        show::line(format!(
            "agent    told to end at {told}, of {held} that were held for it"
        ));
    }
    let layers = agent["layers"].as_array().into_iter().flatten();
    let layers: Vec<String> = layers
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    for property in promises(&layers).lacking {
        let why = show::clean(&breakers(property, &layers).join(", "));
        show::line(format!(
            "agent    NOT PROMISED: {} ({why})",
            property.words()
        ));
    }
    let each = |key: &str| agent["lent"][key].as_array().into_iter().flatten();
    for offer in each("servers") {
        let name = show::clean(offer["server"].as_str().unwrap_or_default());
        let tools = offer["tools"].as_array().map(|tools| {
            let names = tools.iter().filter_map(Value::as_str);
            show::clean(&names.collect::<Vec<_>>().join(", "))
        });
        let tools = tools.unwrap_or_else(|| "all of its tools".to_owned());
        show::line(format!("agent    was lent the server {name} ({tools})"));
    }
    for one in each("withheld") {
        let text = |key: &str| show::clean(one[key].as_str().unwrap_or_default());
        show::line(format!(
            "agent    NOT LENT: {}: {}",
            text("what"),
            text("why")
        ));
    }
    for (host, used) in agent["hosts"].as_object().into_iter().flatten() {
        let refused = used["refused"].as_str();
        let refused = refused.map_or_else(String::new, |why| format!("; {}", show::clean(why)));
        let count = used["connections"].as_u64().unwrap_or(0);
        show::line(format!(
            "agent    asked {} {count} times{refused}",
            show::clean(host)
        ));
    }
}
