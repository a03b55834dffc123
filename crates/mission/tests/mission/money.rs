//! Money: what is held before a call, what is booked after it, and that no cap is ever passed, whoever asks at once, whatever dies.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use alai_core::ids::RunId;
use alai_core::mode::Mode;
use alai_core::money::{Caps, Cost, Day, Mark, Reservation, Rule, Sum, Tokens, Word};
use alai_mission::{Call, CostBy, Fence, Intent, Scope};

use super::*;

const DOLLAR: u64 = 1_000_000;
const DAY_MS: i64 = 86_400_000;

fn intent(call: u32, worst: u64) -> Intent {
    Intent {
        call,
        model: "m".into(),
        company: Some("c".into()),
        mode: Mode::Real,
        cost: match worst {
            0 => Cost::Nothing,
            worst => Cost::AtMost(worst),
        },
    }
}

/// Reserves under no cap.
pub(crate) fn reserve(
    m: &Mission,
    fence: &Fence,
    call: u32,
    worst: u64,
    now_ms: i64,
) -> Result<Reservation, MissionError> {
    let held = m.reserve(fence, intent(call, worst), &Caps::NONE, now_ms)?;
    Ok(held.expect("there is no cap"))
}

pub(crate) fn call(call: u32, cost_microusd: u64) -> Call {
    Call {
        call,
        model: "m".into(),
        mode: Mode::Real,
        tokens: Tokens {
            input: 10,
            output: 5,
            ..Tokens::default()
        },
        cost_microusd,
        word: Word::Measured,
    }
}

/// Which rule refuses a call.
fn refusal(m: &Mission, fence: &Fence, number: u32, worst: u64, caps: &Caps) -> Option<Rule> {
    let asked = m.reserve(fence, intent(number, worst), caps, 110);
    asked.expect("answers").err().map(|refused| refused.rule)
}

fn task_cap(microusd: u64) -> Caps {
    Caps {
        task: Some(microusd),
        ..Caps::NONE
    }
}

fn day_cap(microusd: u64) -> Caps {
    Caps {
        day_block: Some(microusd),
        ..Caps::NONE
    }
}

fn day_sum(m: &Mission) -> Sum {
    m.sum_of(Scope::Day(Day(0))).expect("a sum")
}

fn sum(spent: u64, reserved: u64, unknown: u64) -> Sum {
    Sum {
        spent,
        reserved,
        unknown,
        list_equivalent: 0,
    }
}

fn lost(run: &RunId) -> Vec<(RunId, Effect)> {
    let again = Effect::Retry {
        why: "lost".into(),
        findings: vec![],
        counters: Counters::default(),
        run_at_ms: 0,
    };
    vec![(run.clone(), again)]
}

fn busy() -> (World, Claim) {
    let world = world();
    world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    (world, claim)
}

#[test]
fn what_is_held_becomes_what_was_spent() {
    let (world, claim) = busy();
    let (m, fence) = (&world.mission, &claim.fence);
    reserve(m, fence, 0, 900, 110).expect("reserves");
    assert_eq!(day_sum(m), sum(0, 900, 0));
    m.settle(fence, call(0, 300), 120).expect("settles");
    for scope in [Scope::Task(fence.task), Scope::Lineage(fence.task)] {
        assert_eq!(m.sum_of(scope).expect("a sum"), sum(300, 0, 0));
    }
    reserve(m, fence, 1, 500, 130).expect("reserves");
    m.release(fence, 1, "connection refused", 140)
        .expect("releases");
    assert_eq!(day_sum(m), sum(300, 0, 0), "an outage costs nothing");
    let spent = m.spend_of_run(&fence.run).expect("sums");
    assert_eq!((spent.calls, spent.cost_microusd), (1, 300));
    world.sound();
}

#[test]
fn a_settlement_above_its_reservation_is_booked_in_full_and_shown() {
    let (world, claim) = busy();
    let (m, fence) = (&world.mission, &claim.fence);
    reserve(m, fence, 0, 100, 110).expect("reserves");
    m.settle(fence, call(0, 130), 120).expect("settles");
    let bill = m.cost(Day(0), CostBy::Model).expect("a bill").total;
    assert_eq!((bill.spent_microusd, bill.excess_microusd), (130, 30));
    assert_eq!(refusal(m, fence, 1, 1, &task_cap(130)), Some(Rule::Task));
    assert_eq!(refusal(m, fence, 1, 1, &task_cap(131)), None);
    world.sound();
}

