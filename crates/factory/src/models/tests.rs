use alai_core::company::ModelChoice;
use alai_fleet::{EditFormat, ProbeState, pick};

use super::*;

mod routes;

/// The edit format that a model of this name would be run with.
fn format(config: &Config, name: &str) -> EditFormat {
    let models = Models::new(config).expect("the settings are right");
    let card = ModelCard {
        name: name.into(),
        size_bytes: 1,
        parameters: None,
        parameter_count: None,
        context_max: None,
        chat: true,
        tools: true,
        thinking: false,
        embedding_only: false,
        slots: None,
        remote: None,
        digest: String::new(),
    };
    models.profiles.of(&card).edit_format
}

#[test]
fn what_a_person_says_of_a_family_counts_before_what_is_shipped() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("profiles.yaml");
    let mut config = Config::default();
    let (shipped, unknown) = (format(&config, "gpt-oss:20b"), format(&config, "mine:7b"));
    std::fs::write(
        &path,
        "- names: [gpt-oss, mine]\n  edit_format: whole\n  why: measured here\n",
    )
    .expect("writes");
    config.profiles = Some(path.clone());
    for (name, before) in [("gpt-oss:20b", shipped), ("mine:7b", unknown)] {
        assert_ne!(before, EditFormat::Whole, "{name}");
        assert_eq!(format(&config, name), EditFormat::Whole, "{name}");
    }
    std::fs::write(&path, "- names: [mine]\n  edit: whole\n").expect("writes");
    let refused = Models::new(&config).expect_err("no such key").to_string();
    assert!(
        refused.contains("profiles.yaml") && refused.contains("edit"),
        "{refused}"
    );
}

/// A member of a fleet that answers with these models.
fn member(
    name: &str,
    near: bool,
    tiers: Option<Vec<u8>>,
    models: &[(&str, u64)],
) -> (Member, Seen) {
    let host = Host::Ollama(format!("http://{name}:1").parse().expect("a host"));
    let cards = models.iter().map(|(name, billions)| card(name, *billions));
    let probe = Probe {
        host: host.clone(),
        state: ProbeState::Up {
            version: "0.33.3".into(),
            warning: None,
            models: cards.collect(),
            unreadable: Vec::new(),
        },
        slots: None,
    };
    let named = NamedHost {
        name: name.into(),
        host,
        tiers,
        slots: None,
        memory: None,
        models: std::collections::BTreeMap::new(),
        unusable: None,
    };
    let seen = Seen {
        name: name.into(),
        near,
        free: true,
        slots: None,
        refused: std::collections::BTreeMap::new(),
        probe,
    };
    (
        Member {
            named,
            near,
            free: true,
        },
        seen,
    )
}

fn card(name: &str, billions: u64) -> ModelCard {
    ModelCard {
        name: name.into(),
        size_bytes: billions * 600_000_000,
        parameters: None,
        parameter_count: Some(billions * 1_000_000_000),
        context_max: Some(32_768),
        chat: true,
        tools: true,
        thinking: false,
        embedding_only: false,
        slots: None,
        remote: None,
        digest: String::new(),
    }
}

/// A fleet as a look would have found it.
fn fleet(members: Vec<(Member, Seen)>) -> Models {
    let (members, hosts): (Vec<Member>, Vec<Seen>) = members.into_iter().unzip();
    let probes: Vec<Probe> = hosts.iter().map(|seen| seen.probe.clone()).collect();
    let models = Models {
        agents: Agents::default(),
        source: Source::Hosts(members),
        profiles: Profiles::shipped(),
        found: Mutex::default(),
        breakers: Mutex::default(),
        unloadable: Mutex::default(),
        tapes: Tapes::default(),
    };
    *models.found.lock().expect("unlocked") = Found {
        tiers: pick(&probes),
        hosts,
        none: String::new(),
    };
    models
}

fn chosen(models: &Models, tier: u8, reach: Reach, now_ms: i64) -> Option<(String, String)> {
    let chosen = models.choose(&ModelChoice::Tier(tier), 0, reach, now_ms)?;
    Some((chosen.provider.host(), chosen.model))
}

fn lose(models: &Models, tier: u8, times: i64) {
    lose_by(models, tier, times, ErrorClass::Cut);
}

fn lose_by(models: &Models, tier: u8, times: i64, class: ErrorClass) {
    for now_ms in 1..=times {
        let choice = ModelChoice::Tier(tier);
        if let Some(chosen) = models.choose(&choice, 0, Reach::Anywhere, now_ms) {
            models.heard(&chosen, Some(class), now_ms);
        }
    }
}

