//! llama-server with several models: what it holds, and what loads and unloads it by word.

use std::time::Duration;

use alai_fleet::{Host, Loader, OpenaiHost, Resident};
use alai_testkit::openai::{self, OpenaiTwin, Router, Turn};

use super::*;

const LONG: Duration = Duration::from_secs(30);

fn twin(router: Router) -> OpenaiTwin {
    let answer = |_: &Value| openai::Answer::text("done");
    OpenaiTwin::start(openai::Behaviour {
        models: vec!["small".to_owned(), "large".to_owned()],
        n_ctx: 16_384,
        router: Some(router),
        ..openai::Behaviour::by(answer)
    })
}

/// The host as a first look leaves it.
fn seen(twin: &OpenaiTwin) -> (Host, Loader) {
    let host = Host::Openai(OpenaiHost::parse(&twin.url()).expect("an address"));
    assert_eq!(Loader::of(&host), None, "nobody has looked yet");
    let found = probe(&host);
    let windows: Vec<_> = usable(&found)
        .iter()
        .map(|card| (card.name.clone(), card.context_max))
        .collect();
    let window = Some(16_384);
    assert_eq!(
        windows,
        [("small".to_owned(), window), ("large".to_owned(), window)],
        "of models that are not loaded, too"
    );
    let loader = Loader::of(&host).expect("a router loads by word");
    (host, loader)
}

fn holds(loader: &Loader) -> Vec<String> {
    let held = loader.resident(&|| false).expect("it answers");
    held.into_iter().map(|held| held.model).collect()
}

#[test]
fn a_routers_models_are_loaded_and_unloaded_by_word_alone() {
    let twin = twin(Router {
        looks: 2,
        ..Router::default()
    });
    let (host, loader) = seen(&twin);
    assert_eq!(twin.turns(), [], "a look loads nothing");
    assert_eq!(holds(&loader), [""; 0]);
    let profile = Profile::default();
    let load = |model: &str| loader.load(model, &profile, LONG, &|| false);
    load("small").expect("loaded");
    load("small").expect("it is there already");
    let expected = Resident {
        model: "small".to_owned(),
        bytes: 5_021_781_472,
        context: Some(16_384),
    };
    assert_eq!(loader.resident(&|| false).expect("it answers"), [expected]);
    let request = ChatRequest {
        model: "small".to_owned(),
        ..request()
    };
    let reply = chat(&Provider::from(host), &request, &|| false).expect("an answer");
    assert_eq!(reply.text, "done");
    let unload = || loader.unload("small", LONG, &|| false);
    unload().expect("unloaded");
    unload().expect("it was gone already");
    assert_eq!(holds(&loader), [""; 0]);
    let small = "small".to_owned();
    assert_eq!(
        twin.turns(),
        [
            Turn::Loads(small.clone()),
            Turn::Loaded(small.clone()),
            Turn::Chat(small.clone()),
            Turn::Unloaded(small),
        ]
    );
}

#[test]
fn a_load_that_fails_says_how_and_one_that_is_given_up_is_ended() {
    let twin = twin(Router {
        fails: vec![("large".to_owned(), 137)],
        ..Router::default()
    });
    let (host, loader) = seen(&twin);
    let load = |model: &str| loader.load(model, &Profile::default(), LONG, &|| false);
    let failed = load("large").unwrap_err();
    assert_eq!(failed.class, ErrorClass::ServerFault);
    assert!(failed.message.contains("137"), "{failed}");
    assert_eq!(load("other").unwrap_err().class, ErrorClass::ModelMissing);
    let ProbeState::Up { unreadable, .. } = probe(&host).state else {
        panic!("it is up");
    };
    assert!(unreadable[0].reason.contains("137"), "{unreadable:?}");
    let slow = self::twin(Router {
        looks: usize::MAX,
        ..Router::default()
    });
    let (_, loader) = seen(&slow);
    let short = Duration::from_millis(1);
    let late = loader.load("small", &Profile::default(), short, &|| false);
    assert_eq!(late.unwrap_err().class, ErrorClass::TimedOut);
    let small = "small".to_owned();
    assert_eq!(
        slow.turns(),
        [Turn::Loads(small.clone()), Turn::Unloaded(small)]
    );
}

/// One that loads what it is asked for says that it loads, and one that does not that it has not; a name that it has not is no
/// fault of the request.
#[test]
fn what_is_not_loaded_is_waited_for_and_what_is_not_there_is_missing() {
    let twin = twin(Router {
        looks: 1,
        autoload: true,
        ..Router::default()
    });
    let (host, _) = seen(&twin);
    let provider = Provider::from(host);
    let of = |model: &str| ChatRequest {
        model: model.to_owned(),
        ..request()
    };
    let reply = chat(&provider, &of("large"), &|| false).expect("an answer after its load");
    assert_eq!(reply.text, "done");
    assert_eq!(twin.turns()[0], Turn::LoadsUnasked("large".to_owned()));
    let error = chat(&provider, &of("other"), &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::ModelMissing, "{error}");
}

#[test]
fn what_is_no_router_loads_nothing_by_word() {
    let plain = OpenaiTwin::start(openai::Behaviour::by(|_| openai::Answer::text("done")));
    let host = Host::Openai(OpenaiHost::parse(&plain.url()).expect("an address"));
    probe(&host);
    assert_eq!(Loader::of(&host), None);
}