#[test]
fn the_same_call_twice_is_one_row_and_one_settlement() {
    let (world, claim) = busy();
    let (m, fence) = (&world.mission, &claim.fence);
    for _ in 0..2 {
        let held = reserve(m, fence, 0, 900, 110).expect("reserves");
        assert_eq!(held.microusd, 900);
        assert_eq!(day_sum(m), sum(0, 900, 0));
    }
    let again = refusal(m, fence, 0, 900, &task_cap(1_000));
    assert_eq!(again, None, "it stands in its own way for nobody");
    for cost in [300, 400] {
        m.settle(fence, call(0, cost), 120).expect("settles");
        assert_eq!(day_sum(m), sum(300, 0, 0), "the first receipt wins");
    }
    let again = reserve(m, fence, 0, 900, 130).expect_err("it was made");
    assert!(matches!(again, MissionError::CallMade { .. }), "{again}");
    m.release(fence, 0, "late", 140).expect("answers");
    assert_eq!(day_sum(m), sum(300, 0, 0), "what was paid stays paid");
    let never = m.settle(fence, call(9, 1), 150).expect_err("not reserved");
    assert!(matches!(never, MissionError::Row { .. }), "{never}");
    world.sound();
}

#[test]
fn fifty_callers_at_once_never_pass_a_cap() {
    const CALLERS: usize = 50;
    for (cap, worst, caps) in [
        (DOLLAR, 30_000, day_cap(DOLLAR)),
        (250_000, 70_001, task_cap(250_000)),
    ] {
        let (world, claim) = busy();
        let (m, fence) = (&world.mission, &claim.fence);
        let (start, begun) = (Barrier::new(CALLERS), AtomicU64::new(0));
        std::thread::scope(|s| {
            for caller in 0..CALLERS {
                let (start, begun) = (&start, &begun);
                s.spawn(move || {
                    start.wait();
                    // Each comes again and again, and settles what it got at the worst.
                    for round in 0..4 {
                        let number = u32::try_from(caller * 4 + round).expect("few");
                        let asked = m.reserve(fence, intent(number, worst), &caps, 110);
                        if asked.expect("answers").is_ok() {
                            begun.fetch_add(1, Ordering::SeqCst);
                            m.settle(fence, call(number, worst), 120).expect("settles");
                        }
                        let held = m.sum_of(Scope::Day(Day(0))).expect("a sum").held();
                        assert!(held <= cap, "{held} of {cap}");
                    }
                });
            }
        });
        assert_eq!(
            begun.into_inner(),
            cap / worst,
            "as many as fit, and no more"
        );
        assert_eq!(day_sum(m).spent, cap / worst * worst);
        world.sound();
    }
}

#[test]
fn each_cap_holds_over_what_it_is_for() {
    let world = world();
    let m = &world.mission;
    let (goal, first, ..) = goal_of_three(&world);
    let build = m.claim(Some(first), &LIMITS, "w", LEASE_MS, 100);
    let build = build.expect("answers").expect("a claim").fence;
    reserve(m, &build, 0, 600, 110).expect("reserves");
    m.settle(&build, call(0, 600), 120).expect("settles");
    let made = m.apply(
        &build,
        "passed",
        vec![complete(), review_of(&world, first)],
        130,
    );
    let review = made.expect("applies")[0];
    let review = m.claim(Some(review), &LIMITS, "w", LEASE_MS, 140);
    let review = review.expect("answers").expect("a claim").fence;
    assert_eq!(refusal(m, &review, 0, 500, &task_cap(1_000)), None);
    m.release(&review, 0, "t", 150).expect("releases");
    for (scope, caps) in [
        (
            Scope::Lineage(first),
            Caps {
                lineage: Some(1_000),
                ..Caps::NONE
            },
        ),
        (Scope::Day(Day(0)), day_cap(1_000)),
    ] {
        let rule = refusal(m, &review, 0, 500, &caps);
        assert_eq!(rule.map(Rule::as_str), Some(scope.as_str()));
        m.set_cap(scope, 1_100, "mira", 160).expect("sets");
        assert_eq!(refusal(m, &review, 0, 500, &caps), None, "a person's word");
        m.release(&review, 0, "t", 170).expect("releases");
    }
    assert_eq!(
        m.sum_of(Scope::Goal(goal)).expect("a sum"),
        sum(600, 0, 0),
        "the review of this test has no goal"
    );
    assert!(m.set_cap(Scope::Task(TaskId(99)), 1, "mira", 1).is_err());
    assert_eq!(m.caps_set().expect("rows").len(), 2);
    world.sound();
}

