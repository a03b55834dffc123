//! A BookStack that has a page twice, that asks to be left alone, and that says nothing.

use alai_mission::Reader;

use super::*;

#[test]
fn of_two_pages_with_one_tag_the_oldest_is_changed_each_time_and_none_is_made() {
    let copied = copied();
    copied.publish();
    let status = |copied: &Copied| {
        let mut pages = copied.twin.all("page").into_iter();
        let found = pages.find(|page| page.fields["markdown"].to_string().contains("Water"));
        found.expect("the page of the goal")
    };
    let first = status(&copied);
    let second = copied.twin.duplicate(first.id);
    assert!(second > first.id);
    let pages = copied.twin.all("page").len();
    for (verb, word) in [
        ("pause", "paused"),
        ("resume", "open"),
        ("cancel", "cancelled"),
    ] {
        copied.alai(&["mc", verb, "1"]).exits(0);
        copied.alai(&["wiki", "sync"]).exits(0);
        copied.publish();
        let all = copied.twin.all("page");
        assert_eq!(all.len(), pages, "{verb}");
        let text = |id: u64| {
            let page = all.iter().find(|page| page.id == id).expect("the page");
            page.fields["markdown"].as_str().expect("a text").to_owned()
        };
        assert!(text(first.id).contains(word), "{verb}: {}", text(first.id));
        assert_eq!(
            text(second),
            first.fields["markdown"],
            "a person's copy is his"
        );
    }
}

#[test]
fn a_wiki_that_asks_to_be_left_alone_is_for_as_long_as_it_says() {
    let copied = copied();
    copied
        .twin
        .fails("GET", "/api/search", Fault::Status(429, Some(1_800)));
    let before_ms = now_ms();
    copied
        .alai(&["wiki", "publish"])
        .exits(1)
        .says("it answered 429");
    let after_ms = now_ms();
    let asked = copied.twin.requests().len();
    let reader = Reader::open(&copied.world.home()).expect("the store is readable");
    let due = |now_ms: i64| reader.pages_due(10, now_ms).expect("rows").len();
    assert_eq!(due(before_ms + 1_799_000), 0);
    assert!(due(after_ms + 1_800_000) > 0);
    // A daemon leaves it alone meanwhile, and nothing else waits for that.
    let daemon = Running::start(copied.command(&["up"]));
    daemon.says("alai is up on");
    copied.alai(&["mc", "add", "Another"]).exits(0);
    copied.alai(&["mc", "cancel", "2"]).exits(0);
    let page = copied.world.home().join("wiki/goals/2/status.md");
    copied
        .world
        .until("its page is written", |_| page.exists().then_some(()));
    copied.world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    assert_eq!(copied.twin.requests().len(), asked);
}

#[test]
fn a_wiki_that_says_nothing_keeps_neither_work_nor_an_end_waiting_and_gets_its_pages_later() {
    let copied = copied();
    copied.twin.fails("GET", "/api/search", Fault::Hang);
    let daemon = Running::start(copied.command(&["up"]));
    daemon.says("alai is up on");
    copied.world.until("it was asked", |_| {
        (!copied.twin.requests().is_empty()).then_some(())
    });
    copied.alai(&["mc", "add", "Another"]).exits(0);
    copied.alai(&["mc", "done", "2", "it is there"]).exits(0);
    let page = copied.world.home().join("wiki/goals/2/status.md");
    copied
        .world
        .until("its page is written", |_| page.exists().then_some(()));
    copied.world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    assert_eq!(copied.twin.all("page"), []);
    copied.publish();
    let both = copied.twin.all("page");
    assert!(
        both.iter()
            .any(|page| page.fields.to_string().contains("Another")),
        "{both:?}"
    );
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.expect("after 1970").as_millis()).expect("milliseconds")
}
