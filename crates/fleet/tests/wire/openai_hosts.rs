//! OpenAI's dialect: what servers have, and how busy they are.

use alai_fleet::{Host, Slots, count_tokens, holds, slots};
use alai_testkit::openai::{Answer, Behaviour, Kind, OpenaiTwin};

use super::openai::host;
use super::*;

#[test]
fn a_llama_server_tells_its_model_window_and_slots() {
    let twin = OpenaiTwin::start(Behaviour {
        models: vec!["small".to_owned(), "bad\u{1b}[31m".to_owned()],
        ..Behaviour::in_order([Answer::text("ok"), Answer::text("ok")])
    });
    let host = host(&twin);
    let found = probe(&host);
    let ProbeState::Up {
        version,
        warning: None,
        models,
        unreadable,
    } = &found.state
    else {
        panic!("{found:?}")
    };
    assert_eq!(
        (version.as_str(), found.slots, unreadable.len()),
        ("b7000-twin", Some(2), 1)
    );
    assert!(!unreadable[0].name.contains('\u{1b}'));
    let card = &models[0];
    assert!(card.chat && card.tools && card.remote.is_none());
    assert_eq!(
        (card.context_max, card.parameter_count),
        (Some(16_384), Some(8_190_735_360))
    );

    let tiers = pick(std::slice::from_ref(&found));
    let best = &tiers.candidates(3)[0];
    assert_eq!(
        (best.model.as_str(), &best.host),
        ("small", &Host::Openai(host.clone()))
    );
    let profile = profile_for(usable(&found)[0]);
    assert_eq!(profile.num_ctx, 16_384);
    let provider = Provider::from(best.host.clone());
    assert!(
        chat(
            &provider,
            &ChatRequest {
                profile,
                ..request()
            },
            &|| false
        )
        .is_ok()
    );

    let ping = ping(&host, "small", &profile, &|| false).unwrap();
    assert_eq!(ping.context, Some(16_384));
    assert_eq!(
        slots(&host, &|| false).unwrap(),
        Some(Slots { total: 2, busy: 1 })
    );
    let (short, long) = (request(), with_tools());
    let count = |request| count_tokens(&host, request, &|| false).unwrap().unwrap();
    assert!(
        count(&short) > 0 && count(&long) > count(&short),
        "tools are prompt, too"
    );
}

#[test]
fn the_slots_of_a_server_are_counted_where_its_properties_are_closed_and_their_lack_is_said() {
    for (closed, slots, says) in [
        (vec![], Some(3), None),
        (vec![("/slots", 501)], Some(3), None),
        (vec![("/props", 403)], Some(3), None),
        (vec![("/props", 404), ("/slots", 404)], None, None),
        (
            vec![("/props", 403), ("/slots", 403)],
            None,
            Some("does not say how many requests"),
        ),
        (
            vec![("/props", 404), ("/slots", 501)],
            None,
            Some("`slots` of its host"),
        ),
    ] {
        let twin = OpenaiTwin::start(Behaviour {
            slots: 3,
            closed: closed.clone(),
            ..Behaviour::in_order([])
        });
        let found = probe(&host(&twin));
        let ProbeState::Up { warning, .. } = &found.state else {
            panic!("{closed:?}: {found:?}")
        };
        assert_eq!(found.slots, slots, "{closed:?}");
        match says {
            None => assert_eq!(*warning, None, "{closed:?}"),
            Some(says) => assert!(
                warning.as_ref().is_some_and(|w| w.contains(says)),
                "{closed:?}: {warning:?}"
            ),
        }
        // A full server answers 503 to who asks so, which would look like one that loads.
        let asked = twin.requests();
        assert!(
            asked
                .iter()
                .all(|seen| !seen.path.contains("fail_on_no_slot")),
            "{closed:?}"
        );
    }
}

#[test]
fn a_server_that_is_too_busy_to_count_its_slots_is_up_all_the_same() {
    for (closed, slow) in [
        (vec![("/props", 403), ("/slots", 503)], vec![]),
        (vec![("/props", 403), ("/slots", 500)], vec![]),
        (vec![("/props", 403)], vec!["/slots"]),
    ] {
        let twin = OpenaiTwin::start(Behaviour {
            closed: closed.clone(),
            slow: slow.clone(),
            ..Behaviour::in_order([])
        });
        let found = probe(&host(&twin));
        let ProbeState::Up { warning, .. } = &found.state else {
            panic!("{closed:?}, {slow:?}: {found:?}")
        };
        assert_eq!((found.slots, usable(&found).len()), (None, 1), "{closed:?}");
        let warning = warning.as_deref().unwrap_or_default();
        assert!(
            warning.contains("did not say how many requests"),
            "{warning}"
        );
    }
}