#[test]
fn a_follow_up_spends_the_cap_of_the_line_that_it_came_of() {
    let world = world();
    let m = &world.mission;
    let build = world.add(world.build("do it"));
    let child = |kind, parent, lineage| {
        let mut new = NewTask::new(kind, "of the work");
        (new.project, new.parent, new.lineage) = (Some(world.project), Some(parent), lineage);
        world.add(new)
    };
    let claimed = |task| {
        let claim = m.claim(Some(task), &LIMITS, "w", LEASE_MS, 100);
        claim.expect("answers").expect("a claim").fence
    };
    let first = claimed(build);
    reserve(m, &first, 0, 600, 110).expect("reserves");
    m.settle(&first, call(0, 600), 120).expect("settles");
    let review = child(TaskKind::Review, build, Some(build));
    let follow_up = claimed(child(TaskKind::Build, review, None));
    let caps = Caps {
        lineage: Some(1_000),
        ..Caps::NONE
    };
    let rule = refusal(m, &follow_up, 0, 500, &caps);
    assert_eq!(rule.map(Rule::as_str), Some("lineage"));
    assert_eq!(refusal(m, &follow_up, 0, 400, &caps), None);
    let held = m.sum_of(Scope::Lineage(build)).expect("a sum").held();
    assert_eq!(held, 1_000);
    m.release(&follow_up, 0, "t", 170).expect("releases");
    world.sound();
}

#[test]
fn an_unknown_price_is_refused_and_nothing_is_begun() {
    let (world, claim) = busy();
    let (m, fence) = (&world.mission, &claim.fence);
    let unpriced = Intent {
        cost: Cost::Unpriced,
        ..intent(0, 1)
    };
    let asked = m.reserve(fence, unpriced, &Caps::NONE, 110);
    assert_eq!(
        asked.expect("answers").expect_err("refused").rule,
        Rule::Price
    );
    assert_eq!(m.steps(&fence.run).expect("steps"), []);
    let could = |cost: Cost| m.affordable(fence.task, &Caps::NONE, || cost, 120);
    assert!(!could(Cost::Unpriced).expect("answers"));
    assert!(
        could(Cost::AtMost(5)).expect("answers"),
        "it has a price now"
    );
    world.sound();
}

#[test]
fn a_call_whose_run_died_counts_at_its_worst_until_somebody_says_what_it_cost() {
    let (world, claim) = busy();
    let (m, fence) = (&world.mission, &claim.fence);
    for number in 0..4 {
        reserve(m, fence, number, 100, 110).expect("reserves");
    }
    m.leave_unknown(fence, 3, 120)
        .expect("its connection was cut");
    m.recover(lost(&fence.run), "killed", 200)
        .expect("recovers");
    assert_eq!(day_sum(m), sum(0, 0, 400));
    assert_eq!(m.spend().expect("sums").reserved_microusd, 400);
    let late = m
        .settle(fence, call(0, 60), 210)
        .expect_err("its run is gone");
    assert!(late.is_stale(), "{late}");
    assert_eq!(
        day_sum(m),
        sum(60, 0, 300),
        "what the provider says is booked"
    );
    m.settle_by_hand(&fence.run, 1, 5, "mira", 220)
        .expect("a person says so");
    assert_eq!(day_sum(m), sum(65, 0, 200));
    let twice = m.settle_by_hand(&fence.run, 1, 9, "mira", 230);
    assert!(matches!(twice, Err(MissionError::CallMade { .. })));
    let none = m.settle_by_hand(&fence.run, 7, 9, "mira", 230);
    assert!(matches!(none, Err(MissionError::NoUnknownCall { .. })));
    let next = world.claim().expect("claimed again").fence;
    assert_eq!(refusal(m, &next, 0, 1, &task_cap(265)), Some(Rule::Task));
    assert_eq!(refusal(m, &next, 0, 1, &task_cap(266)), None);
    let unknown = m.cost(Day(0), CostBy::Task).expect("a bill").unknown;
    let calls: Vec<u32> = unknown.iter().map(|call| call.call).collect();
    assert_eq!(calls, [3, 2]);
    world.sound();
}

