//! What a search may do and what it may not, in single decisions.

use super::super::{
    Choice, Coming, Decision, Effect, Fleet, Host, HostId, Intent, Job, JobId, Model, ModelId,
    Place, Rules, State, decide, decide_on,
};

use super::super::attempt::Attempt;
use super::super::outlook::Outlook;
use super::super::plan::View;
use super::course::Course;
use super::problem::Problem;
use super::turns;

const FORGE: HostId = HostId(0);
const SMALL: ModelId = ModelId(0);
const LARGE: ModelId = ModelId(1);

fn ruled() -> Rules {
    Rules {
        search_steps_max: 0,
        ..Rules::default()
    }
}

/// Hosts that hold one of two models at a time, which take so long to load.
fn fleet(hosts: usize, load_ms: i64) -> Fleet {
    let place = Some(Place {
        slots: 2,
        load_ms,
        pinned: false,
    });
    let model = |name: &str| Model {
        name: name.to_owned(),
        bytes: 40,
        keep_alive_ms: 0,
    };
    let host = |number| Host {
        name: format!("h{number}"),
        slots: 2,
        memory: 50,
        local: true,
    };
    Fleet {
        hosts: (0..hosts).map(host).collect(),
        models: vec![model("small"), model("large")],
        places: vec![vec![place; 2]; hosts],
        slots: None,
    }
}

fn job(id: u64, model: ModelId, hosts: usize, path_ms: i64, expected_ms: i64) -> Job {
    let choice = |host| Choice {
        host: HostId(host),
        model,
        expected_ms,
    };
    Job {
        id: JobId(id),
        rank_ms: path_ms,
        path_ms,
        arrived_ms: 0,
        local_only: false,
        sticky: None,
        choices: (0..hosts).map(choice).collect(),
    }
}

fn effects(decisions: &[Decision]) -> Vec<Effect> {
    decisions.iter().map(|decision| decision.effect).collect()
}

/// The large model was fetched for the earlier of two equal tasks. To do the other's short call first, and then all the rest on the large model, would end
/// all of it much sooner.
fn fetched(rules: Rules) -> State {
    let mut state = State::new(fleet(1, 30), rules);
    state.loaded(FORGE, LARGE, 0);
    state.add(job(2, LARGE, 1, 1_500_000, 900_000));
    state.add(job(3, SMALL, 1, 1_500_000, 29));
    for (id, needs) in [(102, 2), (202, 102), (103, 3), (203, 103)] {
        let path_ms = if id < 200 { 600_000 } else { 300_000 };
        state.expect(Coming {
            job: job(id, LARGE, 1, path_ms, 300_000),
            needs: vec![JobId(needs)],
        });
    }
    state
}

#[test]
fn a_model_that_came_for_a_task_serves_it_before_it_goes_for_a_later_one() {
    let starts = Effect::Start {
        job: JobId(2),
        host: FORGE,
        model: LARGE,
    };
    // Also when its load is paid for long ago.
    for now_ms in [0, 10, 60_000] {
        let found = effects(&decide(&fetched(Rules::default()), now_ms));
        assert_eq!(found, [starts], "at {now_ms}");
    }
}

/// Ten calls on each of two hosts whose models the other would rather have: more than the rules of one load see.
fn crossed(rules: Rules) -> State {
    let mut state = State::new(fleet(2, 60_000), rules);
    state.loaded(FORGE, SMALL, 0);
    state.loaded(HostId(1), LARGE, 0);
    for id in 0..20 {
        let model = if id % 2 == 0 { SMALL } else { LARGE };
        let mut job = job(id, model, 2, 100_000, 100_000);
        let slow = usize::from(id % 2 == 0);
        job.choices[1 - slow].expected_ms = 260_000 + 10_000 * id as i64;
        state.add(job);
    }
    state
}

#[test]
fn the_same_state_is_decided_alike_and_what_was_meant_is_kept_for_the_next_time() {
    let decided = || {
        let mut intent = Intent::default();
        let decisions = decide_on(&crossed(Rules::default()), &mut intent, 7_000);
        (decisions, intent)
    };
    let (first, again) = (decided(), decided());
    assert_eq!(first, again);
    assert_ne!(first.1, Intent::default(), "it knows when it decided");
}

#[test]
fn without_steps_and_among_too_many_the_rules_decide_alone() {
    let many = |rules: Rules| {
        let mut state = crossed(rules);
        for id in 20..1_000 {
            state.add(job(id, SMALL, 2, 60_000, 60_000));
        }
        decide(&state, 7_000)
    };
    assert_eq!(many(Rules::default()), many(ruled()));
    let mut intent = Intent::default();
    decide_on(&crossed(ruled()), &mut intent, 7_000);
    assert_eq!(intent, Intent::ruled(7_000));
}

