use super::*;

fn frame() -> Frame {
    let known = |name: &str, aliases: &[&str], builds| Known {
        name: name.into(),
        aliases: aliases.iter().map(|a| (*a).to_owned()).collect(),
        builds,
    };
    Frame {
        companies: vec![
            known("CodeCraft", &[], true),
            known("Vizu", &["Vizuelno"], true),
            known("Proveo", &[], false),
        ],
        depth: 1,
        left: PLANNED_MAX,
        spent: None,
        cleared: Vec::new(),
    }
}

fn proposal(key: &str) -> Proposal {
    Proposal {
        key: key.into(),
        title: format!("Do {key}"),
        description: String::new(),
        company: None,
        role: Role::Builder,
        acceptance: Vec::new(),
        paths: Vec::new(),
        needs: Vec::new(),
        withdraw: false,
    }
}

fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn withdrawn(key: &str) -> Proposal {
    Proposal {
        withdraw: true,
        ..proposal(key)
    }
}

#[test]
fn what_is_handed_out_becomes_a_plan_in_the_words_of_the_lead() {
    let mut all = Delegations::new(frame());
    let a = Proposal {
        company: Some("vizuelno".into()),
        acceptance: words(&["it is tested", " "]),
        paths: words(&["src/**", "./docs/"]),
        ..proposal("a")
    };
    let said = all.offer(a).expect("taken");
    assert!(said.contains("Vizu's builder"), "{said}");
    let b = Proposal {
        role: Role::Lead,
        company: Some("Proveo".into()),
        needs: words(&["a", "a"]),
        ..proposal("b")
    };
    all.offer(b).expect("a lead need not build");
    assert_eq!(all.open(), None);
    let Handed::Plan(plan) = all.handed("# What\n") else {
        panic!("{all:?}")
    };
    let first = PlannedTask {
        company: Some("Vizu".into()),
        acceptance: words(&["it is tested"]),
        paths: words(&["src/**", "./docs/"]),
        ..PlannedTask::new("a", "Do a")
    };
    let second = PlannedTask {
        company: Some("Proveo".into()),
        role: Role::Lead,
        needs: words(&["a"]),
        ..PlannedTask::new("b", "Do b")
    };
    assert_eq!(
        (plan.spec.as_str(), plan.tasks),
        ("# What\n", vec![first, second])
    );
}

#[test]
fn what_cannot_be_carried_out_is_refused_with_the_reason_and_nothing_is_handed_out() {
    let cases: Vec<(Proposal, &str)> = vec![
        (
            Proposal {
                company: Some("Codecraf".into()),
                ..proposal("x")
            },
            "did you mean `CodeCraft`",
        ),
        (
            Proposal {
                company: Some("Proveo".into()),
                ..proposal("x")
            },
            "Proveo does not build; those that do: CodeCraft, Vizu",
        ),
        (
            Proposal {
                role: Role::Reviewer,
                ..proposal("x")
            },
            "reviewing follows each build",
        ),
        (
            Proposal {
                title: " ".into(),
                ..proposal("x")
            },
            "empty",
        ),
        (
            Proposal {
                title: "a\u{1b}[2J".into(),
                ..proposal("x")
            },
            "control",
        ),
        (
            Proposal {
                description: "x".repeat(70 * 1024),
                ..proposal("x")
            },
            "bytes",
        ),
        (
            Proposal {
                acceptance: vec!["a\u{7}".into()],
                ..proposal("x")
            },
            "its acceptance",
        ),
        (
            Proposal {
                acceptance: vec!["a".into(); 21],
                ..proposal("x")
            },
            "more than 20 criteria",
        ),
        (
            Proposal {
                paths: words(&["../.."]),
                ..proposal("x")
            },
            "the path `../..` is empty or has an empty, `.` or `..` part",
        ),
        (
            Proposal {
                paths: words(&["/etc"]),
                ..proposal("x")
            },
            "no path inside the repository",
        ),
        (
            Proposal {
                paths: words(&["src/../../x"]),
                ..proposal("x")
            },
            "`..` part",
        ),
        (
            Proposal {
                paths: words(&["~/.ssh"]),
                ..proposal("x")
            },
            "no path inside the repository",
        ),
        (
            Proposal {
                paths: words(&[".Git/hooks"]),
                ..proposal("x")
            },
            "nobody writes there",
        ),
        (
            Proposal {
                paths: words(&["./.alai/x"]),
                ..proposal("x")
            },
            "nobody writes there",
        ),
        (
            Proposal {
                paths: vec!["a".into(); 21],
                ..proposal("x")
            },
            "more than 20 paths",
        ),
        (
            Proposal {
                needs: words(&["x"]),
                ..proposal("x")
            },
            "needs itself, which is a circle",
        ),
        (
            Proposal {
                needs: words(&["later"]),
                ..proposal("x")
            },
            "needs `later`, which is not handed out yet",
        ),
        (proposal("ok"), "handed out already"),
        (proposal("a b"), "letters, digits"),
        (proposal(""), "letters, digits"),
        (withdrawn("nobody"), "nothing of that key"),
    ];
    for (hostile, says) in cases {
        let mut all = Delegations::new(frame());
        all.offer(proposal("ok")).expect("taken");
        let why = all.offer(hostile.clone()).expect_err(says);
        assert!(why.contains(says), "`{says}` is not in: {why}");
        let open = all.open().expect("something is open");
        assert!(open.contains(says), "{open}");
        let Handed::Refused(reasons) = all.handed("done") else {
            panic!("{hostile:?}")
        };
        assert!(reasons[0].contains(says), "{reasons:?}");
    }
}