#[test]
fn what_costs_nothing_is_in_no_book_and_is_not_settled_late() {
    let (world, claim) = busy();
    let (m, fence) = (&world.mission, &claim.fence);
    for number in 0..2 {
        reserve(m, fence, number, 0, 110).expect("reserves");
    }
    m.settle(fence, call(0, 0), 120).expect("settles");
    assert_eq!(refusal(m, fence, 2, 0, &day_cap(0)), None, "never refused");
    m.recover(lost(&fence.run), "killed", 200)
        .expect("recovers");
    let late = m
        .settle(fence, call(1, 0), 210)
        .expect_err("its run is gone");
    assert!(late.is_stale());
    let spent = m.spend_of_run(&fence.run).expect("sums");
    assert_eq!((spent.calls, spent.unknown_calls), (1, 2));
    assert_eq!(day_sum(m), Sum::default());
    world.sound();
}

#[test]
fn a_subscription_pays_what_is_not_spent() {
    let (world, claim) = busy();
    let (m, fence) = (&world.mission, &claim.fence);
    reserve(m, fence, 0, 0, 110).expect("reserves");
    let listed = Call {
        word: Word::ListEquivalent,
        ..call(0, 700)
    };
    m.settle(fence, listed, 120).expect("settles");
    let day = day_sum(m);
    assert_eq!((day.held(), day.list_equivalent), (0, 700));
    assert_eq!(refusal(m, fence, 1, 100, &day_cap(100)), None);
    let bill = m.cost(Day(0), CostBy::Company).expect("a bill");
    assert_eq!(bill.lines[0].key, "c");
    assert_eq!(
        (
            bill.total.spent_microusd,
            bill.total.list_equivalent_microusd
        ),
        (0, 700)
    );
    assert_eq!(m.spend().expect("sums").cost_microusd, 0);
    world.sound();
}

#[test]
fn a_day_that_is_over_holds_nobody_and_a_call_stays_on_the_day_it_was_begun() {
    let (world, claim) = busy();
    let (m, fence) = (&world.mission, &claim.fence);
    let caps = day_cap(100);
    let evening = DAY_MS - 1;
    let asked = |number, now_ms| {
        let asked = m.reserve(fence, intent(number, 100), &caps, now_ms);
        asked.expect("answers").err()
    };
    assert_eq!(asked(0, evening), None);
    let refused = asked(1, evening).expect("the day is full");
    assert_eq!((refused.rule, refused.until_ms), (Rule::Day, Some(DAY_MS)));
    let could = |now_ms| m.affordable(fence.task, &caps, || Cost::Nothing, now_ms);
    assert!(!could(evening).expect("answers"));
    assert!(could(DAY_MS).expect("answers"), "the next day goes on");
    m.settle(fence, call(0, 80), DAY_MS + 5).expect("settles");
    assert_eq!(day_sum(m), sum(80, 0, 0));
    assert_eq!(m.sum_of(Scope::Day(Day(1))).expect("a sum"), Sum::default());
    assert_eq!(asked(1, DAY_MS), None);
    m.set_cap(Scope::Day(Day(1)), 300, "mira", DAY_MS)
        .expect("sets");
    assert_eq!(asked(2, DAY_MS), None, "raised for this day");
    assert_eq!(
        m.caps_of(&caps, Day(2)).expect("caps").day(),
        Some(100),
        "and for no other"
    );
    world.sound();
}

