//! `alai qa check`: each check with what it rests on, and an exit code by verdict.

use std::path::{Path, PathBuf};

use alai_core::qa::Verdict;
use alai_gate::evidence::key::load_or_create;
use alai_gate::evidence::{About, GateKey, seal, verify};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::script::{BUILD, CHECK, Script, TITLE, solution, write};
use crate::world::World;

fn built(script: &Script, code: i32) -> World {
    let world = World::scripted("auto", script);
    world.alai(BUILD).exits(code);
    world
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().expect("a list")
}

#[test]
fn each_check_is_shown_with_what_it_rests_on() {
    let world = built(&Script::good(), 0);
    let shown = world.json(["qa", "check", "1", "--json"]);
    assert_eq!(shown["schema_version"], 1);
    assert_eq!(shown["outcome"]["kind"], "passed");
    let checks = list(&shown, "checks");
    assert_eq!(checks.len(), 19);
    let package = PathBuf::from(shown["package"].as_str().expect("a folder"));
    let records = std::fs::read_to_string(package.join("commands.jsonl")).expect("the records");
    let records: Vec<Value> = records
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect();
    for (at, check) in checks.iter().enumerate() {
        assert_eq!(check["number"], at + 1);
        for key in ["id", "name", "kind", "measured_by", "gamed_by", "caught_by"] {
            assert!(
                check[key].as_str().is_some_and(|s| !s.is_empty()),
                "{key}: {check}"
            );
        }
        match check["verdict"].as_str().expect("a verdict") {
            "pass" | "fail" => leads_somewhere(check, &package, &records, &shown),
            "n/a" => {
                assert!(
                    check["rule"].as_str().is_some_and(|s| !s.is_empty()),
                    "{check}"
                );
                assert_eq!(list(check, "evidence").len(), 0, "{check}");
            }
            other => panic!("{other}: {check}"),
        }
    }
    // The tests that the gate ran, not those that the agent ran: the check's own line, in the records.
    let own = ran(&checks[4], &records);
    assert_eq!(own.len(), 2, "on the head and on the base: {}", checks[4]);
    assert_eq!(own[1]["record"]["exit"]["code"], 1, "it was red before");
    let line = own[0]["record"]["argv"].as_array().and_then(|a| a.last());
    let line = line.and_then(Value::as_str).expect("a line of shell");
    assert!(line.ends_with(CHECK), "{line}");
    let base = ran(&checks[1], &records);
    assert_eq!(base[0]["record"]["exit"]["code"], 0);
    let score = shown["quality"]["score"].as_u64().expect("a score");
    assert!((80..=100).contains(&score), "{}", shown["quality"]);

    let text = world.alai(["qa", "check", "1"]).exits(0).out;
    for line in [
        " 2 pass M base tests pass (base_tests_pass, deterministic)",
        "        how      the test command in that clone",
        "        gamed    The tests are edited until they agree with the change.",
        "        caught   Tests are put back as the base has them",
        "19 n/a  M independent verifier agrees (independent_verifier, judged)",
        "        rule     REVIEW and SECURITY give it",
        "        evidence command:",
        "verdict  passed: ",
    ] {
        assert!(text.contains(line), "`{line}`:\n{text}");
    }
    let run = shown["run"].as_str().expect("a run");
    assert_eq!(world.json(["qa", "check", run, "--json"]), shown);
}

/// The records that a check rests on.
fn ran(check: &Value, records: &[Value]) -> Vec<Value> {
    let references = list(check, "evidence").iter();
    let references = references.filter_map(|e| e["ref"].as_str());
    let places = references.filter_map(|r| r.strip_prefix("command:"));
    places
        .map(|at| records[at.parse::<usize>().expect("a place")].clone())
        .collect()
}

fn leads_somewhere(check: &Value, package: &Path, records: &[Value], shown: &Value) {
    let evidence = list(check, "evidence");
    assert!(!evidence.is_empty(), "{check}");
    for one in evidence {
        let (kind, id) = one["ref"]
            .as_str()
            .and_then(|r| r.split_once(':'))
            .expect("typed");
        match kind {
            "command" => assert!(
                id.parse::<usize>().is_ok_and(|at| at < records.len()),
                "{check}"
            ),
            "commit" => assert!(
                [&shown["base"], &shown["head"]].contains(&&Value::from(id)),
                "{check}"
            ),
            "blob" => {
                let name = one["what"]
                    .as_str()
                    .and_then(|w| w.split_once(','))
                    .expect("a file")
                    .0;
                let bytes = std::fs::read(package.join(name)).expect("a file of the package");
                assert_eq!(hex::encode(Sha256::digest(&bytes)), id, "{name}");
            }
            other => panic!("{other} is no evidence: {check}"),
        }
    }
}