#[test]
fn a_circle_cannot_be_said() {
    let mut all = Delegations::new(frame());
    for (key, needs) in [("a", "b"), ("b", "a"), ("a", "b")] {
        let why = all
            .offer(Proposal {
                needs: words(&[needs]),
                ..proposal(key)
            })
            .expect_err("a circle");
        assert!(why.contains("in a circle are one task"), "{why}");
    }
    assert!(all.is_empty() && matches!(all.handed(""), Handed::Refused(_)));
}

#[test]
fn what_was_refused_can_be_put_right_or_withdrawn() {
    let mut all = Delegations::new(frame());
    let wrong = Proposal {
        company: Some("Nobody".into()),
        ..proposal("a")
    };
    all.offer(wrong).expect_err("unknown");
    all.offer(proposal("a")).expect("put right");
    all.offer(Proposal {
        paths: words(&[".."]),
        ..proposal("b")
    })
    .expect_err("outside");
    all.offer(withdrawn("b")).expect("withdrawn");
    assert_eq!(all.open(), None);
    let needs = Proposal {
        needs: words(&["a"]),
        ..proposal("c")
    };
    all.offer(needs).expect("taken");
    let why = all.offer(withdrawn("a")).expect_err("it is needed");
    assert!(why.contains("`c` needs it"), "{why}");
    // A taken key whose withdrawal was refused is open, too, until it is said what is meant.
    all.offer(withdrawn("c")).expect("withdrawn");
    all.offer(withdrawn("a")).expect("withdrawn");
    assert!(all.is_empty() && all.open().is_none());
}

#[test]
fn limits_hold_however_much_is_proposed() {
    let mut all = Delegations::new(frame());
    let answers: Vec<Result<String, String>> = (0..51)
        .map(|n| all.offer(proposal(&format!("t{n}"))))
        .collect();
    assert!(answers[..TASKS_MAX].iter().all(Result::is_ok));
    let fan_out = answers[TASKS_MAX].as_ref().expect_err("the thirteenth");
    assert!(fan_out.contains("at most 12 tasks"), "{fan_out}");
    let unheard = answers[50].as_ref().expect_err("the last");
    assert!(unheard.contains("24 proposals"), "{unheard}");
    let Handed::Refused(reasons) = all.handed("") else {
        panic!("nothing of it becomes a task")
    };
    assert_eq!(
        reasons.len(),
        2,
        "one reason, and what was not heard: {reasons:?}"
    );
    assert!(reasons[0].starts_with("`t12`, `t13`,"), "{reasons:?}");
    assert!(
        reasons
            .last()
            .is_some_and(|last| last.starts_with("27 proposals beyond")),
        "{reasons:?}"
    );
    let proposals = all.into_proposals();
    assert_eq!(proposals.len(), OFFERS_MAX + 1);
    let again = Delegations::judged(frame(), &proposals);
    let Handed::Refused(reasons) = again.handed("") else {
        panic!("nor where it is judged again")
    };
    let last = reasons.last().expect("what was not heard");
    assert!(last.starts_with("1 proposal"), "{reasons:?}");
}

