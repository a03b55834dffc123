use super::*;
use crate::company::{Keyword, tests::shipped_packs};

fn shipped() -> Registry {
    Registry::load(&shipped_packs(), &[]).expect("the shipped packs are whole")
}

/// A company of one stage that listens for a few words.
struct Pack<'a> {
    name: &'a str,
    stage: Stage,
    words: &'a [(&'a str, u32)],
    negative: &'a [(&'a str, u32)],
    domains: &'a [Domain],
    default: bool,
}

const BUILDER: Pack<'_> = Pack {
    name: "Builder",
    stage: Stage::Build,
    words: &[],
    negative: &[],
    domains: &[],
    default: false,
};

fn keywords(words: &[(&str, u32)]) -> Vec<Keyword> {
    words
        .iter()
        .map(|(word, weight)| Keyword {
            word: (*word).to_owned(),
            weight: *weight,
        })
        .collect()
}

fn registry(packs: &[Pack<'_>]) -> Registry {
    let base = shipped().find("CodeCraft").expect("it is shipped").clone();
    let company = |pack: &Pack<'_>| Company {
        name: pack.name.to_owned(),
        aliases: Vec::new(),
        default: pack.default.then_some(pack.stage).into_iter().collect(),
        stages: [(pack.stage, pack.stage.role())].into(),
        keywords: keywords(pack.words),
        negative: keywords(pack.negative),
        domains: pack.domains.to_vec(),
        ..base.clone()
    };
    Registry::new(packs.iter().map(company).collect()).expect("the names are free")
}

/// A generalist and one who listens for these words.
fn with(words: &[(&str, u32)]) -> Registry {
    registry(&[
        Pack {
            name: "General",
            default: true,
            domains: &[Domain::Code],
            ..BUILDER
        },
        Pack {
            name: "Vizu",
            words,
            domains: &[Domain::Frontend],
            ..BUILDER
        },
    ])
}

const ASK: Ask<'_> = Ask {
    title: "",
    description: "",
    tags: &[],
    kind: TaskKind::Build,
    pinned: None,
    class: None,
};

fn to(title: &str, registry: &Registry) -> Route {
    route(Ask { title, ..ASK }, registry).expect("a company")
}

fn listed(reasons: &[&str]) -> Vec<String> {
    reasons.iter().map(|reason| (*reason).to_owned()).collect()
}

fn shown(route: &Route) -> Vec<String> {
    route.reasons.iter().map(Reason::to_string).collect()
}

#[test]
fn the_kind_decides_the_stage() {
    let registry = shipped();
    for (kind, want) in [
        (TaskKind::Review, "Proveo"),
        (TaskKind::Security, "Securion"),
        (TaskKind::Docs, "Lexicon"),
    ] {
        // The words speak for others on purpose.
        let title = "Ktor endpoint with a database table";
        let got = route(Ask { title, kind, ..ASK }, &registry).expect("a company");
        assert_eq!(got.company, want, "{kind}");
        assert_eq!(got.stage, Stage::of(kind));
    }
    for kind in [
        TaskKind::Build,
        TaskKind::Goal,
        TaskKind::Spec,
        TaskKind::Postflight,
    ] {
        let title = "Ktor endpoint with a database table";
        let got = route(Ask { title, kind, ..ASK }, &registry).expect("a company");
        assert_eq!(
            (got.company.as_str(), got.stage),
            ("CodeCraft", Stage::Build),
            "{kind}"
        );
    }
}

#[test]
fn a_keyword_counts_once_at_its_strongest_place() {
    let registry = with(&[("landing page", 5), ("react", 3)]);
    let tags = ["React".to_owned()];
    let ask = |title, description, tags| Ask {
        title,
        description,
        tags,
        ..ASK
    };
    for (asked, score, reasons) in [
        (
            ask("Landing page, API later", "react", &[][..]),
            26,
            vec!["landing page (title, +20)", "react (description, +6)"],
        ),
        (
            ask("Text for the landing page", "A landing page", &[]),
            15,
            vec!["landing page (what the title is about, +15)"],
        ),
        (
            ask("React with react", "react", &tags),
            18,
            vec!["react (tag, +18)"],
        ),
        (ask("A page that lands", "", &[]), 0, vec![]),
    ] {
        let ranking = ranking(asked, &registry);
        let vizu = ranking
            .iter()
            .find(|one| one.company == "Vizu")
            .expect("it is there");
        let shown: Vec<String> = vizu.reasons.iter().map(Reason::to_string).collect();
        assert_eq!(
            (vizu.score, shown),
            (score, reasons.iter().map(|r| (*r).to_owned()).collect())
        );
    }
}

