use super::*;

fn result(status: Status, outputs: Value) -> StepResult {
    let Value::Object(outputs) = outputs else {
        panic!("an object")
    };
    StepResult { status, outputs }
}

fn checked(text: &str) -> Result<Condition, Wrong> {
    let inputs = BTreeMap::from([("lint".to_owned(), "yes".to_owned())]);
    let outputs = vec![
        ("cause", OutputKind::String),
        ("line", OutputKind::Integer),
        ("fixed", OutputKind::Boolean),
        ("files", OutputKind::List),
    ];
    let steps = BTreeMap::from([("find", outputs), ("test", Vec::new())]);
    let condition = Condition::read(text)?;
    let known = Known {
        inputs: &inputs,
        steps: &steps,
        options: &BTreeMap::new(),
    };
    condition.checked(&known)
}

#[test]
fn conditions_have_the_answer_that_they_say() {
    let inputs = BTreeMap::from([("lint".to_owned(), "it's".to_owned())]);
    let handed = serde_json::json!({"cause": "a", "line": 7, "fixed": true});
    let results = BTreeMap::from([
        ("find".to_owned(), result(Status::Ok, handed)),
        (
            "test".to_owned(),
            result(Status::Red, serde_json::json!({})),
        ),
    ]);
    let facts = Facts {
        inputs: &inputs,
        results: &results,
        attempt: 2,
    };
    for (text, want) in [
        ("true", true),
        ("!true", false),
        ("attempt == 2", true),
        ("attempt != 2 || steps.test.status == 'red'", true),
        ("inputs.lint == 'it''s'", true),
        ("inputs.lint != ''", true),
        ("${{ steps.find.outputs.fixed }}", true),
        (
            "steps.find.outputs.line == 7 && steps.find.outputs.cause == 'a'",
            true,
        ),
        // `&&` binds before `||`.
        ("true || false && false", true),
        ("(true || false) && false", false),
        ("!(steps.test.status == 'ok')", true),
        ("steps.find.outputs.line == -7", false),
    ] {
        assert_eq!(checked(text).expect(text).holds(&facts), want, "{text}");
    }
    // A step that was skipped has nothing: no comparison with it holds, and it is not true.
    let nothing = Facts {
        results: &BTreeMap::new(),
        ..facts
    };
    for (text, want) in [
        ("steps.find.outputs.fixed", false),
        ("!steps.find.outputs.fixed", true),
        ("steps.find.outputs.cause == ''", false),
        ("steps.find.outputs.cause != 'a'", true),
        (
            "steps.find.outputs.cause == steps.find.outputs.cause",
            false,
        ),
        ("steps.find.status == 'skipped'", true),
    ] {
        assert_eq!(checked(text).expect(text).holds(&nothing), want, "{text}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let deep = format!("{}true", "!".repeat(40));
    let long = format!("true{}", " ".repeat(2_000));
    for (text, at, says) in [
        ("", 0, "ends too early"),
        ("attempt ==", 10, "ends too early"),
        ("attempt = 2", 8, "compare by `==`"),
        ("inputs.lint == \"yes\"", 15, "single quotes"),
        ("inputs.lint == 'yes", 15, "never closed"),
        ("(true", 0, "bracket is never closed"),
        ("true true", 5, "join conditions by"),
        ("&& true", 0, "a value is missing"),
        ("inputs.lint", 0, "compare it by `==`"),
        ("!inputs.lint", 1, "true or false must stand here, not text"),
        ("attempt == 'two'", 11, "a number is compared with text"),
        ("attempt == 2x", 11, "`2x` is no whole number"),
        ("inputs.lnt == 'a'", 0, "did you mean `inputs.lint`?"),
        (
            "steps.tset.status == 'ok'",
            0,
            "did you mean `steps.test.status`?",
        ),
        ("steps.test.status == 'read'", 21, "did you mean `red`?"),
        (
            "steps.find.outputs.caus == 'a'",
            0,
            "did you mean `steps.find.outputs.cause`?",
        ),
        ("steps.find.outputs.files == 'a'", 0, "is a list"),
        ("env.PATH == 'a'", 0, "is no name of a condition"),
        ("startsWith(inputs.lint)", 0, "is no name of a condition"),
        (&deep, 17, "at most 16 deep"),
        (&long, 0, "at most 1024"),
    ] {
        let wrong = checked(text).expect_err(text);
        assert!(wrong.problem.contains(says), "{text}: {}", wrong.problem);
        assert_eq!(wrong.at, at, "{text}: {}", wrong.problem);
    }
}