#[test]
fn a_mark_of_a_day_is_told_once() {
    let (world, _claim) = busy();
    let m = &world.mission;
    let pass = |day, mark| m.pass_mark(Day(day), mark, "$10.00 are spent", 5);
    assert!(pass(3, Mark::Warn).expect("answers"));
    assert!(!pass(3, Mark::Warn).expect("answers"));
    assert!(pass(3, Mark::Block).expect("answers"));
    assert!(pass(4, Mark::Warn).expect("answers"));
    let told = m.events_since(0, None).expect("history");
    let told = told.iter().filter(|e| e.kind.starts_with("spend_")).count();
    assert_eq!(told, 3);
    world.sound();
}

#[test]
fn a_run_that_is_ended_for_money_waits_with_all_that_a_wait_has() {
    let (world, claim) = busy();
    let (m, fence) = (&world.mission, &claim.fence);
    assert_eq!(m.paid_runs().expect("rows").len(), 0);
    reserve(m, fence, 0, 500, 110).expect("reserves");
    let paid: Vec<RunId> = m
        .paid_runs()
        .expect("rows")
        .into_iter()
        .map(|r| r.id)
        .collect();
    assert_eq!(paid, std::slice::from_ref(&fence.run));
    let waiting = Waiting {
        reason: WaitReason::Budget,
        owner: "mira".into(),
        deadline_ms: DAY_MS,
        next_action: "wait".into(),
        detail: "too much".into(),
    };
    let ended = |now_ms| m.end_for_money(&fence.run, Rule::Day, waiting.clone(), now_ms);
    assert!(ended(200).expect("answers"));
    assert!(!ended(210).expect("answers"), "it has ended");
    let task = m.task(fence.task).expect("the task");
    assert_eq!(task.waiting, Some(waiting.clone()));
    assert_eq!(task.counters, claim.task.counters, "nobody failed");
    assert_eq!(day_sum(m), sum(0, 0, 500));
    let could = |caps: &Caps| m.affordable(fence.task, caps, || Cost::Nothing, 220);
    assert!(!could(&day_cap(500)).expect("answers"));
    assert!(could(&day_cap(501)).expect("answers"));
    world.sound();
}

/// Sums are read and not added up: what a reservation reads is the same after a hundred thousand rows as after none.
#[test]
fn sums_agree_with_a_hundred_thousand_rows() {
    let (world, claim) = busy();
    let World { home, mission, .. } = world;
    let fence = claim.fence;
    reserve(&mission, &fence, 0, 7, 110).expect("reserves");
    drop(mission);
    let raw = rusqlite::Connection::open(home.path().join("mission.db")).expect("opens");
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
        INSERT INTO ledger (run, task, call, model, mode, state, lineage, day, prompt_tokens, output_tokens, reserved_microusd,
            cost_microusd, word, at_ms, settled_ms)
        SELECT ?1, ?2, i, 'm' || i % 7, 'real', CASE i % 10 WHEN 0 THEN 'unknown' ELSE 'settled' END, ?2, i % 30, 1, 1, 3,
            CASE i % 10 WHEN 0 THEN 0 ELSE 2 END, 'measured', i, i FROM n";
    let task = fence.task.0;
    raw.execute(sql, rusqlite::params![fence.run.0, task])
        .expect("rows");
    let plan = "EXPLAIN QUERY PLAN SELECT spent, reserved, unknown, list_equivalent FROM purse WHERE scope = 'day' AND key = 1";
    let plan: String = raw.query_row(plan, [], |r| r.get(3)).expect("a plan");
    assert!(plan.starts_with("SEARCH purse USING PRIMARY KEY"), "{plan}");
    drop(raw);
    let m = Mission::open(home.path(), quiet).expect("opens");
    let all = m.sum_of(Scope::Task(fence.task)).expect("a sum");
    assert_eq!(all, sum(180_000, 7, 30_000));
    assert_eq!(fsck(&m).expect("fsck runs"), []);
    let bill = m.cost(Day(0), CostBy::Day).expect("a bill");
    assert_eq!((bill.lines.len(), bill.total.spent_microusd), (30, 180_000));
    assert_eq!(bill.total.unknown_microusd, 30_000);
    reserve(&m, &fence, 100_001, 5, 120).expect("reserves");
    assert_eq!(
        m.sum_of(Scope::Task(fence.task)).expect("a sum").held(),
        210_012
    );
}