#[test]
fn words_are_whole_in_any_script_and_case_and_inflected() {
    let registry = with(&[
        ("ui", 5),
        ("ci/cd", 5),
        ("størrelse", 5),
        ("дизайн", 5),
        ("izvještaj", 5),
        ("privacy policy", 5),
        ("数据", 5),
    ]);
    for (title, want) in [
        ("Build the quick guide", "General"),
        ("Fruit basket", "General"),
        ("New UI.", "Vizu"),
        ("ci cd", "Vizu"),
        ("CI/CD", "Vizu"),
        ("cd ci", "General"),
        ("STØRRELSE på knapp", "Vizu"),
        ("Storrelsen", "Vizu"),
        ("Novih izvjestaja nema", "Vizu"),
        ("Two privacy policies", "Vizu"),
        ("privacy of a policy", "General"),
        ("Новый ДИЗАЙН", "Vizu"),
        ("新的数据表", "Vizu"),
        ("新的据表", "General"),
    ] {
        assert_eq!(to(title, &registry).company, want, "{title}");
    }
}

/// `Add initials`, "…, with a test", is no task for those who write nothing but tests.
#[test]
fn a_description_adds_what_the_title_says_and_alone_nothing() {
    let registry = with(&[("test", 5), ("coverage", 9), ("assertion", 9)]);
    let description = "With a test, its coverage and an assertion.";
    for (title, company, reasons) in [
        ("Add initials", "General", &[][..]),
        (
            "A test",
            "Vizu",
            &[
                "test (title, +20)",
                "assertion (description, +18)",
                "coverage (description, +2)",
            ],
        ),
    ] {
        let ask = Ask {
            title,
            description,
            ..ASK
        };
        let got = route(ask, &registry).expect("a company");
        assert_eq!(
            (got.company.as_str(), shown(&got)),
            (company, listed(reasons))
        );
    }
}

#[test]
fn a_word_that_is_a_form_of_two_is_said_once() {
    let registry = with(&[("analytic", 7), ("analytics", 8)]);
    assert_eq!(
        shown(&to("Analytics", &registry)),
        ["analytics (title, +32)"]
    );
    assert_eq!(
        shown(&to("An analytic view", &registry)),
        ["analytic (title, +28)"]
    );
}

#[test]
fn what_is_taken_off_is_taken_off_where_it_stands() {
    let registry = registry(&[
        Pack {
            name: "General",
            default: true,
            ..BUILDER
        },
        Pack {
            name: "Guard",
            words: &[("security", 4), ("audit", 4)],
            negative: &[("security deposit", 6), ("bank", 1)],
            ..BUILDER
        },
    ]);
    for (title, company, reasons) in [
        (
            "Security of the app",
            "Guard",
            vec!["security (title, +16)"],
        ),
        ("Security deposits", "General", vec![]),
        (
            "Security audit for the security deposit",
            "Guard",
            vec![
                "audit (title, +16)",
                "security (title, +16)",
                "security deposit (what the title is about, -18)",
            ],
        ),
        (
            "Bank audit",
            "Guard",
            vec!["audit (title, +16)", "bank (title, -4)"],
        ),
    ] {
        let got = to(title, &registry);
        assert_eq!(
            (got.company.as_str(), shown(&got)),
            (company, reasons.iter().map(|r| (*r).to_owned()).collect()),
            "{title}"
        );
    }
}

