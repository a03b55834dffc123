//! People are told what needs them: once for each event and sink, whatever the sink does, and without a secret anywhere.

use std::path::Path;
use std::process::Command;

use alai_testkit::webhook::{Receiver, Seen, Take};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::script::Script;
use crate::world::{Ran, Running, World, run};

mod desktop;
mod kinds;

/// 32 bytes; nobody's.
const SECRET: &str = "whsec_c2VjcmV0LW9mLWEtdGVzdC13aXRoLTMyLWJ5dGVzISE=";
const SECRET_BYTES: &[u8] = b"secret-of-a-test-with-32-bytes!!";

/// A title that speaks to every receiver in its own language, and stops at a safety rail.
const TITLE: &str = "CEO <!channel> & <https://evil.example|win>";

struct Told {
    world: World,
    slack: Receiver,
    hook: Receiver,
}

/// A Slack and a webhook that get everything.
const SINKS: &str = "[[notify.sinks]]\nname = \"team\"\nkind = \"slack\"\nurl_env = \"TEAM_URL\"\n\
                     [[notify.sinks]]\nname = \"ops\"\nkind = \"webhook\"\nurl_env = \"OPS_URL\"\nsecret_env = \"OPS_SECRET\"\n";

/// A home with both.
fn told(slack: impl IntoIterator<Item = Take>, hook: impl IntoIterator<Item = Take>) -> Told {
    let world = World::with_home();
    set(&world, SINKS);
    Told {
        world,
        slack: Receiver::start(slack),
        hook: Receiver::start(hook),
    }
}

fn set(world: &World, settings: &str) {
    std::fs::write(world.home().join("alai.toml"), settings).expect("the settings");
}

impl Told {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(args);
        command
            .env("TEAM_URL", self.slack.url())
            .env("OPS_URL", self.hook.url())
            .env("OPS_SECRET", SECRET);
        command
    }

    fn alai(&self, args: &[&str]) -> Ran {
        run(self.command(args))
    }

    fn up(&self) -> Running {
        let daemon = Running::start(self.command(&["up"]));
        daemon.says("alai is up on");
        daemon
    }

    fn down(&self, daemon: Running) -> Ran {
        self.world.alai(["down"]).exits(0);
        daemon.ends().exits(0)
    }

    /// How a sink stands, by `alai notify list`.
    fn sink(&self, name: &str) -> Value {
        let listed = self.world.json(["notify", "list", "--json"]);
        let mut all = listed["sinks"].as_array().expect("sinks").iter();
        let found = all.find(|sink| sink["name"] == name);
        found.expect("the sink")["stands"].clone()
    }
}

/// HMAC-SHA256 by its definition (RFC 2104), and nothing of ours.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64, "a longer one is hashed first");
    let pad = |with: u8| -> Vec<u8> {
        let key = key.iter().copied().chain(std::iter::repeat(0));
        key.take(64).map(|byte| byte ^ with).collect()
    };
    let inner = Sha256::digest([pad(0x36), text.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let number = (0..3).fold(0_u32, |n, at| {
            n << 8 | u32::from(*three.get(at).unwrap_or(&0))
        });
        for at in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * at) & 63) as usize];
            out.push(if at > three.len() {
                '='
            } else {
                char::from(digit)
            });
        }
    }
    out
}

