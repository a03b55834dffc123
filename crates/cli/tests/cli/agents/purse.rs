//! Several agents of others at once on one dollar of their provider, and the daemon killed under them: by the provider's own books each
//! run passes what it was lent by one of its own calls at most, and all of them together are lent no more than the cap.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use super::program::Claude;
use super::{KEY, settings};
use crate::purse::{Books, CAP_MICROUSD, PATIENCE, amount, bill, day, is_quiet};
use crate::script::TITLE;
use crate::world::{Running, World};

/// At once, and twice as many loans as the dollar has: what a kill leaves unknown is half of it.
const AT_ONCE: u64 = 5;
const LOAN_MICROUSD: u64 = 100_000;
const TASKS: u64 = 8;
/// What each answer of the provider costs, at five and 25 dollars for a million tokens.
const CALL_MICROUSD: u64 = 10_000;
const ANSWER: &str = "{\"usage\":{\"input_tokens\":1000,\"output_tokens\":200}}";
/// More calls than any loan pays for.
const ASKS: &str = r#"i=0; while [ $i -lt 15 ]; do i=$((i+1))
      bash -c 'b="{\"model\":\"m\",\"max_tokens\":10,\"messages\":[]}"; exec 3<> /dev/tcp/127.0.0.1/18931
        printf "POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: ${#b}\r\n\r\n%s" "$b" >&3; cat <&3 >&2'
    done
"#;

/// A provider that bills each answer before it sends it, whoever still listens.
fn provider() -> (String, Arc<Books>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let books = Arc::<Books>::default();
    let own = Arc::clone(&books);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let books = Arc::clone(&own);
            std::thread::spawn(move || answers(stream, &books));
        }
    });
    (url, books)
}

fn answers(mut stream: TcpStream, books: &Books) {
    let mut heard = Vec::new();
    let mut part = [0_u8; 4096];
    while !heard.ends_with(b"}") {
        match stream.read(&mut part) {
            Ok(count) if count > 0 => heard.extend_from_slice(&part[..count]),
            Ok(_) | Err(_) => return,
        }
    }
    books.bill(CALL_MICROUSD);
    let length = ANSWER.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{ANSWER}");
    let _whoever_is_killed_hears_nothing = stream.write_all(answer.as_bytes());
}

fn up(world: &World) -> Running {
    let mut command = world.command(["up"]);
    command.env("PRO_KEY", KEY);
    let daemon = Running::start(command);
    daemon.says("alai is up on");
    daemon
}

/// Runs that were lent money: each has one row in the ledger.
fn loans(report: &serde_json::Value) -> u64 {
    amount(report, "calls") + amount(report, "unknown_calls")
}

#[test]
fn agents_at_once_pass_a_dollar_by_one_call_of_each_at_most_also_across_a_kill() {
    let (url, books) = provider();
    let world = World::with_project("auto");
    let more = format!(
        "slots = {AT_ONCE}\nkey_env = \"PRO_KEY\"\nurl = \"{url}\"\npay = \"metered\"\nmodel = \"m\"\n\
         [money.prices.m]\ninput = 5.0\noutput = 25.0\n\
         [money.caps]\nday_warn = 0.9\nday_block = 1.0\nday_kill = 30.0\n\
         [limits.agent]\ndollars = 0.1\n"
    );
    settings(&world, &Claude::good().costs("0.01").also(ASKS), &more);
    let own = world.home().join("alai.toml");
    let text = std::fs::read_to_string(&own).expect("the settings");
    std::fs::write(&own, format!("slots = {AT_ONCE}\n{text}")).expect("the settings");
    let first_day = day();
    for nth in 0..TASKS {
        let title = format!("{TITLE} ({nth})");
        world
            .alai(["minion", "enqueue", &title, "--project", "tiny"])
            .exits(0);
    }
    let began = Instant::now();
    // Every session that asks is held at its next call, and killed there.
    books.hold_from(Some(7));
    let daemon = up(&world);
    while !books.holds_one() {
        assert!(began.elapsed() < PATIENCE, "nothing is asked");
    }
    daemon.signal(libc::SIGKILL);
    drop(daemon.ends());
    books.hold_from(None);
    let daemon = up(&world);
    let left = PATIENCE.saturating_sub(began.elapsed());
    world.until_within(left, "all of it is done or waits for money", |w| {
        is_quiet(w).then_some(())
    });
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);

    let report = bill(&world);
    let cap = CAP_MICROUSD * (1 + day() - first_day);
    let (billed, of) = (books.lock().microusd, |what| amount(&report, what));
    let (spent, unknown) = (of("spent_microusd"), of("unknown_microusd"));
    // One call of each that was lent something.
    let beyond = loans(&report) * CALL_MICROUSD;
    assert!(billed <= cap + beyond, "{billed} billed: {report}");
    assert!(spent + unknown <= cap + beyond, "{report}");
    assert!(
        spent + unknown + beyond >= billed,
        "{billed} billed, and booked: {report}"
    );
    assert!(unknown >= LOAN_MICROUSD, "no kill met a session: {report}");
    assert!(
        billed > CAP_MICROUSD / 4,
        "next to nothing was asked: {billed}"
    );
    assert_eq!(of("reserved_microusd"), 0, "{report}");
    let list = world.list();
    assert!(
        list.contains("[waiting]"),
        "a dollar was enough: {list}\n{report}"
    );
    world.alai(["mc", "fsck"]).exits(0);
    println!(
        "summary: {AT_ONCE} agents at once on $1.00, one kill: {billed} billed, booked {spent} and unknown {unknown}, {} loans",
        loans(&report)
    );
}