#[test]
fn the_exit_code_is_the_verdict_s() {
    let broken =
        json!({"name": "run", "arguments": {"command": "echo exit 0 | tee words.sh > test.sh"}});
    let lying = Script::good().builds("", &[broken]);
    let world = built(&lying, 5);
    let ran = world
        .alai(["qa", "check", "1"])
        .exits(5)
        .says("the gate refused it");
    assert!(ran.out.contains(" 2 FAIL M base tests pass"), "{ran}");
    let shown = world.alai(["qa", "check", "1", "--json"]).exits(5).json();
    assert_eq!(shown["outcome"]["kind"], "failed");
    world.alai(["qa", "check", "77"]).exits(3);
    world.alai(["qa", "check", "nothing"]).exits(3);
    world
        .alai(["mc", "add", "A", "--project", "tiny", "--hold"])
        .exits(0);
    world
        .alai(["qa", "check", "2"])
        .exits(3)
        .says("no evidence yet");
}

/// Code that nobody calls, under a check that passes without it. A refactoring is held to nothing that was red.
#[test]
fn a_check_that_was_green_before_shows_nothing_and_the_rules_say_who_looks() {
    let dead = [write("unused.sh", "#!/bin/sh\necho 1\n")];
    let world = World::scripted("auto", &Script::good().builds("", &dead));
    let run = |title: &'static str, code| {
        let args = ["minion", "run", title, "--project", "tiny"];
        let more = ["--blueprint", "minion-one-shot", "--check", "sh test.sh"];
        world.alai(args.into_iter().chain(more)).exits(code);
    };
    let seen = |task: &str, code| {
        let shown = world.alai(["qa", "check", task, "--json"]).exits(code);
        let own = shown.json()["checks"][4].clone();
        let text = own["seen"].as_str().expect("a detail").to_owned();
        (own, text)
    };
    run("Add a word", 0);
    let (own, text) = seen("1", 0);
    assert_eq!(own["verdict"], "n/a", "{own}");
    assert_eq!(
        list(&own, "evidence").len(),
        3,
        "the commit and two runs: {own}"
    );
    assert!(
        text.starts_with("nothing shows what the change does")
            && text.contains("passed before the change as well"),
        "{text}"
    );
    let settings = world.home().join("alai.toml");
    let mut rules = std::fs::read_to_string(&settings).expect("the settings");
    rules.push_str("\n[qa]\nuntried = \"person\"\n");
    std::fs::write(settings, rules).expect("the settings");
    run("Add another word", 5);
    assert_eq!(world.state(2), "waiting");
    seen("2", 6);
    let why = world.alai(["mc", "show", "2"]).exits(0).out;
    assert!(why.contains("passed before the change as well"), "{why}");
    run("Refactor the words", 0);
    let (own, text) = seen("3", 0);
    assert_eq!(own["verdict"], "pass", "nothing broke: {text}");
}

#[test]
fn a_stage_of_another_table_says_which_checks_are_not_its_own() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai(["start", "Count letters", "--project", "tiny"])
        .exits(0);
    let shown = world.json(["qa", "check", "2", "--json"]);
    let checks = list(&shown, "checks");
    assert_eq!(checks.len(), 19);
    assert_eq!(checks[1]["rule"], "it is not in the table of a spec");
    assert_eq!(checks[16]["verdict"], "pass");
    assert!(!list(&checks[16], "evidence").is_empty());
}

#[test]
fn nothing_is_shown_of_a_package_that_does_not_hold() {
    let world = built(&Script::good(), 0);
    let shown = world.json(["qa", "check", "1", "--json"]);
    let package = PathBuf::from(shown["package"].as_str().expect("a folder"));
    let sources = package.join("verify/sources.json");
    let text = std::fs::read_to_string(&sources).expect("what checks rest on");
    let (key, about, verdict) = stolen(&world, &package);
    let forged = |text: &str| {
        std::fs::write(&sources, text).expect("spoiled");
        world.alai(["qa", "check", "1"])
    };
    let ran = forged(&text.replacen("command:", "command:9", 1)).exits(5);
    assert!(
        ran.out
            .contains("fault    verify/sources.json is not what was sealed"),
        "{ran}"
    );
    assert!(!ran.out.contains("verdict"), "{ran}");
    // Also one that the gate itself had signed: memory is no evidence.
    for memory in ["mind:42", "hivemind:7"] {
        let at = text.find("command:").expect("a record");
        let end = at + text[at..].find('"').expect("its end");
        let spoiled = format!("{}{memory}{}", &text[..at], &text[end..]);
        std::fs::write(&sources, spoiled).expect("spoiled");
        seal(&package, &about, &verdict, &key).expect("sealed");
        world
            .alai(["qa", "check", "1"])
            .exits(5)
            .says("refers to no evidence");
    }
}