/// Where a killed process finds its home and the number of the commit after which it dies.
const KILLED_HOME: &str = "ALAI_TEST_MONEY_HOME";
const KILLED_AFTER: &str = "ALAI_TEST_MONEY_AFTER";
const CAP: u64 = 1_000;
const WORST: u64 = 150;

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

/// Not a test of its own: what the killed process does. Fifty callers spend under one cap until they are killed.
#[test]
fn spends_until_it_is_killed() {
    let Ok(home) = std::env::var(KILLED_HOME) else {
        return;
    };
    let mission = Mission::open(Path::new(&home), dies).expect("opens");
    let lost: Vec<(RunId, Effect)> = mission
        .live_runs()
        .expect("runs")
        .iter()
        .flat_map(|run| self::lost(&run.id))
        .collect();
    mission.recover(lost, "killed", 500).expect("recovers");
    let claim = mission.claim(None, &LIMITS, "w", LEASE_MS, 600);
    let fence = claim.expect("answers").expect("a claim").fence;
    std::thread::scope(|s| {
        for number in 0..50 {
            let (mission, fence) = (&mission, &fence);
            s.spawn(move || {
                let asked = mission.reserve(fence, intent(number, WORST), &day_cap(CAP), 700);
                if asked.expect("answers").is_ok() {
                    let settled = mission.settle(fence, call(number, WORST), 800);
                    settled.expect("settles");
                }
            });
        }
    });
}

#[test]
fn a_cap_holds_whenever_the_process_is_killed() {
    let world = world();
    world.add(world.build("t"));
    let World { home, mission, .. } = world;
    drop(mission);
    let me = std::env::current_exe().expect("this test's program");
    let mut kills = 0;
    for after in 1..=12 {
        let mut again = Command::new(&me);
        again.args(["--exact", "money::spends_until_it_is_killed"]);
        let ran = again
            .env(KILLED_HOME, home.path())
            .env(KILLED_AFTER, after.to_string())
            .output()
            .expect("it starts");
        kills += u32::from(!ran.status.success());
        let m = Mission::open(home.path(), quiet).expect("a sound store");
        let held = day_sum(&m).held();
        assert!(held <= CAP, "{held} after commit {after}");
        assert_eq!(fsck(&m).expect("fsck runs"), []);
    }
    assert!(kills >= 3, "only {kills} were killed in the middle");
    let m = Mission::open(home.path(), quiet).expect("a sound store");
    let live = m.live_runs().expect("runs");
    let gone: Vec<_> = live.iter().flat_map(|run| lost(&run.id)).collect();
    m.recover(gone, "killed", 900).expect("recovers");
    let day = day_sum(&m);
    assert_eq!(day.reserved, 0, "nothing is held for the dead: {day:?}");
    assert_eq!(day.held() / WORST, CAP / WORST, "as much as fits: {day:?}");
}

#[test]
fn a_review_has_caps_of_its_own_until_a_person_sets_others() {
    let world = world();
    let mut review = NewTask::new(TaskKind::Review, "review");
    review.project = Some(world.project);
    let review = world.add(review);
    world.add(world.build("t"));
    let claims = [world.claim().expect("a claim"), world.claim().expect("two")];
    let [verifier, builder] = match claims[0].task.id == review {
        true => [&claims[0].fence, &claims[1].fence],
        false => [&claims[1].fence, &claims[0].fence],
    };
    let (m, caps) = (&world.mission, Caps::default());
    assert_eq!(refusal(m, verifier, 0, 250_001, &caps), Some(Rule::Call));
    assert_eq!(refusal(m, builder, 0, 250_001, &caps), None);
    for number in 0..4 {
        assert_eq!(refusal(m, verifier, number, 250_000, &caps), None);
    }
    assert_eq!(refusal(m, verifier, 4, 250_000, &caps), Some(Rule::Task));
    m.set_cap(Scope::Task(review), 2_000_000, "mira", 120)
        .expect("sets");
    assert_eq!(refusal(m, verifier, 4, 250_000, &caps), None);
    world.sound();
}
