//! The blueprints of law, documents and pages: what a model says is held to a form, and a machine makes the text of it.

use alai_minion::ExitStatus;
use serde_json::json;

use crate::blueprints_walked::{
    is_accessible, made, reads_as_markdown, told, walk, world, written,
};
use crate::steps::write;
use crate::world::{Script, World, calls, done};

/// One blueprint with one file that an agent or a person writes, which may be spoilt.
struct Case {
    company: &'static str,
    name: &'static str,
    inputs: &'static [(&'static str, &'static str)],
    /// Files of the repository besides the usual ones, from the folder of examples.
    files: &'static [(&'static str, &'static str)],
    path: &'static str,
    example: &'static str,
    /// Whether the file is there before the run, and no model is asked.
    given: bool,
}

const LEGAL: Case = Case {
    company: "Lexicon",
    name: "lexicon-privacy-terms",
    inputs: &[("facts", "given")],
    files: &[],
    path: "docs/legal/facts.json",
    example: "facts.json",
    given: true,
};
const API: Case = Case {
    company: "Lexicon",
    name: "lexicon-api-docs",
    inputs: &[("guide", "yes")],
    files: &[("openapi.json", "openapi.json")],
    path: "docs/api/guide.md",
    example: "api-guide.txt",
    given: false,
};
const PAGE: Case = Case {
    company: "Proxima",
    name: "proxima-marketing-page",
    inputs: &[("words", "given")],
    files: &[],
    path: "marketing/lunch-for-teams/page.json",
    example: "page.json",
    given: true,
};
const LESSON: Case = Case {
    company: "Skillforge",
    name: "skillforge-training-page",
    inputs: &[("lesson", "given")],
    files: &[],
    path: "training/first-search/lesson.json",
    example: "lesson.json",
    given: true,
};

