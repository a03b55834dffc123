//! Hosts and their models: probing, pinging, tiers, one profile.

use super::*;

#[test]
fn two_hundred_mixed_calls_never_reload_the_model() {
    let twin = OllamaTwin::start(Behaviour::by(|_| Answer::text("{}")).hearing_first_words());
    let host = at(&twin);
    let found = probe(&host);
    let profile = profile_for(usable(&found)[0]);
    ping(&host, "small", &profile, &|| false).unwrap();
    let provider = Provider::Ollama(host);
    for n in 0..200_u32 {
        let mut request = if n % 3 == 0 { with_tools() } else { request() };
        request.profile = Profile {
            output_max: 100 + n,
            seed: u64::from(n),
            temperature: 0.5,
            ..profile
        };
        if n % 3 == 1 {
            request.format = Some(json!({"type": "object"}));
        }
        chat(&provider, &request, &|| false).unwrap();
    }
    assert_eq!((twin.chats().len(), twin.reloads()), (201, 0));
    // The twin does see a reload where there is one.
    let other = Profile {
        num_ctx: 8_192,
        ..profile
    };
    chat(
        &provider,
        &ChatRequest {
            profile: other,
            ..request()
        },
        &|| false,
    )
    .unwrap();
    assert_eq!(twin.reloads(), 1);
}

#[test]
fn a_host_is_probed_and_its_models_fill_the_tiers() {
    let twin = OllamaTwin::start(Behaviour::in_order([]).models([
        TwinModel::new("embedder", 0.3).only(&["embedding"]),
        TwinModel::new("plain", 9.0).only(&["completion"]),
        TwinModel::new("small", 4.0).only(&["completion", "tools"]),
        TwinModel {
            context_max: 16_384,
            ..TwinModel::new("thinker", 32.0)
        },
        TwinModel {
            remote_host: Some("https://elsewhere".to_owned()),
            ..TwinModel::new("cloud", 600.0)
        },
        TwinModel::new("bad\u{1b}[31m", 1.0),
    ]));
    let found = probe(&at(&twin));
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
        (version.as_str(), models.len(), unreadable.len()),
        ("0.33.0", 5, 1)
    );
    assert!(!unreadable[0].name.contains('\u{1b}'));
    let thinker = models.iter().find(|card| card.name == "thinker").unwrap();
    assert!(thinker.tools && thinker.thinking && !thinker.embedding_only);
    assert_eq!(
        (thinker.context_max, thinker.parameters.as_deref()),
        (Some(16_384), Some("32.0B"))
    );
    assert_eq!(
        (thinker.size_bytes, thinker.digest.len()),
        (19_200_000_000, 64)
    );
    assert_eq!(
        (profile_for(thinker).num_ctx, profile_for(thinker).think),
        (16_384, Some(false))
    );
    assert!(models.iter().any(|card| card.embedding_only));
    let names: Vec<_> = usable(&found)
        .iter()
        .map(|card| card.name.as_str())
        .collect();
    assert_eq!(names, ["small", "thinker", "plain"]);
    let tiers = pick(&[found]);
    assert_eq!(
        (
            tiers.candidates(1)[0].model.as_str(),
            tiers.candidates(5)[0].model.as_str()
        ),
        ("small", "thinker")
    );
    assert!(twin.chats().is_empty(), "a probe loads nothing");
}

#[test]
fn a_host_that_is_away_or_another_server_is_down_with_a_remedy() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let away = probe(&OllamaHost::parse(&port.to_string()).unwrap());
    let ProbeState::Down { reason, remedy } = &away.state else {
        panic!("{away:?}")
    };
    assert!(
        reason.contains("connect") && remedy.contains("ollama serve"),
        "{reason}; {remedy}"
    );
    assert!(usable(&away).is_empty());

    let twin = OllamaTwin::start(Behaviour::in_order([]));
    let other = probe(&OllamaHost::parse(&format!("{}/elsewhere", twin.url())).unwrap());
    let ProbeState::Down { reason, remedy } = &other.state else {
        panic!("{other:?}")
    };
    assert!(
        reason.contains("404") && remedy.contains("OLLAMA_HOST"),
        "{reason}; {remedy}"
    );
}

#[test]
fn a_ping_is_a_real_generation() {
    let answers = [
        Answer::text("ok"),
        Answer::Lines(vec![Answer::done("stop")]),
    ];
    let twin = OllamaTwin::start(Behaviour::in_order(answers).hearing_first_words());
    let host = at(&twin);
    let profile = Profile {
        num_ctx: 65_536,
        ..Profile::default()
    };
    let pinged = ping(&host, "small", &profile, &|| false).unwrap();
    assert_eq!(
        pinged.context,
        Some(40_960),
        "the host gave less than was asked"
    );
    assert!(pinged.usage.output_tokens > 0);
    assert_eq!(twin.chats()[0]["options"]["num_ctx"], 65_536);
    let error = ping(&host, "small", &profile, &|| false).unwrap_err();
    assert!(error.message.contains("nothing"), "{error}");
}