/// Every model is on every host, and a call takes as long on each: there is only whose turn it is.
#[test]
fn nothing_is_searched_where_nothing_can_be_gained() {
    let mut fleet = fleet(2, 60_000);
    fleet.hosts.iter_mut().for_each(|host| host.memory = 100);
    let mut state = State::new(fleet, Rules::default());
    for host in 0..2 {
        state.loaded(HostId(host), SMALL, 0);
        state.loaded(HostId(host), LARGE, 0);
    }
    for id in 0..20 {
        state.add(job(
            id,
            [SMALL, LARGE][usize::from(id % 2 == 0)],
            2,
            60_000,
            60_000,
        ));
    }
    let mut intent = Intent::default();
    let decisions = decide_on(&state, &mut intent, 7_000);
    assert_eq!(intent, Intent::ruled(7_000));
    let starts = decisions.iter().map(|decision| decision.effect);
    let jobs: Vec<u64> = starts
        .filter_map(|effect| match effect {
            Effect::Start { job, .. } => Some(job.0),
            Effect::Preload { .. }
            | Effect::Unload { .. }
            | Effect::Drain { .. }
            | Effect::Keep { .. } => None,
        })
        .collect();
    assert_eq!(jobs, [0, 1, 2, 3], "of equals the earlier first");
}

/// What began is never lost by the next decision of the same moment: it adds nothing that was not meant.
#[test]
fn a_decision_that_was_carried_out_is_not_taken_back_in_its_moment() {
    let mut state = crossed(Rules::default());
    let mut intent = Intent::default();
    let first = decide_on(&state, &mut intent, 7_000);
    for decision in &first {
        state.apply(decision.effect, 7_000).unwrap();
    }
    let second = effects(&decide_on(&state, &mut intent, 7_000));
    let keeps = |effect: &Effect| matches!(effect, Effect::Keep { .. });
    assert!(!second.iter().any(keeps), "{second:?}");
}

/// Ten calls of each model, all alike but for who is older, and one call that has its turn before them all.
fn alike() -> State {
    let mut state = State::new(fleet(2, 60_000), Rules::default());
    state.loaded(FORGE, SMALL, 0);
    state.loaded(HostId(1), LARGE, 0);
    for id in 0..20 {
        let model = if id % 2 == 0 { SMALL } else { LARGE };
        state.add(job(id, model, 1 + id as usize % 2, 100_000, 100_000));
    }
    let mut before_all = job(20, SMALL, 1, 40_000, 40_000);
    before_all.rank_ms += 1_000_000_000;
    state.add(before_all);
    state
}

/// What begins where one job was put behind all others of its model, once each start is given to whose turn it is.
fn begun_without(state: &State, last: u64) -> Vec<u64> {
    let view = View::of(state, 0);
    let attempt = Attempt::best(state, 0);
    let outlook = Outlook::of(&view, attempt.order());
    let problem = Problem::of(&outlook, &view);
    let mut schedule = problem.of_rules(&view, &attempt, 1.0).expect("it ends");
    let task = outlook.tasks.iter().position(|task| task.id == JobId(last));
    let task = task.expect("it waits");
    let (host, phase) = schedule.runs_in[task];
    let place = schedule.phases[host][phase];
    schedule.phases[host].push(place);
    schedule.runs_in[task] = (host, schedule.phases[host].len() - 1);
    let mut course = Course::of(&problem);
    let is_ready = turns::are_ready(&problem, state);
    assert!(turns::keep(&problem, &mut schedule, &mut course, &is_ready));
    let begun = course.starts().iter();
    let mut begun: Vec<u64> = begun.map(|(task, _)| outlook.tasks[*task].id.0).collect();
    begun.sort_unstable();
    begun
}

#[test]
fn whose_turn_it_is_and_the_older_of_two_alike_are_passed_over_by_nobody() {
    assert_eq!(begun_without(&alike(), 20), [0, 1, 3, 20]);
    assert_eq!(begun_without(&alike(), 0), [0, 1, 3, 20]);
}

#[test]
fn a_longer_path_of_the_same_turn_may_be_passed_over() {
    let mut state = alike();
    state.add(job(21, SMALL, 1, 300_000, 100_000));
    assert_eq!(begun_without(&state, 0), [1, 3, 20, 21]);
    assert_eq!(begun_without(&state, 21), [0, 1, 3, 20]);
}