/// What the home's own key has signed, and the key, as who has stolen it could use it.
fn stolen(world: &World, package: &Path) -> (GateKey, About, Verdict) {
    let key = load_or_create(&world.home().join("keys/gate.key")).expect("the key");
    let about = verify(package, &key.public())
        .expect("it holds")
        .statement
        .predicate
        .about;
    let verdict = std::fs::read(package.join("verdict.json")).expect("the verdict");
    (
        key,
        about,
        serde_json::from_slice(&verdict).expect("a verdict"),
    )
}

/// Fires, blocks and bypasses of the four gates, by name.
pub(crate) fn gates(world: &World) -> Vec<(String, u64, u64, u64)> {
    let rows = world.json(["mc", "stats", "--json"])["gates"].clone();
    let shown = world.json(["status", "--json"])["queue"]["gates"].clone();
    assert_eq!(rows, shown, "one count, wherever it is shown");
    let rows = rows.as_array().expect("gates").iter();
    let number = |row: &Value, key: &str| row[key].as_u64().expect("a number");
    rows.map(|row| {
        let name = row["gate"].as_str().expect("a name").to_owned();
        (
            name,
            number(row, "fires"),
            number(row, "blocks"),
            number(row, "bypasses"),
        )
    })
    .collect()
}

pub(crate) fn counted(
    spawn: [u64; 3],
    execute: [u64; 3],
    claim: [u64; 3],
    close: [u64; 3],
) -> Vec<(String, u64, u64, u64)> {
    let named = ["spawn", "execute", "claim", "close"].into_iter();
    let all = named.zip([spawn, execute, claim, close]);
    all.map(|(name, [fires, blocks, bypasses])| (name.to_owned(), fires, blocks, bypasses))
        .collect()
}

#[test]
fn transition_gates_are_counted_as_they_fire_block_and_are_gone_around() {
    let world = World::scripted("auto", &Script::good().builds("Nothing", &[]));
    assert_eq!(gates(&world), counted([0; 3], [0; 3], [0; 3], [0; 3]));
    world.alai(BUILD).exits(0);
    assert_eq!(
        gates(&world),
        counted([1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0])
    );

    // Refused by its gate, tried again as often as may be, then before a person, who goes around the gate.
    world
        .alai(["minion", "run", "Nothing", "--project", "tiny"])
        .exits(5);
    let runs = world.task(2)["runs"].as_array().expect("runs").len() as u64;
    let all = 1 + runs;
    let refused = counted([all, 0, 0], [all, 0, 0], [all, 0, 0], [all, runs, 0]);
    assert_eq!(gates(&world), refused);
    world.alai(["mc", "done", "2", "It was nothing"]).exits(0);
    let around = counted([all, 0, 0], [all, 0, 0], [all, 0, 0], [all + 1, runs, 1]);
    assert_eq!(gates(&world), around);

    // A rail on its words: nobody begins it before a person has cleared it.
    world
        .alai(["mc", "add", "Deploy to production", "--project", "tiny"])
        .exits(0);
    assert_eq!(world.state(3), "waiting");
    assert_eq!(gates(&world)[0], ("spawn".to_owned(), all + 1, 1, 0));
    world
        .alai(["mc", "answer", "3", "The staging cluster is meant"])
        .exits(0);
    assert_eq!(gates(&world)[0], ("spawn".to_owned(), all + 1, 1, 1));

    let stats = world.alai(["mc", "stats"]).exits(0);
    let close = format!(
        "gate     close: {} fired, {runs} blocked, 1 gone around by a person",
        all + 1
    );
    assert!(stats.out.contains(&close), "{stats}");
    world
        .alai(["status"])
        .exits(0)
        .says("1 gone around by a person");
    world.alai(["mc", "fsck"]).exits(0);
}

