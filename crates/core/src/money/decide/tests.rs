use alai_testkit::fuzz;

use super::*;

fn ask(cost: Cost) -> Ask {
    Ask {
        model: "m".into(),
        cost,
        task: TaskId(7),
        lineage: TaskId(5),
        goal: Some(TaskId(1)),
        day: Day(20_000),
        verifies: false,
    }
}

fn books(caps: Caps, spent: u64) -> Books {
    let sum = Sum {
        spent,
        ..Sum::default()
    };
    Books {
        caps,
        task: sum,
        lineage: sum,
        goal: sum,
        day: sum,
    }
}

const CAPS: Caps = Caps {
    call: Some(100),
    task: Some(200),
    lineage: Some(300),
    goal: Some(400),
    verifier_call: None,
    verifier_task: None,
    day_warn: None,
    day_block: Some(500),
    day_kill: None,
};

fn rule(books: &Books, cost: Cost) -> Option<Rule> {
    may_spend(books, &ask(cost))
        .err()
        .map(|refused| refused.rule)
}

#[test]
fn each_cap_refuses_what_could_pass_it_and_nothing_less() {
    let worst = Cost::AtMost(50);
    assert_eq!(rule(&books(CAPS, 0), Cost::AtMost(100)), None);
    assert_eq!(rule(&books(CAPS, 0), Cost::AtMost(101)), Some(Rule::Call));
    for (wide, rule_of, cap) in [
        (CAPS, Rule::Task, 200),
        (Caps { task: None, ..CAPS }, Rule::Lineage, 300),
        (
            Caps {
                task: None,
                lineage: None,
                ..CAPS
            },
            Rule::Goal,
            400,
        ),
        (
            Caps {
                day_block: Some(500),
                call: CAPS.call,
                ..Caps::NONE
            },
            Rule::Day,
            500,
        ),
    ] {
        assert_eq!(rule(&books(wide, cap - 50), worst), None, "{rule_of:?}");
        let over = books(wide, cap - 49);
        assert_eq!(rule(&over, worst), Some(rule_of));
        let refused = may_spend(&over, &ask(worst)).expect_err("refused");
        assert!(refused.text.contains(&dollars(cap)), "{}", refused.text);
        assert!(refused.fix.contains("`alai fleet cap "), "{}", refused.fix);
    }
    let none = books(Caps::NONE, u64::MAX);
    assert_eq!(
        rule(&none, Cost::AtMost(u64::MAX)),
        None,
        "no cap is no cap"
    );
    let full = books(CAPS, u64::MAX);
    assert_eq!(rule(&full, Cost::AtMost(1)), Some(Rule::Task));
}

#[test]
fn what_costs_nothing_is_never_refused_and_what_has_no_price_always() {
    let spent = books(CAPS, u64::MAX);
    assert_eq!(rule(&spent, Cost::Nothing), None);
    assert_eq!(rule(&spent, Cost::AtMost(0)), None);
    let free = books(Caps::NONE, 0);
    let refused = may_spend(&free, &ask(Cost::Unpriced)).expect_err("refused");
    assert_eq!(refused.rule, Rule::Price);
    assert!(
        refused.fix.contains("[money.prices.\"m\"]"),
        "{}",
        refused.fix
    );
}

#[test]
fn a_task_without_a_goal_has_no_goals_cap() {
    let caps = Caps {
        goal: Some(0),
        ..Caps::NONE
    };
    let alone = Ask {
        goal: None,
        ..ask(Cost::AtMost(5))
    };
    assert_eq!(
        may_spend(&books(caps, 9), &alone).map(|r| r.microusd),
        Ok(5)
    );
    assert_eq!(rule(&books(caps, 0), Cost::AtMost(5)), Some(Rule::Goal));
}

#[test]
fn what_is_reserved_and_what_is_unknown_count_as_spent() {
    let caps = Caps {
        task: Some(100),
        ..Caps::NONE
    };
    for held in [
        Sum {
            reserved: 60,
            ..Sum::default()
        },
        Sum {
            unknown: 60,
            ..Sum::default()
        },
    ] {
        let books = Books {
            task: held,
            ..books(caps, 0)
        };
        assert_eq!(rule(&books, Cost::AtMost(41)), Some(Rule::Task));
        assert_eq!(rule(&books, Cost::AtMost(40)), None);
    }
    let listed = Books {
        task: Sum {
            list_equivalent: 1_000,
            ..Sum::default()
        },
        ..books(caps, 0)
    };
    assert_eq!(rule(&listed, Cost::AtMost(100)), None);
}

#[test]
fn only_a_day_ends_by_itself() {
    let caps = Caps {
        day_kill: Some(1),
        ..Caps::NONE
    };
    let refused = may_spend(&books(caps, 0), &ask(Cost::AtMost(2))).expect_err("refused");
    assert_eq!(
        (refused.rule, refused.until_ms),
        (Rule::Day, Some(Day(20_000).end_ms())),
        "a mark that ends runs is a cap too"
    );
    let call = may_spend(&books(CAPS, 0), &ask(Cost::AtMost(999))).expect_err("refused");
    assert_eq!(call.until_ms, None);
}

/// Whatever is asked for in whatever order: as long as each call is settled within what was reserved for it, no cap is passed.
#[test]
fn no_history_of_honest_calls_passes_a_cap() {
    for seed in 0..400 {
        let mut dice = fuzz::Dice::new(seed);
        let caps = Caps {
            call: Some(dice.below(80) as u64),
            task: Some(dice.below(300) as u64),
            lineage: None,
            goal: None,
            day_warn: None,
            day_block: Some(dice.below(300) as u64),
            day_kill: None,
            verifier_call: None,
            verifier_task: None,
        };
        let mut sum = Sum::default();
        let mut open: Vec<u64> = Vec::new();
        for _ in 0..200 {
            if dice.below(2) == 0 || open.is_empty() {
                let books = Books {
                    day: sum,
                    task: sum,
                    ..books(caps, 0)
                };
                let worst = 1 + dice.below(90) as u64;
                if let Ok(held) = may_spend(&books, &ask(Cost::AtMost(worst))) {
                    assert_eq!(held.microusd, worst);
                    sum.reserved += worst;
                    open.push(worst);
                }
            } else {
                let held = open.swap_remove(dice.below(open.len()));
                sum.reserved -= held;
                match dice.below(3) {
                    0 => {}
                    1 => sum.unknown += held,
                    _ => sum.spent += dice.below(1 + usize::try_from(held).expect("small")) as u64,
                }
            }
            let most = caps.task.unwrap_or(0).min(caps.day().unwrap_or(0));
            assert!(sum.held() <= most, "seed {seed}: {sum:?} {caps:?}");
        }
    }
}