#[test]
fn a_model_is_held_where_its_server_says_so_and_not_where_it_is_only_listed() {
    let held = |twin: &OpenaiTwin, model: &str| {
        let host = Host::Openai(host(twin));
        let said = holds(&host, model, &Profile::default(), &|| false).expect("it answers");
        let asked: Vec<_> = twin
            .requests()
            .iter()
            .map(|seen| seen.path.clone())
            .collect();
        let wakes = |path: &String| path.contains("slots") || path.contains("chat");
        assert!(!asked.iter().any(wakes), "{asked:?}");
        said
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let of = |kind, models: &[&str]| Behaviour {
        kind,
        models: names(models),
        ..Behaviour::in_order([])
    };
    let studio = OpenaiTwin::start(Behaviour {
        unloaded: names(&["b"]),
        ..of(Kind::LmStudio, &["a", "b"])
    });
    assert!(held(&studio, "a") && !held(&studio, "b") && !held(&studio, "c"));
    let llama = OpenaiTwin::start(of(Kind::LlamaServer, &["a"]));
    assert!(held(&llama, "a"));
    let asleep = OpenaiTwin::start(Behaviour {
        sleeps: true,
        ..of(Kind::LlamaServer, &["a"])
    });
    assert!(!held(&asleep, "a"));
    // vLLM holds its one model; what lists several may be a proxy that loads what it is asked for.
    assert!(held(&OpenaiTwin::start(of(Kind::Vllm, &["a"])), "a"));
    assert!(!held(&OpenaiTwin::start(of(Kind::Vllm, &["a", "b"])), "a"));
}

#[test]
fn vllm_and_lm_studio_are_read_by_what_they_have() {
    let vllm = OpenaiTwin::start(Behaviour {
        kind: Kind::Vllm,
        n_ctx: 32_768,
        ..Behaviour::in_order([])
    });
    let found = probe(&host(&vllm));
    let card = usable(&found)[0].clone();
    assert_eq!(
        (card.context_max, card.tools, found.slots),
        (Some(32_768), true, None)
    );
    assert_eq!(slots(&host(&vllm), &|| false).unwrap(), None);
    assert_eq!(
        count_tokens(&host(&vllm), &request(), &|| false).unwrap(),
        None
    );

    let studio = OpenaiTwin::start(Behaviour {
        kind: Kind::LmStudio,
        models: vec!["chatty".to_owned(), "embed-small".to_owned()],
        n_ctx: 4_096,
        ..Behaviour::in_order([])
    });
    let found = probe(&host(&studio));
    let names: Vec<_> = usable(&found)
        .iter()
        .map(|card| (card.name.as_str(), card.context_max))
        .collect();
    assert_eq!(names, [("chatty", Some(4_096))]);
}

#[test]
fn a_server_that_cannot_be_used_is_down_with_the_reason() {
    let loading = OpenaiTwin::start(Behaviour {
        loading: 1,
        ..Behaviour::in_order([])
    });
    let down = |twin: &OpenaiTwin| match probe(&host(twin)).state {
        ProbeState::Down { reason, remedy } => (reason, remedy),
        ProbeState::Up { models, .. } => panic!("{models:?}"),
    };
    let (reason, remedy) = down(&loading);
    assert!(
        reason.contains("Loading model") && remedy.contains("wait until"),
        "{reason}; {remedy}"
    );
    assert!(
        matches!(probe(&host(&loading)).state, ProbeState::Up { .. }),
        "a moment later it is up"
    );
    let locked = OpenaiTwin::start(Behaviour {
        key: Some("sk-other-key".to_owned()),
        ..Behaviour::in_order([])
    });
    let (reason, remedy) = down(&locked);
    assert!(
        reason.contains("Invalid API Key") && remedy.contains("key"),
        "{reason}; {remedy}"
    );
    // Ollama's server is another one, though it listens; and nothing listens on a port that was given back.
    let ollama = OllamaTwin::start(super::Behaviour::in_order([]));
    let other = alai_fleet::OpenaiHost::parse(&ollama.url()).unwrap();
    assert!(matches!(probe(&other).state, ProbeState::Down { .. }));
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let gone = alai_fleet::OpenaiHost::parse(&format!("http://127.0.0.1:{port}/v1")).unwrap();
    let ProbeState::Down { reason, remedy } = probe(&gone).state else {
        panic!("nobody listens there")
    };
    assert!(
        reason.contains("cannot connect") && remedy.contains("no port is assumed"),
        "{reason}; {remedy}"
    );
    let error = chat(&Provider::Openai(gone), &request(), &|| false).unwrap_err();
    assert!(
        error.class == ErrorClass::Unreachable && error.to_string().contains("llama-server"),
        "{error}"
    );
}

#[test]
fn small_windows_of_many_slots_are_warned_of() {
    let twin = OpenaiTwin::start(Behaviour {
        n_ctx: 2_048,
        slots: 4,
        tools: false,
        ..Behaviour::in_order([])
    });
    let found = probe(&host(&twin));
    let ProbeState::Up {
        warning: Some(warning),
        ..
    } = &found.state
    else {
        panic!("{found:?}")
    };
    assert!(
        warning.contains("2048") && warning.contains("-np"),
        "{warning}"
    );
    assert!(!usable(&found)[0].tools, "it was started without a parser");
}

#[test]
fn stored_hosts_are_read_again_without_their_key() {
    let key = alai_fleet::Secret::parse("sk-live-secret").unwrap();
    for host in [
        Host::Ollama(OllamaHost::default()),
        Host::Openai(alai_fleet::OpenaiHost::parse("http://forge:9931/v1").unwrap()),
        Host::Anthropic(alai_fleet::AnthropicHost::parse("https://forge").unwrap()),
    ] {
        let stored = serde_json::to_string(&host).unwrap();
        assert_eq!(
            serde_json::from_str::<Host>(&stored).unwrap(),
            host,
            "{stored}"
        );
    }
    let keyed = alai_fleet::OpenaiHost::parse("http://forge:1")
        .unwrap()
        .with_key(key);
    let stored = serde_json::to_string(&Host::Openai(keyed)).unwrap();
    assert!(!stored.contains("secret"), "{stored}");
}
