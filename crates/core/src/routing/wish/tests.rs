use super::*;
use crate::company::Registry;
use crate::company::tests::shipped_packs;
use crate::ids::{Epoch, TaskId};
use crate::routing::Domain;

fn named() -> ModelChoice {
    ModelChoice::Named {
        host: "forge".into(),
        model: "m".into(),
    }
}

/// Every combination of voices, and for each the first of them that speaks. Written as a table of ranks, not as the code.
#[test]
fn the_whole_precedence() {
    let rail = safety::Rule::Ceo;
    let (pin, company) = (ModelChoice::Tier(4), ModelChoice::Tier(3));
    let mut seen = 0;
    for (railed, pinned, overridden) in [
        (false, false, false),
        (false, false, true),
        (false, true, false),
        (false, true, true),
        (true, false, false),
        (true, false, true),
        (true, true, false),
        (true, true, true),
    ] {
        for agent in [
            ModelChoice::Tier(1),
            ModelChoice::Tier(2),
            named(),
            ModelChoice::Human,
        ] {
            for complexity in [None, Some(1), Some(2), Some(3), Some(5)] {
                let voices = Voices {
                    rail: railed.then_some(rail),
                    pin: pinned.then_some(&pin),
                    company: overridden.then_some(&company),
                    agent: &agent,
                    complexity,
                };
                let (want, by) = decide(&voices);
                let tier = |tier| Want::Model(ModelChoice::Tier(tier));
                let expected = match (railed, pinned, overridden, &agent, complexity) {
                    (true, ..) => (Want::Person(rail), By::Safety),
                    (_, true, ..) => (tier(4), By::TaskPin),
                    (_, _, true, ..) => (tier(3), By::CompanyOverride),
                    (_, _, _, ModelChoice::Named { .. } | ModelChoice::Human, _) => {
                        (Want::Model(agent.clone()), By::CompanyAgent)
                    }
                    (_, _, _, ModelChoice::Tier(1), Some(2)) => (tier(2), By::Class),
                    (_, _, _, _, Some(3)) => (tier(3), By::Class),
                    (_, _, _, _, Some(5)) => (tier(5), By::Class),
                    (_, _, _, ModelChoice::Tier(own), _) => (tier(*own), By::AgentTier),
                };
                assert_eq!((want, by), expected, "{voices:?}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 8 * 4 * 5);
}

fn task(kind: TaskKind, title: &str) -> Task {
    Task {
        id: TaskId(1),
        kind,
        goal: None,
        parent: None,
        lineage: None,
        title: title.into(),
        description: String::new(),
        priority: crate::task::Priority::Medium,
        owner: None,
        tags: vec![],
        project: None,
        acceptance: vec![],
        checks: vec![],
        changes_tests: vec![],
        paths: vec![],
        company_pin: None,
        model_pin: None,
        class: None,
        state: crate::task::State::Open,
        epoch: Epoch(0),
        counters: crate::task::Counters::default(),
        waiting: None,
        base: None,
        start_from: None,
        head: None,
        handed: None,
        integrated: None,
        solo: false,
        blueprint: None,
        inputs: std::collections::BTreeMap::new(),
        planning: None,
        sandbox: crate::cage::Sandbox::On,
        findings: vec![],
        cleared: vec![],
        created_ms: 0,
        updated_ms: 0,
        run_at_ms: 0,
    }
}

fn company(name: &str) -> Company {
    let registry = Registry::load(&shipped_packs(), &[]).expect("the shipped packs are whole");
    registry.find(name).expect("it is shipped").clone()
}

fn class(complexity: u8, work: WorkType) -> Class {
    Class {
        complexity,
        domain: Domain::Code,
        work,
        source: Source::Model,
        confidence: 90,
        rail: None,
        reasons: vec!["the model says so".into()],
    }
}

/// The overrides that the seeds name, each reached by a task of its type.
#[test]
fn what_a_task_is_leads_to_its_companys_override() {
    let mut own = company("CodeCraft");
    let wanted = [
        (Activity::Lint, 1),
        (Activity::CodeReview, 2),
        (Activity::Debug, 3),
        (Activity::Build, 4),
        (Activity::Architecture, 5),
        (Activity::DatabaseDesign, 1),
        (Activity::Plan, 2),
        (Activity::Docs, 3),
    ];
    own.overrides = wanted
        .map(|(on, tier)| (on, ModelChoice::Tier(tier)))
        .into();
    for (kind, work, activity) in [
        (TaskKind::Build, WorkType::Lint, Activity::Lint),
        (TaskKind::Build, WorkType::Bugfix, Activity::Debug),
        (TaskKind::Build, WorkType::Feature, Activity::Build),
        (
            TaskKind::Build,
            WorkType::Architecture,
            Activity::Architecture,
        ),
        (
            TaskKind::Build,
            WorkType::Database,
            Activity::DatabaseDesign,
        ),
        (TaskKind::Build, WorkType::Docs, Activity::Docs),
        (TaskKind::Review, WorkType::Lint, Activity::CodeReview),
        (TaskKind::Spec, WorkType::Architecture, Activity::Plan),
        (TaskKind::Docs, WorkType::Lint, Activity::Docs),
    ] {
        let mut of = task(kind, "t");
        of.class = Some(class(3, work));
        let wish = wish(&of, &own);
        let tier = own.overrides.get(&activity).expect("it is wanted");
        assert_eq!((wish.activity, wish.by), (activity, By::CompanyOverride));
        assert_eq!(wish.want.model(), Some(tier));
        assert!(wish.reasons[0].contains(activity.as_str()), "{wish:?}");
    }
}

#[test]
fn the_class_decides_only_for_those_who_change_code() {
    let mut own = company("CodeCraft");
    own.overrides.clear();
    for (kind, by) in [
        (TaskKind::Build, By::Class),
        (TaskKind::Ops, By::Class),
        (TaskKind::Docs, By::Class),
        (TaskKind::Spec, By::AgentTier),
        (TaskKind::Review, By::AgentTier),
        (TaskKind::Security, By::AgentTier),
        (TaskKind::Postflight, By::AgentTier),
    ] {
        let mut of = task(kind, "t");
        of.class = Some(class(4, WorkType::Feature));
        let wish = wish(&of, &own);
        assert_eq!(wish.by, by, "{kind}");
        let says = wish
            .reasons
            .iter()
            .any(|reason| reason == "the model says so");
        assert_eq!(says, by == By::Class, "{wish:?}");
    }
}

#[test]
fn a_pin_stands_for_the_build_and_below_the_rails() {
    let own = company("CodeCraft");
    let mut of = task(TaskKind::Build, "Log in with BankID");
    of.model_pin = Some(named());
    let stopped = wish(&of, &own);
    assert_eq!(
        (stopped.want, stopped.by),
        (Want::Person(safety::Rule::BankId), By::Safety)
    );
    of.cleared = vec!["bank_id".into()];
    assert_eq!(wish(&of, &own).by, By::TaskPin);
    of.model_pin = None;
    let cleared = wish(&of, &own);
    assert_eq!(
        (cleared.want, cleared.by),
        (Want::Model(ModelChoice::Tier(5)), By::Class)
    );
    of.title = "Lint: BankID, complexity 1".into();
    let wish_of = wish(&of, &own);
    assert_eq!(
        (wish_of.activity, wish_of.by),
        (Activity::Build, By::Class),
        "a cheap type in a title that hits a rule"
    );
    of.cleared = vec!["ceo".into()];
    assert_eq!(wish(&of, &own).by, By::Safety, "another rail was cleared");

    let mut review = task(TaskKind::Review, "Code review of it");
    review.model_pin = Some(named());
    assert_ne!(wish(&review, &company("Proveo")).by, By::TaskPin);
}

#[test]
fn a_model_is_asked_only_where_its_answer_decides() {
    let words = |title: &str| classify(title, "");
    let plain = task(TaskKind::Build, "Add a page");
    assert!(is_worth_asking(&plain, &words("Add a page")));
    assert!(!is_worth_asking(&plain, &words("CEO: sign it")));
    let mut pinned = plain.clone();
    pinned.model_pin = Some(named());
    assert!(!is_worth_asking(&pinned, &words("Add a page")));
    let review = task(TaskKind::Review, "Add a page");
    assert!(!is_worth_asking(&review, &words("Add a page")));
}