impl Case {
    /// Walks it with this text in the place of the example's.
    fn walked(&self, text: &str) -> (World, ExitStatus, String) {
        let files = self.files.iter();
        let mut files: Vec<(&str, String)> =
            files.map(|(path, name)| (*path, written(name))).collect();
        let mut script = Script::default();
        if self.given {
            files.push((self.path, text.to_owned()));
        } else {
            script = Script::forever(vec![calls(&[
                ("run", json!({"command": format!("rm -f {}", self.path)})),
                write(self.path, text),
                done(),
            ])]);
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
        let world = world(&files);
        let ran = walk(&world, self.company, self.name, self.inputs, &mut script);
        let said = told(&ran);
        (world, ran.report.status, said)
    }

    fn done(&self) -> World {
        let (world, status, said) = self.walked(&written(self.example));
        assert_eq!(status, ExitStatus::Done, "{said}");
        world
    }

    fn refuses(&self, table: &[(&str, &str, &str)]) {
        let text = written(self.example);
        for (from, to, says) in table {
            assert!(text.contains(from), "{from}");
            let (_, status, said) = self.walked(&text.replacen(from, to, 1));
            assert_eq!(status, ExitStatus::GateFailed, "{from}: {said}");
            assert!(said.contains(says), "`{says}` is not in {said}");
        }
    }
}

#[test]
fn legal_drafts_have_a_line_for_each_fact_and_each_open_point_needs_node_needs_python_needs_registry()
 {
    let world = LEGAL.done();
    let notice = world.read("docs/legal/privacy.md");
    for part in [
        "No lawyer has read this text or the template that it is made of",
        "1. organisation number (controller)",
        "contract, Art. 6(1)(b)",
        "legitimate interests, Art. 6(1)(f) (to keep the form reachable)",
        "[TO BE CONFIRMED: legal basis (Art. 6) for: to remember what one cannot eat]",
        "[TO BE CONFIRMED: which safeguard of Art. 44 to 49 covers Mailer Inc.",
        "within the EEA: none needed",
        "Art. 9(2)",
        "ekomloven § 3-15",
        "markedsføringsloven § 15",
        "Art. 21(2) to (4)",
        "within 72 hours",
        "&lt;all\\|some>",
    ] {
        assert!(notice.contains(part), "`{part}` is not in {notice}");
    }
    for right in ["15", "16", "17", "18", "19", "20", "21(1)", "22"] {
        assert!(notice.contains(&format!("| {right} |")), "{right}");
    }
    let terms = world.read("docs/legal/terms.md");
    for part in [
        "No lawyer has read this text or the template that it is made of",
        "angrerettloven",
        "14 days",
        "which letter of Art. 16 covers: meals, which are perishable",
        "Form for withdrawal",
    ] {
        assert!(terms.contains(part), "`{part}` is not in {terms}");
    }
    assert!(
        !terms.contains("What you post"),
        "what the product does not do has no clause"
    );
    reads_as_markdown(&world, "docs/legal/*.md");
}

#[test]
fn legal_facts_without_a_source_make_no_text_needs_python() {
    LEGAL.refuses(&[
        ("src/orders.ts:12", "src/orders.ts:99", "has no line 99"),
        ("src/orders.ts:14", "somewhere", "is no file:line"),
        (
            "\"interest\": \"to keep the form reachable\"",
            "\"interest\": null",
            "Art. 13(1)(d)",
        ),
        (
            "[\"Mailer Inc.\"]",
            "[\"Ads Ltd.\"]",
            "is not among the processors",
        ),
        ("\"contract\"", "\"because\"", "/purposes/0/basis"),
    ]);
}

#[test]
fn an_api_is_documented_from_its_file_alone_needs_node_needs_python_needs_registry() {
    let world = API.done();
    let text = world.read("docs/api/reference.md");
    for part in [
        "# Bento \\| orders: reference",
        "| GET | `/orders` | Lists orders |",
        "## DELETE /orders/{id}",
        "**Deprecated.**",
        "Needs: bearer.",
        "Needs: nothing.",
        "| `limit` | query | integer (minimum 1; maximum 100) | no | how many |",
        "| 401 | no token, or an old one | no body |",
        "list of [Order](#order)",
        "| `note` | string or null (maxLength 80) | no | for the kitchen |",
    ] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    reads_as_markdown(&world, "docs/api/*.md");
}

#[test]
fn an_endpoint_that_the_file_has_not_is_refused_needs_python() {
    API.refuses(&[
        (
            "`POST /orders`",
            "`POST /payments`",
            "names POST /payments, which openapi.json has not",
        ),
        (
            "`GET /orders`",
            "`GET /orders/{id}`",
            "names GET /orders/{id}",
        ),
        ("reference.md", "gone.md", "leads nowhere"),
    ]);
    // A reference is made anew; what was written into it by hand is gone.
    let (world, status, said) = {
        let world = world(&[
            ("openapi.json", &written("openapi.json")),
            ("docs/api/reference.md", "## GET /invented\n"),
        ]);
        let ran = walk(
            &world,
            "Lexicon",
            "lexicon-api-docs",
            &[],
            &mut Script::default(),
        );
        let said = told(&ran);
        (world, ran.report.status, said)
    };
    assert_eq!(status, ExitStatus::Done, "{said}");
    assert!(!world.read("docs/api/reference.md").contains("invented"));
}

const GUIDE: [&str; 4] = [
    "tutorials/first-steps.md",
    "how-to/find-a-line.md",
    "reference/files.md",
    "explanation/why-files.md",
];

fn guide(spoil: (&str, &str)) -> (World, ExitStatus, String) {
    let mut turn: Vec<_> = GUIDE
        .iter()
        .map(|name| {
            let text = written(&format!("guide/{name}")).replace(spoil.0, spoil.1);
            write(&format!("docs/guide/{name}"), &text)
        })
        .collect();
    turn.push(done());
    let again = ("run", json!({"command": "rm -rf docs/guide"}));
    turn.insert(0, again);
    let world = world(&[]);
    let mut script = Script::forever(vec![calls(&turn)]);
    let ran = walk(&world, "Lexicon", "lexicon-user-guide", &[], &mut script);
    let said = told(&ran);
    (world, ran.report.status, said)
}

#[test]
fn a_guide_s_commands_were_run_and_its_pages_keep_to_their_kind_needs_node_needs_python_needs_registry()
 {
    let (world, status, said) = guide(("\u{0}", ""));
    assert_eq!(status, ExitStatus::Done, "{said}");
    let index = world.read("docs/guide/README.md");
    assert!(
        index.contains("- [How to find a line](how-to/find-a-line.md)"),
        "{index}"
    );
    assert!(
        !world.repo().join("order.txt").exists(),
        "commands of a guide leave nothing behind"
    );
    reads_as_markdown(&world, "docs/guide/**/*.md");
    for (from, to, says) in [
        ("line 12", "line 99", "exit 1 from"),
        ("# How to find", "# Find", "begins with `How to`"),
        ("../reference/files.md", "gone.md", "leads nowhere"),
        (
            "A file can be read",
            "1. A file can be read",
            "has no steps",
        ),
        ("You know where", "You simply know where", "`simply`"),
    ] {
        let (_, status, said) = guide((from, to));
        assert_eq!(status, ExitStatus::GateFailed, "{from}: {said}");
        assert!(said.contains(says), "`{says}` is not in {said}");
    }
}

const FIRST: &str = "# 1. Use Rust\n\nDate: 2026-01-02\n\n## Status\n\nAccepted\n\n## Context\n\nOne binary.\n\n## Decision\n\nWe use Rust.\n\n## Consequences\n\nLong builds.\n";

fn record(command: &str, spoil: (&str, &str)) -> (World, ExitStatus, String) {
    let mine = "docs/adr/0002-one-database-for-all-tenants.md";
    let text = written("adr.txt").replace(spoil.0, spoil.1);
    let world = world(&[("docs/adr/0001-use-rust.md", FIRST)]);
    let begun = json!({"command": format!("test -f {mine} && rm {mine}; {command}")});
    let mut script = Script::forever(vec![calls(&[("run", begun), write(mine, &text), done()])]);
    let ran = walk(&world, "Axiom", "axiom-adr", &[], &mut script);
    let said = told(&ran);
    (world, ran.report.status, said)
}

#[test]
fn a_decision_gets_the_next_number_and_stands_in_the_index_needs_node_needs_python_needs_registry()
{
    let (world, status, said) = record("true", ("\u{0}", ""));
    assert_eq!(status, ExitStatus::Done, "{said}");
    let index = world.read("docs/adr/README.md");
    for row in [
        "| [1](0001-use-rust.md) | Use Rust | Accepted | 2026-01-02 |",
        "| [2](0002-one-database-for-all-tenants.md) | One PostgreSQL database for all tenants | Proposed | 2026-03-02 |",
    ] {
        assert!(index.contains(row), "{index}");
    }
    assert_eq!(made(&world).len(), 2, "the record and the index");
    reads_as_markdown(&world, "docs/adr/*.md");
    for (command, from, to, says) in [
        ("true", "Proposed", "Accepted", "people accept"),
        ("true", "## Consequences", "## Outcome", "in this order"),
        (
            "true",
            "We think again when:",
            "Later:",
            "We think again when:",
        ),
        ("true", "0001-use-rust.md", "0009-gone.md", "leads nowhere"),
        (
            "sed -i s/Rust/Go/ docs/adr/0001-use-rust.md",
            "\u{0}",
            "",
            "was changed beyond its status",
        ),
    ] {
        let (_, status, said) = record(command, (from, to));
        assert_eq!(status, ExitStatus::GateFailed, "{from}: {said}");
        assert!(said.contains(says), "`{says}` is not in {said}");
    }
}

#[test]
fn a_marketing_page_is_accessible_and_asks_nobody_needs_node_needs_python_needs_registry() {
    let world = PAGE.done();
    let here = "marketing/lunch-for-teams";
    is_accessible(&world, &format!("{here}/index.html"));
    let page = world.read(&format!("{here}/index.html"));
    for part in [
        "default-src 'none'",
        "order &lt;with&gt; taxes &amp; delivery",
        "x=&quot;1&quot;",
        "<html lang=\"en\">",
    ] {
        assert!(page.contains(part), "`{part}` is not in {page}");
    }
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "nobody else is asked: {page}"
    );
    assert!(
        world
            .read(&format!("{here}/sources.md"))
            .contains("| From 6 people, 89 kr a meal. | `README.md:3` |")
    );
    PAGE.refuses(&[
        ("README.md:3", "needs approval", "is no file:line"),
        (
            "You send one link",
            "40 teams send one link",
            "the figure 40",
        ),
        (
            "Prices, smallest order and how to stop, at a glance.",
            &"x".repeat(200),
            "/description",
        ),
        ("We bring them.", "We are the best.", "`best`"),
        ("/order?from", "javascript:order?from", "the address"),
    ]);
}

