//! The wiki: pages from the four templates, kept by events, and what people write in them.

use std::path::{Path, PathBuf};

use crate::script::Script;
use alai_testkit::bookstack::{BookStackTwin, Fault, TOKEN};

use crate::world::{Ran, Running, World, run};

mod faults;

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn page(world: &World, name: &str) -> PathBuf {
    world.home().join("wiki").join(name)
}

#[test]
fn a_goal_s_pages_are_made_from_the_four_templates_and_linked() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai(["start", "Count letters", "--project", "tiny", "--wait"])
        .exits(0);
    let listed = world.json(["wiki", "list", "--json"]);
    let pages: Vec<&str> = listed["pages"]
        .as_array()
        .expect("pages")
        .iter()
        .map(|row| row["page"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        pages,
        ["spec", "status", "evidence", "postflight"].map(|name| format!("goals/1/{name}.md"))
    );
    world.alai(["wiki", "sync"]).exits(0).says("0 of them kept");
    let status = text(&page(&world, "goals/1/status.md"));
    assert!(
        status
            .contains("[Request](spec.md) · [Evidence](evidence.md) · [Postflight](postflight.md)"),
        "{status}"
    );
    let evidence = text(&page(&world, "goals/1/evidence.md"));
    // Each link of the table leads to a part of the evidence page.
    let links: Vec<&str> = status.split("evidence.md#task-").skip(1).collect();
    assert!(!links.is_empty(), "{status}");
    for link in links {
        let task = link.split(')').next().expect("its end");
        assert!(
            evidence.contains(&format!("\n## Task {task}\n")),
            "{task}: {evidence}"
        );
        assert!(evidence.contains(&format!("`alai evidence verify {task}`")));
    }
    let postflight = text(&page(&world, "goals/1/postflight.md"));
    assert!(
        postflight.contains("\n## Lessons learned\n"),
        "{postflight}"
    );
    world
        .alai(["wiki", "show", "goals/1/request"])
        .exits(0)
        .says("## Specification");
}

#[test]
fn a_task_of_no_goal_has_pages_of_its_whole_line_that_say_what_a_person_does_next() {
    let world = World::scripted("approve", &Script::good());
    let add = ["mc", "add", "Count letters", "--project", "tiny"];
    world.alai(add).exits(0);
    let daemon = world.up();
    // Events alone bring it there.
    let status = world.until("its page asks for an approval", |w| {
        let said = std::fs::read_to_string(page(w, "goals/1/status.md")).ok()?;
        said.contains("; next: \\`alai mc approve 1\\`")
            .then_some(said)
    });
    for row in [
        "| [#1](evidence.md#task-1) | done |",
        "| [#2](evidence.md#task-2) | done | L2 | \\[REVIEW\\] Code review: Count letters |",
        "| [#3](evidence.md#task-3) | done | L2 | \\[SECURITY\\] Security audit: Count letters |",
    ] {
        assert!(status.contains(row), "`{row}` is not in it:\n{status}");
    }
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    world.alai(["wiki", "sync"]).exits(0);
    assert_eq!(text(&page(&world, "goals/1/status.md")), status);
    let listed = world.alai(["wiki", "list"]).exits(0).out;
    assert_eq!(listed.lines().count(), 2, "no page of a stage: {listed}");
    let evidence = text(&page(&world, "goals/1/evidence.md"));
    for task in 1..=3 {
        let check = format!("`alai evidence verify {task}`");
        assert!(evidence.contains(&check), "{evidence}");
    }
}

#[test]
fn what_a_person_writes_in_a_page_is_kept_and_said() {
    let world = World::with_home();
    world
        .alai(["mc", "add", "Water <b>the</b> [plants](http://evil)"])
        .exits(0);
    world.alai(["wiki", "sync"]).exits(0);
    let path = page(&world, "goals/1/status.md");
    let first = text(&path);
    assert!(
        !first.contains("<b>") && !first.contains("[plants]("),
        "{first}"
    );
    std::fs::write(&path, format!("Ask Ana first.\n{first}")).expect("a person writes above");
    world.alai(["mc", "done", "1", "they are green"]).exits(0);
    world.alai(["wiki", "sync"]).exits(0).says("0 of them kept");
    let second = text(&path);
    assert!(second.starts_with("Ask Ana first.\n") && second != format!("Ask Ana first.\n{first}"));
    let edited = second.replace("Trust", "Faith");
    std::fs::write(&path, &edited).expect("a person edits within");
    world.alai(["wiki", "sync"]).exits(0).says(
        "edited  goals/1/status.md: kept as it is; `alai wiki sync goals/1/status.md --overwrite`",
    );
    assert_eq!(text(&path), edited);
    world
        .alai(["wiki", "list"])
        .exits(0)
        .says("edited  goals/1/status.md");
    world
        .alai(["wiki", "sync", "goals/1/status.md", "--overwrite"])
        .exits(0)
        .says("what a person had is in");
    assert_eq!(text(&page(&world, "goals/1/status.edited-1.md")), edited);
    assert!(text(&path).contains("Trust"));
    world
        .alai(["wiki", "list"])
        .exits(0)
        .says("kept    goals/1/status.md");
}