#[test]
fn the_measure_of_signatures_is_right_itself() {
    // RFC 4231, test case 2; RFC 4648, section 10.
    let mac = hmac(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(
        hex::encode(mac),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    assert_eq!(
        [base64(b"fo"), base64(b"foo"), base64(b"foob")],
        ["Zm8=", "Zm9v", "Zm9vYg=="]
    );
    assert_eq!(SECRET, format!("whsec_{}", base64(SECRET_BYTES)));
}

/// Checks what came as a receiver of Standard Webhooks does; answers with its id.
fn signed(seen: &Seen) -> String {
    let header = |name: &str| {
        seen.headers
            .get(name)
            .unwrap_or_else(|| panic!("{name}: {seen:?}"))
    };
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    assert!(
        time.parse::<u64>().expect("seconds") > 1_700_000_000,
        "{time}"
    );
    let text = [format!("{id}.{time}.").as_bytes(), &seen.raw].concat();
    let expected = format!("v1,{}", base64(&hmac(SECRET_BYTES, &text)));
    assert_eq!(header("webhook-signature"), &expected);
    id.clone()
}

#[test]
fn who_is_told_reads_what_why_says_and_nothing_of_a_title_acts() {
    let told = told([], []);
    let daemon = told.up();
    told.alai(&["mc", "add", TITLE]).exits(0);
    let slack = told.slack.await_requests(1).remove(0);
    let hook = told.hook.await_requests(1).remove(0);
    let why = told.world.json(["why", "1", "--json"]);
    let next = why["why"]["next_action"].as_str().expect("a next action");
    assert!(next.contains("alai mc "), "{next}");
    let text = slack.body["text"].as_str().expect("a text");
    let escaped = "CEO &lt;!channel&gt; &amp; &lt;https://evil.example|win&gt;";
    assert!(
        text.starts_with(&format!("alai #1 needs you: {escaped}\n")),
        "{text}"
    );
    assert!(text.contains(&next.replace('&', "&amp;")), "{text}\n{next}");
    assert!(!text.contains('<'), "{text}");
    signed(&hook);
    assert_eq!(hook.body["type"], "alai.needs_you");
    let said = &hook.body["data"]["notifications"][0];
    assert_eq!(
        (&said["title"], &said["next_action"]),
        (&TITLE.into(), &next.into())
    );
    assert_eq!(
        (&said["task_id"], &said["state"]),
        (&1.into(), &"waiting".into())
    );
    told.world.until("both are noted", |_| {
        let noted = |name| told.sink(name)["pending"] == 0;
        (noted("team") && noted("ops")).then_some(())
    });
    told.world
        .alai(["notify", "list"])
        .exits(0)
        .says("slack    team: needs_you, failed, budget, done (variable TEAM_URL)")
        .says("last told");
    told.down(daemon);
    assert_eq!(
        (told.slack.requests().len(), told.hook.requests().len()),
        (1, 1)
    );
}

#[test]
fn a_kill_between_sending_and_noting_sends_the_same_event_again() {
    let told = told([], []);
    told.alai(&["mc", "add", TITLE]).exits(0);
    set(
        &told.world,
        "[[notify.sinks]]\nname = \"ops\"\nkind = \"webhook\"\nurl_env = \"OPS_URL\"\nsecret_env = \"OPS_SECRET\"\n",
    );
    let mut crashes = told.command(&["up"]);
    crashes.env("ALAI_CRASH_AT", "notify.sent");
    run(crashes).exits(128 + libc::SIGKILL);
    let first = signed(&told.hook.await_requests(1)[0]);
    let daemon = told.up();
    let both = told.hook.await_requests(2);
    assert_eq!(signed(&both[1]), first, "the receiver knows it by its id");
    assert_eq!(both[1].body["data"], both[0].body["data"]);
    told.world.until("it is noted", |_| {
        (told.sink("ops")["pending"] == 0).then_some(())
    });
    told.down(daemon);
    assert_eq!(told.hook.requests().len(), 2);
    assert!(told.slack.requests().is_empty(), "it is no sink any more");
    told.world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_sink_that_hangs_keeps_neither_another_nor_the_wiki_nor_the_end_waiting() {
    let told = told([], []);
    told.slack.answers(Take::Hang);
    let daemon = told.up();
    told.alai(&["mc", "add", TITLE]).exits(0);
    told.slack.await_requests(1);
    told.hook.await_requests(1);
    // While one connection hangs, work and pages go on.
    told.alai(&["mc", "add", "Another for the CEO"]).exits(0);
    told.hook.await_requests(2);
    let page = told.world.home().join("wiki/goals/2/status.md");
    told.alai(&["mc", "cancel", "2"]).exits(0);
    told.world
        .until("the page is there", |_| page.exists().then_some(()));
    told.down(daemon);
    let team = told.sink("team");
    assert_eq!(team["pending"], 2, "nothing is lost: {team}");
}

#[test]
fn what_is_refused_is_given_up_with_a_line_and_what_may_pass_is_tried_again() {
    let told = told(
        [Take::Status(404, None)],
        [
            Take::Hangup,
            Take::Status(503, None),
            Take::Status(429, Some(1)),
            Take::Endless(8 << 20),
        ],
    );
    let daemon = told.up();
    told.alai(&["mc", "add", TITLE]).exits(0);
    let hook = told.hook.await_requests(4);
    let ids: Vec<String> = hook.iter().map(signed).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    told.world.until("the fourth was taken", |_| {
        (told.sink("ops")["pending"] == 0).then_some(())
    });
    told.world.until("the refused one is given up", |_| {
        (told.sink("team")["given_up"] == 1).then_some(())
    });
    told.world
        .alai(["status"])
        .exits(0)
        .says("outbox  1 given up, the last because: team: it answered 404; `alai mc redeliver`");
    told.alai(&["mc", "redeliver"]).exits(0);
    let again = told.slack.await_requests(2);
    assert_eq!(again[0].body["text"], again[1].body["text"]);
    told.down(daemon);
    assert_eq!(told.hook.requests().len(), 4);
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::start([]);
    let told = told([Take::Redirect(elsewhere.url())], []);
    told.alai(&["notify", "test", "team"])
        .exits(1)
        .says("team: refused: team: it answered 307: redirects are not followed");
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn each_sink_gets_the_kinds_that_it_is_told_of() {
    let told = told([], []);
    set(
        &told.world,
        "[[notify.sinks]]\nname = \"team\"\nkind = \"slack\"\nurl_env = \"TEAM_URL\"\non = [\"done\"]\n\
         [[notify.sinks]]\nname = \"ops\"\nkind = \"webhook\"\nurl_env = \"OPS_URL\"\nsecret_env = \"OPS_SECRET\"\non = [\"needs_you\"]\n",
    );
    let daemon = told.up();
    told.alai(&["mc", "add", TITLE]).exits(0);
    told.alai(&["mc", "add", "Water the plants"]).exits(0);
    told.alai(&["mc", "done", "2", "they are green"]).exits(0);
    let slack = told.slack.await_requests(1);
    let text = slack[0].body["text"].as_str().expect("a text");
    assert!(
        text.starts_with("alai #2 done: Water the plants\n"),
        "{text}"
    );
    let hook = told.hook.await_requests(1);
    assert_eq!(hook[0].body["type"], "alai.needs_you");
    told.down(daemon);
    assert_eq!(
        (told.slack.requests().len(), told.hook.requests().len()),
        (1, 1)
    );
}

#[test]
fn a_test_says_what_came_of_it_with_and_without_a_daemon() {
    let told = told([], []);
    told.alai(&["notify", "test"])
        .exits(0)
        .says("team: told")
        .says("ops: told");
    signed(&told.hook.await_requests(1)[0]);
    told.alai(&["notify", "test", "nobody"])
        .exits(3)
        .says("there are team, ops");
    let daemon = told.up();
    told.alai(&["notify", "test", "ops", "--json"]).exits(0);
    told.hook.await_requests(2);
    told.down(daemon);
    // A variable that is not set is said by its name.
    told.world
        .alai(["notify", "test", "ops"])
        .exits(1)
        .says("the variable OPS_URL is not set where alai runs");
    set(&told.world, "");
    told.world
        .alai(["notify", "test"])
        .exits(4)
        .says("alai.toml");
}

#[test]
fn no_address_and_no_secret_is_anywhere_in_the_home_or_on_a_screen() {
    let told = told(
        [Take::Hangup, Take::Status(500, None)],
        [Take::Status(401, None)],
    );
    let daemon = told.up();
    told.alai(&["mc", "add", TITLE]).exits(0);
    told.hook.await_requests(1);
    told.slack.await_requests(3);
    let mut screens = Vec::new();
    for args in [
        &["notify", "list"][..],
        &["notify", "list", "--json"],
        &["status"],
        &["status", "--json"],
        &["why", "1", "--json"],
        &["mc", "show", "1", "--json"],
        &["mc", "export"],
    ] {
        let ran = told.alai(args);
        screens.push(ran.out + &ran.err);
    }
    let ran = told.down(daemon);
    screens.push(ran.out + &ran.err);
    let port = told
        .slack
        .url()
        .split('/')
        .nth(2)
        .expect("a host")
        .to_owned();
    for needle in ["s3cr3tp4th", "c2VjcmV0LW9m", "secret-of-a-test", &port] {
        for screen in &screens {
            assert!(!screen.contains(needle), "{needle}: {screen}");
        }
        assert_eq!(holding(&told.world.home(), needle), Vec::<String>::new());
    }
}

/// The files below a folder that hold this text.
fn holding(dir: &Path, needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(dir)
        .expect("a folder")
        .flatten()
        .map(|e| e.path())
    {
        if path.is_dir() {
            found.extend(holding(&path, needle));
        } else if let Ok(bytes) = std::fs::read(&path)
            && String::from_utf8_lossy(&bytes).contains(needle)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

/// A cap that keeps work from going on is told with the command that raises it; what then is delivered is told as done.
#[test]
fn a_cap_and_the_end_of_the_work_are_told_with_what_acts() {
    let world = World::scripted("auto", &Script::good());
    let script = std::fs::read_to_string(world.home().join("alai.toml")).expect("settings");
    let money = "[money]\npaid_hosts = [\"scripted\"]\n[money.prices.scripted]\ninput = 3.0\noutput = 15.0\n\
                 [money.caps]\ntask = 0.14\n";
    set(&world, &format!("{script}\n{money}\n{SINKS}"));
    let told = Told {
        world,
        slack: Receiver::start([]),
        hook: Receiver::start([]),
    };
    let daemon = told.up();
    told.alai(&[
        "minion",
        "enqueue",
        crate::script::TITLE,
        "--project",
        "tiny",
    ])
    .exits(0);
    let capped = told.hook.await_requests(1).remove(0);
    signed(&capped);
    assert_eq!(capped.body["type"], "alai.budget");
    let said = &capped.body["data"]["notifications"][0];
    let next = said["next_action"].as_str().expect("a next action");
    assert!(next.contains("alai fleet cap task 1 "), "{said}");
    let text = told.slack.await_requests(1).remove(0).body["text"].clone();
    let text = text.as_str().expect("a text");
    assert!(
        text.contains("$0.14") && text.contains("alai fleet cap task 1 "),
        "{text}"
    );
    told.alai(&["fleet", "cap", "task", "1", "5"]).exits(0);
    let done = told.hook.await_requests(2).remove(1);
    signed(&done);
    assert_eq!(done.body["type"], "alai.done");
    assert_eq!(done.body["data"]["notifications"][0]["task_id"], 1);
    told.down(daemon);
}