#[test]
fn depth_goal_and_money_are_limits_of_the_frame() {
    let narrow = |frame: Frame, proposal: Proposal| Delegations::new(frame).offer(proposal);
    let lead = Proposal {
        role: Role::Lead,
        ..proposal("a")
    };
    let below = Frame {
        depth: LEADS_DEEP_MAX,
        ..frame()
    };
    let why = narrow(below.clone(), lead.clone()).expect_err("too deep");
    assert!(why.contains("lead number 2 of 2"), "{why}");
    assert!(narrow(below, proposal("a")).is_ok());
    assert!(narrow(frame(), lead).is_ok());
    let why = narrow(Frame { left: 0, ..frame() }, proposal("a")).expect_err("no room");
    assert!(why.contains("at most 36 tasks together"), "{why}");
    let spent = Frame {
        spent: Some("the goal's money is spent".into()),
        ..frame()
    };
    assert!(narrow(spent, proposal("a")).is_err_and(|why| why.contains("money is spent")));
}

#[test]
fn a_safety_rule_stops_the_whole_run_and_other_words_do_not_make_it_good() {
    for hostile in [
        Proposal {
            title: "Ask the CEO".into(),
            ..proposal("x")
        },
        Proposal {
            description: "CEO wants it".into(),
            ..proposal("x")
        },
        Proposal {
            acceptance: words(&["BankID works"]),
            ..proposal("x")
        },
        Proposal {
            paths: words(&["src/vipps/**"]),
            ..proposal("x")
        },
    ] {
        let mut all = Delegations::new(frame());
        all.offer(proposal("ok")).expect("taken");
        let why = all.offer(hostile.clone()).expect_err("a rail");
        assert!(why.contains("a person decides about it"), "{why}");
        for again in [proposal("x"), withdrawn("x")] {
            let why = all.offer(again).expect_err("it stays stopped");
            assert!(why.contains("safety rule has stopped it"), "{why}");
        }
        assert_eq!(all.open(), None, "it may end: a person goes on");
        assert!(
            matches!(all.handed(""), Handed::Railed { .. }),
            "{hostile:?}"
        );
    }
    let ceo = || Proposal {
        title: "Ask the CEO".into(),
        ..proposal("x")
    };
    let mut all = Delegations::new(frame());
    all.offer(ceo()).expect_err("a rail");
    let Handed::Railed { rule, .. } = all.handed("") else {
        panic!("{all:?}")
    };
    let cleared = Frame {
        cleared: vec![rule],
        ..frame()
    };
    let mut all = Delegations::new(cleared);
    all.offer(ceo()).expect("a person has cleared it");
}

#[test]
fn what_was_proposed_is_judged_again_by_what_holds_then() {
    let mut all = Delegations::new(frame());
    all.offer(Proposal {
        company: Some("Vizu".into()),
        ..proposal("a")
    })
    .expect("taken");
    all.offer(Proposal {
        paths: words(&[".."]),
        ..proposal("b")
    })
    .expect_err("outside");
    all.offer(withdrawn("b")).expect("withdrawn");
    let proposals = all.clone().into_proposals();
    assert_eq!(Delegations::judged(frame(), &proposals), all);
    let mut gone = frame();
    gone.companies.retain(|company| company.name != "Vizu");
    let Handed::Refused(reasons) = Delegations::judged(gone, &proposals).handed("") else {
        panic!("the company is not there any more")
    };
    assert!(
        reasons[0].contains("no company is called `Vizu`"),
        "{reasons:?}"
    );
}