pub(crate) fn osv(id: &str, package: &str, modified: &str) -> Value {
    json!({"id": id, "modified": modified, "summary": "It is weak.", "affected": [{
        "package": {"ecosystem": "PyPI", "name": package},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}],
    }]})
}

#[test]
fn advisories_are_imported_dated_updated_and_signed() {
    let world = World::with_home();
    let none = world.json(["qa", "advisories", "--json"]);
    assert_eq!(
        (&none["advisories"], &none["schema_version"]),
        (&Value::Null, &1.into())
    );
    world
        .alai(["qa", "advisories", "update"])
        .exits(4)
        .says("no snapshot to update");
    let folder = world.path("osv");
    std::fs::create_dir(&folder).expect("a folder");
    let put = |name: &str, value: &Value| {
        std::fs::write(folder.join(name), value.to_string()).expect("an advisory");
    };
    world
        .alai(["qa", "advisories", "import", "osv"])
        .exits(1)
        .says("holds no advisory");
    world
        .alai(["qa", "advisories", "import", "nowhere"])
        .exits(3);
    put("a.json", &osv("PYSEC-1", "weak", "2026-01-01T00:00:00Z"));
    let one = world.json(["qa", "advisories", "--json", "import", "osv"]);
    assert_eq!(
        (&one["advisories"], &one["as_of_ms"]),
        (&1.into(), &1_767_225_600_000_i64.into())
    );
    put("b.json", &osv("PYSEC-2", "other", "2026-02-01T00:00:00Z"));
    let two = world.json(["qa", "advisories", "--json", "update"]);
    assert_eq!(two["advisories"], 2);
    assert_eq!(world.json(["qa", "advisories", "--json"]), two);
    // Half a snapshot is none, and what was put back is no update.
    std::fs::write(folder.join("c.json"), "{").expect("spoiled");
    world
        .alai(["qa", "advisories", "update"])
        .exits(1)
        .says("c.json");
    std::fs::remove_file(folder.join("c.json")).expect("removed");
    std::fs::remove_file(folder.join("b.json")).expect("removed");
    world
        .alai(["qa", "advisories", "update"])
        .exits(1)
        .says("older than what is in force");
    assert_eq!(world.json(["qa", "advisories", "--json"])["advisories"], 2);
    // Who can write the home and has not the key changes nothing unseen.
    let shelf = world.home().join("advisories");
    let files = std::fs::read_dir(&shelf).expect("a folder").flatten();
    let data = files
        .map(|e| e.path())
        .find(|p| !p.to_string_lossy().contains("in-force"));
    let data = data.expect("the snapshot");
    let text = std::fs::read_to_string(&data).expect("text");
    std::fs::write(&data, text.replace("PYSEC-1", "PYSEC-9")).expect("spoiled");
    world
        .alai(["qa", "advisories"])
        .exits(5)
        .says("not what was imported");
}

/// An archive with one entry, stored.
fn zip(name: &str, text: &str) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    let len = u32::try_from(text.len())
        .expect("a short text")
        .to_le_bytes();
    let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    fields.extend(crc.sum().to_le_bytes());
    fields.extend(len);
    fields.extend(len);
    fields.extend([u8::try_from(name.len()).expect("a short name"), 0, 0, 0]);
    let mut out = b"PK\x03\x04".to_vec();
    out.extend(&fields);
    out.extend(name.as_bytes());
    out.extend(text.as_bytes());
    let mut directory = b"PK\x01\x02\x14\0".to_vec();
    directory.extend(&fields);
    directory.extend([0; 14]);
    directory.extend(name.as_bytes());
    let at = u32::try_from(out.len()).expect("short").to_le_bytes();
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend(u32::try_from(directory.len()).expect("short").to_le_bytes());
    out.extend(at);
    out.extend([0, 0]);
    out
}

/// A server of this machine that answers one request with these bytes.
fn served(bytes: Vec<u8>) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("a place");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let mut asked = [0; 4096];
        let _ = stream.read(&mut asked).expect("read");
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            bytes.len()
        );
        stream.write_all(head.as_bytes()).expect("written");
        stream.write_all(&bytes).expect("written");
    });
    format!("http://{place}/PyPI/all.zip")
}