#[test]
fn a_lesson_s_exercises_are_solved_by_their_solutions_alone_needs_node_needs_python_needs_registry()
{
    let world = LESSON.done();
    let here = "training/first-search";
    is_accessible(&world, &format!("{here}/index.html"));
    let quiz = world.read(&format!("{here}/quiz.json"));
    let quiz: serde_json::Value = serde_json::from_str(&quiz).expect("JSON");
    assert_eq!(quiz["questions"][0]["answer"], 1);
    let page = world.read(&format!("{here}/index.html"));
    assert!(
        page.contains("here &lt; with its number &amp; file."),
        "{page}"
    );
    assert!(!world.repo().join("answer.txt").exists());
    LESSON.refuses(&[
        ("grep -qx 12 answer.txt", "true", "so it checks nothing"),
        (
            "grep -qx 12 answer.txt",
            "grep -qx 13 answer.txt",
            "after the solution",
        ),
        ("cut -d: -f1 >answer.txt", "false", "the solution ends with"),
        ("\"answer\": 1", "\"answer\": 3", "there is no choice 3"),
        (
            "The line alone",
            "All of the above",
            "no `all of the above`",
        ),
        ("Find the line", "Understand the line", "what one can do"),
        ("\"minutes\": 5", "\"minutes\": 45", "/parts/0/minutes"),
    ]);
}

/// The same files from an agent, whose first word is not believed and whose second one is.
#[test]
fn an_agent_s_facts_are_held_to_the_same_form_needs_python() {
    for (case, inputs, spoil) in [
        (LEGAL, [("facts", "code")], ("src/orders.ts:12", "nowhere")),
        (PAGE, [("words", "agent")], ("README.md:3", "nowhere")),
        (
            LESSON,
            [("lesson", "agent")],
            ("\"answer\": 1", "\"answer\": 7"),
        ),
    ] {
        let text = written(case.example);
        let turn = |text: &str| {
            let again = json!({"command": format!("rm -f {}", case.path)});
            calls(&[("run", again), write(case.path, text), done()])
        };
        let world = world(&[]);
        let mut script = Script::new(vec![turn(&text.replacen(spoil.0, spoil.1, 1)), turn(&text)]);
        let ran = walk(&world, case.company, case.name, &inputs, &mut script);
        assert_eq!(ran.report.status, ExitStatus::Done, "{}", told(&ran));
        assert_eq!(script.requests.len(), 2, "{}", case.name);
        let first = script.told(1);
        assert!(first.contains("does not hold"), "it is told why: {first}");
    }
}
