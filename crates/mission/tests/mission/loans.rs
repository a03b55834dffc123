//! Loans: what agents' own programs may spend, which ask their providers themselves and may pass what they are told by one call.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use alai_core::mode::Mode;
use alai_core::money::{Caps, Cost, Day, Loan, Rule, Sum};
use alai_mission::{Fence, Intent, Scope};

use super::*;
use crate::money::call;

const DOLLAR: u64 = 1_000_000;
/// What one call of such a program may cost: by so much it passes what it was told.
const CALL: u64 = 120_000;
/// What a run may cost, by default.
const WISH: u64 = 3 * DOLLAR;

fn cap() -> Caps {
    Caps {
        call: Some(DOLLAR / 10),
        day_block: Some(DOLLAR),
        ..Caps::NONE
    }
}

fn intent(number: u32) -> Intent {
    Intent {
        call: number,
        model: "m".into(),
        company: None,
        mode: Mode::Real,
        cost: Cost::AtMost(WISH),
    }
}

fn day_sum(m: &Mission) -> Sum {
    m.sum_of(Scope::Day(Day(0))).expect("a sum")
}

/// A program that spends all it was told of, and then one more call.
fn spends(m: &Mission, fence: &Fence, number: u32) -> Result<Loan, Rule> {
    let loan = m.lend(fence, intent(number), &cap(), 110).expect("answers");
    let loan = loan.map_err(|refused| refused.rule)?;
    m.settle(fence, call(number, loan.told / 3 + CALL), 120)
        .expect("settles");
    Ok(loan)
}

#[test]
fn a_loan_is_what_is_left_and_one_that_is_under_way_is_the_same_again() {
    let world = world();
    world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let (m, fence) = (&world.mission, &claim.fence);
    let lent = |number| m.lend(fence, intent(number), &cap(), 110).expect("answers");
    let first = lent(0).expect("the whole dollar is left");
    assert_eq!((first.held, first.told), (DOLLAR, 900_000));
    assert_eq!(lent(0), Ok(first), "asked again, nothing more is held");
    assert_eq!(day_sum(m).reserved, DOLLAR);
    let refused = lent(1).expect_err("nothing is left");
    assert_eq!(refused.rule, Rule::Day);
    m.settle(fence, call(0, 400_000), 120).expect("settles");
    assert_eq!(lent(1).expect("the rest").held, 600_000);
    m.release(fence, 1, "it never began", 130)
        .expect("releases");
    m.leave_unknown(fence, 1, 140).expect("answers");
    assert_eq!((day_sum(m).spent, day_sum(m).held()), (400_000, 400_000));
    world.sound();
}

#[test]
fn fifty_programs_at_once_pass_a_dollar_by_one_call_at_most() {
    const PROGRAMS: u32 = 50;
    let world = world();
    world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let (m, fence) = (&world.mission, &claim.fence);
    let (start, lent) = (Barrier::new(PROGRAMS as usize), AtomicU64::new(0));
    std::thread::scope(|s| {
        for program in 0..PROGRAMS {
            let (start, lent) = (&start, &lent);
            s.spawn(move || {
                start.wait();
                for round in 0..8 {
                    if spends(m, fence, program * 8 + round).is_ok() {
                        lent.fetch_add(1, Ordering::SeqCst);
                    }
                    let held = day_sum(m).held();
                    assert!(held <= DOLLAR + CALL, "{held}");
                }
            });
        }
    });
    let spent = day_sum(m).spent;
    assert!(lent.into_inner() >= 2, "more than one had its turn");
    assert!((DOLLAR / 2..=DOLLAR + CALL).contains(&spent), "{spent}");
    world.sound();
}

const KILLED_HOME: &str = "ALAI_TEST_LOANS_HOME";
const KILLED_AFTER: &str = "ALAI_TEST_LOANS_AFTER";

static COMMITS: AtomicU64 = AtomicU64::new(0);

fn dies(point: &str) {
    let limit = std::env::var(KILLED_AFTER)
        .ok()
        .and_then(|n| n.parse().ok());
    if point == "commit.after" && Some(COMMITS.fetch_add(1, Ordering::SeqCst) + 1) == limit {
        // SAFETY: kill and getpid take and return plain integers.
        #[allow(unsafe_code, reason = "a test that dies as `kill -9` lets one die")]
        unsafe {
            libc::kill(libc::getpid(), libc::SIGKILL);
        }
        std::process::abort();
    }
}

fn lost(m: &Mission) -> Vec<(alai_core::ids::RunId, Effect)> {
    let again = |run: &alai_core::ids::RunId| {
        let retry = Effect::Retry {
            why: "lost".into(),
            findings: vec![],
            counters: Counters::default(),
            run_at_ms: 0,
        };
        (run.clone(), retry)
    };
    m.live_runs()
        .expect("runs")
        .iter()
        .map(|run| again(&run.id))
        .collect()
}

/// Not a test of its own: what the killed process does. Fifty programs borrow under one cap until they are killed.
#[test]
fn borrows_until_it_is_killed() {
    let Ok(home) = std::env::var(KILLED_HOME) else {
        return;
    };
    let mission = Mission::open(Path::new(&home), dies).expect("opens");
    mission
        .recover(lost(&mission), "killed", 500)
        .expect("recovers");
    let claim = mission.claim(None, &LIMITS, "w", LEASE_MS, 600);
    let fence = claim.expect("answers").expect("a claim").fence;
    std::thread::scope(|s| {
        for number in 0..50 {
            let (mission, fence) = (&mission, &fence);
            s.spawn(move || spends(mission, fence, number));
        }
    });
}

#[test]
fn a_loan_of_the_dead_counts_and_the_cap_holds_whenever_the_process_is_killed() {
    let world = world();
    world.add(world.build("t"));
    let World { home, mission, .. } = world;
    drop(mission);
    let me = std::env::current_exe().expect("this test's program");
    let mut kills = 0;
    for after in 1..=8 {
        let mut again = Command::new(&me);
        again.args(["--exact", "loans::borrows_until_it_is_killed"]);
        let ran = again
            .env(KILLED_HOME, home.path())
            .env(KILLED_AFTER, after.to_string())
            .output()
            .expect("it starts");
        kills += u32::from(!ran.status.success());
        let m = Mission::open(home.path(), quiet).expect("a sound store");
        let held = day_sum(&m).held();
        assert!(held <= DOLLAR + CALL, "{held} after commit {after}");
        assert_eq!(fsck(&m).expect("fsck runs"), []);
    }
    assert!(kills >= 3, "only {kills} were killed in the middle");
    let m = Mission::open(home.path(), quiet).expect("a sound store");
    m.recover(lost(&m), "killed", 900).expect("recovers");
    let day = day_sum(&m);
    assert_eq!(day.reserved, 0, "nothing is held for the dead: {day:?}");
    assert!(
        day.unknown > 0,
        "what was lent to the dead is unknown: {day:?}"
    );
    assert!(day.held() <= DOLLAR + CALL, "{day:?}");
}