#[test]
fn a_person_s_page_comes_from_a_template_and_is_never_written_over() {
    let world = World::with_home();
    world
        .alai(["wiki", "new", "How we <deploy>", "--template", "postflight"])
        .exits(0)
        .says("pages/how-we-deploy.md");
    let made = text(&page(&world, "pages/how-we-deploy.md"));
    assert!(made.starts_with("# How we &lt;deploy&gt;\n"), "{made}");
    assert!(made.contains("## Lessons learned"), "{made}");
    world
        .alai(["wiki", "new", "How we deploy"])
        .exits(1)
        .says("there is one already");
    world
        .alai(["wiki", "list"])
        .exits(0)
        .says("person  pages/how-we-deploy.md");
    world.alai(["wiki", "show", "pages/../../token"]).exits(3);
    world.alai(["wiki", "new", "///"]).exits(2);
    world
        .alai(["wiki", "sync", "pages/how-we-deploy", "--overwrite"])
        .exits(2);
}

/// A home whose wiki is copied to a BookStack.
struct Copied {
    world: World,
    twin: BookStackTwin,
}

fn copied() -> Copied {
    let (world, twin) = (World::with_home(), BookStackTwin::start());
    let settings = format!(
        "[wiki.bookstack]\nurl = \"{}\"\ntoken_env = \"WIKI_TOKEN\"\n",
        twin.url()
    );
    std::fs::write(world.home().join("alai.toml"), settings).expect("the settings");
    world.alai(["mc", "add", "Water the plants"]).exits(0);
    let copied = Copied { world, twin };
    copied.alai(&["wiki", "sync"]).exits(0);
    copied
}

impl Copied {
    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.world.command(args);
        command.env("WIKI_TOKEN", TOKEN);
        command
    }

    fn alai(&self, args: &[&str]) -> Ran {
        run(self.command(args))
    }

    /// Publishes until nothing waits any more.
    fn publish(&self) {
        self.world.until("all is copied", |_| {
            (self.alai(&["wiki", "publish"]).code == 0).then_some(())
        });
    }
}

#[test]
fn pages_are_copied_once_by_project_and_goal_and_changed_where_they_say_something_else() {
    let copied = copied();
    copied.publish();
    let pages = copied.twin.all("page");
    let names: Vec<&str> = pages
        .iter()
        .filter_map(|page| page.fields["name"].as_str())
        .collect();
    assert_eq!(names, ["#1 Status", "#1 Evidence"]);
    let (books, chapters) = (copied.twin.all("book"), copied.twin.all("chapter"));
    assert_eq!((books.len(), chapters.len()), (1, 1));
    assert_eq!(chapters[0].fields["name"], "#1 Water the plants");
    assert_eq!(chapters[0].fields["book_id"], books[0].id);
    assert!(
        pages
            .iter()
            .all(|page| page.fields["chapter_id"] == chapters[0].id)
    );
    // Nothing new is no request; what is named is looked at, and not written.
    let before = copied.twin.requests().len();
    copied.alai(&["wiki", "publish"]).exits(0);
    assert_eq!(copied.twin.requests().len(), before);
    copied
        .alai(&["wiki", "publish", "goals/1/status"])
        .exits(0)
        .says("copied  goals/1/status.md");
    let asked = &copied.twin.requests()[before..];
    assert!(asked.iter().all(|seen| seen.method == "GET"), "{asked:?}");
    // An event is told by the daemon.
    let mut up = copied.command(&["up"]);
    up.env("ALAI_LOG", "warn");
    let daemon = Running::start(up);
    daemon.says("alai is up on");
    copied.alai(&["mc", "done", "1", "they are green"]).exits(0);
    copied.world.until("the copy says so", |_| {
        let status = copied.twin.all("page").remove(0).fields["markdown"].clone();
        status
            .as_str()
            .expect("a text")
            .contains("**done**")
            .then_some(())
    });
    copied.world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    assert_eq!(copied.twin.all("page").len(), 2);
}

