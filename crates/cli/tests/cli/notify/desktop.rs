//! A desktop is shown what its sink is told, through the outbox, by the system's own program.

use super::*;

/// A desktop's program in the place of the system's own, seen by one daemon alone: it notes its arguments. A machine that lets nobody
/// mount fails this test: nothing else shows it.
const DESKTOP: &str = r#"
mkdir real fake &&
mount --rbind /usr/bin real &&
for program in real/*; do ln -s "$PWD/$program" fake/; done &&
rm -f fake/notify-send &&
printf '#!/bin/sh\nprintf "%%s\\n" "$@" -- >> "%s"\n' "$PWD/shown" > fake/notify-send &&
chmod 755 fake/notify-send &&
mount --bind fake /usr/bin &&
exec "$ALAI" up
"#;

#[test]
fn a_desktop_is_shown_what_needs_a_person_what_failed_and_what_is_done_with_what_acts() {
    let world = World::with_project("auto");
    // No model is there to plan it, and nobody is told yet.
    world
        .alai(["start", "Count letters", "--project", "tiny"])
        .exits(6);
    set(
        &world,
        "[[notify.sinks]]\nname = \"me\"\nkind = \"desktop\"\n",
    );
    let mut up = world.program("unshare");
    up.args(["--mount", "--propagation", "private"]);
    if !crate::full_disk::is_root() {
        up.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    up.args(["sh", "-c", DESKTOP])
        .env("DISPLAY", ":0")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    let daemon = Running::start(up);
    daemon.says("alai is up on");
    world.alai(["mc", "add", TITLE]).exits(0);
    world.alai(["mc", "add", "Water the plants"]).exits(0);
    world.alai(["mc", "done", "4", "they are green"]).exits(0);
    world.alai(["mc", "cancel", "2"]).exits(0);
    let file = world.path("shown");
    let shown = world.until("all are shown", |_| {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        (text.matches("--app-name=alai\n").count() == 3).then_some(text)
    });
    for (id, head) in [
        (3, "alai #3 needs you: "),
        (1, "alai #1 failed: Count letters\n"),
        (4, "alai #4 done: Water the plants\n"),
    ] {
        let next = world.json(["why", &id.to_string(), "--json"])["why"]["next_action"].clone();
        let next = next.as_str().expect("a next action").replace('&', "&amp;");
        let one = shown
            .split("--app-name=alai\n--\n")
            .find(|one| one.starts_with(head));
        let one = one.unwrap_or_else(|| panic!("no `{head}` in {shown}"));
        assert!(one.contains(&next), "{next}: {one}");
    }
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    let stands = world.json(["notify", "list", "--json"])["sinks"][0]["stands"].clone();
    assert_eq!(
        (&stands["pending"], &stands["given_up"]),
        (&0.into(), &0.into())
    );
}