#[test]
fn the_words_of_a_longer_phrase_do_not_count_by_themselves() {
    let registry = registry(&[
        Pack {
            name: "General",
            default: true,
            ..BUILDER
        },
        Pack {
            name: "Guard",
            words: &[("security", 9)],
            ..BUILDER
        },
        Pack {
            name: "Money",
            words: &[("security deposit", 3)],
            ..BUILDER
        },
        Pack {
            name: "Warden",
            stage: Stage::Review,
            words: &[("security guard", 3)],
            ..BUILDER
        },
    ]);
    for (title, want) in [
        ("Security deposits", "Money"),
        ("Deposits and security", "Guard"),
        ("Security deposit and its security", "Guard"),
        // Who does not take part speaks for nothing.
        ("Security guard", "Guard"),
    ] {
        assert_eq!(to(title, &registry).company, want, "{title}");
    }
}

#[test]
fn a_products_name_speaks_for_nobody() {
    let registry = with(&[("invoice", 9), ("frontend", 4)]);
    let tags = ["invoice".to_owned()];
    let title = "Invoice: Make it quicker";
    let got = route(
        Ask {
            title,
            tags: &tags,
            ..ASK
        },
        &registry,
    )
    .expect("a company");
    assert_eq!((got.company.as_str(), got.score), ("General", 0));
    assert_eq!(
        to("[INVOICE-BUILD] Make it quicker", &registry).company,
        "General"
    );
    // The factory's own words are a label, and no name.
    assert_eq!(to("Frontend: Make it quicker", &registry).company, "Vizu");
}

#[test]
fn doubt_is_settled_by_the_class_and_then_by_the_default() {
    let registry = registry(&[
        Pack {
            name: "Data",
            words: &[("export", 4), ("number", 1)],
            domains: &[Domain::Data],
            ..BUILDER
        },
        Pack {
            name: "General",
            default: true,
            domains: &[Domain::Code],
            ..BUILDER
        },
        Pack {
            name: "Money",
            words: &[("ledger", 4)],
            domains: &[Domain::Legal],
            ..BUILDER
        },
    ]);
    let class = |source, domain, confidence| Class {
        source,
        domain,
        confidence,
        ..classify("x", "")
    };
    let data = class(Source::Model, Domain::Data, 80);
    let unsure = class(Source::Model, Domain::Data, CLASS_SURE_MIN - 1);
    let legal = class(Source::Model, Domain::Legal, 80);
    let words = class(Source::Keyword, Domain::Legal, 80);
    let docs = class(Source::Model, Domain::Docs, 80);
    let railed = classify("Log in with BankID", "");
    let close = "Ledger export about the number";
    for (title, class, want) in [
        ("Ledger", &data, "Money Keywords None"),
        ("The number", &data, "Data Class Some(Weak)"),
        ("The number", &unsure, "General Default Some(Weak)"),
        ("The number", &docs, "General Default Some(Weak)"),
        ("Something else", &data, "Data Class Some(Silent)"),
        ("Something else", &words, "General Default Some(Silent)"),
        ("Something else", &unsure, "General Default Some(Silent)"),
        ("Something else", &railed, "General Default Some(Silent)"),
        ("Ledger export", &data, "Data Class Some(Tied)"),
        ("Ledger export", &words, "General Default Some(Tied)"),
        ("Ledger export", &docs, "General Default Some(Tied)"),
        (close, &legal, "Money Class Some(Close)"),
        // Words once more are no better evidence than the words.
        (close, &words, "Data Keywords Some(Close)"),
        (close, &docs, "Data Keywords Some(Close)"),
        ("Ledger export number", &legal, "Data Keywords None"),
    ] {
        let class = Some(class);
        let ask = Ask {
            title,
            class,
            ..ASK
        };
        let got = route(ask, &registry).expect("a company");
        let shown = format!("{} {:?} {:?}", got.company, got.decided, got.doubt);
        assert_eq!(shown, want, "{title}");
        assert_eq!(
            got.heard.is_some(),
            got.decided == Decided::Class,
            "{title}"
        );
    }
}