#[test]
fn a_page_that_would_show_a_secret_is_not_copied() {
    let copied = copied();
    // Put together here, so that it stands in no file.
    let token = format!("{}{}", "ghp_", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3gH5");
    copied.alai(&["wiki", "new", "How we deploy"]).exits(0);
    let file = page(&copied.world, "pages/how-we-deploy.md");
    let said = text(&file);
    std::fs::write(&file, format!("{said}\n{token}\n")).expect("a page");
    let refused = copied
        .alai(&["wiki", "publish", "pages/how-we-deploy"])
        .exits(1)
        .says("it would show a GitHub token");
    assert!(!refused.out.contains(&token) && !refused.err.contains(&token));
    let sent = format!("{:?}", copied.twin.requests());
    assert!(!sent.contains(&token), "{sent}");
    std::fs::write(&file, said).expect("a page");
    copied
        .alai(&["wiki", "publish", "pages/how-we-deploy"])
        .exits(0);
    copied.publish();
}

#[test]
fn an_answer_that_was_lost_after_a_creation_makes_no_second_page() {
    let copied = copied();
    copied.twin.fails("POST", "/api/books", Fault::CutAfter);
    copied.twin.fails("POST", "/api/chapters", Fault::CutAfter);
    copied.twin.fails("POST", "/api/pages", Fault::CutAfter);
    copied.publish();
    for (kind, count) in [("book", 1), ("chapter", 1), ("page", 2)] {
        assert_eq!(copied.twin.all(kind).len(), count, "{kind}");
    }
}

#[test]
fn a_kill_after_a_page_was_sent_and_before_that_is_noted_sends_it_no_second_time() {
    let copied = copied();
    let writes = |copied: &Copied| {
        let all = copied.twin.requests().into_iter();
        all.filter(|seen| seen.method != "GET" && seen.path.starts_with("/api/pages"))
            .count()
    };
    let mut killed = copied.command(&["wiki", "publish"]);
    killed.env("ALAI_CRASH_AT", "publish.sent");
    assert_eq!(run(killed).code, 137);
    assert_eq!((copied.twin.all("page").len(), writes(&copied)), (1, 1));
    copied.publish();
    // The first is found again by its tag, and is the same; only the other one is written.
    assert_eq!((copied.twin.all("page").len(), writes(&copied)), (2, 2));
    for kind in ["book", "chapter"] {
        assert_eq!(copied.twin.all(kind).len(), 1, "{kind}");
    }
}

#[test]
fn a_copy_that_a_person_edited_is_not_overwritten_and_that_is_said() {
    let copied = copied();
    copied.publish();
    let page = copied.twin.all("page")[0].id;
    copied.twin.edit(page, "# My own words");
    copied.alai(&["mc", "done", "1", "they are green"]).exits(0);
    let publish = ["wiki", "publish", "goals/1/status"];
    copied.alai(&["wiki", "sync"]).exits(0);
    copied
        .alai(&publish)
        .exits(1)
        .says("a person edited its copy (revision 2 of 2026-11-21T08:00:02.000000Z), which is not overwritten");
    let stands = |copied: &Copied| copied.twin.all("page")[0].fields["markdown"].clone();
    assert_eq!(stands(&copied), "# My own words");
    copied
        .alai(&["wiki", "list"])
        .exits(0)
        .says("`alai wiki publish goals/1/status.md --overwrite`");
    copied
        .alai(&["status"])
        .exits(0)
        .says("a person edited its copy");
    copied
        .alai(&[&publish[..], &["--overwrite"]].concat())
        .exits(0);
    assert!(
        stands(&copied)
            .as_str()
            .expect("a text")
            .contains("Water the plants")
    );
    copied.alai(&["wiki", "list"]).exits(0);
}

#[test]
fn what_is_wrong_with_a_bookstack_is_said_and_what_may_pass_is_tried_again() {
    let copied = copied();
    copied.publish();
    let publish = |says: &str| {
        copied
            .alai(&["wiki", "publish", "goals/1/status"])
            .exits(1)
            .says(says);
    };
    let search = |fault| copied.twin.fails("GET", "/api/search", fault);
    search(Fault::Status(403, None));
    publish(
        "refused goals/1/status.md: wiki goals/1/status.md: it answered 403: the token's user may not do this",
    );
    search(Fault::Status(404, None));
    publish("it answered 404");
    search(Fault::Html);
    publish(
        "waits   goals/1/status.md: wiki goals/1/status.md: it answered with something else than JSON",
    );
    search(Fault::Enormous(20 << 20));
    publish("it answered with an answer without end");
    search(Fault::Status(500, None));
    publish("it answered 500");
    search(Fault::Status(429, Some(1)));
    publish("it answered 429");
    let wrong = run({
        let mut command = copied.world.command(["wiki", "publish", "goals/1/status"]);
        command.env("WIKI_TOKEN", "other:wrong");
        command
    });
    let wrong = wrong
        .exits(1)
        .says("it answered 401: it does not know this token");
    assert!(!wrong.out.contains("other:wrong"), "{wrong}");
    copied
        .world
        .alai(["wiki", "publish", "goals/1/status"])
        .exits(1)
        .says("the variable WIKI_TOKEN is not set");
    copied.publish();
    assert_eq!(copied.twin.all("page").len(), 2);
    let fields = vec!["name", "tags.0.value"];
    copied
        .twin
        .fails("POST", "/api/pages", Fault::Fields(fields));
    copied.alai(&["wiki", "new", "How we deploy"]).exits(0);
    copied
        .alai(&["wiki", "publish"])
        .exits(1)
        .says("it answered 422: it does not take name, tags.0.value");
    copied
        .alai(&["wiki", "publish", "pages/how-we-deploy"])
        .exits(0);
    assert_eq!(copied.twin.all("page").len(), 3);
    World::with_home()
        .alai(["wiki", "publish"])
        .exits(4)
        .says("[wiki.bookstack]");
}
