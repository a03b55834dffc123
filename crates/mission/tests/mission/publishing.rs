//! Copies of wiki pages: queued when a page says something new, newest first and alone, given up with a reason.

use alai_mission::Again;

use super::*;

fn page(name: &str, hash: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), hash.to_owned())]
}

#[test]
fn a_page_is_queued_when_it_says_something_new_and_its_newest_row_stands_for_all() {
    let world = world();
    let m = &world.mission;
    let queue = |hash: &str, now| {
        m.copy_pages(&page("goals/1/status.md", hash), false, false, now)
            .expect("queued")
    };
    assert_eq!(
        (
            queue("aa", 10),
            queue("aa", 11),
            queue("bb", 12),
            queue("aa", 13)
        ),
        (1, 0, 1, 1)
    );
    let due = m.pages_due(9, 20).expect("reads");
    assert_eq!(due.len(), 1, "{due:?}");
    m.page_copied(&due[0], 20).expect("noted");
    assert!(m.pages_due(9, 21).expect("reads").is_empty());
    assert_eq!(queue("aa", 22), 0, "it says what the copy says");
    let asked = m
        .copy_pages(&page("goals/1/status.md", "aa"), true, true, 23)
        .expect("queued");
    assert_eq!(asked, 1, "a person asks");
    assert!(m.pages_due(9, 23).expect("reads")[0].overwrite);
    // The local pages are told by rows of their own.
    assert!(
        m.outbox_due(30, 9)
            .expect("reads")
            .iter()
            .all(|row| row.sink == "wiki")
    );
    world.sound();
}

#[test]
fn a_wiki_that_is_down_pauses_as_a_whole_and_a_refused_page_holds_up_no_other() {
    let world = world();
    let m = &world.mission;
    let stands = |name: &str| {
        let all = m.publications().expect("reads");
        all.into_iter().find(|one| one.page == name).expect("there")
    };
    for name in ["a", "b"] {
        m.copy_pages(&page(name, "1"), false, false, 1_000)
            .expect("queued");
    }
    let first = m.pages_due(9, 1_000).expect("reads").remove(0);
    m.page_not_copied(&first, "503", Again::Later(Some(30_000)), 1_000)
        .expect("noted");
    assert!(m.pages_due(9, 30_999).expect("reads").is_empty());
    // What comes meanwhile waits too; what a person asks for does not.
    m.copy_pages(&page("c", "1"), false, false, 2_000)
        .expect("queued");
    assert!(m.pages_due(9, 30_999).expect("reads").is_empty());
    m.copy_pages(&page("d", "1"), true, false, 2_000)
        .expect("queued");
    assert_eq!(m.pages_due(9, 2_000).expect("reads")[0].page, "d");
    let due = m.pages_due(9, 31_000).expect("reads");
    assert_eq!(due.len(), 4);
    let refused = due.iter().find(|row| row.page == "b").expect("due");
    m.page_not_copied(refused, "422", Again::Never, 31_000)
        .expect("noted");
    assert_eq!(m.pages_due(9, 31_000).expect("reads").len(), 3);
    assert_eq!(
        (
            stands("b").state.as_str(),
            stands("b").last_error.as_deref()
        ),
        ("dead", Some("wiki b: 422"))
    );
    // A newer row that succeeds closes it.
    m.copy_pages(&page("b", "2"), false, false, 32_000)
        .expect("queued");
    let newer = m
        .pages_due(9, 32_000)
        .expect("reads")
        .into_iter()
        .find(|row| row.page == "b");
    m.page_copied(&newer.expect("due"), 32_000).expect("noted");
    assert_eq!(
        (
            stands("b").state.as_str(),
            m.dead_effects().expect("reads").0
        ),
        ("delivered", 0)
    );
    world.sound();
}
