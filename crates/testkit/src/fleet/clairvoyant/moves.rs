//! Small changes of a schedule.

use super::super::trace::{Task, Trace, Way};
use super::Schedule;
use crate::fuzz::Dice;
use alai_core::schedule::ModelId;

/// One change by chance. `ends`: when the tasks ended before it; those that end late are changed more often.
pub(super) fn change(trace: &Trace, schedule: &mut Schedule, ends: &[i64], dice: &mut Dice) {
    match dice.below(20) {
        0..=6 => move_task(trace, schedule, late(ends, dice), dice),
        7..=12 => reorder(schedule, late(ends, dice), dice),
        13 => exchange(trace, schedule, dice),
        14 | 15 => new_phase(trace, schedule, dice),
        16 => end_phase(trace, schedule, dice),
        17 | 18 => move_phase(schedule, dice),
        _ => {
            for _ in 0..1 + dice.below(4) {
                move_task(trace, schedule, dice.below(ends.len()), dice);
            }
        }
    }
    if dice.one_in(50) {
        drop_empty(schedule);
    }
}

/// Of a few tasks the one that ends last, or any.
fn late(ends: &[i64], dice: &mut Dice) -> usize {
    let some = 1 + dice.below(4);
    let any = (0..some).map(|_| dice.below(ends.len()));
    any.collect::<Vec<_>>()
        .into_iter()
        .max_by_key(|task| ends[*task])
        .unwrap_or(0)
}

fn any_way(trace: &Trace, task: &Task, dice: &mut Dice) -> Way {
    let ways: Vec<Way> = trace.ways(task).copied().collect();
    *dice.pick(&ways)
}

/// To a phase of one of its ways; to a new one where there is none.
fn move_task(trace: &Trace, schedule: &mut Schedule, task: usize, dice: &mut Dice) {
    let way = any_way(trace, &trace.tasks[task], dice);
    put(schedule, task, way, dice);
}

fn put(schedule: &mut Schedule, task: usize, way: Way, dice: &mut Dice) {
    let phases = &schedule.phases[way.host.0];
    let same: Vec<usize> = (0..phases.len())
        .filter(|phase| phases[*phase] == way.model)
        .collect();
    let phase = if same.is_empty() {
        let at = dice.below(phases.len() + 1);
        insert(schedule, way.host.0, at, way.model);
        at
    } else {
        *dice.pick(&same)
    };
    schedule.runs_in[task] = (way.host.0, phase);
}

fn insert(schedule: &mut Schedule, host: usize, at: usize, model: ModelId) {
    schedule.phases[host].insert(at, model);
    for (other, phase) in &mut schedule.runs_in {
        if *other == host && *phase >= at {
            *phase += 1;
        }
    }
}

fn reorder(schedule: &mut Schedule, task: usize, dice: &mut Dice) {
    let other = dice.below(schedule.order.len());
    let beside = schedule.order[other];
    let by = dice.below(2001) as f64 - 1000.0;
    schedule.order[task] = (beside + by / 100.0).max(0.0);
}

/// Two tasks change places, where each may run at the other's.
fn exchange(trace: &Trace, schedule: &mut Schedule, dice: &mut Dice) {
    let count = schedule.order.len();
    let (one, other) = (dice.below(count), dice.below(count));
    let may = |task: usize, (host, phase): (usize, usize)| {
        let model = schedule.phases[host][phase];
        let mut ways = trace.ways(&trace.tasks[task]);
        ways.any(|way| (way.host.0, way.model) == (host, model))
    };
    let (here, there) = (schedule.runs_in[one], schedule.runs_in[other]);
    if may(one, there) && may(other, here) {
        schedule.runs_in.swap(one, other);
        schedule.order.swap(one, other);
    }
}

/// A load more, and of the tasks that may run there some that go to it.
fn new_phase(trace: &Trace, schedule: &mut Schedule, dice: &mut Dice) {
    let task = dice.below(trace.tasks.len());
    let way = any_way(trace, &trace.tasks[task], dice);
    let host = way.host.0;
    let at = dice.below(schedule.phases[host].len() + 1);
    insert(schedule, host, at, way.model);
    schedule.runs_in[task] = (host, at);
    let one_in = 1 + dice.below(4);
    let from = match dice.one_in(2) {
        true => schedule.order[task],
        false => 0.0,
    };
    let here_alone = dice.one_in(2);
    for (other, about) in trace.tasks.iter().enumerate() {
        let (its_host, its_phase) = schedule.runs_in[other];
        let same_place = its_host == host && schedule.phases[host][its_phase] == way.model;
        let may = || {
            let mut ways = trace.ways(about);
            ways.any(|its| (its.host, its.model) == (way.host, way.model))
        };
        if schedule.order[other] >= from
            && (same_place || !here_alone)
            && may()
            && dice.one_in(one_in)
        {
            schedule.runs_in[other] = (host, at);
        }
    }
}

/// A load less: its tasks go elsewhere.
fn end_phase(trace: &Trace, schedule: &mut Schedule, dice: &mut Dice) {
    let host = dice.below(schedule.phases.len());
    if schedule.phases[host].is_empty() {
        return;
    }
    let phase = dice.below(schedule.phases[host].len());
    for task in 0..trace.tasks.len() {
        if schedule.runs_in[task] != (host, phase) {
            continue;
        }
        let elsewhere: Vec<(usize, usize)> = trace
            .ways(&trace.tasks[task])
            .flat_map(|way| {
                let phases = schedule.phases[way.host.0].iter().enumerate();
                let same = phases.filter(move |(_, model)| **model == way.model);
                same.map(move |(phase, _)| (way.host.0, phase))
            })
            .filter(|other| *other != (host, phase))
            .collect();
        if !elsewhere.is_empty() {
            schedule.runs_in[task] = *dice.pick(&elsewhere);
        }
    }
}

fn move_phase(schedule: &mut Schedule, dice: &mut Dice) {
    let host = dice.below(schedule.phases.len());
    let count = schedule.phases[host].len();
    if count < 2 {
        return;
    }
    let from = dice.below(count);
    let to = match dice.one_in(2) {
        true => dice.below(count),
        false => (from + 1) % count,
    };
    let model = schedule.phases[host].remove(from);
    schedule.phases[host].insert(to, model);
    for (other, phase) in &mut schedule.runs_in {
        if *other != host {
            continue;
        }
        *phase = match *phase {
            at if at == from => to,
            at if from < at && at <= to => at - 1,
            at if to <= at && at < from => at + 1,
            at => at,
        };
    }
}

fn drop_empty(schedule: &mut Schedule) {
    for host in 0..schedule.phases.len() {
        for phase in (0..schedule.phases[host].len()).rev() {
            if schedule.runs_in.contains(&(host, phase)) {
                continue;
            }
            schedule.phases[host].remove(phase);
            for (other, its) in &mut schedule.runs_in {
                if *other == host && *its > phase {
                    *its -= 1;
                }
            }
        }
    }
}
