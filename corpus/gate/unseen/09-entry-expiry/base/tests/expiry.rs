mod common;

use common::pause;
use shelf::Cache;
use std::time::Duration;

fn cache() -> Cache {
    let mut cache = Cache::new(Duration::from_millis(300));
    cache.put("a", "one");
    cache
}

#[test]
fn a_young_entry_is_there() {
    let cache = cache();
    assert_eq!(cache.get("a"), Some("one"));
    assert_eq!(cache.get("b"), None);
}

#[test]
fn an_old_entry_is_gone() {
    let cache = cache();
    pause(400);
    assert_eq!(cache.get("a"), None);
}

#[test]
fn reading_does_not_renew() {
    let cache = cache();
    pause(50);
    assert_eq!(cache.get("a"), Some("one"));
    pause(350);
    assert_eq!(cache.get("a"), None);
}

#[test]
fn writing_does() {
    let mut cache = cache();
    pause(200);
    cache.put("a", "two");
    pause(200);
    assert_eq!(cache.get("a"), Some("two"));
}