#[test]
fn advisories_come_from_an_archive_and_from_an_address_that_a_person_named() {
    let world = World::with_home();
    let one = osv("PYSEC-1", "weak", "2026-01-01T00:00:00Z").to_string();
    std::fs::write(world.path("all.zip"), zip("PYSEC-1.json", &one)).expect("an archive");
    world
        .alai(["qa", "advisories", "import", "all.zip"])
        .exits(0);
    let status = world.json(["qa", "advisories", "status", "--json"]);
    assert_eq!(status["advisories"], 1);
    // Nobody named an address: the same file is read again.
    world.alai(["qa", "advisories", "update"]).exits(0);
    let set = |urls: &[&str]| {
        let text = format!("[advisories]\nurls = {}\n", Value::from(urls.to_vec()));
        std::fs::write(world.home().join("alai.toml"), text).expect("the settings");
    };
    let all = json!([
        osv("PYSEC-1", "weak", "2026-01-01T00:00:00Z"),
        osv("PYSEC-2", "other", "2026-02-01T00:00:00Z")
    ]);
    let url = served(zip("all.json", &all.to_string()));
    set(&[&url]);
    let two = world.json(["qa", "advisories", "--json", "update"]);
    assert_eq!(
        (&two["advisories"], &two["source"]),
        (&2.into(), &url.as_str().into())
    );
    // Nobody answers there any more; elsewhere nothing is fetched without TLS.
    world
        .alai(["qa", "advisories", "update"])
        .exits(1)
        .says("cannot fetch");
    set(&["http://osv.example/all.zip"]);
    world
        .alai(["qa", "advisories", "update"])
        .exits(1)
        .says("it must begin with https://");
    let kept = world.json(["qa", "advisories", "--json"]);
    assert_eq!(kept, two, "what was in force stays");
    let shelf = std::fs::read_dir(world.home().join("advisories")).expect("listed");
    assert_eq!(shelf.count(), 2, "the snapshot and its signed line");
}