/// Facts of the fleet, acceptance 8.
#[test]
fn three_connections_that_were_reset_open_the_breaker_and_one_call_tries() {
    let models = fleet(vec![member("anvil", true, None, &[("small", 8)])]);
    lose_by(&models, 2, 2, ErrorClass::Unreachable);
    assert!(
        chosen(&models, 2, Reach::Anywhere, 3).is_some(),
        "two are none"
    );
    lose_by(&models, 2, 1, ErrorClass::Unreachable);
    assert_eq!(chosen(&models, 2, Reach::Anywhere, 4), None, "it rests");
    let later = 1 + alai_core::breaker::REST_MS;
    let one = models.choose(&ModelChoice::Tier(2), 0, Reach::Anywhere, later);
    models.taken(&one.expect("it may be tried"), later);
    assert_eq!(
        chosen(&models, 2, Reach::Anywhere, later + 1),
        None,
        "by one"
    );
}

/// A giant that reads slowly needs longer than is usual, and a run that is nearly over has no more than is left of it.
#[test]
fn how_long_calls_may_take_is_their_hosts_affair_where_a_person_says_so() {
    let (mut slow, mut seen) = member("anvil", true, None, &[("small", 8)]);
    let said = alai_fleet::Timeouts {
        whole_s: Some(9_000),
        between_tokens_s: Some(60),
        ..slow.named.host.timeouts()
    };
    slow.named.host = slow.named.host.with_timeouts(said);
    seen.probe.host = slow.named.host.clone();
    let models = fleet(vec![
        (slow, seen),
        member("forge", true, None, &[("other", 8)]),
    ]);
    let of = |host: &str, model: &str| {
        let choice = ModelChoice::Named {
            host: host.into(),
            model: model.into(),
        };
        let chosen = models.choose(&choice, 0, Reach::Anywhere, 1);
        let profile = chosen.expect("it is there").profile;
        (profile.idle_s_max, profile.call_s_max)
    };
    let usual = Profile::default();
    assert_eq!(of("anvil", "small"), (60, 9_000));
    assert_eq!(of("forge", "other"), (usual.idle_s_max, usual.call_s_max));
    let sites = models.sites();
    assert_eq!(sites[0].models[0].profile.call_s_max, 9_000);
}

#[test]
fn a_lost_host_hands_on_to_its_like_and_never_to_another_size() {
    let alone = fleet(vec![member(
        "anvil",
        true,
        None,
        &[("small", 8), ("middle", 14), ("large", 70)],
    )]);
    let small = Some(("http://anvil:1".to_owned(), "small".to_owned()));
    assert_eq!(chosen(&alone, 2, Reach::Anywhere, 1), small);
    lose(&alone, 2, 4);
    assert_eq!(chosen(&alone, 2, Reach::Anywhere, 5), small, "nowhere else");
    lose(&alone, 2, 5);
    assert_eq!(chosen(&alone, 2, Reach::Anywhere, 10), None, "it rests");
    let two = fleet(vec![
        member("anvil", true, None, &[("small", 8), ("large", 70)]),
        member("forge", true, None, &[("other", 9), ("huge", 200)]),
    ]);
    assert_eq!(chosen(&two, 2, Reach::Anywhere, 1), small);
    lose(&two, 2, 1);
    let other = Some(("http://forge:1".to_owned(), "other".to_owned()));
    assert_eq!(chosen(&two, 2, Reach::Anywhere, 2), other);
}

#[test]
fn a_host_that_was_given_the_tier_stands_in_whatever_its_size() {
    let fleet = fleet(vec![
        member("anvil", true, None, &[("small", 8)]),
        member("forge", true, Some(vec![2]), &[("huge", 200)]),
    ]);
    lose(&fleet, 2, 1);
    let huge = Some(("http://forge:1".to_owned(), "huge".to_owned()));
    assert_eq!(chosen(&fleet, 2, Reach::Anywhere, 2), huge);
}

#[test]
fn a_call_that_tries_a_resting_host_is_counted_when_it_is_made() {
    let models = fleet(vec![member("anvil", true, None, &[("small", 8)])]);
    lose(&models, 2, 5);
    let later = 5 + alai_core::breaker::REST_MS;
    let choice = ModelChoice::Tier(2);
    let first = models.choose(&choice, 0, Reach::Anywhere, later);
    let first = first.expect("it may be tried");
    // Chosen and never asked: the next one may try, too.
    assert!(chosen(&models, 2, Reach::Anywhere, later).is_some());
    models.taken(&first, later);
    assert_eq!(chosen(&models, 2, Reach::Anywhere, later + 1), None);
    models.heard(&first, None, later + 2);
    assert!(chosen(&models, 2, Reach::Anywhere, later + 3).is_some());
}

/// A full, loading or strict server has answered: only what nobody answered makes it rest.
#[test]
fn a_busy_or_loading_server_and_a_bad_request_are_no_loss_however_often() {
    use ErrorClass::*;
    let answers = [
        Busy,
        Loading,
        ModelMissing,
        BadRequest,
        ContextTooLong,
        ContextTruncated,
        NoTools,
        MidStream,
        Malformed,
        Repeating,
        Filtered,
        Refused,
        Cancelled,
        OverBudget,
        ScriptExhausted,
    ];
    let losses = [Unreachable, Cut, Stalled, TimedOut, ServerFault];
    for (class, rests) in answers
        .map(|c| (c, false))
        .into_iter()
        .chain(losses.map(|c| (c, true)))
    {
        let models = fleet(vec![member("anvil", true, None, &[("small", 8)])]);
        let choice = ModelChoice::Tier(2);
        for now_ms in 1..=6 {
            if let Some(chosen) = models.choose(&choice, 0, Reach::Anywhere, now_ms) {
                models.heard(&chosen, Some(class), now_ms);
            }
        }
        let rested = models.choose(&choice, 0, Reach::Anywhere, 7).is_none();
        assert_eq!(rested, rests, "{class:?}");
    }
    assert_eq!(
        answers.len() + losses.len(),
        ErrorClass::ALL.len(),
        "each class is one of both"
    );
}

