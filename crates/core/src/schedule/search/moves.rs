//! Small changes of a schedule.

use super::{Problem, Schedule};

/// Numbers by chance, the same for the same beginning (SplitMix64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`; 0 when that is 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// From 0 to 1.
    pub(super) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// One change by chance. `ends`: when the tasks ended before it; those that end late are changed more often.
pub(super) fn change(
    problem: &Problem<'_>,
    schedule: &mut Schedule,
    ends: &[i64],
    dice: &mut Dice,
) {
    match dice.below(20) {
        0..=11 => move_task(problem, schedule, late(ends, dice), dice),
        12 | 13 => exchange(problem, schedule, dice),
        14 | 15 => new_phase(problem, schedule, dice),
        16 => end_phase(problem, schedule, dice),
        17 | 18 => move_phase(problem, schedule, dice),
        _ => {
            for _ in 0..1 + dice.below(4) {
                move_task(problem, schedule, dice.below(ends.len()), dice);
            }
        }
    }
    if dice.one_in(50) {
        drop_empty(problem, schedule);
    }
}

/// Of a few tasks the one that ends last, or any.
fn late(ends: &[i64], dice: &mut Dice) -> usize {
    let mut last = dice.below(ends.len());
    for _ in 0..dice.below(4) {
        let other = dice.below(ends.len());
        if ends[other] >= ends[last] {
            last = other;
        }
    }
    last
}

/// To a phase of one of its places; to a new one where there is none.
fn move_task(problem: &Problem<'_>, schedule: &mut Schedule, task: usize, dice: &mut Dice) {
    let place = any_place(problem, task, dice);
    let host = problem.outlook.places[place].host;
    let same: Vec<usize> = (0..schedule.phases[host].len())
        .filter(|phase| schedule.phases[host][*phase] == place && !problem.is_closed(host, *phase))
        .collect();
    let phase = if same.is_empty() {
        let fixed = problem.settled(host).min(schedule.phases[host].len());
        let at = fixed + dice.below(schedule.phases[host].len() - fixed + 1);
        schedule.insert(host, at, place);
        at
    } else {
        same[dice.below(same.len())]
    };
    schedule.runs_in[task] = (host, phase);
}

fn any_place(problem: &Problem<'_>, task: usize, dice: &mut Dice) -> usize {
    let places = problem.places_of(task);
    places[dice.below(places.len())]
}

/// Two tasks change places, where each may run at the other's.
fn exchange(problem: &Problem<'_>, schedule: &mut Schedule, dice: &mut Dice) {
    let count = schedule.runs_in.len();
    let (one, other) = (dice.below(count), dice.below(count));
    let may = |task: usize, (host, phase): (usize, usize)| {
        problem
            .places_of(task)
            .contains(&schedule.phases[host][phase])
    };
    let (here, there) = (schedule.runs_in[one], schedule.runs_in[other]);
    if may(one, there) && may(other, here) {
        schedule.runs_in.swap(one, other);
    }
}

/// A load more, and of the tasks that may run there some that go to it.
fn new_phase(problem: &Problem<'_>, schedule: &mut Schedule, dice: &mut Dice) {
    let task = dice.below(schedule.runs_in.len());
    let place = any_place(problem, task, dice);
    let host = problem.outlook.places[place].host;
    let fixed = problem.settled(host).min(schedule.phases[host].len());
    let at = fixed + dice.below(schedule.phases[host].len() - fixed + 1);
    schedule.insert(host, at, place);
    schedule.runs_in[task] = (host, at);
    let one_in = 1 + dice.below(4);
    let from = match dice.one_in(2) {
        true => problem.order[task],
        false => 0,
    };
    let here_alone = dice.one_in(2);
    for other in 0..schedule.runs_in.len() {
        let (its_host, its_phase) = schedule.runs_in[other];
        let same_place = its_host == host && schedule.phases[host][its_phase] == place;
        if problem.order[other] >= from
            && (same_place || !here_alone)
            && problem.places_of(other).contains(&place)
            && dice.one_in(one_in)
        {
            schedule.runs_in[other] = (host, at);
        }
    }
}

/// A load less: its tasks go elsewhere.
fn end_phase(problem: &Problem<'_>, schedule: &mut Schedule, dice: &mut Dice) {
    let host = dice.below(schedule.phases.len());
    if schedule.phases[host].is_empty() {
        return;
    }
    let phase = dice.below(schedule.phases[host].len());
    for task in 0..schedule.runs_in.len() {
        if schedule.runs_in[task] != (host, phase) {
            continue;
        }
        let mut elsewhere: Vec<(usize, usize)> = Vec::new();
        for place in problem.places_of(task) {
            let its_host = problem.outlook.places[*place].host;
            for (its_phase, other) in schedule.phases[its_host].iter().enumerate() {
                let is_open = !problem.is_closed(its_host, its_phase);
                if other == place && is_open && (its_host, its_phase) != (host, phase) {
                    elsewhere.push((its_host, its_phase));
                }
            }
        }
        if !elsewhere.is_empty() {
            schedule.runs_in[task] = elsewhere[dice.below(elsewhere.len())];
        }
    }
}

fn move_phase(problem: &Problem<'_>, schedule: &mut Schedule, dice: &mut Dice) {
    let host = dice.below(schedule.phases.len());
    let fixed = problem.settled(host);
    let count = schedule.phases[host].len().saturating_sub(fixed);
    if count < 2 {
        return;
    }
    let from = dice.below(count);
    let to = match dice.one_in(2) {
        true => dice.below(count),
        false => (from + 1) % count,
    };
    let (from, to) = (from + fixed, to + fixed);
    let place = schedule.phases[host].remove(from);
    schedule.phases[host].insert(to, place);
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

fn drop_empty(problem: &Problem<'_>, schedule: &mut Schedule) {
    for host in 0..schedule.phases.len() {
        for phase in (problem.fixed[host].len()..schedule.phases[host].len()).rev() {
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