#[test]
fn a_class_that_several_serve_decides_for_the_default_or_nobody() {
    let serving = |name, default| Pack {
        name,
        default,
        domains: &[Domain::Code],
        ..BUILDER
    };
    let class = Class {
        source: Source::Model,
        ..classify("Fix the api", "")
    };
    let ask = Ask {
        title: "Fix the api",
        class: Some(&class),
        ..ASK
    };
    let two = registry(&[serving("Aaa", false), serving("General", true)]);
    let got = route(ask, &two).expect("a company");
    assert_eq!(
        (got.company.as_str(), got.decided),
        ("General", Decided::Class)
    );
    let none = registry(&[serving("Aaa", false), serving("Bbb", false)]);
    let error = route(ask, &none).expect_err("nobody");
    assert!(error.to_string().contains("Aaa, Bbb"), "{error}");
}

#[test]
fn a_route_says_why() {
    let registry = with(&[("landing page", 5), ("button", 1)]);
    assert_eq!(
        to("Landing page", &registry).said(),
        [
            "Vizu: its words say so, with 12 points or more and 4 ahead",
            "20 points: landing page (title, +20)",
            "else General: 0 points",
        ]
    );
    let class = Class {
        source: Source::Model,
        ..classify("Fix the button in React", "")
    };
    let ask = Ask {
        title: "Fix the button in React",
        class: Some(&class),
        ..ASK
    };
    let got = route(ask, &registry).expect("a company");
    assert_eq!(
        got.said(),
        [
            "Vizu: the task's domain is frontend (by model, 60% sure): nobody has 12 points",
            "4 points: button (title, +4)",
            "else General: 0 points",
        ]
    );
    assert_eq!(
        to("Xyz", &registry).said(),
        [
            "General: the default of stage build: no word speaks for anybody",
            "else Vizu: 0 points",
        ]
    );
    let text = serde_json::to_string(&got).expect("JSON");
    assert_eq!(serde_json::from_str::<Route>(&text).expect("a route"), got);
}

#[test]
fn a_pin_wins_and_a_false_pin_is_an_error() {
    let registry = shipped();
    let ask = |name| Ask {
        title: "Add an API",
        kind: TaskKind::Docs,
        pinned: Some(name),
        ..ASK
    };
    let got = route(ask("codecraft"), &registry).expect("a company");
    assert_eq!(
        (got.company.as_str(), got.decided),
        ("CodeCraft", Decided::Pin)
    );
    assert_eq!(
        got.runner_up.map(|up| up.company).as_deref(),
        Some("Lexicon")
    );
    let error = route(ask("CodeCarft"), &registry).expect_err("nobody");
    assert!(
        error.to_string().contains("did you mean `CodeCraft`?"),
        "{error}"
    );
}

#[test]
fn a_stage_without_a_company_is_an_error_except_ops() {
    let general = Pack {
        name: "General",
        default: true,
        ..BUILDER
    };
    let build_only = registry(&[general]);
    let ask = |kind| Ask {
        title: "Deploy setup",
        kind,
        ..ASK
    };
    let error = route(ask(TaskKind::Review), &build_only).expect_err("nobody reviews");
    assert!(
        error.to_string().contains("no company of stage review"),
        "{error}"
    );
    let ops = route(ask(TaskKind::Ops), &build_only).expect("the builder stands in");
    assert_eq!(
        (ops.company.as_str(), ops.decided),
        ("General", Decided::StandIn)
    );
    let flow = Pack {
        name: "FlowForge",
        stage: Stage::Ops,
        ..BUILDER
    };
    let ops = route(ask(TaskKind::Ops), &registry(&[flow])).expect("FlowForge");
    assert_eq!(
        (ops.company.as_str(), ops.decided),
        ("FlowForge", Decided::OnlyOne)
    );

    let nobody = |name, words| Pack {
        name,
        words,
        ..BUILDER
    };
    let none = registry(&[nobody("Aaa", &[("zzz", 1)]), nobody("Bbb", &[])]);
    let error = route(
        Ask {
            title: "Xyz",
            ..ASK
        },
        &none,
    )
    .expect_err("no default");
    assert!(error.to_string().contains("Aaa, Bbb"), "{error}");
    let weak = to("Zzz", &none);
    assert_eq!(
        (weak.company.as_str(), weak.doubt),
        ("Aaa", Some(Doubt::Weak))
    );
}
