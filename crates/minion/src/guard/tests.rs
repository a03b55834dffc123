use super::*;

/// Each letter is a call with a result of its own; a digit after it changes the result.
fn seen(call: u64, result: u64) -> Seen<'static> {
    Seen {
        call,
        result,
        kind: Kind::Other,
        error: None,
    }
}

/// `.` go on, `n` nudge, else the rule that stopped.
fn outline(advice: &Advice) -> String {
    match advice {
        Advice::GoOn => ".".into(),
        Advice::Nudge(_) => "n".into(),
        Advice::Stop(rule) => (*rule).into(),
        Advice::Malformed => "malformed".into(),
    }
}

fn calls(guard: &mut Guard, list: &[Seen<'_>]) -> String {
    list.iter()
        .map(|seen| outline(&guard.call(*seen)))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn call_rules() {
    let error = |text: &'static str, call: u64| Seen {
        error: Some(text),
        ..seen(call, call)
    };
    let read = |n: u64| Seen {
        kind: Kind::Read,
        ..seen(n, n)
    };
    let reads: Vec<Seen<'_>> = (0..19).map(read).collect();
    let mut with_write = reads.clone();
    with_write[9].kind = Kind::Write;
    let cases: [(&str, Vec<Seen<'_>>, &str); 9] = [
        ("same result", vec![seen(1, 1); 4], ". . n same_call"),
        (
            "same call, other results",
            (0..6).map(|r| seen(1, r)).collect(),
            ". . . . . repeated_call",
        ),
        (
            "same error, other calls",
            (0..4).map(|c| error("no", c)).collect(),
            ". . n same_error",
        ),
        (
            "other errors",
            vec![error("a", 1), error("b", 2), error("a", 3), error("b", 4)],
            ". . . .",
        ),
        (
            "an error, then none",
            vec![error("a", 1), error("a", 2), seen(3, 3), error("a", 4)],
            ". . . .",
        ),
        (
            "alternation",
            vec![
                seen(1, 1),
                seen(2, 2),
                seen(1, 1),
                seen(2, 2),
                seen(1, 1),
                seen(2, 2),
            ],
            ". . . n n alternation",
        ),
        (
            "alternation with new results",
            vec![
                seen(1, 1),
                seen(2, 2),
                seen(1, 3),
                seen(2, 4),
                seen(1, 5),
                seen(2, 6),
            ],
            ". . . . . .",
        ),
        (
            "only reading",
            reads,
            ". . . . . . . . . . n . . . . . . . only_reading",
        ),
        (
            "reading around a write",
            with_write,
            ". . . . . . . . . . . . . . . . . n .",
        ),
    ];
    for (name, list, want) in cases {
        assert_eq!(calls(&mut Guard::new(true), &list), want, "{name}");
    }
}

#[test]
fn a_reader_may_read() {
    let mut guard = Guard::new(false);
    let reads: Vec<Seen<'_>> = (0..40)
        .map(|n| Seen {
            kind: Kind::Read,
            ..seen(n, n)
        })
        .collect();
    assert!(
        !calls(&mut guard, &reads).contains(['n', 'o']),
        "forty different reads are a reviewer's work"
    );
    assert_eq!(guard.turn(), Advice::GoOn);
}

#[test]
fn progress_clears_what_repetition_has_counted() {
    let mut guard = Guard::new(true);
    for round in 0..8 {
        assert_eq!(
            guard.call(seen(1, round)),
            Advice::GoOn,
            "tests after edit {round}"
        );
        guard.state(round);
    }
}

#[test]
fn monologues_are_told_apart_and_end() {
    let mut guard = Guard::new(true);
    let Advice::Nudge(empty) = guard.monologue(Monologue::Empty) else {
        panic!("a nudge")
    };
    let Advice::Nudge(content) = guard.monologue(Monologue::Content) else {
        panic!("a nudge")
    };
    assert_ne!(empty, content);
    assert_eq!(
        guard.monologue(Monologue::Content),
        Advice::Stop("monologue")
    );
    let mut guard = Guard::new(true);
    guard.monologue(Monologue::Empty);
    guard.monologue(Monologue::Empty);
    guard.call(seen(1, 1));
    assert!(
        matches!(guard.monologue(Monologue::Empty), Advice::Nudge(_)),
        "a call in between starts anew"
    );
}

#[test]
fn three_malformed_turns_in_a_row_end() {
    let mut guard = Guard::new(true);
    assert_eq!(guard.malformed(), Advice::GoOn);
    assert_eq!(guard.malformed(), Advice::GoOn);
    guard.call(seen(1, 1));
    assert_eq!(guard.malformed(), Advice::GoOn);
    assert_eq!(guard.malformed(), Advice::GoOn);
    assert_eq!(guard.malformed(), Advice::Malformed);
}

#[test]
fn twelve_turns_without_a_new_state_end() {
    let mut guard = Guard::new(true);
    guard.known_state(1);
    let mut line = Vec::new();
    for turn in 0..PROGRESS_STOP {
        guard.call(seen(u64::from(turn), u64::from(turn)));
        guard.state(1);
        line.push(outline(&guard.turn()));
    }
    assert_eq!(line.join(""), ".......n...no_progress");
}

#[test]
fn going_back_and_forth_between_two_trees_is_no_progress() {
    let mut guard = Guard::new(true);
    let mut last = Advice::GoOn;
    for turn in 0..14 {
        guard.state(turn % 2);
        last = guard.turn();
        if matches!(last, Advice::Stop(_)) {
            break;
        }
    }
    assert_eq!(last, Advice::Stop("no_progress"));
}

#[test]
fn the_same_words_are_no_loop_where_something_came_of_them() {
    let words = "Now I change the number in the file and look what the tests say about it.";
    let mut guard = Guard::new(true);
    for round in 0..6 {
        assert_eq!(guard.thought(words, ""), Advice::GoOn, "round {round}");
        guard.state(round);
        guard.turn();
    }
    guard.thought(words, "");
    assert!(matches!(guard.thought(words, ""), Advice::Nudge(_)));
    assert_eq!(guard.thought(words, ""), Advice::Stop("same_thought"));
}

#[test]
fn only_thinking_has_its_own_nudge_and_its_own_end() {
    let mut guard = Guard::new(true);
    let Advice::Nudge(first) = guard.monologue(Monologue::Reasoning) else {
        panic!("a nudge")
    };
    assert!(first.contains("only thought"), "{first}");
    guard.monologue(Monologue::Reasoning);
    let end = guard.monologue(Monologue::Reasoning);
    assert_eq!(end, Advice::Stop("reasoning_only"));
}

#[test]
fn many_calls_end_only_who_repeats_and_too_many_end_everybody() {
    let call = |guard: &mut Guard, n: usize, call: u64| {
        // Each second call is new, and each brings a state that was not there.
        guard.state(n as u64 + 1_000_000);
        guard.call(seen(call, n as u64))
    };
    let mut guard = Guard::new(true);
    for n in 0..CALLS_HARD - 1 {
        let advice = call(&mut guard, n, n as u64);
        assert_eq!(advice, Advice::GoOn, "call {n}");
    }
    let end = call(&mut guard, CALLS_HARD, 7);
    assert_eq!(end, Advice::Stop("too_many_calls"));

    let mut guard = Guard::new(true);
    for n in 0..CALLS_SOFT {
        call(&mut guard, n, n as u64);
    }
    let line: Vec<String> = (0..3)
        .map(|r| outline(&guard.call(seen(9_999, r))))
        .collect();
    assert_eq!(line, [".", ".", "many_calls"]);
}
