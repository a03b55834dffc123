//! `alai mc fsck|stats|backup|restore|export|import`: the store as a whole.

use std::io::{self, Write};
use std::path::Path;

use alai_factory::Home;

use crate::error::{CliError, Kind};
use crate::{door, show};

pub(crate) fn fsck(home: &Home) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let faults = match door::pulse(home) {
        Some(_served) => alai_mission::fsck_served(&reader, door::now_ms())?,
        None => alai_mission::fsck(&reader)?,
    };
    for fault in &faults {
        show::line(format!("broken   {}", fault.invariant));
        for row in &fault.rows {
            show::line(format!("         {row}"));
        }
    }
    match faults.len() {
        0 => {
            show::line("ok       every invariant holds");
            Ok(())
        }
        n => Err(CliError::new(
            Kind::Failed,
            format!("{n} invariant(s) of the store are broken"),
        )),
    }
}

pub(crate) fn stats(home: &Home, json: bool) -> Result<(), CliError> {
    let stats = door::reader(home)?.stats()?;
    if json {
        return show::json(&stats);
    }
    let listed = |counts: &std::collections::BTreeMap<String, u64>| {
        let parts: Vec<String> = counts.iter().map(|(k, n)| format!("{n} {k}")).collect();
        match parts.is_empty() {
            true => "none".to_owned(),
            false => parts.join(", "),
        }
    };
    show::line(format!("tasks    {}", listed(&stats.tasks)));
    show::line(format!("kinds    {}", listed(&stats.kinds)));
    show::line(format!("runs     {}", listed(&stats.runs)));
    show::line(format!("by hand  {} closed with a reason", stats.overrides));
    for gate in &stats.gates {
        show::line(format!(
            "gate     {}: {} fired, {} blocked, {} gone around by a person",
            gate.gate.as_str(),
            gate.fires,
            gate.blocks,
            gate.bypasses
        ));
    }
    if let Some((task, _since)) = stats.longest_wait {
        show::line(format!(
            "waits    {task} longest; `alai why {task}`",
            task = task.0
        ));
    }
    show::line(format!(
        "store    {} events, {} effects to deliver, {} KB",
        stats.events,
        stats.outbox,
        stats.bytes / 1024
    ));
    Ok(())
}

pub(crate) fn backup(home: &Home, file: &Path) -> Result<(), CliError> {
    door::reader(home)?.backup(file)?;
    show::line(format!("copied   {}, checked", file.display()));
    Ok(())
}

pub(crate) fn restore(home: &Home, file: &Path) -> Result<(), CliError> {
    door::needs_home(home)?;
    if door::pulse(home).is_some() {
        let message = "a daemon is writing to this store";
        return Err(CliError::new(Kind::Failed, message)
            .hinted("`alai down`, then restore, then `alai up`"));
    }
    let now_ms = door::now_ms();
    let kept = alai_mission::restore(home.root(), file, now_ms)?;
    show::line(format!("restored {}", file.display()));
    // The restored log ends before some of them. Those that were copied away will say so.
    let aside = alai_factory::audit::put_heads_aside(home, now_ms).map_err(|e| {
        CliError::new(
            Kind::Failed,
            format!(
                "the store is restored; cannot move {}: {e}",
                home.heads().display()
            ),
        )
    })?;
    if let Some(aside) = aside {
        show::line(format!(
            "kept     {} has the signed ends of the log before",
            aside.display()
        ));
    }
    if let Some(kept) = kept {
        show::line(format!("kept     {} is what was there", kept.display()));
    }
    Ok(())
}

pub(crate) fn export(home: &Home) -> Result<(), CliError> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    door::reader(home)?.export(&mut out)?;
    out.flush()
        .map_err(|e| CliError::new(Kind::Failed, format!("cannot write the export: {e}")))
}

pub(crate) fn import(home: &Home) -> Result<(), CliError> {
    let rows = door::writer(home)?.import(io::BufReader::new(io::stdin()))?;
    show::line(format!("imported {rows} rows"));
    Ok(())
}