/// A task that may change dependencies, and pins a new version beside a change that is good.
fn pins(world: &World, id: i64, title: &str) -> Value {
    let add = [
        "mc",
        "add",
        title,
        "--project",
        "tiny",
        "--tag",
        "dependencies",
        "--check",
        CHECK,
    ];
    world.alai(add).exits(0);
    let daemon = world.up();
    world.until("its gate has answered", |w| {
        (!["open", "started", "ready_for_review", "stalled"].contains(&w.state(id).as_str()))
            .then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends();
    let ran = world.alai(["qa", "check", &id.to_string(), "--json"]);
    ran.json()
}

#[test]
fn a_changed_lockfile_is_held_against_the_advisories_or_put_before_a_person() {
    let pin = |version: &str| {
        let mut calls = solution(TITLE);
        calls.push(json!({"name": "run", "arguments": {"command": format!("echo 'weak=={version}' > requirements.txt")}}));
        calls
    };
    let script = Script::good()
        .builds("Pin one", &pin("1.0"))
        .builds("Pin two", &pin("1.5"))
        .builds("Pin three", &pin("2.1"));
    let world = World::scripted("auto", &script);
    let shown = pins(&world, 1, "Pin one");
    assert_eq!(shown["outcome"]["kind"], "needs_human", "{shown}");
    let said = shown["checks"][12]["seen"].as_str().expect("a detail");
    assert!(
        said.starts_with("nobody has vetted it") && said.contains("alai qa advisories import"),
        "{said}"
    );
    assert_eq!(world.state(1), "waiting");
    world.alai(["qa", "check", "1"]).exits(6);

    let all = world.path("osv.json");
    std::fs::write(
        &all,
        osv("PYSEC-1", "Weak", "2026-11-01T00:00:00Z").to_string(),
    )
    .expect("an advisory");
    world
        .alai(["qa", "advisories", "import", "osv.json"])
        .exits(0);
    let shown = pins(&world, 2, "Pin two");
    assert_eq!(shown["outcome"]["kind"], "failed", "{shown}");
    let said = shown["checks"][12]["seen"].as_str().expect("a detail");
    assert!(said.contains("weak 1.5 has PYSEC-1"), "{said}");
}

/// Review and audit tell the same: one follow-up is made of it, and the log of tools says that it came back.
#[test]
fn findings_of_a_line_of_work_are_one_log_of_sarif_and_one_follow_up() {
    let finding = |line: u32| {
        json!({"verdict": "pass_with_findings", "summary": "Words are not limited",
            "criteria": [{"n": 1, "met": true, "path": "words.sh", "line": 1}], "findings": [{"severity": "medium",
            "title": "No limit on words", "path": "words.sh", "line": line, "detail": format!("seen at {line}"),
            "rule": "limits", "fix": "stop at 100"}]})
    };
    let script = Script::good()
        .judges("review", TITLE, finding(1))
        .judges("security", TITLE, finding(2))
        .judges("review", "Fix: ", crate::script::pass())
        .judges("security", "Fix: ", crate::script::pass())
        .builds("Fix: ", &crate::script::small("limit"));
    let world = World::scripted("auto", &script);
    let start = ["start", "Count letters", "--project", "tiny", "--wait"];
    world.alai(start).exits(0);
    let list = world.list();
    assert_eq!(list.matches("[BUILD] Fix: ").count(), 1, "{list}");
    let ran = world.alai(["evidence", "show", "3", "--sarif"]).exits(0);
    let log = ran.json();
    assert_eq!(log["version"], "2.1.0");
    let runs = list_of(&log["runs"]);
    let names: Vec<&str> = { runs.iter() }
        .map(|run| run["tool"]["driver"]["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        names,
        ["alai gate", "alai review", "alai security"],
        "{log}"
    );
    for (run, state) in runs[1..].iter().zip(["new", "unchanged"]) {
        let [result] = &list_of(&run["results"])[..] else {
            panic!("{log}")
        };
        assert_eq!(
            (&result["ruleId"], &result["level"]),
            (&"limits".into(), &"warning".into())
        );
        assert_eq!(result["baselineState"], state, "{log}");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "words.sh");
        assert!(
            result["message"]["text"]
                .as_str()
                .is_some_and(|text| text.contains("stop at 100"))
        );
    }
    let one = world.alai(["qa", "check", "3", "--sarif"]).exits(0).json();
    assert_eq!(one, log);
    // Of a package that is not what was signed nothing is told.
    let package = world.json(["evidence", "verify", "3", "--json"])["package"].clone();
    let diff = std::path::Path::new(package.as_str().expect("a path")).join("diff.patch");
    std::fs::write(diff, "").expect("spoiled");
    world.alai(["evidence", "show", "3", "--sarif"]).exits(5);
}

fn list_of(value: &Value) -> Vec<Value> {
    value.as_array().expect("a list").clone()
}

/// What this home demands beside the mandatory checks is recorded with each verdict, shown, and an event when it changes.
#[test]
fn a_policy_is_recorded_in_the_verdict_shown_and_a_change_of_it_logged() {
    let world = World::scripted("auto", &Script::good());
    let settings = world.home().join("alai.toml");
    let before = std::fs::read_to_string(&settings).expect("the settings");
    let set = |text: &str| {
        std::fs::write(&settings, format!("{before}\n{text}")).expect("the settings");
    };
    set("[qa]\nscore = 13\n");
    world
        .alai(BUILD)
        .exits(4)
        .says("score must be from 14 to 19");
    set("[qa]\nscore = 14\n[qa.projects.tiny]\nuntried = \"person\"\n");
    // The sample is a script: no wrong product of it can be tried, and here that is a person's to judge.
    world.alai(BUILD).exits(5);
    assert_eq!(world.state(1), "waiting");
    let shown = world.alai(["qa", "check", "1", "--json"]).exits(6).json();
    assert_eq!(shown["policy"]["score_min"], 14, "{shown}");
    assert_eq!(shown["policy"]["untried"], "person", "{shown}");
    let reason = shown["outcome"]["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("7 ") && reason.contains("could not be tried"),
        "{reason}"
    );
    world
        .alai(["qa", "check", "1"])
        .exits(6)
        .says("policy   14 of 19, 12 must apply, tests that could not be tried go to a person");
    world
        .alai(["explain", "1"])
        .exits(0)
        .says("14 of 19 at least")
        .says("tests that could not be tried go to a person");
    // Another project's rule is not this one's.
    set("[qa]\nscore = 14\n[qa.projects.other]\nuntried = \"person\"\n");
    world.alai(BUILD).exits(0);
    let shown = world.json(["qa", "check", "2", "--json"]);
    assert_eq!(shown["policy"]["untried"], "allow", "{shown}");
    let log = world.alai(["mc", "export"]).exits(0).out;
    let noted: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("qa_rules_set"))
        .collect();
    assert_eq!(noted.len(), 2, "{noted:?}");
    assert!(
        noted[0].contains("tiny") && noted[1].contains("other"),
        "{noted:?}"
    );
    world.alai(["evidence", "audit"]).exits(0);
}
