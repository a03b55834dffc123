use super::*;
use crate::task::NewTask;

fn probe(id: &str, expect: Expect) -> Probe {
    Probe {
        id: id.into(),
        why: "shows it".into(),
        command: "sh test.sh".into(),
        path: None,
        content: None,
        expect,
    }
}

fn record(id: &str, base: Seen, head: Seen) -> Record {
    Record {
        probe: probe(id, Expect::Succeeds),
        base,
        head,
        output: String::new(),
    }
}

fn answer(verdict: &str, rests_on: &[&str], findings: serde_json::Value) -> String {
    json!({"verdict": verdict, "summary": "s", "probes": [], "rests_on": rests_on, "findings": findings}).to_string()
}

fn faults(text: &str, records: &[Record]) -> String {
    judge(text, records, true).expect_err(text).join("; ")
}

#[test]
fn a_pass_by_word_alone_is_none() {
    let red = [record("p1", Seen::Failed, Seen::Failed)];
    let green = [record("p1", Seen::Failed, Seen::Succeeded)];
    let dead = [record("p1", Seen::Failed, Seen::Unknown)];
    let pass = |on: &[&str]| answer("pass", on, json!([]));
    assert!(faults(&pass(&[]), &green).contains("by word alone"));
    assert!(faults(&pass(&["p2"]), &green).contains("there is no record"));
    assert!(faults(&pass(&["p1"]), &red).contains("did not end as expected"));
    assert!(faults(&pass(&["p1"]), &dead).contains("did not end as expected"));
    let Ok(Next::Decided(review)) = judge(&pass(&["p1"]), &green, false) else {
        panic!("a pass that rests on a record");
    };
    assert_eq!(review.verdict, ReviewVerdict::Pass);
}

#[test]
fn a_probe_that_went_wrong_is_not_passed_over() {
    let both = [
        record("p1", Seen::Failed, Seen::Succeeded),
        record("p2", Seen::Succeeded, Seen::Failed),
    ];
    assert!(faults(&answer("pass", &["p1"], json!([])), &both).contains("probe p2 did not end"));
    let explained = json!([{"severity": "low", "title": "t", "path": null, "line": null, "probe": "p2", "detail": ""}]);
    let Ok(Next::Decided(review)) = judge(&answer("pass", &["p1"], explained), &both, true) else {
        panic!("it says what that means");
    };
    assert_eq!(review.verdict, ReviewVerdict::PassWithFindings);
}

#[test]
fn a_finding_is_shown_by_a_line_or_by_a_probe_that_ran() {
    let finding = |path: Option<&str>, line: Option<u32>, probe: Option<&str>| json!([{"severity": "high", "title": "t", "path": path, "line": line, "probe": probe, "detail": ""}]);
    let ran = [record("p1", Seen::Succeeded, Seen::Failed)];
    for (findings, fine) in [
        (finding(Some("a.rs"), Some(1), None), true),
        (finding(None, None, Some("p1")), true),
        (finding(Some("a.rs"), None, None), false),
        (finding(None, None, None), false),
        // A probe that is not there is not made good by a line.
        (finding(Some("a.rs"), Some(1), Some("p9")), false),
        (json!([]), false),
    ] {
        let text = answer("reject", &[], findings);
        assert_eq!(judge(&text, &ran, true).is_ok(), fine, "{text}");
    }
}

