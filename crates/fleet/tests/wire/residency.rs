//! What a host holds, and what loads and unloads it by word.

use std::time::Duration;

use alai_fleet::{Resident, load, resident, unload};
use alai_testkit::ollama::Turn;

use super::*;

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_model_is_loaded_for_the_calls_that_follow_and_unloaded_by_word() {
    let twin = OllamaTwin::start(Behaviour::by(|_| Answer::text("{}")));
    let host = at(&twin);
    let profile = profile_for(usable(&probe(&host))[0]);
    assert_eq!(resident(&host, &|| false).unwrap(), []);
    load(&host, "small", &profile, LONG, &|| false).unwrap();
    let held = resident(&host, &|| false).unwrap();
    let expected = Resident {
        model: "small".to_owned(),
        bytes: TwinModel::new("small", 8.0).bytes(),
        context: Some(profile.num_ctx),
    };
    assert_eq!(held, [expected]);
    let request = ChatRequest {
        profile,
        ..request()
    };
    chat(&Provider::Ollama(host.clone()), &request, &|| false).unwrap();
    assert_eq!(twin.reloads(), 0, "one runner for the load and its calls");
    unload(&host, "small", LONG, &|| false).unwrap();
    assert_eq!(resident(&host, &|| false).unwrap(), []);
    assert_eq!(
        twin.turns(),
        [
            Turn::Loads("small".to_owned()),
            Turn::Loaded("small".to_owned()),
            Turn::Chat("small".to_owned()),
            Turn::Unloaded("small".to_owned())
        ]
    );
    assert_eq!(twin.chats().len(), 1, "a load is no chat");
}

#[test]
fn a_load_that_fails_says_why_and_one_that_is_given_up_is_aborted() {
    let twin = OllamaTwin::start(Behaviour::by(|_| Answer::text("{}")));
    let host = at(&twin);
    let profile = Profile::default();
    let missing = load(&host, "other", &profile, LONG, &|| false).unwrap_err();
    assert_eq!(missing.class, ErrorClass::ModelMissing);
    twin.loads_fail(Some("llama runner process has terminated: out of memory"));
    let failed = load(&host, "small", &profile, LONG, &|| false).unwrap_err();
    assert_eq!(failed.class, ErrorClass::ServerFault);
    assert!(failed.message.contains("out of memory"), "{failed}");
    twin.loads_fail(None);
    twin.loads_stand_still(true);
    let late = load(&host, "small", &profile, Duration::from_millis(1), &|| {
        false
    })
    .unwrap_err();
    assert_eq!(late.class, ErrorClass::TimedOut);
    let loads = || {
        let turns = twin.turns();
        turns
            .iter()
            .filter(|turn| matches!(turn, Turn::Loads(_)))
            .count()
    };
    let before = loads();
    let began = || loads() > before;
    let cancelled = load(&host, "small", &profile, LONG, &began).unwrap_err();
    assert_eq!(cancelled.class, ErrorClass::Cancelled);
    twin.await_closed(1);
}