/// A host whose slots others hold sends no byte: that is no outage, and its work goes elsewhere while it lasts.
#[test]
fn a_wait_for_a_slot_that_was_given_up_rests_no_host() {
    let models = fleet(vec![
        member("anvil", true, None, &[("small", 8)]),
        member("forge", true, None, &[("other", 8)]),
    ]);
    let choice = ModelChoice::Named {
        host: "anvil".into(),
        model: "small".into(),
    };
    let anvil = |now_ms| models.choose(&choice, 0, Reach::Anywhere, now_ms);
    for now_ms in 1..=20 {
        let chosen = anvil(now_ms).expect("it never rests");
        for class in [ErrorClass::TimedOut, ErrorClass::Stalled] {
            assert!(
                models.heard_nothing_of(&chosen, Some(class), now_ms),
                "it is looked at"
            );
        }
    }
    let elsewhere = Some(("http://forge:1".to_owned(), "other".to_owned()));
    assert_eq!(chosen(&models, 2, Reach::Anywhere, 21), elsewhere);
    // Without a connection nobody has waited.
    let at = anvil(22).expect("it is there");
    for now_ms in 22..25 {
        models.heard_nothing_of(&at, Some(ErrorClass::Unreachable), now_ms);
    }
    assert!(anvil(25).is_none(), "it rests");
}

#[test]
fn a_paid_provider_that_says_nothing_rests_like_one_that_is_lost() {
    let (mut far, seen) = member("far", false, Some(vec![2]), &[("small", 8)]);
    far.free = false;
    let models = fleet(vec![(far, seen)]);
    for now_ms in 1..=5 {
        let choice = ModelChoice::Tier(2);
        let chosen = models.choose(&choice, 0, Reach::Anywhere, now_ms);
        let chosen = chosen.expect("it does not rest yet");
        models.heard_nothing_of(&chosen, Some(ErrorClass::Stalled), now_ms);
    }
    assert_eq!(chosen(&models, 2, Reach::Anywhere, 6), None);
}

proptest::proptest! {
    /// Over every route: whatever there is, whatever was lost, whatever tier and however often it was raised.
    #[test]
    fn code_that_stays_here_reaches_no_host_elsewhere(
        near in proptest::collection::vec(proptest::prelude::any::<bool>(), 1..6),
        losses in proptest::collection::vec((0usize..6, 0usize..3, 0i64..400_000), 0..60),
        tier in 1u8..=5,
        escalations in 0u32..4,
        named in 0usize..6,
        now_ms in 0i64..500_000,
    ) {
        let sizes = [("small", 8), ("middle", 14), ("large", 70)];
        let names = ["a", "b", "c", "d", "e", "f"];
        let members = near.iter().zip(names);
        let fleet = fleet(members.map(|(near, name)| member(name, *near, None, &sizes)).collect());
        for (host, model, at) in losses {
            let choice = ModelChoice::Named { host: names[host].into(), model: sizes[model].0.into() };
            if let Some(chosen) = fleet.choose(&choice, 0, Reach::Anywhere, at) {
                fleet.heard(&chosen, Some(ErrorClass::Unreachable), at);
            }
        }
        let by_name = ModelChoice::Named { host: names[named].into(), model: "small".into() };
        for choice in [ModelChoice::Tier(tier), by_name] {
            if let Some(chosen) = fleet.choose(&choice, escalations, Reach::Near, now_ms) {
                let host = chosen.provider.host();
                let at = names.iter().position(|name| host == format!("http://{name}:1"));
                proptest::prop_assert!(near[at.expect("one of them")], "{host}");
                proptest::prop_assert!(fleet.is_within(&chosen, Reach::Near));
            }
        }
    }
}

#[test]
fn a_model_is_found_by_its_name_without_the_tag_that_its_host_adds() {
    let models = fleet(vec![member("forge", true, None, &[("qwen3:latest", 8)])]);
    for (name, found) in [("qwen3", true), ("qwen3:latest", true), ("qwen3:8b", false)] {
        let choice = ModelChoice::Named {
            host: "forge".into(),
            model: name.into(),
        };
        let chosen = models.choose(&choice, 0, Reach::Anywhere, 1);
        let model = chosen.map(|chosen| chosen.model);
        // By the host's own name, under which it is loaded, counted and rested.
        assert_eq!(model.is_some(), found, "{name}");
        assert!(model.is_none_or(|model| model == "qwen3:latest"), "{name}");
    }
}