#[test]
fn probes_are_bounded_in_number_size_and_place() {
    let ask = |probes: Vec<Probe>| {
        json!({"verdict": "probe", "summary": "", "probes": probes, "rests_on": [], "findings": []})
            .to_string()
    };
    let one = probe("p1", Expect::Fails);
    assert!(
        matches!(judge(&ask(vec![one.clone()]), &[], true), Ok(Next::Run(all)) if all == [one.clone()])
    );
    assert!(
        judge(&ask(vec![one.clone()]), &[], false).is_err(),
        "no round is left"
    );
    assert!(judge(&ask(vec![]), &[], true).is_err());
    assert!(
        judge(&ask(vec![one.clone(), one.clone()]), &[], true).is_err(),
        "one id twice"
    );
    let many = (0..=PROBES_MAX).map(|n| probe(&n.to_string(), Expect::Fails));
    assert!(judge(&ask(many.collect()), &[], true).is_err());
    for (path, content, command) in [
        (Some("../x"), Some("c"), "true"),
        (Some("/etc/x"), Some("c"), "true"),
        (Some(".git/hooks/x"), Some("c"), "true"),
        (Some("x"), None, "true"),
        (None, None, "a\nb"),
        (None, None, " "),
    ] {
        let odd = Probe {
            path: path.map(str::to_owned),
            content: content.map(str::to_owned),
            command: command.to_owned(),
            ..one.clone()
        };
        assert!(
            judge(&ask(vec![odd.clone()]), &[], true).is_err(),
            "{odd:?}"
        );
    }
}

#[test]
fn two_names_of_one_model_are_one() {
    for (one, other, same) in [
        ("qwen3:8b", "qwen3:8b", true),
        ("qwen3:8b", "bartowski/Qwen3-8B-Q4_K_M.gguf", true),
        ("qwen3:8b", "qwen3:8b-instruct-q4_K_M", true),
        ("llama3.1:latest", "llama3.1", true),
        ("claude-sonnet-5", "claude-sonnet-5-20260921", true),
        ("qwen3:8b", "qwen3:32b", false),
        ("llama3.1", "llama3.2", false),
        ("gpt-5", "gpt-5-mini", false),
        ("", "", false),
    ] {
        assert_eq!(is_one_model(one, other), same, "{one} and {other}");
    }
}

fn task(change: impl FnOnce(&mut NewTask)) -> Task {
    let mut new = NewTask::new(crate::task::TaskKind::Build, "t");
    change(&mut new);
    let text = json!({
        "id": 1, "kind": "build", "goal": null, "parent": null, "lineage": null, "title": "t", "description": "",
        "priority": new.priority, "owner": null, "tags": [], "project": null, "acceptance": [], "checks": [],
        "changes_tests": new.changes_tests, "company_pin": null, "state": "started", "epoch": 1,
        "counters": crate::task::Counters::default(), "waiting": null, "base": null, "start_from": null, "head": null,
        "handed": null, "integrated": null, "solo": new.solo, "findings": [], "cleared": new.cleared, "created_ms": 0,
        "updated_ms": 0, "run_at_ms": 0,
    });
    serde_json::from_value(text).expect("a task")
}

#[test]
fn the_policy_names_what_needs_a_verifier() {
    let policy = Policy::default();
    let touched = |path: &str| needed(&policy, &task(|_| {}), &[path.to_owned()]);
    assert_eq!(touched("src/author.rs"), None);
    assert_eq!(
        touched("src/Auth/login2.rs").as_deref(),
        Some("it touches src/Auth/login2.rs")
    );
    let of = |change: fn(&mut NewTask)| needed(&policy, &task(change), &[]);
    assert_eq!(
        of(|t| t.priority = Priority::High).as_deref(),
        Some("its priority is H")
    );
    assert!(of(|t| t.changes_tests = vec!["tests/a.rs".into()]).is_some());
    assert!(of(|t| t.cleared = vec!["payment".into()]).is_some());
    assert_eq!(of(|_| {}), None);
    let solo = of(|t| {
        t.priority = Priority::Blocker;
        t.solo = true;
    });
    assert_eq!(solo, None, "what is never reviewed has no verifier either");
}

#[test]
fn what_is_urgent_and_not_independently_shown_is_a_persons() {
    let of = |priority| task(|t| t.priority = priority);
    for (priority, same, quality, person) in [
        (Priority::High, true, Quality::Strong, true),
        (Priority::Blocker, false, Quality::Weak, true),
        (Priority::High, false, Quality::Strong, false),
        (Priority::Medium, true, Quality::Weak, false),
    ] {
        assert_eq!(
            is_for_a_person(&of(priority), same, quality),
            person,
            "{priority:?} {same} {quality:?}"
        );
    }
}
